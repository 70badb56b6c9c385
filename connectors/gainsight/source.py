"""Pulls a tenant: rows in the order of their changes, rows beside which something changed, then what was deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.gainsight.client import MOST_ON_COCKPIT_PAGE, Absent, Client, Refused, Row
from connectors.gainsight.cursor import Place, Walk, read
from connectors.gainsight.mapping import Reader
from connectors.gainsight.schema import Schemas
from connectors.gainsight.scores import Scores
from connectors.gainsight.settings import GainsightSettings
from connectors.gainsight.shapes import CTAS, LOG, SHAPES
from connectors.gainsight.walking import Walker
from steward.contracts import Cursor, Page, SourceField, Tools
from steward.kit import reading
from steward.model.errors import AccessDenied
from steward.model.records import Record, Refusal

KEPT = timedelta(days=15)                   # how long Gainsight tells of deletions
OPTIONAL = ("cta_tasks", "survey_responses")
_AT_ONCE = 200
_CTAS_GONE = "/v2/cockpit/cta/deleted/list"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Part = tuple[list[Record], list[Refusal], Place, bool]      # the last says whether the phase is over


class GainsightSource:
    """Reads one tenant."""

    def __init__(self, client: Client, settings: GainsightSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        """Every page of `stream` that changed since `after`; an object that the tenant has not gives an empty one."""
        place = read(after)
        place = replace(place, began=place.began or _milliseconds(self._tools.now()))
        object_name, schemas = object_of(stream, self._settings), Schemas(self._client)
        if not object_name or schemas.of(object_name) is None:
            if stream not in OPTIONAL:
                raise AccessDenied(
                    f"gainsight: the tenant has no object {object_name}, or the access key may not see it. Grant it, "
                    "then run: steward connector check gainsight")
            return iter((Page((), Place(mark=place.began).cursor(), watermark=_instant(place.began)),))
        return _Pull(self._client, self._settings, stream, schemas).pages(place)


    def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
        """Those rows as they are now; what is deleted is left out."""
        object_name, schemas = object_of(stream, self._settings), Schemas(self._client)
        if external_ids and object_name and schemas.of(object_name) is not None:
            yield from _Pull(self._client, self._settings, stream, schemas).fetch(external_ids)


class _Pull:
    """One pull of one stream."""

    def __init__(self, client: Client, settings: GainsightSettings, stream: str, schemas: Schemas) -> None:
        self._client, self._settings, self._shape = client, settings, SHAPES[stream]
        self._object = object_of(stream, settings)
        self._schemas, self._reader = schemas, Reader(settings, stream, self._object, schemas)
        self._scores = Scores(client, settings, schemas) if stream == "accounts" else None
        self._rows = self._walker(self._object, self._reader.select(), self._shape.modified)
        beside = self._shape.beside
        if beside and (schemas.of(beside.object_name) is None or (stream == "accounts" and not settings.scores)):
            beside = None
        self._beside = beside

    def pages(self, place: Place) -> Iterator[Page]:
        phases = self._phases()
        if self._beside and not place.mark and not place.phase:
            walk = Walk(seen=self._walker(self._beside.object_name, ()).newest()).anew(self._settings.overlap_s)
            place = replace(place.at("beside", walk), phase="rows")
        names, schema = list(phases), self._told()
        for name in names[names.index(place.phase) if place.phase in phases else 0:]:
            place = replace(place, phase=name)
            for records, refusals, reached, over in phases[name](place):
                last = over and name == names[-1]
                place = self._done(reached) if last else reached
                if over and not last:
                    place = replace(place, phase=names[names.index(name) + 1], page=1)
                mark = self._mark(reached) if last else None
                yield Page(records, place.cursor(), refusals, watermark=mark, schema=schema)
                schema = {}

    def fetch(self, external_ids: Sequence[str]) -> Iterator[Page]:
        for start in range(0, len(external_ids), _AT_ONCE):
            for rows in self._rows.among("Gsid", external_ids[start:start + _AT_ONCE]):
                records, refusals = self._read(rows)
                yield Page(records, Cursor(""), refusals)

    def _told(self) -> dict[str, dict[str, SourceField]]:
        """The fields that the stream's object has, for those who watch what changes."""
        schema = self._schemas.of(self._object)
        return {self._object: {
            field.name: SourceField(field.data_type, tuple(sorted(set(field.labels.values()))))
            for field in schema.fields.values()}} if schema else {}

    def _phases(self) -> dict[str, Callable[[Place], Iterator[_Part]]]:
        phases: dict[str, Callable[[Place], Iterator[_Part]]] = {"rows": self._changed}
        if self._beside:
            phases["beside"] = self._beside_changed
        if "log" in self._shape.gone:
            phases |= dict.fromkeys(LOG, self._logged)
        if "ctas" in self._shape.gone:
            phases["ctas"] = self._ctas_gone
        if "timeline" in self._shape.gone:
            phases["timeline"] = self._activities_gone
        return phases

    def _done(self, place: Place) -> Place:
        """Where the next pull begins."""
        walks = {name: walk.anew(self._settings.overlap_s) for name, walk in place.walks.items()}
        return Place(mark=place.began, walks=walks)

    def _mark(self, place: Place) -> datetime:
        overlap = self._settings.overlap_s * 1000 if place.mark else 0
        return _instant(max(place.mark, place.began - overlap))

    # ---- what changed ----

    def _changed(self, place: Place) -> Iterator[_Part]:
        for rows, walk, over in self._rows.pages(place.walk("rows")):
            records, refusals = self._read(rows)
            yield records, refusals, place.at("rows", walk), over

    def _beside_changed(self, place: Place) -> Iterator[_Part]:
        beside = self._beside
        assert beside
        for rows, walk, over in self._walker(beside.object_name, (beside.theirs,)).pages(place.walk("beside")):
            yield *self._read_beside(row.get(beside.theirs) for row in rows), place.at("beside", walk), over

    def _read_beside(self, theirs: Iterable[object]) -> tuple[list[Record], list[Refusal]]:
        """The stream's rows that show something of those of the other object."""
        assert self._beside
        ids = sorted(set(map(reading.text, theirs)) - {""})
        records: list[Record] = []
        refusals: list[Refusal] = []
        for start in range(0, len(ids), _AT_ONCE):
            for found in self._rows.among(self._beside.ours, ids[start:start + _AT_ONCE]):
                read_, refused = self._read(found)
                records += read_
                refusals += refused
        return records, refusals

    def _read(self, rows: Sequence[Row]) -> tuple[list[Record], list[Refusal]]:
        companies = [reading.text(row.get("Gsid")) for row in rows if row.get("Gsid")]
        scores = self._scores.of(companies) if self._scores else {}
        records, refusals = [], []
        for row in rows:
            record, refused = self._reader.record(row, scores.get(reading.text(row.get("Gsid")), {}))
            records += [record] if record else []
            refusals += refused
        return records, refusals

    # ---- what was deleted ----

    def _logged(self, place: Place) -> Iterator[_Part]:
        """The log of deletions, of which there are two: for objects of low and of high volume."""
        log, schema = place.phase, self._schemas.of(self._object)
        names = {self._object, self._object.lower(), *([schema.object_name] if schema else [])}
        walker = Walker(
            self._client, log, ("ObjectName",), self._settings.page_size, self._settings.filter_zone, "DeletedOn",
            "RecordId", (("ObjectName", "IN", sorted(names)),))
        refusals = self._too_late(place) if log == LOG[0] else []
        try:
            for rows, walk, over in walker.pages(place.walk(log)):
                yield self._tombstones(rows, "RecordId", "DeletedOn"), refusals, place.at(log, walk), over
                refusals = []
        except Absent:
            yield [], refusals, place, True

    def _ctas_gone(self, place: Place) -> Iterator[_Part]:
        """Every CTA that was deleted in the last days, each time: the list has no order that one could go on from."""
        refusals = self._too_late(place)
        over = False
        while not over:
            rows = self._client.cockpit_page(_CTAS_GONE, ("Gsid", "Name", "ModifiedDate"), (), place.page)
            over = len(rows) < MOST_ON_COCKPIT_PAGE
            place = replace(place, page=place.page + 1)
            if self._beside and self._beside.object_name == CTAS:     # what is left of it is ours, not the CTA
                yield *self._read_beside(row.get("Gsid") for row in rows), place, over
            else:
                yield self._tombstones(rows, "Gsid", "ModifiedDate"), refusals, place, over
            refusals = []

    def _activities_gone(self, place: Place) -> Iterator[_Part]:
        """Gainsight documents a range of times and not how it is written; where it refuses ours, that is told."""
        began = _instant(place.began)
        since = max(_instant(place.mark) - timedelta(days=1), began - KEPT) if place.mark else began - KEPT
        body = {"startDate": _iso(since), "endDate": _iso(began + timedelta(days=1))}
        try:
            rows = self._client.listing("/v1/ant/es/activity/deleted", body, "list deleted activities")
        except Absent:
            rows = []
        except Refused as error:
            said = f"it cannot be read, so deleted ones are kept as held: {error}"
            refusal = Refusal("list of deleted activities", None, said)
            yield [], [refusal], place, True
            return
        named = [{**row, "Gsid": row.get("Gsid") or row.get("activityId") or row.get("RecordId")} for row in rows]
        times = [{**row, "at": row.get("DeletedDate") or row.get("DeletedOn") or row.get("LastModifiedDate")}
                 for row in named]
        yield self._tombstones(times, "Gsid", "at"), [], place, True

    def _tombstones(self, rows: Sequence[Row], name: str, at: str) -> list[Record]:
        records = []
        for row in rows:
            if reading.text(row.get(name)):
                try:
                    gone_at: datetime | None = reading.instant(row.get(at))
                except ValueError:
                    gone_at = None
                records.append(Record(self._reader.noun, reading.text(row[name]), {}, gone_at, deleted=True))
        return records

    def _too_late(self, place: Place) -> list[Refusal]:
        if place.mark and _instant(place.began) - _instant(place.mark) > KEPT:
            return [Refusal(self._object, None, (
                f"Gainsight tells of deletions for {KEPT.days} days only, and this was not pulled for longer; what was "
                "deleted before is still here. Run: steward sync reconcile gainsight"))]
        return []

    def _walker(self, object_name: str, select: Sequence[str], modified: str = "ModifiedDate") -> Walker:
        settings = self._settings
        return Walker(self._client, object_name, select, settings.page_size, settings.filter_zone, modified)


def object_of(stream: str, settings: GainsightSettings) -> str:
    """Gainsight's object behind `stream`; "" where this tenant has none."""
    return settings.survey_object if stream == "survey_responses" else SHAPES[stream].object_name


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
