"""A token of OAuth is renewed in time and on refusal, and nobody notices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import CLIENT_ID, REFRESH_TOKEN, SECRET, TOKEN, HubSpotSandbox
from steward.contracts import Connection, Tools
from steward.kit.sandbox import Fault, Reply, Request
from steward.model.actions import IdempotencyKey, OpenCta, UpdateRecord
from steward.model.errors import AccessDenied, Unavailable

CTA = OpenCta(account_external_id="1000001", type="risk", subject="Call", due_on=datetime(2026, 3, 5, tzinfo=UTC).date())


@pytest.fixture
def sandbox(sandbox: HubSpotSandbox) -> HubSpotSandbox:
    sandbox.seed(3)
    return sandbox


def asked_for_tokens(sandbox: HubSpotSandbox) -> list[str]:
    return [path for _, _, path, _ in sandbox.calls if path.startswith("/oauth/")]


def names(connection: Connection) -> list[str]:
    assert connection.source
    return [str(record.values["name"]) for page in connection.source.pull("accounts", None) for record in page.records]


@pytest.mark.parametrize(("api", "path"), [
    ("v3", "/oauth/v3/token"), ("2026-03", "/oauth/2026-03/token"), ("2026-09", "/oauth/2026-03/token")])
def test_without_a_token_one_is_fetched_from_the_address_of_the_scheme(
    sandbox: HubSpotSandbox, connect: Any, api: str, path: str,
) -> None:
    """HubSpot ends /oauth/v1 in 2027."""
    connection = connect(access_token=None, api=api)

    assert len(names(connection)) == 3
    assert len(names(connection)) == 3
    assert asked_for_tokens(sandbox) == [path]


def test_the_operator_may_name_another_version_of_the_token_address(sandbox: HubSpotSandbox, connect: Any) -> None:
    """An app on the old platform knows the old one only."""
    names(connect(access_token=None, oauth="v1"))

    assert asked_for_tokens(sandbox) == ["/oauth/v1/token"]


def test_a_token_that_expires_in_the_middle_of_a_pull_is_renewed_and_nothing_is_lost(
    sandbox: HubSpotSandbox, connect: Any,
) -> None:
    """Half an hour is shorter than a first load."""
    sandbox.page_size = 1
    found: list[str] = []
    for page in connect().source.pull("contacts", None):
        found += [record.external_id for record in page.records]
        sandbox.expire_tokens()

    assert len(found) == len(set(found)) == 6
    assert len(asked_for_tokens(sandbox)) == 5


def test_the_call_that_goes_again_carries_all_that_it_carried(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A library that adds its headers to the first try only makes a body of JSON that is read as none."""
    sandbox.expire_tokens()
    seen: list[Request] = []

    def look(request: Request, reply: Reply) -> Reply:
        seen.append(request)
        return reply

    sandbox.alter = look
    connection = connect()
    sandbox.expire_tokens()
    connection.sink.deliver(UpdateRecord(external_id="1000001", field="city", value="Köln"), IdempotencyKey("k"))

    first, again = [each for each in seen if each.path.endswith("batch/update")]
    told = [{name: value for name, value in each.headers.items() if name != "authorization"} for each in (first, again)]
    assert told[0] == told[1]
    assert first.headers["authorization"] != again.headers["authorization"]
    assert first.body == again.body
    assert sandbox.portal.shelves["companies"].rows[1_000_001].properties["city"] == "Köln"


def test_a_token_is_renewed_before_it_ends(sandbox: HubSpotSandbox) -> None:
    """A call that is refused is a call spent, and HubSpot counts errors."""
    now = [datetime.now(UTC)]
    settings = CONNECTOR.load_settings().model_validate(sandbox.settings() | {"access_token": None})
    connection = CONNECTOR.connect(settings, Tools(lambda: now[0], lambda _: None, deadline_s=3))
    names(connection)
    now[0] += timedelta(seconds=1750)
    names(connection)

    assert len(asked_for_tokens(sandbox)) == 2
    assert {status for _, _, _, status in sandbox.calls} == {200}


def test_threads_that_are_refused_together_fetch_one_token(sandbox: HubSpotSandbox, connect: Any) -> None:
    """The token's address has a limit of its own."""
    connection = connect()
    sandbox.expire_tokens()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: len(names(connection)), range(6)))

    assert found == [3] * 6
    assert len(asked_for_tokens(sandbox)) == 1


def test_a_refresh_token_that_is_refused_is_told_once_and_without_the_secret(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Somebody uninstalled the app: nothing but a person mends that."""
    with pytest.raises(AccessDenied, match="BAD_REFRESH_TOKEN") as raised:
        names(connect(access_token=None, refresh_token="na1-of-another"))

    assert "na1-of-another" not in str(raised.value)
    assert len(sandbox.calls) == 1


def test_a_token_s_address_that_is_down_is_not_a_refusal(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A minute of trouble at HubSpot must not ask for a person, nor be taken for a write that may have been done."""
    for fault in (Fault("status", on="oauth", status=500), Fault("cut", on="oauth"), Fault("empty", on="oauth")):
        sandbox.faults = [fault]
        with pytest.raises(Unavailable):
            connect(access_token=None).sink.deliver(CTA, IdempotencyKey("k"))

    assert not len(sandbox.ledger)


def test_a_private_app_s_token_is_never_renewed(sandbox: HubSpotSandbox, connect: Any) -> None:
    """It does not expire; a 401 means that it is wrong."""
    own = {"refresh_token": None, "client_id": ""}
    assert len(names(connect(access_token=TOKEN, **own))) == 3

    with pytest.raises(AccessDenied, match="INVALID_AUTHENTICATION"):
        names(connect(access_token="pat-na1-wrong", **own))
    assert asked_for_tokens(sandbox) == []


@pytest.mark.parametrize(("given", "said"), [
    ({}, "give access_token"), ({"refresh_token": REFRESH_TOKEN, "client_id": CLIENT_ID}, "client_secret"),
    ({"client_id": CLIENT_ID, "client_secret": SECRET}, "give access_token"),
])
def test_half_of_what_is_needed_is_said_before_any_call(given: dict[str, Any], said: str) -> None:
    """At start, not at three in the night."""
    with pytest.raises(ValidationError, match=said):
        CONNECTOR.load_settings().model_validate(given)


def test_the_plan_decides_how_many_calls_there_are() -> None:
    """190 on a Starter portal would be refused half of the time."""
    load = CONNECTOR.load_settings().model_validate
    tiers = ("free", "starter", "professional", "enterprise", "oauth")

    assert [load({"access_token": "x", "tier": each}).most_per_10_s for each in tiers] == [100, 100, 190, 190, 110]  # type: ignore[attr-defined]
    assert load({"access_token": "x", "tier": "free", "calls_per_10_s": 250}).most_per_10_s == 250  # type: ignore[attr-defined]
