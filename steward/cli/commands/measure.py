"""`steward playbook backtest | score | lift`: what a playbook would have done, has done, and whether it helps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from steward.cli import show
from steward.cli.options import DEFAULT, Options

if TYPE_CHECKING:
    from steward.engine.backtest import Backtest
    from steward.engine.language import Playbook
    from steward.engine.lift import Lift, Power
    from steward.engine.score import Precision, Score
    from steward.wiring import Hub

_Days = Annotated[int, Parameter(help="Days after an entry within which a churn counts.", validator=Number(gte=1))]
_MOST = 8                                   # lines of a list, before the rest is only counted
_FEW_DAYS = 28                               # fewer are no backtest


def backtest(
    *playbooks: str,
    file: Annotated[Path | None, Parameter(help="Play this file instead of a draft in the folder.")] = None,
    from_: Annotated[datetime | None, Parameter(name="--from", help="The first day; else the first snapshot.")] = None,
    to: Annotated[datetime | None, Parameter(help="The last day; else the last snapshot.")] = None,
    within: _Days = 180,
    options: Options = DEFAULT,
) -> int:
    """What PLAYBOOKS would have done over the stored snapshots, and whether they would have been right."""
    from steward import views
    from steward.views.backtest import backtest as view
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        chosen = hub.draft(playbooks, file)
        found = [view(hub.db, each, hub.catalog, hub.settings, first=_start(from_), last=_end(to),
                      window=timedelta(days=within)) for each in chosen]
        short = views.short_versions(hub.db)
    if options.json:
        show.as_json({"backtests": found})
        return 0
    for each in found:
        _backtest(each, short(each.playbook_id, each.version))
    name = found[0].playbook_id if len(found) == 1 else "ID"
    show.line(f"Nothing was performed. Next: {options.command(f'playbook apply {name}')}")
    return 0


def score(*playbooks: str, within: _Days = 180, options: Options = DEFAULT) -> int:
    """How PLAYBOOKS that are live have done: right, in time, acted on, bearable; keep, tune or retire."""
    from steward import views
    from steward.views.score import score as view
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        found = [view(hub.db, each, hub.catalog, hub.settings, hub.clock(), window=timedelta(days=within))
                 for each in _live(hub, playbooks)]
        short = views.short_versions(hub.db)
    if options.json:
        show.as_json({"scores": found})
        return 0
    for each in found:
        _score(each, short(each.playbook_id, each.version))
    name = found[0].playbook_id if len(found) == 1 else "ID"
    show.line(f"Next: {options.command(f'playbook lift {name}')}")
    return 0


def lift(*playbooks: str, within: _Days = 180, options: Options = DEFAULT) -> int:
    """Whether PLAYBOOKS help: treatment beside control; before the start, what their volume can show."""
    from steward import views
    from steward.views.lift import lift as view
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        found = [view(hub.db, each, hub.catalog, hub.settings, hub.clock(), window=timedelta(days=within))
                 for each in _live_or_draft(hub, playbooks)]
        short = views.short_versions(hub.db)
    if options.json:
        show.as_json({"lifts": found})
        return 0
    for each in found:
        _lift(each, short(each.playbook_id, each.version))
    name = found[0].playbook_id if len(found) == 1 else "ID"
    following = "score" if all(each.started for each in found) else "plan"
    show.line(f"Next: {options.command(f'playbook {following} {name}')}")
    return 0


def _live(hub: Hub, names: Sequence[str]) -> tuple[Playbook, ...]:
    return tuple(hub.live(name) for name in names) or hub.playbooks


def _live_or_draft(hub: Hub, names: Sequence[str]) -> tuple[Playbook, ...]:
    """What can be shown is asked before the start, so a draft will do where nothing is live."""
    live = {each.id: each for each in hub.playbooks}
    if not names:
        return tuple(live.values()) or hub.draft()
    missing = [name for name in names if name not in live]
    known = {**live, **{each.id: each for each in (hub.draft(missing) if missing else ())}}
    return tuple(known[name] for name in names)


def _start(day: datetime | None) -> datetime | None:
    """A day without a zone is one in UTC."""
    return day if day is None or day.tzinfo else day.replace(tzinfo=UTC)


def _end(day: datetime | None) -> datetime | None:
    """A day alone includes its evening."""
    whole = _start(day)
    if whole is None or (whole.hour, whole.minute, whole.second) != (0, 0, 0):
        return whole
    return whole + timedelta(days=1) - timedelta(microseconds=1)


# ---- how it is told ----

def _backtest(found: Backtest, version: str) -> None:
    show.line(f"{found.playbook_id}@{version} over {found.snapshots:,} snapshots of {found.accounts:,}, "
              f"{found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}")
    days = (found.last.date() - found.first.date()).days + 1
    if days < _FEW_DAYS:
        show.line(f"  Only {days} day{'' if days == 1 else 's'} of facts {'is' if days == 1 else 'are'} stored yet, so "
                  "this says little of a year; every day on which `steward evaluate` runs adds one.")
    ended = ", ".join(f"{count} {reason}" for reason, count in found.closed.items())
    show.line(f"  {found.enrolled} enrolled ({found.a_week:.1f} a week): {ended + ', ' if ended else ''}"
              f"{found.still_open} still open. ARR touched {found.arr_touched:,.0f}"
              + (f", of {found.arr_unknown} it is not known." if found.arr_unknown else "."))
    warned = found.warned
    lead = f", {warned.lead_days} days before (median)" if warned.lead_days is not None else ""
    show.line(f"  churn: {warned.churned} accounts, {len(warned.caught)} caught{lead}, {len(warned.missed)} missed; "
              f"of the enrollments {warned.true_alarms} came true within {warned.window_days} days, "
              f"{warned.false_alarms} did not, {warned.undecided} are not decided yet")
    if found.goal_reached is not None:
        show.line(f"  goal: reached by {found.goal_reached} of {found.goal_decided} whose time is over")
    show.line(f"  waiting for data: {found.waiting_for_data:g} on the average")
    for at, count, limit in found.held_at_limit[:_MOST]:
        show.line(f"  held at the limit on {at:%Y-%m-%d}: {count} at once, {limit} are allowed")
    show.table(("week of", "enrolled", "closed", "CTAs"),
               [(f"{each.on:%Y-%m-%d}", each.enrolled, each.closed, each.work) for each in found.weeks])
    show.table(("owner", "enrolled", "CTAs", "a week", "most in a week"),
               [(each.owner, each.enrolled, each.work, each.mean_a_week, each.most_a_week)
                for each in found.owners[:_MOST]])
    if (same := found.reproduced) is not None:
        share = f"{same.share:.0%}: " if same.share is not None else ""
        show.line(f"  live since {same.live_from:%Y-%m-%d}: {share}{same.found} of {same.real} real enrollments "
                  f"reproduced, {same.only_replayed} only here")
        for miss in same.not_found[:_MOST]:
            show.line(f"    {miss.enrollment_id} on {miss.entered_at:%Y-%m-%d}: {show.word(miss.why)}")
    show.line("  not simulated:")
    for text in found.not_simulated:
        show.line(f"    {text}")


def _score(found: Score, version: str) -> None:
    arms = ", ".join(f"{count} {arm}" for arm, count in sorted(found.arms.items())) or "nobody"
    show.line(f"{found.playbook_id}@{version}: {found.advice}")
    for text in found.because:
        show.line(f"  {show.word(text)}")
    show.line(f"  enrolled: {arms}; {found.open} open")
    show.line(f"  right means: {found.right_means}. {_precision(found.precision)}"
              + (f"; not acted on: {_precision(found.not_acted_on)}" if found.not_acted_on.decided else ""))
    if found.lead_days is not None:
        show.line(f"  lead time: {found.lead_days:g} days (median)")
    if found.asked:
        hours = found.hours_to_acknowledge
        took = f", after {hours:g} hours (median)" if hours is not None else ""
        show.line(f"  taken on: {found.acknowledged} of {found.asked}{took}")
    if found.actions:
        show.line("  actions: " + ", ".join(f"{count} {state}" for state, count in sorted(found.actions.items())))
    show.table(("person", "CTAs", "a week", "most in a week"),
               [(each.person, each.work, each.mean_a_week, each.most_a_week) for each in found.loads[:_MOST]])


def _precision(found: Precision) -> str:
    if not found.decided:
        return "none is decided yet"
    return f"{found.right} of {found.decided} ({found.low:.0%} to {found.high:.0%})"


def _lift(found: Lift, version: str) -> None:
    show.line(f"{found.playbook_id}@{version}: {found.outcome}, {found.holdout:.0%} held out")
    for text in found.says:
        show.line(f"  {text}")
    if not found.started:
        for each in found.powers:
            _power(each)
        return
    told = found.measured
    show.table(("arm", "families", "outcome known", "reached", "nothing known"), [
        (name, arm.assigned, arm.decided, arm.reached, arm.unknown)
        for name, arm in (("treatment", told.treatment), ("control", told.control))])
    for rail in told.guardrails:
        show.line(f"  {rail.name}: treatment {rail.treatment.yes:g} of {rail.treatment.n:g}, control "
                  f"{rail.control.yes:g} of {rail.control.n:g}{' — HARM' if rail.harm else ''}")
    if found.repeats:
        show.line(f"  {found.repeats} more enrollments are of families that were counted before")


def _power(told: Power) -> None:
    show.table((f"with {told.share:.0%} held out, weeks", "treatment", "control", "smallest effect"), [
        (each.weeks, each.treatment, each.control,
         "none" if each.effect is None else f"{each.effect * 100:.0f} points") for each in told.reaches])
