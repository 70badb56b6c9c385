"""A playbook over stored snapshots: the same as evaluating every day, and never a look ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from benchmarks.snapshots import frames
from steward.engine.blocks import Block, block
from steward.engine.calendars import ALWAYS_UTC, Calendar
from steward.engine.freshness import freshen
from steward.engine.gates import Gates
from steward.engine.language import Mode, Playbook
from steward.engine.lifecycle import advance, cancel
from steward.engine.load import load_playbook
from steward.engine.look import Look, Verdicts
from steward.engine.replay import Replay, events_asked
from steward.engine.sweep import opened_frame, sweep
from steward.facts.catalog import catalog as real_catalog
from steward.model.enrollments import Enrollment, State
from steward.model.events import Event

CATALOG = real_catalog()
UNTIL = datetime(2026, 6, 30, 6, tzinfo=UTC)
START = datetime(2026, 1, 1, 6, tzinfo=UTC)
WARNING = """\
id: warning
title: Warning
why: Because.
mode: live
scope: account.segment in [smb, mid_market]
when: {all: [health.score < 60, renewal.days_left <= 200 days, {any: [usage.active_users.change_28d <= -10%, support.open_urgent >= 1]}]}
until: health.score >= 65
for: 2d
keep_for: 2d
again_after: 10d
at_most: 2 per 90d
timeout: 40d
goal: {when: health.score >= 75, within: 20d}
exit: {gone: account.lifecycle == churned}
do:
  - cta: {type: risk}
  - wait: 3d
  - {cta: {type: risk}, if: support.open_urgent >= 1}
escalate: [{after: 2bd, unless: acknowledged, to: csm_manager}, {after: 5d, unless: support.open_urgent < 1, to: csm_manager}]
"""
SIMPLE = """\
id: simple
title: Simple
why: Because.
mode: live
when: health.score < 60
until: health.score >= 70
for: 2d
again_after: 5d
do: [{cta: {type: risk}}]
"""


def load(text: str) -> Playbook:
    return load_playbook(text, "it.yaml", CATALOG)


def days(scores: Mapping[str, list[float | None]], first: datetime = START, **more: Any) -> list[tuple[datetime, pl.DataFrame]]:
    """One snapshot a day; an account whose list has ended is in it no more."""
    out = []
    for day in range(max(map(len, scores.values()))):
        at = first + timedelta(days=day)
        here = [name for name, values in scores.items() if day < len(values)]
        out.append((at, pl.DataFrame({
            "account_id": here, "health.score": pl.Series([scores[name][day] for name in here], dtype=pl.Float64),
            "account.csm_email": ["ana@us.test"] * len(here), "account.arr": [1000.0] * len(here), **more,
        }).with_columns(pl.lit(at).cast(pl.Datetime("us", "UTC")).alias(f"as_of.{group}") for group in ("crm", "health"))))
    return out


def day_by_day(playbook: Playbook, snapshots: list[tuple[datetime, pl.DataFrame]]) -> list[tuple[object, ...]]:
    """What evaluating each snapshot does, with the engine's own sweep: the slow truth."""
    shadow = replace(playbook, mode=Mode.SHADOW)
    opened: dict[str, Enrollment] = {}
    closed: dict[str, Enrollment] = {}
    entered: dict[str, list[datetime]] = {}
    rows: dict[str, list[Any]] = {}
    for number, (at, frame) in enumerate(snapshots):
        fresh = freshen(frame, CATALOG, CATALOG, at)
        silent = set(fresh.filter(pl.col("account.do_not_contact"))["account_id"]) if "account.do_not_contact" in fresh.columns else set()
        swept = sweep(shadow, fresh, opened_frame(opened.values()), at)
        steps = {
            each: advance(Look(shadow, each, seen, at, ALWAYS_UTC, Gates(each in silent, entered_at=tuple(entered.get(each, ()))),
                               switched_on=not number), opened.get(each), closed.get(each))
            for each, seen in swept.looks.items()}
        steps |= {each: cancel(Look(shadow, each, Verdicts({}), at, ALWAYS_UTC), opened[each], "gone") for each in swept.gone}
        for each, step in steps.items():
            if step.enrollment is None:
                continue
            if step.enters:
                entered.setdefault(each, []).append(at)
                rows[step.enrollment.id] = [step.enrollment.id, at, None, "", 0, 0]
            if row := rows.get(step.enrollment.id):
                row[4] += sum(planned.part == "do" for planned in step.planned)
                row[5] += sum(planned.part == "escalate" for planned in step.planned)
            opened[each] = step.enrollment
            if step.enrollment.state is State.CLOSED:
                del opened[each]
                closed[each] = step.enrollment
                if row:
                    row[2:4] = [at, step.enrollment.reason]
    return sorted(map(tuple, rows.values()))


def played(playbook: Playbook, blocks: list[Block], **more: Any) -> Replay:
    replay = Replay(playbook, CATALOG, **more)
    for each in blocks:
        replay.play(each)
    return replay


def told(replay: Replay) -> list[tuple[object, ...]]:
    return sorted((each.id, each.entered_at, each.closed_at, each.reason, len(each.work), each.rungs) for each in replay.entries)


@pytest.mark.parametrize("text", [WARNING, SIMPLE, WARNING.replace("\nfor: 2d\n", "\n").replace("at_most: 2 per 90d\n", "backlog: ignore\n")])
def test_it_is_what_evaluating_every_day_would_have_been(text: str) -> None:
    """The replay is fast as it looks only at whom something happens to; the answer must be that of looking at all."""
    playbook = load(text)
    snapshots = list(frames(90, 70, UNTIL, seed=3))
    wanted = day_by_day(playbook, snapshots)

    replays = [played(playbook, [block(snapshots[start:start + size]) for start in range(0, 70, size)]) for size in (9, 70)]

    assert [told(each) for each in replays] == [wanted, wanted]
    assert len(wanted) > 12


def test_accounts_come_and_go_and_data_are_missing() -> None:
    """A deleted account's enrollment ends; one that comes back begins anew; unknown holds the clock."""
    scores: dict[str, list[float | None]] = {
        "leaves": [50.0] * 6, "stays": [50.0] * 20, "late": [90.0, 50.0, None, None, 50.0, 50.0, 50.0, *[90.0] * 13],
        "blip": [50.0, 90.0] * 10,
    }
    playbook, snapshots = load(SIMPLE), days(scores)
    wanted = day_by_day(playbook, snapshots)

    replay = played(playbook, [block(snapshots[:4]), block(snapshots[4:6]), block(snapshots[6:])])

    assert told(replay) == wanted
    by_account = {each.account_id: each for each in replay.entries}
    assert set(by_account) == {"leaves", "stays", "late"}
    assert (by_account["leaves"].closed_at, by_account["leaves"].reason) == (START + timedelta(days=6), "cancelled")
    assert by_account["late"].entered_at == START + timedelta(days=5)
    assert (by_account["stays"].owner, by_account["stays"].arr) == ("ana@us.test", 1000.0)


def test_what_comes_later_changes_nothing_before() -> None:
    """A backtest that peeks at the future is worse than none: a poisoned future must leave the past alone."""
    playbook = load(WARNING)
    snapshots = list(frames(80, 60, UNTIL, seed=5))
    cut = snapshots[29][0]
    poisoned = [(at, frame if at <= cut else frame.with_columns(pl.lit(0.0).alias("health.score"), pl.lit(1).alias("renewal.days_left")))
                for at, frame in snapshots]

    both = [played(playbook, [block(each)]).entries for each in (snapshots, poisoned)]

    before = [[(each.id, each.entered_at) for each in entries if each.entered_at <= cut] for entries in both]
    assert before[0] == before[1]
    assert len(both[0]) != len(both[1])


def test_a_stale_feed_lets_nobody_in() -> None:
    """Facts count as known then: what was too old then is unknown then."""
    snapshots = [(at + timedelta(days=40), frame) for at, frame in days({"a": [50.0] * 10})]

    replay = played(load(SIMPLE), [block(snapshots)])

    assert replay.entries == []
    assert replay.lacking == [1] * 10


def test_a_day_with_too_many_is_told() -> None:
    """The real run would have stopped and asked; the backtest goes on and says so."""
    replay = played(load(SIMPLE.replace("for: 2d", "limit: 3 or 1%")), [block(days({f"a{at}": [50.0] * 3 for at in range(8)}))])

    assert replay.held_at_limit == [(START, 8, 3)]
    assert len(replay.entries) == 8


def test_paused_days_count_for_nothing() -> None:
    """Nobody entered while the real playbook was paused."""
    pause = START + timedelta(days=1), START + timedelta(days=5)

    replay = played(load(SIMPLE), [block(days({"a": [50.0] * 12}))], paused=lambda at: pause[0] <= at < pause[1])

    assert [each.entered_at for each in replay.entries] == [START + timedelta(days=6)]


def test_an_event_lets_in_once_and_waits_for_data() -> None:
    """The guard is asked when the event is known; while it cannot say, the event waits."""
    playbook = load("id: ev\ntitle: E\nwhy: B.\nmode: live\ntrigger: {event: ticket.opened}\nwhen: health.score < 60\n"
                    "until: health.score >= 70\ndo: [{cta: {type: risk}}]\n")
    known = START + timedelta(days=1, hours=2)
    happened = [Event(f"crm/ticket/{name}/opened", "ticket.opened", "crm", name, "1", known, known) for name in ("a", "b", "c")]

    replay = played(playbook, [block(days({
        "a": [50.0] * 8, "b": [90.0, 90.0, 90.0, 90.0, 50.0, 50.0, 50.0, 50.0], "c": [None, None, None, None, 50.0, 50.0, 50.0, 50.0],
    }))], events=happened)

    assert [(each.account_id, (each.entered_at - START).days) for each in replay.entries] == [("a", 2), ("c", 4)]


def test_more_conditions_than_one_number_holds(load_wide: Callable[[int], Playbook]) -> None:
    """A playbook with dozens of rungs is played like any other."""
    playbook = load_wide(45)
    snapshots = days({"a": [50.0] * 9, "b": [50.0, 90.0, 50.0, 50.0, 50.0, 50.0, 90.0, 90.0, 90.0]})

    assert told(played(playbook, [block(snapshots)])) == day_by_day(playbook, snapshots)


@pytest.fixture
def load_wide() -> Callable[[int], Playbook]:
    def made(rungs: int) -> Playbook:
        lines = "".join(f"  - {{after: {at}h, unless: health.score >= {at}, to: csm_manager}}\n" for at in range(1, rungs + 1))
        return load(SIMPLE + "escalate:\n" + lines)

    return made


def test_events_that_come_together_each_let_somebody_in() -> None:
    """Three deals closed on one afternoon are three handovers."""
    playbook = load("id: ev\ntitle: E\nwhy: B.\nmode: live\ntrigger: {event: ticket.opened}\ndo: [{cta: {type: risk}}]\n")
    known = START + timedelta(days=1, hours=2)
    happened = [Event(f"crm/ticket/{name}/opened", "ticket.opened", "crm", name, "1", known, known) for name in ("a", "b", "c", "d")]

    replay = played(playbook, [block(days({name: [50.0] * 4 for name in ("a", "b", "c")}))], events=happened)

    assert [(each.account_id, (each.entered_at - START).days) for each in replay.entries] == [("a", 2), ("b", 2), ("c", 2)]
    assert (events_asked(playbook), events_asked(load(SIMPLE))) == ("ticket.opened", "")


def test_where_each_stood_is_told_at_the_first_snapshot_at_or_after_the_instant() -> None:
    """Beside a real enrollment one wants to know why the replay has none."""
    scores: dict[str, list[float | None]] = {"in": [50.0] * 9, "well": [90.0] * 9, "blind": [None] * 9, "late": [90.0, 90.0, *[50.0] * 7]}
    probes = {name: [(f"{name}/{hours}", START + timedelta(hours=hours)) for hours in (24, 25, 72)] for name in (*scores, "nobody")}
    replay = played(load(SIMPLE), [block(days(scores))], probes=probes)

    told = {key: (each.stands, (each.at - START).days, each.since and (each.since - START).days, each.when) for key, each in replay.probed.items()}
    assert {key: value for key, value in told.items() if "/24" in key or "/72" in key} == {
        "in/24": ("pending", 1, 0, True), "in/72": ("active", 3, 2, True), "well/24": ("idle", 1, None, False),
        "well/72": ("idle", 3, None, False), "blind/24": ("idle", 1, None, None), "blind/72": ("idle", 3, None, None),
        "late/24": ("idle", 1, None, False), "late/72": ("pending", 3, 2, True),
        "nobody/24": ("absent", 1, None, None), "nobody/72": ("absent", 3, None, None)}
    assert {value[1] for key, value in told.items() if "/25" in key} == {2}


def test_business_time_is_that_of_the_owner_of_each_account() -> None:
    """Sixteen business hours from six in the morning UTC are over two days later in Berlin, and not yet in New York."""
    playbook = load(SIMPLE.replace("for: 2d", "for: 16bh"))
    snapshots = [(at, frame.with_columns(pl.Series("account.csm_timezone", ["Europe/Berlin", "America/Los_Angeles", None])))
                 for at, frame in days({name: [50.0] * 9 for name in ("berlin", "coast", "nowhere")}, datetime(2026, 1, 5, 16, 30, tzinfo=UTC))]
    asked: list[tuple[object, ...]] = []

    def calendar_of(name: str, *zones: str | None) -> Calendar:
        asked.append((name, *zones))
        return Calendar(ZoneInfo(zones[0] or "UTC"))

    replay = played(playbook, [block(snapshots)], calendar_of=calendar_of)

    assert {each.account_id: (each.entered_at - snapshots[0][0]).days for each in replay.entries} == {
        "berlin": 2, "coast": 2, "nowhere": 2}
    assert ("owner", "America/Los_Angeles", None) in asked
    assert played(load(SIMPLE), [block(snapshots)], calendar_of=calendar_of).columns.isdisjoint({"account.csm_timezone"})
