"""`steward sandbox serve`: the vendors on loopback, with the demo company in them."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from steward.cli import show

_ACCOUNTS = Number(gte=1, lte=1_000_000)


def serve(
    *names: str,
    accounts: Annotated[int, Parameter(help="How many accounts the company has.", validator=_ACCOUNTS)] = 500,
    seed: Annotated[int, Parameter(help="The same seed makes the same company.")] = 7,
    state: Annotated[Path | None, Parameter(help="Keep the ledgers here, over restarts.")] = None,
    as_of: Annotated[date | None, Parameter(help="The company's today, YYYY-MM-DD; else today.")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative="", help="One line of JSON: how to reach them.")] = False,
) -> int:
    """Start the sandboxes NAMES (those of the demo company, where none is named; `all`) on free ports, until Ctrl-C."""
    from steward.demo.sandboxes import start_sandboxes
    from steward.wiring import installed, utc_now

    known = installed()
    started = start_sandboxes(
        known, names, accounts=accounts, seed=seed, as_of=as_of or utc_now().date(), state=state)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    described = {
        name: {"url": sandbox.url, "settings": sandbox.settings(), "ledger": f"{sandbox.url}/_sandbox/ledger",
               "calls": f"{sandbox.url}/_sandbox/calls", "faults": f"{sandbox.url}/_sandbox/faults",
               "weather": f"{sandbox.url}/_sandbox/weather"}
        for name, sandbox in started.items()
    }
    if json_:
        sys.stdout.write(json.dumps(show.plain(described), default=str) + "\n")
    else:
        show.line("# What each vendor was asked and did: its ledger. The settings belong under `connections`.")
        for name, each in described.items():
            show.line(f"# {name:12} {each['ledger']}")
        others = sorted(set(known) - set(started))
        if others:
            show.line(f"# Others that may be named, or all of them with `all`: {' '.join(others)}")
        show.line("# They stay up until Ctrl-C. Next: paste this, then in another window: steward connector check")
        show.line(_as_yaml(described))
    sys.stdout.flush()
    stopped.wait()
    for sandbox in started.values():
        sandbox.stop()
    return 0


def _as_yaml(described: Mapping[str, Mapping[str, Any]]) -> str:
    """The block `connections` of a steward.yaml that reaches them."""
    from io import StringIO

    from ruamel.yaml import YAML

    out, yaml = StringIO(), YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width = False, 1000
    yaml.dump(show.plain({"connections": {
        name: {"connector": name, "settings": each["settings"]} for name, each in described.items()}}), out)
    return out.getvalue().rstrip()
