"""What a look over everybody asks of the open enrollments, in a few columns; none of them becomes a Python object."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection

from steward.model.enrollments import State
from steward.store import bulk
from steward.store.instants import to_text

MARKS = {"held": 1, "needs_attention": 2, "approved_by": 4}
"""What in `body` a look over everybody asks for, as bits of the column `marks`."""
_HELD, _ATTENTION, _APPROVED = MARKS.values()
_SHARED = {"playbook_id": pl.String, "version": pl.String, "state": pl.String, "arm": pl.String, "marks": pl.Int64}
# What many rows share comes once, and of their subjects one text: to make an object of each cell is what reading costs.
# An account stands beside its subject where it is another. All of it is read from an index.
_SUBJECT = "CASE WHEN account_id = subject_id THEN subject_id ELSE subject_id || {sign}(9) || account_id END"
_WAKES = "CASE WHEN wake_at IS NULL THEN '-' WHEN wake_at <= ? THEN '1' ELSE '0' END"
_TOGETHER = {
    "sqlite": f"group_concat({_SUBJECT.format(sign='char')}, char(10)), group_concat({_WAKES}, '')",
    "postgresql": f"string_agg({_SUBJECT.format(sign='chr')}, chr(10)), string_agg({_WAKES}, '')",
}


def open_frame(
    tx: Connection, now: datetime, account_ids: Collection[str] | None = None, playbook_id: str | None = None,
) -> pl.DataFrame:
    """Every open enrollment in a few columns, straight from the driver: of all accounts, or of those named.

    `wake_at` is `now` where it has come, and some instant after it where it has not; `held`: its clock stands, as what
    it waits for is unknown; `looks_each_run`: a person may have changed something since.
    """
    condition, given = "state <> 'closed'", list[object]([to_text(now)])
    if playbook_id is not None:
        condition, given = f"playbook_id = ? AND {condition}", [*given, playbook_id]
    if account_ids is not None:
        among, ids = bulk.among(tx, "account_id", account_ids)
        condition, given = f"{condition} AND {among}", [*given, ids]
    rows = bulk.fetch(tx, f"""
        SELECT {", ".join(_SHARED)}, {_TOGETHER[tx.dialect.name]} FROM enrollment WHERE {condition}
        GROUP BY {", ".join(_SHARED)}
    """, *given)  # noqa: S608  ours
    marks, wakes = pl.col("marks"), pl.col("wakes")
    shared = pl.DataFrame(rows, schema={**_SHARED, "subject_id": pl.String, "wakes": pl.String}, orient="row")
    frame = shared.with_columns(
        pl.col("subject_id").str.split("\n"), wakes.str.split(""), (marks & _HELD != 0).alias("held"),
        (marks & _ATTENTION != 0).or_((pl.col("state") == State.AWAITING_APPROVAL) & (marks & _APPROVED != 0)).alias(
            "looks_each_run")).drop("marks").explode("subject_id", "wakes")
    at, later = (pl.lit(each).cast(pl.Datetime("us", "UTC")) for each in (now, now + timedelta(days=1)))
    wake_at = pl.when(wakes == "1").then(at).when(wakes == "0").then(later).alias("wake_at")
    frame = frame.with_columns(wake_at).drop("wakes")
    if not any("\t" in row[-2] for row in rows):
        return frame.with_columns(pl.col("subject_id").alias("account_id"))
    both = pl.col("subject_id").str.splitn("\t", 2).struct
    subject, account = both.field("field_0").alias("subject_id"), both.field("field_1")
    return frame.with_columns(subject, pl.coalesce(account, both.field("field_0")).alias("account_id"))


def marks_of(body: Mapping[str, Any]) -> int:
    """The column `marks` of an enrollment with this body."""
    return sum(bit for name, bit in MARKS.items() if body.get(name))


def whose(tx: Connection, ids: Collection[str]) -> pl.DataFrame:
    """`playbook_id` and `subject_id` of the open ones of these enrollments."""
    among, values = bulk.among(tx, "id", ids)
    rows = bulk.fetch(tx, f"SELECT playbook_id, subject_id FROM enrollment WHERE state <> 'closed' AND {among}", values)  # noqa: S608  ours
    return pl.DataFrame(rows, schema={"playbook_id": pl.String, "subject_id": pl.String}, orient="row")
