"""The gates before an enrollment becomes active, in their order; the first "no" is the recorded reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from steward.engine.language import Playbook
from steward.model.enrollments import Verdict


@dataclass(frozen=True, slots=True)
class Gates:
    """What the gates ask about one account besides its conditions."""

    do_not_contact: bool = False
    inhibited_by: str = ""                  # the playbook whose open enrollment blocks this one
    over_limit: int | None = None           # the limit, once more accounts than that would enter


def blocked_by(
    gates: Gates, playbook: Playbook, scope: Verdict, *, cooldown_from: datetime | None, now: datetime, zone: ZoneInfo,
) -> str:
    """The first gate that says no, with its reason; "" where all let it pass. `limit` and approval come after."""
    if gates.do_not_contact:
        return "do_not_contact: the account asked for it"
    if scope is Verdict.FALSE:
        return "scope: the account is no longer in it"
    if scope is Verdict.UNKNOWN:
        return "data: nobody can say whether the account is in scope"
    if gates.inhibited_by:
        return f"inhibited: {gates.inhibited_by} is open on this account"
    if cooldown_from is not None and (over := playbook.again_after.after(cooldown_from, zone)) > now:
        return f"cooldown: until {over:%Y-%m-%d %H:%M}Z"
    return ""
