"""Nothing is lost and nothing doubled, whatever people do at Gainsight while it is read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.gainsight.sandbox import GainsightSandbox
from connectors.gainsight.sandbox_objects import gsid, item
from connectors.gainsight.sandbox_seed import company_id
from steward.contracts import Connection, Cursor, Page, Refetch, SourceField
from steward.kit.sandbox import Weather
from steward.model.errors import AccessDenied, ConfigError, RateLimited, TryAgain, Unavailable
from steward.model.money import Money
from steward.model.records import Record

Connect = Callable[..., Connection]
LONG_AGO = datetime(2026, 1, 1, 8, tzinfo=UTC)
STREAMS = ("persons", "accounts", "contacts", "tasks", "cta_tasks", "milestones", "touchpoints", "survey_responses")


def pull(connection: Connection, stream: str = "accounts", after: Cursor | None = None) -> list[Page]:
    assert connection.source
    return list(connection.source.pull(stream, after))


def records(pages: Iterable[Page]) -> dict[str, Record]:
    return {record.external_id: record for page in pages for record in page.records}


def live(pages: Iterable[Page]) -> set[str]:
    return {name for name, record in records(pages).items() if not record.deleted}


def refusals(pages: Iterable[Page]) -> list[str]:
    return [f"{refusal.where} {refusal.field}: {refusal.reason}" for page in pages for refusal in page.refusals]


def company(number: int, **more: Any) -> dict[str, Any]:
    at = LONG_AGO + timedelta(minutes=number)
    return {"Gsid": company_id(number), "Name": f"Acme {number}", "CreatedDate": at, "ModifiedDate": at, **more}


# ---- what a row becomes ----

def test_a_company_becomes_an_account(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Milliseconds, dropdowns by their Gsid, money with its currency: all as Gainsight keeps them."""
    sandbox.load("scoring_scheme_definition", [{"Gsid": gsid("1X03", 1), "Name": "Green", "Score": 85}])
    sandbox.load("scorecard_measure", [{"Gsid": gsid("1X02", 1), "Name": "Product Usage"}])
    sandbox.load("scorecard_fact", [{
        "Gsid": gsid("1X01", 1), "CompanyId": company_id(1), "MeasureId": gsid("1X02", 1), "ModifiedDate": LONG_AGO,
        "CurrentScoreId": gsid("1X03", 1)}])
    sandbox.load("company", [company(
        1, Arr=12000.5, CurrencyIsoCode="EUR", Employees=70, Status=item("Company Status", "Onboarding"), Csm="1P01ANA",
        Website__gc="https://www.Acme.com/x", Segment__gc=item("Segment", "Mid-Market"), Country__gc="de",
        SfdcAccountId="001A", CurrentScore=gsid("1X03", 1), Tier__gc="Gold", Risk__gc=item("Risk", "High"))])
    found = records(pull(connect(custom={"accounts": ["Tier__gc", "Risk__gc"]})))[company_id(1)]

    assert found.values == {
        "name": "Acme 1", "arr": Money(Decimal("12000.5"), "EUR"), "employees": 70, "lifecycle": "onboarding",
        "csm_external_id": "1P01ANA", "domain": "acme.com", "segment": "mid_market", "country": "DE",
        "created_at": LONG_AGO + timedelta(minutes=1), "id_in.salesforce": "001A", "custom.Tier__gc": "Gold",
        "custom.Risk__gc": "High", "custom.score": Decimal(85), "custom.score_product_usage": Decimal(85)}
    assert found.modified_at == LONG_AGO + timedelta(minutes=1)


def test_what_cannot_be_read_costs_that_field_only(sandbox: GainsightSandbox, connect: Connect) -> None:
    """A label that somebody made up yesterday must not hide the account."""
    sandbox.load("company", [company(1, Status="1I00MADEUP", Employees="about ten")])
    pages = pull(connect())

    assert records(pages)[company_id(1)].values == {"name": "Acme 1", "created_at": LONG_AGO + timedelta(minutes=1)}
    assert [line.split(":")[0] for line in refusals(pages)] == [
        f"Company {company_id(1)} lifecycle", f"Company {company_id(1)} employees"]


def test_your_own_words_and_fields_are_taken(sandbox: GainsightSandbox, connect: Connect) -> None:
    """No two tenants are alike."""
    sandbox.load("company", [company(1, Status=item("Company Status", "Active"), Tier__gc="Ramping Up")])
    found = records(pull(connect(
        fields={"accounts": {"lifecycle": ["Nothing__gc", "Tier__gc"]}},
        words={"accounts": {"lifecycle": {"Ramping up": "onboarding"}}})))

    assert found[company_id(1)].values["lifecycle"] == "onboarding"


def test_an_objective_is_a_milestone_and_no_task(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Else a CSM who works a plan looks overloaded, and a plan looks empty."""
    day = datetime(2026, 2, 3, tzinfo=UTC)
    sandbox.load("cta_group", [{"Gsid": "1S03P", "Name": "Onboarding Acme", "ModifiedDate": LONG_AGO}])
    sandbox.load("call_to_action", [
        {"Gsid": f"1S01{place}", "Name": name, "CompanyId": company_id(1), "CtaGroupId": plan, "DueDate": day,
         "IsClosed": closed is not None, "ClosedDate": closed, "ModifiedDate": LONG_AGO, "StatusId": item("CTA_STATUS", status),
         "Comments": comments}
        for place, (name, plan, closed, status, comments) in enumerate((
            ("First Value", "1S03P", day, "Closed Success", ""), ("Kickoff", "1S03P", None, "New", ""),
            ("Given up", "1S03P", day, "Closed Lost", ""),
            ("Call", None, None, "New", "<p>Call.<br>Steward key: risk/acct_1/1/do.0/1</p>")))])
    milestones, tasks = records(pull(connect(), "milestones")), records(pull(connect(), "tasks"))

    assert milestones["1S010"].values == {
        "account_external_id": company_id(1), "plan": "Onboarding Acme", "name": "first_value", "due_on": day.date(),
        "reached_on": day.date()}
    assert "reached_on" not in milestones["1S011"].values
    assert milestones["1S012"].deleted
    assert live([Page(tuple(tasks.values()), Cursor(""))]) == {"1S013"}
    assert tasks["1S013"].values == {
        "account_external_id": company_id(1), "subject": "Call", "status": "open", "due_on": date(2026, 2, 3),
        "idempotency_key": "risk/acct_1/1/do.0/1"}


def test_only_a_contact_with_the_customer_is_a_touchpoint(sandbox: GainsightSandbox, connect: Connect) -> None:
    """An internal note that counts hides an account that nobody speaks to."""
    sandbox.load("activity_timeline", [
        {"Gsid": f"1T01{place}", "TypeName": kind, "Subject": kind, "GsCompanyId": company_id(1), "ActivityDate": LONG_AGO,
         "LastModifiedDate": LONG_AGO} for place, kind in enumerate(("Call", "Update", "QBR", "Success Review", "Standup"))])
    pages = pull(connect(words={"touchpoints": {"kind": {"Success review": "qbr"}}}), "touchpoints")

    assert {name: each.values["kind"] for name, each in records(pages).items() if not each.deleted} == {
        "1T010": "call", "1T012": "qbr", "1T013": "qbr"}
    assert '"standup" is not known; say if it is a contact' in refusals(pages)[0]


# ---- paging ----

@pytest.mark.parametrize("page_size", [1, 2, 3, 7])
def test_more_rows_of_one_instant_than_a_page_are_all_read(
    sandbox: GainsightSandbox, connect: Connect, page_size: int,
) -> None:
    """An import writes thousands of rows in one second."""
    sandbox.load("company", [company(number, ModifiedDate=LONG_AGO + timedelta(seconds=number // 9)) for number in range(20)])
    pages = pull(connect(page_size=page_size))

    assert live(pages) == {company_id(number) for number in range(20)}


def test_an_edit_between_two_pages_skips_nobody(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Paging by offset loses whoever moves to the end meanwhile."""
    sandbox.load("company", [company(number) for number in range(12)])
    source = connect(page_size=3, scores=False).source
    assert source
    seen: list[Page] = []
    for number, page in enumerate(source.pull("accounts", None)):
        seen.append(page)
        if number < 8:
            sandbox.load("company", [company(number, ModifiedDate=datetime.now(UTC), Name="Edited")])

    assert live(seen) == {company_id(number) for number in range(12)}
    assert records(seen)[company_id(3)].values["name"] == "Edited"


def test_rows_that_become_visible_late_are_found(sandbox: GainsightSandbox, connect: Connect) -> None:
    """A slow import commits rows that are older than others that were read before."""
    sandbox.load("company", [company(number) for number in range(3)])
    first = pull(connect())
    late = company(7, ModifiedDate=LONG_AGO + timedelta(minutes=2, seconds=-300))
    sandbox.load("company", [late])

    assert company_id(7) in live(pull(connect(), after=first[-1].cursor))


def test_a_tenant_in_another_zone_is_asked_in_it(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Where no offset is taken, the tenant's clock on the wall is what filters mean."""
    sandbox.tenant.zone = "America/Los_Angeles"
    sandbox.load("company", [company(number) for number in range(6)])
    pages = pull(connect(page_size=2, filter_zone="America/Los_Angeles"))

    assert live(pages) == {company_id(number) for number in range(6)}


# ---- what stands beside, and what was deleted ----

def test_a_new_address_of_a_person_reaches_the_contact(sandbox: GainsightSandbox, connect: Connect) -> None:
    """The row of the contact itself does not change when the person does."""
    sandbox.seed(6)
    first = pull(connect(), "contacts")
    person = gsid("1P03", 2)
    sandbox.load("person", [{"Gsid": person, "Email": "New@acme.test", "ModifiedDate": datetime.now(UTC)}])
    second = records(pull(connect(), "contacts", first[-1].cursor))

    assert second[gsid("1P04", 2)].values["email"] == "new@acme.test"


def test_a_new_score_reaches_the_account(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Scores change daily, companies seldom."""
    sandbox.seed(6)
    first = pull(connect())
    sandbox.load("scorecard_fact", [{
        "Gsid": gsid("1X01", 4), "CurrentScoreId": gsid("1X03", 2), "ModifiedDate": datetime.now(UTC)}])
    second = records(pull(connect(), after=first[-1].cursor))

    assert second[company_id(2)].values["custom.score_product_usage"] == Decimal(85)


@pytest.mark.parametrize(("stream", "table", "row"), [
    ("accounts", "company", company_id(2)), ("contacts", "company_person", gsid("1P04", 2)),
    ("tasks", "call_to_action", gsid("1S01", 1)), ("milestones", "call_to_action", gsid("1S01", 1001)),
    ("touchpoints", "activity_timeline", gsid("1T01", 1)), ("survey_responses", "survey_participant", gsid("1V01", 2)),
])
def test_what_is_deleted_goes(sandbox: GainsightSandbox, connect: Connect, stream: str, table: str, row: str) -> None:
    """Each object tells of it in its own way: a log, a list of the Cockpit, a list of Timeline."""
    sandbox.seed(6)
    first = pull(connect(), stream)
    sandbox.tenant.delete(table, row, sandbox.milliseconds())
    second = records(pull(connect(), stream, first[-1].cursor))

    assert row in live(first)
    assert second[row].deleted


def test_a_pause_of_more_than_fifteen_days_is_told(sandbox: GainsightSandbox, connect: Connect) -> None:
    """What was deleted meanwhile will never be heard of."""
    sandbox.seed(2)
    first = pull(connect())
    late = pull(connect(timedelta(days=16)), after=first[-1].cursor)

    assert "Gainsight tells of deletions for 15 days only" in refusals(late)[0]


def test_a_tenant_without_scorecards_surveys_and_tasks_is_read(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Not everybody has bought everything."""
    sandbox.seed(3)
    for name in ("scorecard_fact", "survey_participant", "cs_task"):
        del sandbox.tenant.rows[name]

    assert live(pull(connect())) == {company_id(number) for number in range(3)}
    assert records(pull(connect(), "survey_responses")) == {}
    assert pull(connect(), "cta_tasks")[-1].watermark


def test_an_object_that_the_key_may_not_see_is_named(sandbox: GainsightSandbox, connect: Connect) -> None:
    """"No accounts" and "not allowed to see accounts" are two things."""
    del sandbox.tenant.rows["company"]

    with pytest.raises(AccessDenied, match="no object Company, or the access key may not see it"):
        pull(connect())


def test_a_cursor_of_another_version_is_refused(connect: Connect) -> None:
    """Going on from a place that means something else loses rows without a word."""
    with pytest.raises(ConfigError, match="no cursor of this connector"):
        pull(connect(), after=Cursor('{"phase": "search"}'))


# ---- limits ----

def test_the_budget_of_a_minute_is_waited_for(sandbox: GainsightSandbox, connect: Connect) -> None:
    """The tenant's other integrations need their calls too."""
    sandbox.load("company", [company(number) for number in range(30)])
    slept: list[float] = []
    pull(connect(slept=slept, page_size=1, calls_per_min=10))

    assert len(slept) >= 3
    assert max(slept) <= 61


def test_a_used_up_day_is_told_when_it_ends(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Sleeping until tomorrow would hold a worker for nothing."""
    sandbox.load("company", [company(number) for number in range(30)])

    with pytest.raises(RateLimited) as told:
        pull(connect(page_size=1, calls_per_day=10))
    assert told.value.retry_after_s
    assert 86_000 < told.value.retry_after_s <= 86_400


def test_a_no_with_status_200_is_a_no(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Reading it as an empty page would delete nothing and lose everything."""
    sandbox.seed(2)
    sandbox.weather = Weather(1, share=1.0, times=50, kinds=("error_in_200",))

    with pytest.raises(Unavailable, match="GU_1101"):
        pull(connect())


@pytest.mark.parametrize("seed", [3, 11])
def test_in_all_weather_what_is_held_is_what_gainsight_has(sandbox: GainsightSandbox, connect: Connect, seed: int) -> None:
    """Edits, imports, late rows, merges, deletes and drift, while calls fail in every way: nothing lost, nothing left over."""
    chance = random.Random(seed)
    sandbox.page_size = 4
    sandbox.skew = timedelta(minutes=chance.choice((-10, 10)))
    sandbox.seed(9)
    sandbox.weather = Weather(seed, share=0.15, times=3, kinds=(
        "429", "429_bare", "5xx", "error_in_200", "html", "truncated", "cut", "quota"))
    held: dict[str, dict[str, Record]] = {stream: {} for stream in STREAMS}
    cursors: dict[str, Cursor | None] = dict.fromkeys(STREAMS)
    for _ in range(4):
        for stream in STREAMS:
            _pull_through(connect, stream, held[stream], cursors, lambda: sandbox.stir(chance))
    sandbox.weather = None
    sandbox.tenant.hidden.clear()
    for stream in STREAMS:
        _pull_through(connect, stream, held[stream], cursors, lambda: None)

    for stream in STREAMS:
        truth = {name: each for name, each in records(pull(connect(), stream)).items() if not each.deleted}
        kept = {name: each for name, each in held[stream].items() if not each.deleted}
        assert kept == truth, stream
    assert sandbox.breaches == []


def _pull_through(
    connect: Connect, stream: str, held: dict[str, Record], cursors: dict[str, Cursor | None], between: Callable[[], object],
) -> None:
    """Pull to the end as the sync verb does: from the last stored page, again where the target asks for patience."""
    for _ in range(60):
        source = connect().source
        assert source
        try:
            for page in source.pull(stream, cursors[stream]):
                for record in page.records:
                    before = held.get(record.external_id)
                    newer = not (before and before.modified_at and record.modified_at) or record.modified_at >= before.modified_at
                    held |= {record.external_id: record} if newer else {}
                cursors[stream] = page.cursor
                between()
        except TryAgain:
            continue
        return
    raise AssertionError(f"{stream} does not come to an end")


# ---- single rows, and what there is ----

def test_single_rows_are_asked_for_by_their_id(sandbox: GainsightSandbox, connect: Connect) -> None:
    """More of them than stand on a page; what is gone is left out."""
    sandbox.seed(9)
    source = connect(page_size=2).source
    assert isinstance(source, Refetch)
    wanted = [company_id(number) for number in range(5)]
    sandbox.tenant.delete("company", wanted[0], sandbox.milliseconds())

    assert set(records(source.fetch("accounts", wanted))) == set(wanted[1:])
    assert not list(source.fetch("accounts", []))


def test_the_fields_that_there_are_are_told_once(sandbox: GainsightSandbox, connect: Connect) -> None:
    """So that somebody hears of a field that is gone before a playbook falls silent."""
    sandbox.seed(9)
    pages = pull(connect(page_size=2))
    told = [page.schema for page in pages if page.schema]

    assert len(told) == 1
    assert told[0]["Company"]["Risk__gc"] == SourceField("PICKLIST", ("High", "Low", "Medium"))
    assert told[0]["Company"]["Employees"] == SourceField("NUMBER")


def test_a_task_goes_with_its_cta(sandbox: GainsightSandbox, connect: Connect) -> None:
    """The account stands at the CTA; whatever becomes of it does not change the task."""
    sandbox.load("call_to_action", [{"Gsid": f"1S01{place}", "Name": "Call", "CompanyId": company_id(1), "ModifiedDate": LONG_AGO}
                                    for place in range(3)])
    sandbox.load("cs_task", [{"Gsid": f"1S02{place}", "Name": "Prepare", "CtaId": f"1S01{place}", "ModifiedDate": LONG_AGO}
                             for place in range(3)])
    done = pull(connect(), "cta_tasks")
    sandbox.load("call_to_action", [{"Gsid": "1S010", "CompanyId": company_id(2), "ModifiedDate": sandbox.now()}])
    sandbox.tenant.delete("call_to_action", "1S011", sandbox.milliseconds())
    again = records(pull(connect(), "cta_tasks", done[-1].cursor))

    assert {name: each.values.get("account_external_id") for name, each in {**records(done), **again}.items()} == {
        "1S020": company_id(2), "1S021": None, "1S022": company_id(1)}
