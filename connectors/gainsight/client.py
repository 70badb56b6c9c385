"""One Gainsight call: its answer as plain data, or the error that says whether it happened.

Gainsight says no with status 200 as well: `{"result": false, "errorCode": …}`. An empty answer has three forms: an
empty list, "No data found for given criteria" with 200, and GSOBJ_1011 with 400.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.gainsight.pace import Pace
from connectors.gainsight.settings import GainsightSettings
from steward.contracts import Tools
from steward.kit.client import Answer
from steward.kit.client import Client as Http
from steward.kit.http import failure
from steward.kit.retry import again
from steward.model.errors import (
    AccessDenied,
    OutcomeUnknown,
    RateLimited,
    RecordRejected,
    StewardError,
    Unavailable,
)

Row = Mapping[str, Any]
Condition = tuple[str, str, Sequence[object]]       # field, operator, values

MOST_BYTES = 64 * 1024 * 1024
MOST_ROWS, MOST_ON_COCKPIT_PAGE, MOST_COCKPIT_PAGES = 5000, 1000, 200
_TELLING = (400, 404)                        # statuses under which the body says what is meant
_DENIED = ("GS_APIG_2401", "GSOBJ_1024")
_TOO_FAST = ("GU_2400",)
_NO_ROWS = ("GSOBJ_1011",)
_BROKEN = ("GU_1101",)                       # "unexpected processing error"
_EMPTY_WORDS = ("no data found for given criteria", "no entity matches the given criteria")
_DATES = ("GSOBJ_1005",)
_NOTHING = "neither rows nor null"


class Client:
    """Calls to one tenant with one access key, within its budgets."""

    def __init__(self, settings: GainsightSettings, tools: Tools) -> None:
        self._http = Http("gainsight", settings.url, tools, {"accesskey": settings.access_key.get_secret_value()})
        self._tools = tools
        self._pace = Pace(tools, settings.url, settings.calls_per_min, settings.calls_per_day)

    # ---- reading ----

    def rows(
        self, object_name: str, select: Sequence[str], conditions: Sequence[Condition], order: Mapping[str, str],
        limit: int,
    ) -> list[Row]:
        """At most `limit` rows of an object that meet all conditions; never by an offset, which skips rows."""
        body: dict[str, Any] = {"select": list(select), "orderBy": dict(order), "limit": limit, "offset": 0}
        if conditions:
            named = [chr(ord("A") + place) for place in range(len(conditions))]
            body["where"] = {
                "conditions": [{"name": name, "alias": alias, "operator": operator, "value": list(values)}
                               for alias, (name, operator, values) in zip(named, conditions, strict=True)],
                "expression": " AND ".join(named),
            }
        return self._list(f"query {object_name}", lambda what: self._http.ask(
            f"/v1/data/objects/query/{object_name}", what, body, most_bytes=MOST_BYTES, also=_TELLING))

    def describe(self, object_name: str) -> Row | None:
        """What Gainsight says about an object and its fields; None where the tenant has none of that name."""
        params = {"ic": "false", "cl": "0", "idd": "false", "ihc": "false", "piec": "false"}
        told = self._read(f"describe {object_name}", lambda what: self._http.get(
            f"/v1/meta/services/objects/{object_name}/describe", what, params, most_bytes=MOST_BYTES, also=_TELLING))
        found = rows_of(told)
        return found[0] if found else None

    def dropdown(self, category: str) -> list[Row]:
        """The items of a dropdown category."""
        told = self._read("read a dropdown", lambda what: self._http.get(
            f"/v1/meta/services/dropdowns/{category}", what, also=_TELLING))
        data = told.get("data") if told else None
        return dicts(data.get("childItems")) if isinstance(data, dict) else []

    def cockpit(self, path: str, select: Sequence[str], conditions: Sequence[Condition]) -> list[Row]:
        """Every row of a listing of the Cockpit or of success plans that meets all conditions, page by page."""
        found: list[Row] = []
        for number in range(1, MOST_COCKPIT_PAGES + 1):
            page = self.cockpit_page(path, select, conditions, number)
            found += page
            if len(page) < MOST_ON_COCKPIT_PAGE:
                break
        return found

    def cockpit_page(
        self, path: str, select: Sequence[str], conditions: Sequence[Condition], number: int,
    ) -> list[Row]:
        """Page `number`, counted from 1."""
        body: dict[str, Any] = {"select": list(select), "pageSize": MOST_ON_COCKPIT_PAGE, "pageNumber": number}
        if conditions:
            named = [chr(ord("A") + place) for place in range(len(conditions))]
            body["where"] = {
                "conditions": [{"fieldName": name, "alias": alias, "operator": operator, "value": list(values)}
                               for alias, (name, operator, values) in zip(named, conditions, strict=True)],
                "expression": " AND ".join(named),
            }
        return self.listing(path, body, f"list {path.removeprefix('/')}")

    def listing(self, path: str, body: Row, what: str) -> list[Row]:
        """The rows that a question by POST is answered with."""
        return self._list(what, lambda named: self._http.ask(
            path, named, body, most_bytes=MOST_BYTES, also=_TELLING))

    def options(self, path: str, categories: Sequence[str]) -> Any:
        """The configuration of the Cockpit or of success plans, as it is told."""
        params = {"category": ",".join(categories), "et": "COMPANY"}
        told = self._read("read the configuration", lambda what: self._http.get(path, what, params, also=_TELLING))
        return told.get("data") if told else None

    # ---- writing ----

    def post(self, path: str, body: Row, what: str) -> Row:
        """The answer to a write, where it says yes.

        Raises:
            RecordRejected: Gainsight refused it.
            OutcomeUnknown: it may have been done.
        """
        return self._write(what, lambda named: self._http.post(path, named, body, also=_TELLING))

    def put(self, path: str, body: Row, what: str) -> Row:
        """As `post`, by PUT."""
        return self._write(what, lambda named: self._http.put(path, named, body, also=_TELLING))

    # ---- one call ----

    def _list(self, what: str, call: Callable[[str], Answer]) -> list[Row]:
        told = self._read(what, call, absent_is_empty=False)
        found = rows_of(told)
        if found is None:
            raise Unavailable(f"gainsight: {what} was answered without rows. Steward tries again later.")
        return found

    def _read(self, what: str, call: Callable[[str], Answer], *, absent_is_empty: bool = True) -> Row | None:
        """The body of the answer; None where what was asked for is not there."""
        def once() -> Row | None:
            answer = self._pace.within(lambda: call(what))
            body = self._http.understood(answer, what, _object)
            if says_yes(body) and answer.status not in _TELLING:
                return body
            if _is_absent(body):
                if absent_is_empty:
                    return None
                raise Absent(f"gainsight: {what}: the tenant has no such object, or the key may not see it.")
            if _is_empty(body):
                return {"result": True, "data": []}
            raise self._meaning(what, answer, body, write=False)

        return again(once, self._tools)

    def _write(self, what: str, call: Callable[[str], Answer]) -> Row:
        answer = self._pace.within(lambda: call(what))
        body = self._http.understood(answer, what, _object, write=True)
        if says_yes(body) and answer.status not in _TELLING:
            return body
        raise self._meaning(what, answer, body, write=True)

    def _meaning(self, what: str, answer: Answer, body: Row, *, write: bool) -> StewardError:
        """What a no means: by its code, as the status may be 200."""
        code, said = _text(body.get("errorCode")) or _text(body.get("title")), said_in(body)
        text = f"gainsight: {what} was refused" + (f" ({code})" if code else "") + (f": {said}" if said else "")
        if code in _DENIED:
            return AccessDenied(f"{text}. Set access_key anew, then run: steward connector check gainsight")
        if code in _TOO_FAST:
            return RateLimited(f"{text}. Steward waits and tries again.")
        if code in _DATES:
            return RecordRejected(f"{text}. If it is about a filter, set filter_zone to the tenant's time zone.")
        if code in _BROKEN or not (code or said):
            if write:
                return OutcomeUnknown(f"{text}. Whether it was done is not known; Steward looks before it tries again.")
            return Unavailable(f"{text}. Steward tries again later.")
        if answer.status == 404:
            return failure("gainsight", what, 404, answer.headers, said, write=write, now=self._tools.now())
        return Refused(text)


class Absent(RecordRejected):
    """The tenant has no such object."""


class Refused(RecordRejected):
    """Gainsight understood, and said no."""


def says_yes(body: Row) -> bool:
    return body.get("result") is True


def said_in(body: Row) -> str:
    """Gainsight's own words in an answer."""
    named = (_text(body.get(name)) for name in ("errorDesc", "localizedErrorDesc", "message", "detail"))
    return next((said[:200] for said in named if said), "")


def rows_of(told: Row | None) -> list[Row] | None:
    """The rows of an answer: `data` is a list of them, or holds it as `records`; None where there is neither."""
    if told is None:
        return []
    data = told.get("data", _NOTHING)
    if isinstance(data, dict):
        data = data.get("records") if "records" in data else (_NOTHING if data else None)
    if data is None:
        return []
    return dicts(data) if isinstance(data, list) else None


def dicts(node: Any) -> list[Row]:
    return [each for each in node if isinstance(each, dict)] if isinstance(node, list) else []


def _object(body: Any) -> Row:
    if not isinstance(body, dict) or "result" not in body:
        raise TypeError("no envelope")
    return body


def _is_absent(body: Row) -> bool:
    words = f'{_text(body.get("errorDesc"))} {_text(body.get("detail"))}'.lower()
    return body.get("title") == "OBJECT_NOT_FOUND" or "object not found" in words


def _is_empty(body: Row) -> bool:
    said = said_in(body).lower()
    return body.get("errorCode") in _NO_ROWS or any(words in said for words in _EMPTY_WORDS)


def _text(node: Any) -> str:
    return node if isinstance(node, str) else "" if node is None else json.dumps(node)[:200]
