"""Deliver what is due in the outbox."""

from __future__ import annotations

from dataclasses import asdict

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.artifact import summarise
from flows.hub import with_hub
from steward.pipeline.deliver import DeliverReport


@task(name="deliver-due", cache_policy=NO_CACHE, persist_result=False)
async def deliver_due() -> DeliverReport:
    """Batch after batch until nothing is due; what became of the actions."""
    return await with_hub(lambda hub: hub.deliver())


@flow(name="deliver", flow_run_name="deliver-due-actions", log_prints=False)
async def deliver() -> State[dict[str, int]]:
    """Deliver what is due. Safe beside another: leases in the store decide who sends."""
    report = await deliver_due()
    counts = {name: count for name, count in asdict(report).items() if isinstance(count, int)}
    await summarise("deliver", "What became of the actions that were due", [counts])
    return Completed(message=f"{report.delivered} delivered, {report.unknown} unknown, {report.failed} failed",
                     data=counts)
