"""The moments that playbooks may name are theirs for ever, and each is counted by a fact that is there."""

from __future__ import annotations

from steward.engine.durations import Duration
from steward.engine.expression import ALWAYS, All, Any, Leaf, leaves
from steward.engine.language import Trigger, TriggerKind
from steward.engine.moments import COMING, PAST, coming, expected, meaning, past, usual_until, with_meaning
from steward.facts.catalog import catalog

FACTS = catalog()


def test_the_names_of_moments_stay() -> None:
    """A name that is gone stops every playbook that uses it."""
    assert set(COMING) == {"renewal", "opportunity.close"}
    assert set(PAST) == {
        "subscription.start", "subscription.term_start", "subscription.end", "onboarding.kickoff", "account.created",
        "account.won", "champion.left", "sponsor.left", "touchpoint.last", "touchpoint.qbr", "nps.last", "contact.left",
        "contact.seen", "opportunity.created", "opportunity.won",
    }


def test_every_moment_is_counted_by_a_fact() -> None:
    """A deadline on a fact that nobody derives never passes."""
    assert {*COMING.values(), *PAST.values()} <= set(FACTS)


def test_a_catalog_offers_its_own_moments() -> None:
    """Milestones come from the catalog; a moment without its fact is not offered."""
    assert {"renewal", "opportunity.close"} <= set(coming(FACTS))
    assert set(PAST) <= set(past(FACTS))
    assert {"handoff", "opportunity.handoff", "milestone.first_value"} <= set(expected(FACTS))
    assert coming(()) == past(()) == expected(()) == ()


def test_a_deadline_and_a_date_mean_conditions_that_know_where_they_come_from() -> None:
    """The explanation of "30 days since the kickoff" points to the trigger, not to a condition that nobody wrote."""
    late = Trigger(TriggerKind.DEADLINE, expect="milestone.first_value", within=Duration(30), of="subscription.start")
    soon = Trigger(TriggerKind.DATE, before="renewal", by=Duration(90))

    assert meaning(late) == All((
        Leaf(PAST["subscription.start"], ">=", (30,), "30", "trigger.deadline.within"),
        Leaf("milestone.first_value.reached", "==", (False,), "false", "trigger.deadline.expect")))
    assert usual_until(late) == Leaf("milestone.first_value.reached", "==", (True,), "true", "trigger.deadline.expect")
    assert meaning(soon) == All((
        Leaf(COMING["renewal"], "<=", (90,), "90", "trigger.date.by"), Leaf(COMING["renewal"], ">=", (0,), "0", "trigger.date.before")))
    assert [leaf.path for each in (late, soon) for leaf in leaves(meaning(each) or ALWAYS)] == [
        "trigger.deadline.within", "trigger.deadline.expect", "trigger.date.by", "trigger.date.before"]
    assert meaning(Trigger()) is usual_until(soon) is None


def test_what_the_text_asks_stands_beside_what_the_trigger_means() -> None:
    """`when` is a guard there, and nothing of it gets lost."""
    soon = Trigger(TriggerKind.DATE, before="renewal", by=Duration(90))
    own, guard = meaning(soon), Leaf("account.segment", "==", ("smb",), "smb", "when")
    assert isinstance(own, All)

    assert with_meaning(soon, None) == own
    assert with_meaning(soon, guard) == All((*own.children, guard))
    assert with_meaning(soon, All((guard, guard))) == All((*own.children, guard, guard))
    assert with_meaning(soon, Any((guard,))) == All((*own.children, Any((guard,))))
    assert with_meaning(Trigger(), guard) is guard


def test_each_moment_is_counted_by_the_fact_of_its_name() -> None:
    """Days since the last touchpoint must not be days since the sponsor left."""
    assert dict(PAST) == {
        "subscription.start": "subscription.days_since_start", "subscription.term_start": "subscription.days_since_term_start",
        "subscription.end": "subscription.days_since_end", "onboarding.kickoff": "onboarding.days_since_kickoff",
        "account.created": "account.age_days", "account.won": "handoff.days_since_won", "champion.left": "champion.left_days",
        "sponsor.left": "sponsor.left_days", "touchpoint.last": "touchpoint.days_since_last",
        "touchpoint.qbr": "touchpoint.days_since_qbr", "nps.last": "nps.days_since", "contact.left": "contact.left_days",
        "contact.seen": "contact.last_seen_days", "opportunity.created": "opportunity.age_days",
        "opportunity.won": "opportunity.days_since_won"}
    assert dict(COMING) == {"renewal": "renewal.days_left", "opportunity.close": "opportunity.days_to_close"}


def test_a_handoff_happens_once_it_is_complete() -> None:
    """What is expected is a milestone, or the handoff, of which a fact of another name tells."""
    told = {expect: usual_until(Trigger(TriggerKind.DEADLINE, expect=expect, within=Duration(9), of="account.won"))
            for expect in ("handoff", "opportunity.handoff", "milestone.live")}

    assert [leaf.fact for leaf in told.values() if isinstance(leaf, Leaf)] == [
        "handoff.complete", "opportunity.handoff_complete", "milestone.live.reached"]
