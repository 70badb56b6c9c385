"""Microsoft Teams: cards to channels over Workflows webhooks, with buttons that lead to a page of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Tools
from steward.model.actions import DeliveryClass

if TYPE_CHECKING:
    from connectors.teams.sandbox import TeamsSandbox
    from connectors.teams.settings import TeamsSettings


def _settings() -> type[TeamsSettings]:
    from connectors.teams.settings import TeamsSettings

    return TeamsSettings


def _sandbox() -> type[TeamsSandbox]:
    from connectors.teams.sandbox import TeamsSandbox

    return TeamsSandbox


def _connect(settings: TeamsSettings, tools: Tools) -> Connection:
    from connectors.teams.check import check
    from connectors.teams.inbox import TeamsInbox
    from connectors.teams.sink import TeamsSink

    return Connection(
        sink=TeamsSink(settings, tools),
        inbox=TeamsInbox(settings, tools) if settings.link_secret else None,
        check=lambda: check(settings),
    )


_BROWSER = "a person's browser makes the call, and the signature is the token in the form"

CONNECTOR = Connector(
    name="teams",
    title="Microsoft Teams",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    actions={"message": DeliveryClass.C},
    inbox=True,
    folder=Path(__file__).parent,
    waivers={
        "a_write_that_meets_drip": "a workflow's yes has no body that could drip",
        "a_changed_body_is_rejected": f"{_BROWSER}; a changed token is refused, see tests/connectors/teams",
        "an_unsigned_call_is_rejected": f"{_BROWSER}; a form without the token is refused, see the tests",
        "an_old_call_is_rejected": f"{_BROWSER}; the token says until when it is good, see the tests",
        "hostile_headers_are_rejected": f"{_BROWSER}; no header is read",
    },
    confirmed={
        "every card is valid": "official spec Adaptive Cards 1.4 to 1.6",
        "28 KB a message, four requests a second": "third party Microsoft's documentation (stored copies)",
        "Workflows answers 202 with nothing; a webhook cannot write to a person": "UNCONFIRMED",
    },
)
