"""One HubSpot call: its answer as plain data, or the error that says whether it happened."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from connectors.hubspot.paths import Paths, paths
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.transport import Answer, LineBroke, NotSent
from steward.contracts import Tools
from steward.kit.budget import Budget, within
from steward.kit.http import failure, retry_after_s
from steward.model.errors import OutcomeUnknown, RateLimited, RecordRejected, StewardError, Unavailable

Row = Mapping[str, Any]

MOST_PER_PAGE, MOST_PER_SEARCH, MOST_LINKS = 100, 200, 1000
# A lock held for seconds; a portal that is being moved to another data centre, for up to a day.
_LATER = (423, 477)
_PRIMARY = (1, 5, 26)                       # association types "primary company" of a contact, a deal, a ticket
_STATUS_OF = {"OBJECT_NOT_FOUND": 404, "CONFLICT": 409, "MISSING_SCOPES": 403, "RATE_LIMITS": 429}


class Client:
    """Calls with one token, within HubSpot's budgets."""

    def __init__(self, settings: HubSpotSettings, tools: Tools) -> None:
        self._settings, self._tools = settings, tools
        self._token = settings.access_token.get_secret_value()
        whose = hashlib.sha256(f"{settings.host} {self._token}".encode()).hexdigest()[:16]
        self._searches = Budget(tools, f"hubspot {whose} searches", settings.searches_per_s, 1.0)
        self._calls = Budget(tools, f"hubspot {whose} calls", settings.calls_per_10_s, 10.0)
        self._held: Paths | None = None

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
        return self._page(f"list {kind}", lambda: self._paths.rows(kind, query))

    def search(self, kind: str, body: Mapping[str, Any]) -> tuple[list[Row], str | None]:
        """One page of a search, as `rows`."""
        return self._page(f"search {kind}", lambda: self._paths.search(kind, body), search=True)

    def owners(self, after: str | None, *, archived: bool = False, email: str = "") -> tuple[list[Row], str | None]:
        """One page of owners, as `rows`; only the one with `email` where it is given."""
        query: dict[str, Any] = {"limit": MOST_PER_PAGE, "archived": str(archived).lower()}
        query |= {"after": after} if after else {}
        query |= {"email": email} if email else {}
        return self._page("list owners", lambda: self._paths.owners(query))

    def properties(self, kind: str) -> dict[str, Row]:
        """The properties that objects of `kind` have, by name."""
        return self.properties_and_time(kind)[0]

    def properties_and_time(self, kind: str) -> tuple[dict[str, Row], datetime]:
        """As `properties`; and the time now by our clock or HubSpot's, whichever is behind."""
        told: list[str] = []

        def call() -> Answer:
            answer = self._paths.properties(kind)
            told.append(answer.headers.get("Date", ""))
            return answer

        rows, _ = self._page(f"read the properties of {kind}", call)
        now = self._tools.now()
        with contextlib.suppress(ValueError, TypeError):        # no such header, or one without a zone
            now = min(now, parsedate_to_datetime(told[0]))
        return {str(row["name"]): row for row in rows if row.get("name")}, now

    def pipelines(self, kind: str) -> list[Row]:
        """The pipelines of deals or tickets."""
        rows, _ = self._page(f"read the pipelines of {kind}", lambda: self._paths.pipelines(kind))
        return rows

    def read_batch(self, kind: str, ids: Sequence[str], properties: Sequence[str], id_property: str = "") -> list[Row]:
        """Those of `ids` (at most 100; values of `id_property` where it is given) that exist."""
        body: dict[str, Any] = {
            "properties": list(properties), "propertiesWithHistory": [], "inputs": [{"id": each} for each in ids],
        }
        body |= {"idProperty": id_property} if id_property else {}
        what = f"read {kind}"
        return self._found(what, self._read(what, lambda: self._paths.read_batch(kind, body)))

    def linked(self, kind: str, ids: Sequence[str], to: str) -> dict[str, str]:
        """The id of the `to` that each of `ids` belongs to: the primary one, else the lowest id."""
        links: dict[str, list[tuple[bool, str]]] = {}
        for start in range(0, len(ids), MOST_LINKS):
            links |= self._links(kind, ids[start:start + MOST_LINKS], to)
        return {row_id: best for row_id, known in links.items() if (best := choose(known))}

    def all_linked(self, kind: str, row_id: str, to: str) -> set[str]:
        """The ids of every `to` that the row is tied to."""
        return {to_id for _, to_id in self._links(kind, [row_id], to).get(row_id, ()) if to_id}

    def _links(self, kind: str, ids: Sequence[str], to: str) -> dict[str, list[tuple[bool, str]]]:
        """Id -> (is primary, id of the `to`)."""
        what, body = f"read associations of {kind} with {to}", {"inputs": [{"id": each} for each in ids]}
        rows = self._found(what, self._read(what, lambda: self._paths.associations(kind, to, body)))
        return {
            str(_dict(row.get("from")).get("id")): [
                (_is_primary(link), str(link.get("toObjectId") or "")) for link in _dicts(row.get("to"))
            ] for row in rows
        }

    # ---- writing ----

    def upsert(self, kind: str, id_property: str, value: str, properties: Mapping[str, str]) -> Row:
        """The row of `kind` whose `id_property` is `value`, made or changed to have `properties`.

        Raises:
            OutcomeUnknown: it may have been done.
        """
        what = f"upsert {kind}"
        body = {"inputs": [{"id": value, "idProperty": id_property, "properties": dict(properties)}]}
        answer = self._write(what, lambda: self._paths.upsert_batch(kind, body))
        rows = _dicts(answer.get("results"))
        if not rows:
            raise self._refused(what, answer) or OutcomeUnknown(
                f"hubspot: {what} was answered without a result. Steward looks before it tries again.")
        return rows[0]

    def associate(self, kind: str, row_id: str, to: str, to_id: str) -> None:
        """Tie the two together; they may be already."""
        what = f"associate {kind} with {to}"
        answer = self._write(what, lambda: self._paths.associate(kind, row_id, to, to_id))
        refused = self._refused(what, answer)
        if refused:
            raise refused

    # ---- one call ----

    @property
    def _paths(self) -> Paths:
        if self._held is None:              # late: `connect` is asked of every connection that is listed
            settings = self._settings
            self._held = paths(settings.api, self._token, settings.host, self._tools.deadline_s)
        return self._held

    def _page(self, what: str, call: Callable[[], Answer], *, search: bool = False) -> tuple[list[Row], str | None]:
        answer = self._read(what, call, search=search)
        if not isinstance(answer.get("results"), list):
            raise Unavailable(f"hubspot: {what} was answered without results. Steward tries again later.")
        after = _dict(_dict(answer.get("paging")).get("next")).get("after")
        return _dicts(answer["results"]), str(after) if after else None

    def _found(self, what: str, answer: Row) -> list[Row]:
        """The rows of a batch; a 207 names beside them those that were not found, which is no failure."""
        rest = [error for error in _dicts(answer.get("errors")) if error.get("category") != "OBJECT_NOT_FOUND"]
        refused = self._refused(what, {"errors": rest})
        if refused:
            raise refused
        if not isinstance(answer.get("results"), list):
            raise Unavailable(f"hubspot: {what} was answered without results. Steward tries again later.")
        return _dicts(answer["results"])

    def _read(self, what: str, call: Callable[[], Answer], *, search: bool = False) -> Row:
        return self._call(what, call, write=False, search=search)

    def _write(self, what: str, call: Callable[[], Answer]) -> Row:
        return self._call(what, call, write=True, search=False)

    def _call(self, what: str, call: Callable[[], Answer], *, write: bool, search: bool) -> Row:
        try:
            with within(self._calls, self._searches) if search else within(self._calls):
                answer = call()
        except NotSent as error:
            raise Unavailable(f'hubspot: could not connect to "{self._settings.host}": {error}. '
                              "Steward tries again later.") from None
        except LineBroke as error:
            raise _broken(what, f"the line broke: {error}", write) from None
        if not 200 <= answer.status <= 299:
            raise self._meaning(what, answer, write)
        body = _parsed(answer.body)
        if not isinstance(body, dict):
            raise _broken(what, "the answer was no JSON object", write)
        return body

    def _meaning(self, what: str, answer: Answer, write: bool) -> StewardError:
        body, now = _dict(_parsed(answer.body)), self._tools.now()
        if answer.status in _LATER:
            return RateLimited(f"hubspot: {what} was answered {answer.status}{self._said(body)}. Steward tries again.",
                               retry_after_s(answer.headers, now))
        error = failure("hubspot", what, answer.status, answer.headers, self._said(body).removeprefix(": "),
                        write=write, now=now)
        return RecordRejected(str(error), _field(body)) if isinstance(error, RecordRejected) else error

    def _refused(self, what: str, answer: Row) -> StewardError | None:
        """The error for the first of a batch's own errors; None where there is none."""
        errors = _dicts(answer.get("errors"))
        if not errors:
            return None
        status = _STATUS_OF.get(str(errors[0].get("category")), 400)
        said = self._said(errors[0]).removeprefix(": ")
        error = failure("hubspot", what, status, {}, said, write=True, now=self._tools.now())
        return RecordRejected(str(error), _field(errors[0])) if isinstance(error, RecordRejected) else error

    def _said(self, body: Row) -> str:
        """HubSpot's own words, with what its support asks for."""
        message = " ".join(str(body.get("message") or "").split())[:400]
        marks = [str(body[name])[:80] for name in ("category", "policyName", "correlationId") if body.get(name)]
        text = message + (f" ({', '.join(marks)})" if marks else "")
        return f": {text}".replace(self._token, "…") if text else ""


def choose(links: Iterable[tuple[bool, str]]) -> str | None:
    """Of (is primary, id): the primary id, else the lowest; None where there is none."""
    best = min(((not primary, len(each), each) for primary, each in links if each), default=None)
    return best[2] if best else None


def _is_primary(link: Row) -> bool:
    types = _dicts(link.get("associationTypes"))
    return any(each.get("typeId") in _PRIMARY or each.get("label") == "Primary" for each in types)


def _broken(what: str, why: str, write: bool) -> StewardError:
    if write:
        return OutcomeUnknown(f"hubspot: {what} may have been done: {why}. Steward looks before it tries again.")
    return Unavailable(f"hubspot: {what} got no answer: {why}. Steward tries again later.")


def _field(body: Row) -> str | None:
    """The property that was refused, where HubSpot says so."""
    for error in (body, *_dicts(body.get("errors"))):
        context = _dict(error.get("context"))
        for name in ("propertyName", "properties", "name"):
            found = context.get(name)
            if isinstance(found, list) and found:
                return str(found[0])
            if isinstance(found, str):
                return found
    return None


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        return json.loads(body)             # orjson refuses half a surrogate pair, which HubSpot lets people store
    except (ValueError, RecursionError):
        return None


def _dict(node: Any) -> Row:
    return node if isinstance(node, dict) else {}


def _dicts(node: Any) -> list[Row]:
    return [each for each in node if isinstance(each, dict)] if isinstance(node, list) else []
