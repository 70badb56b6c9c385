"""The tree of a condition by itself: three-valued and, or; the opposite of a comparison; what makes two trees one."""

from __future__ import annotations

import math

import pytest

from steward.engine.expression import (
    ALWAYS,
    NEVER,
    OPPOSITE,
    All,
    Any,
    Leaf,
    Not,
    canonical,
    facts_of,
    holds,
    kleene_all,
    kleene_any,
    leaves,
)

LOW = Leaf("health.score", "<", (60,), "60")
OWED = Leaf("billing.overdue", ">=", (1, ), "1")
THREE = (True, False, None)


@pytest.mark.parametrize("one", THREE)
@pytest.mark.parametrize("other", THREE)
def test_and_and_or_of_two_are_the_least_and_the_greatest(one: bool | None, other: bool | None) -> None:
    """Kleene's table, all nine rows: FALSE < unknown < TRUE. A slip here enrols whom nobody knows enough about."""
    rank = {False: 0, None: 1, True: 2}
    assert kleene_all([one, other]) is min(one, other, key=rank.__getitem__)
    assert kleene_any([one, other]) is max(one, other, key=rank.__getitem__)


def test_of_nothing_all_is_true_and_any_is_false() -> None:
    """ALWAYS and NEVER rest on it."""
    assert (kleene_all([]), kleene_any([])) == (True, False)
    assert (All(()), Any(())) == (ALWAYS, NEVER)


def test_the_opposite_is_true_exactly_where_the_comparison_is_false() -> None:
    """"until" may be left out and is then the opposite of "when": who entered must be able to leave."""
    for op, values in [("<", (2,)), ("<=", (2,)), ("==", (2,)), ("in", (1, 2)), ("is known", ())]:
        leaf, turned = Leaf("f", op, values, ""), Leaf("f", OPPOSITE[op], values, "")
        assert OPPOSITE[OPPOSITE[op]] == op
        for value in (1, 2, 3, None, math.nan):
            answer = holds(leaf, value)
            assert holds(turned, value) is (None if answer is None else not answer)


@pytest.mark.parametrize(("op", "answers"), [
    ("<", (True, False, False)), ("<=", (True, True, False)), (">", (False, False, True)), (">=", (False, True, True)),
    ("==", (False, True, False)), ("!=", (True, False, True)), ("in", (False, True, False)), ("not in", (True, False, True)),
    ("is known", (True, True, True)), ("is unknown", (False, False, False)),
])
def test_a_comparison_below_at_and_above_its_value(op: str, answers: tuple[bool, ...]) -> None:
    """The boundary itself belongs to one side only."""
    assert tuple(holds(Leaf("f", op, (2,), "2"), value) for value in (1, 2, 3)) == answers


def test_a_tree_as_json_is_its_own_of_every_shape() -> None:
    """A version is the digest of it: two conditions that differ must never look alike."""
    assert canonical(None) is None
    assert canonical(LOW) == ["health.score", "<", ["60"]]
    assert canonical(Not(LOW)) == {"not": ["health.score", "<", ["60"]]}
    assert canonical(All((LOW, Any((OWED,))))) == {
        "all": [["health.score", "<", ["60"]], {"any": [["billing.overdue", ">=", ["1"]]]}]}


def test_leaves_come_from_left_to_right_and_facts_once() -> None:
    """Explanations number clauses by this order."""
    tree = Any((Not(LOW), All((OWED, LOW))))
    assert list(leaves(tree)) == [LOW, OWED, LOW]
    assert facts_of(tree, None) == {"health.score", "billing.overdue"}
    assert (LOW.text, Leaf("f", "is known", (), "").text) == ("health.score < 60", "f is known")
