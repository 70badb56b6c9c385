"""What a playbook consists of, checked and frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import ceil
from typing import Literal

from steward.engine.durations import NO_TIME, Duration
from steward.engine.expression import NEVER, Expression, Not, facts_of
from steward.engine.findings import Mark
from steward.engine.template import MessageTemplate

CTA_TYPES = ("risk", "onboarding", "expansion", "handoff", "lifecycle")
DEFAULT_AGAIN_AFTER = Duration(14)
DEFAULT_TIMEOUT = Duration(90)
DEFAULT_DUE = Duration(3, "bd")


class Subject(StrEnum):
    """What a playbook enrols: one enrollment is one account's, one contact's or one opportunity's way through it."""

    ACCOUNT = "account"
    CONTACT = "contact"
    OPPORTUNITY = "opportunity"


class Mode(StrEnum):
    """What a playbook may do. Shadow walks all states and performs nothing; ramp is live for a share."""

    SHADOW = "shadow"
    RAMP = "ramp"
    LIVE = "live"
    PAUSED = "paused"


class TriggerKind(StrEnum):
    """What opens the door: deadline and date become part of `when`, so that all that reads `when` knows them."""

    CONDITION = "condition"
    EVENT = "event"
    DEADLINE = "deadline"
    DATE = "date"
    MANUAL = "manual"


class Backlog(StrEnum):
    """Subjects for whom `when` is already true as the playbook is switched on."""

    IGNORE = "ignore"                       # they enter only after `when` was not true once
    START_TIMER = "start_timer"             # `for` begins as the playbook is switched on
    USE_HISTORY = "use_history"             # `for` began when the stored snapshots say that it did


class OnUpdate(StrEnum):
    """What becomes of enrollments in flight as a new version is applied."""

    PIN = "pin"                             # they end on the version that they entered with
    MIGRATE = "migrate"                     # they go on with the new one, at the step that the map names


@dataclass(frozen=True, slots=True)
class Trigger:
    """How a subject comes in. The fields that its `kind` has; the others are empty.

    deadline: `expect` has not happened `within` so many days `of` a moment. date: `by` so many days `before` a moment.
    """

    kind: TriggerKind = TriggerKind.CONDITION
    event: str = ""                         # "salesforce.opportunity.closed_won", or without the connection
    expect: str = ""                        # "milestone.first_value"
    within: Duration = NO_TIME
    of: str = ""                            # "subscription.start"
    before: str = ""                        # "renewal"
    by: Duration = NO_TIME


@dataclass(frozen=True, slots=True)
class Limit:
    """Most new enrollments in one run: the larger of `count` and `share` of the accounts looked at."""

    count: int = 25
    share: float = 0.05

    def of(self, accounts: int) -> int:
        """The number for a run over `accounts`."""
        return max(self.count, ceil(round(self.share * accounts, 6)))


@dataclass(frozen=True, slots=True)
class Caps:
    """Most open enrollments that ask work of people, of all playbooks together: on one account, of one owner."""

    account: int = 2
    owner: int = 15


@dataclass(frozen=True, slots=True)
class AtMost:
    """Most enrollments of one subject that became active within a time."""

    count: int
    within: Duration


@dataclass(frozen=True, slots=True)
class Holdout:
    """The `share` that is control: a hash of `salt` and account family; `by` are the facts that make the strata."""

    share: float = 0.0
    salt: str = ""                          # "" is the playbook's id
    by: tuple[str, ...] = ()


# ---- what a step does ----

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
    """Tell the first of `to` who can be told; `template` "" is the plain card.

    `send` "digest": with all that is for the same recipient, once, at the next opening of business.
    """

    to: tuple[str, ...]
    template: str = ""
    via: str = ""                           # the connection; "" is that of the routing
    send: Literal["now", "digest"] = "now"
    kind: Literal["message"] = "message"


@dataclass(frozen=True, slots=True)
class TouchpointStep:
    """Note a contact with the customer that takes place by this step."""

    type: str                               # call | meeting | email | qbr
    subject: str = ""                       # a template; "" is the playbook's title
    kind: Literal["touchpoint"] = "touchpoint"


@dataclass(frozen=True, slots=True)
class UpdateStep:
    """Write `value` into the `field` of the subject's record: of the connection named, else of each that knows it."""

    field: str                              # as the target names it, "CS_Risk__c"
    value: str                              # a template: "{{ health.score }}"
    via: str = ""
    kind: Literal["update"] = "update"


@dataclass(frozen=True, slots=True)
class OpportunityStep:
    """Open an opportunity for the account."""

    type: Literal["expansion", "renewal"]
    title: str = ""                         # a template; "" is the playbook's title and the account's name
    amount: str = ""                        # the money fact that it is worth
    closes: Duration = DEFAULT_TIMEOUT
    assign: tuple[str, ...] = ("account_manager",)
    kind: Literal["opportunity"] = "opportunity"


@dataclass(frozen=True, slots=True)
class SuccessPlanStep:
    """Start a success plan from a template of the CS platform."""

    template: str
    assign: tuple[str, ...] = ("csm",)
    kind: Literal["success_plan"] = "success_plan"


@dataclass(frozen=True, slots=True)
class WebhookStep:
    """Tell another system over an outgoing webhook: `facts` go with it, besides who and why."""

    via: str                                # the connection
    facts: tuple[str, ...] = ()
    kind: Literal["webhook"] = "webhook"


@dataclass(frozen=True, slots=True)
class EmailDraftStep:
    """Lay a draft before a person of ours, who sends it or does not: nothing goes to a customer by itself."""

    to: str                                 # a role of the customer's contacts: champion, sponsor, admin, billing
    template: str = ""
    assign: tuple[str, ...] = ("csm",)
    kind: Literal["email_draft"] = "email_draft"


Act = (CtaStep | MessageStep | TouchpointStep | UpdateStep | OpportunityStep | SuccessPlanStep | WebhookStep
       | EmailDraftStep)


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on so long after this step was reached."""

    length: Duration
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of a branch; `when` None is `else`."""

    when: Expression | None
    do: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """The first arm whose condition is TRUE; while one before it is UNKNOWN nobody goes on."""

    arms: tuple[Arm, ...]
    kind: Literal["branch"] = "branch"


@dataclass(frozen=True, slots=True)
class Step:
    """One step and what must be so before it. `path` addresses it in the YAML: "do[2].branch[1].do[0]"."""

    do: Act | Wait | Branch
    path: str
    id: str = ""                            # what `needs` of a later step calls it
    only_if: Expression | None = None       # the step's `if`: skipped where FALSE, waits while UNKNOWN
    needs: tuple[str, ...] = ()             # ids of steps that must be delivered before
    approve: tuple[str, ...] = ()           # one of these people must say yes before; (): nobody

    @property
    def key(self) -> str:
        """The path as an idempotency key says it: "do.2.branch.1.do.0"."""
        return self.path.replace("[", ".").replace("]", "")


@dataclass(frozen=True, slots=True)
class Rung:
    """One step up: due `after` entry, unless `unless`, and only where `only_if` is TRUE."""

    after: Duration
    to: tuple[str, ...]
    unless: Literal["acknowledged", "resolved"] | Expression | None = None
    only_if: Expression | None = None
    via: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """Success: `when` becomes TRUE at most `within` after entry. Counted for control too."""

    when: Expression
    within: Duration = DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True)
class Playbook:
    """One playbook. `version` is the hash of its canonical form; mode and priority are not part of it.

    `when` is the whole condition, with what a deadline or date trigger adds to it; `asked` is that of the text alone.
    """

    id: str
    title: str
    why: str
    when: Expression
    do: tuple[Step, ...]
    owner: str = "cs-ops"
    subject: Subject = Subject.ACCOUNT
    trigger: Trigger = Trigger()
    asked: Expression | None = None
    scope: Expression | None = None
    until: Expression | None = None         # None: what is no longer true of `when`
    for_: Duration = NO_TIME
    keep_for: Duration = NO_TIME
    backlog: Backlog = Backlog.START_TIMER
    again_after: Duration = DEFAULT_AGAIN_AFTER
    at_most: AtMost | None = None
    caps: Caps = Caps()
    limit: Limit = Limit()
    holdout: Holdout = Holdout()
    calendar: str = "owner"                 # owner | account | the name of one of the company's calendars
    escalate: tuple[Rung, ...] = ()
    goal: Goal | None = None
    exits: tuple[tuple[str, Expression], ...] = ()
    timeout: Duration = DEFAULT_TIMEOUT
    revoke_on: str | Expression | None = None   # an event, or a condition
    compensate: tuple[Step, ...] = ()
    on_update: OnUpdate = OnUpdate.PIN
    step_map: tuple[tuple[str, str], ...] = ()  # migrate: path in the version before -> path in this one
    mode: Mode = Mode.SHADOW
    ramp: float = 0.0                       # share of accounts that are acted on in mode `ramp`
    priority: int = 50                      # higher goes first
    inhibited_by: tuple[str, ...] = ()
    version: str = ""
    file: str = ""
    messages: tuple[MessageTemplate, ...] = ()      # those that `do` names
    marks: dict[str, Mark] = field(default_factory=dict, compare=False)

    def __hash__(self) -> int:
        return hash((self.id, self.version))     # of texts, which keep theirs: it is asked for thousands of times a run

    @property
    def comes_by_itself(self) -> bool:
        """Whether a condition lets subjects in, and not an event or a person."""
        return self.trigger.kind not in (TriggerKind.EVENT, TriggerKind.MANUAL)

    @property
    def clears(self) -> Expression:
        """`until`; where there is none, `not when`, or never for what an event or a person began."""
        if self.until is not None:
            return self.until
        return Not(self.when) if self.comes_by_itself else NEVER

    @property
    def label(self) -> str:
        """ "health_drop@7c1e09ab", its version in full."""
        return f"{self.id}@{self.version}"

    def steps(self) -> Iterator[Step]:
        """Every step of `do` and `compensate`, those inside branches too, as they stand in the text."""
        yield from all_steps(self.do)
        yield from all_steps(self.compensate)

    def conditions(self) -> dict[str, Expression]:
        """Every condition by its path, as the evaluators name their columns."""
        return dict(_conditions(self))

    def facts(self) -> frozenset[str]:
        """The facts that its conditions read."""
        return _facts(self)

    def _all_conditions(self) -> dict[str, Expression]:
        found: dict[str, Expression] = {"when": self.when, "until": self.clears}
        if self.scope is not None:
            found["scope"] = self.scope
        if self.goal is not None:
            found["goal.when"] = self.goal.when
        found.update({f"exit.{name}": condition for name, condition in self.exits})
        if self.revoke_on is not None and not isinstance(self.revoke_on, str):
            found["revoke_on"] = self.revoke_on
        for at, rung in enumerate(self.escalate):
            if rung.only_if is not None:
                found[f"escalate[{at}].only_if"] = rung.only_if
            if rung.unless is not None and not isinstance(rung.unless, str):
                found[f"escalate[{at}].unless"] = rung.unless
        for step in self.steps():
            if step.only_if is not None:
                found[f"{step.path}.if"] = step.only_if
            if isinstance(step.do, Branch):
                found.update({f"{step.path}.branch[{at}].if": arm.when
                              for at, arm in enumerate(step.do.arms) if arm.when is not None})
        return found

    def template(self, name: str) -> MessageTemplate | None:
        """The message template called `name`."""
        return next((template for template in self.messages if template.name == name), None)


@lru_cache(maxsize=512)                     # a run asks each playbook a dozen times
def _conditions(playbook: Playbook) -> dict[str, Expression]:
    return playbook._all_conditions()


@lru_cache(maxsize=512)
def _facts(playbook: Playbook) -> frozenset[str]:
    return facts_of(*_conditions(playbook).values())


def all_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    """`steps`, and those inside their branches, as they stand in the text."""
    for step in steps:
        yield step
        if isinstance(step.do, Branch):
            for arm in step.do.arms:
                yield from all_steps(arm.do)


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
