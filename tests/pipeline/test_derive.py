"""Derive over a real store, on SQLite and PostgreSQL: records and usage in, a snapshot or hot rows out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from connectors.slack import CONNECTOR as SLACK
from steward.contracts import Connector, Cursor, Stream
from steward.facts.catalog import catalog
from steward.facts.scorecard import load_scorecard
from steward.model.company_facts import CompanyFact
from steward.model.money import Money
from steward.model.records import Noun, Record, Value
from steward.pipeline.derive import DeriveReport, derive, read_to_the_end
from steward.settings import Company, Settings
from steward.store import cursors, events, facts, identity, records

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
TODAY = NOW.date()
FACTS = catalog(currency="EUR")
CARD = load_scorecard(None, FACTS)
SETTINGS = Settings(company=Company(currency="EUR", rates={"USD": 0.8}))
STREAMS = {
    "accounts": Noun.ACCOUNT, "people": Noun.PERSON, "contracts": Noun.SUBSCRIPTION, "cases": Noun.TICKET,
    "old_cases": Noun.TICKET, "events": Noun.USAGE_EVENT, "deals": Noun.OPPORTUNITY,
}
CRM = Connector(
    name="crm", title="A CRM", load_settings=SLACK.load_settings, connect=SLACK.connect, load_sandbox=SLACK.load_sandbox,
    streams={name: Stream(noun, "") for name, noun in STREAMS.items()},
)
Put = Callable[..., None]


@pytest.fixture
def put(database: Any) -> Put:
    """Store records of a stream of "crm", read to the end at `at`."""

    def store(stream: str, *found: tuple[str, Mapping[str, Value]], at: datetime | None = NOW) -> None:
        rows = [Record(STREAMS[stream], external_id, values, modified_at=NOW) for external_id, values in found]
        with database.write() as tx:
            records.upsert(tx, "crm", stream, rows, NOW)
            cursors.move(tx, "crm", stream, Cursor("end"), watermark=at, records=len(rows), now=NOW)

    return store


def use(database: Any, days: Mapping[str, range], value: float = 4.0) -> None:
    """Usage of each external id on the days of these ages."""
    rows = [(name, TODAY - timedelta(days=age), value) for name, ages in days.items() for age in ages]
    frame = pl.DataFrame(rows, schema={"account_external_id": pl.String, "day": pl.Date, "active_users": pl.Float64},
                         orient="row")
    segments = database.lake.write_usage("crm", frame, NOW)
    with database.write() as tx:
        database.lake.show(tx, segments)


def run(database: Any, now: datetime = NOW, account_ids: list[str] | None = None) -> DeriveReport:
    with database.write() as tx:
        identity.resolve(tx, now, SETTINGS.truth)
    return derive(database, SETTINGS, FACTS, CARD, now, connectors={"crm": CRM}, account_ids=account_ids)


def known(database: Any) -> dict[str, dict[str, Any]]:
    """The latest facts of each account by its name."""
    with database.read() as tx:
        latest = facts.latest(tx)
    assert latest is not None
    return {row["account.name"]: row for row in latest.frame.to_dicts()}


def test_records_and_usage_become_a_snapshot(database: Any, put: Put) -> None:
    """The whole way once: what two streams and a feed say of one customer, in the company's currency."""
    put("people", ("p1", {"name": "Ana", "email": "ana@x.test"}))
    put("accounts", ("1", {"name": "Acme", "csm_external_id": "p1"}), ("2", {"name": "Bolt"}))
    put("contracts", ("c1", {"account_external_id": "1", "status": "active", "seats": 8, "ends_on": date(2026, 4, 1),
                             "arr": Money(Decimal("1000"), "USD")}))
    use(database, {"1": range(1, 181), "2": range(29, 181)})
    report = run(database)
    acme, bolt = known(database)["Acme"], known(database)["Bolt"]

    assert (report.accounts, report.as_of["usage"]) == (2, datetime(2026, 3, 5, tzinfo=UTC))
    assert report.facts == sum(value is not None for row in (acme, bolt) for name, value in row.items() if name in FACTS)
    assert (acme["renewal.days_left"], acme["renewal.arr"], acme["account.csm"]) == (27, pytest.approx(800), "Ana")
    assert (acme["seats.utilization"], acme["usage.active_users.change_28d"]) == (pytest.approx(0.5), 0)
    assert (bolt["subscription.active_count"], bolt["usage.active_users.change_28d"]) == (0, -1)
    assert (bolt["support.open_tickets"], bolt["as_of.support"]) == (None, None)


def test_a_stream_on_its_first_round_makes_its_facts_unknown(database: Any, put: Put) -> None:
    """Half of the tickets are not all of them; once the rest is read, they count."""
    put("accounts", ("1", {"name": "Acme"}))
    put("cases", ("t1", {"account_external_id": "1", "status": "open", "opened_at": NOW}), at=None)
    run(database)
    before = known(database)["Acme"]["support.open_tickets"]
    put("cases", ("t2", {"account_external_id": "1", "status": "open", "opened_at": NOW}))
    run(database, NOW + timedelta(minutes=1))

    assert (before, known(database)["Acme"]["support.open_tickets"]) == (None, 2)


def test_a_noun_is_read_once_all_its_streams_are() -> None:
    """Two streams of tickets are read up to where the slower one stands."""
    marks = {("crm", "cases"): NOW, ("crm", "old_cases"): NOW - timedelta(hours=1), ("crm", "accounts"): None,
             ("gone", "cases"): NOW, ("crm", "renamed"): NOW}

    assert read_to_the_end(marks, {"crm": CRM}) == {("crm", Noun.TICKET): NOW - timedelta(hours=1)}
    assert read_to_the_end({**marks, ("crm", "old_cases"): None}, {"crm": CRM}) == {}


def test_one_account_is_derived_alone_with_the_same_facts(database: Any, put: Put) -> None:
    """A webhook must not wait for all the others, nor see another truth than the nightly run."""
    put("accounts", ("1", {"name": "Acme"}), ("2", {"name": "Bolt"}))
    put("cases", ("t1", {"account_external_id": "1", "status": "open", "priority": "urgent", "opened_at": NOW}))
    use(database, {"1": range(1, 181, 2), "2": range(1, 181)})
    run(database)
    whole = known(database)
    report = run(database, account_ids=[whole["Acme"]["account_id"]])

    assert report.accounts == 1
    assert known(database) == whole
    put("cases", ("t1", {"account_external_id": "1", "status": "closed", "opened_at": NOW, "closed_at": NOW}))
    run(database, NOW + timedelta(minutes=1), [whole["Acme"]["account_id"]])
    assert (whole["Acme"]["support.open_urgent"], known(database)["Acme"]["support.open_urgent"]) == (1, 0)
    assert known(database)["Bolt"] == whole["Bolt"]


def test_events_count_into_their_day(database: Any, put: Put) -> None:
    """A company that sends events instead of files has the same facts."""
    put("accounts", ("1", {"name": "Acme"}), ("2", {"name": "Bolt"}))
    put("events", *(
        (f"e{age}", {"account_external_id": "1", "name": "exports", "happened_at": NOW - timedelta(days=age)})
        for age in range(1, 31)
    ), ("e0", {"account_external_id": "2", "name": "exports", "quantity": 3.0, "happened_at": NOW - timedelta(days=3)}))
    run(database)
    acme, bolt = known(database)["Acme"], known(database)["Bolt"]

    assert (acme["usage.exports.sum_7d"], acme["usage.exports.avg_28d"]) == (7, 1)
    assert (bolt["usage.exports.sum_7d"], bolt["usage.exports.days_since_last"]) == (3, 2)
    assert bolt["usage.active_users.sum_7d"] is None


def test_events_of_a_day_whose_file_is_late_do_not_make_it_a_whole_day(database: Any, put: Put) -> None:
    """One event of yesterday must not make everybody else look absent yesterday."""
    put("accounts", ("1", {"name": "Acme"}), ("2", {"name": "Bolt"}))
    use(database, {"1": range(3, 181), "2": range(3, 181)})
    put("events", ("e1", {"account_external_id": "1", "name": "active_users", "happened_at": NOW - timedelta(days=1)}),
        ("e2", {"account_external_id": "1", "name": "active_users", "quantity": 6.0, "happened_at": NOW - timedelta(days=3)}))
    report = run(database)

    assert report.as_of["usage"] == datetime(2026, 3, 3, tzinfo=UTC)
    assert known(database)["Bolt"]["usage.active_users.sum_7d"] == 28
    assert known(database)["Acme"]["usage.active_users.sum_7d"] == 34


def test_health_is_compared_with_the_snapshot_of_four_weeks_ago(database: Any, put: Put) -> None:
    """The change is against what we knew then, also where one account is derived alone."""
    put("accounts", ("1", {"name": "Acme"}))
    use(database, {"1": range(1, 181)})
    then = NOW - timedelta(days=30)
    put("cases")
    put("contracts", ("c1", {"account_external_id": "1", "status": "active", "seats": 8, "payment_overdue_days": 0}))
    run(database, then)
    before = known(database)["Acme"]["health.score"]
    put("cases", *((f"t{n}", {"account_external_id": "1", "status": "open", "priority": "urgent", "opened_at": NOW})
                   for n in range(3)))
    run(database)
    acme = known(database)["Acme"]
    run(database, NOW + timedelta(minutes=1), [acme["account_id"]])

    assert acme["health.score"] < before
    assert acme["health.change_28d"] == pytest.approx(acme["health.score"] - before)
    assert known(database)["Acme"]["health.change_28d"] == pytest.approx(acme["health.change_28d"])


def test_an_empty_store_gives_an_empty_snapshot(database: Any) -> None:
    """The first minute of an installation."""
    report = run(database)

    assert (report.accounts, report.facts, report.as_of["crm"]) == (0, 0, None)


# ---- events, subjects, families ----


DEALS = ("o1", {"account_external_id": "1", "name": "More seats", "kind": "expansion", "is_closed": False, "is_won": False,
                "close_on": date(2026, 3, 1), "created_at": NOW - timedelta(days=20)})
WON = ("o1", {**DEALS[1], "is_closed": True, "is_won": True})


def more(database: Any, now: datetime, account_ids: list[str] | None = None) -> DeriveReport:
    """Derive as live playbooks over opportunities and their events ask."""
    with database.write() as tx:
        identity.resolve(tx, now, SETTINGS.truth)
    return derive(database, SETTINGS, FACTS, CARD, now, connectors={"crm": CRM}, account_ids=account_ids,
                  events=["crm.opportunity.closed_won", "opportunity.reopened"], subjects=["opportunity"])


def told(database: Any) -> list[str]:
    with database.read() as tx:
        return sorted(each.id for each in events.list_(tx))


@pytest.mark.parametrize("alone", [False, True])
def test_a_deal_is_won_opened_again_and_won_a_second_time(database: Any, put: Put, *, alone: bool) -> None:
    """Each is one event, whether a webhook brought it or the nightly run, and however often it is derived."""
    put("accounts", ("1", {"name": "Acme"}), ("2", {"name": "Bolt"}))
    put("deals", DEALS)
    more(database, NOW)
    only = [known(database)["Acme"]["account_id"]] if alone else None
    counts = []
    for minute, deal in enumerate((DEALS, WON, WON, DEALS, DEALS, WON), start=1):
        put("deals", deal)
        counts.append(more(database, NOW + timedelta(minutes=minute), only).events)

    assert counts == [0, 1, 0, 1, 0, 1]
    assert told(database) == ["crm/opportunity/o1/closed_won", "crm/opportunity/o1/closed_won/2",
                              "crm/opportunity/o1/reopened"]


def test_no_event_is_kept_that_nobody_waits_for(database: Any, put: Put) -> None:
    """A company without event playbooks pays nothing for them."""
    put("accounts", ("1", {"name": "Acme"}))
    put("deals", WON)

    assert run(database).events == 0
    assert told(database) == []


def test_opportunities_are_subjects_of_all_accounts_and_newer_of_one(database: Any, put: Put) -> None:
    """A playbook over opportunities sees the stage that a webhook brought a second ago."""
    put("accounts", ("1", {"name": "Acme"}), ("2", {"name": "Bolt"}))
    put("deals", DEALS, ("o2", {"account_external_id": "2", "close_on": TODAY}))
    report = more(database, NOW)
    acme = known(database)["Acme"]
    put("deals", WON)
    alone = more(database, NOW + timedelta(minutes=1), [acme["account_id"]])
    with database.read() as tx:
        found = facts.subjects(tx, "opportunity")
        of_acme = facts.subjects(tx, "opportunity", [acme["account_id"]])

    assert (report.subjects, alone.subjects) == (2, 1)
    assert dict(found.select("external_id", "opportunity.is_won").iter_rows()) == {"o1": True, "o2": None}
    assert of_acme.select("account_id", "opportunity.days_since_won", "as_of.crm").row(0) == (
        acme["account_id"], 4, acme["as_of.crm"])


def test_families_and_facts_of_the_company_come_with_the_settings(database: Any, put: Put) -> None:
    """A subsidiary knows its head, and a custom field is a fact as any other."""
    own = {"company.tier": CompanyFact(field="custom.tier", type="text", meaning="Our tier of service.")}
    put("accounts", ("1", {"name": "Acme"}), ("2", {"name": "Bolt", "parent_external_id": "1", "custom.tier": "gold"}))
    run(database)
    settings = SETTINGS.model_copy(update={"facts": own})
    derive(database, settings, catalog(currency="EUR", own=own), CARD, NOW + timedelta(minutes=1), connectors={"crm": CRM})
    acme, bolt = known(database)["Acme"], known(database)["Bolt"]

    assert (bolt["account.parent"], bolt["account.family"], acme["account.parent"]) == (
        acme["account_id"], acme["account_id"], None)
    assert (bolt["company.tier"], acme["company.tier"]) == ("gold", None)
    derive(database, settings, catalog(currency="EUR", own=own), CARD, NOW + timedelta(minutes=2), connectors={"crm": CRM},
           account_ids=[bolt["account_id"]])
    assert known(database)["Bolt"]["account.family"] == acme["account_id"]


def test_the_score_of_a_week_ago_is_remembered(database: Any, put: Put) -> None:
    """A drop within a week is seen before that of a month."""
    put("accounts", ("1", {"name": "Acme"}))
    put("contracts", ("c1", {"account_external_id": "1", "status": "active", "seats": 8, "payment_overdue_days": 0}))
    use(database, {"1": range(1, 181)})
    put("cases")
    run(database, NOW - timedelta(days=8))
    before = known(database)["Acme"]["health.score"]
    put("cases", *((f"t{n}", {"account_external_id": "1", "status": "open", "priority": "urgent", "opened_at": NOW})
                   for n in range(3)))
    run(database)
    acme = known(database)["Acme"]

    assert acme["health.change_7d"] == pytest.approx(acme["health.score"] - before)
    assert (acme["health.change_7d"] < 0, acme["health.change_28d"]) == (True, None)


def test_an_older_snapshot_without_a_fact_of_today_is_derived_on_from(database: Any, put: Put) -> None:
    """After an upgrade a webhook comes before the first whole derive; it must not fail over what nobody had reckoned."""
    put("accounts", ("a1", {"name": "Acme"}))
    with database.write() as tx:
        identity.resolve(tx, NOW)
        account_id = next(iter(identity.accounts(tx)))
    facts.save_snapshot(database, pl.DataFrame({"account_id": [account_id], "health.score": [50.0]}), NOW - timedelta(days=1))

    derive(database, SETTINGS, FACTS, CARD, NOW, connectors={"crm": CRM}, account_ids=[account_id])

    assert known(database)["Acme"]["health.change_7d"] is None


def test_many_accounts_at_once_are_kept_as_a_file_and_say_the_same(database: Any, put: Put) -> None:
    """After an outage a vendor calls about every account; each must be as new as if it were alone."""
    put("accounts", *((str(number), {"name": f"Account {number}"}) for number in range(502)))
    run(database)
    put("cases", *((f"t{number}", {"account_external_id": str(number), "status": "open", "opened_at": NOW})
                   for number in range(501)))
    ids = {row["account.name"]: row["account_id"] for row in known(database).values()}
    run(database, NOW + timedelta(minutes=1), [ids[f"Account {number}"] for number in range(501)])
    with database.read() as tx:
        assert [each.rows for each in database.lake.visible(tx, "facts", "delta")] == [501]

    assert known(database)["Account 500"]["support.open_tickets"] == 1
    assert known(database)["Account 501"]["support.open_tickets"] is None
