"""The nightly round: reconcile, derive afresh, write the day down for reports, tidy up."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.artifact import summarise
from flows.deliver import deliver
from flows.evaluate import evaluate
from flows.hub import with_hub
from flows.publish import tabulate
from flows.reaper import delete_old_runs, reap
from flows.sync import sync_all

KEEP_RUNS_DAYS = 30


@flow(name="nightly", flow_run_name="nightly-round", log_prints=False)
async def nightly() -> State[dict[str, int]]:
    """Everything once, in order, then the tidying. A part that fails does not stop the next."""
    states = [await part(return_state=True) for part in (sync_all, evaluate, deliver, tabulate)]
    reconciled = await with_hub(lambda hub: hub.reconcile_silent())
    tidied = await with_hub(lambda hub: hub.tidy())
    counts = {
        "failed parts": sum(not state.is_completed() for state in states),
        "records gone at their source": sum(each.gone for one in reconciled for each in one.streams if not each.held),
        "streams that lost too much to believe": sum(each.held for one in reconciled for each in one.streams),
        "rows and files let go": tidied,
        "dead runs reaped": len(await reap()),
        "old runs deleted": await delete_old_runs(KEEP_RUNS_DAYS),
    }
    await summarise("nightly", "What the nightly round did", [counts])
    return Completed(message="done", data=counts)
