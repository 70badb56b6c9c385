"""Whom of many subjects a look could change: facts and open enrollments in, the verdicts of those few out.

Nobody who is left out would be changed by a look: who is idle stays so, who waits waits for time that has not come
(`wake_at`) or for data that are still missing. Those who stay never become Python objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from steward.engine.answers import FALSE, TRUE, UNKNOWN, Answers, answered
from steward.engine.closures import Closure, Row, closure
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
_Rows = npt.NDArray[np.uint32]
_Flags = npt.NDArray[np.bool_]
_NO_ROWS: _Rows = np.array([], dtype=np.uint32)
_VALUES = {FALSE: False, TRUE: True, UNKNOWN: None}
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


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


def sweep(  # noqa: PLR0917  # with what all playbooks ask answered before, or not
    playbook: Playbook, frame: pl.DataFrame, opened: pl.DataFrame, now: datetime, asked: Collection[str] = (),
    answers: Answers | None = None,
) -> Swept:
    """All subjects of `frame` (freshened; `subject_id`, or `account_id` where accounts are enrolled) at once.

    `opened` has the columns of OPENED, and `row` if it went through `located` with this very frame. Those in flight
    on another version are neither looked at nor let in: sweep them with their own version and only their rows.
    `asked` are looked at whatever their verdicts: an event or a person asks for their entry, or something happened.
    `answers` are those of this very frame, to the conditions of this playbook among others.
    """
    known = answers if answers is not None else answered(frame, [playbook])
    opened = located(opened, frame)
    lost = opened["row"].is_null() if opened["row"].null_count() else None
    gone = () if lost is None else tuple(opened.filter(lost)["subject_id"])
    here = opened if lost is None else opened.filter(~lost)
    ours, others = _by_version(playbook, here)
    fresh, waiting = _that_could_enter(playbook, known, here["row"])
    rows = np.union1d(fresh, _that_could_change(playbook, known, ours, now))
    if asked:
        called = known.subjects.is_in(list(asked)).arg_true().to_numpy()
        rows = np.union1d(rows, np.setdiff1d(called, others.to_numpy()))
    if not rows.size:
        return Swept({}, waiting, gone)
    at, wanted = pl.Series(rows, dtype=pl.UInt32), playbook.conditions()
    columns = [[_VALUES[told] for told in known.of_rows(condition, rows).tolist()] for condition in wanted.values()]
    verdicts = zip(*columns, strict=True)
    looks = {subject: Verdicts(dict(zip(wanted, row, strict=True)))
             for subject, row in zip(known.subjects[at].to_list(), verdicts, strict=True)}
    return Swept(looks, waiting, gone)


def _by_version(playbook: Playbook, here: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Those that the version that is looked with decides for; and the rows of those in flight on another."""
    if not (here["version"] != playbook.version).any():
        return here, here["row"].clear()
    elsewhere = pl.col("state").is_in(_IN_FLIGHT) & (pl.col("version") != playbook.version)
    return here.filter(~elsewhere), here.filter(elsewhere)["row"]


def _that_could_enter(playbook: Playbook, known: Answers, taken: pl.Series) -> tuple[_Rows, int]:
    """The rows of those that are not open and whose condition lets them in; and how many lack data to say so."""
    if playbook.mode is Mode.PAUSED or not playbook.comes_by_itself or not known.subjects.len():
        return _NO_ROWS, 0
    when, scope = known.of(playbook.when), None if playbook.scope is None else known.of(playbook.scope)
    free = np.ones(known.subjects.len(), dtype=np.bool_)
    free[taken.to_numpy()] = False
    if scope is None:
        enters, lacks = when == TRUE, when == UNKNOWN
    else:
        enters = (when == TRUE) & (scope == TRUE)
        lacks = (when != FALSE) & (scope != FALSE) & ~enters
    rows: _Rows = np.flatnonzero(enters & free).astype(np.uint32)
    exits = [condition for name, condition in playbook.conditions().items() if name.startswith("exit.")]
    if exits and rows.size:
        rows = rows[~_any([known.of_rows(each, rows) == TRUE for each in exits])]
    return rows, int(np.count_nonzero(lacks & free))


def _that_could_change(playbook: Playbook, known: Answers, opened: pl.DataFrame, now: datetime) -> _Rows:
    """The rows of the open enrollments for which a look could do something."""
    if opened.is_empty():
        return _NO_ROWS
    rows: _Rows = opened["row"].to_numpy()
    return rows[_could_change(playbook, known, opened, now)]


def _could_change(playbook: Playbook, known: Answers, opened: pl.DataFrame, now: datetime) -> _Flags:
    """Must be TRUE of everybody whom `advance` would change: the law that tests/engine/test_sweep.py holds it to."""
    held, each_run = _true(opened["held"]), _true(opened["looks_each_run"])
    wakes = opened["wake_at"].to_numpy()
    unset = np.isnat(wakes)
    come = ~unset & (wakes.view(np.int64) <= _micros(now))
    if playbook.mode is Mode.PAUSED:
        later: _Flags = ~held | unset | ~come
        return later
    rows = opened["row"].to_numpy()
    found = {name: known.of_rows(condition, rows) for name, condition in playbook.conditions().items()}
    state = opened["state"]
    active = _true(state == State.ACTIVE.value)
    recovering, pending = (~active, ~active) if active.all() else (     # mostly: then nobody is anything else
        _true(state == each.value) for each in (State.RECOVERING, State.PENDING))
    when, until = found["when"], found["until"]
    ends = [each == TRUE for name, each in found.items()
            if name in ("goal.when", "revoke_on") or name.startswith("exit.")]
    stops = [each == UNKNOWN for name, each in found.items() if name.endswith("].unless")]
    waits = (when == FALSE) | ((when == UNKNOWN) != held)
    acts = (until == TRUE) | (_any([until == UNKNOWN, *stops]) & ~held) | ((until != UNKNOWN) & held)
    recovers = (until == FALSE) | ((until == UNKNOWN) != held)
    by_state = np.where(active, acts, np.where(recovering, recovers, waits))
    waiting_for_time = unset & ~held & (pending | active | recovering)    # stored before it was kept
    changed: _Flags = _any([
        by_state, each_run, come, waiting_for_time, _true(opened["version"] != playbook.version), *ends])
    return changed


def _true(flags: pl.Series) -> _Flags:
    """Null counts as false."""
    found: _Flags = (flags.fill_null(False) if flags.null_count() else flags).to_numpy()
    return found


def _any(flags: Sequence[_Flags]) -> _Flags:
    found: _Flags = np.logical_or.reduce(flags)
    return found


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


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
