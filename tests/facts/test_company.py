"""Facts of the company's own: fields of the account, and two facts reckoned together."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from steward.facts.basis import Basis
from steward.facts.catalog import catalog
from steward.facts.derive import Known, derive
from steward.facts.scorecard import load_scorecard
from steward.model.company_facts import CompanyFact
from steward.model.errors import ConfigError
from steward.model.facts import FactType
from steward.model.records import Noun

OWN = {
    "company.tier": CompanyFact(field="custom.tier", type="text", one_of=("gold", "silver"), meaning="Our tier of service"),
    "company.beds": CompanyFact(field="custom.beds", type="integer", unit="beds", meaning="Beds of the hospital."),
    "company.signed_on": CompanyFact(field="account.custom.signed", type="date", meaning="The day of the first signature."),
    "company.since": CompanyFact(field="created_at", type="date", meaning="The day the record was created."),
    "company.arr_per_bed": CompanyFact(ratio=("account.arr", "company.beds"), meaning="ARR for each bed."),
    "company.arr_growth": CompanyFact(difference=("subscription.arr", "account.arr"), meaning="Terms over the record."),
    "company.calls": CompanyFact(sum=("usage.logins.sum_7d", "usage.logins.sum_28d"), meaning="A sum of two windows."),
    "company.share": CompanyFact(ratio=("renewal.arr", "subscription.arr"), meaning="Share that is to be renewed."),
    "company.slip": CompanyFact(days_between=("company.signed_on", "renewal.on"), meaning="From signature to renewal."),
    "company.mixed": CompanyFact(ratio=("support.opened_28d", "subscription.seats"), meaning="Tickets for each seat."),
}


def _refused(own: dict[str, dict[str, Any]]) -> str:
    with pytest.raises(ConfigError) as refused:
        catalog(own={name: CompanyFact(meaning="Something.", **fact) for name, fact in own.items()})
    return str(refused.value)


def test_they_stand_in_the_catalog_with_type_unit_and_feed() -> None:
    """The checker refuses 60000 without a currency for them as for ours."""
    facts = catalog(currency="EUR", own=OWN)
    told = {name: (facts[name].type, facts[name].unit, facts[name].group) for name in OWN}

    assert told == {
        "company.tier": (FactType.TEXT, "", "crm"), "company.beds": (FactType.INTEGER, "beds", "crm"),
        "company.signed_on": (FactType.DATE, "", "crm"), "company.since": (FactType.DATE, "", "crm"),
        "company.arr_per_bed": (FactType.NUMBER, "EUR per beds", "crm"),
        "company.arr_growth": (FactType.MONEY, "EUR", "crm"), "company.calls": (FactType.NUMBER, "logins", "usage"),
        "company.share": (FactType.RATIO, "", "crm"), "company.slip": (FactType.DAYS, "days", "crm"),
        "company.mixed": (FactType.NUMBER, "tickets per seats", "crm+support"),
    }
    assert facts["company.tier"].one_of == ("gold", "silver")
    assert facts["company.tier"].meaning == "Our tier of service."


def test_they_are_reckoned_for_every_account_and_by_zero_is_unknown(frame: Any, basis: Basis, now: datetime) -> None:
    """Zero beds do not make an infinite price."""
    accounts = frame(Noun.ACCOUNT, {"arr": 100.0, "arr_currency": "USD", "created_at": now}, {
        "account_id": "b", "arr": 100.0, "arr_currency": "USD"}).with_columns(
        pl.Series("custom.tier", ["gold", "platinum"]), pl.Series("custom.beds", [20.0, 0.0]),
        pl.Series("custom.signed", ["2026-01-01", "soon"]), csm_connection="connection")
    terms = frame(Noun.SUBSCRIPTION, {"status": "active", "arr": 120.0, "arr_currency": "USD", "ends_on": date(2026, 4, 1),
                                      "seats": 0})
    marks = {("crm", noun): now - timedelta(hours=number) for number, noun in enumerate(Noun)}
    facts = catalog(own=OWN)
    known = Known({Noun.ACCOUNT: accounts, Noun.SUBSCRIPTION: terms}, accounts, accounts.select("account_id", "connection"),
                  marks, pl.DataFrame(schema={"account_id": pl.String, "day": pl.Date}), [], own=OWN)
    found = derive(known, facts, load_scorecard(None, facts), basis)
    a, b = found.to_dicts()

    assert [a[name] for name in ("company.tier", "company.beds", "company.arr_per_bed", "company.arr_growth")] == [
        "gold", 20, 5, 20]
    assert (a["company.signed_on"], a["company.since"], a["company.slip"]) == (date(2026, 1, 1), now.date(), 90)
    assert (a["company.share"], a["company.mixed"]) == (1, None)
    assert [b[name] for name in ("company.tier", "company.beds", "company.arr_per_bed", "company.signed_on")] == [
        None, 0, None, None]
    assert a["as_of.crm+support"] == min(a["as_of.crm"], a["as_of.support"])


@pytest.mark.parametrize(("own", "said"), [
    ({"account.arr": {"field": "custom.x", "type": "text"}}, "facts.account.arr: the catalog has a fact of that name"),
    ({"contact.tier": {"field": "custom.x", "type": "text"}}, "facts.contact.tier: the catalog has a fact of that name or kind"),
    ({"company.x": {"field": "industri", "type": "text"}}, 'has no field "industri". Did you mean "industry"?'),
    ({"company.x": {"field": "industry", "type": "days"}}, 'the field "industry" is text, so the fact is one of text'),
    ({"company.x": {"sum": ("account.arr", "acount.arr")}}, 'there is no fact "acount.arr" of an account. Did you mean'),
    ({"company.x": {"sum": ("account.arr", "subscription.seats")}}, '"account.arr" is money in USD, "subscription.seats"'),
    ({"company.x": {"sum": ("account.arr", "account.name")}}, "both must be numbers"),
    ({"company.x": {"difference": ("renewal.on", "renewal.on")}}, "both must be numbers"),
    ({"company.x": {"days_between": ("renewal.on", "renewal.days_left")}}, "both must be of type date"),
    ({"company.x": {"sum": ("health.score", "health.score")}}, "is made by the scorecard"),
    ({"company.x": {"sum": ("contact.nps_last_score", "nps.last_score")}}, 'no fact "contact.nps_last_score" of an account'),
    ({"company.x": {"ratio": ("company.y", "account.arr")}, "company.y": {"ratio": ("company.x", "account.arr")}},
     "these facts are made of one another: company."),
])
def test_what_cannot_be_is_refused_with_the_key(own: dict[str, dict[str, Any]], said: str) -> None:
    """It is refused as the settings are read, not as the first account is derived at night."""
    text = _refused(own).replace(" in company currency", " in USD")

    assert text.startswith("facts.")
    assert said in text


def test_the_scorecard_may_measure_them() -> None:
    """A company knows best what its health hangs on."""
    from steward.facts.scorecard import parse_scorecard

    card = parse_scorecard('measures: [{fact: company.share, weight: 1, points: {"0%": 0, "100%": 100}}]', "card", catalog(own=OWN))

    assert card.measures[0].fact == "company.share"
