"""Stories of time: a year of noise, nights on which clocks change, a feed that is off, and looks that come anyhow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steward.engine.calendars import Calendar
from steward.engine.closures import closure
from steward.engine.durations import Duration
from steward.engine.expression import facts_of
from steward.engine.freshness import freshen
from steward.engine.language import CtaStep, MessageStep, Playbook, Rung, Wait
from steward.engine.lifecycle import advance
from steward.engine.look import Look
from steward.engine.sweep import opened_frame, sweep
from steward.model.enrollments import State
from steward.model.facts import FactSpec

BERLIN, NEW_YORK = Calendar(ZoneInfo("Europe/Berlin")), Calendar(ZoneInfo("America/New_York"))
DIP = """\
id: it
title: It
why: Because.
mode: live
when: health.score < 60
until: health.score >= 70
for: 3d
do: [{cta: {type: risk}}, {message: {to: csm}}]
escalate: [{after: 2bd, unless: acknowledged, to: csm_manager}]
"""


def lived(one: Any, scores: Sequence[float | None], step: timedelta = timedelta(days=1)) -> Any:
    """The life of somebody with these health scores."""
    asked = {path: closure(condition) for path, condition in one.playbook.conditions().items()}
    for at, score in enumerate(scores):
        one.at(one.start + at * step, {path: ask({"health.score": score}) for path, ask in asked.items()})
    return one


def entries(one: Any) -> int:
    return sum(decision.to_state == "active" and decision.from_state != "recovering" for decision in one.decisions)


# ---- a year of noise ----

@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(hours=6), timedelta(hours=1)])
def test_a_year_around_the_threshold_is_no_enrollment(life: Any, load: Callable[[str], Playbook], step: timedelta) -> None:
    """59, 61, 59, 61: three hundred and sixty-five days of noise, and nobody is called."""
    count = timedelta(days=365) // step // (6 if step < timedelta(hours=6) else 1)
    one = lived(life(load(DIP)), [59.0, 61.0] * (count // 2), step)

    assert (entries(one), one.keys) == (0, [])


@pytest.mark.parametrize("noise", [[59.0, 61.0], [59.0] * 5 + [61.0] * 5, [61.0, 69.9, 59.0, 60.0]])
def test_a_dip_that_lasts_is_one_enrollment_for_the_whole_year(
    life: Any, load: Callable[[str], Playbook], noise: list[float],
) -> None:
    """Below 60 for four days, then for ever between: one case, not one a week."""
    one = lived(life(load(DIP + "timeout: 366d\n")), [59.0] * 4 + (noise * 200)[:361])

    assert (entries(one), one.state) == (1, "active")
    assert one.steps == ["do.0/1", "do.1/1", "escalate.0/1"]


def test_given_up_after_ninety_days_and_noise_does_not_bring_it_back(life: Any, load: Callable[[str], Playbook]) -> None:
    """The usual timeout closes it; what is not sustained stays closed."""
    one = lived(life(load(DIP)), [59.0] * 4 + [61.0, 59.0] * 180)

    assert (entries(one), Counter(each.reason.split(":")[0] for each in one.decisions)["expired"]) == (1, 1)


def test_days_without_data_in_a_year_of_noise_sustain_nothing(life: Any, load: Callable[[str], Playbook]) -> None:
    """A gap in the feed does not make two bad days out of one."""
    one = lived(life(load(DIP)), [59.0, None, None, None, 59.0, 61.0] * 60)

    assert entries(one) == 0


# ---- nights on which clocks change ----

@pytest.mark.parametrize(("calendar", "length", "begins", "over"), [
    # Berlin goes from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October.
    (BERLIN, "3d", "2026-03-27T09:00", "2026-03-30T09:00"),         # elapsed: 72 hours, 11:00 on the wall
    (BERLIN, "1d", "2026-03-28T01:30", "2026-03-29T01:30"),         # from 02:30, to a night without 02:30
    (BERLIN, "24h", "2026-10-24T23:30", "2026-10-25T23:30"),
    (BERLIN, "1bd", "2026-03-27T09:00", "2026-03-30T08:00"),        # Friday 10:00, Monday 10:00
    (BERLIN, "1bd", "2026-03-28T12:00", "2026-03-30T22:00"),        # on a Saturday: from Monday 00:00, for a day
    (BERLIN, "2bd", "2026-10-23T08:00", "2026-10-27T09:00"),        # Friday 10:00, Tuesday 10:00
    (BERLIN, "4bh", "2026-03-27T14:00", "2026-03-30T09:00"),        # 15 to 17, and 9 to 11 on Monday
    (BERLIN, "4bh", "2026-10-23T13:00", "2026-10-26T10:00"),
    (NEW_YORK, "3d", "2026-03-06T15:00", "2026-03-09T15:00"),       # 8 March 2026, 1 November 2026
    (NEW_YORK, "1bd", "2026-03-06T15:00", "2026-03-09T14:00"),
    (NEW_YORK, "1bd", "2026-10-30T14:00", "2026-11-02T15:00"),
    (NEW_YORK, "4bh", "2026-03-06T20:00", "2026-03-09T15:00"),      # 15 to 17, and 9 to 11 on Monday
    (NEW_YORK, "4bh", "2026-10-30T19:00", "2026-11-02T16:00"),
])
def test_clocks_of_people_keep_the_time_on_the_wall_and_elapsed_time_elapses(
    life: Any, made: Any, calendar: Calendar, length: str, begins: str, over: str,
) -> None:
    """For each clock: `for`, `keep_for`, a wait, a rung and the timeout. An hour before, nothing; then at once."""
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (begins, over))
    amount, unit = length.rstrip("bdh"), length.lstrip("0123456789")
    long = Duration(int(amount), unit)  # type: ignore[arg-type]  # the table's own
    days = (end - start) / timedelta(days=1)
    hour = 1 / 24
    pending = life(made(for_=long), calendar, start)
    recovering = life(made(keep_for=long), calendar, start - timedelta(hours=1))
    waiting = life(made(Wait(long), CtaStep("cta", "risk"), escalate=(Rung(long, ("boss",)),)), calendar, start)
    expiring = life(made(timeout=long), calendar, start)
    for one in (pending, waiting, expiring):
        one.look(0, when=True)
    recovering.look(0, when=True)
    recovering.look(hour, until=True)
    recovering.start = start
    for at, states in ((days - hour, ("pending", "recovering", "active")), (days, ("active", "cleared", "expired"))):
        pending.look(at, when=True)
        recovering.look(at, until=True)
        waiting.look(at)
        expiring.look(at)

        assert (pending.state, recovering.state, expiring.state) == states
        assert waiting.steps == ([] if at < days else ["do.1/1", "escalate.0/1"])


@pytest.mark.parametrize(("calendar", "night"), [
    (BERLIN, datetime(2026, 3, 28, tzinfo=UTC)), (BERLIN, datetime(2026, 10, 24, tzinfo=UTC)),
    (NEW_YORK, datetime(2026, 3, 7, tzinfo=UTC)), (NEW_YORK, datetime(2026, 10, 31, tzinfo=UTC)),
])
def test_a_look_every_quarter_of_an_hour_through_the_night_does_everything_once(
    life: Any, made: Any, calendar: Calendar, night: datetime,
) -> None:
    """The hour that comes twice brings nothing twice; the hour that is left out leaves nothing out."""
    one = life(made(
        CtaStep("cta", "risk"), Wait(Duration(2, "h")), MessageStep(("csm",)), Wait(Duration(1, "bd")), MessageStep(("csm",)),
        for_=Duration(1), escalate=(Rung(Duration(30, "h"), ("boss",)), Rung(Duration(3, "bh"), ("top",)))), calendar, night)
    for quarter in range(4 * 24 * 5):
        one.look(quarter / 96, when=True)

    assert sorted(one.steps) == ["do.0/1", "do.2/1", "do.4/1", "escalate.0/1", "escalate.1/1"]
    assert entries(one) == 1


def test_holidays_of_the_owner_are_no_days_of_the_ladder(life: Any, made: Any) -> None:
    """Good Friday and Easter Monday: the manager is not called on Tuesday for a case of Thursday."""
    easter = Calendar(ZoneInfo("Europe/Berlin"), holidays=frozenset({date(2026, 4, 3), date(2026, 4, 6)}),
                      opens=time(8), closes=time(18))
    one = life(made(escalate=(Rung(Duration(2, "bd"), ("boss",)),)), easter, datetime(2026, 4, 2, 7, tzinfo=UTC))
    for day in range(7):
        one.look(day, when=True)

        assert len(one.steps) == (1 if day < 6 else 2)


# ---- a feed that is off ----

def test_a_feed_off_for_two_days_lets_nobody_in_declares_nobody_well_and_stops_every_clock(
    load: Callable[[str], Playbook], catalog: Mapping[str, FactSpec],
) -> None:
    """The file of the health scores did not come on two days. The third day goes on where the first one stopped."""
    playbook = load(DIP + "keep_for: 3d\n")
    start, zone = datetime(2026, 3, 2, 8, tzinfo=UTC), Calendar(ZoneInfo("UTC"))
    scores = {                                              # 0 to 4, off on 5 and 6, then 7 to 11
        "falls": [80, 80, 80, 80, 55, 55, 55, 55, 55, 55, 55, 55],      # pending since day 4
        "new": [80, 80, 80, 80, 80, 55, 55, 80, 80, 80, 80, 80],        # was low while nobody could see it
        "climbs": [55, 55, 55, 55, 75, 75, 75, 75, 75, 75, 75, 75],     # active on day 3, recovering since day 4
        "sinks": [55, 55, 55, 55, 55, 75, 75, 55, 55, 55, 55, 55],      # was well while nobody could see it
    }
    opened: dict[str, Any] = {}
    closed: dict[str, Any] = {}
    seen: dict[str, list[str]] = {name: [] for name in scores}
    keys: list[str] = []
    for day in range(12):
        now, told = start + timedelta(days=day), 4 if day in (5, 6) else day
        frame = pl.DataFrame({
            "account_id": list(scores), "health.score": [float(each[told]) for each in scores.values()],
            "as_of.health": [start + timedelta(days=told, hours=-1)] * 4}, schema_overrides={"as_of.health": pl.Datetime("us", "UTC")})
        fresh = freshen(frame, facts_of(playbook.when, playbook.clears), catalog, now)
        swept = sweep(playbook, fresh, opened_frame(opened.values()), now)
        for name, verdicts in swept.looks.items():
            step = advance(Look(playbook, name, verdicts, now, zone), opened.get(name), closed.get(name))
            keys += [planned.key for planned in step.planned]
            if step.enrollment is not None:
                opened[name] = step.enrollment
                if step.enrollment.state is State.CLOSED:
                    closed[name] = opened.pop(name)
        for name, states in seen.items():
            states.append(opened[name].state.value if name in opened else closed[name].reason if name in closed else "idle")
        assert swept.waiting == (1 if day == 6 else 0)      # day 5: the data are 25 h old, fresh within 26 h

    assert seen["falls"] == ["idle"] * 4 + ["pending"] * 4 + ["active"] * 4
    assert seen["new"] == ["idle"] * 12
    assert seen["climbs"] == ["pending"] * 3 + ["active"] + ["recovering"] * 4 + ["cleared"] * 4
    assert seen["sinks"] == ["pending"] * 3 + ["active"] * 9
    assert len(set(keys)) == len(keys)


# ---- looks that come anyhow ----

SYMBOLS: dict[str, dict[str, bool | None]] = {
    "low": {"when": True, "until": False}, "between": {"when": False, "until": False},
    "well": {"when": False, "until": True}, "unknown": {"when": None, "until": None},
}


def noticed(made: Any) -> Playbook:
    """Every clock that counts whole days; the timeout is beyond the story."""
    return made(
        CtaStep("cta", "risk"), Wait(Duration(2)), MessageStep(("csm",)), for_=Duration(2), keep_for=Duration(1),
        again_after=Duration(5), escalate=(Rung(Duration(2), ("boss",)), Rung(Duration(4), ("top",))))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bursts_jumps_back_and_second_evaluators_change_nothing(life: Any, made: Any, data: st.DataObject) -> None:
    """Webhooks call for looks all day, one server's clock is behind, two evaluators run at once: the same is done.

    What is true changes from day to day; each day begins with one look.
    """
    days = data.draw(st.lists(st.sampled_from([*["low"] * 4, *["between"] * 2, *["well"] * 2, "unknown"]), min_size=5, max_size=40))
    clean, noisy = life(noticed(made)), life(noticed(made))
    for day, symbol in enumerate(days):
        clean.look(day, **SYMBOLS[symbol])
        noisy.look(day, **SYMBOLS[symbol])
        for _ in range(data.draw(st.integers(0, 2))):
            back = data.draw(st.one_of(st.just(0), st.integers(0, min(day, 9))))
            later = data.draw(st.sampled_from([0.0, 0.01, 0.25, 0.6]))
            noisy.look(day - back + later, **SYMBOLS[days[day - back]])

    assert noisy.keys == clean.keys
    assert (noisy.state, noisy.open) == (clean.state, clean.open)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_missed_days_change_nothing_where_things_last(life: Any, made: Any, data: st.DataObject) -> None:
    """The machine was off on some days. What lasts longer than the playbook's own clocks is acted on all the same."""
    symbols = data.draw(st.lists(st.sampled_from(list(SYMBOLS)), min_size=1, max_size=6))
    days = [symbol for symbol in symbols for _ in range(data.draw(st.integers(9, 12)))]
    off = {day for day in range(len(days)) if day % 4 == 2 and data.draw(st.booleans())}
    clean, gappy = life(noticed(made)), life(noticed(made))
    for day, symbol in enumerate(days):
        clean.look(day, **SYMBOLS[symbol])
        if day not in off:
            gappy.look(day, **SYMBOLS[symbol])
    for one in (clean, gappy):
        one.look(len(days), **SYMBOLS[days[-1]])

    assert gappy.keys == clean.keys
    assert gappy.state == clean.state
