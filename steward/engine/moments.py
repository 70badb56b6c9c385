"""Moments: the days that `deadline` and `date` triggers speak of. A trigger in, the condition that it means out.

    {date: {before: renewal, by: 90d}}      renewal.days_left <= 90 days and renewal.days_left >= 0 days
    {deadline: {expect: milestone.first_value, within: 30d, of: subscription.start}}
                                            subscription.days_since_start >= 30 days and
                                            milestone.first_value.reached == false
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from steward.engine.expression import All, Expression, Leaf
from steward.engine.language import Trigger, TriggerKind

COMING: Mapping[str, str] = MappingProxyType({
    "renewal": "renewal.days_left",
    "opportunity.close": "opportunity.days_to_close",
})
"""Moments that lie ahead, and the fact that counts the days to them; of "milestone.x" it is milestone.x.days_left."""

PAST: Mapping[str, str] = MappingProxyType({
    "subscription.start": "subscription.days_since_start",
    "onboarding.kickoff": "onboarding.days_since_kickoff",
    "subscription.term_start": "subscription.days_since_term_start",
    "subscription.end": "subscription.days_since_end",
    "account.created": "account.age_days",
    "account.won": "handoff.days_since_won",
    "champion.left": "champion.left_days",
    "sponsor.left": "sponsor.left_days",
    "touchpoint.last": "touchpoint.days_since_last",
    "touchpoint.qbr": "touchpoint.days_since_qbr",
    "nps.last": "nps.days_since",
    "contact.left": "contact.left_days",
    "contact.seen": "contact.last_seen_days",
    "opportunity.created": "opportunity.age_days",
    "opportunity.won": "opportunity.days_since_won",
})
"""Moments that lie behind, and the fact that counts the days since; of "milestone.x" it is milestone.x.days_since."""

_MILESTONE, _REACHED, _LEFT, _SINCE = "milestone.", ".reached", ".days_left", ".days_since"
_HAPPENED: Mapping[str, str] = MappingProxyType({
    "handoff": "handoff.complete", "opportunity.handoff": "opportunity.handoff_complete"})


def coming(catalog: Collection[str]) -> tuple[str, ...]:
    """What may stand under `before`."""
    return (*(name for name, fact in COMING.items() if fact in catalog), *_milestones(catalog, _LEFT))


def past(catalog: Collection[str]) -> tuple[str, ...]:
    """What may stand under `of`."""
    return (*(name for name, fact in PAST.items() if fact in catalog), *_milestones(catalog, _SINCE))


def expected(catalog: Collection[str]) -> tuple[str, ...]:
    """What may stand under `expect`: "milestone.first_value" and whatever else is told by a fact "….reached"."""
    named = tuple(name for name, fact in _HAPPENED.items() if fact in catalog)
    return (*(name.removesuffix(_REACHED) for name in catalog if name.endswith(_REACHED)), *named)


def meaning(trigger: Trigger) -> Expression | None:
    """The condition of a deadline or date; None of the other triggers."""
    if trigger.kind is TriggerKind.DATE:
        fact = COMING.get(trigger.before, trigger.before + _LEFT)
        days = trigger.by.amount
        return All((Leaf(fact, "<=", (days,), str(days), "trigger.date.by"),
                    Leaf(fact, ">=", (0,), "0", "trigger.date.before")))
    if trigger.kind is TriggerKind.DEADLINE:
        fact = PAST.get(trigger.of, trigger.of + _SINCE)
        days = trigger.within.amount
        return All((Leaf(fact, ">=", (days,), str(days), "trigger.deadline.within"),
                    _told(trigger, happened=False)))
    return None


def with_meaning(trigger: Trigger, asked: Expression | None) -> Expression | None:
    """The whole `when`: what the trigger means and what the text asks."""
    own = meaning(trigger)
    if own is None or asked is None:
        return own if asked is None else asked
    assert isinstance(own, All)
    return All((*own.children, *(asked.children if isinstance(asked, All) else (asked,))))


def usual_until(trigger: Trigger) -> Expression | None:
    """What clears where the text does not say: of a deadline, that what was expected has happened."""
    return _told(trigger, happened=True) if trigger.kind is TriggerKind.DEADLINE else None


def _milestones(catalog: Collection[str], suffix: str) -> tuple[str, ...]:
    return tuple(
        name.removesuffix(suffix) for name in catalog if name.startswith(_MILESTONE) and name.endswith(suffix))


def _told(trigger: Trigger, *, happened: bool) -> Leaf:
    fact = _HAPPENED.get(trigger.expect, trigger.expect + _REACHED)
    return Leaf(fact, "==", (happened,), "true" if happened else "false", "trigger.deadline.expect")
