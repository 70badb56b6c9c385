"""Pulls records out of files: a file that did not change is not read again, and one that did is read as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.csvfile import gone
from connectors.csvfile.cursor import FileState, Place, place_of
from connectors.csvfile.folder import find, stat_of, version_of
from connectors.csvfile.rows import Outcome, Reader
from connectors.csvfile.settings import CsvfileSettings, FileMapping
from steward.contracts import Cursor, Page, SourceField, Tools
from steward.kit.tabular import open_table
from steward.model.errors import StewardError, Unavailable
from steward.model.records import Noun

NOUNS = {
    "persons": Noun.PERSON, "accounts": Noun.ACCOUNT, "contacts": Noun.CONTACT, "subscriptions": Noun.SUBSCRIPTION,
    "opportunities": Noun.OPPORTUNITY, "tickets": Noun.TICKET, "survey_responses": Noun.SURVEY_RESPONSE,
    "milestones": Noun.MILESTONE, "touchpoints": Noun.TOUCHPOINT, "tasks": Noun.TASK,
}


@dataclass(frozen=True, slots=True)
class CsvfileSource:
    """Every stream whose noun some file is mapped to, and `usage`."""

    settings: CsvfileSettings
    tools: Tools

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        """Pages of what changed since `after`; nothing at all where no file is mapped to the stream.

        Raises:
            ConfigError, RecordRejected, Unavailable: a file cannot be read. What the other files hold is given first.
        """
        if stream == "usage":
            from connectors.csvfile.usage import pull_usage

            return pull_usage(self.settings, self.tools, after)
        return self._records(NOUNS[stream], after)

    def _records(self, noun: Noun, after: Cursor | None) -> Iterator[Page]:
        mapped = self.settings.of(noun)
        if not mapped:
            return
        place, began = place_of(after), self.tools.now()
        trouble: StewardError | None = None
        files: dict[str, tuple[Path, FileMapping]] = {}
        for mapping in mapped:
            try:
                found = find(self.settings.folder, mapping.path)
            except StewardError as error:
                trouble = trouble or error
                continue
            files |= {name: (path, mapping) for name, path in found}
        for number, (name, (path, mapping)) in enumerate(files.items()):
            try:
                yield from self._file(name, path, mapping, place, number / len(files))
            except StewardError as error:
                trouble = trouble or error
        if trouble:
            raise trouble
        place.files = {name: state for name, state in place.files.items() if name in files}
        deletes = self.settings.deletes(noun)
        records, refusals = gone.deletions(place.files, {n: m for n, (_, m) in files.items()}) if deletes else ([], [])
        yield Page(records, place.cursor(), refusals, watermark=began, progress=1.0)

    def _file(self, name: str, path: Path, mapping: FileMapping, place: Place, progress: float) -> Iterator[Page]:
        old, print_ = place.files.get(name), mapping.fingerprint
        if old and (old.stat, old.mapping) == (stat_of(path, name), print_):
            return
        version = version_of(path, name)
        if old and old.is_of(version, print_):
            old.stat = version.stat                      # touched, but the same
            return
        given = place.in_hand(name, version, print_)
        anew = "" if given else name
        place.name, place.sha, place.mapping = name, version.sha, print_
        seen = gone.Seen()
        part: list[Outcome] = []
        with open_table(path, f"csvfile: {name}", mapping.dialect) as table:
            reader = Reader(name, table.header, mapping)
            schema = {name: {column: SourceField("column") for column in table.header if column}}
            for row in table.rows:
                outcome = reader.read(row)
                seen.note(outcome.id, refused=outcome.refusal is not None)
                if row.number <= given:
                    continue                             # a resumed pull looks at its ids only
                part.append(outcome)
                if len(part) >= self.settings.rows_on_a_page:
                    place.row = row.number
                    yield replace(_page(part, place, anew, progress), schema=schema)
                    part, anew, schema = [], "", {}
        if stat_of(path, name) != version.stat:
            raise Unavailable(f"csvfile: {name} changed while it was read. Steward reads it again later.")
        state = FileState(version.stat, version.sha, print_)
        if self.settings.deletes(mapping.noun):
            gone.after_reading(old, state, seen)
        place.finished(name, state)
        yield replace(_page(part, place, anew, progress), schema=schema)


def _page(part: list[Outcome], place: Place, anew: str, progress: float) -> Page:
    return Page(
        [outcome.record for outcome in part if outcome.record], place.cursor(),
        [outcome.refusal for outcome in part if outcome.refusal], progress=progress, anew=anew,
    )
