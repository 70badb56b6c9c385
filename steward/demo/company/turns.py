"""What turns up in a few lives besides: a storm of tickets, a sponsor who left, an unpaid invoice, a second product.

Each draws from a stream of chance of its own, so that everything else about an account stays as it is.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from steward.demo.company.happenings import Answer, Milestone, Ticket, in_steps
from steward.demo.company.stories import Story

if TYPE_CHECKING:
    from steward.demo.company.life import Life

_STORM = ("Sync stopped", "Nobody can log in", "Numbers differ since the release", "API answers 429")
_PRIORITIES = ("low", "normal", "high")                      # none urgent: the number is the news
_SECOND_PRODUCT = 0.12                                       # of steady accounts
_GO_LIVE_DAYS = (5, 18, 30, 45, 60)


def turned(life: Life, chance: random.Random, as_of: date) -> Life:
    """The life with what its story adds; `chance` is its own."""
    if life.story is Story.TICKET_STORM:
        return replace(life, tickets=(*life.tickets, *_storm(chance, as_of)))
    if life.story is Story.SPONSOR_LEFT:
        left = as_of - timedelta(days=chance.randint(4, 25))
        return replace(life, contacts=tuple(
            replace(each, left_on=left, seen_on=left - timedelta(days=2)) if each.role == "sponsor" else each
            for each in life.contacts))
    if life.story is Story.PAYMENT_OVERDUE:
        *before, last = life.terms
        return replace(life, terms=(*before, replace(last, overdue_days=chance.randint(21, 60))))
    if life.story is Story.DETRACTOR:
        asked = datetime.combine(as_of - timedelta(days=chance.randint(2, 12)), time(10, 15), UTC)
        older = tuple(each for each in life.answers if (asked - each.answered_at).days > 100)
        return replace(life, answers=(
            Answer(chance.randint(2, 5), "We expected more of the last release.", asked, 0), *older))
    if life.story is Story.KICKOFF_MISSED:
        return replace(life, milestones=tuple(replace(each, reached_on=None) for each in life.milestones))
    if life.story is Story.GONE_LIVE and life.started_on:
        return replace(life, milestones=_all_reached(chance, life.started_on, as_of))
    if life.story is Story.STEADY and life.terms and chance.random() < _SECOND_PRODUCT:
        last = life.terms[-1]
        extra = replace(last, product="Insights", seats=0, arr=int(last.arr * 0.2), overdue_days=0)
        return replace(life, terms=(*life.terms, extra))
    return life


def _storm(chance: random.Random, as_of: date) -> list[Ticket]:
    """Seven to eleven tickets within the last six days, most of them closed."""
    found = []
    for number in range(chance.randint(7, 11)):
        day = as_of - timedelta(days=chance.randint(1, 6))
        opened = datetime.combine(day, time(chance.randint(6, 18), chance.randint(0, 59)), UTC)
        closed = opened + timedelta(hours=chance.randint(1, 5)) if number > 1 else None
        found.append(Ticket(
            chance.choice(_STORM), chance.choice(_PRIORITIES), opened, opened + timedelta(minutes=20), closed,
            chance.randint(3, 4) if closed else None))
    return found


def _all_reached(chance: random.Random, started: date, as_of: date) -> tuple[Milestone, ...]:
    due = [started + timedelta(days=days) for days in _GO_LIVE_DAYS]
    yesterday = as_of - timedelta(days=1)
    reached: list[date | None] = [min(day + timedelta(days=chance.randint(-2, 2)), yesterday) for day in due[:4]]
    reached.append(as_of - timedelta(days=chance.randint(1, 5)))
    return tuple(in_steps(due, reached, started, as_of))
