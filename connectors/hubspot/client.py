"""What Steward asks of HubSpot, in as few calls as its pages and batches allow; errors are those of `calls`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.hubspot.calls import Call, Calls, Row, as_dict, dicts
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.transport import Answer
from steward.contracts import Tools
from steward.model.errors import OutcomeUnknown, StewardError, Unavailable

MOST_PER_PAGE, MOST_PER_SEARCH, MOST_PER_BATCH, MOST_LINKS, MOST_OWNERS = 100, 200, 100, 1000, 500
_PRIMARY = (1, 5, 26)                       # association types "primary company" of a contact, a deal, a ticket

Done = Row | StewardError


class Client:
    """One portal, as one app sees it."""

    def __init__(self, settings: HubSpotSettings, tools: Tools) -> None:
        self._tools, self._calls = tools, Calls(settings, tools)

    # ---- reading ----

    def rows(
        self, kind: str, after: str | None, properties: Sequence[str], to: Sequence[str] = (), *,
        archived: bool = False,
    ) -> tuple[list[Row], str | None]:
        """One page of a listing by id, and what to give as `after` for the next one; None at the end."""
        query: dict[str, Any] = {"limit": MOST_PER_PAGE, "archived": str(archived).lower()}
        if properties:
            query["properties"] = [",".join(properties)]
        if to and not archived:
            query["associations"] = [",".join(to)]
        if after:
            query["after"] = after
        return self._page(f"list {kind}", lambda: self._calls.paths.rows(kind, query))

    def search(self, kind: str, body: Mapping[str, Any]) -> tuple[list[Row], str | None]:
        """One page of a search, as `rows`."""
        return self._page(f"search {kind}", lambda: self._calls.paths.search(kind, body), search=True)

    def owners(self, after: str | None, *, archived: bool = False, email: str = "") -> tuple[list[Row], str | None]:
        """One page of owners, as `rows`; only the one with `email` where it is given."""
        query: dict[str, Any] = {"limit": MOST_OWNERS, "archived": str(archived).lower()}
        query |= {"after": after} if after else {}
        query |= {"email": email} if email else {}
        return self._page("list owners", lambda: self._calls.paths.owners(query))

    def properties(self, kind: str) -> dict[str, Row]:
        """The properties that objects of `kind` have, by name."""
        return self.properties_and_time(kind)[0]

    def properties_and_time(self, kind: str) -> tuple[dict[str, Row], datetime]:
        """As `properties`; and the time now by our clock or HubSpot's, whichever is behind."""
        told: list[str] = []

        def call() -> Answer:
            answer = self._calls.paths.properties(kind)
            told.append(answer.headers.get("Date", ""))
            return answer

        rows, _ = self._page(f"read the properties of {kind}", call)
        now = self._tools.now()
        with contextlib.suppress(ValueError, TypeError):        # no such header, or one without a zone
            now = min(now, parsedate_to_datetime(told[-1]))
        return {str(row["name"]): row for row in rows if row.get("name")}, now

    def pipelines(self, kind: str) -> list[Row]:
        """The pipelines of deals or tickets."""
        rows, _ = self._page(f"read the pipelines of {kind}", lambda: self._calls.paths.pipelines(kind))
        return rows

    def read_batch(self, kind: str, ids: Sequence[str], properties: Sequence[str], id_property: str = "") -> list[Row]:
        """Those of `ids` (values of `id_property` where it is given) that exist."""
        found: list[Row] = []
        for some in _chunks(ids, MOST_PER_BATCH):
            body: dict[str, Any] = {
                "properties": list(properties), "propertiesWithHistory": [], "inputs": [{"id": each} for each in some],
            }
            body |= {"idProperty": id_property} if id_property else {}
            found += self._found(f"read {kind}", lambda body=body: self._calls.paths.read_batch(kind, body))  # type: ignore[misc]  # mypy sees no default in a lambda
        return found

    def linked(self, kind: str, ids: Sequence[str], to: str) -> dict[str, str]:
        """The id of the `to` that each of `ids` belongs to: the primary one, else the lowest id."""
        return {row_id: best for row_id, known in self._links(kind, ids, to).items() if (best := choose(known))}

    def all_linked(self, kind: str, ids: Sequence[str], to: str) -> dict[str, set[str]]:
        """The ids of every `to` that each of `ids` is tied to."""
        links = self._links(kind, ids, to)
        return {row_id: {to_id for _, to_id in links.get(row_id, ()) if to_id} for row_id in ids}

    def _links(self, kind: str, ids: Sequence[str], to: str) -> dict[str, list[tuple[bool, str]]]:
        """Id -> (is primary, id of the `to`)."""
        links: dict[str, list[tuple[bool, str]]] = {}
        for some in _chunks(ids, MOST_LINKS):
            body = {"inputs": [{"id": each} for each in some]}
            rows = self._found(f"read associations of {kind} with {to}",
                               lambda body=body: self._calls.paths.associations(kind, to, body))  # type: ignore[misc]  # mypy sees no default in a lambda
            links |= {
                str(as_dict(row.get("from")).get("id")): [
                    (_is_primary(link), str(link.get("toObjectId") or "")) for link in dicts(row.get("to"))
                ] for row in rows
            }
        return links

    # ---- writing; each answers for every row, and raises what holds for all ----

    def upsert(self, kind: str, id_property: str, rows: Mapping[str, Mapping[str, str]]) -> dict[str, Done]:
        """By value of `id_property` (at most 100): the row made or changed to have these properties, or its error."""
        inputs = [{"id": value, "idProperty": id_property, "properties": {**told, id_property: value},
                   "objectWriteTraceId": str(number)} for number, (value, told) in enumerate(rows.items())]
        what = f"upsert {kind}"
        answer = self._calls.write(what, lambda: self._calls.paths.upsert_batch(kind, {"inputs": inputs}))
        return self._answers(what, list(rows), answer,
                             lambda row: str(as_dict(row.get("properties")).get(id_property) or ""))

    def update(self, kind: str, rows: Mapping[str, Mapping[str, str]]) -> dict[str, Done]:
        """By id (at most 100): the row changed to have these properties, or its error."""
        inputs = [{"id": row_id, "properties": dict(told), "objectWriteTraceId": str(number)}
                  for number, (row_id, told) in enumerate(rows.items())]
        what = f"update {kind}"
        answer = self._calls.write(what, lambda: self._calls.paths.update_batch(kind, {"inputs": inputs}))
        return self._answers(what, list(rows), answer, lambda row: str(row.get("id") or ""))

    def associate(self, kind: str, to: str, pairs: Mapping[str, str]) -> dict[str, Done]:
        """By id of the `kind` (at most 100): tied to the `to` given; they may be already."""
        body = {"inputs": [{"from": {"id": row_id}, "to": {"id": to_id}} for row_id, to_id in pairs.items()]}
        what = f"associate {kind} with {to}"
        answer = self._calls.write(what, lambda: self._calls.paths.associate_batch(kind, to, body))
        return self._answers(what, list(pairs), answer, lambda row: str(as_dict(row.get("from")).get("id") or ""))

    def _answers(self, what: str, asked: Sequence[str], answer: Row, name: Any) -> dict[str, Done]:
        """The part of a batch's answer that belongs to each; HubSpot keeps neither order nor number of them."""
        known = {each.lower(): each for each in asked}
        done: dict[str, Done] = {}
        for row in dicts(answer.get("results")):
            of = _traced(row, asked) or known.get(name(row).lower())
            if of is not None:
                done[of] = row
        rest: list[StewardError] = []
        for told in dicts(answer.get("errors")):
            error, context = self._calls.error_of(what, told), as_dict(told.get("context"))
            named = [_traced(context, asked), *(known.get(each.lower()) for each in _listed(context))]
            whose = [each for each in named if each is not None and each not in done]
            done |= dict.fromkeys(whose, error)
            rest += [] if whose else [error]
        unknown = OutcomeUnknown(f"hubspot: {what} was answered without a result. Steward looks before it tries again.")
        return {each: done.get(each, rest[0] if rest else unknown) for each in asked}

    # ---- one call ----

    def _page(self, what: str, call: Call, *, search: bool = False) -> tuple[list[Row], str | None]:
        answer = self._calls.read(what, call, search=search)
        if not isinstance(answer.get("results"), list):
            raise Unavailable(f"hubspot: {what} was answered without results. Steward tries again later.")
        after = as_dict(as_dict(answer.get("paging")).get("next")).get("after")
        return list(dicts(answer["results"])), str(after) if after else None

    def _found(self, what: str, call: Call) -> Sequence[Row]:
        """The rows of a batch; a 207 names beside them those that were not found, which is no failure."""
        answer = self._calls.read(what, call)
        for error in dicts(answer.get("errors")):
            if error.get("category") != "OBJECT_NOT_FOUND":
                raise self._calls.error_of(what, error)
        if not isinstance(answer.get("results"), list):
            raise Unavailable(f"hubspot: {what} was answered without results. Steward tries again later.")
        return dicts(answer["results"])


def choose(links: Iterable[tuple[bool, str]]) -> str | None:
    """Of (is primary, id): the primary id, else the lowest; None where there is none."""
    best = min(((not primary, len(each), each) for primary, each in links if each), default=None)
    return best[2] if best else None


def _chunks(ids: Sequence[str], most: int) -> Iterable[Sequence[str]]:
    return (ids[start:start + most] for start in range(0, len(ids), most))


def _is_primary(link: Row) -> bool:
    types = dicts(link.get("associationTypes"))
    return any(each.get("typeId") in _PRIMARY or each.get("label") == "Primary" for each in types)


def _traced(told: Row, asked: Sequence[str]) -> str | None:
    """Whose answer it is, by the number that we gave as `objectWriteTraceId`."""
    given = told.get("objectWriteTraceId")
    number = str(given[0] if isinstance(given, list) and given else given)
    return asked[int(number)] if number.isdecimal() and int(number) < len(asked) else None


def _listed(context: Row) -> list[str]:
    """The ids that the context of an error names."""
    told = [context.get(name) for name in ("ids", "id", "fromObjectId")]
    return [str(each) for ids in told if isinstance(ids, list) for each in ids]
