"""HubSpot played on loopback: objects, search, batches, associations, owners, limits, errors and signed webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import orjson

from connectors.hubspot import sandbox_properties as given
from connectors.hubspot.sandbox_access import CLIENT_ID, PORTAL, REFRESH_TOKEN, SECRET, TOKEN
from connectors.hubspot.sandbox_people import People, merge
from connectors.hubspot.sandbox_writing import Writing
from steward.kit.sandbox import Effect
from steward.model.actions import Action, LogTouchpoint, OpenCta, OpenOpportunity, UpdateRecord

__all__ = ["CLIENT_ID", "PORTAL", "REFRESH_TOKEN", "SECRET", "TOKEN", "HubSpotSandbox"]

# HubSpot signs the address with these decoded.
_DECODED = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
_KINDS = {"account": "companies", "contact": "contacts", "opportunity": "deals"}


class HubSpotSandbox(Writing):
    """One portal."""

    name: ClassVar[str] = "hubspot"
    tables: ClassVar[tuple[str, ...]] = ("owners", "pipelines", "properties", *given.KINDS)

    # ---- what stands in the portal ----

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        with self.lock:
            for row in rows:
                self.portal.take(table, row)

    def seed(self, accounts: int) -> None:
        from connectors.hubspot.sandbox_company import tables

        for table, rows in tables(accounts, self.now()).items():
            self.load(table, rows)

    def change(self, kind: str, row_id: str | int, properties: Mapping[str, str], at: datetime | None = None) -> None:
        """Change a row as a person would."""
        with self.lock:
            shelf = self.portal.shelves[kind]
            row = shelf.rows[int(row_id)]
            shelf.put(replace(row, properties={**row.properties, **properties}, updated=self._at(at)))

    def archive(self, kind: str, row_id: str | int, at: datetime | None = None) -> None:
        """Delete a row as a person would."""
        with self.lock:
            shelf = self.portal.shelves[kind]
            shelf.put(replace(shelf.rows[int(row_id)], archived=self._at(at)))

    def forget(self, kind: str, row_id: str | int) -> None:
        """Delete a row for good, as privacy law asks: no listing knows it any more, only the webhook tells."""
        with self.lock:
            self.portal.shelves[kind].forget(int(row_id))

    def merge(self, kind: str, survivor: str | int, loser: str | int, at: datetime | None = None) -> None:
        """Merge `loser` away."""
        with self.lock:
            rows = self.portal.shelves[kind].rows
            merge(self.portal, kind, rows[int(survivor)], rows[int(loser)], self._at(at))

    def stir(self, chance: random.Random) -> str | None:
        with self.lock:
            return People(self.portal, chance, self._at(None)).do_something()

    def settle(self) -> None:
        with self.lock:
            for shelf in self.portal.shelves.values():
                shelf.unindexed.clear()
                shelf.late.clear()

    def settings(self) -> dict[str, Any]:
        """As an app has them that was installed by OAuth just now."""
        return {
            "access_token": self.grant(), "client_id": CLIENT_ID, "client_secret": SECRET,
            "refresh_token": REFRESH_TOKEN, "host": self.url, "portal_id": PORTAL,
            "subscription_object": "p_subscriptions", "milestone_object": "p_milestones",
            "touchpoints": ["meetings", "calls", "emails"],
        }

    def sample_actions(self) -> Sequence[Action]:
        company = str(min(row.id for row in self.portal.shelves["companies"]))
        owner = next((each["email"] for each in self.portal.owners.values() if not each["archived"]), None)
        return [
            OpenCta(
                account_external_id=company, type="risk", subject="Call <Acme> & Söhne 🚀", assignee_email=owner,
                body="Users fell by 31 %.\nAsk <script>alert(1)</script> what changed.",
                due_on=(self.now() + timedelta(days=3)).date(), priority="high",
            ),
            LogTouchpoint(
                account_external_id=company, type="call", subject="Spoke with <Acme>", body="Renewal & seats",
                happened_at=self.now() - timedelta(hours=2), owner_email=owner,
            ),
            UpdateRecord(noun="account", external_id=company, field="description", value="Health 41 & falling"),
            OpenOpportunity(
                account_external_id=company, type="expansion", title="More seats for <Acme>", amount=Decimal("1200.50"),
                currency="EUR", closes_on=(self.now() + timedelta(days=60)).date(), owner_email=owner,
            ),
        ]

    def effects_of(self, action: Action, key: str) -> list[Effect]:
        if not isinstance(action, UpdateRecord):
            return self.ledger.of(key)
        about = (_KINDS[action.noun], action.external_id, action.value)
        return [each for each in self.ledger if about == (
            each.detail.get("object"), str(each.detail.get("id")), each.detail.get("properties", {}).get(action.field))]

    # ---- webhooks ----

    def sample_bodies(self) -> Sequence[bytes]:
        from connectors.hubspot.sandbox_company import events

        company = min(row.id for row in self.portal.shelves["companies"])
        return [orjson.dumps(each) for each in events(self.now(), company)]

    def sign(
        self, body: bytes, url: str = "https://steward.example.com/hooks/hubspot", method: str = "POST",
    ) -> dict[str, str]:
        stamp = str(self._at(None))
        told = f"{method}{_DECODED.sub(lambda found: unquote(found.group()), url)}".encode() + body + stamp.encode()
        signed = base64.b64encode(hmac.new(SECRET.encode(), told, hashlib.sha256).digest()).decode()
        return {
            ":method": method, ":url": url, "content-type": "application/json", "x-hubspot-signature-version": "v3",
            "x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": signed,
        }

    def post_webhook(self, url: str, events: Sequence[Mapping[str, Any]], signed_url: str = "") -> int:
        """Call `url` on loopback with `events`, as HubSpot does, and return the status. `signed_url`: as the outside
        world sees it, where that differs."""
        body, parts = orjson.dumps(list(events)), urlsplit(url)
        headers = {name: value for name, value in self.sign(body, signed_url or url).items() if name[0] != ":"}
        line = http.client.HTTPConnection(parts.netloc, timeout=5)
        try:
            line.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, headers)
            return line.getresponse().status
        finally:
            line.close()
