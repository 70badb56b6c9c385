"""The whole company: what there is of everything, and the pairs of accounts that a person must look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steward.store import enrollments as store_enrollments
from steward.store import facts as store_facts
from steward.store import identity, incidents, records, review
from steward.store import outbox as store_outbox
from steward.views.lines import ReviewLine, Summary

if TYPE_CHECKING:
    from steward.store.database import Database


def summary(db: Database) -> Summary:
    """What there is of everything."""
    with db.read() as tx:
        snapshot = store_facts.latest(tx)
        known = 0
        if snapshot is not None:
            names = [name for name in snapshot.frame.columns if name != "account_id" and not name.startswith("as_of.")]
            known = snapshot.frame.height * len(names) - sum(snapshot.frame[name].null_count() for name in names)
        return Summary(
            len(identity.accounts(tx)), records.counts(tx), known, store_enrollments.counts(tx),
            store_outbox.counts(tx), snapshot.known_at if snapshot else None,
            tuple(f"{each.group}: {each.reason}" for each in incidents.list_(tx, open_only=True)))


def match_reviews(db: Database, limit: int = 50) -> list[ReviewLine]:
    """The pairs of accounts that wait for a person, the likeliest first."""
    with db.read() as tx:
        return [ReviewLine(each.left, each.right, each.score, each.reason) for each in review.list_(tx)[:limit]]
