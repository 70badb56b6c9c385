"""What a playbook consists of, checked and frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import Literal

from steward.engine.durations import NO_TIME, Duration
from steward.engine.expression import Expression, Not
from steward.engine.findings import Mark
from steward.engine.template import MessageTemplate

CTA_TYPES = ("risk", "onboarding", "expansion", "handoff", "lifecycle")
DEFAULT_AGAIN_AFTER = Duration(14)
DEFAULT_TIMEOUT = Duration(90)
DEFAULT_DUE = Duration(3, "bd")


class Mode(StrEnum):
    """What a playbook may do. Shadow walks all states and performs nothing; ramp is live for a share."""

    SHADOW = "shadow"
    RAMP = "ramp"
    LIVE = "live"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Limit:
    """Most new enrollments in one run: the larger of `count` and `share` of the accounts looked at."""

    count: int = 25
    share: float = 0.05

    def of(self, accounts: int) -> int:
        """The number for a run over `accounts`."""
        return max(self.count, ceil(round(self.share * accounts, 6)))


@dataclass(frozen=True, slots=True)
class CtaStep:
    """Ask work of a person: `assign` are recipients, best first; due so long after the step is planned."""

    kind: Literal["cta", "task"]
    type: str
    due: Duration = DEFAULT_DUE
    assign: tuple[str, ...] = ("csm",)
    priority: Literal["low", "normal", "high"] = "normal"


@dataclass(frozen=True, slots=True)
class MessageStep:
    """Tell the first of `to` who can be told; `template` "" is the plain card."""

    to: tuple[str, ...]
    template: str = ""
    kind: Literal["message"] = "message"


Step = CtaStep | MessageStep


@dataclass(frozen=True, slots=True)
class Rung:
    """One step up: due `after` entry, unless `unless`, and only where `only_if` is TRUE."""

    after: Duration
    to: tuple[str, ...]
    unless: Literal["acknowledged", "resolved"] | Expression | None = None
    only_if: Expression | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """Success: `when` becomes TRUE at most `within` after entry."""

    when: Expression
    within: Duration = DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True)
class Playbook:
    """One playbook. `version` is the hash of its canonical form; mode and priority are not part of it."""

    id: str
    title: str
    why: str
    when: Expression
    do: tuple[Step, ...]
    owner: str = "cs-ops"
    scope: Expression | None = None
    until: Expression | None = None         # None: what is no longer true of `when`
    for_: Duration = NO_TIME
    keep_for: Duration = NO_TIME
    again_after: Duration = DEFAULT_AGAIN_AFTER
    limit: Limit = Limit()
    escalate: tuple[Rung, ...] = ()
    goal: Goal | None = None
    exits: tuple[tuple[str, Expression], ...] = ()
    timeout: Duration = DEFAULT_TIMEOUT
    mode: Mode = Mode.SHADOW
    ramp: float = 0.0                       # share of accounts that are acted on in mode `ramp`
    priority: int = 50                      # higher goes first
    inhibited_by: tuple[str, ...] = ()
    version: str = ""
    file: str = ""
    messages: tuple[MessageTemplate, ...] = ()      # those that `do` names
    marks: dict[str, Mark] = field(default_factory=dict, compare=False)

    @property
    def clears(self) -> Expression:
        """`until`, or `not when` where there is none."""
        return self.until if self.until is not None else Not(self.when)

    @property
    def label(self) -> str:
        """ "health_drop@7c1e09ab"."""
        return f"{self.id}@{self.version}"

    def conditions(self) -> dict[str, Expression]:
        """Every condition by its path, as the evaluators name their columns."""
        found: dict[str, Expression] = {"when": self.when, "until": self.clears}
        if self.scope is not None:
            found["scope"] = self.scope
        if self.goal is not None:
            found["goal.when"] = self.goal.when
        found.update({f"exit.{name}": condition for name, condition in self.exits})
        for at, rung in enumerate(self.escalate):
            if rung.only_if is not None:
                found[f"escalate[{at}].only_if"] = rung.only_if
            if rung.unless is not None and not isinstance(rung.unless, str):
                found[f"escalate[{at}].unless"] = rung.unless
        return found

    def template(self, name: str) -> MessageTemplate | None:
        """The message template called `name`."""
        return next((template for template in self.messages if template.name == name), None)


def in_order(playbooks: tuple[Playbook, ...]) -> tuple[Playbook, ...]:
    """Those that inhibit others before those they inhibit; then by priority, then by id."""
    waiting = sorted(playbooks, key=lambda playbook: (-playbook.priority, playbook.id))
    names, done, out = {playbook.id for playbook in waiting}, set[str](), []
    while waiting:
        ready = [each for each in waiting if not (set(each.inhibited_by) & names) - done]
        first = (ready or waiting)[0]       # a ring of inhibitions is broken at the highest priority
        waiting.remove(first)
        done.add(first.id)
        out.append(first)
    return tuple(out)
