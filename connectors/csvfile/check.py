"""What `connector check` looks at: every mapped file, its columns and its first rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from connectors.csvfile.folder import find
from connectors.csvfile.rows import Reader
from connectors.csvfile.settings import CsvfileSettings, FileMapping
from steward.contracts import Finding
from steward.kit.tabular import open_table
from steward.model.errors import StewardError

FIRST_ROWS = 200


def check(settings: CsvfileSettings) -> Sequence[Finding]:
    """Harmless: reads the first rows of each file."""
    of_files = [finding for mapping in settings.files for finding in _records(settings, mapping)]
    return [*of_files, *_usage(settings)]


def _records(settings: CsvfileSettings, mapping: FileMapping) -> Iterator[Finding]:
    try:
        found = find(settings.folder, mapping.path)
        if not found:
            yield Finding(f"{mapping.path} names a file", ok=False, remedy=f'No file fits "{mapping.path}" yet.')
        for name, path in found:
            with open_table(path, f"csvfile: {name}", mapping.dialect) as table:
                reader = Reader(name, table.header, mapping)
                outcomes = [reader.read(row) for row in islice(table.rows, FIRST_ROWS)]
            refused = [outcome.refusal for outcome in outcomes if outcome.refusal]
            read = f"{len(outcomes) - len(refused)} of the first {len(outcomes)} rows"
            remedy = f"{refused[0].where}: {refused[0].field or 'row'}: {refused[0].reason}" if refused else ""
            yield Finding(f"{name} as {mapping.noun} ({table.read_as}): {read}", ok=not refused, remedy=remedy)
    except StewardError as error:
        yield Finding(f"{mapping.path} as {mapping.noun}", ok=False, remedy=str(error))


def _usage(settings: CsvfileSettings) -> Iterator[Finding]:
    from connectors.csvfile.usage import read_usage

    for mapping in settings.usage:
        try:
            for name, path in find(settings.folder, mapping.path)[-1:]:
                frame, refused = read_usage(path, name, mapping)
                remedy = f"{refused[0].where}: {refused[0].reason}" if refused else ""
                yield Finding(f"{name} as usage: {frame.height:,} account days", ok=not refused, remedy=remedy)
        except StewardError as error:
            yield Finding(f"{mapping.path} as usage", ok=False, remedy=str(error))
