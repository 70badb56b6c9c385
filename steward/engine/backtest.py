"""What a playbook would have done over stored snapshots, and whether it would have been right: counts and lists out.

Right or wrong is told by churn, as `engine/outcomes.py` defines it, within a window after the entry:
  * caught: an account that churned, and an enrollment of it became active before that and at most a window before it;
    its lead time is the time from the earliest such entry to the churn;
  * missed: an account that churned with no such enrollment;
  * true alarm and false alarm: an enrollment whose window is over, and its account churned in it, or did not;
  * undecided: an enrollment whose window is not over, whatever happened so far (else those that come true early would
    make the share of true alarms look too good).
Enrollments and churns are those from the first snapshot to the last; to see how windows end, snapshots after the last
are read too, and only for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median

from steward.engine.language import Playbook, TriggerKind
from steward.engine.outcomes import Churns
from steward.engine.played import Entry
from steward.engine.reproduced import Reproduced

USUAL_WINDOW = timedelta(days=180)
NOBODY = "nobody"                           # the owner of an account that has none


@dataclass(frozen=True, slots=True)
class Week:
    """From the Monday `on`: what became active, what was closed, the CTAs and tasks that were asked of people."""

    on: date
    enrolled: int
    closed: int
    work: int


@dataclass(frozen=True, slots=True)
class OwnerLoad:
    """CTAs and tasks of one owner; the mean is over all weeks of the backtest, those without any too."""

    owner: str
    enrolled: int
    work: int
    mean_a_week: float
    most_a_week: int


@dataclass(frozen=True, slots=True)
class Caught:
    """A churn that the playbook would have told of."""

    account_id: str
    account: str
    entered_at: datetime
    churned_at: datetime
    lead_days: int
    arr: float | None


@dataclass(frozen=True, slots=True)
class Missed:
    """A churn that it would not have told of."""

    account_id: str
    account: str
    churned_at: datetime


@dataclass(frozen=True, slots=True)
class Warned:
    """The playbook as a warning of churn; see above for the words."""

    window_days: int
    churned: int
    caught: tuple[Caught, ...]
    missed: tuple[Missed, ...]
    true_alarms: int                        # enrollments, not accounts
    false_alarms: int
    undecided: int
    lead_days: int | None                   # the median; None where nobody was caught


@dataclass(frozen=True, slots=True)
class Gap:
    """No snapshot was stored between these."""

    after: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class Backtest:
    """The whole answer. `work` are CTAs and tasks, `escalated` is how often nobody's acknowledgement would escalate."""

    playbook_id: str
    version: str
    first: datetime
    last: datetime
    snapshots: int
    accounts: int                           # rows of the last snapshot: accounts, or the subjects that are enrolled
    enrolled: int
    closed: Mapping[str, int]               # why, and how many
    still_open: int
    weeks: tuple[Week, ...]
    owners: tuple[OwnerLoad, ...]
    work: int
    escalated: int
    arr_touched: float
    arr_unknown: int                        # accounts without a known ARR among those touched
    warned: Warned
    goal_reached: int | None                # of `goal_decided` enrollments; None: the playbook has no goal
    goal_decided: int
    waiting_for_data: float                 # accounts on the average of all looks
    held_at_limit: tuple[tuple[datetime, int, int], ...]
    gaps: tuple[Gap, ...]
    reproduced: Reproduced | None           # None: it was not live in that time
    not_simulated: tuple[str, ...]
    entries: tuple[Entry, ...] = ()

    @property
    def a_week(self) -> float:
        """Enrollments a week, on the average."""
        return self.enrolled / max(len(self.weeks), 1)


def warned(entries: Sequence[Entry], churns: Churns, span: tuple[datetime, datetime, datetime], window: timedelta,
           names: Mapping[str, str]) -> Warned:
    """Compare entries with churns. `span`: the first and the last snapshot, and the last one that is stored."""
    first, last, known_until = span
    by_account: dict[str, list[Entry]] = {}
    for entry in entries:
        by_account.setdefault(entry.account_id, []).append(entry)
    caught, missed = [], []
    for account_id, instants in sorted(churns.by_account.items()):
        for churned_at in (at for at in instants if first < at <= last):
            told = [each for each in by_account.get(account_id, ())
                    if each.entered_at < churned_at <= each.entered_at + window]
            if told:
                lead = (churned_at - told[0].entered_at).days
                caught.append(Caught(account_id, told[0].account, told[0].entered_at, churned_at, lead, told[0].arr))
            else:
                missed.append(Missed(account_id, names.get(account_id, ""), churned_at))
    over = [each for each in entries if each.entered_at + window <= known_until]
    right = sum(churns.within(each.account_id, each.entered_at, each.entered_at + window) is not None for each in over)
    return Warned(
        window.days, len(caught) + len(missed), tuple(sorted(caught, key=lambda each: -(each.arr or 0.0))),
        tuple(missed), right, len(over) - right, len(entries) - len(over),
        round(median(each.lead_days for each in caught)) if caught else None)


def weeks(entries: Sequence[Entry], first: datetime, last: datetime, zone: tzinfo) -> tuple[Week, ...]:
    """Every week from `first` to `last`, those without anything too."""
    enrolled = Counter(monday(each.entered_at, zone) for each in entries)
    closed = Counter(monday(each.closed_at, zone) for each in entries if each.closed_at is not None)
    work = Counter(monday(at, zone) for each in entries for at in each.work)
    on, out = monday(first, zone), []
    while on <= monday(last, zone):
        out.append(Week(on, enrolled[on], closed[on], work[on]))
        on += timedelta(days=7)
    return tuple(out)


def owners(entries: Sequence[Entry], weeks_count: int, zone: tzinfo) -> tuple[OwnerLoad, ...]:
    """The load of each owner, the heaviest first; whose the account was as the enrollment became active."""
    by_owner: dict[str, list[Entry]] = {}
    for entry in entries:
        by_owner.setdefault(entry.owner or NOBODY, []).append(entry)
    out = []
    for owner, theirs in by_owner.items():
        work = Counter(monday(at, zone) for each in theirs for at in each.work)
        out.append(OwnerLoad(owner, len(theirs), work.total(), round(work.total() / max(weeks_count, 1), 2),
                             max(work.values(), default=0)))
    return tuple(sorted(out, key=lambda each: (-each.work, -each.enrolled, each.owner)))


def monday(at: datetime, zone: tzinfo) -> date:
    """The first day of the week in which `at` falls."""
    day = at.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def gaps(instants: Sequence[datetime]) -> tuple[Gap, ...]:
    """Where more than one and a half times the usual distance lies between snapshots."""
    pairs = list(pairwise(instants))
    usual = spacing(instants)
    return tuple(Gap(one, other) for one, other in pairs if other - one > 1.5 * usual)


def spacing(instants: Sequence[datetime]) -> timedelta:
    """The usual distance between snapshots; a day where there are none to tell."""
    apart = [(other - one).total_seconds() for one, other in pairwise(instants)]
    return timedelta(seconds=median(apart)) if apart else timedelta(days=1)


def arr_touched(entries: Sequence[Entry]) -> tuple[float, int]:
    """The ARR of the accounts enrolled, each once as at its first entry, and of how many it is not known."""
    first: dict[str, float | None] = {}
    for entry in entries:
        first.setdefault(entry.account_id, entry.arr)
    return sum(each for each in first.values() if each is not None), sum(each is None for each in first.values())


def not_simulated(playbook: Playbook, gap_count: int, spacing_: timedelta) -> tuple[str, ...]:
    """What the real run has and a backtest has not, in words."""
    said = [
        "the effect of acting itself: the facts are those of a company in which this playbook did what it did then",
        "people: nobody acknowledges, so every rung of the escalation is counted, and every approval is given at once",
        "caps, silences and the holdout: everybody who may enter does, and is acted on",
        f"what happened between two snapshots (usually {_length(spacing_)} apart): what is due in between is seen late",
        "deliveries: every step counts as delivered",
        "merges of accounts: each snapshot knows the accounts as they were then",
    ]
    if playbook.inhibited_by:
        said.append(f"inhibition by {', '.join(playbook.inhibited_by)}: only this one playbook is played")
    if playbook.trigger.kind is TriggerKind.MANUAL:
        said.append("people who enrol by hand: this playbook is begun by them alone, so nobody enters")
    if gap_count:
        said.append(f"the {gap_count} gaps in the snapshots: nothing is known of them")
    return tuple(said)


def _length(length: timedelta) -> str:
    hours = round(length.total_seconds() / 3600)
    return f"{hours} hours" if hours < 48 and hours != 24 else "a day" if hours == 24 else f"{hours // 24} days"
