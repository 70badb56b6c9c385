"""Whom of many subjects a look could change: facts and open enrollments in, the verdicts of those few out.

Nobody who is left out would be changed by a look: who is idle stays so, who waits waits for time that has not come
(`wake_at`) or for data that are still missing. Those who stay never become Python objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import polars as pl

from steward.engine.batch import verdicts
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
    here = opened.filter(pl.col("row").is_not_null())
    gone = tuple(opened.filter(pl.col("row").is_null())["subject_id"])
    elsewhere = pl.col("state").is_in(_IN_FLIGHT) & (pl.col("version") != playbook.version)
    ours = here.filter(~elsewhere)
    fresh, waiting = _that_could_enter(playbook, frame, here["row"])
    due = _that_could_change(playbook, frame, ours, now)
    called = frame[_subject(frame)].is_in(list(asked)).arg_true() if asked else fresh.clear()
    if called.len():
        called = called.filter(~called.is_in(here.filter(elsewhere)["row"].implode()))
    rows = pl.concat([fresh, due, called]).unique().sort()
    found = _verdicts_at(playbook, frame, rows).with_columns(frame[_subject(frame)][rows].alias("subject_id"))
    return Swept({row.pop("subject_id"): Verdicts(row) for row in found.iter_rows(named=True)}, waiting, gone)


def _that_could_enter(playbook: Playbook, frame: pl.DataFrame, taken: pl.Series) -> tuple[pl.Series, int]:
    """The rows of those that are not open and whose condition lets them in; and how many lack data to say so."""
    nobody = pl.Series([], dtype=pl.UInt32)
    if playbook.mode is Mode.PAUSED or not playbook.comes_by_itself or frame.is_empty():
        return nobody, 0
    conditions = playbook.conditions()
    wide = verdicts(frame, {name: conditions[name] for name in ("when", "scope") if name in conditions})
    when, scope = wide["when"], wide["scope"] if "scope" in wide.columns else pl.repeat(True, frame.height, eager=True)
    idle = pl.repeat(True, frame.height, eager=True).scatter(taken, False)
    lacking = (when.is_null() | (when & scope.is_null())) & scope.fill_null(True) & idle
    rows = (when & scope & idle).fill_null(False).arg_true()
    exits = {name: conditions[name] for name in conditions if name.startswith("exit.")}
    if exits and rows.len():
        out = _verdicts_at(playbook, frame, rows, exits).select(left=pl.any_horizontal(pl.all().fill_null(False)))
        rows = rows.filter(~out["left"])
    return rows, int(lacking.fill_null(True).sum())


def _that_could_change(playbook: Playbook, frame: pl.DataFrame, opened: pl.DataFrame, now: datetime) -> pl.Series:
    """The rows of the open enrollments for which a look could do something."""
    if opened.is_empty():
        return pl.Series([], dtype=pl.UInt32)
    found = _verdicts_at(playbook, frame, opened["row"]).select(pl.all().name.prefix("? "))
    return pl.concat([opened, found], how="horizontal").filter(_could_change(playbook, now))["row"]


def _could_change(playbook: Playbook, now: datetime) -> pl.Expr:
    """Must be TRUE of everybody whom `advance` would change: the law that tests/engine/test_sweep.py holds it to."""
    held, each_run = pl.col("held").fill_null(False), pl.col("looks_each_run").fill_null(False)
    if playbook.mode is Mode.PAUSED:
        return ~held | pl.col("wake_at").is_null() | (pl.col("wake_at") > now)
    state, when, until = pl.col("state"), pl.col("? when"), pl.col("? until")
    conditions = playbook.conditions()
    ends = [pl.col(f"? {name}").fill_null(False) for name in conditions
            if name in ("goal.when", "revoke_on") or name.startswith("exit.")]
    stops = [pl.col(f"? {name}").is_null() for name in conditions if name.endswith("].unless")]
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


def _verdicts_at(
    playbook: Playbook, frame: pl.DataFrame, rows: pl.Series, conditions: Mapping[str, Expression] | None = None,
) -> pl.DataFrame:
    """The verdicts of some rows only, of all conditions where none are named."""
    wanted = playbook.conditions() if conditions is None else conditions
    needed = sorted(facts_of(*wanted.values()) & set(frame.columns))
    return verdicts(frame.select(_subject(frame), *needed)[rows], wanted)


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
