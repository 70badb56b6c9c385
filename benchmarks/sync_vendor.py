"""A vendor for `benchmarks.sync` in a process of its own: the sandbox, with one table of many rows.

An answer is made once and then kept as bytes until something changes: the readers are measured, not the sandbox.
`POST /_bench/change {"rows": N}` changes so many rows, as people do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.salesforce.sandbox import SalesforceSandbox
from steward.kit.sandbox import Reply, Request

MADE = datetime(2026, 1, 5, 8, tzinfo=UTC)
COUNTRIES = ("Germany", "United States", "France", "Japan")


class _Kept:
    """Keeps each answer's bytes; mixed into a sandbox."""

    _answers: dict[tuple[Any, ...], Reply]
    change_some: Callable[[int], None]

    def answer(self, request: Request) -> Reply:
        if request.path == "/_bench/change":
            self.change_some(request.json()["rows"])
            self._answers = {}
            return Reply(204)
        key = (request.method, request.path, tuple(sorted(request.query.items())), request.body,
               request.headers.get("sforce-query-options"))
        if key not in self._answers:
            reply: Reply = super().answer(request)  # type: ignore[misc]  # of the sandbox beside it
            if reply.status != 200 or "token" in request.path or "updated" in request.path or "/jobs/" in request.path:
                return reply
            self._answers[key] = Reply(reply.status, reply.payload(), reply.headers, reply.content_type)
        return self._answers[key]


class HubSpot(_Kept, HubSpotSandbox):
    """100 companies on a page."""

    def fill(self, rows: int) -> None:
        self._answers = {}
        self.load("owners", [{"id": "1", "email": "ana@us.example", "firstName": "Ana", "lastName": "Csm"}])
        self.load("companies", [{
            "id": str(1_000_000 + number), "createdAt": MADE.isoformat(),
            "updatedAt": (MADE + timedelta(seconds=number)).isoformat(), "properties": {
                "name": f"Company {number} GmbH", "domain": f"company{number}.example",
                "industry": "COMPUTER_SOFTWARE", "country": COUNTRIES[number % 4], "numberofemployees": str(number),
                "arr": str(number * 1000), "segment": "enterprise", "hubspot_owner_id": "1",
                "lifecyclestage": "customer", "hs_timezone": "europe_slash_berlin",
                "salesforceaccountid": f"001{number:015d}",
            }} for number in range(rows)])

    def change_some(self, rows: int) -> None:
        for number in range(rows):
            self.change("companies", 1_000_000 + 7 * number, {"arr": "1"})


class Salesforce(_Kept, SalesforceSandbox):
    """2,000 accounts on a page."""

    def fill(self, rows: int) -> None:
        self._answers = {}
        self.load("Account", [{
            "Id": self.make_id("Account", number + 1), "Name": f"Company {number} GmbH",
            "Website": f"https://www.company{number}.example", "Industry": "Technology", "Type": "Customer",
            "BillingCountry": COUNTRIES[number % 4], "NumberOfEmployees": number, "ARR__c": number * 1000.5,
            "Segment__c": "Enterprise", "Lifecycle__c": "Customer", "Time_Zone__c": "Europe/Berlin",
            "OwnerId": self.user_id, "Product_Account_Id__c": f"p-{number}",
            "SystemModstamp": _stamp(MADE + timedelta(seconds=number)),
        } for number in range(rows)])

    def change_some(self, rows: int) -> None:
        self.load("Account", [{"Id": self.make_id("Account", 7 * number + 1), "ARR__c": 1.0}
                              for number in range(rows)])


VENDORS: Mapping[str, type[HubSpot] | type[Salesforce]] = {"hubspot": HubSpot, "salesforce": Salesforce}


def main() -> None:
    """Serve until stdin ends; prints the settings as JSON once it can be called."""
    name, rows = sys.argv[1], int(sys.argv[2])
    with VENDORS[name]() as vendor:
        vendor.fill(rows)
        print(json.dumps({"url": vendor.url, "settings": vendor.settings()}), flush=True)
        sys.stdin.read()


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000+0000"
