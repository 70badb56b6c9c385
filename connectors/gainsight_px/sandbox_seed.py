"""A small made-up subscription."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from steward.kit.reading import milliseconds

Row = dict[str, Any]
TAG = "AP-SANDBOX-2"
DAYS = 6
ATTRIBUTES = {"tier": "STRING", "seats": "NUMBER", "pilot": "BOOLEAN", "kickoff": "DATE_TIME"}
FEATURES = {"feat-dashboard": "Dashboards", "feat-export": "Export"}
_EPOCH_NAMES = ("createDate", "lastModifiedDate")


def account_id(number: int) -> str:
    return f"acme-{number:04d}"


def attribute(name: str, kind: str, at: int) -> Row:
    return {"id": f"attr-{name}", "name": name.title(), "apiName": name, "internalName": f"ca_{name}", "type": kind,
            "state": "ENABLED", "origin": "CUSTOM", "createdDate": at, "modifiedDate": at}


def feature(feature_id: str, name: str) -> Row:
    return {"id": feature_id, "name": name, "type": "FEATURE", "status": "ACTIVE", "propertyKey": TAG}


def subscription(accounts: int, now: datetime) -> dict[str, list[Row]]:
    """Accounts with users, and what they did in the last days."""
    at = milliseconds(now)
    tables: dict[str, list[Row]] = {
        "attributes": [attribute(name, kind, at) for name, kind in ATTRIBUTES.items()],
        "features": [feature(each, name) for each, name in FEATURES.items()],
        "accounts": [], "users": [], "session": [], "custom": [], "feature_match": [],
    }
    for number in range(accounts):
        changed = milliseconds(now - timedelta(days=9, hours=accounts - number))
        dates = dict.fromkeys(_EPOCH_NAMES, changed)
        tables["accounts"].append({
            "id": account_id(number), "name": f"Acme {number}", "propertyKeys": [TAG], "numberOfUsers": 2,
            "industry": "Software", "website": f"https://www.acme{number}.example.com", "plan": "Pro",
            "numberOfEmployees": 40 + number, "sfdcId": f"0015g{number:010d}AAA", "healthScore": 60 + number % 40,
            "location": {"countryName": "Germany", "countryCode": "DEU", "timeZone": "Europe/Berlin"},
            "customAttributes": {"tier": "Silver", "seats": 10 + number}, **dates,
        })
        for place, kind in enumerate(("USER", "USER", "VISITOR")):
            name = f"{('ana', 'ben', 'vis')[place]}.{number}@acme.example.com"
            tables["users"].append({
                "aptrinsicId": f"apt-{number}-{place}", "identifyId": name, "id": name, "type": kind, "email": name,
                "firstName": ("Ana", "Ben", "")[place], "lastName": f"Acme {number}", "role": "Admin",
                "accountId": account_id(number), "lastSeenDate": changed, "propertyKeys": [TAG], **dates,
            })
    users = [user for user in tables["users"] if user["type"] == "USER"]
    for table, event in _happened(users, now):
        tables[table].append(event)
    return tables


def _happened(users: list[Row], now: datetime) -> Iterator[tuple[str, Row]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for place, user in enumerate(users):
        for days in range(DAYS):
            if (place + days) % 3 == 2:
                continue                    # nobody comes every day
            at = midnight - timedelta(days=days) + timedelta(minutes=9 * 60 + place % 400)
            for table, more in (
                ("session", {}), ("custom", {"eventName": "Report Viewed", "attributes": {"report": "usage"}}),
                ("feature_match", {"featureId": "feat-dashboard"}),
            ):
                if at <= now:
                    yield table, event(table, f"{place}-{days}", user, milliseconds(at), **more)


def event(table: str, name: str, user: Row, at: int, **more: Any) -> Row:
    kinds = {"session": "SESSION_INITIALIZED", "custom": "CUSTOM", "feature_match": "FEATURE_MATCH"}
    return {"eventId": f"ev-{table}-{name}", "identifyId": user["identifyId"], "propertyKey": TAG, "date": at,
            "eventType": kinds[table], "sessionId": f"se-{name}", "userType": user["type"],
            "accountId": user["accountId"], "globalContext": {}, **more}
