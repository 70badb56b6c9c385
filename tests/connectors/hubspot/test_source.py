"""Nothing is lost and nothing doubled, however HubSpot's search behaves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from steward.contracts import Connection, Cursor, Page
from steward.kit.sandbox import Fault
from steward.model.errors import ConfigError, RateLimited, TryAgain
from steward.model.money import Money
from steward.model.records import Record

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def row(row_id: int, at: datetime, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"id": str(row_id), "createdAt": stamp, "updatedAt": stamp, "properties": properties or {}, **more}


def pull(connection: Connection, stream: str = "accounts", after: Cursor | None = None) -> list[Page]:
    assert connection.source
    return list(connection.source.pull(stream, after))


def ids(pages: Iterable[Page]) -> list[str]:
    return [record.external_id for page in pages for record in page.records]


def first_load(sandbox: HubSpotSandbox, connect: Any, rows: int = 1) -> Cursor:
    sandbox.load("companies", [row(each, LONG_AGO) for each in range(1, rows + 1)])
    return pull(connect())[-1].cursor


def test_more_changes_than_a_search_may_give_are_all_found(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A bulk edit of 50,000 companies is no reason to lose 40,000 of them."""
    cursor = first_load(sandbox, connect)
    sandbox.search_cap, sandbox.page_size = 20, 10
    now = datetime.now(UTC)
    sandbox.load("companies", [row(100 + each, now - timedelta(seconds=200 - each)) for each in range(137)])

    found = ids(pull(connect(), after=cursor))

    assert sorted(set(found) - {"1"}, key=int) == [str(100 + each) for each in range(137)]
    assert len(found) == len(set(found)), "and none of them twice"
    assert all(status == 200 for _, _, _, status in sandbox.calls)


@pytest.mark.parametrize("api", ["v3", "2026-03"])
def test_a_flood_in_one_millisecond_is_drained_by_id(sandbox: HubSpotSandbox, connect: Any, api: str) -> None:
    """An import stamps thousands of rows with the same instant; paging by time alone would turn in circles."""
    cursor = first_load(sandbox, connect)
    sandbox.page_size = 10
    flood = datetime.now(UTC) - timedelta(seconds=60)
    sandbox.load("companies", [row(500 + each, flood) for each in range(35)])
    sandbox.load("companies", [row(9, flood - timedelta(seconds=1)), row(10, flood + timedelta(seconds=1))])

    pages = pull(connect(api=api), after=cursor)

    assert sorted(set(ids(pages)) - {"1"}, key=int) == sorted(["9", "10", *(str(500 + n) for n in range(35))], key=int)
    assert all(len(page.records) <= 10 for page in pages)


def test_stopping_inside_a_flood_and_going_on_loses_nothing(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A process may die after any page."""
    cursor = first_load(sandbox, connect)
    sandbox.page_size = 4
    flood = datetime.now(UTC) - timedelta(seconds=60)
    sandbox.load("companies", [row(500 + each, flood) for each in range(13)])
    found: list[str] = []
    while True:
        page = next(iter(connect().source.pull("accounts", cursor)))
        found += [record.external_id for record in page.records]
        cursor = page.cursor
        if page.watermark:
            break

    assert set(found) >= {str(500 + each) for each in range(13)}


def test_rows_that_change_while_they_are_paged_push_none_out_of_sight(sandbox: HubSpotSandbox, connect: Any) -> None:
    """With offsets, a row that jumps to the end of the order shifts another over the page's edge, unseen."""
    cursor = first_load(sandbox, connect)
    sandbox.page_size = 5
    now = datetime.now(UTC)
    sandbox.load("companies", [row(100 + each, now - timedelta(seconds=200 - each)) for each in range(40)])
    found: set[str] = set()
    for number, page in enumerate(connect().source.pull("accounts", cursor)):
        found |= {record.external_id for record in page.records}
        if number < 6:
            sandbox.change("companies", 100 + number * 5, {"name": "changed meanwhile"})

    assert found >= {str(100 + each) for each in range(40)}


def test_the_sandbox_going_down_in_the_middle_of_a_load_loses_nothing(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Salesforce and HubSpot have outages; a first load of hours must go on where it was."""
    sandbox.page_size = 5
    sandbox.load("companies", [row(each, LONG_AGO) for each in range(1, 24)])
    pages = iter(connect().source.pull("accounts", None))
    kept = [next(pages), next(pages)]
    port = int(sandbox.url.rpartition(":")[2])
    sandbox.stop()
    with pytest.raises(TryAgain):
        next(pages)
    sandbox.start(port)

    kept += pull(connect(), after=kept[-1].cursor)

    assert ids(kept) == [str(each) for each in range(1, 24)]


def test_what_the_index_learns_late_comes_with_the_next_pull(sandbox: HubSpotSandbox, connect: Any) -> None:
    """HubSpot's search answers from an index that is seconds to minutes behind."""
    cursor = first_load(sandbox, connect)
    sandbox.load("companies", [row(each, datetime.now(UTC)) for each in (7, 8)])
    sandbox.portal.shelves["companies"].unindexed = {7}
    pages = pull(connect(), after=cursor)
    assert "7" not in ids(pages)
    sandbox.portal.shelves["companies"].unindexed = set()

    assert "7" in ids(pull(connect(), after=pages[-1].cursor))


def test_a_clock_that_runs_ahead_of_hubspots_skips_nothing(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Nobody sets the clock of a container."""
    first_load(sandbox, connect)
    cursor = pull(connect(timedelta(hours=2)))[-1].cursor
    sandbox.change("companies", 1, {"name": "changed"})

    assert ids(pull(connect(timedelta(hours=2)), after=cursor)) == ["1"]


def test_a_watermark_never_goes_back(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Facts say how fresh they are by it."""
    sandbox.load("companies", [row(1, LONG_AGO)])
    first = pull(connect())[-1]
    second = pull(connect(), after=first.cursor)[-1]

    assert first.watermark
    assert second.watermark
    assert second.watermark >= first.watermark


def test_what_was_archived_since_is_deleted_and_what_was_before_is_not_mentioned(
    sandbox: HubSpotSandbox, connect: Any,
) -> None:
    """A search never shows the archived; an account that is gone must not keep firing playbooks."""
    sandbox.load("companies", [row(each, LONG_AGO) for each in (1, 2)])
    sandbox.load("companies", [row(3, LONG_AGO, archived=True, archivedAt="2026-01-02T00:00:00.000Z")])
    cursor = pull(connect())[-1].cursor
    sandbox.archive("companies", 2)

    records = [record for page in pull(connect(), after=cursor) for record in page.records]

    assert [(each.external_id, each.deleted) for each in records if each.deleted] == [("2", True)]


def test_a_merge_names_the_loser_and_its_survivor(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Salesforce may still point at the id that was merged away."""
    cursor = first_load(sandbox, connect, 3)
    sandbox.merge("companies", 1, 3)

    records = [record for page in pull(connect(), after=cursor) for record in page.records]

    assert [each.merged_into for each in records if each.external_id == "3"] == ["1"]


def record_of(sandbox: HubSpotSandbox, connect: Any, stream: str, table: str, **given: Any) -> tuple[Record, list[Any]]:
    sandbox.load(table, [row(77, LONG_AGO, **given)])
    pages = pull(connect(custom={"accounts": ["tier", "score"]}), stream)
    return pages[0].records[0], list(pages[0].refusals)


def test_text_becomes_values_and_nonsense_a_refusal(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Everything is text in HubSpot, and people type anything into it."""
    sandbox.load("properties", [{"objectType": "companies", "name": "score", "type": "number"}])
    record, refusals = record_of(sandbox, connect, "accounts", "companies", properties={
        "name": "=HYPERLINK(\"x\") \x00<!channel> 🚀", "domain": "https://www.Acme.com/about", "arr": "12000.50",
        "numberofemployees": "a lot", "country": "United States", "lifecyclestage": "84512", "tier": "gold", "score": "7.5",
        "timezone": "europe_slash_berlin", "do_not_contact": "", "segment": "Mid-Market",
    })

    assert record.values == {
        "name": "=HYPERLINK(\"x\") \ufffd<!channel> 🚀", "domain": "acme.com", "arr": Money(Decimal("12000.50"), "USD"),
        "country": "US", "timezone": "Europe/Berlin", "segment": "mid_market", "created_at": LONG_AGO,
        "custom.tier": "gold", "custom.score": Decimal("7.5"),
    }
    assert {refusal.field for refusal in refusals} == {"employees", "lifecycle"}
    assert all(refusal.where == "companies 77" for refusal in refusals)


def test_a_survey_answer_belongs_to_the_company_of_its_contact(sandbox: HubSpotSandbox, connect: Any) -> None:
    """HubSpot ties an answer to the person who gave it, not to the company."""
    sandbox.load("companies", [row(5, LONG_AGO)])
    sandbox.load("contacts", [row(6, LONG_AGO, {"email": "a@example.com"}, associations={"companies": ["5"]})])
    answer = {"hs_survey_type": "NPS", "hs_value": "9"}
    record, _ = record_of(sandbox, connect, "survey_responses", "feedback_submissions", properties=answer,
                          associations={"contacts": ["6"]})

    assert record.values["account_external_id"] == "5"
    assert record.values["contact_external_id"] == "6"
    assert record.values["score"] == 9


def test_the_primary_company_is_the_account_in_listing_and_search_alike(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A consultant belongs to three companies; facts must not depend on how the row was read."""
    sandbox.load("companies", [row(each, LONG_AGO) for each in (3, 4, 5)])
    sandbox.load("contacts", [row(6, LONG_AGO, associations={"companies": ["5", "3", "4"]})])
    listed = pull(connect(), "contacts")
    sandbox.change("contacts", 6, {"jobtitle": "Consultant"})
    searched = pull(connect(), "contacts", listed[-1].cursor)

    assert listed[0].records[0].values["account_external_id"] == "5"
    assert searched[0].records[0].values["account_external_id"] == "5"


def test_a_meeting_nobody_came_to_is_taken_back(sandbox: HubSpotSandbox, connect: Any) -> None:
    """"Last touchpoint 3 days ago" must not count a no-show."""
    given = {"hs_meeting_title": "QBR", "hs_meeting_outcome": "NO_SHOW", "hs_meeting_start_time": "2026-01-01T09:00:00Z"}
    record, _ = record_of(sandbox, connect, "touchpoints", "meetings", properties=given)

    assert record.deleted


def test_calls_and_mails_are_touchpoints_where_they_count(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Some companies log every call; "last touchpoint" must know of it. One that nobody answered is none."""
    at = "2026-01-01T09:00:00Z"
    sandbox.load("calls", [
        row(7, LONG_AGO, {"hs_call_title": "Seats", "hs_call_status": "COMPLETED", "hs_timestamp": at, "hs_activity_type": "QBR"}),
        row(8, LONG_AGO, {"hs_call_title": "Seats", "hs_call_status": "NO_ANSWER", "hs_timestamp": at})])
    sandbox.load("emails", [row(7, LONG_AGO, {"hs_email_subject": "Renewal", "hs_timestamp": at, "hs_email_text": "private"},
                                associations={"companies": ["5"]})])
    calls, mails = (pull(connect(), stream)[0].records for stream in ("calls", "emails"))

    assert [(each.external_id, each.deleted) for each in calls] == [("call-7", False), ("call-8", True)]
    assert calls[0].values["kind"] == "qbr"
    assert [(each.external_id, each.values) for each in mails] == [("email-7", {
        "kind": "email", "subject": "Renewal", "held_at": datetime(2026, 1, 1, 9, tzinfo=UTC), "account_external_id": "5"})]
    assert [each.external_id for page in connect().source.fetch("calls", ["call-7", "7", "email-8"])
            for each in page.records] == ["call-7"]
    assert ids(pull(connect(touchpoints=["meetings"]), "calls")) == []


def test_stages_of_the_portals_own_pipeline_are_understood(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Every company renames its stages."""
    sandbox.load("pipelines", [{"objectType": "deals", "id": "p9", "label": "Renewals", "stages": [
        {"id": "s1", "label": "Gezeichnet", "metadata": {"isClosed": "true", "probability": "1.0"}}]}])
    deal = {"pipeline": "p9", "dealstage": "s1", "amount": "10", "deal_currency_code": "EUR", "closedate": "1767225600000"}
    record, refusals = record_of(sandbox, connect, "opportunities", "deals", properties=deal)

    assert not refusals
    assert record.values["stage"] == "Gezeichnet"
    assert record.values["is_won"] is True
    assert str(record.values["close_on"]) == "2026-01-01"
    assert record.values["amount"] == Money(Decimal(10), "EUR")


def test_a_property_the_portal_lacks_is_not_asked_for(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A mapping written for one portal must not break on another."""
    del sandbox.portal.properties["companies"]["arr"]
    record, refusals = record_of(sandbox, connect, "accounts", "companies", properties={"name": "Acme"})

    assert "arr" not in record.values
    assert not refusals


def test_a_portal_without_surveys_gives_an_empty_stream(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Feedback is an add-on; its absence is no error."""
    pages = pull(connect(survey_object=""), "survey_responses")

    assert ids(pages) == []
    assert pages[-1].watermark
    assert not sandbox.calls


def test_a_storm_of_429_ends_where_it_began_and_the_pull_goes_on(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Other apps use up the portal's budget; the pull waits as told and loses nothing."""
    sandbox.page_size = 5
    sandbox.load("companies", [row(each, LONG_AGO) for each in range(1, 24)])
    sandbox.faults = [Fault("status", on="objects/companies", skip=2, times=3, status=429, retry_after="7")]
    cursor, found, refused = None, [], []
    while True:
        try:
            for page in connect().source.pull("accounts", cursor):
                cursor = page.cursor
                found += [record.external_id for record in page.records]
            break
        except RateLimited as error:
            refused.append(error)

    assert [error.retry_after_s for error in refused] == [7, 7, 7]
    assert "TEN_SECONDLY_ROLLING" in str(refused[0])
    assert found == [str(each) for each in range(1, 24)]


def test_a_cursor_of_something_else_is_refused_in_words(connect: Any) -> None:
    """A restored backup may mix up connections."""
    for cursor in ("", "{}x", '{"phase":"elsewhere"}', '{"at":"x"}', "[1]", '{"more":1}'):
        with pytest.raises(ConfigError, match="no cursor of this connector"):
            pull(connect(), after=Cursor(cursor))
