"""HubSpot's rows as our records: what cannot be read is left out and named in a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from connectors.hubspot import reading
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.shapes import BESIDE, CURRENCY, MERGED, SHAPES
from steward.model.money import Money
from steward.model.records import FIELDS, FieldType, Noun, Record, Refusal, Value

Row = Mapping[str, Any]
_COMPUTED = {
    (Noun.CONTACT, "name"), (Noun.CONTACT, "active"), (Noun.OPPORTUNITY, "stage"), (Noun.OPPORTUNITY, "is_closed"),
    (Noun.OPPORTUNITY, "is_won"), (Noun.TICKET, "status"), (Noun.TOUCHPOINT, "kind"),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a pipeline's stage means; `won` is None where it is not about deals."""

    label: str
    closed: bool
    won: bool | None = None


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of deals or tickets, by (pipeline, stage)."""

    known: Mapping[tuple[str, str], Stage] = field(default_factory=dict)
    won: frozenset[str] = frozenset({"closedwon"})
    lost: frozenset[str] = frozenset({"closedlost"})
    waiting: frozenset[str] = frozenset()

    def of(self, pipeline: str, stage: str) -> Stage | None:
        known = self.known.get((pipeline, stage))
        if stage in self.won or stage in self.lost:
            return Stage(known.label if known else stage, closed=True, won=stage in self.won)
        return known


def stages(settings: HubSpotSettings, pipelines: Iterable[Row]) -> Stages:
    """What `settings` and HubSpot's own `pipelines` say about stages."""
    known = {}
    for pipeline in pipelines:
        for stage in pipeline.get("stages") or ():
            told = stage.get("metadata") or {}
            closed = reading.text(told.get("isClosed")).lower() == "true" or told.get("ticketState") == "CLOSED"
            won = reading.text(told.get("probability")) in ("1", "1.0") if "probability" in told else None
            known[str(pipeline.get("id")), str(stage.get("id"))] = Stage(
                reading.text(stage.get("label")) or str(stage.get("id")), closed, closed and won)
    return Stages(
        known, Stages().won | set(settings.won_stages), Stages().lost | set(settings.lost_stages),
        frozenset(settings.waiting_stages),
    )


class Reader:
    """Reads the rows of one stream.

    `known` are the properties that the portal has, by name; None where nobody asked, and every one is assumed.
    """

    def __init__(
        self, settings: HubSpotSettings, stream: str, kind: str, *, known: Mapping[str, Row] | None = None,
        stages: Stages | None = None,
    ) -> None:
        self.shape, self.kind = SHAPES[stream], kind
        self._settings, self._stream = settings, stream
        self._known, self._stages = known, stages or Stages()
        theirs = settings.words.get(stream, {})
        self._words = {ours: {**words, **_lower(theirs.get(ours, {}))} for ours, words in self.shape.words.items()}
        own = {"idempotency_key": settings.key_property} if stream == "tasks" else {}
        self.property_of: dict[str, str] = {**self.shape.fields, **own, **settings.properties.get(stream, {})}
        self._plain = {ours: read for ours in self.property_of if (read := self._reads(ours))}

    @property
    def noun(self) -> Noun:
        return self.shape.noun

    def properties(self) -> list[str]:
        """The properties to ask for: those that are needed and that the portal has."""
        wanted = [*self.property_of.values(), self.shape.modified, MERGED, *self._custom(), *self._ids().values()]
        wanted += [beside for (noun, _), beside in BESIDE.items() if noun is self.noun]
        wanted += [self.shape.outcome] if self.shape.outcome else []
        return sorted({name for name in wanted if self._known is None or name in self._known})

    def records(self, row: Row, links: Mapping[str, str]) -> tuple[list[Record], list[Refusal]]:
        """The record of `row`, and one for each that was merged into it.

        `links`: object type -> the id that `row` is tied to.
        """
        row_id = reading.text(row.get("id"))
        if not row_id:
            return [], [Refusal(f"{self.kind} without an id", "id", "a row without an id cannot be kept")]
        row_id = self.shape.prefix + row_id
        told = _told(row)
        values, refusals = self.values(told, self.property_of, f"{self.kind} {row_id}")
        if links.get("companies"):
            values["account_external_id"] = links["companies"]
        if self.noun is Noun.SURVEY_RESPONSE and links.get("contacts"):
            values["contact_external_id"] = links["contacts"]
        modified_at = self.modified_at(row)
        taken_back = told.get(self.shape.outcome, "").lower() in self.shape.void
        records = [Record(self.noun, row_id, {} if taken_back else values, modified_at, deleted=taken_back)]
        losers = {each.strip() for each in told.get(MERGED, "").split(";")} - {"", row_id}
        records += [Record(self.noun, loser, {}, modified_at, merged_into=row_id) for loser in sorted(losers)]
        return records, refusals

    def gone(self, row: Row) -> Record | None:
        """The record of an archived row."""
        row_id = reading.text(row.get("id"))
        at = archived_at(row) or self.modified_at(row)
        return Record(self.noun, self.shape.prefix + row_id, {}, at, deleted=True) if row_id else None

    def modified_at(self, row: Row) -> datetime | None:
        properties = row.get("properties")
        own = properties.get(self.shape.modified) if isinstance(properties, dict) else None
        for given in (reading.text(own), reading.text(row.get("updatedAt"))):
            try:
                return reading.instant(given)
            except ValueError:
                continue
        return None

    def change(self, name: str, told: str, where: str) -> tuple[dict[str, Value], frozenset[str]]:
        """What one changed property alone says: values, and the fields it speaks of. None where it needs its
        neighbours, which the next pull brings.

        Raises:
            ValueError: the property is ours, and its new value cannot be read.
        """
        only = {
            ours for ours, theirs in self.property_of.items()
            if theirs == name and (self.noun, ours) not in BESIDE and (self.noun, ours) != (Noun.CONTACT, "active")
        }
        if self.noun is Noun.OPPORTUNITY and name == self.property_of["stage"] and self._stages.of("", told):
            only = {"is_closed", "is_won"}
        only |= {f"id_in.{connection}" for connection, theirs in self._ids().items() if theirs == name}
        fields = {ours: theirs for ours, theirs in self.property_of.items() if ours in only}
        values, refusals = self.values({name: told} if told else {}, fields, where)
        if refusals:
            raise ValueError(refusals[0].reason)
        return {ours: value for ours, value in values.items() if ours in only}, frozenset(only)

    def values(
        self, told: Mapping[str, str], fields: Mapping[str, str], where: str,
    ) -> tuple[dict[str, Value], list[Refusal]]:
        """The values of `fields` (our field -> property), of ids in other connections and of custom properties."""
        values: dict[str, Value] = {}
        refusals = []
        for ours, theirs in fields.items():
            plain, given = self._plain.get(ours), told.get(theirs, "")
            if plain and not given:
                continue
            try:
                value = plain(given) if plain else self._computed(ours, given, told)
            except ValueError as error:
                refusals.append(Refusal(where, ours, f"{theirs}: {error}"))
                continue
            if value is not None and value != "":
                values[ours] = value
        for connection, theirs in self._ids().items():
            if told.get(theirs):
                values[f"id_in.{connection}"] = told[theirs]
        for theirs in self._custom():
            if told.get(theirs):
                try:
                    values[f"custom.{theirs}"] = self._typed(theirs)(told[theirs])
                except ValueError as error:
                    refusals.append(Refusal(where, f"custom.{theirs}", f"{theirs}: {error}"))
        return values, refusals

    def _reads(self, ours: str) -> Callable[[str], Value] | None:
        """What reads the field from its own property; None where it takes more than that."""
        kind = FIELDS[self.noun][ours]
        if (self.noun, ours) in _COMPUTED or kind is FieldType.MONEY:
            return None
        if ours in self.shape.words:
            return partial(self._word, ours)
        return reading.BY_FIELD.get((self.noun, ours), reading.BY_TYPE.get(kind, reading.text))

    def _computed(self, ours: str, given: str, told: Mapping[str, str]) -> Value | None:
        if FIELDS[self.noun][ours] is FieldType.MONEY:
            currency = told.get(CURRENCY[self._stream], "") or self._settings.currency
            return Money(reading.number(given), currency.upper()) if given else None
        if self.noun is Noun.CONTACT:
            if ours == "name":
                return " ".join(part for part in (given, told.get(BESIDE[self.noun, ours], "")) if part)
            gone = bool(told.get(self.property_of["left_on"]))
            return reading.truth(given) if given else (False if gone else None)
        if self.noun is Noun.TOUCHPOINT:
            return self._words[ours].get(given.lower(), self.shape.usual)
        if self.noun is Noun.TICKET:
            return self._ticket_status(told.get(BESIDE[self.noun, ours], ""), given)
        return self._deal(ours, given, told)

    def _deal(self, ours: str, given: str, told: Mapping[str, str]) -> Value | None:
        """A deal's own word goes first; else what its stage means."""
        stage_id = told.get(self.property_of["stage"], "")
        stage = self._stages.of(told.get(BESIDE[Noun.OPPORTUNITY, "stage"], ""), stage_id)
        if ours == "stage":
            return stage.label if stage else stage_id
        by_settings = stage_id in self._settings.won_stages or stage_id in self._settings.lost_stages
        if given and not by_settings:
            return reading.truth(given)
        if stage is None:
            return None
        return stage.closed if ours == "is_closed" else stage.won

    def _ticket_status(self, pipeline: str, given: str) -> str | None:
        if not given:
            return None
        stage = self._stages.of(pipeline, given)
        if stage is None:
            raise ValueError(f'"{given[:60]}" is no stage of the pipeline "{pipeline[:60]}"')
        return "closed" if stage.closed else "pending" if given in self._stages.waiting else "open"

    def _word(self, ours: str, given: str) -> str:
        words = self._words[ours]
        for part in given.lower().split(";"):       # a property with several check boxes gives "A;B"
            if part.strip() in words:
                return words[part.strip()]
        raise ValueError(f'"{given[:60]}" is not known; say what it means in words: {{{self._stream}: {{{ours}: …}}}}')

    def _typed(self, name: str) -> Any:
        kind = str((self._known or {}).get(name, {}).get("type", ""))
        return reading.BY_PROPERTY_TYPE.get(kind, reading.text)

    def _ids(self) -> Mapping[str, str]:
        return self._settings.ids if self.noun is Noun.ACCOUNT else {}

    def _custom(self) -> tuple[str, ...]:
        return self._settings.custom.get(self._stream, ())


def person(row: Row) -> Record | None:
    """An owner; one who is archived has left."""
    row_id = reading.text(row.get("id"))
    if not row_id:
        return None
    name = " ".join(part for part in (reading.text(row.get("firstName")), reading.text(row.get("lastName"))) if part)
    email = reading.text(row.get("email")).lower()
    values: dict[str, Value] = {"active": row.get("archived") is not True}
    values |= {"name": name or email} if name or email else {}
    values |= {"email": email} if email else {}
    try:
        modified_at = reading.instant(reading.text(row.get("updatedAt")))
    except ValueError:
        modified_at = None
    return Record(Noun.PERSON, row_id, values, modified_at)


def archived_at(row: Row) -> datetime | None:
    try:
        return reading.instant(reading.text(row.get("archivedAt")))
    except ValueError:
        return None


def _told(row: Row) -> dict[str, str]:
    given = row.get("properties")
    if not isinstance(given, dict):
        return {}
    return {name: reading.text(value) for name, value in given.items() if value is not None}


def _lower(words: Mapping[str, str]) -> dict[str, str]:
    return {theirs.lower(): ours for theirs, ours in words.items()}
