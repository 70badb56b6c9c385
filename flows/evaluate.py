"""Derive the facts of all accounts and evaluate every playbook over them."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.artifact import summarise
from flows.hub import with_hub


@flow(name="evaluate", flow_run_name="evaluate-all-accounts", log_prints=False)
async def evaluate() -> State[dict[str, int]]:
    """Records become facts, facts become decisions and outbox rows. Safe to run twice: keys are unique."""
    derived, written, evaluated = await with_hub(lambda hub: (hub.derive(), hub.write_back(), hub.evaluate()))
    rows = [
        {"playbook": each.playbook_id, "enrolled": each.enrolled, "pending": each.pending, "active": each.active,
         "closed": each.closed, "blocked": each.blocked, "waiting for data": each.waiting, "actions": each.actions}
        for each in evaluated.playbooks
    ]
    await summarise("evaluate", f"{derived.accounts} accounts, {derived.facts} known facts", rows)
    actions = sum(each.actions for each in evaluated.playbooks)
    return Completed(
        message=f"{derived.accounts} accounts, {actions} actions",
        data={"accounts": derived.accounts, "facts": derived.facts, "actions": actions, "written back": written.queued},
    )
