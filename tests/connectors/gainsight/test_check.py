"""`connector check` says what is missing, down to the field and the permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.gainsight.sandbox import GainsightSandbox
from connectors.gainsight.sandbox_seed import company_id
from steward.contracts import Connection
from steward.kit.sandbox import Fault

Connect = Callable[..., Connection]


def bad(connection: Connection) -> dict[str, str]:
    return {finding.what: finding.remedy for finding in connection.check() if not finding.ok}


def test_all_is_well_with_a_sound_tenant(sandbox: GainsightSandbox, connect: Connect) -> None:
    sandbox.seed(3)
    assert bad(connect()) == {}
    assert not len(sandbox.ledger)


def test_an_object_that_cannot_be_seen_is_named(sandbox: GainsightSandbox, connect: Connect) -> None:
    """A stream that a company can do without is empty; one that it cannot is a fault."""
    sandbox.seed(1)
    del sandbox.tenant.rows["survey_participant"], sandbox.tenant.rows["company_person"]
    found = connect().check()

    assert [finding.remedy for finding in found if not finding.ok] == [
        'The tenant has no object "company_person", or the user of the key may not see it: Administration, Data Management, the object, permissions.']
    assert "survey_responses: the tenant has no survey_participant; the stream is empty" in [finding.what for finding in found]


@pytest.mark.parametrize(("settings", "what", "words"), [
    ({"fields": {"accounts": {"segment": "CS_Segment__gc"}}}, "accounts: the fields that the settings name are there",
     "Company has no CS_Segment__gc"),
    ({"custom": {"contacts": ["Person_ID__gr.Nickname"]}}, "contacts: the fields that the settings name are there",
     "company_person has no Person_ID__gr.Nickname"),
    ({"cta_types": {"risk": "Danger"}}, "CTAs can be opened", "The tenant has no Danger. Set cta_types"),
    ({"cta_reasons": {"risk": "Mood"}}, "CTAs can be opened", "The tenant has no Mood"),
    ({"plan_types": {"*": "Moonshot"}}, "success plans can be started", "The tenant has no Moonshot. Set plan_types"),
    ({"cta_key_field": "Our_Key__gc"}, "cta_key_field: call_to_action has Our_Key__gc",
     "Create it: Administration, Data Management, call_to_action, Add Field, String, API name Our_Key__gc"),
    ({"plan_key_field": "Our_Key__gc"}, "plan_key_field: cta_group has Our_Key__gc", "Create it"),
    ({"default_owner": "gone@steward.test"}, "default_owner is an active user", 'No active user has the e-mail "gone@steward.test"'),
])
def test_what_the_settings_name_must_be_there(
    sandbox: GainsightSandbox, connect: Connect, settings: dict[str, Any], what: str, words: str,
) -> None:
    """Else the first action that needs it is refused at night."""
    sandbox.seed(1)
    assert words in bad(connect(**settings))[what]


def test_a_filter_that_means_another_zone_is_noticed(sandbox: GainsightSandbox, connect: Connect) -> None:
    """Each pull would miss the changes of some hours."""
    sandbox.seed(3)
    sandbox.tenant.zone = "America/Los_Angeles"

    assert bad(connect(filter_zone="America/Los_Angeles")) == {}
    assert list(bad(connect(filter_zone="Asia/Tokyo"))) == ["changes can be asked for by their time"]
    assert "Set filter_zone to it" in bad(connect(filter_zone="Asia/Tokyo"))["changes can be asked for by their time"]


def test_a_key_that_was_made_anew_is_told(sandbox: GainsightSandbox, connect: Connect) -> None:
    told = bad(connect(access_key="the-key-of-last-year"))
    assert "a new key ends the old one for everybody" in told["persons: gsuser can be read"]
    assert len(told) == 1


def test_what_cannot_be_looked_at_is_not_said_to_be_well(sandbox: GainsightSandbox, connect: Connect) -> None:
    sandbox.seed(1)
    sandbox.faults.append(Fault("status", on="picklist", status=403, times=99))
    assert set(bad(connect())) == {"CTAs can be opened", "success plans can be started"}


def test_an_empty_tenant_is_sound(sandbox: GainsightSandbox, connect: Connect) -> None:
    sandbox.load("company", [{"Gsid": company_id(1), "Name": "Acme"}])
    assert bad(connect(default_owner="")) == {}
