"""What conditions say of every subject of a frame: those of many playbooks asked at once, each leaf a single time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from steward.engine.batch import combined, expr
from steward.engine.expression import Expression, Not, leaves
from steward.engine.language import Playbook

FALSE, TRUE, UNKNOWN = 0, 1, 2
Told = npt.NDArray[np.int8]
"""One of the three for each row."""


_TURNED = np.array([TRUE, FALSE, UNKNOWN], dtype=np.int8)


@dataclass(frozen=True, slots=True)
class Answers:
    """Verdicts of all rows, a byte each, by condition. `subjects` are the ids of the rows."""

    subjects: pl.Series
    verdicts: Mapping[Expression, Told]     # of conditions that are no `not`

    def of(self, condition: Expression) -> Told:
        """Those of all rows."""
        if isinstance(condition, Not):
            turned: Told = _TURNED[self.of(condition.child)]
            return turned
        return self.verdicts[condition]

    def of_rows(self, condition: Expression, rows: npt.NDArray[np.uint32]) -> Told:
        """Those of some rows."""
        if isinstance(condition, Not):
            turned: Told = _TURNED[self.of_rows(condition.child, rows)]
            return turned
        return self.verdicts[condition][rows]


def answered(frame: pl.DataFrame, playbooks: Iterable[Playbook]) -> Answers:
    """The answers of the rows of `frame`, which must be freshened, to every condition of the playbooks."""
    columns = frozenset(frame.columns)
    conditions = tuple(dict.fromkeys(
        _bare(condition) for each in playbooks for condition in each.conditions().values()))
    single = {leaf: f"leaf {at}" for at, leaf in enumerate(dict.fromkeys(
        leaf for condition in conditions for leaf in leaves(condition)))}
    of_leaves = {leaf: pl.col(name) for leaf, name in single.items()}
    every_row = pl.repeat(True, pl.len()).alias("row")      # conditions without a leaf have one value for all
    # A snapshot comes in the pieces of its file: one after the other costs a third of all at once.
    answers = frame.select_seq(every_row, *(expr(leaf, columns).alias(name) for leaf, name in single.items())).rechunk()
    verdicts = answers.select_seq("row", *(
        combined(condition, of_leaves).cast(pl.Int8).fill_null(UNKNOWN).alias(str(at))
        for at, condition in enumerate(conditions)))
    return Answers(frame["subject_id" if "subject_id" in columns else "account_id"], {
        condition: verdicts[str(at)].to_numpy() for at, condition in enumerate(conditions)})


def _bare(condition: Expression) -> Expression:
    """What a `not` turns round: what ends an enrollment mostly is that what began it is not so."""
    return _bare(condition.child) if isinstance(condition, Not) else condition
