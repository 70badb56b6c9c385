"""One condition, three evaluators, one answer: over all accounts, over one, and when asked why."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any as Anything

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from steward.engine.batch import verdicts
from steward.engine.closures import closure
from steward.engine.expression import All, Any, Expression, Leaf, Not, Op, facts_of, leaves
from steward.engine.freshness import freshen, freshen_row
from steward.engine.walk import walk
from steward.model.enrollments import Verdict
from steward.model.facts import FactSpec, FactType

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
BOUND = timedelta(hours=26)
AS_OF = pl.Datetime("us", "UTC")
FLOATS = st.one_of(st.sampled_from([-0.3, 0.0, 59.999999999, 60.0, 60.1, 1e15]), st.floats(-100, 100, allow_nan=False))
VALUES: dict[FactType, st.SearchStrategy[Anything]] = {
    FactType.NUMBER: FLOATS, FactType.RATIO: FLOATS, FactType.MONEY: FLOATS,
    FactType.INTEGER: st.integers(-3, 3), FactType.DAYS: st.integers(-3, 3),
    FactType.TEXT: st.sampled_from(["smb", "mid_market", "", "Ä<!channel>"]), FactType.BOOLEAN: st.booleans(),
    FactType.DATE: st.dates(date(2026, 1, 1), date(2026, 1, 4)),
}
DTYPES = {
    FactType.INTEGER: pl.Int64(), FactType.DAYS: pl.Int64(), FactType.TEXT: pl.Categorical(),
    FactType.BOOLEAN: pl.Boolean(), FactType.DATE: pl.Date(),
}
CATALOG = {
    f"{kind.value}.{stale}": FactSpec(
        f"{kind.value}.{stale}", kind, "", "", stale, fresh_within=None if stale == "ageless" else BOUND)
    for kind in FactType for stale in ("ageless", "aging")
}
ORDERED: list[Op] = ["<", "<=", ">", ">="]
EQUAL: list[Op] = ["==", "!="]
SEVERAL: list[Op] = ["in", "not in"]
ASKING: list[Op] = ["is known", "is unknown"]


@st.composite
def leaf(draw: st.DrawFn) -> Leaf:
    spec = CATALOG[draw(st.sampled_from(sorted(CATALOG)))]
    ordered = [] if spec.type in (FactType.TEXT, FactType.BOOLEAN) else ORDERED
    op = draw(st.sampled_from([*ordered, *EQUAL, *SEVERAL, *ASKING]))
    if op in ASKING:
        return Leaf(spec.name, op, (), "")
    count = draw(st.integers(1, 3)) if op in SEVERAL else 1
    values = tuple(draw(VALUES[spec.type]) for _ in range(count))
    return Leaf(spec.name, op, values, str(values))


conditions: st.SearchStrategy[Expression] = st.recursive(
    leaf(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda found: All(tuple(found))),
        st.lists(inner, min_size=1, max_size=4).map(lambda found: Any(tuple(found))),
        inner.map(Not)),
    max_leaves=12)


@st.composite
def looks(draw: st.DrawFn) -> tuple[Expression, pl.DataFrame]:
    """A condition, and accounts with the facts that it asks for."""
    condition, count = draw(conditions), draw(st.integers(1, 6))
    columns: dict[str, pl.Series] = {"account_id": pl.Series([f"acct_{at}" for at in range(count)])}
    for name in sorted(facts_of(condition)):
        if draw(st.integers(0, 9)) == 0:
            continue                        # a snapshot older than the fact has no such column
        kind = CATALOG[name].type
        values = draw(st.lists(st.one_of(st.none(), VALUES[kind]), min_size=count, max_size=count))
        if DTYPES.get(kind) is None and draw(st.booleans()):
            values[0] = float("nan")
        columns[name] = pl.Series(values, dtype=DTYPES.get(kind, pl.Float64()))
    age = st.sampled_from([timedelta(0), BOUND, BOUND + timedelta(microseconds=1), None])
    ages = draw(st.lists(age, min_size=count, max_size=count))
    columns["as_of.aging"] = pl.Series([None if each is None else NOW - each for each in ages], dtype=AS_OF)
    return condition, pl.DataFrame(columns)


@settings(max_examples=200, deadline=None)
@given(look=looks())
def test_the_three_evaluators_agree(look: tuple[Expression, pl.DataFrame]) -> None:
    """What the nightly run decides, the webhook decides, and the explanation says."""
    condition, frame = look
    batch = verdicts(freshen(frame, CATALOG, CATALOG, NOW), {"when": condition})["when"].to_list()
    rows = frame.to_dicts()
    ask = closure(condition)
    one_by_one = [ask(freshen_row(row, CATALOG, NOW)) for row in rows]
    words = {True: Verdict.TRUE, False: Verdict.FALSE, None: Verdict.UNKNOWN}
    walked = [walk(condition, row, CATALOG, NOW) for row in rows]

    assert one_by_one == batch
    assert [each.verdict for each in walked] == [words[value] for value in batch]
    assert all(clause.why for each in walked for clause in each.clauses if clause.verdict is Verdict.UNKNOWN)


@settings(max_examples=100, deadline=None)
@given(look=looks())
def test_more_data_never_takes_an_answer_back(look: tuple[Expression, pl.DataFrame]) -> None:
    """Kleene: where TRUE or FALSE is certain without a fact, no value of that fact changes it."""
    condition, frame = look
    if any(each.op in ASKING for each in leaves(condition)):
        return
    ask = closure(condition)
    for row in frame.to_dicts():
        known = freshen_row(row, CATALOG, NOW)
        for name in facts_of(condition):
            less = ask({**known, name: None})

            assert less is None or less == ask(known)
