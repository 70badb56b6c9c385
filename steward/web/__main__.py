"""`python -m steward.web`: serve the API and the webhooks; `steward serve` is this program."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from steward.model.errors import ConfigError, StewardError
from steward.web.app import create_app
from steward.wiring import open_hub


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; what is in hand is finished first."""
    parser = argparse.ArgumentParser(prog="python -m steward.web", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--host", default="")
    parser.add_argument("--port", type=int)
    parser.add_argument("--json", action="store_true", help="say where it listens as one line of JSON")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)       # uvicorn raises it again once it has finished; else it would kill us
    try:
        with open_hub(chosen.config) as hub:
            web = hub.settings.web
            port = web.port if chosen.port is None else chosen.port
            server = uvicorn.Server(uvicorn.Config(
                create_app(hub), host=chosen.host or web.host, port=port, log_level="warning", access_log=False,
                timeout_graceful_shutdown=20,
            ))
            with _listen(server.config.host, port) as line:
                asyncio.run(_serve(server, line, as_json=chosen.json))
    except StewardError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0 if server.started else 2


def _stop(*_: object) -> None:
    sys.exit(0)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}, port {port}: {error.strerror}. Stop what listens there, or give another --host "
            "or --port (0 takes a free one)"
        ) from None


async def _serve(server: uvicorn.Server, line: socket.socket, *, as_json: bool) -> None:
    serving = asyncio.create_task(server.serve([line]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        host, port = server.config.host, line.getsockname()[1]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        text = f"serving {url}   documentation: {url}/docs   webhooks: {url}/hooks/CONNECTION"
        sys.stdout.write((json.dumps({"url": url}) if as_json else text) + "\n")
        sys.stdout.flush()
    await serving


if __name__ == "__main__":
    sys.exit(main())
