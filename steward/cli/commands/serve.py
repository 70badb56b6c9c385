"""`steward serve`: the API and the webhooks."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from steward.cli.options import DEFAULT, Options


def serve(
    *, host: Annotated[str, Parameter(help="Where to listen; else web.host of steward.yaml.")] = "",
    port: Annotated[int | None, Parameter(help="0 takes a free one; else web.port of steward.yaml.",
                                                validator=Number(gte=0, lte=65535))] = None,
    options: Options = DEFAULT,
) -> None:
    """Serve the API and the webhooks until SIGTERM or Ctrl-C; what is in hand is finished first."""
    command = [sys.executable, "-m", "steward.web", "--config", str(options.config)]
    command += ["--host", host] if host else []
    command += ["--port", str(port)] if port is not None else []
    command += ["--json"] if options.json else []
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606  our own program takes this process over
