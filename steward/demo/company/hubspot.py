"""The company as HubSpot holds it: objects with text properties and associations, with the dirt of a real portal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from steward.demo.company import salesforce
from steward.demo.company.life import Life, chance_of, live
from steward.demo.company.names import COUNTRY_NAMES, variant
from steward.demo.company.people import Person, leaver_before

Row = dict[str, Any]
RATES = {"USD": 1.0, "EUR": 1.08, "GBP": 1.27}  # HubSpot keeps the company's ARR in one currency
_BASE = 7_000_000_000
_SLOTS = 100
_KINDS = {"companies": 1, "contacts": 2, "deals": 3, "tickets": 4, "p_subscriptions": 5, "p_milestones": 6,
          "meetings": 7,
          "feedback_submissions": 8}
_PEOPLE = {"vp": 0, "manager": 1, "csm": 2, "left": 3, "sales": 4}
_ROLES = {"champion": "CHAMPION", "sponsor": "EXECUTIVE_SPONSOR", "admin": "ADMIN", "user": "END_USER",
          "billing": "BILLING"}
_LIFECYCLE = {"prospect": "opportunity", "onboarding": "onboarding", "customer": "customer", "churned": "churned"}
_DEAL_TYPE = {"new": "newbusiness", "renewal": "renewal", "expansion": "existingbusiness"}
_STAGE = {"open": "contractsent", "won": "closedwon", "lost": "closedlost"}
_PRIORITY = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH", "urgent": "URGENT"}
_MEETING = {"call": "Call", "meeting": "Meeting", "qbr": "QBR"}


def make_id(kind: str, number: int) -> str:
    """The id of an object of `kind`."""
    return str(_BASE * _KINDS[kind] + number)


def company_id(number: int) -> str:
    """The id of the main record of account `number`."""
    return make_id("companies", number * 10 + 1)


def owner_id(key: str) -> str:
    """The id of one of us, by `Person.key`."""
    kind, _, number = key.partition("-")
    return str(90_000 + int(number or 0) * 10 + _PEOPLE[kind])


def owners(people: Iterator[Person], as_of: date) -> Iterator[Row]:
    at = _at(as_of - timedelta(days=900))
    for each in people:
        number = owner_id(each.key)
        yield {"id": number, "email": each.email, "firstName": each.first, "lastName": each.last,
               "userId": int(number) + 1_000_000,
               "createdAt": at, "updatedAt": at, "archived": not each.active}


def rows(life: Life, seed: int, as_of: date) -> Iterator[tuple[str, Row]]:
    """Every object of one account with the name of its table."""
    if not life.in_hubspot:
        return
    yield from (("companies", row) for row in _companies(life, seed, as_of))
    to = {"companies": [company_id(life.number)]}
    knows_who_left = chance_of(seed, life.number, "hubspot/contacts").random() < 0.6 or not life.in_salesforce
    for slot, contact in enumerate(life.contacts):
        left = contact.left_on if knows_who_left else None
        yield "contacts", _object(_child("contacts", life, slot), contact.created_on, left or contact.created_on, {
            "firstname": contact.first, "lastname": contact.last, "email": contact.email, "jobtitle": contact.title,
            "hs_buying_role": _ROLES[contact.role], "still_at_company": "false" if left else "true",
            "left_company_on": _day(left), "hs_analytics_last_timestamp": _at(contact.seen_on),
        }, to)
    yield from _support(life, to)
    for slot, answer in enumerate(life.answers):
        by = {**to, "contacts": [_child("contacts", life, answer.by)]}
        yield "feedback_submissions", _object(_child("feedback_submissions", life, slot), answer.answered_at,
                                              answer.answered_at, {
            "hs_survey_type": "NPS", "hs_value": str(answer.score), "hs_content": answer.comment,
            "hs_submission_timestamp": _instant(answer.answered_at),
        }, by)
    if not life.in_salesforce:                  # where both know the account, Salesforce has contracts and deals
        yield from _paid(life, to, as_of)
        yield from _onboarding_and_meetings(life, to)


def _companies(life: Life, seed: int, as_of: date) -> Iterator[Row]:
    """The main record, and now and then a duplicate, one merged away, or an archived one."""
    chance = chance_of(seed, life.number, "hubspot")
    both = life.in_salesforce
    csm = f"csm-{life.csm}"
    if chance.random() < 0.03:
        csm = leaver_before(life.csm)
    arr = f"{life.arr * RATES[life.currency]:.2f}" if life.arr_known and life.started_on else None
    main = _object(company_id(life.number), life.created_on, life.changed_at, {
        "name": variant(life.who, chance) if both and chance.random() < 0.5 else life.who.name,
        "domain": life.who.domain if life.domain_known and not (both and life.link == "none") else None,
        "segment": life.segment, "lifecyclestage": _LIFECYCLE[life.lifecycle], "industry": life.industry.upper(),
        "country": COUNTRY_NAMES[life.who.country], "timezone": life.who.timezone,
        "numberofemployees": str(life.employees), "arr": arr,
        "csm_owner_id": owner_id(csm) if life.lifecycle != "prospect" else None,
        "hubspot_owner_id": owner_id(f"sales-{life.salesperson}"),
        "do_not_contact": "true" if life.do_not_contact else None,
        "salesforceaccountid": salesforce.account_id(life.number) if both and life.link == "id" else None,
        "workspace_id": life.workspace_id if life.started_on and not (both and life.link == "none") else None,
    })
    if life.parent is not None and live(seed, life.parent, as_of).in_hubspot:
        main["properties"]["hs_parent_company_id"] = company_id(life.parent)
    extra, copy = chance.random(), make_id("companies", life.number * 10 + 2)
    older = _object(company_id(life.number), life.created_on, life.created_on + timedelta(days=2), {
        "name": variant(life.who, chance), "domain": main["properties"]["domain"], "lifecyclestage": None,
        "hubspot_owner_id": owner_id(f"sales-{life.salesperson}"),
    })
    if extra < 0.03:
        yield {**older, "id": copy}
    elif extra < 0.045:
        main["properties"]["hs_merged_object_ids"] = copy
        yield {**older, "id": copy, "archived": True, "archivedAt": _at(as_of - timedelta(days=chance.randint(2, 60)))}
    elif extra < 0.06:
        yield {**older, "id": copy, "archived": True, "archivedAt": _at(as_of - timedelta(days=chance.randint(2, 60))),
               "properties": {"name": "TEST do not use", "domain": None}}
    yield main


def _support(life: Life, to: dict[str, list[str]]) -> Iterator[tuple[str, Row]]:
    for slot, ticket in enumerate(life.tickets):
        changed = ticket.closed_at or ticket.answered_at or ticket.opened_at
        yield "tickets", _object(_child("tickets", life, slot), ticket.opened_at, changed, {
            "subject": ticket.subject, "hs_ticket_priority": _PRIORITY[ticket.priority], "hs_pipeline": "0",
            "hs_pipeline_stage": "4" if ticket.closed_at else "3", "createdate": _instant(ticket.opened_at),
            "closed_date": _instant(ticket.closed_at), "first_agent_reply_date": _instant(ticket.answered_at),
            "csat": str(ticket.csat) if ticket.csat else None,
        }, to)


def _paid(life: Life, to: dict[str, list[str]], as_of: date) -> Iterator[tuple[str, Row]]:
    yesterday = as_of - timedelta(days=1)
    for slot, term in enumerate(life.terms):
        signed = min(term.starts_on - timedelta(days=5), yesterday)
        yield "p_subscriptions", _object(_child("p_subscriptions", life, slot), signed, signed, {
            "product": term.product, "plan": term.plan, "status": term.status, "starts_on": _day(term.starts_on),
            "ends_on": _day(term.ends_on), "arr": f"{term.arr}.00", "currency": life.currency, "seats": str(term.seats),
            "auto_renew": _yes(term.auto_renew), "payment_overdue_days": str(term.overdue_days),
        }, to)
    for slot, deal in enumerate(life.deals):
        yield "deals", _object(_child("deals", life, slot), deal.created_on, min(deal.close_on, yesterday), {
            "dealname": deal.name, "dealtype": _DEAL_TYPE[deal.kind], "dealstage": _STAGE[deal.stage],
            "pipeline": "default",
            "amount": f"{deal.amount}.00", "deal_currency_code": life.currency, "closedate": _at(deal.close_on),
            "hs_is_closed": _yes(deal.stage != "open"), "hs_is_closed_won": _yes(deal.stage == "won"),
            "hubspot_owner_id": owner_id(f"sales-{life.salesperson}"), "createdate": _at(deal.created_on),
            "handoff_complete": None if deal.handoff_complete is None else _yes(deal.handoff_complete),
        }, to)


def _onboarding_and_meetings(life: Life, to: dict[str, list[str]]) -> Iterator[tuple[str, Row]]:
    for slot, step in enumerate(life.milestones):
        yield "p_milestones", _object(_child("p_milestones", life, slot), life.created_on,
                                      step.reached_on or life.created_on, {
            "plan": "Onboarding", "name": step.name, "position": str(step.position), "due_on": _day(step.due_on),
            "started_on": _day(step.started_on), "reached_on": _day(step.reached_on),
        }, to)
    for slot, meeting in enumerate(life.meetings):
        yield "meetings", _object(_child("meetings", life, slot), meeting.held_at - timedelta(days=3),
                                  meeting.held_at, {
            "hs_meeting_title": f"{_MEETING[meeting.kind]} with {life.who.core}",
            "hs_activity_type": _MEETING[meeting.kind],
            "hs_meeting_start_time": _instant(meeting.held_at),
            "hs_meeting_outcome": "COMPLETED" if meeting.took_place else "NO_SHOW",
            "hubspot_owner_id": owner_id(f"csm-{life.csm}"),
        }, to)


def _object(
    number: str, created: date, changed: date, properties: Row, to: dict[str, list[str]] | None = None,
) -> Row:
    row: Row = {
        "id": number, "properties": properties,
        "createdAt": _instant(created) if isinstance(created, datetime) else _at(created),
        "updatedAt": _instant(changed) if isinstance(changed, datetime) else _at(changed), "archived": False,
    }
    return {**row, "associations": to} if to else row


def _child(kind: str, life: Life, slot: int) -> str:
    assert slot < _SLOTS
    return make_id(kind, life.number * _SLOTS + slot + 1)


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _at(day: date | None) -> str | None:
    return f"{day.isoformat()}T08:00:00.000Z" if day else None


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
