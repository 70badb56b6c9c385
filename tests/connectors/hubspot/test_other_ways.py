"""The battery once more over the ways that the first one does not go: the dated schemes, and a private app's token."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import TOKEN, HubSpotSandbox
from steward.kit import battery

RULES = battery.rules_for(CONNECTOR) if os.environ.get("STEWARD_TORTURE") else [
    "a_pull_resumes_after_any_page", "what_is_fetched_by_id_is_what_is_pulled", "a_read_that_meets_cut",
    "a_read_that_meets_429", "the_same_key_twice_is_one_effect", "what_was_made_is_found", "a_write_that_meets_cut",
    "a_write_that_meets_html", "many_at_once_are_one_effect_each", "one_bad_row_does_not_spoil_the_others",
    "check_finds_all_well_then_says_what_is_not",
]


class Dated(HubSpotSandbox):
    """The same portal, spoken to in the dated scheme."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "api": "2026-03"}


class Newest(HubSpotSandbox):
    """The same, in the newest version."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "api": "2026-09"}


class Private(HubSpotSandbox):
    """The same portal, with a token that does not end."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "access_token": TOKEN, "refresh_token": None, "client_id": ""}


# The newest version goes the same way as the one before it.
CASES = [(kind, rule) for kind in (Dated, Newest, Private) for rule in RULES
         if kind is not Newest or rule.startswith(("what_is", "many_at_once"))]


@pytest.mark.parametrize(("sandbox_type", "rule"), CASES)
def test_the_same_promises(sandbox_type: type[HubSpotSandbox], rule: str) -> None:
    """HubSpot ends v3 and v4 in 2027; the switch must be a setting and nothing else."""
    battery.run(replace(CONNECTOR, load_sandbox=lambda: sandbox_type), rule)
