"""What conditions say of every subject of a frame: those of many playbooks asked at once, each leaf a single time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from steward.engine.batch import combined, expr
from steward.engine.expression import ALWAYS, Expression, leaves
from steward.engine.language import Playbook


@dataclass(frozen=True, slots=True)
class Answers:
    """Verdicts of all rows, null is UNKNOWN. `subjects` are the ids of the rows."""

    subjects: pl.Series
    verdicts: pl.DataFrame
    names: Mapping[Expression, str]         # of columns
    entries: Mapping[tuple[Expression, Expression], str]

    def at(self, condition: Expression, rows: pl.Series) -> pl.Series:
        """The verdicts in these rows."""
        return self.verdicts[self.names[condition]].gather(rows)

    def entry(self, playbook: Playbook) -> tuple[pl.Series, pl.Series]:
        """Of every row, whether `when` and `scope` let it in; and whether that is not known for lack of data."""
        name = self.entries[_entry(playbook)]
        return self.verdicts[f"enters {name}"], self.verdicts[f"lacks {name}"]


def answered(frame: pl.DataFrame, playbooks: Iterable[Playbook]) -> Answers:
    """The answers of the rows of `frame`, which must be freshened, to every condition of the playbooks."""
    asking, columns = tuple(playbooks), frozenset(frame.columns)
    conditions = {condition: f"condition {at}" for at, condition in enumerate(dict.fromkeys(
        condition for each in asking for condition in each.conditions().values()))}
    single = {leaf: f"leaf {at}" for at, leaf in enumerate(dict.fromkeys(
        leaf for condition in conditions for leaf in leaves(condition)))}
    of_leaves = {leaf: pl.col(name) for leaf, name in single.items()}
    every_row = pl.repeat(True, pl.len()).alias("row")      # conditions without a leaf have one value for all
    answers = frame.select(every_row, *(expr(leaf, columns).alias(name) for leaf, name in single.items()))
    verdicts = answers.select("row", *(
        combined(condition, of_leaves).alias(name) for condition, name in conditions.items()))
    entries = {pair: str(at) for at, pair in enumerate(dict.fromkeys(_entry(each) for each in asking))}
    found = verdicts.with_columns([
        column for (when, scope), name in entries.items()
        for column in _enters(pl.col(conditions[when]), None if scope is ALWAYS else pl.col(conditions[scope]), name)])
    return Answers(frame["subject_id" if "subject_id" in columns else "account_id"], found, conditions, entries)


def _entry(playbook: Playbook) -> tuple[Expression, Expression]:
    return playbook.when, ALWAYS if playbook.scope is None else playbook.scope


def _enters(when: pl.Expr, scope: pl.Expr | None, name: str) -> tuple[pl.Expr, pl.Expr]:
    if scope is None:
        return when.fill_null(False).alias(f"enters {name}"), when.is_null().alias(f"lacks {name}")
    both = when & scope
    lacks = (when.is_null() | (when & scope.is_null())) & scope.fill_null(True)
    return both.fill_null(False).alias(f"enters {name}"), lacks.fill_null(False).alias(f"lacks {name}")
