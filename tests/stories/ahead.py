"""`steward` with its clock set ahead, so that a test need not wait for leases: `ahead.py SECONDS COMMAND…`."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial

from steward import wiring
from steward.cli.main import run

if __name__ == "__main__":
    ahead = timedelta(seconds=float(sys.argv[1]))
    wiring.open_hub = partial(wiring.open_hub, clock=lambda: wiring.utc_now() + ahead)
    if sys.argv[2] == "serve":              # a program of its own
        from steward.web.__main__ import main

        sys.argv = ["steward.web", *sys.argv[3:]]
        sys.exit(main())
    sys.exit(run(sys.argv[2:]))
