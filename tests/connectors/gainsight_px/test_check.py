"""`connector check` says what is missing, and where to get it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.gainsight_px.sandbox import GainsightPxSandbox
from steward.contracts import Connection
from steward.kit.sandbox import Fault, Reply, Request

Connect = Callable[..., Connection]


def bad(connection: Connection) -> dict[str, str]:
    return {finding.what: finding.remedy for finding in connection.check() if not finding.ok}


def test_all_is_well_with_a_sound_subscription(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    sandbox.seed(3)
    found = connect().check()

    assert [finding for finding in found if not finding.ok] == []
    assert "shows only when something is written" in found[-1].remedy
    assert not len(sandbox.ledger)


def test_an_empty_subscription_is_sound(connect: Connect) -> None:
    assert bad(connect(features={}, custom={})) == {}


def test_the_wrong_data_centre_and_a_wrong_key_are_told_apart(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    sandbox.seed(1)
    told = bad(connect(api_key="not-the-key-of-anybody"))["/v1/accounts can be read"]
    assert "Unauthorized or bad API Key" in told
    assert "permission Read: Administration, REST API" in told

    sandbox.elsewhere = True
    assert "Set url to https://api.aptrinsic.com, https://api-eu" in bad(connect())["/v1/accounts can be read"]


@pytest.mark.parametrize(("settings", "what", "words"), [
    ({"features": {"feat-gone": "exports"}}, "the features that the settings name are there", "no feature feat-gone"),
    ({"custom": {"accounts": {"x": "customAttributes.gone"}}}, "accounts: the fields that the settings name are there",
     "no customAttributes.gone"),
    ({"ids": {"salesforce": "sfdcID"}}, "accounts: the fields that the settings name are there", "no sfdcID"),
])
def test_what_the_settings_name_must_be_there(
    sandbox: GainsightPxSandbox, connect: Connect, settings: dict[str, Any], what: str, words: str,
) -> None:
    sandbox.seed(1)
    assert words in bad(connect(**settings))[what]


def test_a_filter_that_finds_no_changes_is_noticed(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    """Else the first pull is the last that brings anything."""
    sandbox.seed(3)

    def deaf(request: Request, reply: Reply) -> Reply:
        asked = request.query.get("filter", "")
        if asked.startswith("lastModifiedDate") and request.path == "/v1/accounts":
            return Reply(200, {"accounts": [], "totalHits": 0, "scrollId": None})
        return reply

    sandbox.alter = deaf
    assert list(bad(connect())) == ["/v1/accounts: changes can be asked for by their time"]


def test_a_filter_that_is_ignored_is_noticed(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    sandbox.seed(3)
    sandbox._filters = lambda _: []  # type: ignore[method-assign]
    assert "/v1/users: changes can be asked for by their time" in bad(connect(features={}, events={}))


def test_events_that_may_not_be_read_are_told_with_the_permission(sandbox: GainsightPxSandbox, connect: Connect) -> None:
    sandbox.seed(1)
    sandbox.faults.append(Fault("status", on="/v1/events/custom", status=403, times=9))
    assert "Administration, REST API" in bad(connect())["/v1/events/custom can be read"]
