"""What happens in an account's life besides use: people, terms, deals, tickets, answers, milestones, meetings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from steward.demo.company.names import Identity, email, person
from steward.demo.company.stories import Story

HISTORY_DAYS = 730
MILESTONES = ("kickoff", "integration", "training", "first_value", "go_live")
_SOUR = (Story.QUIET_DECLINE, Story.CHAMPION_LEFT, Story.CHURNED)
_TROUBLES = ("Export fails", "Login loop with SSO", "Report shows wrong totals", "Cannot invite users",
             "API answers 500",
             "Dashboard is slow", "Invoice question", "Feature request: dark mode", "Data is missing since Monday")
_COMMENTS = {
    "good": ("Works well for us.", "Great support!", "👍", "Wir sind zufrieden.", ""),
    "bad": ("Nobody uses it any more.", "Too slow & too expensive", "Our champion left; we look at alternatives.", ""),
}


@dataclass(frozen=True, slots=True)
class Contact:
    first: str
    last: str
    email: str
    title: str
    role: str                                   # champion | sponsor | admin | user | billing
    left_on: date | None
    seen_on: date | None
    created_on: date


@dataclass(frozen=True, slots=True)
class Term:
    starts_on: date
    ends_on: date
    seats: int
    arr: int
    plan: str
    status: str                                 # active | pending | expired | cancelled
    overdue_days: int
    auto_renew: bool
    product: str = "Platform"


@dataclass(frozen=True, slots=True)
class Deal:
    name: str
    kind: str                                   # new | renewal | expansion
    stage: str                                  # open | won | lost
    amount: int
    close_on: date
    created_on: date
    handoff_complete: bool | None


@dataclass(frozen=True, slots=True)
class Ticket:
    subject: str
    priority: str                               # low | normal | high | urgent
    opened_at: datetime
    answered_at: datetime | None
    closed_at: datetime | None
    csat: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    score: int
    comment: str
    answered_at: datetime
    by: int                                     # which contact


@dataclass(frozen=True, slots=True)
class Milestone:
    name: str
    position: int
    due_on: date
    started_on: date | None
    reached_on: date | None


@dataclass(frozen=True, slots=True)
class Meeting:
    kind: str                                   # call | meeting | qbr
    held_at: datetime
    took_place: bool


def contacts(chance: random.Random, story: Story, who: Identity, since: date, until: date) -> tuple[Contact, ...]:
    """A champion, a sponsor, an admin, and who else; the champion may have left."""
    wanted = [("champion", "Head of Operations"), ("sponsor", "Chief Financial Officer"), ("admin", "IT Manager")]
    wanted += [("user", "Analyst")] * chance.randint(0, 2) + [("billing", "Accounts Payable")] * (chance.random() < 0.4)
    sour_since = chance.randint(12, 40)
    found = []
    for number, (role, title) in enumerate(wanted):
        first, last = person(chance)
        left = None
        if role == "champion" and story is Story.CHAMPION_LEFT:
            left = until - timedelta(days=sour_since)
        elif role != "champion" and chance.random() < 0.06:
            left = _between(chance, since, until)
        seen = (left or until) - timedelta(days=1 + int(chance.expovariate(1 / 6)))
        found.append(Contact(first, last, email(first, last, who.domain, number), title, role, left, seen,
                             since - timedelta(days=chance.randint(0, 30))))
    return tuple(found)


def terms(
    chance: random.Random, story: Story, started: date | None, ends: date | None, *, seats: int, arr: float, plan: str,
) -> tuple[Term, ...]:
    """One term a year up to the current one; a renewal that was won is there already, still to begin."""
    if not (started and ends):
        return ()
    years = max(round((ends - started).days / 365), 1)
    sour = story in (Story.QUIET_DECLINE, Story.CHAMPION_LEFT)
    found = []
    for year in range(max(years - 2, 0), years):            # what is older is archived
        last = year == years - 1
        share = 1 - 0.08 * (years - 1 - year)               # the past was a little smaller
        status = "expired" if not last else "cancelled" if story is Story.CHURNED and chance.random() < 0.4 else (
            "expired" if story is Story.CHURNED else "active")
        begins = started + timedelta(days=365 * year)
        found.append(Term(
            begins, begins + timedelta(days=364), int(seats * share) or 1, int(arr * share), plan, status,
            chance.randint(8, 50) if last and sour and chance.random() < 0.5 else 0,
            chance.random() < (0.15 if sour else 0.55),
        ))
    if story is Story.RENEWAL_WON:
        begins = ends + timedelta(days=1)
        found.append(Term(begins, ends + timedelta(days=365), seats, int(arr * 1.05), plan, "pending", 0, True))
    return tuple(found)


def deals(
    chance: random.Random, story: Story, started: date | None, ends: date | None, *, name: str, arr: float, as_of: date,
) -> tuple[Deal, ...]:
    """The first sale, renewals that were won or stand open, expansions."""
    if not (started and ends):
        opened = as_of - timedelta(days=chance.randint(5, 90))
        return (Deal(f"{name} – new business", "new", "open", int(arr), as_of + timedelta(days=30), opened, None),)
    won_on = min(started - timedelta(days=chance.randint(3, 20)), as_of - timedelta(days=1))
    recent = (as_of - won_on).days < 90
    complete: bool | None = True if chance.random() < 0.9 or recent else None
    if story is Story.HANDOFF_DUE:
        won_on, complete = as_of - timedelta(days=chance.randint(2, 9)), False
    opened = won_on - timedelta(days=60)
    found = [Deal(f"{name} – new business", "new", "won", int(arr * 0.85), won_on, opened, complete)]
    if story is Story.RENEWAL_WON:
        closed = as_of - timedelta(days=chance.randint(2, 9))
        opened = closed - timedelta(days=50)
        found.append(Deal(f"{name} – renewal", "renewal", "won", int(arr), closed, opened, False))
    elif story is Story.CHURNED:
        found.append(Deal(f"{name} – renewal", "renewal", "lost", int(arr), ends, ends - timedelta(days=80), None))
    elif 0 <= (ends - as_of).days < 100:
        found.append(Deal(f"{name} – renewal", "renewal", "open", int(arr), ends, ends - timedelta(days=120), None))
    expanding = {Story.PRESSURE_WITH_DEAL: 1.0, Story.STEADY: 0.04}.get(story, 0.0)
    if chance.random() < expanding:
        opened = as_of - timedelta(days=chance.randint(3, 30))
        closes = as_of + timedelta(days=30)
        found.append(Deal(f"{name} – more seats", "expansion", "open", int(arr * 0.25), closes, opened, None))
    elif chance.random() < 0.12 and (as_of - started).days > 400:
        closed = as_of - timedelta(days=chance.randint(60, 300))
        opened = closed - timedelta(days=45)
        found.append(Deal(f"{name} – more seats", "expansion", "won", int(arr * 0.1), closed, opened, None))
    return tuple(found)


def tickets(
    chance: random.Random, story: Story, started: date | None, ends: date | None, as_of: date,
) -> tuple[Ticket, ...]:
    """Now and then one, answered and closed; where things go sour the last are urgent, old, or answered badly."""
    window = _window(started, ends, as_of)
    if not window:
        return ()
    first, last = window
    sour = story in _SOUR
    found = [_ticket(chance, _between(chance, first, last - timedelta(days=12)), closed=True, sour=False)
             for _ in range(int(chance.expovariate(1 / 2.2))) if (last - first).days > 20]
    if story in (Story.QUIET_DECLINE, Story.CHAMPION_LEFT):
        found += [_ticket(chance, as_of - timedelta(days=chance.randint(3, 26)), closed=False, sour=True)
                  for _ in range(chance.randint(1, 2))]
    elif sour:
        found += [_ticket(chance, last - timedelta(days=chance.randint(15, 60)), closed=True, sour=True)]
    elif chance.random() < 0.08:
        found.append(_ticket(chance, as_of - timedelta(days=chance.randint(2, 6)), closed=False, sour=False))
    return tuple(found)


def _ticket(chance: random.Random, day: date, *, closed: bool, sour: bool) -> Ticket:
    opened = datetime.combine(day, time(chance.randint(0, 23), chance.randint(0, 59)), UTC)
    answered = opened + timedelta(minutes=5 + min(int(chance.expovariate(1 / (400 if sour else 120))), 1300))
    rated = chance.random() < 0.6
    low, high = (1, 3) if sour else (3, 5)
    return Ticket(
        subject=chance.choice(_TROUBLES),
        priority="urgent" if sour else chance.choices(("low", "normal", "high", "urgent"), (30, 50, 17, 3))[0],
        opened_at=opened, answered_at=answered if closed or not sour or rated else None,
        closed_at=opened + timedelta(hours=6 + chance.expovariate(1 / 60) % 200) if closed else None,
        csat=chance.randint(low, high) if rated else None,
    )


def answers(
    chance: random.Random, story: Story, started: date | None, ends: date | None, as_of: date,
) -> tuple[Answer, ...]:
    """Answers to "would you recommend us", twice a year; the last one tells of the story."""
    window = _window(started, ends, as_of)
    if not window or (window[1] - window[0]).days < 45:
        return ()
    first, last = window
    found = []
    for back in range(int(chance.randint(10, 60)), min((last - first).days - 5, 500), 180):
        sour = story in _SOUR and back < 120
        if chance.random() < 0.7 or sour:
            score = chance.randint(1, 5) if sour else chance.choices(range(4, 11), (3, 5, 9, 14, 24, 26, 19))[0]
            day = last - timedelta(days=back)
            found.append(Answer(score, chance.choice(_COMMENTS["bad" if sour else "good"]),
                                datetime.combine(day, time(chance.randint(7, 18), chance.randint(0, 59)), UTC),
                                chance.randint(0, 2)))
    return tuple(found)


def milestones(chance: random.Random, story: Story, started: date | None, as_of: date) -> tuple[Milestone, ...]:
    """The onboarding's dated steps: reached by those who are through, at different points by the young."""
    if not started or (as_of - started).days > HISTORY_DAYS:
        return ()
    due = [started + timedelta(days=days) for days in (5, 18, 30, 45, 60)]
    yesterday = as_of - timedelta(days=1)
    reached: list[date | None] = [min(day + timedelta(days=chance.randint(-3, 6)), yesterday) for day in due]
    if story is Story.ONBOARDING_STALLED:
        through = chance.randint(1, 2)
        quiet_since = as_of - timedelta(days=chance.randint(22, 32))
        reached = [*(min(day, quiet_since) for day in due[:through - 1]), quiet_since, *(None,) * (5 - through)]
    elif story is Story.ONBOARDING_SLOW:
        through = 2
        reached = [due[0] + timedelta(days=9), as_of - timedelta(days=chance.randint(2, 7)), None, None, None]
    elif story in (Story.ONBOARDING_ON_TRACK, Story.HANDOFF_DUE):
        reached = [day if due_on < as_of else None
                   for day, due_on in zip(reached, due, strict=True)]
    return tuple(in_steps(due, reached, started, as_of))


def in_steps(due: list[date], reached: list[date | None], started: date, as_of: date) -> Iterator[Milestone]:
    """The milestones with these due days and days on which they were reached; each is begun when the one before is."""
    before: date | None = started
    for position, (name, due_on, reached_on) in enumerate(zip(MILESTONES, due, reached, strict=True), start=1):
        begun = before if before and before < as_of else None
        yield Milestone(name, position, due_on, begun, reached_on)
        before = reached_on


def meetings(
    chance: random.Random, story: Story, started: date | None, ends: date | None, as_of: date,
) -> tuple[Meeting, ...]:
    """Calls and reviews every month or two; none lately where things go sour."""
    window = _window(started, ends, as_of)
    if not window:
        return ()
    first, last = window
    neglected = story is Story.STEADY and chance.random() < 0.15
    silence = chance.randint(55, 90) if story in _SOUR or neglected else chance.randint(2, 35)
    found, day = [], last - timedelta(days=silence)
    while day > max(first, last - timedelta(days=270)):
        held = datetime.combine(day, time(chance.randint(7, 17), chance.choice((0, 30))), UTC)
        found.append(Meeting(chance.choices(("call", "meeting", "qbr"), (5, 4, 1))[0], held, chance.random() > 0.07))
        day -= timedelta(days=chance.randint(30, 75))
    return tuple(found)


def _window(started: date | None, ends: date | None, as_of: date) -> tuple[date, date] | None:
    """From when to when we hear of the account within the two years; None where we do not yet."""
    if not (started and ends) or started >= as_of:
        return None
    first, last = max(started, as_of - timedelta(days=HISTORY_DAYS)), min(ends, as_of - timedelta(days=1))
    return (first, last) if first < last else None


def _between(chance: random.Random, first: date, last: date) -> date:
    return first + timedelta(days=chance.randint(0, max((last - first).days, 0)))
