"""Whom of many subjects a look could change: facts and open enrollments in, the verdicts of those few out.

Nobody who is left out would be changed by a look: who is idle stays so, who waits waits for time that has not come
(`wake_at`) or for data that are still missing. Those who stay never become Python objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
import polars as pl

from steward.engine.batch import expr
from steward.engine.closures import Closure, Row, closure
from steward.engine.expression import Expression, facts_of
from steward.engine.language import Mode, Playbook
from steward.engine.look import Verdicts
from steward.model.enrollments import Enrollment, State

OPENED: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "subject_id": pl.String, "state": pl.String, "held": pl.Boolean, "wake_at": pl.Datetime("us", "UTC"),
    "version": pl.String, "looks_each_run": pl.Boolean,
}
"""The columns of the light frame of open enrollments. `held` is body["held"]; `looks_each_run`: a person or a receipt
changed something since (an approval, a failed step), so look whatever the rest says."""


_IN_FLIGHT = (State.ACTIVE.value, State.RECOVERING.value)


@dataclass(frozen=True, slots=True)
class Swept:
    """`looks`: who must be looked at, by subject. `waiting` counts those that lack data to say whether they belong in.

    `gone` have an open enrollment and are not in the frame.
    """

    looks: Mapping[str, Verdicts]
    waiting: int
    gone: tuple[str, ...] = ()


def opened_frame(enrollments: Iterable[Enrollment]) -> pl.DataFrame:
    """The light frame of enrollments that are at hand as objects."""
    rows = [(each.subject_id, each.state.value, bool(each.body.get("held")), each.wake_at, each.version, False)
            for each in enrollments]
    return pl.DataFrame(rows, schema=OPENED, orient="row")


def located(opened: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """`opened` with `row`, the place of each subject in `frame`: once for the open enrollments of all playbooks."""
    if "row" in opened.columns:
        return opened
    places = frame.select(pl.col(_subject(frame)).alias("subject_id")).with_row_index("row")
    return opened.join(places, on="subject_id", how="left", maintain_order="left")


def sweep(
    playbook: Playbook, frame: pl.DataFrame, opened: pl.DataFrame, now: datetime, asked: Collection[str] = (),
) -> Swept:
    """All subjects of `frame` (freshened; `subject_id`, or `account_id` where accounts are enrolled) at once.

    `opened` has the columns of OPENED, and `row` if it went through `located` with this very frame. Those in flight
    on another version are neither looked at nor let in: sweep them with their own version and only their rows.
    `asked` are looked at whatever their verdicts: an event or a person asks for their entry, or something happened.
    """
    opened = located(opened, frame)
    lost = opened["row"].is_null() if opened["row"].null_count() else None
    gone = () if lost is None else tuple(opened.filter(lost)["subject_id"])
    here = opened if lost is None else opened.filter(~lost)
    ours, others = _by_version(playbook, here)
    fresh, waiting = _that_could_enter(playbook, frame, here["row"])
    chosen = {*fresh, *_that_could_change(playbook, frame, ours, now)}
    if asked:
        called = frame[_subject(frame)].is_in(list(asked)).arg_true()
        chosen |= set(called.to_list()) - set(others.to_list())
    rows = pl.Series(sorted(chosen), dtype=pl.UInt32)
    subject, wanted = _subject(frame), playbook.conditions()
    found = _at(frame, rows, wanted).select(pl.col(subject), **_exprs(wanted, frame))
    looks = {row[0]: Verdicts(dict(zip(wanted, row[1:], strict=True))) for row in found.rows()}
    return Swept(looks, waiting, gone)


def _by_version(playbook: Playbook, here: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Those that the version that is looked with decides for; and the rows of those in flight on another."""
    if not (here["version"] != playbook.version).any():
        return here, here["row"].clear()
    elsewhere = pl.col("state").is_in(_IN_FLIGHT) & (pl.col("version") != playbook.version)
    return here.filter(~elsewhere), here.filter(elsewhere)["row"]


def _that_could_enter(playbook: Playbook, frame: pl.DataFrame, taken: pl.Series) -> tuple[list[int], int]:
    """The rows of those that are not open and whose condition lets them in; and how many lack data to say so."""
    if playbook.mode is Mode.PAUSED or not playbook.comes_by_itself or frame.is_empty():
        return [], 0
    conditions = playbook.conditions()
    asked = _exprs({name: conditions[name] for name in ("when", "scope") if name in conditions}, frame)
    when, scope = asked["when"], asked.get("scope", pl.lit(True))
    free = np.ones(frame.height, dtype=np.bool_)
    free[taken.to_numpy()] = False
    idle = pl.lit(pl.Series(free))
    found = frame.select(
        enters=(when & scope & idle).fill_null(False),
        lacks=(when.is_null() | (when & scope.is_null())) & scope.fill_null(True) & idle)
    rows: list[int] = np.flatnonzero(found["enters"].to_numpy()).tolist()
    exits = {name: conditions[name] for name in conditions if name.startswith("exit.")}
    if exits and rows:
        at = pl.Series(rows, dtype=pl.UInt32)
        leave = pl.any_horizontal([each.fill_null(False) for each in _exprs(exits, frame).values()])
        left = _at(frame, at, exits).select(pl.col(_subject(frame)), left=leave)
        rows = at.filter(~left["left"]).to_list()
    return rows, int(found["lacks"].sum())


def _that_could_change(playbook: Playbook, frame: pl.DataFrame, opened: pl.DataFrame, now: datetime) -> list[int]:
    """The rows of the open enrollments for which a look could do something."""
    if opened.is_empty():
        return []
    conditions = playbook.conditions()
    part = _at(frame, opened["row"], conditions)
    both = opened.hstack([part[name] for name in part.columns if name not in opened.columns])
    rows: list[int] = both.select(
        pl.col("row").filter(_could_change(playbook, _exprs(conditions, frame), now)))["row"].to_list()
    return rows


def _could_change(playbook: Playbook, asked: Mapping[str, pl.Expr], now: datetime) -> pl.Expr:
    """Must be TRUE of everybody whom `advance` would change: the law that tests/engine/test_sweep.py holds it to."""
    held, each_run = pl.col("held").fill_null(False), pl.col("looks_each_run").fill_null(False)
    if playbook.mode is Mode.PAUSED:
        return ~held | pl.col("wake_at").is_null() | (pl.col("wake_at") > now)
    state, when, until = pl.col("state"), asked["when"], asked["until"]
    ends = [each.fill_null(False) for name, each in asked.items()
            if name in ("goal.when", "revoke_on") or name.startswith("exit.")]
    stops = [each.is_null() for name, each in asked.items() if name.endswith("].unless")]
    in_flight = pl.any_horizontal(until.fill_null(False), *ends)
    waits = ~when.fill_null(True) | (when.is_null() & ~held) | (when.is_not_null() & held)
    acts = in_flight | (pl.any_horizontal(until.is_null(), *stops) & ~held) | (until.is_not_null() & held)
    recovers = pl.any_horizontal(~until.fill_null(True), *ends) | (until.is_null() != held)
    by_state = (
        pl.when(state == State.ACTIVE.value).then(acts).when(state == State.RECOVERING.value).then(recovers)
        .otherwise(pl.any_horizontal(waits, *ends)))
    unset = pl.col("wake_at").is_null() & ~held & state.is_in((State.PENDING.value, *_IN_FLIGHT))
    time = (pl.col("wake_at") <= now).fill_null(False) | unset      # unset by what was stored before this was kept
    return each_run | time | by_state | (pl.col("version") != playbook.version)


def _at(frame: pl.DataFrame, rows: pl.Series, conditions: Mapping[str, Expression]) -> pl.DataFrame:
    """The subjects in these rows, with what the conditions ask about them."""
    needed = sorted(facts_of(*conditions.values()) & set(frame.columns))
    return frame[rows, [_subject(frame), *needed]]


def _exprs(conditions: Mapping[str, Expression], frame: pl.DataFrame) -> dict[str, pl.Expr]:
    """Each condition over the columns of `frame`."""
    columns = frozenset(frame.columns)
    return {name: expr(condition, columns) for name, condition in conditions.items()}


def _subject(frame: pl.DataFrame) -> str:
    return "subject_id" if "subject_id" in frame.columns else "account_id"


def sweep_rows(
    playbook: Playbook, rows: Iterable[Row], opened: Collection[str], asked: Collection[str] = (),
) -> Swept:
    """The same for a few subjects, whose rows are freshened; all that are open are looked at."""
    conditions, looks, waiting = closures_of(playbook), dict[str, Verdicts](), 0
    enters = playbook.comes_by_itself and playbook.mode is not Mode.PAUSED
    for row in rows:
        subject_id = row.get("subject_id") or row["account_id"]
        found = {path: ask(row) for path, ask in conditions.items()}
        scope = found.get("scope", True)
        if subject_id in opened or subject_id in asked or (enters and found["when"] and scope):
            looks[subject_id] = Verdicts(found)
        elif enters and scope is not False and (found["when"] is None or (found["when"] and scope is None)):
            waiting += 1
    return Swept(looks, waiting)


@lru_cache(maxsize=512)
def closures_of(playbook: Playbook) -> Mapping[str, Closure]:
    """The closure of each condition, by its path."""
    return {path: closure(condition) for path, condition in playbook.conditions().items()}
