"""One account's life as no system holds it, drawn from its number; `salesforce`, `hubspot` and `curves` tell of it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from steward.demo.company.happenings import (
    Answer,
    Contact,
    Deal,
    Meeting,
    Milestone,
    Term,
    Ticket,
    answers,
    contacts,
    deals,
    meetings,
    milestones,
    terms,
    tickets,
)
from steward.demo.company.names import CURRENCIES, Identity, identity
from steward.demo.company.stories import TURNS, Story, story_of
from steward.demo.company.turns import turned

ACCOUNTS_PER_CSM = 40
YOUNG = (Story.ONBOARDING_STALLED, Story.ONBOARDING_ON_TRACK, Story.ONBOARDING_SLOW, Story.HANDOFF_DUE,
         Story.KICKOFF_MISSED, Story.GONE_LIVE)
_FAMILY = 9
_HAS_A_PARENT = 0.1                             # of accounts that are steady, or nearly
_SEGMENTS = (("enterprise", 15, (120, 600)), ("mid_market", 35, (40, 150)), ("smb", 50, (8, 45)))
_SEAT_PRICE = {"enterprise": 540, "mid_market": 480, "smb": 360}
_PLANS = {"enterprise": "Enterprise", "mid_market": "Business", "smb": "Team"}
_INDUSTRIES = ("Software", "Manufacturing", "Healthcare", "Retail", "Banking", "Logistics", "Media", "Education",
               "Energy")


@dataclass(frozen=True, slots=True)
class Life:
    """Everything about one account. Days are relative to nothing: real dates, none after the company's today."""

    number: int
    story: Story
    who: Identity
    segment: str
    industry: str
    employees: int
    currency: str
    arr: int
    arr_known: bool                             # False: nobody filled it in on the account record
    seats: int
    plan: str
    created_on: date
    started_on: date | None                     # first day of the first term; None for a prospect
    ends_on: date | None                        # last day of the current, or the last, term
    lifecycle: str
    csm: int
    salesperson: int
    do_not_contact: bool
    in_salesforce: bool
    in_hubspot: bool
    link: str                                   # how HubSpot's record can be told to be the same: id | domain | none
    domain_known: bool
    changed_at: datetime
    contacts: tuple[Contact, ...]
    terms: tuple[Term, ...]
    deals: tuple[Deal, ...]
    tickets: tuple[Ticket, ...]
    answers: tuple[Answer, ...]
    milestones: tuple[Milestone, ...]
    meetings: tuple[Meeting, ...]
    parent: int | None = None                   # the account that this one belongs to

    @property
    def workspace_id(self) -> str:
        """What the product calls the account."""
        return workspace_id(self.number)


def workspace_id(number: int) -> str:
    """The product's name for account `number`."""
    return f"ws-{number:06d}"


def chance_of(seed: int, number: int, about: str) -> random.Random:
    """A stream of chance of one account's own, so that it is the same however many accounts there are."""
    return random.Random(f"{seed}/{number}/{about}")  # noqa: S311  reproducible on purpose


def term_of(seed: int, number: int, as_of: date) -> tuple[date | None, date | None]:
    """First day of the first term and last day of the current (or last) one; the usage curves need only this."""
    chance, story = chance_of(seed, number, "term"), story_of(seed, number)
    if story is Story.PROSPECT:
        return None, None
    if story in YOUNG:
        low, high = {
            Story.ONBOARDING_STALLED: (42, 75), Story.ONBOARDING_ON_TRACK: (12, 60), Story.ONBOARDING_SLOW: (50, 85),
            Story.HANDOFF_DUE: (-6, 3), Story.KICKOFF_MISSED: (8, 13), Story.GONE_LIVE: (62, 66),
        }[story]
        started = as_of - timedelta(days=chance.randint(low, high))
        return started, started + timedelta(days=364)
    if story is Story.CHURNED:
        ended = as_of - timedelta(days=chance.randint(15, 420))
        return ended - timedelta(days=365 * chance.randint(1, 3) - 1), ended
    left = {
        Story.QUIET_DECLINE: lambda: chance.randint(18, 105), Story.CHAMPION_LEFT: lambda: chance.randint(30, 110),
        Story.RENEWAL_WON: lambda: chance.randint(5, 40),
    }.get(story, lambda: chance.randint(1, 364))()
    ends = as_of + timedelta(days=left)
    years = chance.randint(1, 4) if left < 265 else chance.randint(2, 5)     # at least 100 days in
    return ends - timedelta(days=365 * years - 1), ends


def size_of(seed: int, number: int) -> tuple[str, int]:
    """Segment and seats of account `number`."""
    chance = chance_of(seed, number, "size")
    segment, _, (low, high) = chance.choices(_SEGMENTS, [share for _, share, _ in _SEGMENTS])[0]
    return segment, chance.randint(low, high)


def live(seed: int, number: int, as_of: date) -> Life:
    """The life of account `number`."""
    chance, story = chance_of(seed, number, "life"), story_of(seed, number)
    who = identity(seed, number, chance)
    started, ends = term_of(seed, number, as_of)
    segment, seats = size_of(seed, number)
    arr = round(seats * _SEAT_PRICE[segment] * chance.uniform(0.75, 1.15), -2)
    created = (started or as_of - timedelta(days=chance.randint(5, 200))) - timedelta(days=chance.randint(20, 120))
    in_salesforce, in_hubspot = chance.choices(((True, False), (True, True), (False, True)), (40, 30, 30))[0]
    yesterday = as_of - timedelta(days=1)
    people = contacts(chance, story, who, min(started or yesterday, yesterday), min(ends or yesterday, yesterday))
    paid = terms(chance, story, started, ends, seats=seats, arr=arr, plan=_PLANS[segment])
    life = Life(
        number=number, story=story, who=who, segment=segment, industry=chance.choice(_INDUSTRIES),
        employees=int(seats * chance.uniform(2, 12)), currency=CURRENCIES.get(who.country, "USD"), arr=int(arr),
        arr_known=chance.random() > 0.05, seats=seats, plan=_PLANS[segment], created_on=created, started_on=started,
        ends_on=ends, lifecycle=_lifecycle(story), csm=number // ACCOUNTS_PER_CSM,
        salesperson=number // (ACCOUNTS_PER_CSM * 2), do_not_contact=chance.random() < 0.004,
        in_salesforce=in_salesforce, in_hubspot=in_hubspot,
        link=chance.choices(("id", "domain", "none"), (60, 32, 8))[0],
        domain_known=chance.random() > 0.06, changed_at=moment(as_of - timedelta(days=chance.randint(1, 45)), chance),
        contacts=people, terms=paid, deals=deals(chance, story, started, ends, name=who.name, arr=arr, as_of=as_of),
        tickets=tickets(chance, story, started, ends, as_of), answers=answers(chance, story, started, ends, as_of),
        milestones=milestones(chance, story, started, as_of), meetings=meetings(chance, story, started, ends, as_of),
        parent=parent_of(seed, number),
    )
    return turned(life, chance_of(seed, number, "turn"), as_of)


def parent_of(seed: int, number: int) -> int | None:
    """The account that account `number` belongs to, if to any: one that came shortly before it."""
    chance = chance_of(seed, number, "family")
    steady = story_of(seed, number) is Story.STEADY or story_of(seed, number) in TURNS
    if not steady or number < _FAMILY or chance.random() >= _HAS_A_PARENT:
        return None
    return number - chance.randint(1, _FAMILY)


def moment(day: date, chance: random.Random) -> datetime:
    """An instant of `day`, UTC."""
    return datetime.combine(day, time(chance.randint(6, 19), chance.randint(0, 59), chance.randint(0, 59)), UTC)


def _lifecycle(story: Story) -> str:
    if story is Story.PROSPECT:
        return "prospect"
    if story is Story.CHURNED:
        return "churned"
    return "onboarding" if story in YOUNG else "customer"
