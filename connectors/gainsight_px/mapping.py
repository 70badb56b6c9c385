"""PX's accounts and users as our records: what cannot be read is left out and named in a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from connectors.gainsight_px.client import Row
from connectors.gainsight_px.reading import BY_FIELD, BY_TYPE
from connectors.gainsight_px.settings import GainsightPxSettings
from connectors.gainsight_px.shapes import PERSON, SHAPES
from steward.kit import reading
from steward.model.records import FIELDS, Noun, Record, Refusal, Value

_Read = Callable[[Row], Value | None]


class Reader:
    """Reads the rows of one stream."""

    def __init__(self, settings: GainsightPxSettings, stream: str) -> None:
        self._stream, self._shape = stream, SHAPES[stream]
        self._fields = {**self._shape.fields, **settings.fields.get(stream, {})}
        self._custom = settings.custom.get(stream, {})
        self._ids = settings.ids if stream == "accounts" else {}
        words = settings.words.get(stream, {})
        self._words = {
            ours: _lower(self._shape.words.get(ours, {})) | _lower(words.get(ours, {}))
            for ours in {*self._shape.words, *words}
        }
        self._own = set(words)

    def record(self, row: Row) -> tuple[Record | None, list[Refusal]]:
        """The record of `row`; None of a visitor or a lead."""
        if self._stream == "contacts" and row.get("type", PERSON) != PERSON:
            return None, []
        noun = self._shape.noun
        row_id = next(filter(None, (reading.text(row.get(name)) for name in self._shape.key)), "")
        if not row_id:
            name = self._shape.key[0]
            return None, [Refusal(f"{noun} without {name}", name, f"a row without {name} cannot be kept")]
        values: dict[str, Value] = {}
        refusals: list[Refusal] = []
        for ours, read in self._readers():
            try:
                value = read(row)
            except ValueError as error:
                refusals.append(Refusal(f"{noun} {row_id}", ours, str(error)))
                continue
            if value is not None and value != "":
                values[ours] = value
        return Record(noun, row_id, values, modified_at(row)), refusals

    def _readers(self) -> Iterable[tuple[str, _Read]]:
        for ours, path in self._fields.items():
            yield ours, lambda row, ours=ours, path=path: self._value(ours, path, found(row, path))  # type: ignore[misc]  # mypy sees no default in a lambda
        if self._stream == "contacts" and "name" not in self._fields:
            yield "name", lambda row: " ".join(filter(None, map(
                reading.text, (row.get("firstName"), row.get("lastName")))))
        for connection, path in self._ids.items():
            yield f"id_in.{connection}", lambda row, path=path: reading.text(found(row, path))  # type: ignore[misc]  # as above
        for name, path in self._custom.items():
            yield f"custom.{name}", lambda row, path=path: _plain(found(row, path))  # type: ignore[misc]  # as above

    def _value(self, ours: str, path: str, raw: Any) -> Value | None:
        if raw is None or raw == "":
            return None
        noun = self._shape.noun
        if ours in self._words:
            return self._word(ours, path, raw)
        if ours == "arr":
            raise ValueError(f"{path}: PX keeps no currency with an amount. Take it over as custom.arr instead")
        try:
            read = BY_FIELD.get((noun, ours), BY_TYPE[FIELDS[noun][ours]])
            return read(raw)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def _word(self, ours: str, path: str, raw: Any) -> str:
        given = reading.text(raw).lower()
        if given in self._words[ours]:
            return self._words[ours][given]
        if ours not in self._own and self._shape.noun is Noun.CONTACT:
            return ""                       # the product's own roles are many, and mostly none of ours
        raise ValueError(f'{path}: "{given[:60]}" is not known; say what it means in words: '
                         f'{{{self._stream}: {{{ours}: …}}}}')


def found(row: Row, path: str) -> Any:
    """What stands at `path`, where a dot goes into an object; None where there is nothing."""
    node: Any = row
    for name in path.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def modified_at(row: Row) -> datetime | None:
    try:
        return reading.instant(row.get("lastModifiedDate"))
    except ValueError:
        return None


def _plain(raw: Any) -> Value | None:
    """A number and a truth as they are, all else as text."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int | float):
        return reading.number(raw)
    return reading.text(raw)


def _lower(words: Mapping[str, str]) -> dict[str, str]:
    return {theirs.lower(): ours for theirs, ours in words.items()}
