"""`steward sandbox serve`: the vendors on loopback, with the demo company in them."""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from steward.cli import show


def serve(
    *names: str,
    accounts: Annotated[int, Parameter(help="How many accounts the company has.")] = 500,
    seed: Annotated[int, Parameter(help="The same seed makes the same company.")] = 7,
    state: Annotated[Path | None, Parameter(help="Keep the ledgers here, over restarts.")] = None,
    as_of: Annotated[str, Parameter(help="The company's today, YYYY-MM-DD; else today.")] = "",
    json_: Annotated[bool, Parameter(name="--json", negative="", help="One line of JSON: how to reach them.")] = False,
) -> int:
    """Start the sandboxes NAMES (all, where none is named) on free ports; Ctrl-C stops them."""
    from steward.demo.sandboxes import start_sandboxes
    from steward.wiring import installed, utc_now

    today = date.fromisoformat(as_of) if as_of else utc_now().date()
    started = start_sandboxes(installed(), names, accounts=accounts, seed=seed, as_of=today, state=state)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    described = {
        name: {"url": sandbox.url, "settings": sandbox.settings(), "ledger": f"{sandbox.url}/_sandbox/ledger",
               "calls": f"{sandbox.url}/_sandbox/calls", "faults": f"{sandbox.url}/_sandbox/faults"}
        for name, sandbox in started.items()
    }
    if json_:
        sys.stdout.write(json.dumps(show.plain(described), default=str) + "\n")
    else:
        for name, each in described.items():
            show.line(f"{name:12} {each['url']}   ledger: {each['ledger']}")
    sys.stdout.flush()
    stopped.wait()
    for sandbox in started.values():
        sandbox.stop()
    return 0
