"""What waits for a person's yes: enrollments held at a playbook's limit, and steps that somebody must approve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from steward.engine.program import program_of
from steward.model.enrollments import Arm, Enrollment, State
from steward.store import enrollments as store_enrollments
from steward.store import facts as store_facts
from steward.views.find import names_of

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.engine.language import Playbook
    from steward.store.database import Database

_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """One enrollment that waits: at the limit (`step` ""), or before the step with this key, for one of `of`."""

    enrollment_id: str
    playbook_id: str
    account_id: str
    account: str
    version: str
    since: datetime
    step: str
    of: tuple[str, ...]
    arr: float | None
    owner: str
    approved_by: str


def waiting(
    db: Database, live: Sequence[Playbook], version: Callable[[str, str], Playbook | None], target: str = "",
) -> list[WaitingLine]:
    """All that waits, or only of the playbook or enrollment `target`; the most valuable first.

    `version` gives an older version of a playbook.
    """
    with db.read() as tx:
        held = store_enrollments.list_(tx, state=State.AWAITING_APPROVAL.value, limit=_ALL)
        steps = [found for each in live for found in _steps(tx, each, version)]
        chosen = [(each, step, of) for each, step, of in (*((each, "", ()) for each in held), *steps)
                  if target in ("", each.id, each.playbook_id)]
        names = names_of(tx, {each.account_id for each, _, _ in chosen})
        worth = _worth(tx)
    lines = [
        WaitingLine(
            each.id, each.playbook_id, each.account_id, names.get(each.account_id, ""), each.version, each.since, step,
            of, *worth.get(each.account_id, (None, "")), each.body.get("approved_by", ""))
        for each, step, of in chosen]
    return sorted(lines, key=lambda line: (line.playbook_id, line.step, -(line.arr or 0.0), line.enrollment_id))


def _steps(
    tx: Transaction, live: Playbook, version: Callable[[str, str], Playbook | None],
) -> list[tuple[Enrollment, str, tuple[str, ...]]]:
    """The enrollments in flight that stand at a step which somebody must approve, with its key and who that may be."""
    found = []
    for state in (State.ACTIVE, State.RECOVERING):
        for each in store_enrollments.list_(tx, playbook_id=live.id, state=state.value, limit=_ALL):
            playbook = live if each.version == live.version else version(live.id, each.version)
            instructions = program_of(playbook) if playbook else ()
            if each.step < len(instructions) and each.arm is Arm.TREATMENT:
                step = instructions[each.step].step
                if step.approve and step.key not in each.body.get("approvals", {}):
                    found.append((each, step.key, step.approve))
    return found


def _worth(tx: Transaction) -> dict[str, tuple[float | None, str]]:
    snapshot = store_facts.latest(tx, names=["account.arr", "account.csm"])
    if snapshot is None:
        return {}
    return {row["account_id"]: (row["account.arr"], row["account.csm"] or "")
            for row in snapshot.frame.iter_rows(named=True)}
