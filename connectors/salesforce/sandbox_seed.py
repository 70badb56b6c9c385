"""A small made-up company for the sandbox, the same every time, with the names that make programs stumble."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.salesforce.schema import PREFIXES
from connectors.salesforce.tables import make_id
from steward.model.actions import Action, LogTouchpoint, OpenCta, OpenOpportunity, UpdateRecord

NAMES = ("Acme GmbH", "Globex 🚀", '=HYPERLINK("http://x.example";"Initech")', "<!channel> Umbrella", "O'Neil & Söhne",
         'Robert"); DROP TABLE', "株式会社サンプル", "Hooli\nInc", "A" * 255)
_STAGES = ("Prospecting", "Negotiation/Review", "Closed Won", "Closed Lost")

Row = dict[str, Any]


def integration_user(user_id: str) -> Row:
    """The user that Steward signs in as."""
    return {"Id": user_id, "Name": "Steward Integration", "LastName": "Integration", "IsActive": True,
            "Username": "steward@sandbox.example", "UserType": "Standard",
            "CreatedDate": "2024-01-01T00:00:00.000+0000"}


def company(accounts: int, now: datetime) -> dict[str, list[Row]]:
    """The rows of every table; the youngest is two days old."""
    tables: dict[str, list[Row]] = {name: [] for name in PREFIXES}
    for number in range(1, 8):
        tables["User"].append({
            "Id": _id("User", number), "FirstName": "Ana", "LastName": f"Ruiz {number}", "Email": _email(number),
            "Username": _email(number), "Title": "CSM", "IsActive": number != 7, "UserType": "Standard",
            "ManagerId": _id("User", 1) if number > 1 else None, "TimeZoneSidKey": "Europe/Berlin",
            "SystemModstamp": now - timedelta(days=90 - number),
        })
    for number in range(1, accounts + 1):
        _account(tables, number, now)
    return tables


def actions(now: datetime) -> Sequence[Action]:
    """One of each kind, on the first account of `company`."""
    account = _id("Account", 1)
    return (
        OpenCta(
            account_external_id=account, type="risk", subject='Call "Acme" <!channel> & agree on 🚀 next steps',
            body="Active users fell by 38% in 28 days.\nAsk for the sponsor.",
            due_on=(now + timedelta(days=3)).date(), priority="high", assignee_email=_email(2),
        ),
        LogTouchpoint(
            account_external_id=account, contact_external_id=_id("Contact", 10), type="call", subject="Talked to Zoë",
            body="She stays.", happened_at=now - timedelta(hours=2), owner_email=_email(2),
        ),
        OpenOpportunity(
            account_external_id=account, type="expansion", title="50 more seats for O'Neil & Söhne",
            amount=Decimal("12000.50"), currency="USD", closes_on=(now + timedelta(days=60)).date(),
            owner_email=_email(3),
        ),
        UpdateRecord(noun="account", external_id=account, field="Health_Score__c", value="72"),
    )


def _account(tables: dict[str, list[Row]], number: int, now: datetime) -> None:
    # Many rows share one instant, as after a bulk load: paging must tell them apart by id.
    stamp = now - timedelta(days=2 + number // 4)
    account, owner = _id("Account", number), _id("User", number % 6 + 1)
    both = {"SystemModstamp": stamp, "CreatedDate": stamp - timedelta(days=300)}
    tables["Account"].append({
        **both, "Id": account, "Name": NAMES[number % len(NAMES)], "Type": "Customer - Direct", "Industry": "Software",
        "Website": f"https://www.account{number}.example/home", "BillingCountryCode": "DE", "NumberOfEmployees": number,
        "OwnerId": owner, "CSM__c": owner, "Segment__c": ("Enterprise", "Mid-Market", "SMB")[number % 3],
        "ARR__c": 12_000.5 * number, "Time_Zone__c": "Europe/Berlin", "Product_Account_Id__c": f"ws_{number}",
    })
    for place, role in enumerate(("Champion", "Sponsor")):
        tables["Contact"].append({
            **both, "Id": _id("Contact", 10 * number + place), "AccountId": account, "FirstName": "Zoë",
            "LastName": f"N{number}", "Email": f"zoe{place}@account{number}.example", "Title": "Ops", "Role__c": role,
        })
    tables["Contract"].append({
        **both, "Id": _id("Contract", number), "AccountId": account, "Status": "Activated", "ARR__c": 12_000.5 * number,
        "StartDate": (stamp - timedelta(days=300)).date(), "EndDate": (stamp + timedelta(days=65)).date(),
        "Product__c": "Core", "Plan__c": "Team", "Seats__c": 25.0,
    })
    tables["Opportunity"].append({
        **both, "Id": _id("Opportunity", number), "AccountId": account, "Name": f"Renewal {number}", "Type": "Renewal",
        "StageName": _STAGES[number % 4], "Amount": 12_000.5 * number, "CloseDate": (stamp + timedelta(days=65)).date(),
        "OwnerId": owner,
    })
    tables["Case"].append({
        **both, "Id": _id("Case", number), "AccountId": account, "Subject": NAMES[number % len(NAMES)],
        "Priority": "High", "Status": ("New", "On Hold", "Closed")[number % 3], "CSAT__c": 4.0,
        "ClosedDate": stamp if number % 3 == 2 else None,
    })
    for place, name in enumerate(("Kickoff", "First Value")):
        tables["Onboarding_Milestone__c"].append({
            **both, "Id": _id("Onboarding_Milestone__c", 10 * number + place), "Account__c": account, "Name": name,
            "Plan__c": "Onboarding", "Position__c": place + 1.0, "Due_On__c": stamp.date(),
            "Started_On__c": stamp.date(),
        })
    tables["Survey_Response__c"].append({
        **both, "Id": _id("Survey_Response__c", number), "Account__c": account, "Kind__c": "NPS",
        "Score__c": float(number % 11), "Answered_At__c": stamp, "Contact__c": _id("Contact", 10 * number),
    })
    tables["Usage_Event__c"].append({
        **both, "Id": _id("Usage_Event__c", number), "Account__c": account, "Metric__c": "logins",
        "Happened_At__c": stamp, "Quantity__c": 3.0,
    })
    tables["Event"].append({
        **both, "Id": _id("Event", number), "AccountId": account, "WhatId": account, "OwnerId": owner, "Subject": "QBR",
        "Type": "QBR", "StartDateTime": stamp - timedelta(days=5),
    })
    tables["Task"].append({
        **both, "Id": _id("Task", number), "AccountId": account, "WhatId": account, "OwnerId": owner,
        "Subject": "Follow up", "Status": "Completed" if number % 2 else "Not Started", "Priority": "Normal",
        "ActivityDate": stamp.date(),
    })


def _id(table: str, number: int) -> str:
    return make_id(PREFIXES[table], number)


def _email(number: int) -> str:
    return f"ana{number}@steward.example"
