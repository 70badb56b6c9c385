"""Prefect leaves runs of killed processes "Running" for ever; this marks them crashed and starts them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed
from prefect.types import DateTime

STALE_AFTER = timedelta(hours=1)     # far beyond the longest run; what a run promises stands in the store


async def reap(stale_after: timedelta = STALE_AFTER) -> list[UUID]:
    """Mark every run crashed that has been running for `stale_after`, and start its deployment again once.

    Safe where the run lives after all: flows may run twice and beside each other.
    """
    reaped: list[UUID] = []
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=DateTime.now(UTC) - stale_after),
        ))
        restarted: set[UUID] = set()
        for run in runs:
            if run.parent_task_run_id is None and run.start_time and run.start_time < datetime.now(UTC) - stale_after:
                await client.set_flow_run_state(run.id, Crashed(message="its process died"), force=True)
                reaped.append(run.id)
                if run.deployment_id and run.deployment_id not in restarted:
                    restarted.add(run.deployment_id)
                    await client.create_flow_run_from_deployment(run.deployment_id)
    return reaped


async def delete_old_runs(days: int) -> int:
    """Delete the runs that ended more than `days` ago, at most 2,000 a call; how many."""
    before = DateTime.now(UTC) - timedelta(days=days)
    deleted = 0
    async with get_client() as client:
        while deleted < 2000:
            runs = await client.read_flow_runs(
                flow_run_filter=FlowRunFilter(end_time=FlowRunFilterEndTime(before_=before)), limit=200,
            )
            if not runs:
                break
            for run in runs:
                await client.delete_flow_run(run.id)
            deleted += len(runs)
    return deleted
