"""The company as Salesforce holds it: rows in Salesforce's field names, with the dirt of a real org."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Any

from steward.demo.company.life import Life, chance_of, live
from steward.demo.company.names import COUNTRY_NAMES, HOSTILE, variant
from steward.demo.company.people import Person, leaver_before

Row = dict[str, Any]
PREFIXES = {
    "User": "005", "Account": "001", "Contact": "003", "Contract": "800", "Opportunity": "006", "Case": "500",
    "Onboarding_Milestone__c": "a00", "Event": "00U",
}
_SLOTS = 100                                    # children of one account in one table, at most
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SEGMENTS = {"enterprise": "Enterprise", "mid_market": "Mid-Market", "smb": "SMB"}
_TYPES = {"prospect": "Prospect", "onboarding": "Customer", "customer": "Customer", "churned": "Former Customer"}
_STATUS = {"active": "Activated", "pending": "In Approval Process", "expired": "Expired", "cancelled": "Cancelled"}
_PRIORITY = {"low": "Low", "normal": "Medium", "high": "High", "urgent": "Critical"}
_DEAL_TYPE = {"new": "New Business", "renewal": "Renewal", "expansion": "Expansion"}
_STAGE = {"open": "Negotiation/Review", "won": "Closed Won", "lost": "Closed Lost"}
_MEETING = {"call": "Call", "meeting": "Meeting", "qbr": "QBR"}
_ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
_PEOPLE = {"vp": 0, "manager": 1, "csm": 2, "left": 3, "sales": 4}


def make_id(table: str, number: int) -> str:
    """The 18-character id of a record: 15 that tell upper from lower case, 3 that check them."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    short = f"{PREFIXES[table]}Dm0{digits:0>9}"
    return short + "".join(_check(short[start:start + 5]) for start in (0, 5, 10))


@lru_cache(maxsize=50_000)
def _check(part: str) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[sum(1 << place for place in range(5) if part[place].isupper())]


def account_id(number: int) -> str:
    """The id of the main record of account `number`."""
    return make_id("Account", number * 10 + 1)


def user_id(key: str) -> str:
    """The id of one of us, by `Person.key`."""
    kind, _, number = key.partition("-")
    return make_id("User", int(number or 0) * 10 + _PEOPLE[kind])


def users(people: Iterator[Person], as_of: date) -> Iterator[Row]:
    for each in people:
        yield {
            "Id": user_id(each.key), "Name": f"{each.first} {each.last}", "FirstName": each.first,
            "LastName": each.last,
            "Email": each.email, "Username": each.email, "Title": each.title, "IsActive": each.active,
            "ManagerId": user_id(each.manager) if each.manager else None, "TimeZoneSidKey": each.timezone,
            "UserType": "Standard", "CreatedDate": _at(as_of - timedelta(days=900)),
        }


def rows(life: Life, seed: int, as_of: date) -> Iterator[tuple[str, Row]]:
    """Every record of one account with the name of its table."""
    if not life.in_salesforce:
        return
    yield from (("Account", row) for row in _accounts(life, seed, as_of))
    main = account_id(life.number)
    for slot, contact in enumerate(life.contacts):
        yield "Contact", {
            "Id": _child("Contact", life, slot), "AccountId": main, "FirstName": contact.first,
            "LastName": contact.last,
            "Name": f"{contact.first} {contact.last}", "Email": contact.email, "Title": contact.title,
            "Role__c": contact.role.title(), "No_Longer_At_Company__c": contact.left_on is not None,
            "Left_On__c": _day(contact.left_on), "Last_Login__c": _at(contact.seen_on),
            "CreatedDate": _at(contact.created_on),
            "LastModifiedDate": _at(contact.left_on or contact.created_on),
        }
    yield from _paid(life, main, as_of)
    if not life.in_hubspot:                     # where both know the account, support works in HubSpot
        yield from _cases(life, main)
    for slot, step in enumerate(life.milestones):
        yield "Onboarding_Milestone__c", {
            "Id": _child("Onboarding_Milestone__c", life, slot), "Account__c": main, "Plan__c": "Onboarding",
            "Name": step.name.replace("_", " ").title(), "Position__c": step.position, "Due_On__c": _day(step.due_on),
            "Started_On__c": _day(step.started_on), "Reached_On__c": _day(step.reached_on),
            "CreatedDate": _at(life.created_on), "LastModifiedDate": _at(step.reached_on or life.created_on),
        }
    for slot, meeting in enumerate(life.meetings):
        if meeting.took_place:
            yield "Event", {
                "Id": _child("Event", life, slot), "AccountId": main, "WhatId": main,
                "OwnerId": user_id(f"csm-{life.csm}"),
                "Subject": f"{_MEETING[meeting.kind]} with {life.who.core}", "Type": _MEETING[meeting.kind],
                "StartDateTime": _instant(meeting.held_at),
                "EndDateTime": _instant(meeting.held_at + timedelta(minutes=45)),
                "CreatedDate": _instant(meeting.held_at - timedelta(days=3)),
            }


def _accounts(life: Life, seed: int, as_of: date) -> Iterator[Row]:
    """The main record, and now and then a duplicate, one merged away, or one deleted."""
    chance = chance_of(seed, life.number, "salesforce")
    main = _main(life)
    if life.parent is not None and live(seed, life.parent, as_of).in_salesforce:
        main["ParentId"] = account_id(life.parent)
    if chance.random() < 0.025:                 # the CSM left, nobody changed the record
        main["CSM__c"] = user_id(leaver_before(life.csm))
    if chance.random() < 0.04:                  # an import wrote the local time of somewhere
        main["CreatedDate"] = datetime.combine(life.created_on, time(9, 30), _ELSEWHERE).isoformat()
    yield main
    extra = chance.random()
    older = _at(life.created_on + timedelta(days=1))
    copy = {
        **main, "Name": variant(life.who, chance), "CreatedDate": older, "LastModifiedDate": older, "ARR__c": None,
        "Product_Account_Id__c": None, "Segment__c": None, "Lifecycle__c": None, "Type": None, "ParentId": None,
    }
    if extra < 0.03:
        website = chance.choice((main["Website"], f"http://{life.who.domain.upper()}/home?utm=x", None))
        yield {**copy, "Id": make_id("Account", life.number * 10 + 2), "Website": website}
    elif extra < 0.045:
        yield {**copy, "Id": make_id("Account", life.number * 10 + 3), "IsDeleted": True, "MasterRecordId": main["Id"],
               "LastModifiedDate": _at(as_of - timedelta(days=chance.randint(2, 12)))}
    elif extra < 0.06:
        yield {**copy, "Id": make_id("Account", life.number * 10 + 4), "Name": f"TEST {chance.choice(HOSTILE)}",
               "Website": None,
               "IsDeleted": True, "LastModifiedDate": _at(as_of - timedelta(days=chance.randint(2, 12)))}


def _main(life: Life) -> Row:
    by_code = life.number % 3 != 0              # the rest write the country out
    return {
        "Id": account_id(life.number), "Name": life.who.name,
        "Website": f"https://www.{life.who.domain}/" if life.domain_known else None, "Type": _TYPES[life.lifecycle],
        "Industry": life.industry, "NumberOfEmployees": life.employees,
        "BillingCountryCode": life.who.country if by_code else None,
        "BillingCountry": COUNTRY_NAMES[life.who.country] if not by_code else None,
        "Segment__c": _SEGMENTS[life.segment], "Lifecycle__c": life.lifecycle if life.number % 7 else None,
        "Time_Zone__c": life.who.timezone, "ARR__c": life.arr if life.arr_known and life.started_on else None,
        "CurrencyIsoCode": life.currency, "OwnerId": user_id(f"sales-{life.salesperson}"),
        "CSM__c": user_id(f"csm-{life.csm}") if life.lifecycle != "prospect" else None,
        "Do_Not_Contact__c": life.do_not_contact,
        "Product_Account_Id__c": life.workspace_id if life.started_on else None,
        "CreatedDate": _at(life.created_on), "LastModifiedDate": _instant(life.changed_at), "IsDeleted": False,
        "MasterRecordId": None, "ParentId": None,
    }


def _paid(life: Life, main: str, as_of: date) -> Iterator[tuple[str, Row]]:
    for slot, term in enumerate(life.terms):
        signed = min(term.starts_on - timedelta(days=5), as_of - timedelta(days=1))
        yield "Contract", {
            "Id": _child("Contract", life, slot), "AccountId": main, "Name": f"{life.plan} {term.starts_on.year}",
            "Product__c": term.product, "Plan__c": term.plan, "Status": _STATUS[term.status],
            "StartDate": _day(term.starts_on),
            "EndDate": _day(term.ends_on), "ARR__c": term.arr, "CurrencyIsoCode": life.currency, "Seats__c": term.seats,
            "Auto_Renew__c": term.auto_renew, "Payment_Overdue_Days__c": term.overdue_days,
            "OwnerId": user_id(f"sales-{life.salesperson}"), "CreatedDate": _at(signed),
        }
    for slot, deal in enumerate(life.deals):
        yield "Opportunity", {
            "Id": _child("Opportunity", life, slot), "AccountId": main, "Name": deal.name,
            "Type": _DEAL_TYPE[deal.kind],
            "StageName": _STAGE[deal.stage], "Amount": deal.amount, "CurrencyIsoCode": life.currency,
            "CloseDate": _day(deal.close_on), "IsClosed": deal.stage != "open", "IsWon": deal.stage == "won",
            "OwnerId": user_id(f"sales-{life.salesperson}"), "Handoff_Complete__c": bool(deal.handoff_complete),
            "CreatedDate": _at(deal.created_on), "LastModifiedDate": _at(min(deal.close_on, as_of - timedelta(days=1))),
        }


def _cases(life: Life, main: str) -> Iterator[tuple[str, Row]]:
    for slot, ticket in enumerate(life.tickets):
        yield "Case", {
            "Id": _child("Case", life, slot), "AccountId": main, "CaseNumber": f"{life.number:06d}{slot:02d}",
            "Subject": ticket.subject, "Priority": _PRIORITY[ticket.priority],
            "Status": "Closed" if ticket.closed_at else "Working", "IsClosed": ticket.closed_at is not None,
            "CreatedDate": _instant(ticket.opened_at), "ClosedDate": _instant(ticket.closed_at),
            "First_Response_At__c": _instant(ticket.answered_at), "CSAT__c": ticket.csat,
            "LastModifiedDate": _instant(ticket.closed_at or ticket.answered_at or ticket.opened_at),
        }


def _child(table: str, life: Life, slot: int) -> str:
    assert slot < _SLOTS
    return make_id(table, life.number * _SLOTS + slot + 1)


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _at(day: date | None) -> str | None:
    return f"{day.isoformat()}T08:00:00.000+0000" if day else None


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000") if at else None
