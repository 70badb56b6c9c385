"""Gainsight's rows as our records: what cannot be read is left out and named in a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.gainsight.client import Row
from connectors.gainsight.reading import BY_DATA_TYPE, BY_FIELD, BY_TYPE, without_tags
from connectors.gainsight.schema import Field, Schemas
from connectors.gainsight.settings import GainsightSettings
from connectors.gainsight.shapes import ABANDONED, GROUP, NO_CONTACT, SHAPES
from steward.kit import reading
from steward.model.money import Money
from steward.model.records import FIELDS, FieldType, Noun, Record, Refusal, Value

MARKER = "Steward key: "
_KEY = re.compile(re.escape(MARKER) + r"(\S{1,400})")
_DONE = ("closed", "complete", "completed", "done", "success")
_Read = Callable[[Any], Value]


class Reader:
    """Reads the rows of one stream, as its tenant describes them."""

    def __init__(self, settings: GainsightSettings, stream: str, object_name: str, schemas: Schemas) -> None:
        self.shape, self.object_name = SHAPES[stream], object_name
        self._settings, self._stream, self._schemas = settings, stream, schemas
        own = {"idempotency_key": (settings.cta_key_field,)} if stream == "tasks" and settings.cta_key_field else {}
        fields = {**self.shape.fields, **own, **settings.fields.get(stream, {})}
        self._fields = {ours: self._paths(paths) for ours, paths in fields.items()}
        self._custom = self._paths(settings.custom.get(stream, ()))
        self._ids = {
            connection: self._paths((path,)) for connection, path in settings.ids.items()
        } if self.noun is Noun.ACCOUNT else {}
        dropped = {"Comments"} if own else set()
        self._besides = self._paths(each for each in self.shape.besides if each not in dropped)
        self._words = {
            ours: {**_lower(self.shape.words.get(ours, {})), **_lower(settings.words.get(stream, {}).get(ours, {}))}
            for ours in {*self.shape.words, *settings.words.get(stream, {})}
        }

    @property
    def noun(self) -> Noun:
        return self.shape.noun

    def select(self) -> list[str]:
        """What to ask for: all that is needed and that the tenant has."""
        groups = [*self._fields.values(), *self._ids.values(), self._custom, self._besides]
        return sorted({path for group in groups for path in group})

    def record(self, row: Row, scores: Mapping[str, Value]) -> tuple[Record | None, list[Refusal]]:
        """The record of `row`; a tombstone where it may have been one of this stream before and is not now."""
        told = {name.lower(): value for name, value in row.items()}
        row_id, modified_at = reading.text(told.get("gsid")), self._modified(told)
        if not row_id:
            return None, [Refusal(f"{self.object_name} without a Gsid", "Gsid", "a row without a Gsid cannot be kept")]
        where = f"{self.object_name} {row_id}"
        try:
            if self._never_was(told):
                return None, []
            if self._is_no_more(told):
                return Record(self.noun, row_id, {}, modified_at, deleted=True), []
        except ValueError as error:
            return None, [Refusal(where, "kind", str(error))]
        values, refusals = self._values(told, where)
        return Record(self.noun, row_id, {**values, **scores}, modified_at), refusals

    def _values(self, told: Mapping[str, Any], where: str) -> tuple[dict[str, Value], list[Refusal]]:
        values: dict[str, Value] = {}
        refusals: list[Refusal] = []
        for ours, read in self._readers():
            try:
                value = read(told)
            except ValueError as error:
                refusals.append(Refusal(where, ours, str(error)))
                continue
            if value is not None and value != "":
                values[ours] = value
        return values, refusals

    def _readers(self) -> Iterable[tuple[str, Callable[[Mapping[str, Any]], Value | None]]]:
        for ours in self._fields:
            yield ours, lambda told, ours=ours: self._value(ours, told)  # type: ignore[misc]  # mypy sees no default in a lambda
        if self._stream == "tasks" and "idempotency_key" not in self._fields:
            yield "idempotency_key", lambda told: key_in(told.get("comments"))
        for connection, paths in self._ids.items():
            yield f"id_in.{connection}", lambda told, paths=paths: reading.text(_first(told, paths)[0])  # type: ignore[misc]  # as above
        for path, field in self._custom.items():
            yield f"custom.{path}", lambda told, path=path, field=field: _typed(told.get(path.lower()), field)  # type: ignore[misc]  # as above
        if self._stream == "accounts" and self._settings.scores:
            yield "custom.score", self._score

    # ---- one value ----

    def _value(self, ours: str, told: Mapping[str, Any]) -> Value | None:
        raw, path, field = _first(told, self._fields[ours])
        if self.noun is Noun.CONTACT and ours == "name":
            return reading.text(raw) or " ".join(filter(None, (
                reading.text(told.get(f"person_id__gr.{part}")) for part in ("firstname", "lastname"))))
        if self.noun is Noun.SURVEY_RESPONSE and ours == "kind" and raw is None:
            return "nps" if "nps" in _first(told, self._fields["score"])[1].lower() else None
        if raw is None or field is None:
            return None
        if self.noun is Noun.TASK and ours == "status":
            return _status(raw, field)
        if self.noun is Noun.MILESTONE and ours == "reached_on" and told.get("isclosed") is False:
            return None
        if ours in self._words:
            return self._word(ours, path, label(raw, field))
        kind = FIELDS[self.noun][ours]
        try:
            if kind is FieldType.MONEY:
                return Money(reading.number(raw), self._currency(told))
            read: _Read = BY_FIELD.get((self.noun, ours), BY_TYPE[kind])
            return read(label(raw, field))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def _word(self, ours: str, path: str, given: Any) -> str:
        words = self._words[ours]
        for part in reading.text(given).lower().split(";"):
            if part.strip() in words:
                return words[part.strip()]
        raise ValueError(f'{path}: "{reading.text(given)[:60]}" is not known; say what it means in words: '
                         f'{{{self._stream}: {{{ours}: …}}}}')

    def _currency(self, told: Mapping[str, Any]) -> str:
        code = reading.text(told.get("currencyisocode")).upper()
        return code if re.fullmatch(r"[A-Z]{3}", code) else self._settings.currency

    def _score(self, told: Mapping[str, Any]) -> Value | None:
        raw = told.get("currentscore__gr.score", told.get("currentscore"))
        try:
            return reading.number(raw)
        except ValueError:
            return None                     # the Gsid of a colour or grade, which is no number

    # ---- what a row is ----

    def _never_was(self, told: Mapping[str, Any]) -> bool:
        """Whether the row is a CTA outside of plans, or a participant who has not answered."""
        if self._stream == "milestones":
            return not told.get(GROUP.lower())
        return self._stream == "survey_responses" and _first(told, self._fields["answered_at"])[0] is None

    def _is_no_more(self, told: Mapping[str, Any]) -> bool:
        """Whether the row may have been one of this stream before. Raises ValueError where that cannot be told."""
        if self._stream == "tasks":
            return bool(told.get(GROUP.lower()))            # an objective is a milestone
        if self._stream == "milestones":
            return reading.text(told.get("statusid__gr.name")).lower() in ABANDONED
        return self._stream == "touchpoints" and self._is_no_contact(told)

    def _is_no_contact(self, told: Mapping[str, Any]) -> bool:
        raw, path, field = _first(told, self._fields["kind"])
        kind = reading.text(label(raw, field)).lower() if field else ""
        words = self._words["kind"]
        if kind in words:
            return not words[kind]
        if kind in NO_CONTACT:
            return True
        # An internal note that counts as a contact would hide an account that nobody speaks to.
        raise ValueError(
            f'{path or "TypeName"}: "{kind[:60]}" is not known; say if it is a contact with the customer in words: '
            f'{{touchpoints: {{kind: {{"{kind[:60]}": call}}}}}}, or "" where it is none')

    def _modified(self, told: Mapping[str, Any]) -> Any:
        try:
            return reading.instant(told.get(self.shape.modified.lower()))
        except ValueError:
            return None

    def _paths(self, names: Iterable[str]) -> dict[str, Field]:
        found = (self._schemas.path(self.object_name, name) for name in names)
        return dict(each for each in found if each)


def key_in(comments: Any) -> str:
    """The idempotency key in a CTA's comments or a plan's text; "" where there is none."""
    found = _KEY.search(without_tags(comments))
    return found[1] if found else ""


def label(raw: Any, field: Field) -> Any:
    """What a dropdown's Gsid, or several of them, stand for; anything else as it is."""
    if not field.labels:
        return raw
    parts = raw if isinstance(raw, list) else reading.text(raw).split(";")
    return ";".join(field.labels.get(reading.text(part), reading.text(part)) for part in parts)


def _typed(raw: Any, field: Field) -> Value | None:
    if raw is None:
        return None
    if field.labels:
        return reading.text(label(raw, field))
    return BY_DATA_TYPE.get(field.data_type, reading.text)(raw)


def _first(told: Mapping[str, Any], paths: Mapping[str, Field]) -> tuple[Any, str, Field | None]:
    """The first of the fields that has a value."""
    for path, field in paths.items():
        raw = told.get(path.lower())
        if raw is not None and raw != "":
            return raw, path, field
    return None, next(iter(paths), ""), None


def _status(raw: Any, field: Field) -> str:
    if isinstance(raw, bool):
        return "done" if raw else "open"
    words = reading.text(label(raw, field)).lower().replace("-", " ").split()
    return "done" if any(word in _DONE for word in words) or words == ["true"] else "open"


def _lower(words: Mapping[str, str]) -> dict[str, str]:
    return {theirs.lower(): ours for theirs, ours in words.items()}
