"""Whether a playbook helps; before the start, what its volume can show. See `steward.engine.lift`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from steward.engine.backtest import USUAL_WINDOW, Backtest, monday
from steward.engine.calendars import Calendar
from steward.engine.lift import HYPOTHETICAL_SHARES, Lift, Power, Unit, measure, power
from steward.model.enrollments import Arm
from steward.pipeline.calendars import calendars
from steward.store import arms, facts, measured
from steward.views.backtest import backtest
from steward.views.history import history
from steward.views.outcomes import Became, became

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.engine.language import Playbook
    from steward.model.enrollments import Enrollment
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.arms import Assigned
    from steward.store.database import Database

FAMILY = "account.family"
CHURNED, REFUSED = "churn", "asking not to be contacted"
_A_YEAR = timedelta(days=365)
_ENOUGH = 10                                # outcomes that make a base rate
_FEW_WEEKS = 2                              # the first week holds the backlog; without others it must do


def lift(
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, now: datetime, *,
    window: timedelta = USUAL_WINDOW,
) -> Lift:
    """Treatment beside control on the goal of `playbook`; where nobody is in both arms yet, the power statement.

    Without a goal the outcome is that the account stays: it does not churn within `window`. Writes nothing.

    Raises:
        ConfigError: no snapshot is stored.
    """
    with db.read() as tx:
        stored = history(tx, playbook.subject)
        entered = [each for each in measured.entered(tx, playbook.id) if each.arm is not Arm.SHADOW]
        assigned = {each.family_id: each for each in arms.list_(tx, playbook.id)}
        families = _families(tx)
    since = min((each.entered_at for each in entered if each.entered_at), default=now)
    told, _, _ = became(playbook, catalog, entered, stored, calendars(settings, now + _A_YEAR, since), window)
    units, repeats = _units(entered, families, assigned, told, bool(playbook.goal))
    rails = (CHURNED, REFUSED) if playbook.goal else (REFUSED,)
    found = measure(units, rails, playbook.holdout.share)
    started = {each.arm for each in units} >= {Arm.TREATMENT, Arm.CONTROL}
    powers: tuple[Power, ...] = ()
    says = found.says
    if not started:
        past = backtest(db, playbook, catalog, settings, first=now - _A_YEAR, last=now, window=window)
        powers = _powers(past, playbook, calendars(settings, now)(playbook.calendar, None, None), now, window)
        says = (*_too_little_past(past), *(each.says for each in powers[:1]), *_no_holdout(playbook, powers))
    return Lift(playbook.id, playbook.version, _outcome(playbook, window), playbook.holdout.share, started, powers,
                found, repeats, says)


def _families(tx: Transaction) -> dict[str, str]:
    """By account, the account at the top of its family, as known now."""
    snapshot = facts.latest(tx, names=(FAMILY,))
    if snapshot is None or FAMILY not in snapshot.frame.columns:
        return {}
    return {account_id: str(family) for account_id, family in snapshot.frame.select("account_id", FAMILY).iter_rows()
            if family}


def _units(
    entered: Sequence[Enrollment], families: Mapping[str, str], assigned: Mapping[str, Assigned],
    told: Mapping[str, Became], has_goal: bool,
) -> tuple[list[Unit], int]:
    """The first enrollment of each family, in the arm that is assigned to it; and how many came after a first."""
    units: dict[str, Unit] = {}
    repeats = 0
    for each in entered:
        family = families.get(each.account_id, each.account_id)
        if family in units:
            repeats += 1
            continue
        place, seen = assigned.get(family), told[each.id]
        reached = _reached(seen, has_goal)
        harms = {CHURNED: seen.churned_at is not None, REFUSED: seen.refused}
        assert each.entered_at is not None
        units[family] = Unit(
            family, place.arm if place else each.arm, place.stratum if place else "", each.entered_at, reached,
            seen.goal_known, frozenset(name for name, so in harms.items() if so))
    return list(units.values()), repeats


def _reached(seen: Became, has_goal: bool) -> bool | None:
    """None until the whole window is over, in both arms alike: who succeeds early must not count earlier."""
    if has_goal:
        return seen.goal_at is not None if seen.goal_over else None
    return seen.churned_at is None if seen.churn_over else None


def _outcome(playbook: Playbook, window: timedelta) -> str:
    if playbook.goal is None:
        return f"no churn within {window.days}d"
    return f"the goal within {playbook.goal.within}"


# ---- before the start ----

def _too_little_past(past: Backtest) -> tuple[str, ...]:
    """A store with a few days of facts knows whom a playbook finds, and not how many it finds a week."""
    zone = past.first.tzinfo
    assert zone is not None
    if (monday(past.last, zone) - monday(past.first, zone)).days // 7 + 1 > _FEW_WEEKS:
        return ()
    days = (past.last.date() - past.first.date()).days + 1
    seen = "1 day of facts is" if days == 1 else f"{days} days of facts are"
    told = (f"Only {seen} stored yet: what follows counts everybody for whom it is true already as new: too many. "
            "Ask again in three weeks.")
    return (told,)


def _powers(
    past: Backtest, playbook: Playbook, calendar: Calendar, now: datetime, window: timedelta,
) -> tuple[Power, ...]:
    """From a backtest over the last year of snapshots."""
    length = playbook.goal.within.after(now, calendar) - now if playbook.goal else window
    shares = [playbook.holdout.share] if playbook.holdout.share else list(HYPOTHETICAL_SHARES)
    return tuple(power(_a_week(past), each, _base(past, bool(playbook.goal)), length) for each in shares)


def _a_week(past: Backtest) -> float:
    """New accounts a week, each once; the first week is the backlog of all that were so already."""
    if not past.entries:
        return 0.0
    zone = past.first.tzinfo
    assert zone is not None
    first: dict[str, date] = {}
    for each in past.entries:
        first.setdefault(each.account_id, monday(each.entered_at, zone))
    begins = min(first.values())
    by_week = Counter(first.values())
    weeks = (monday(past.last, zone) - begins).days // 7 + 1
    if weeks <= _FEW_WEEKS:
        return by_week.total() / weeks
    return (by_week.total() - by_week[begins]) / (weeks - 1)


def _base(past: Backtest, has_goal: bool) -> float | None:
    """What share reaches the outcome while nobody acts; None where too few were seen to say."""
    if has_goal:
        enough = past.goal_reached is not None and past.goal_decided >= _ENOUGH
        return (past.goal_reached or 0) / past.goal_decided if enough else None
    decided = past.warned.true_alarms + past.warned.false_alarms
    return past.warned.false_alarms / decided if decided >= _ENOUGH else None


def _no_holdout(playbook: Playbook, powers: Sequence[Power]) -> tuple[str, ...]:
    if playbook.holdout.share:
        return ()
    others = tuple(each.says for each in powers[1:])
    told = f"{playbook.id} holds nobody out, so nothing will ever be shown. Add to it: holdout: 10%"
    return (*others, told)

