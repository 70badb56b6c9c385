"""A company that lives in Gainsight: what people do in the product (PX) becomes work in Gainsight CS, once each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from connectors.gainsight.sandbox import GainsightSandbox
from connectors.gainsight.sandbox_seed import company_id
from connectors.gainsight_px.sandbox import GainsightPxSandbox
from connectors.gainsight_px.sandbox_seed import account_id
from steward.kit.sandbox import Fault
from steward.wiring import open_hub, utc_now

ACCOUNTS = 12
PLAYBOOK = """\
id: comes_often
title: Comes often
why: Who uses the product that much wants more of it.
mode: live
limit: 100000 or 100%
caps: {account: 100, owner: 10000}
when: usage.active_users.sum_7d >= 1
again_after: 90d
do:
  - success_plan: {template: recovery, assign: [csm]}
  - touchpoint: {type: call, subject: "Called {{ account.name }}"}
  - cta: {type: risk, due: 3bd, assign: csm}
  - update: {field: Tier__gc, value: Gold, via: gainsight}
  - update: {field: customAttributes.tier, value: Gold, via: gainsight_px}
"""
MADE = ("cta create", "success plan create", "activity create", "company update")


@pytest.fixture
def tenants() -> Iterator[tuple[GainsightSandbox, GainsightPxSandbox]]:
    """Gainsight CS and PX, which know each other's ids of all accounts but the last."""
    with ExitStack() as stack:
        cs, px = stack.enter_context(GainsightSandbox()), stack.enter_context(GainsightPxSandbox())
        assert isinstance(cs, GainsightSandbox)
        assert isinstance(px, GainsightPxSandbox)
        cs.seed(ACCOUNTS)
        px.seed(ACCOUNTS)
        for number in range(ACCOUNTS - 1):
            px.rows["accounts"][account_id(number)]["gsId"] = company_id(number)
        yield cs, px


@pytest.fixture
def config(tenants: tuple[GainsightSandbox, GainsightPxSandbox], tmp_path: Path) -> Path:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "comes_often.yaml").write_text(PLAYBOOK)
    file = tmp_path / "steward.yaml"
    with file.open("w") as written:
        YAML(typ="safe", pure=True).dump({
            "company": {"name": "Acme's vendor", "currency": "USD", "timezone": "Europe/London"},
            "store": {"url": "", "data_dir": "data"},
            "connections": {each.name: {"connector": each.name, "settings": each.settings() | more}
                            for each, more in zip(tenants, ({"calls_per_min": 1000}, {}), strict=True)},
            "routing": {"cta": ["gainsight"]}, "playbooks": str(tmp_path / "playbooks"),
        }, written)
    return file


def made(sandbox: Any) -> Counter[str]:
    return Counter(effect.kind for effect in sandbox.ledger)


def keys(sandbox: GainsightSandbox) -> list[str]:
    """The key of everything that was made under one."""
    return [effect.key for effect in sandbox.ledger if effect.key]


def look(config: Path, later: timedelta = timedelta(0)) -> None:
    with open_hub(config, lambda: utc_now() + later) as hub:
        for name in ("gainsight", "gainsight_px"):
            report = hub.sync(name)
            assert not report.troubles, report.troubles
        hub.derive()
        hub.apply(hub.draft(), "story")
        hub.evaluate()


def deliver(config: Path, later: timedelta = timedelta(0)) -> None:
    with open_hub(config, lambda: utc_now() + later) as hub:
        hub.deliver()


def test_usage_in_px_becomes_work_in_gainsight_once(
    tenants: tuple[GainsightSandbox, GainsightPxSandbox], config: Path, story: Any,
) -> None:
    """Plans, activities, CTAs and fields, each once, whatever breaks on the way."""
    cs, px = tenants
    look(config)
    # One of each is made, and nobody hears of it.
    cs.faults += [Fault("cut", on=f"POST {path}$", skip=2) for path in (
        "/v2/successPlan", "/v1/ant/es/activity", "/v2/cockpit/cta")]
    deliver(config)
    for hours in (1, 5, 25):
        deliver(config, timedelta(hours=hours))

    # One company wants no contact, and one account of PX is none of Gainsight's.
    assert made(cs) == dict.fromkeys(MADE, ACCOUNTS - 2)
    assert len(keys(cs)) == len(set(keys(cs))) == 3 * (ACCOUNTS - 2)
    assert made(px) == {"account update": ACCOUNTS - 1}
    gold = {name for name, row in cs.tenant.of("company").items() if row.get("Tier__gc") == "Gold"}
    assert gold == {company_id(number) for number in range(ACCOUNTS - 2)}
    assert {name for name, row in px.rows["accounts"].items() if row["customAttributes"]["tier"] != "Gold"} == {account_id(10)}
    assert sum(method == "PUT" for _, method, _, _ in cs.calls) <= 3     # many companies in one call
    assert cs.breaches == px.breaches == []

    look(config, timedelta(hours=26))
    deliver(config, timedelta(hours=26))
    assert made(cs) == dict.fromkeys(MADE, ACCOUNTS - 2)

    px.forget(account_id(ACCOUNTS - 1))     # of which PX does not tell
    with open_hub(config) as hub:
        found = hub.reconcile("gainsight_px")
    assert [(each.stream, each.gone, each.held) for each in found.streams] == [("accounts", 1, False), ("contacts", 2, False)]

    told = story.steward("doctor", f"--config={config}")
    assert "No connection can do that" not in told.out + told.err
    assert "what no connection can do yet" not in told.out + told.err
