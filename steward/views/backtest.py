"""What a playbook would have done over the stored snapshots; see `steward.engine.backtest`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from steward.engine.backtest import (
    USUAL_WINDOW,
    Backtest,
    arr_touched,
    gaps,
    not_simulated,
    owners,
    spacing,
    warned,
    weeks,
)
from steward.engine.blocks import DAY, Block
from steward.engine.language import Mode
from steward.engine.outcomes import CHURN_FACTS, Churns, Reached, Window
from steward.engine.replay import NAME, Replay, events_asked
from steward.engine.reproduced import Reproduced, compare
from steward.model.events import connection_and_name
from steward.pipeline.calendars import calendars
from steward.store import events, measured, releases
from steward.views.history import History, history, span

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.engine.language import Playbook
    from steward.model.enrollments import Enrollment
    from steward.model.events import Event
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database
    from steward.store.releases import Release

_DAY = timedelta(days=1)
_ALL = 10_000_000


def backtest(
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, *,
    first: datetime | None = None, last: datetime | None = None, window: timedelta = USUAL_WINDOW,
) -> Backtest:
    """Play `playbook`, a draft or the live one, over the snapshots from `first` to `last` (all that are stored).

    It is switched on at the first of them. `window`: how long after an entry a churn counts as caught. Performs
    nothing and writes nothing.

    Raises:
        ConfigError: no snapshot is stored in that time.
    """
    with db.read() as tx:
        stored = history(tx, playbook.subject)
        begins, ends = span(stored, first, last)
        happened = _events(tx, playbook, begins, ends)
        released = releases.history(tx, playbook.id)
        entered = measured.entered(tx, playbook.id) if released else []
    played = stored.between(begins, ends)
    # What the last snapshot let in really entered a little later, as it was evaluated.
    settled = played.instants[-1] + spacing(played.instants) / 4
    real = [each for each in entered if _within(each, begins, max(ends, settled))]
    replay = Replay(playbook, catalog, calendars(settings, ends, begins), happened)
    judge = _Judge(replay, catalog)
    names = judge.play(played)
    judge.see_how_it_went_on(stored.between(played.instants[-1] + timedelta(microseconds=1), ends + window))
    zone = ZoneInfo(settings.company.timezone)
    by_week = weeks(replay.entries, played.instants[0], played.instants[-1], zone)
    arr, unknown = arr_touched(replay.entries)
    missing = gaps(played.instants)
    known_until = stored.instants[-1]
    return Backtest(
        playbook.id, playbook.version, played.instants[0], played.instants[-1], len(played.segments),
        played.segments[-1].rows, len(replay.entries),
        dict(Counter(each.reason for each in replay.entries if each.closed_at is not None).most_common()),
        sum(each.closed_at is None for each in replay.entries), by_week, owners(replay.entries, len(by_week), zone),
        sum(len(each.work) for each in replay.entries), sum(each.rungs for each in replay.entries), arr, unknown,
        warned(replay.entries, judge.churns, (played.instants[0], played.instants[-1], known_until), window, names),
        *judge.goal_counts(known_until),
        round(sum(replay.lacking) / max(len(replay.lacking), 1), 1), tuple(replay.held_at_limit), missing,
        _reproduced(playbook, catalog, settings, stored, (begins, ends), real, released, happened),
        not_simulated(playbook, len(missing), spacing(played.instants)), tuple(replay.entries))


class _Judge:
    """Goes through the snapshots beside the replay and sees what became of its entries."""

    def __init__(self, replay: Replay, catalog: Mapping[str, FactSpec]) -> None:
        self.replay, self.churns = replay, Churns()
        goal = replay.playbook.goal
        self.goal = Reached(goal.when, catalog) if goal else None
        self.columns = {*replay.columns, *CHURN_FACTS}

    def play(self, played: History) -> dict[str, str]:
        """Decide and see. The names of the accounts, as last known."""
        names: dict[str, str] = {}
        for block in played.blocks(self.columns):
            done = len(self.replay.entries)
            self.replay.play(block)
            if self.goal is not None:
                self.goal.watch(self._windows(done))
            self._see(block)
            names = _names(block)
        return names

    def see_how_it_went_on(self, later: History) -> None:
        """Nothing is decided any more."""
        for block in later.blocks(self.columns):
            self._see(block)

    def goal_counts(self, known_until: datetime) -> tuple[int | None, int]:
        """Of how many the goal was reached in time, and of how many that is decided: their time is over."""
        if self.goal is None:
            return None, 0
        decided = {each.key for each in self._windows(0) if each.until <= known_until}
        return len(decided & self.goal.first.keys()), len(decided)

    def _see(self, block: Block) -> None:
        self.churns.look(block)
        if self.goal is not None:
            self.goal.look(block)

    def _windows(self, done: int) -> list[Window]:
        playbook = self.replay.playbook
        assert playbook.goal is not None
        calendar = self.replay.calendar_of(playbook.calendar, None, None)
        return [Window(each.id, each.subject_id, each.entered_at, playbook.goal.within.after(each.entered_at, calendar))
                for each in self.replay.entries[done:]]


def _names(block: Block) -> dict[str, str]:
    """By account, in the last snapshot of the block."""
    if NAME not in block.frame.columns:
        return {}
    last = block.frame.filter(pl.col(DAY) == len(block.instants) - 1)
    return dict(last.select("account_id", pl.col(NAME).cast(pl.String).fill_null("")).iter_rows())


# ---- beside what really happened ----

def _reproduced(  # noqa: PLR0917  # plain parts
    playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, stored: History,
    asked: tuple[datetime, datetime], real: Sequence[Enrollment], released: Sequence[Release],
    happened: Sequence[Event],
) -> Reproduced | None:
    """A second replay, which begins when the playbook was really switched on, beside the real enrollments.

    Paused and retired times hold it as they held the real one. None: it was not live in the time that is asked.
    """
    begins, ends = asked
    live_from = _live_from(released, ends)
    if live_from is None:
        return None
    probes: dict[str, list[tuple[str, datetime]]] = {}
    for each in real:
        if each.entered_at is not None:
            probes.setdefault(each.subject_id, []).append((each.id, each.entered_at))
    # The one that stood as the playbook was switched on is what it looked at first.
    before = [at for at in stored.instants if at <= live_from]
    played = stored.between(before[-1] if before else live_from, ends)
    if not played.segments:
        return None
    replay = Replay(playbook, catalog, calendars(settings, ends, begins), happened, paused=_pauses(released, live_from),
                    probes=probes)
    for block in played.blocks(replay.columns):
        replay.play(block)
    tolerance = max(spacing(played.instants), _DAY)
    return compare(real, replay.entries, replay.probed, playbook.version, span=(max(begins, live_from), ends),
                   tolerance=tolerance, versions=[each.version for each in released])


def _live_from(released: Sequence[Release], ends: datetime) -> datetime | None:
    """When it was first applied and not paused; None: not before `ends`."""
    on = [each.applied_at for each in released if each.mode not in (releases.RETIRED, Mode.PAUSED)]
    return min(on) if on and min(on) <= ends else None


def _pauses(released: Sequence[Release], live_from: datetime) -> Callable[[datetime], bool]:
    """Whether it was paused or retired at an instant."""
    in_order = sorted(released, key=lambda each: each.applied_at)

    def paused(at: datetime) -> bool:
        standing = [each for each in in_order if each.applied_at <= max(at, live_from)]
        return bool(standing) and standing[-1].mode in (releases.RETIRED, Mode.PAUSED)

    return paused


def _within(enrollment: Enrollment, begins: datetime, ends: datetime) -> bool:
    return enrollment.entered_at is not None and begins <= enrollment.entered_at <= ends


def _events(tx: Transaction, playbook: Playbook, begins: datetime, ends: datetime) -> list[Event]:
    if not events_asked(playbook):
        return []
    _, name = connection_and_name(events_asked(playbook))
    found = events.list_(tx, name=name, limit=_ALL)
    return sorted((each for each in found if begins < each.known_at <= ends), key=lambda each: (each.known_at, each.id))
