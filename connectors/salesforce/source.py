"""Reads an org: rows in the order of their last change, then what was deleted; each page says where to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors.salesforce import mapping, values
from connectors.salesforce.client import Client, NoSuchObject
from connectors.salesforce.mapping import Mapper
from connectors.salesforce.position import DELETED, DONE, ROWS, Position, next_pull, read
from connectors.salesforce.rows import AT_ONCE, Object, Rows, list_of
from connectors.salesforce.settings import SalesforceSettings
from steward.contracts import Cursor, Page, SourceField, Tools
from steward.model.errors import AccessDenied, RecordRejected, Unavailable
from steward.model.records import Noun, Record, Refusal

DELETE_LOG_DAYS = 15
_SHORTEST = timedelta(minutes=10)           # windows of the delete log are not halved below it
_NOUNS = {
    "persons": Noun.PERSON, "accounts": Noun.ACCOUNT, "contacts": Noun.CONTACT, "subscriptions": Noun.SUBSCRIPTION,
    "opportunities": Noun.OPPORTUNITY, "tickets": Noun.TICKET, "milestones": Noun.MILESTONE,
    "touchpoints": Noun.TOUCHPOINT, "surveys": Noun.SURVEY_RESPONSE, "usage_events": Noun.USAGE_EVENT,
    "tasks": Noun.TASK,
}


class SalesforceSource:
    """The streams of one org."""

    def __init__(self, client: Client, settings: SalesforceSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools
        self._read = Rows(client, settings, tools)

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        """Every page of `stream` that changed since `after`; all of them when None."""
        position = read(after) if after is not None else None
        about = self._describe(stream)
        if about is None:
            return                          # no page: nobody may take it for "there are none"
        if isinstance(about, Refusal):
            yield self._nothing(position, about)
            return
        if position is None or position.phase == DONE:
            covered = self._covered(about)
            position = (Position(ROWS, covered.isoformat()) if position is None
                        else next_pull(position, covered, self._settings.overlap_s))
        if position.phase == ROWS:
            for page, moved in self._rows(about, position):
                position = moved
                yield page
        if position.phase == DELETED:
            yield from self._deletions(about, position)

    def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
        """Those of the records as they are now, deleted ones as such while the recycle bin has them."""
        wanted = sorted({each for each in external_ids if each.isalnum() and len(each) in (15, 18)})
        about = self._describe(stream) if wanted else None
        if not isinstance(about, Object):
            return
        cursor = Position(DONE, self._tools.now().isoformat()).cursor
        for start in range(0, len(wanted), AT_ONCE):
            rows = self._read.by_ids(about, about.columns, wanted[start:start + AT_ONCE])
            if rows:
                records, refusals = _mapped(about.mapper, rows)
                yield Page(records, cursor, refusals)

    # ---- rows ----

    def _rows(self, about: Object, position: Position) -> Iterator[tuple[Page, Position]]:
        schema = {about.table: about.schema}
        for some in self._read.after(about, position):
            moved = some.position
            if some.is_last:
                moved = replace(moved, phase=DELETED if about.tracks_deletes and moved.since else DONE)
            records, refusals = _mapped(about.mapper, some.rows)
            watermark = values.instant(moved.covered) if moved.phase == DONE else None
            page = Page(records, moved.cursor, refusals, watermark=watermark, progress=some.progress, schema=schema)
            schema = {}
            yield page, moved

    # ---- deletions ----

    def _deletions(self, about: Object, position: Position) -> Iterator[Page]:
        """The delete log since the last pull: it knows of rows that have left the recycle bin as well."""
        done = replace(position, phase=DONE, after=None)
        watermark = values.instant(position.covered)
        now, since = self._tools.now(), values.instant(position.since or position.covered)
        # Salesforce counts the days by its own clock, which may be minutes away from ours.
        earliest = now - timedelta(days=DELETE_LOG_DAYS) + timedelta(minutes=15)
        refusals = []
        logged, known_from = self._logged(about.table, max(since, earliest), max(now, since + timedelta(minutes=3)))
        if known_from > since:
            refusals.append(Refusal(
                about.table, None, f"Salesforce lists deletions for {DELETE_LOG_DAYS} days at most; rows deleted for "
                f"good between {since:%Y-%m-%d %H:%M} and {known_from:%Y-%m-%d %H:%M} UTC may still be shown. "
                "Pull this stream from its beginning.",
            ))
        listed = sorted(each for each in logged if each[0] > (position.after or ""))
        size = min(self._settings.page_size, AT_ONCE)
        chunks = [listed[start:start + size] for start in range(0, len(listed), size)]
        for chunk in chunks[:-1]:
            yield Page(self._deleted(about, chunk), replace(position, after=chunk[-1][0]).cursor, refusals)
            refusals = []
        last = self._deleted(about, chunks[-1]) if chunks else ()
        yield Page(last, done.cursor, refusals, watermark=watermark, progress=1.0)

    def _logged(self, table: str, start: datetime, end: datetime) -> tuple[list[tuple[str, Any]], datetime]:
        """The ids in the delete log with when they were deleted, and from when on the log knows of all.

        A log that was purged up to some instant in the window answers with an error, and one of more than 600,000 ids
        too: then it is asked for in halves.
        """
        try:
            log = self._client.deleted(table, start, end)
        except RecordRejected as error:
            if "INVALID_REPLICATION_DATE" not in str(error) and "EXCEEDED_ID_LIMIT" not in str(error):
                raise
            if end - start < _SHORTEST:
                return [], end
            middle = start + (end - start) / 2
            (older, known_from), (newer, then) = self._logged(table, start, middle), self._logged(table, middle, end)
            return [*older, *newer], then if then > middle else known_from
        return [(row["id"], row.get("deletedDate")) for row in list_of(log, "deletedRecords", table)
                if isinstance(row.get("id"), str) and row["id"].isalnum()], start

    def _deleted(self, about: Object, listed: Sequence[tuple[str, Any]]) -> list[Record]:
        """Records of deleted ids: the recycle bin says which were merged, and which are back and so left out."""
        known = [name for name in about.columns if name in ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId")]
        found = self._read.by_ids(about, known, [external_id for external_id, _ in listed])
        bin_ = {row.get("Id"): row for row in found}
        records = []
        for external_id, at in listed:
            row = bin_.get(external_id, {})
            if row.get("IsDeleted") is False:
                continue
            stamp = _instant_or_none(row.get("SystemModstamp")) or _instant_or_none(at)
            records.append(mapping.deleted(about.noun, external_id, stamp, row.get("MasterRecordId")))
        return records

    # ---- before a pull ----

    def _describe(self, stream: str) -> Object | Refusal | None:
        """What the org has of `stream`; a Refusal where its custom object is not there, None where none is named."""
        if stream not in _NOUNS:
            raise RecordRejected(f'salesforce: there is no stream "{stream}". There are: {", ".join(_NOUNS)}.')
        table, noun = mapping.table_of(stream, self._settings), _NOUNS[stream]
        if not table:
            return None
        try:
            described = self._client.describe(table)
        except NoSuchObject:
            if table.endswith("__c"):
                return Refusal(table, None, f"the org has no object {table}, or the user may not read it; "
                               f'create it, or name yours in the setting "tables: {stream}"')
            raise AccessDenied(f'salesforce: the app may not read "{table}". Grant "View All" on {table}, then run: '
                               "steward connector check salesforce") from None
        fields = {
            field["name"]: field for field in list_of(described, "fields", table) if isinstance(field.get("name"), str)
        }
        present = frozenset(fields)
        if not {"Id", "SystemModstamp"} <= present:
            raise Unavailable(f"salesforce: describe of {table} left out Id or SystemModstamp, which every object has. "
                              "Steward tries again later.")
        mapper = Mapper(stream, noun, self._settings, present)
        columns = (*mapper.columns, "IsArchived") if "IsArchived" in present else mapper.columns
        tracks_deletes = "IsDeleted" in present and described.get("replicateable") is not False
        kinds = {name: str(field.get("type") or "") for name, field in fields.items()}
        schema = {name: _field(field) for name, field in fields.items()}
        return Object(table, noun, mapper, columns, tracks_deletes, kinds, schema)

    def _covered(self, about: Object) -> datetime:
        """Until when a query sees everything: earlier than now while a long transaction has not committed."""
        now = self._tools.now()
        if not about.tracks_deletes:
            return now
        window = timedelta(seconds=self._settings.overlap_s) + timedelta(minutes=2)
        told = self._client.updated(about.table, now - window, now).get("latestDateCovered")
        return min(now, _instant_or_none(told) or now - window)

    def _nothing(self, position: Position | None, refusal: Refusal) -> Page:
        """The one page of a stream whose object is not there; the cursor stays, so that nothing is skipped later."""
        now = self._tools.now()
        kept = position or Position(DONE, datetime.fromtimestamp(0, now.tzinfo).isoformat())
        return Page((), kept.cursor, [refusal], watermark=now, progress=1.0)


def _field(described: Mapping[str, Any]) -> SourceField:
    listed = described.get("picklistValues")
    values = [each.get("value") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else ()
    return SourceField(str(described.get("type") or ""), tuple(sorted(str(each) for each in values if each)))


def _mapped(mapper: Mapper, rows: Sequence[dict[str, Any]]) -> tuple[list[Record], list[Refusal]]:
    records, refusals = [], []
    for row in rows:
        record, faults = mapper.record(row)
        refusals += faults
        if record is not None:
            records.append(record)
    return records, refusals


def _instant_or_none(value: Any) -> datetime | None:
    try:
        return values.instant(value) if value else None
    except ValueError:
        return None
