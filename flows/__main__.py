"""`python -m flows once|live`: run the flows under a Prefect server of our own, and say on stdout what happened.

Every line of stdout is one JSON object: `{"event": "phase", …}` while it goes on, `{"event": "done", …}` after the
first round, `{"event": "live", …}` when the schedules are on. Prefect's own noise goes to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.server import prefect_server

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

EVALUATE_EVERY_S, DELIVER_EVERY_S, PUBLISH_EVERY_S = 300, 30, 3600


def main() -> int:
    """Run `once` and end, or `live` until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m flows", description=__doc__)
    parser.add_argument("mode", choices=("once", "live"))
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True, help="where Prefect keeps its state")
    parser.add_argument("--when-told", action="store_true", help="begin once a line comes on stdin")
    chosen = parser.parse_args()
    os.environ["STEWARD_CONFIG"] = str(chosen.config.resolve())
    signal.signal(signal.SIGTERM, _stop)       # else `finally` is skipped and the server stays
    signal.signal(signal.SIGINT, _stop)
    began = time.monotonic()
    home = chosen.home.resolve()
    with prefect_server(home, home / "server.log", meanwhile=_load_flows) as api:
        say("phase", name="prefect", seconds=round(time.monotonic() - began, 2), api=api)
        if chosen.when_told and not sys.stdin.readline():
            return 0                           # who should have told us is gone
        return _run_to_the_end(chosen.mode, api)


def _run_to_the_end(mode: str, api: str) -> int:
    import httpx

    try:
        asyncio.run(_run(mode, api))
    except httpx.TransportError as error:
        sys.stderr.write(f"the Prefect server went away ({type(error).__name__}). What was stored stays stored; the "
                         "next run goes on from there. Run it again.\n")
        return 1
    return 0


def _load_flows() -> None:
    """Import what takes seconds. Prefect reads its settings when it is imported: they must say which server by now."""
    for name in ("flows.reaper", "flows.sync", "flows.evaluate", "flows.deliver", "prefect.task_engine",
                 "steward.pipeline.sync", "steward.pipeline.derive", "steward.pipeline.evaluate"):
        import_module(name)


def _stop(*_: object) -> None:
    sys.exit(0)


def say(event: str, **values: Any) -> None:
    """One line of JSON on stdout."""
    print(json.dumps({"event": event, **values}), flush=True)  # noqa: T201  stdout is the protocol


async def _run(mode: str, api: str) -> None:
    from flows.reaper import reap

    await reap()
    await _once()
    if mode == "live":
        await _live(api)


async def _once() -> None:
    from flows.deliver import deliver
    from flows.evaluate import evaluate
    from flows.hub import with_hub
    from flows.sync import sync

    names = await with_hub(lambda hub: [name for name, known in hub.connectors.items() if known.streams])
    states: list[State[Any]] = []
    for phase, begun in (
        ("sync", lambda: [sync(name, return_state=True) for name in names]),
        ("evaluate", lambda: [evaluate(return_state=True)]),
        ("deliver", lambda: [deliver(return_state=True)]),
    ):
        states.extend(await _phase(phase, begun))
    say("done", flow_runs=await _flow_runs([state.state_details.flow_run_id for state in states]))


async def _phase(name: str, begun: Callable[[], list[Any]]) -> list[State[Any]]:
    began = time.monotonic()
    ended = await asyncio.gather(*begun())
    say("phase", name=name, seconds=round(time.monotonic() - began, 2),
        ok=all(state.is_completed() for state in ended), said=[state.message for state in ended])
    return list(ended)


async def _flow_runs(ids: list[Any]) -> list[Mapping[str, Any]]:
    """Name, state and seconds of the runs, as the Prefect API has them."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        runs = [await client.read_flow_run(run_id) for run_id in ids]
    return [
        {"name": run.name, "state": run.state_name, "seconds": round(run.total_run_time.total_seconds(), 2)}
        for run in runs
    ]


async def _live(api: str) -> None:
    from prefect import aserve
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    from flows.deliver import deliver
    from flows.evaluate import evaluate
    from flows.hub import with_hub
    from flows.nightly import nightly
    from flows.publish import publish
    from flows.sync import sync

    every = await with_hub(lambda hub: {
        name: hub.settings.connections[name].every for name, known in hub.connectors.items() if known.streams
    })
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    deployments = [
        *[await sync.ato_deployment(f"sync-{name}", parameters={"connection": name}, interval=each,
                                    concurrency_limit=one) for name, each in every.items()],
        await evaluate.ato_deployment("evaluate", interval=EVALUATE_EVERY_S, concurrency_limit=one),
        await deliver.ato_deployment("deliver", interval=DELIVER_EVERY_S, concurrency_limit=one),
        await publish.ato_deployment("publish", interval=PUBLISH_EVERY_S, concurrency_limit=one),
        await nightly.ato_deployment("nightly", cron="17 2 * * *", concurrency_limit=one),
    ]
    say("live", api=api, ui=api.removesuffix("/api"), schedules=[deployment.name for deployment in deployments])
    await aserve(*deployments, limit=2, print_starting_message=False)


if __name__ == "__main__":
    sys.exit(main())
