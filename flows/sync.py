"""Pull what changed, connection by connection."""

from __future__ import annotations

import asyncio

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.artifact import summarise
from flows.hub import with_hub


@flow(name="sync", flow_run_name="sync-{connection}", log_prints=False)
async def sync(connection: str) -> State[dict[str, int]]:
    """Pull every stream of one connection. Safe to run twice, late, or beside itself: the cursor decides."""
    report = await with_hub(lambda hub: hub.sync(connection))
    rows = [
        {"stream": stream.stream, "records": stream.records, "refused": stream.refusals, "pages": stream.pages,
         "seconds": round(stream.seconds, 2), "trouble": stream.trouble or ""}
        for stream in report.streams
    ]
    await summarise(f"sync-{connection}".replace("_", "-").lower(), f"What the sync of {connection} stored", rows)
    records = {stream.stream: stream.records for stream in report.streams}
    troubles = [f"{stream.stream}: {stream.trouble}" for stream in report.streams if stream.trouble]
    if troubles:
        return Failed(message="; ".join(troubles), data=records)
    return Completed(message=f"{sum(records.values())} records", data=records)


@flow(name="sync-all", flow_run_name="sync-all", log_prints=False)
async def sync_all() -> State[dict[str, int]]:
    """Pull every connection that has something to pull, one run each, at the same time."""
    names = await with_hub(lambda hub: [name for name, known in hub.connectors.items() if known.streams])
    states = await asyncio.gather(*(sync(name, return_state=True) for name in names))
    failed = [name for name, state in zip(names, states, strict=True) if not state.is_completed()]
    if failed:
        return Failed(message=f"{', '.join(failed)} failed; each run says why")
    return Completed(message=f"{len(names)} connections", data={"connections": len(names)})
