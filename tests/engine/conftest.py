"""A small catalog of the engine tests' own, and the playbook of the language's first example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from steward.engine.language import Playbook
from steward.engine.load import load_playbook
from steward.model.facts import FactSpec, FactType

EXAMPLE = """\
id: health_drop
title: Health drop before renewal
why: A call before day 60 saves most accounts that lose users; after it, few.
when:
  all:
    - health.score < 60
    - renewal.days_left <= 120
    - any:
        - usage.active_users.change_28d <= -30%
        - support.open_urgent >= 1
until: health.score >= 70
for: 3d
again_after: 30d
do:
  - cta: {type: risk, due: 3bd, assign: csm}
  - message: {to: csm, template: health_drop}
escalate:
  - {after: 2bd, unless: acknowledged, to: csm_manager}
  - {after: 5bd, unless: acknowledged, to: role:vp_cs, only_if: account.arr >= 100k USD}
"""


def _spec(name: str, kind: FactType, group: str, **more: object) -> FactSpec:
    made = FactSpec(name, kind, f"Meaning of {name}.", "somewhere", group)
    return replace(made, **more)  # type: ignore[arg-type]  # the tests' own shorthand


@pytest.fixture
def catalog() -> Mapping[str, FactSpec]:
    hours = timedelta(hours=26)
    specs = (
        _spec("account.name", FactType.TEXT, "crm", fresh_within=hours),
        _spec("account.segment", FactType.TEXT, "crm", one_of=("enterprise", "mid_market", "smb"), fresh_within=hours),
        _spec("account.arr", FactType.MONEY, "crm", unit="USD", low=0, fresh_within=hours),
        _spec("account.do_not_contact", FactType.BOOLEAN, "crm", fresh_within=hours),
        _spec("account.since_on", FactType.DATE, "crm", fresh_within=hours),
        _spec("account.industry", FactType.TEXT, "crm", fresh_within=hours),
        _spec("renewal.days_left", FactType.DAYS, "crm", unit="days", low=-36600, high=36600, fresh_within=hours),
        _spec("health.score", FactType.NUMBER, "health", unit="points", low=0, high=100, fresh_within=hours),
        _spec("usage.active_users.change_28d", FactType.RATIO, "usage", low=-1, fresh_within=hours),
        _spec("support.open_urgent", FactType.INTEGER, "support", unit="tickets", low=0, fresh_within=hours),
        _spec("forecast.points", FactType.NUMBER, "forecast"),
    )
    return {spec.name: spec for spec in specs}


@pytest.fixture
def load(catalog: Mapping[str, FactSpec]) -> Callable[[str], Playbook]:
    """Loads a playbook's text with the tests' catalog."""
    return lambda text: load_playbook(text, "playbooks/it.yaml", catalog)


@pytest.fixture
def example(load: Callable[[str], Playbook]) -> Playbook:
    return load(EXAMPLE)


@pytest.fixture
def example_text() -> str:
    return EXAMPLE
