"""What the recording walk says of each clause: how far it is from turning, and which clauses decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from steward.engine.expression import All, Any, Leaf, Not
from steward.engine.walk import seen_text, walk
from steward.model.enrollments import Verdict
from steward.model.facts import FactSpec, FactType

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
SPECS = {spec.name: spec for spec in (
    FactSpec("n", FactType.INTEGER, "A number.", "n", "g"), FactSpec("share", FactType.RATIO, "A share.", "s", "g"), FactSpec("day", FactType.DATE, "A day.", "d", "g"),
    FactSpec("yes", FactType.BOOLEAN, "A yes.", "y", "g"), FactSpec("word", FactType.TEXT, "A word.", "w", "g"))}


def row(**facts: object) -> Mapping[str, object]:
    return {"account_id": "acct_1", "as_of.g": NOW, **facts}


def nearest(leaf: Leaf, **facts: object) -> str:
    return walk(leaf, row(**facts), SPECS, NOW).clauses[0].nearest


@pytest.mark.parametrize(("op", "seen", "says"), [
    ("<", 58, ">= 60 (+2)"), ("<", 62, "< 60 (-2)"), (">=", 60, "< 60 (+0)"), ("==", 58, "== 60 (+2)"),
    ("==", 60, "!= 60"), ("!=", 60, "!= 60"), ("!=", 58, "== 60 (+2)"),
])
def test_a_clause_says_what_would_turn_it(op: str, seen: int, says: str) -> None:
    """"Why not?" is answered with the step that is missing, in the fact's own unit."""
    assert nearest(Leaf("n", op, (60,), "60"), n=seen) == says


def test_days_are_counted_and_what_has_no_distance_gets_none() -> None:
    """A date is told in days; yes and no, a word, a list have no way to go."""
    first = Leaf("day", "<=", (date(2026, 3, 1),), "2026-03-01")
    assert nearest(first, day=date(2026, 3, 4)) == "<= 2026-03-01 (-3 days)"
    assert nearest(Leaf("yes", "==", (True,), "true"), yes=False) == "== true"
    assert nearest(Leaf("word", "==", ("a",), "a"), word="b") == "== a"
    assert nearest(Leaf("n", "in", (1, 2), "[1, 2]"), n=3) == "in [1, 2]"
    assert nearest(Leaf("n", "is known", (), ""), n=3) == "is unknown"
    assert not nearest(Leaf("n", "<", (60,), "60"), n=None)


def test_who_lies_nearest_is_a_share_of_the_larger_and_unlike_things_are_far() -> None:
    """The clause that is named as nearest must be so by the same measure for 3 tickets and 50,000 dollars."""
    both = All((Leaf("n", "<", (60,), "60"), Leaf("n", "<", (40,), "40"), Leaf("yes", "==", (True,), "true"),
                Leaf("n", "in", (1, 2), "[1, 2]"), Leaf("n", "<", (0,), "0")))
    found = walk(both, row(n=80, yes=True), SPECS, NOW)
    assert found.distances == (0.25, 0.5, 1e9, 1e9, 1.0)
    assert walk(Leaf("n", "<", (0,), "0"), row(n=0), SPECS, NOW).distances == (0.0,)
    only = walk(Any(both.children[:2]), row(n=80), SPECS, NOW)
    assert (only.deciding, only.nearest()) == ((0, 1), only.clauses[0])


def test_where_the_whole_is_unknown_no_clause_decides() -> None:
    """Turning one round would make it known: that is not what happened."""
    low, word = Leaf("n", "<", (60,), "60"), Leaf("word", "==", ("a",), "a")
    for tree in (Any((low, word)), Not(All((Not(low), word)))):
        found = walk(tree, row(n=80, word=None), SPECS, NOW)
        assert found.verdict is Verdict.UNKNOWN
        assert (found.deciding, found.nearest()) == ((), None)


def test_a_value_that_is_seen_is_written_as_its_literal_is() -> None:
    """Without the catalog, as for a fact that was removed, too: a share in percent, a number with two places."""
    def seen(leaf: Leaf, value: float | None) -> str:
        clause = walk(leaf, row(**{leaf.fact: value}), SPECS, NOW).clauses[0]
        return seen_text(clause, None)

    assert seen(Leaf("share", "<=", (-0.3,), "-30%"), -0.415) == "-41.5%"
    assert seen(Leaf("n", "<", (60,), "60"), 58.256) == "58.26"
    assert seen(Leaf("n", "<", (60,), "60"), 58) == "58"
    assert seen(Leaf("n", "<", (60,), "60"), None) == "-"


def test_depth_counts_what_a_clause_stands_in() -> None:
    """Explanations indent by it."""
    low = Leaf("n", "<", (60,), "60", "when.all[0].any[1].not")
    assert walk(low, row(n=1), SPECS, NOW).clauses[0].depth == 2
