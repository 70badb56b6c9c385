"""One PX call: its answer as plain data, or the error that says whether it happened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.gainsight_px.settings import GainsightPxSettings
from connectors.gainsight_px.shapes import ACCOUNTS, Listing
from steward.contracts import Tools
from steward.kit.client import Client as Http
from steward.kit.retry import again
from steward.model.errors import AccessDenied, GiveUp, OutcomeUnknown, RecordRejected, Unavailable

Row = Mapping[str, Any]

MOST_BYTES = 64 * 1024 * 1024
_EXPIRED = (400, 404, 410)
_MOST_PAGES = 1000
REGIONS = (
    "the key belongs to another data centre. Set url to https://api.aptrinsic.com, https://api-eu.aptrinsic.com or "
    "https://api-us2.aptrinsic.com, as the address under which you open PX says")


class ScrollLost(Exception):
    """A scroll cannot be gone on with: it expired, or an answer was lost, after which PX would give the page after it.

    Whoever reads asks for the list anew, and raises `error` where that does not help.
    """

    def __init__(self, error: Unavailable) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Scroll:
    """Where a list stands: PX's id for going on ("" at the beginning), and how many rows were given."""

    scroll_id: str = ""
    given: int = 0


BEGINNING = Scroll()


class Client:
    """Calls to one subscription with one API key."""

    def __init__(self, settings: GainsightPxSettings, tools: Tools) -> None:
        key = settings.api_key.get_secret_value()
        self._http = Http("gainsight_px", settings.url, tools, {"x-aptrinsic-api-key": key})
        self._tools, self._size = tools, settings.page_size

    # ---- lists ----

    def page(
        self, listing: Listing, scroll: Scroll, *, where: str = "", sort: str = "", size: int = 0,
    ) -> tuple[list[Row], Scroll | None]:
        """Some rows of a list, and where to go on; None after the last.

        Raises:
            ScrollLost: begin anew.
            AccessDenied: there is no such list here.
        """
        asked = size or self._size
        params = {"pageSize": str(asked)}
        params |= {name: value for name, value in (
            ("filter", where), ("sort", sort), ("scrollId", scroll.scroll_id)) if value}
        body = again(lambda: self._page(listing, params), self._tools)
        rows: list[Row] = [each for each in body.get(listing.rows) or [] if isinstance(each, dict)]
        given, total, following = scroll.given + len(rows), body.get("totalHits"), body.get("scrollId")
        left = isinstance(total, int) and given < total
        if not rows:
            return rows, None
        if not isinstance(following, str) or not following:
            # PX promises an id as long as there is more. A page that is full without one was cut on the way.
            if left and len(rows) >= asked:
                raise ScrollLost(Unavailable(
                    f"gainsight_px: {listing.what} ended after {given:,} of {total:,} rows. Steward tries again."))
            return rows, None
        return rows, Scroll(following, given) if left or len(rows) >= asked else None

    def all(self, listing: Listing, where: str) -> Iterator[Row]:
        """Every row of a list, by date. Raises ScrollLost where it has to be begun anew."""
        scroll: Scroll | None = BEGINNING
        while scroll:
            rows, scroll = self.page(listing, scroll, where=where, sort="date")
            yield from rows

    def _page(self, listing: Listing, params: Mapping[str, str]) -> Row:
        if "scrollId" not in params:
            return self._answered(listing, params, (404,))
        try:
            return self._answered(listing, params, _EXPIRED)
        except Unavailable as error:
            raise ScrollLost(error) from None

    def _answered(self, listing: Listing, params: Mapping[str, str], also: Collection[int]) -> Row:
        answer = self._http.get(listing.path, listing.what, params, most_bytes=MOST_BYTES, also=also)
        if answer.status in also:
            if "scrollId" in params:
                raise Unavailable(
                    f"gainsight_px: {listing.what}: the scroll was answered {answer.status}. Steward begins anew.")
            raise AccessDenied(f"gainsight_px: {listing.what} was answered 404: {REGIONS}.")

        def read(body: Any) -> Row:
            if not isinstance(body[listing.rows], list):
                raise TypeError("no list")
            return dict(body)

        return self._http.understood(answer, listing.what, read)

    # ---- one row ----

    def one(self, listing: Listing, key: str, row_id: str) -> dict[str, Any] | None:
        """The account or user of exactly this id, which stands under `key`; None where there is none."""
        what = f"read one of {listing.rows}"
        if "/" in row_id or "\\" in row_id:                   # no place in a path, says the documentation
            rows, _ = self.page(listing, BEGINNING, where=f"{key}=={row_id}")
            return next((dict(row) for row in rows if row.get(key) == row_id), None)

        def once() -> dict[str, Any] | None:
            answer = self._http.get(f"{listing.path}/{quote(row_id, safe='')}", what, also=(404,))
            if answer.status == 404:
                return None
            return self._http.understood(answer, what, lambda body: _same(body, key, row_id))

        return again(once, self._tools)

    def account(self, account_id: str) -> dict[str, Any] | None:
        return self.one(ACCOUNTS, "id", account_id)

    def update(self, account: Row) -> None:
        """Write an account; its id stands in it, as one with a slash has no place in a path.

        Raises:
            RecordRejected: there is no such account, or PX refused a value.
            OutcomeUnknown: it may have been done.
        """
        what = "update an account"
        answer = self._http.put("/v1/accounts/update", what, account)
        if answer.status != 204:
            raise OutcomeUnknown(
                f"gainsight_px: {what} was answered {answer.status} instead of 204. Whether it was done is not known; "
                "Steward looks before it tries again.")

    # ---- what there is ----

    def attributes(self) -> dict[str, str]:
        """The custom attributes of accounts that are in use, by the name that the API has for them, and their types."""
        what = "list the attributes of accounts"

        def once() -> dict[str, str]:
            answer = self._http.get("/v1/admin/model/account/attributes", what, also=(404,))
            if answer.status == 404:
                raise AccessDenied(f"gainsight_px: {what} was answered 404: {REGIONS}.")
            return self._http.understood(answer, what, lambda body: {
                each["apiName"]: str(each.get("type")) for each in body
                if each.get("origin") == "CUSTOM" and each.get("state") == "ENABLED"})

        return again(once, self._tools)

    def features(self) -> set[str]:
        """The ids of all features."""
        what, found = "list features", set[str]()
        for number in range(_MOST_PAGES):
            body = again(lambda number=number: self._features(what, number), self._tools)  # type: ignore[misc]  # mypy sees no default in a lambda
            rows: Sequence[Row] = body["features"]
            found |= {str(row.get("id")) for row in rows}
            if not rows or body.get("isLastPage") is not False:
                return found
        raise GiveUp(f"gainsight_px: {what}: the list has no end.")

    def _features(self, what: str, number: int) -> Row:
        answer = self._http.get("/v1/feature", what, {"pageSize": "500", "pageNumber": str(number)})

        def read(body: Any) -> Row:
            return {"features": [dict(each) for each in body["features"]], "isLastPage": body.get("isLastPage")}

        return self._http.understood(answer, what, read)


def _same(body: Any, key: str, row_id: str) -> dict[str, Any]:
    if body[key] != row_id:
        raise ValueError("another one")
    return dict(body)


def no_account(account_id: str) -> RecordRejected:
    return RecordRejected(
        f'gainsight_px: there is no account "{account_id[:60]}" in this data centre. Ids are compared by case; the '
        "product may not have told PX of it yet.")
