"""The gates before an enrollment becomes active, in their order; the first "no" is the recorded reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from steward.engine.calendars import Calendar
from steward.engine.language import Playbook
from steward.model.enrollments import Verdict

MOST_REASON = 128                           # characters that the store has for it; the decision keeps all of them


@dataclass(frozen=True, slots=True)
class Gates:
    """What the gates ask about one account besides its conditions."""

    do_not_contact: bool = False
    inhibited_by: str = ""                  # the playbook whose open enrollment blocks this one
    over_limit: int | None = None           # the limit, once more accounts than that would enter
    silenced: str = ""                      # "until 2026-03-09 by ana: they migrate"
    entered_at: tuple[datetime, ...] = ()   # when enrollments of this subject became active, for `at_most`
    cap: str = ""                           # "owner ana@us.test has 15 of 15 open, 3rd in line by value"
    control: bool = False                   # the holdout arm that is assigned to the account's family


def blocked_by(
    gates: Gates, playbook: Playbook, scope: Verdict, *, cooldown_from: datetime | None, now: datetime,
    calendar: Calendar,
) -> str:
    """The first gate that says no, with its reason; "" where all let it pass. `limit` and approval come after.

    The word before the colon is the gate, see `gate_of`.
    """
    if gates.do_not_contact:
        return "do_not_contact: the account asked for it"
    if scope is Verdict.FALSE:
        return "scope: the account is no longer in it"
    if scope is Verdict.UNKNOWN:
        return "data: nobody can say whether the account is in scope"
    if gates.silenced:
        return f"silenced: {gates.silenced}"
    if gates.inhibited_by:
        return f"inhibited: {gates.inhibited_by} is open on this account"
    if cooldown_from is not None and (over := playbook.again_after.after(cooldown_from, calendar)) > now:
        return f"cooldown: until {over:%Y-%m-%d %H:%M}Z"
    if free := _full_until(gates, playbook, now, calendar):
        assert playbook.at_most is not None
        return f"at_most: {playbook.at_most.count} per {playbook.at_most.within}, until {free:%Y-%m-%d %H:%M}Z"
    if gates.cap:
        return f"caps: {gates.cap}"
    return ""


def gate_of(reason: str) -> str:
    """The name of the gate that gave `reason`: "cooldown"."""
    return reason.partition(":")[0]


def _full_until(gates: Gates, playbook: Playbook, now: datetime, calendar: Calendar) -> datetime | None:
    """When `at_most` lets the subject in again; None where it does so now."""
    if playbook.at_most is None:
        return None
    counted = sorted(
        over for at in gates.entered_at if (over := playbook.at_most.within.after(at, calendar)) > now)
    return counted[-playbook.at_most.count] if len(counted) >= playbook.at_most.count else None
