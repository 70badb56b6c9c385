"""Deliver what is due in the outbox, at most 100 actions a task."""

from __future__ import annotations

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.artifact import summarise
from flows.hub import with_hub


@task(name="deliver-batch", cache_policy=NO_CACHE, persist_result=False)
async def deliver_batch() -> dict[str, int]:
    """One batch; the counts of what became of it."""
    report = await with_hub(lambda hub: hub.deliver())
    return report.counts()


@flow(name="deliver", flow_run_name="deliver-due-actions", log_prints=False)
async def deliver() -> State[dict[str, int]]:
    """Batch after batch until nothing is due. Safe beside another: leases in the store decide who sends."""
    total: dict[str, int] = {}
    while (counts := await deliver_batch()).get("claimed"):
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    await summarise("deliver", "What became of the actions that were due", [total or {"claimed": 0}])
    return Completed(message=f"{total.get('delivered', 0)} delivered", data=total)
