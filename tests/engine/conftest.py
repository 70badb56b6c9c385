"""A small catalog of the engine tests' own, and the playbook of the language's first example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward.engine.calendars import ALWAYS_UTC, Calendar
from steward.engine.expression import Leaf
from steward.engine.language import CtaStep, Mode, Playbook, Step
from steward.engine.lifecycle import advance
from steward.engine.load import load_playbook
from steward.engine.look import Advance, Look, Verdicts
from steward.model.enrollments import Decision, Enrollment, State
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


# ---- lives: subjects that are looked at again and again ----

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)


@dataclass
class Life:
    """One subject under one playbook; every look is made twice, and the second must change nothing."""

    playbook: Playbook
    calendar: Calendar = ALWAYS_UTC
    start: datetime = MONDAY
    subject: str = "acct_1"
    open: Enrollment | None = None
    closed: Enrollment | None = None
    keys: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    held_by: dict[str, Any] = field(default_factory=dict)      # delivered, failed, gates, … of looks from now on

    def look(self, day: float, **verdicts: bool | None) -> Advance:
        """What is not told is FALSE, but for scope."""
        told = {"scope": True, **{name: False for name in self.playbook.conditions() if name != "scope"}, **verdicts}
        return self.at(self.start + timedelta(days=day), told)

    def at(self, now: datetime, verdicts: Mapping[str, bool | None]) -> Advance:
        look = Look(self.playbook, "acct_1", Verdicts(verdicts), now, self.calendar, subject_id=self.subject, **self.held_by)
        step = advance(look, self.open, self.closed)
        assert step.changed or step.enrollment == self.open, "what changes must be saved"
        self.open = step.enrollment
        if self.open is not None and self.open.state is State.CLOSED:
            self.open, self.closed = None, self.open
        again = advance(look, self.open, self.closed)
        assert not again.changed, "the same look twice"
        assert not again.planned
        self.keys += [planned.key for planned in step.planned]
        self.decisions += [step.decision] if step.decision else []
        return step

    @property
    def state(self) -> str:
        return self.open.state.value if self.open else (self.closed.reason if self.closed else "idle")

    @property
    def steps(self) -> list[str]:
        """What was planned, without the enrollment in front: "do.0/1"."""
        return [key.split("/", 2)[2].split("/", 1)[1] for key in self.keys]


def _fact(name: str) -> Leaf:
    return Leaf(name, "==", (True,), "true")


def _made(*do: Any, **fields: Any) -> Playbook:
    """A live playbook whose conditions are facts of the same name; a step may be its `do` alone."""
    steps = tuple(each if isinstance(each, Step) else Step(each, f"do[{at}]") for at, each in enumerate(do))
    given = {"when": _fact("when"), "until": _fact("until"), "mode": Mode.LIVE, "version": "v1", **fields}
    return Playbook(id="it", title="It", why="Because.", do=steps or (Step(CtaStep("cta", "risk"), "do[0]"),), **given)


@pytest.fixture(scope="session")
def life() -> type[Life]:
    return Life


@pytest.fixture(scope="session")
def made() -> Callable[..., Playbook]:
    return _made


@pytest.fixture(scope="session")
def fact() -> Callable[[str], Leaf]:
    return _fact
