"""What PX tells becomes accounts, contacts and days; nothing is lost while it is read, or counted twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.gainsight_px.sandbox import GainsightPxSandbox
from connectors.gainsight_px.sandbox_seed import TAG, account_id
from steward.contracts import Connection, Cursor, Page, Refetch, SourceField
from steward.kit.sandbox import Fault, Reply, Request, Weather
from steward.model.errors import AccessDenied, ConfigError, TryAgain, Unavailable
from steward.model.records import Record

Connect = Callable[..., Connection]
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = date(2026, 3, 10)
STREAMS = ("accounts", "contacts", "daily")


def pull(connection: Connection, stream: str = "accounts", after: Cursor | None = None) -> list[Page]:
    assert connection.source
    return list(connection.source.pull(stream, after))


def records(pages: Iterable[Page]) -> dict[str, Record]:
    return {record.external_id: record for page in pages for record in page.records}


def cells(pages: Iterable[Page]) -> dict[tuple[str, date], dict[str, float]]:
    return {
        (row.pop("account_external_id"), row.pop("day")): row
        for page in pages if page.usage is not None for row in page.usage.to_dicts()}


def account(number: int, **more: Any) -> dict[str, Any]:
    at = NOON - timedelta(days=9) + timedelta(minutes=number)
    return {"id": account_id(number), "name": f"Acme {number}", "propertyKeys": [TAG], "createDate": at,
            "lastModifiedDate": at, **more}


def event(name: str, at: datetime, who: str = "ana", account: str | None = "acme-0001", **more: Any) -> dict[str, Any]:
    return {"eventId": name, "identifyId": who, "date": at, "accountId": account, "userType": "USER", **more}


# ---- what a row becomes ----

def test_an_account_is_read_as_px_keeps_it(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """Milliseconds, countries of three letters, other systems' ids, attributes by their path."""
    sandbox.load("accounts", [account(
        1, website="https://www.Acme.com/x", industry="Software", numberOfEmployees=70, sfdcId="001A", gsId="1P02B",
        parentGroupId="acme-0000", healthScore=81, location={"countryCode": "DEU", "timeZone": "Europe/Berlin"},
        customAttributes={"tier": "Large", "pilot": True})])
    found = records(pull(connect(
        custom={"accounts": {"health": "healthScore", "pilot": "customAttributes.pilot", "absent": "nps"}},
        fields={"accounts": {"segment": "customAttributes.tier"}}, words={"accounts": {"segment": {"large": "enterprise"}}})))

    at = NOON - timedelta(days=9) + timedelta(minutes=1)
    assert found["acme-0001"].modified_at == at
    assert found["acme-0001"].values == {
        "name": "Acme 1", "domain": "acme.com", "industry": "Software", "country": "DE", "timezone": "Europe/Berlin",
        "employees": 70, "created_at": at, "parent_external_id": "acme-0000", "segment": "enterprise",
        "id_in.salesforce": "001A", "id_in.gainsight": "1P02B", "custom.health": Decimal(81), "custom.pilot": True}


def test_what_cannot_be_read_costs_that_field_only(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """One word that nobody knows must not hide the account."""
    sandbox.load("accounts", [account(1, numberOfEmployees="about ten", plan="Odd", location={"countryCode": "Narnia"})])
    pages = pull(connect(fields={"accounts": {"lifecycle": "plan", "arr": "healthScore"}}, words={"accounts": {"lifecycle": {"pro": "customer"}}}))

    assert set(records(pages)["acme-0001"].values) == {"name", "created_at"}
    told = {refusal.field: refusal.reason for page in pages for refusal in page.refusals}
    assert told == {
        "employees": 'numberOfEmployees: "about ten" is no number',
        "country": 'location.countryCode: "NARNIA" is no ISO 3166 code, such as "DEU"',
        "lifecycle": 'plan: "odd" is not known; say what it means in words: {accounts: {lifecycle: …}}'}


def test_an_amount_without_a_currency_is_none(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    sandbox.load("accounts", [account(1, healthScore=5)])
    pages = pull(connect(fields={"accounts": {"arr": "healthScore"}}))

    assert [refusal.reason for refusal in pages[0].refusals] == [
        "healthScore: PX keeps no currency with an amount. Take it over as custom.arr instead"]


def test_only_users_are_contacts(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """Whoever looks at the home page is a visitor to PX; thousands of them would hide who uses the product."""
    sandbox.load("users", [
        {"identifyId": kind, "type": kind, "email": f"{kind}@Acme.com", "firstName": "Ana", "lastName": "Ng", "role": "Admin",
         "accountId": "acme-0001", "lastSeenDate": NOON, "lastModifiedDate": NOON}
        for kind in ("USER", "LEAD", "VISITOR", "EMPTY_USER_TYPE")] + [
        {"identifyId": "cook", "type": "USER", "role": "Chief Cook", "lastModifiedDate": NOON}])
    pages = pull(connect(), "contacts")

    assert records(pages)["USER"].values == {
        "account_external_id": "acme-0001", "name": "Ana Ng", "email": "user@acme.com", "role": "admin", "last_seen_at": NOON}
    assert records(pages)["cook"].values == {}
    assert set(records(pages)) == {"USER", "cook"}
    assert [page.refusals for page in pages] == [[]]


# ---- lists ----

@pytest.mark.parametrize("page_size", [1, 2, 3, 6, 7])
def test_a_list_ends_where_it_is_short_and_not_where_it_has_no_id(
    sandbox: GainsightPxSandbox, connect: Connect, page_size: int,
) -> None:
    """PX tells an id on its last page too."""
    sandbox.load("accounts", [account(number) for number in range(6)])
    pages = pull(connect(page_size=page_size))

    assert sum(len(page.records) for page in pages) == 6
    assert [page.watermark is not None for page in pages] == [False] * (len(pages) - 1) + [True]


def test_px_may_give_fewer_than_it_was_asked_for(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """A list that says of itself that there is more is read on, however short its pages."""
    sandbox.load("accounts", [account(number) for number in range(10)])
    sandbox.page_size = 4

    assert len(records(pull(connect(page_size=1000)))) == 10


def test_a_page_that_was_cut_on_the_way_is_no_end(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """Else the accounts after it are never read."""
    sandbox.load("accounts", [account(number) for number in range(6)])
    sandbox.alter = lambda request, reply: (
        Reply(200, {**reply.body, "scrollId": None}) if request.path == "/v1/accounts" else reply)
    with pytest.raises(Unavailable, match="ended after 3 of 6 rows"):
        pull(connect(page_size=3))


def test_a_scroll_that_expired_is_begun_anew(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """A pull that was stopped over lunch goes on after it."""
    sandbox.load("accounts", [account(number) for number in range(9)])
    first = next(iter(pull(connect(page_size=4))))
    sandbox.scrolls.open.clear()
    rest = pull(connect(page_size=4), after=first.cursor)

    assert set(records([first, *rest])) == {account_id(number) for number in range(9)}


@pytest.mark.parametrize("kind", ["cut", "truncated"])
def test_a_page_whose_answer_was_lost_is_not_skipped(
    sandbox: GainsightPxSandbox, connect: Connect, kind: str,
) -> None:
    """To ask PX for it a second time would give the page after it."""
    sandbox.load("accounts", [account(number) for number in range(12)])
    sandbox.faults.append(Fault(kind, on="/v1/accounts", skip=1))

    assert set(records(pull(connect(page_size=4)))) == {account_id(number) for number in range(12)}


def test_what_was_lost_is_gone_on_with_where_it_was(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """Not from the beginning: a million users would never come to an end."""
    sandbox.load("accounts", [account(number) for number in range(40)])
    sandbox.faults.append(Fault("status", status=502, on="/v1/accounts", skip=5))
    pages = pull(connect(page_size=4, overlap_s=60))

    names = [record.external_id for page in pages for record in page.records]
    assert set(names) == {account_id(number) for number in range(40)}
    assert len(names) == 42


def test_rows_out_of_order_are_asked_for_from_the_beginning(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """Where PX does not sort as it promises, the time of the last row says nothing of the others."""
    sandbox.load("accounts", [account(number) for number in range(12)])
    rows = sandbox.rows["accounts"]
    sandbox.rows["accounts"] = dict(reversed(rows.items()))
    plain = sandbox.list_accounts

    def unsorted(request: Request) -> Reply:
        return plain(replace(request, query={**request.query, "sort": ""}))

    sandbox._routes = [(method, pattern, (lambda _, request: unsorted(request)) if pattern.fullmatch("/v1/accounts") else handler)
                       for method, pattern, handler in sandbox._routes]
    first = next(iter(pull(connect(page_size=4))))
    assert set(records(pull(connect(page_size=4), after=first.cursor))) == set(rows)


def test_a_scroll_that_always_expires_is_told(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    sandbox.load("accounts", [account(number) for number in range(9)])

    def expired(request: Request, reply: Reply) -> Reply:
        return sandbox.error(404) if "scrollId" in request.query else reply

    sandbox.alter = expired
    with pytest.raises(TryAgain, match="the scroll was answered 404"):
        pull(connect(page_size=4))


def test_the_next_pull_asks_for_changes_only(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """By PX's clock, and a little before: some show late."""
    sandbox.load("accounts", [account(number) for number in range(40)])
    done = pull(connect(overlap_s=120))
    sandbox.load("accounts", [account(3, name="Renamed", lastModifiedDate=NOON)])
    again = pull(connect(overlap_s=120), after=done[-1].cursor)

    assert set(records(again)) == {"acme-0003", "acme-0037", "acme-0038", "acme-0039"}


def test_a_key_of_another_data_centre_is_told_so(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """PX says no more than 404."""
    sandbox.elsewhere = True
    for stream in ("accounts", "contacts", "daily"):
        with pytest.raises(AccessDenied, match=r"another data centre. Set url to https://api\.aptrinsic\.com"):
            pull(connect(), stream)


# ---- usage ----

def test_a_day_is_counted_by_account(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """Several events may count for one metric; who does nothing of a kind has a zero, as all of it was read."""
    morning = NOON - timedelta(hours=4)
    sandbox.load("session", [
        event("1", morning), event("2", morning), event("3", morning, "ben"), event("4", morning, "cy", "acme-0002"),
        event("5", morning, "visitor", None), event("6", morning - timedelta(days=1))])
    sandbox.load("custom", [
        event("1", morning, eventName="Report Viewed"), event("2", morning, "dora", eventName="Report Built"),
        event("3", morning, "nobody", eventName="Mouse Moved")])
    sandbox.load("feature_match", [event("1", morning, featureId="f1"), event("2", morning, featureId="f2")])
    found = cells(pull(connect(events={"Report Viewed": "reports", "Report Built": "reports"}, features={"f1": "dashboards"}), "daily"))

    none = {"reports": 0, "dashboards": 0}
    assert found == {
        ("acme-0001", TODAY): {"active_users": 3, "sessions": 3, "reports": 2, "dashboards": 1},
        ("acme-0002", TODAY): {"active_users": 1, "sessions": 1, **none},
        ("acme-0001", TODAY - timedelta(days=1)): {"active_users": 1, "sessions": 1, **none}}


def test_a_day_ends_at_midnight_in_utc(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    midnight = datetime(2026, 3, 10, tzinfo=UTC)
    sandbox.load("session", [event("1", midnight), event("2", midnight - timedelta(milliseconds=1)), event("3", midnight - timedelta(seconds=1))])

    assert {day: row["sessions"] for (_, day), row in cells(pull(connect(), "daily")).items()} == {
        TODAY: 1, TODAY - timedelta(days=1): 2}


def test_late_events_are_counted_as_far_as_the_overlap_goes(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """A phone that was offline tells of yesterday today."""
    sandbox.load("session", [event(f"{days}", NOON - timedelta(days=days)) for days in range(8)])
    done = pull(connect(history_days=8, overlap_days=2), "daily")
    sandbox.load("session", [event(f"late {days}", NOON - timedelta(days=days)) for days in range(8)])
    again = cells(pull(connect(history_days=8, overlap_days=2), "daily", done[-1].cursor))

    assert len(cells(done)) == 8
    assert {day: row["sessions"] for (_, day), row in again.items()} == {TODAY - timedelta(days=days): 2 for days in range(3)}


def test_a_pause_of_months_leaves_no_gap(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """And no question is for more days than PX gives."""
    done = pull(connect(), "daily")
    sandbox.load("session", [event("1", NOON + timedelta(days=5)), event("2", NOON + timedelta(days=250))])
    again = pull(connect(timedelta(days=250)), "daily", done[-1].cursor)

    assert {day for _, day in cells(again)} == {TODAY + timedelta(days=5), TODAY + timedelta(days=250)}
    assert sandbox.breaches == []


def test_a_scroll_that_expires_within_a_day_counts_nobody_twice(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """What was counted before it is counted anew, not added."""
    sandbox.load("session", [event(f"{number}", NOON - timedelta(minutes=number)) for number in range(10)])
    lost: list[str] = []

    def once(request: Request, reply: Reply) -> Reply:
        if "scrollId" in request.query and not lost:
            lost.append(request.path)
            return sandbox.error(404)
        return reply

    sandbox.alter = once
    assert cells(pull(connect(page_size=4, history_days=1), "daily"))["acme-0001", TODAY]["sessions"] == 10
    assert lost


def test_only_what_is_counted_is_asked_for(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """Custom events may be millions."""
    pull(connect(events={}, features={}), "daily")

    assert {path for _, _, path, _ in sandbox.calls} == {"/v1/events/session"}


# ---- whatever happens ----

def _later(sandbox: GainsightPxSandbox, hours: int) -> datetime:
    return NOON + timedelta(hours=hours) + sandbox.skew


@pytest.mark.parametrize("seed", [2, 5])
def test_what_is_held_agrees_with_px_whatever_happens(
    sandbox: GainsightPxSandbox, connect: Connect, seed: int,
) -> None:
    """Edits, imports, late changes, expired scrolls, weather and clocks that differ; but not deletions, of which PX
    does not tell."""
    chance = random.Random(seed)
    sandbox.seed(9)
    sandbox.page_size = 4
    sandbox.skew = timedelta(minutes=chance.randint(-10, 10))
    held: dict[str, dict[str, Record]] = {"accounts": {}, "contacts": {}}
    usage: dict[tuple[str, date], dict[str, float]] = {}
    cursors: dict[str, Cursor | None] = dict.fromkeys(STREAMS)
    hours, quiet = 0, 0
    while quiet < 2:
        hours += 1
        quiet = quiet + 1 if hours > 10 else 0
        sandbox.now = partial(_later, sandbox, hours)
        sandbox.weather = None if quiet else Weather(seed * 100 + hours, share=0.15, kinds=[
            "429", "5xx", "html", "truncated", "cut", "quota"])
        for stream in STREAMS:
            for _ in range(40):
                try:
                    source = connect(timedelta(hours=hours), page_size=4, history_days=4, overlap_days=1).source
                    assert source
                    for page in source.pull(stream, cursors[stream]):
                        held.get(stream, {}).update(records([page]))
                        usage |= cells([page])
                        cursors[stream] = page.cursor
                        with sandbox.lock:
                            if not quiet:
                                sandbox.stir(chance)
                except TryAgain:
                    continue
                break
            else:
                pytest.fail(f"{stream} does not come to an end")
        with sandbox.lock:
            sandbox.hidden.clear()

    fresh = connect(timedelta(hours=hours), history_days=4)
    for stream, found in held.items():
        there = records(pull(fresh, stream))
        assert {name: found.get(name) for name in there} == there
    there_usage = cells(pull(fresh, "daily"))
    assert {key: usage.get(key) for key in there_usage} == there_usage
    assert sandbox.breaches == []


def test_a_cursor_of_something_else_is_told(connect: Connect) -> None:
    for stream, cursor in (("accounts", '["days",0,"2026-03-01"]'), ("daily", "x"), ("daily", '["days",0,"soon"]')):
        with pytest.raises(ConfigError, match="is no cursor of this connector"):
            pull(connect(), stream, Cursor(cursor))


def test_429_on_the_way_is_waited_for(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """One that is over at once costs a call, not the pull."""
    sandbox.seed(2)
    sandbox.faults.append(Fault("status", status=503))
    assert len(records(pull(connect()))) == 2


# ---- settings ----

@pytest.mark.parametrize(("given", "words"), [
    ({"events": {"X": "Active Users"}}, "is no metric"),
    ({"features": {"X": "sessions"}}, "is counted from sessions"),
    ({"fields": {"account": {}}}, 'Did you mean "accounts"'),
    ({"fields": {"accounts": {"nmae": "x"}}}, 'Did you mean "name"'),
    ({"history_days": 191}, "less than or equal to 190"),
    ({"page_size": 1001}, "less than or equal to 1000"),
])
def test_a_setting_that_cannot_be_is_refused_in_words(connect: Connect, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        connect(**given)


# ---- single rows ----

@pytest.mark.parametrize("name", ["acme-0001", "a/b", "a\\b", "ü & co", "a;b==c", "a?x=1#y", "../accounts"])
def test_one_row_is_asked_for_by_its_id(sandbox: GainsightPxSandbox, connect: Connect, name: str) -> None:
    """The product chooses the ids; some have no place in a path."""
    at = NOON - timedelta(days=1)
    sandbox.load("accounts", [{"id": each, "name": each, "propertyKeys": [TAG], "lastModifiedDate": at} for each in (name, name.upper())])
    sandbox.load("users", [{"identifyId": name, "type": "USER", "email": "x@y.test", "lastModifiedDate": at}])
    source = connect().source
    assert isinstance(source, Refetch)

    for stream in ("accounts", "contacts"):
        assert set(records(source.fetch(stream, [name, "nobody", "no/body"]))) == {name}
    assert not list(source.fetch("daily", [name]))


def test_the_attributes_that_there_are_are_told_once(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """A key that may not see them reads accounts all the same."""
    sandbox.seed(9)
    told = [page.schema for page in pull(connect(page_size=2)) if page.schema]
    assert [sorted(each["account"]) for each in told] == [[f"customAttributes.{name}" for name in ("kickoff", "pilot", "seats", "tier")]]
    assert told[0]["account"]["customAttributes.seats"] == SourceField("NUMBER")

    sandbox.faults.append(Fault("status", on="attributes", status=403, times=9))
    assert len(records(pull(connect()))) == 9
