"""How a live playbook has done, from its stored enrollments, actions and snapshots; see `steward.engine.score`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from steward.engine.backtest import USUAL_WINDOW, monday
from steward.engine.outcomes import Churns
from steward.engine.score import (
    Judged,
    Kind,
    Score,
    advise,
    hours_to_acknowledge,
    kind_of,
    lead_days,
    loads,
    precision,
)
from steward.model.enrollments import Arm, State
from steward.pipeline.calendars import calendars
from steward.store import measured
from steward.views.history import History, history
from steward.views.outcomes import Became, became

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.model.enrollments import Enrollment
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database

WORK = ("open_cta",)
_A_YEAR = timedelta(days=365)
_FEW_CHURNS = 5                             # fewer make no usual share


def score(
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, now: datetime, *,
    window: timedelta = USUAL_WINDOW,
) -> Score:
    """`playbook` since its first enrollment. `window`: how long after an entry a churn makes a warning right.

    Raises:
        ConfigError: no snapshot is stored.
    """
    with db.read() as tx:
        stored = history(tx, playbook.subject)
        entered = measured.entered(tx, playbook.id)
        acted = measured.acted(tx, playbook.id)
    since = entered[0].entered_at if entered else None
    kind = kind_of(playbook)
    work = [each for each in acted if each.kind in WORK and each.person]
    asking = {each.enrollment_id for each in acted if each.kind in WORK}
    calendar_of = calendars(settings, now + _A_YEAR, since or now)
    told, churns, seen = became(playbook, catalog, entered, stored, calendar_of, window)
    length = playbook.timeout.after(now, calendar_of(playbook.calendar, None, None)) - now
    judged = [_judge(each, told[each.id], kind, asking, now - length) for each in entered]
    treated = [each for each in judged if each.acted_on and each.asked]
    zone = ZoneInfo(settings.company.timezone)
    weeks = (monday(now, zone) - monday(since, zone)).days // 7 + 1 if since else 0
    found = Score(
        playbook.id, playbook.version, kind, _right_means(kind, playbook, window), since, len(entered),
        dict(Counter(each.arm.value for each in entered)), sum(each.state is not State.CLOSED for each in entered),
        precision(judged), precision([each for each in judged if not each.acted_on]),
        _usual(churns, stored, seen, window) if kind == "warning" else None, lead_days(judged), len(treated),
        sum(each.acknowledged_after is not None for each in treated), hours_to_acknowledge(treated),
        loads([(each.person, monday(each.created_at, zone)) for each in work], weeks),
        dict(Counter(each.state for each in acted)), "wait", ())
    advice, because = advise(found)
    return replace(found, advice=advice, because=because)


def _judge(each: Enrollment, seen: Became, kind: Kind, asking: set[str], cleared_by: datetime) -> Judged:
    """`cleared_by`: whoever entered later may still be cleared."""
    assert each.entered_at is not None
    right, at = _right(each, seen, kind, each.entered_at <= cleared_by)
    took = each.acknowledged_at - each.entered_at if each.acknowledged_at else None
    return Judged(each.arm is Arm.TREATMENT, right, at - each.entered_at if at else None, each.id in asking, took)


def _right(each: Enrollment, seen: Became, kind: Kind, over: bool) -> tuple[bool | None, datetime | None]:
    """Whether, once its time is over, and when it became so."""
    if kind == "warning":
        return (seen.churned_at is not None if seen.churn_over else None), seen.churned_at
    if kind == "goal":
        return (seen.goal_at is not None if seen.goal_over else None), seen.goal_at
    cleared = each.reason in ("cleared", "goal_met")
    if not over or (not cleared and each.reason != "expired"):
        return None, None
    return cleared, each.closed_at if cleared else None


def _right_means(kind: Kind, playbook: Playbook, window: timedelta) -> str:
    if kind == "warning":
        return f"the account churned within {window.days} days"
    if kind == "goal" and playbook.goal is not None:
        return f"the goal was reached within {playbook.goal.within}"
    return "it was cleared before its time was over"


def _usual(churns: Churns, stored: History, seen: timedelta, window: timedelta) -> float | None:
    """How often any account churns in such a window: all churns over all accounts, brought to its length."""
    count, accounts = sum(map(len, churns.by_account.values())), stored.segments[-1].rows
    if count < _FEW_CHURNS or not accounts or seen < window / 2:
        return None
    return min(count / accounts * (window / seen), 1.0)
