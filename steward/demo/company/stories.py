"""What happens to each account: the mix of stories, and which playbook should notice.

The knobs are `MIX` and the ranges in `life.py` and `curves.py`; nothing else decides how many playbooks fire.
"""

from __future__ import annotations

import random
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType


class Story(StrEnum):
    """One account's story at the company's today."""

    STEADY = "steady"
    PROSPECT = "prospect"                       # no term, no use
    CHURNED = "churned"                         # declined, then left; some within the two years
    QUIET_DECLINE = "quiet_decline"             # fewer people come week by week, the renewal is near
    CHAMPION_LEFT = "champion_left"             # the champion left, use softens, answers turn sour
    ONBOARDING_STALLED = "onboarding_stalled"   # milestones overdue and none reached for weeks
    ONBOARDING_ON_TRACK = "onboarding_on_track"
    SEAT_PRESSURE = "seat_pressure"             # nearly every seat is used, and use grows
    HANDOFF_DUE = "handoff_due"                 # won days ago, what sales promised is not written down
    # Noise: each looks like one of the above and is not.
    HOLIDAY_DIP = "holiday_dip"                 # a week of low use in a healthy account
    ONE_OFF_SPIKE = "one_off_spike"             # a burst weeks ago makes today look like a decline
    ONBOARDING_SLOW = "onboarding_slow"         # overdue, but a milestone was reached days ago
    PRESSURE_WITH_DEAL = "pressure_with_deal"   # seats are full, and the expansion is already being sold
    RENEWAL_WON = "renewal_won"                 # won days ago like a hand-over, but it is a renewal
    # Steady but for one thing, which only its own playbook should notice.
    TICKET_STORM = "ticket_storm"               # many tickets within days, none urgent
    SPONSOR_LEFT = "sponsor_left"               # the executive sponsor left, nobody in their place
    PAYMENT_OVERDUE = "invoice_unpaid"          # uses it and does not pay
    DETRACTOR = "detractor"                     # the last answer was bad, nothing else is
    GATE_HITS = "gate_hits"                     # people meet features that the plan does not hold
    NEW_USE_CASE = "new_use_case"               # a feature is used that never was before
    GONE_LIVE = "gone_live"                     # the last milestone was reached days ago
    KICKOFF_MISSED = "kickoff_missed"           # the kickoff is overdue, nothing has begun


MIX = MappingProxyType({                        # accounts of each story in every 200
    Story.PROSPECT: 6, Story.CHURNED: 10,
    Story.QUIET_DECLINE: 4, Story.CHAMPION_LEFT: 3, Story.ONBOARDING_STALLED: 4, Story.SEAT_PRESSURE: 5,
    Story.HANDOFF_DUE: 3, Story.ONBOARDING_ON_TRACK: 5,
    Story.HOLIDAY_DIP: 6, Story.ONE_OFF_SPIKE: 4, Story.ONBOARDING_SLOW: 4, Story.PRESSURE_WITH_DEAL: 4,
    Story.RENEWAL_WON: 4,
})
BLOCK = 200                                     # the rest of each block is steady
TURNS = MappingProxyType({                      # of these steady ones in every 200, so many have a turn
    Story.TICKET_STORM: 3, Story.SPONSOR_LEFT: 3, Story.PAYMENT_OVERDUE: 3, Story.DETRACTOR: 3, Story.GATE_HITS: 4,
    Story.NEW_USE_CASE: 3, Story.GONE_LIVE: 2, Story.KICKOFF_MISSED: 2,
})

PLAYBOOK = MappingProxyType({                   # the playbook that should notice; no other story should be noticed
    Story.QUIET_DECLINE: "health_drop", Story.CHAMPION_LEFT: "health_drop",
    Story.ONBOARDING_STALLED: "onboarding_stall", Story.SEAT_PRESSURE: "expansion_seats",
    Story.HANDOFF_DUE: "sales_handoff",
})


def story_of(seed: int, number: int) -> Story:
    """The story of account `number`; does not depend on how many accounts there are."""
    return _block(seed, number // BLOCK)[number % BLOCK]


@lru_cache(maxsize=256)
def _block(seed: int, block: int) -> tuple[Story, ...]:
    """The stories of one block, spread so that its first accounts are mixed like all of them."""
    chance = random.Random(f"{seed}/stories/{block}")  # noqa: S311  reproducible on purpose
    mix = {**MIX, Story.STEADY: BLOCK - sum(MIX.values())}
    placed = [((place + chance.random()) / count, story) for story, count in mix.items() for place in range(count)]
    told = [story for _, story in sorted(placed)]
    own = random.Random(f"{seed}/turns/{block}")  # noqa: S311  reproducible on purpose
    first, more = list(TURNS), [turn for turn, count in TURNS.items() for _ in range(count - 1)]
    own.shuffle(first)
    own.shuffle(more)
    turns = [*first, *more]                     # each once among the first accounts, so that a small company has all
    steady = [number for number, story in enumerate(told) if story is Story.STEADY]
    for place, turn in enumerate(turns):        # spread likewise
        told[steady[int((place + own.random()) / len(turns) * len(steady))]] = turn
    return tuple(told)
