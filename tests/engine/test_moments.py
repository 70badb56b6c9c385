"""The moments that playbooks may name are theirs for ever, and each is counted by a fact that is there."""

from __future__ import annotations

from steward.engine.moments import COMING, PAST, coming, expected, past
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
