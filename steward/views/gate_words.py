"""What the gates would say of some subjects, asked as an evaluation asks it; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.calendars import Calendar
from steward.engine.gates import Gates
from steward.engine.language import Holdout, Playbook
from steward.engine.lifecycle import advance
from steward.engine.look import Advance, Look, Verdicts
from steward.model.enrollments import Enrollment, State
from steward.pipeline.frames import Frames, Seen
from steward.pipeline.gatekeeping import Gatekeeper
from steward.store import enrollments as store_enrollments

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction


def gates_as_now(  # noqa: PLR0917  all that a look takes
    tx: Transaction, playbook: Playbook, live: Sequence[Playbook], frames: Frames, seen: Seen,
    looks: Mapping[str, Verdicts], *, opened: Mapping[str, Enrollment], closed: Mapping[str, Enrollment],
    now: datetime, calendar: Calendar, whole: bool,
) -> dict[str, Gates]:
    """The gates of each subject of `looks`, with the caps' line and the limit as they would be in a run now."""
    keeper = Gatekeeper(tx, frames, (*live, playbook), store_enrollments.open_frame(tx, now), now, whole)
    accounts = dict(seen.accounts(looks))
    gates = keeper.first(playbook, seen, accounts)
    bare = replace(playbook, holdout=Holdout())     # who is control is drawn as they enter, and written

    def again(subject: str, changed: Gates) -> Advance:
        gates[subject] = changed
        account_id = accounts.get(subject, subject)
        look = Look(bare, account_id, looks[subject], now, calendar, changed, subject_id=subject)
        return advance(look, opened.get(subject), closed.get(subject))

    steps = {subject: again(subject, gates[subject]) for subject in looks if subject in gates}
    keeper.choose(bare, seen, steps, dict(gates), again)
    return gates


def gates_as_then(  # noqa: PLR0917  as its neighbour
    tx: Transaction, playbook: Playbook, frames: Frames, seen: Seen, subject: str,
    inhibiting: Mapping[str, Sequence[Enrollment]], at: datetime,
) -> Gates:
    """The gates of one subject at an earlier instant; `inhibiting`: the enrollments open then, by playbook."""
    rows = [(name, each.account_id, each.state.value) for name, found in inhibiting.items() for each in found
            if each.state is not State.CLOSED]
    opened = pl.DataFrame(rows, schema={"playbook_id": pl.String, "account_id": pl.String, "state": pl.String},
                          orient="row")
    keeper = Gatekeeper(tx, frames, (playbook,), opened, at, False)
    found = keeper.first(playbook, seen, seen.accounts([subject])).get(subject, Gates())
    return replace(found, entered_at=tuple(each for each in found.entered_at if each <= at))
