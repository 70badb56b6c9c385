"""Pulls HubSpot's records: the first time by listing, then by searching what changed and listing what was archived.

100,000 rows are 1,000 pages of a listing, 53 s of its budget and with associations; or 500 pages of a search, 100 s of
its own and without. What changed only a search tells. It gives at most 10,000 results, orders by one property, and its
index lags behind. So each page asks anew for what changed after the last row that was given (no offset, which would
skip rows when others change meanwhile); an instant with many rows is drained by id; and the next pull starts
`overlap_s` early, which is the second look at what the index learned late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.hubspot.client import MOST_LINKS, MOST_PER_BATCH, MOST_PER_SEARCH, Client, choose
from connectors.hubspot.cursor import ARCHIVED, LOAD, SEARCH, Place, read
from connectors.hubspot.mapping import Reader, archived_at, person, stages
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.shapes import SHAPES
from steward.contracts import Cursor, Page, SourceField, Tools
from steward.model.errors import TryAgain, Unavailable
from steward.model.records import Noun, Record, Refusal

Row = Mapping[str, Any]
MOST_LEFT_OUT = 5                           # rows that a question leaves out, beside one filter on the time
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HubSpotSource:
    """Reads one portal."""

    def __init__(self, client: Client, settings: HubSpotSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        """Every page of `stream` that changed since `after`; owners, which cannot be searched, come whole each time."""
        place = read(after)
        if stream == "persons":
            began = place.began or _milliseconds(self._tools.now())
            return self._owners(replace(place, began=began))
        kind = object_of(stream, self._settings)
        if not kind:
            return iter((Page((), replace(place, began=0).cursor(), watermark=self._tools.now()),))
        return _Pull(self._client, self._settings, stream, kind).pages(place)

    def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
        """Those rows as they are now; HubSpot leaves the archived out, and lists owners as a whole only."""
        if stream == "persons":
            wanted = set(external_ids)
            for page in self.pull(stream, None) if wanted else ():
                yield replace(page, records=[each for each in page.records if each.external_id in wanted], refusals=())
            return
        kind = object_of(stream, self._settings)
        if kind:
            yield from _Pull(self._client, self._settings, stream, kind).fetch(external_ids)

    def _owners(self, place: Place) -> Iterator[Page]:
        while True:
            archived = place.phase == ARCHIVED
            rows, after = self._client.owners(place.after, archived=archived)
            people = [each for each in map(person, rows) if each]
            refusals = [Refusal("owner without an id", "id", "it cannot be kept")] * (len(people) < len(rows))
            if after is None and archived:
                yield Page(people, Place().cursor(), refusals, watermark=_instant(place.began))
                return
            place = replace(place, after=after, phase=place.phase if after else ARCHIVED)
            yield Page(people, place.cursor(), refusals)


class _Pull:
    """One pull of one stream of objects."""

    def __init__(self, client: Client, settings: HubSpotSettings, stream: str, kind: str) -> None:
        self._client, self._settings, self._stream, self._kind = client, settings, stream, kind
        self._shape = SHAPES[stream]
        self._overlap = settings.overlap_s * 1000

    def pages(self, place: Place) -> Iterator[Page]:
        now, schema = self._open()
        place = replace(place, began=place.began or _milliseconds(now))
        for page in self._pages(place):
            yield replace(page, schema=schema)
            schema = {}

    def fetch(self, ids: Sequence[str]) -> Iterator[Page]:
        known = [each.removeprefix(self._shape.prefix) for each in ids if each.startswith(self._shape.prefix)]
        wanted = [each for each in known if each.isdecimal() and each.isascii()]   # HubSpot refuses all for one other
        if wanted:
            self._open()
        for start in range(0, len(wanted), MOST_PER_BATCH):
            rows = self._client.read_batch(self._kind, wanted[start:start + MOST_PER_BATCH], self._properties)
            records, refusals = self._read(rows, self._links(rows))
            yield Page(records, Cursor(""), refusals)

    def _open(self) -> tuple[datetime, Mapping[str, Mapping[str, SourceField]]]:
        """Make ready to read; the time now, and what HubSpot says of the object's properties."""
        staged = self._kind in ("deals", "tickets")
        known, now = self._client.properties_and_time(self._kind)
        self._reader = Reader(
            self._settings, self._stream, self._kind, known=known,
            stages=stages(self._settings, self._client.pipelines(self._kind)) if staged else None,
        )
        self._properties = self._reader.properties()
        return now, {self._kind: {name: _field(row) for name, row in known.items()}}

    def _pages(self, place: Place) -> Iterator[Page]:
        if place.phase == LOAD:
            yield from self._load(place)
            return
        if place.phase == SEARCH:
            for page, reached in self._search(place):
                place = reached
                yield page
        yield from self._archived(place)

    # ---- the first pull ----

    def _load(self, place: Place) -> Iterator[Page]:
        """Everything, by id; what changes meanwhile is found by the first search, which starts before this began."""
        while True:
            rows, after = self._client.rows(self._kind, place.after, self._properties, self._shape.to)
            records, refusals = self._read(rows, {to: _linked_inline(rows, to) for to in self._shape.to})
            place = replace(place, after=after)
            if after is None:
                yield Page(records, self._next(place, place.began).cursor(), refusals, watermark=_instant(place.began))
                return
            yield Page(records, place.cursor(), refusals)

    # ---- the next pulls ----

    def _search(self, place: Place) -> Iterator[tuple[Page, Place]]:
        """Page after page; associations, which a search leaves out, are read for as many rows at once as may be."""
        while place.phase == SEARCH:
            found: list[tuple[list[Row], Place]] = []
            trouble: TryAgain | None = None
            while place.phase == SEARCH and len(found) < self._searches_together:
                try:
                    rows, more = self._client.search(self._kind, self._question(place))
                except TryAgain as error:
                    trouble = error         # after what was found before it
                    break
                given, place = self._step(place, rows, more is not None)
                found.append((given, place))
            links = self._links([row for rows, _ in found for row in rows])
            for given, reached in found:
                if given or reached.phase == ARCHIVED:
                    records, refusals = self._read(given, links)
                    yield Page(records, reached.cursor(), refusals), reached
            if trouble:
                raise trouble

    @property
    def _searches_together(self) -> int:
        return MOST_LINKS // MOST_PER_SEARCH if self._shape.to else 1

    def _question(self, place: Place) -> dict[str, Any]:
        modified, since = self._shape.modified, str(place.at)
        groups, order = [[(modified, "GTE", since)]], modified
        if place.drain is not None:
            groups, order = [[(modified, "EQ", since), ("hs_object_id", "GT", str(place.drain))]], "hs_object_id"
        elif place.given:
            left_out = [("hs_object_id", "NEQ", each) for each in place.given]
            groups = [[(modified, "GT", since)], [(modified, "EQ", since), *left_out]]
        return {
            "filterGroups": [{"filters": [
                {"propertyName": name, "operator": operator, "value": value} for name, operator, value in group
            ]} for group in groups],
            "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
            "properties": self._properties, "limit": MOST_PER_SEARCH,
        }

    def _step(self, place: Place, rows: list[Row], more: bool) -> tuple[list[Row], Place]:
        """The rows of a page that count, and where the search stands after them."""
        if place.drain is not None:
            drained = _highest_id(rows, place.drain)
            if more and drained == place.drain:
                raise self._stuck()
            return rows, replace(place, drain=drained) if more else replace(place, at=place.at + 1, drain=None)
        if not more:
            return rows, replace(place, phase=ARCHIVED, given=())
        last = max(map(self._changed, rows), default=0)
        if last < place.at:
            raise self._stuck()
        here = [str(row.get("id")) for row in rows if self._changed(row) == last]
        given = tuple(dict.fromkeys((*(place.given if last == place.at else ()), *here)))
        if len(given) <= MOST_LEFT_OUT:
            return rows, replace(place, at=last, given=given)
        # More rows of one instant than a question may leave out: they come with the next page, or are drained by id.
        before = [row for row in rows if self._changed(row) != last]
        return before, replace(place, at=last, given=(), drain=None if before else 0)

    def _archived(self, place: Place) -> Iterator[Page]:
        """What was deleted since this pull's start; HubSpot lists the archived by id only, and for 90 days."""
        since = _instant(place.start)
        while True:
            rows, after = self._client.rows(self._kind, place.after, (self._shape.modified,), archived=True)
            gone = [row for row in rows if (archived_at(row) or since) >= since]
            records = [record for record in map(self._reader.gone, gone) if record]
            place = replace(place, after=after)
            if after is None:
                done = self._next(place, max(place.mark, place.began - self._overlap))
                yield Page(records, done.cursor(), watermark=_instant(done.mark))
                return
            yield Page(records, place.cursor())

    def _next(self, place: Place, mark: int) -> Place:
        start = place.began - self._overlap
        return Place(SEARCH, start=start, at=start, mark=mark)

    # ---- rows ----

    def _read(
        self, rows: Sequence[Row], linked: Mapping[str, Mapping[str, str]],
    ) -> tuple[list[Record], list[Refusal]]:
        records, refusals = [], []
        if "contacts" in linked:
            linked = {**linked, "companies": self._by_contact(rows, linked)}
        for row in rows:
            row_id = str(row.get("id"))
            read_, refused = self._reader.records(row, {to: of.get(row_id, "") for to, of in linked.items()})
            records += read_
            refusals += refused
        return records, refusals

    def _links(self, rows: Sequence[Row]) -> dict[str, dict[str, str]]:
        """What the search left out."""
        ids = [str(row["id"]) for row in rows if row.get("id")]
        return {to: self._client.linked(self._kind, ids, to) if ids else {} for to in self._shape.to}

    def _by_contact(self, rows: Sequence[Row], linked: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """The company of each row: its own, else that of its contact."""
        companies = dict(linked["companies"])
        asked = {
            str(row["id"]): contact for row in rows
            if row.get("id") and str(row["id"]) not in companies and (contact := linked["contacts"].get(str(row["id"])))
        }
        if asked:
            of_contact = self._client.linked("contacts", sorted(set(asked.values())), "companies")
            companies |= {row_id: of_contact[contact] for row_id, contact in asked.items() if contact in of_contact}
        return companies

    def _changed(self, row: Row) -> int:
        at = self._reader.modified_at(row)
        return _milliseconds(at) if at else 0

    def _stuck(self) -> Unavailable:
        return Unavailable(
            f"hubspot: the search of {self._kind} does not move on: its rows lack {self._shape.modified} or their id. "
            "Steward tries again later.")


def _field(row: Row) -> SourceField:
    options = row.get("options")
    values = [each.get("value") for each in options if isinstance(each, dict)] if isinstance(options, list) else ()
    return SourceField(str(row.get("type") or ""), tuple(sorted(str(each) for each in values if each)))


def object_of(stream: str, settings: HubSpotSettings) -> str:
    """HubSpot's object behind `stream`; "" where this portal has none."""
    named = {
        "survey_responses": settings.survey_object, "subscriptions": settings.subscription_object,
        "milestones": settings.milestone_object,
    }
    kind = named.get(stream, SHAPES[stream].object_type)
    return kind if SHAPES[stream].noun is not Noun.TOUCHPOINT or kind in settings.touchpoints else ""


def _linked_inline(rows: Sequence[Row], to: str) -> dict[str, str]:
    """Row id -> the `to` it belongs to, as a listing tells: "contact_to_company" is the primary one."""
    chosen = {}
    for row in rows:
        told = ((row.get("associations") or {}).get(to) or {}).get("results")
        links = [
            (not str(link.get("type")).endswith("_unlabeled"), str(link.get("id") or ""))
            for link in (told or ()) if isinstance(link, dict)
        ]
        best = choose(links)
        if best:
            chosen[str(row.get("id"))] = best
    return chosen


def _highest_id(rows: Sequence[Row], lowest: int) -> int:
    ids = [str(row.get("id")) for row in rows]
    return max((int(each) for each in ids if each.isdecimal()), default=lowest)


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
