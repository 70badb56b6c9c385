"""What became of real enrollments: whether each reached its goal, whether its account churned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from steward.engine.blocks import Block
from steward.engine.expression import Leaf
from steward.engine.outcomes import CHURN_FACTS, DO_NOT_CONTACT, Churns, Reached, Window
from steward.engine.replay import CalendarOf
from steward.views.history import History

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.model.enrollments import Enrollment
    from steward.model.facts import FactSpec

_REFUSED = Leaf(DO_NOT_CONTACT, "==", (True,), "true")


@dataclass(frozen=True, slots=True)
class Became:
    """Of one enrollment. Windows that are not over have no end yet."""

    goal_at: datetime | None
    goal_over: bool                         # whether the goal's window is over
    goal_known: bool
    churned_at: datetime | None             # within `window` of the entry
    churn_over: bool
    refused: bool                           # asked, after the entry and within the goal's window, not to be contacted


def became(  # noqa: PLR0917  # plain parts
    playbook: Playbook, catalog: Mapping[str, FactSpec], entered: Sequence[Enrollment], stored: History,
    calendar_of: CalendarOf, window: timedelta,
) -> tuple[dict[str, Became], Churns, timedelta]:
    """By enrollment; all churns besides, and how long was looked at. `window`: how long after an entry churn counts."""
    churns = Churns()
    refused = Reached(_REFUSED, catalog)
    goal = Reached(playbook.goal.when, catalog) if playbook.goal else None
    calendar = calendar_of(playbook.calendar, None, None)
    windows: dict[str, Window] = {}
    for each in entered:
        assert each.entered_at is not None
        until = playbook.goal.within.after(each.entered_at, calendar) if playbook.goal else each.entered_at + window
        windows[each.id] = Window(each.id, each.subject_id, each.entered_at, until)
    refused.watch(windows.values())
    if goal is not None:
        goal.watch(windows.values())
    columns = {*CHURN_FACTS, *refused.columns, *(goal.columns if goal else ())}
    begins = min((each.after for each in windows.values()), default=stored.instants[-1])
    seen = stored.between(begins - window, stored.instants[-1])
    for block in seen.blocks(columns):
        _look(block, churns, refused, goal)
    known_until = stored.instants[-1]
    out = {each.id: _one(each, windows[each.id], churns, refused, goal, known_until, window) for each in entered}
    return out, churns, known_until - seen.instants[0] if seen.segments else timedelta(0)


def _look(block: Block, churns: Churns, refused: Reached, goal: Reached | None) -> None:
    churns.look(block)
    refused.look(block)
    if goal is not None:
        goal.look(block)


def _one(  # noqa: PLR0917  # plain parts
    each: Enrollment, asked: Window, churns: Churns, refused: Reached, goal: Reached | None, known_until: datetime,
    window: timedelta,
) -> Became:
    met = goal.first.get(each.id) if goal else None
    if met is None and each.reason == "goal_met":
        met = each.closed_at                # seen between two snapshots
    return Became(
        met, asked.until <= known_until, met is not None or goal is None or each.id in goal.known,
        churns.within(each.account_id, asked.after, asked.after + window), asked.after + window <= known_until,
        each.id in refused.first)
