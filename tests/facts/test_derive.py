"""All facts together: what the catalog promises is what comes out, and what is not known is not zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward.facts.basis import COLUMN, INSTANT, Basis, columns_of
from steward.facts.catalog import DEFAULT_METRICS, catalog, of_subject
from steward.facts.derive import NOUNS, Known, derive
from steward.facts.onboarding import STANDARD
from steward.facts.scorecard import load_scorecard
from steward.facts.spec import GROUPS
from steward.model.facts import FactType
from steward.model.records import Noun

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
TODAY = NOW.date()
FACTS = of_subject(catalog())
CARD = load_scorecard(None, FACTS)
BASIS = Basis(NOW, "USD", "UTC", {"EUR": 1.25})
EVERYTHING_READ = {("crm", noun): NOW for noun in NOUNS}


def known(records: dict[Noun, pl.DataFrame], usage: pl.DataFrame | None = None, **changes: Any) -> Known:
    accounts = records[Noun.ACCOUNT]
    usage = pl.DataFrame(schema={"account_id": pl.String, "day": pl.Date}) if usage is None else usage
    whole = Known(records, accounts.unique("account_id").with_columns(csm_connection="connection"), accounts.select("account_id", "connection"), EVERYTHING_READ, usage,
                  usage["day"].unique().to_list())
    return replace(whole, **changes)


def row(found: pl.DataFrame, account_id: str = "a") -> dict[str, Any]:
    return found.row(by_predicate=pl.col("account_id") == account_id, named=True)


def test_read_to_the_end_and_nothing_there_is_zero(frame: Any) -> None:
    """The support tool was read and has no ticket of theirs: that is good news, and known."""
    found = row(derive(known({Noun.ACCOUNT: frame(Noun.ACCOUNT, {})}), FACTS, CARD, BASIS))

    assert (found["support.open_tickets"], found["contacts.known_count"], found["touchpoint.held_90d"]) == (0, 0, 0)
    assert (found["subscription.active_count"], found["onboarding.in_progress"], found["nps.answers_365d"]) == (0, False, 0)
    assert (found["support.oldest_open_days"], found["nps.last_score"], found["renewal.days_left"]) == (None, None, None)


def test_never_read_is_unknown_even_where_some_records_came(frame: Any) -> None:
    """Half a first sync is no picture: three of thirty tickets are not three tickets."""
    records = {Noun.ACCOUNT: frame(Noun.ACCOUNT, {}), Noun.TICKET: frame(Noun.TICKET, {"status": "open", "opened_at": NOW})}
    marks = {key: at for key, at in EVERYTHING_READ.items() if key[1] is not Noun.TICKET}
    found = row(derive(known(records, watermarks=marks), FACTS, CARD, BASIS))

    assert (found["support.open_tickets"], found["as_of.support"]) == (None, None)
    assert found["subscription.active_count"] == 0


def test_a_system_that_does_not_know_the_account_says_nothing_about_it(frame: Any) -> None:
    """Tickets are read from the help desk; an account that is only in the CRM may have some under another name."""
    accounts = frame(Noun.ACCOUNT, {}, {"account_id": "b"}, {"account_id": "b", "connection": "desk"})
    marks = {("crm", Noun.ACCOUNT): NOW, ("desk", Noun.TICKET): NOW - timedelta(hours=1)}
    found = derive(known({Noun.ACCOUNT: accounts}, watermarks=marks), FACTS, CARD, BASIS)

    assert (row(found, "a")["support.open_tickets"], row(found, "b")["support.open_tickets"]) == (None, 0)
    assert row(found, "b")["as_of.support"] == NOW - timedelta(hours=1)


def test_a_feed_is_as_old_as_the_oldest_thing_in_it(frame: Any) -> None:
    """Fresh accounts with contacts of last week are facts of last week."""
    marks = {**EVERYTHING_READ, ("crm", Noun.CONTACT): NOW - timedelta(days=7)}
    found = row(derive(known({Noun.ACCOUNT: frame(Noun.ACCOUNT, {})}, watermarks=marks), FACTS, CARD, BASIS))

    assert (found["as_of.crm"], found["as_of.support"]) == (NOW - timedelta(days=7), NOW)


def test_where_two_systems_hold_the_same_terms_the_trusted_one_counts(frame: Any) -> None:
    """Two CRMs with one contract must not sell it twice; an account only the second has keeps its own."""
    term = {"status": "active", "seats": 10, "ends_on": date(2026, 6, 1)}
    records = {
        Noun.ACCOUNT: frame(Noun.ACCOUNT, {}, {"connection": "hubspot"}, {"account_id": "b", "connection": "hubspot"}),
        Noun.SUBSCRIPTION: frame(Noun.SUBSCRIPTION, term, {**term, "connection": "hubspot", "seats": 12},
                                 {**term, "account_id": "b", "connection": "hubspot"}),
    }
    marks = {**EVERYTHING_READ, ("hubspot", Noun.SUBSCRIPTION): NOW}
    both = derive(known(records, watermarks=marks), FACTS, CARD, BASIS)
    one = derive(known(records, watermarks=marks, first={Noun.SUBSCRIPTION: ["crm", "hubspot"]}), FACTS, CARD, BASIS)

    assert both["subscription.seats"].to_list() == [22, 10]
    assert one["subscription.seats"].to_list() == [10, 10]


def test_seats_that_are_used_come_from_usage_and_terms(frame: Any) -> None:
    """What the expansion playbook looks at: 9 of 10 seats in use."""
    usage = pl.DataFrame({"account_id": "a", "day": [TODAY - timedelta(days=n) for n in range(1, 181)], "active_users": 9})
    terms = frame(Noun.SUBSCRIPTION, {"status": "active", "seats": 10})
    records = {Noun.ACCOUNT: frame(Noun.ACCOUNT, {}), Noun.SUBSCRIPTION: terms}
    found = row(derive(known(records, usage), FACTS, CARD, BASIS))

    assert found["seats.utilization"] == pytest.approx(0.9)
    without = row(derive(known({Noun.ACCOUNT: frame(Noun.ACCOUNT, {})}, usage), FACTS, CARD, BASIS))
    assert without["seats.utilization"] is None


def test_what_a_source_writes_outside_of_the_range_is_not_known(frame: Any) -> None:
    """A segment nobody defined, ARR below zero and -5 employees are faults of the source, not facts."""
    account = {"segment": "VIP!!", "arr": -1.0, "arr_currency": "USD", "employees": -5, "name": "", "lifecycle": "customer"}
    found = row(derive(known({Noun.ACCOUNT: frame(Noun.ACCOUNT, account)}), FACTS, CARD, BASIS))

    assert [found[f"account.{name}"] for name in ("segment", "arr", "employees", "name", "lifecycle")] == [
        None, None, None, None, "customer"]


def test_records_of_no_known_account_are_left_out(frame: Any) -> None:
    """A ticket of a stranger belongs to nobody."""
    records = {Noun.ACCOUNT: frame(Noun.ACCOUNT, {}),
               Noun.TICKET: frame(Noun.TICKET, {"account_id": None, "status": "open", "opened_at": NOW})}
    found = derive(known(records), FACTS, CARD, BASIS)

    assert found.select("account_id", "support.open_tickets").rows() == [("a", 0)]


def test_one_account_alone_has_the_facts_that_it_has_among_all(frame: Any) -> None:
    """A webhook derives one account, the nightly run all of them: the same truth."""
    days = [TODAY - timedelta(days=n) for n in range(1, 181)]
    usage = pl.DataFrame([(name, day, float(n % 7)) for name, days_of in (("a", days[::2]), ("b", days)) for n, day in
                          enumerate(days_of)], schema=["account_id", "day", "active_users"], orient="row")
    accounts = frame(Noun.ACCOUNT, {}, {"account_id": "b"})
    tickets = frame(Noun.TICKET, {"opened_at": NOW}, {"account_id": "b", "opened_at": NOW})
    every = derive(known({Noun.ACCOUNT: accounts, Noun.TICKET: tickets}, usage), FACTS, CARD, BASIS)
    own = pl.col("account_id") == "a"
    alone = derive(known({Noun.ACCOUNT: accounts.filter(own), Noun.TICKET: tickets.filter(own)}, usage.filter(own),
                         usage_days=days), FACTS, CARD, BASIS)

    assert every.filter(own).to_dicts() == alone.to_dicts()
    assert alone["usage.active_users.sum_7d"].item() is not None


def test_who_is_missing_in_a_fresh_feed_is_told_from_a_feed_that_stands_still(frame: Any) -> None:
    """One account that is not linked is somebody's work; a feed that stands still is one incident and not hundreds."""
    accounts = frame(Noun.ACCOUNT, {}, {"account_id": "b"})

    def told(last: date) -> dict[str, Any]:
        usage = pl.DataFrame([("a", last, 3.0)], schema=["account_id", "day", "active_users"], orient="row")
        return row(derive(known({Noun.ACCOUNT: accounts}, usage), FACTS, CARD, BASIS), "b")

    fresh, stale = told(TODAY - timedelta(days=1)), told(TODAY - timedelta(days=4))

    assert (fresh["usage.history_days"], fresh["as_of.usage"], fresh["feed.usage_age_hours"]) == (None, None, 8)
    assert stale["feed.usage_age_hours"] == 80


def test_a_company_without_accounts_has_no_facts() -> None:
    """The first minute of an installation is a state like any other."""
    nothing = pl.DataFrame(schema=columns_of(Noun.ACCOUNT))
    found = derive(known({Noun.ACCOUNT: nothing}, watermarks={}), FACTS, CARD, BASIS)

    assert (found.height, found.width) == (0, 1 + len(FACTS) + len(GROUPS))


WORDS = st.sampled_from(["active", "pending", "cancelled", "open", "closed", "new", "expansion", "nps", "champion", "kickoff",
                         "first_value", "urgent", "smb", "customer", "USD", "EUR", "JPY", "p0", "crm", "", "<!channel>"])
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    pl.String: WORDS, pl.Boolean: st.booleans(), pl.Int64: st.integers(-3, 10**6),
    pl.Float64: st.floats(-10, 1e9), pl.Date: st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    INSTANT: st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # zone given
}


@st.composite
def companies(draw: st.DrawFn) -> Known:
    """Three accounts in two systems, with records that no sane source would write."""
    records = {}
    for noun in NOUNS:
        rows = []
        for number in range(draw(st.integers(1 if noun is Noun.ACCOUNT else 0, 5))):
            values = {name: draw(st.one_of(st.none(), VALUES[kind])) for name, kind in columns_of(noun).items()}
            rows.append({**values, "account_id": draw(st.sampled_from("abc")), "external_id": f"p{number}",
                         "connection": draw(st.sampled_from(["crm", "hubspot"]))})
        records[noun] = pl.DataFrame(rows, schema=columns_of(noun), orient="row")
    marks = draw(st.dictionaries(st.tuples(st.sampled_from(["crm", "hubspot"]), st.sampled_from(NOUNS)), VALUES[INSTANT]))
    days = draw(st.lists(st.integers(-3, 200), max_size=30, unique=True))
    usage = pl.DataFrame({
        "account_id": [draw(st.sampled_from("abc")) for _ in days], "day": [TODAY - timedelta(days=day) for day in days],
        **{metric: pl.Series([draw(st.one_of(st.none(), st.floats(-1, 1e6))) for _ in days], dtype=pl.Float64)
           for metric in DEFAULT_METRICS[:3]},
    }, schema_overrides={"account_id": pl.String, "day": pl.Date})
    return known(records, usage, watermarks=marks)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(company=companies())
def test_every_fact_of_the_catalog_comes_out_in_its_type_and_range_and_nothing_else(company: Known) -> None:
    """Playbooks are checked against the catalog; a fact outside of it would make the check a lie."""
    found = derive(company, FACTS, CARD, BASIS)

    assert found.columns == ["account_id", *FACTS, *(f"as_of.{group}" for group in GROUPS)]
    assert found["account_id"].to_list() == sorted(set(company.accounts["account_id"]))
    for name, fact in FACTS.items():
        assert found.schema[name] == COLUMN[fact.type], name
        for value in found[name].drop_nulls():
            assert fact.low is None or value >= fact.low, name
            assert fact.high is None or value <= fact.high, name
            assert not fact.one_of or value in fact.one_of, name
            assert fact.type is not FactType.TEXT or value, name
            assert value == value, name
    assert all(found.schema[f"as_of.{group}"] == INSTANT for group in GROUPS)


def test_each_fact_can_be_known(frame: Any) -> None:
    """A fact that nothing can ever make known is a promise that is not kept. "b" is what "a" cannot be besides."""
    at, on = NOW - timedelta(days=40), TODAY - timedelta(days=40)
    people = frame(Noun.PERSON, {"name": "Ana", "email": "ana@x.com", "timezone": "Europe/Rome"})
    accounts = frame(Noun.ACCOUNT, {
        "name": "Acme", "domain": "acme.com", "segment": "smb", "lifecycle": "customer", "industry": "Steel", "country": "DE",
        "employees": 5, "arr": 10.0, "arr_currency": "EUR", "created_at": at, "csm_external_id": "0", "do_not_contact": False,
        "timezone": "Europe/Berlin"}, {"account_id": "b"})
    records = {
        Noun.ACCOUNT: accounts, Noun.PERSON: people,
        Noun.SUBSCRIPTION: frame(Noun.SUBSCRIPTION, {
            "product": "core", "plan": "pro", "status": "active", "starts_on": on, "ends_on": TODAY, "arr": 10.0,
            "arr_currency": "EUR", "seats": 4, "auto_renew": True, "payment_overdue_days": 0},
            {"account_id": "b", "status": "expired", "ends_on": on, "arr": 10.0, "arr_currency": "USD"}),
        Noun.CONTACT: frame(Noun.CONTACT, *(
            {"role": role, **said} for role in ("champion", "sponsor")
            for said in ({"active": True, "last_seen_at": at}, {"active": False, "left_on": on}))),
        Noun.TOUCHPOINT: frame(Noun.TOUCHPOINT, {"held_at": at, "kind": "qbr"}),
        Noun.SURVEY_RESPONSE: frame(Noun.SURVEY_RESPONSE, {"kind": "nps", "score": 9.0, "answered_at": at},
                                    {"kind": "nps", "score": 8.0, "answered_at": at}),
        Noun.TICKET: frame(Noun.TICKET, {"status": "open", "opened_at": at, "first_response_at": at, "csat": 4.0},
                           {"status": "closed", "opened_at": at, "closed_at": at}),
        Noun.MILESTONE: frame(Noun.MILESTONE, {"name": "first_value", "started_on": on, "reached_on": on, "due_on": on},
                              *(
                                  {"account_id": name, "name": step, "due_on": on, "reached_on": reached}
                                  for name, reached in (("a", on), ("b", None)) for step in STANDARD), {"name": "more", "due_on": on}),
        Noun.OPPORTUNITY: frame(
            Noun.OPPORTUNITY, {"kind": "expansion", "is_closed": False, "amount": 4.0, "amount_currency": "USD"},
            {"kind": "expansion", "is_won": True, "close_on": on},
            {"kind": "expansion", "is_closed": True, "is_won": False, "close_on": on},
            {"kind": "new", "is_won": True, "close_on": on, "handoff_complete": True, "name": "Acme", "amount": 4.0,
             "amount_currency": "USD"}),
    }
    usage = pl.DataFrame({"account_id": "a", "day": [TODAY - timedelta(days=n) for n in range(1, 181)]}).with_columns(
        pl.lit(3.0).alias(metric) for metric in DEFAULT_METRICS)
    previous = pl.DataFrame({"account_id": ["a"], "health.score": [50.0], "score_7d": [60.0]})
    every = derive(known(records, usage, previous=previous, parents={"a": "b"}), FACTS, CARD, BASIS)
    found, other = row(every), row(every, "b")

    assert [name for name in (*FACTS, *(f"as_of.{group}" for group in GROUPS))
            if found[name] is None and other[name] is None] == []
    assert found["account.arr"] == 12.5
    assert (found["account.parent"], found["account.family"], other["account.family"]) == ("b", "b", "b")
