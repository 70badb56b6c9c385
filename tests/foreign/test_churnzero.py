"""churnzero-api-wrapper, which others wrote, speaks to our ChurnZero sandbox."""

from __future__ import annotations

from typing import Any

from churnzero_api_wrapper.client import HTTPClient

from connectors.churnzero.sandbox import APP_KEY, ChurnZeroSandbox


def test_attributes_and_events_arrive_once() -> None:
    """It sends by query, as ChurnZero's own examples do; a repeated event is ignored."""
    with ChurnZeroSandbox() as sandbox:
        sandbox.seed(3)
        client: Any = HTTPClient(APP_KEY, f"{sandbox.url}/i", total=0)
        client.trust_env = False
        client.set_account_attributes({"accountExternalId": "00100001", "name": "LicenseCount", "value": "42"})
        client.set_account_attributes({"accountExternalId": "brand-new", "attr_Tier": "gold"})
        event = {"accountExternalId": "00100001", "eventName": "Export", "eventDate": "2026-03-05T08:00:00Z",
                 "description": "weekly"}
        client.track_event(event)
        client.track_event(event)
        client.track_event({**event, "allowDupes": "true"})
        refused = sandbox.calls[-1][3]
        client.track_event({"eventName": "Export"})

        accounts = {row["ExternalId"]: row for row in sandbox.rows("Account")}
        assert accounts["00100001"]["LicenseCount"] == 42
        assert accounts["brand-new"]["Cf"] == {"Tier": "gold"}
        assert [each.kind for each in sandbox.ledger] == ["setAttribute", "setAttribute", "trackEvent", "trackEvent"]
        assert (refused, sandbox.calls[-1][3]) == (200, 422)
