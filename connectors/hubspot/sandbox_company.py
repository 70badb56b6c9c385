"""A small made-up company for the sandbox: the same for the same number of accounts and day."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

Rows = list[dict[str, Any]]
_NAMES = (
    "Acme", "Björk & Söhne", "=HYPERLINK(\"http://x\")", "<!channel> Ltd", "O'Neill 🚀", "Nord\u202eSüd", "Zeta, Inc.",
)
_OWNERS = (("Ada", "Lovelace"), ("Grace", "Hopper"), ("Edsger", "Dijkstra"), ("Left", "Longago"))


def tables(accounts: int, now: datetime) -> Mapping[str, Rows]:
    """Every table with rows that hang together; changes are spread over sixty days."""
    chance = random.Random(f"hubspot/{accounts}")  # noqa: S311  reproducible on purpose
    made: dict[str, Rows] = {"owners": [_owner(number, now) for number in range(len(_OWNERS))]}
    for number in range(accounts):
        for table, rows in _account(number, chance, now).items():
            made.setdefault(table, []).extend(rows)
    return made


def _account(number: int, chance: random.Random, now: datetime) -> dict[str, Rows]:
    company = str(1_000_001 + number)
    name = f"{_NAMES[number % len(_NAMES)]} {number}"

    def row(table: int, extra: int, properties: Mapping[str, Any], tied: bool = True) -> dict[str, Any]:
        updated = now - timedelta(minutes=chance.randrange(20, 60 * 24 * 60), milliseconds=chance.randrange(1000))
        return {
            "id": str(table * 1_000_000 + number * 10 + extra + 1), "createdAt": _text(now - timedelta(days=400)),
            "updatedAt": _text(updated), "archived": False,
            "properties": {key: str(value) for key, value in properties.items()},
            **({"associations": {"companies": [company]}} if tied else {}),
        }

    owner = str(7001 + number % 3)
    renewal = now.date() + timedelta(days=chance.randrange(10, 300))
    made = {
        "companies": [{**row(1, 0, {
            "name": name, "domain": f"customer-{number}.example.com", "segment": chance.choice(["smb", "enterprise"]),
            "lifecyclestage": "customer", "industry": "COMPUTER_SOFTWARE", "country": chance.choice(["Germany", "US"]),
            "timezone": "Europe/Berlin", "numberofemployees": chance.randrange(5, 5000),
            "arr": f"{number * 100 + 900}.50",
            "csm_owner_id": owner, "hubspot_owner_id": "7001", "salesforceaccountid": f"001{number:012d}AAA",
            "workspace_id": f"ws-{number}", "do_not_contact": "false",
        }, tied=False), "id": company}],
        "contacts": [row(2, each, {
            "firstname": "Änne", "lastname": f"<b>{each}</b>", "email": f"anne.{number}.{each}@example.com",
            "jobtitle": "Head of IT", "hs_buying_role": ("CHAMPION", "END_USER")[each], "still_at_company": "true",
        }) for each in range(2)],
        "p_subscriptions": [row(3, 0, {
            "product": "Suite", "plan": "Pro", "status": "active", "starts_on": renewal - timedelta(days=365),
            "ends_on": renewal, "arr": number * 100 + 900, "currency": "EUR", "seats": 20, "auto_renew": "true",
        })],
        "deals": [row(4, 0, {
            "dealname": f"{name} renewal", "dealtype": "renewal", "pipeline": "default", "amount": "12000.00",
            "dealstage": chance.choice(["closedwon", "contractsent"]), "deal_currency_code": "EUR",
            "closedate": _text(now), "hubspot_owner_id": "7001",
        })],
        "tickets": [row(5, 0, {
            "subject": "Export fails", "hs_ticket_priority": chance.choice(["LOW", "MEDIUM", "HIGH", "URGENT"]),
            "hs_pipeline": "0", "hs_pipeline_stage": chance.choice("1234"), "csat": "4",
        })],
        "feedback_submissions": [row(6, 0, {
            "hs_survey_type": "NPS", "hs_value": chance.randrange(11), "hs_content": "ok",
            "hs_submission_timestamp": _text(now - timedelta(days=9)),
        }, tied=bool(number % 2))],
        "p_milestones": [row(7, 0, {"plan": "Onboarding", "name": "kickoff", "position": 1, "due_on": renewal})],
        "meetings": [row(8, 0, {
            "hs_meeting_title": "Quarterly review", "hs_activity_type": "QBR", "hs_meeting_outcome": "COMPLETED",
            "hs_meeting_start_time": _text(now - timedelta(days=30)), "hubspot_owner_id": owner,
        })],
        "calls": [row(10, 0, {
            "hs_call_title": "Asked about <seats>", "hs_call_status": ("COMPLETED", "NO_ANSWER")[number % 2],
            "hs_timestamp": _text(now - timedelta(days=12)), "hubspot_owner_id": owner,
        })],
        "emails": [row(11, 0, {
            "hs_email_subject": "Your renewal", "hs_email_status": "SENT", "hs_email_direction": "EMAIL",
            "hs_timestamp": _text(now - timedelta(days=4)), "hubspot_owner_id": owner,
        })],
        "tasks": [row(9, 0, {
            "hs_task_subject": "Call", "hs_task_status": "NOT_STARTED", "hs_timestamp": _text(now),
            "hubspot_owner_id": owner,
        })],
    }
    contact = made["contacts"][0]["id"]
    made["feedback_submissions"][0].setdefault("associations", {})["contacts"] = [contact]
    return made


def events(now: datetime, company: int) -> Sequence[Sequence[Mapping[str, Any]]]:
    """Bodies of webhooks, one of each kind that Steward takes."""
    at = round(now.timestamp() * 1000)

    def event(number: int, kind: str, **more: Any) -> dict[str, Any]:
        return {
            "eventId": 100 + number, "subscriptionId": 33, "portalId": 4727653, "appId": 1160452, "occurredAt": at,
            "subscriptionType": kind, "attemptNumber": 0, "objectId": company, "changeSource": "CRM", **more,
        }

    return (
        [event(1, "company.propertyChange", propertyName="name", propertyValue="Acme & Söhne"),
         event(2, "company.propertyChange", propertyName="lifecyclestage", propertyValue="customer")],
        [event(3, "contact.propertyChange", objectId=2_000_001, propertyName="jobtitle", propertyValue="CIO")],
        [event(4, "deal.propertyChange", objectId=4_000_001, propertyName="dealstage", propertyValue="closedwon")],
        [event(5, "ticket.propertyChange", objectId=5_000_001, propertyName="csat", propertyValue="5")],
        [event(6, "contact.privacyDeletion", objectId=2_000_002)],
        [event(7, "company.deletion")],
        [event(8, "company.merge", primaryObjectId=company, mergedObjectIds=[company + 1], newObjectId=company)],
    )


def _owner(number: int, now: datetime) -> dict[str, Any]:
    first, last = _OWNERS[number]
    at = _text(now - timedelta(days=200))
    return {
        "id": str(7001 + number), "email": f"{first}.{last}@steward.example.com".lower(), "firstName": first,
        "lastName": last, "userId": 100 + number, "createdAt": at, "updatedAt": at, "archived": first == "Left",
    }


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
