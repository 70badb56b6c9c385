"""`steward serve`: the API and the webhooks."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options

if TYPE_CHECKING:
    import uvicorn


def serve(
    *, host: Annotated[str, Parameter(help="Where to listen; else web.host of steward.yaml.")] = "",
    port: Annotated[int | None, Parameter(help="0 takes a free one; else web.port of steward.yaml.")] = None,
    options: Options = DEFAULT,
) -> int:
    """Serve the API and the webhooks until SIGTERM or Ctrl-C; what is in hand is finished first."""
    import uvicorn

    from steward.web.app import create_app
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        web = hub.settings.web
        server = uvicorn.Server(uvicorn.Config(
            create_app(hub), host=host or web.host, port=web.port if port is None else port,
            log_level="warning", access_log=False, timeout_graceful_shutdown=20, h11_max_incomplete_event_size=32_768,
        ))
        asyncio.run(_serve(server, options.json))
    return 0


async def _serve(server: uvicorn.Server, as_json: bool) -> None:
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://{server.config.host}:{port}"
        if as_json:
            sys.stdout.write(json.dumps({"url": url}) + "\n")
            sys.stdout.flush()
        else:
            show.line(f"serving {url}   documentation: {url}/docs   webhooks: {url}/hooks/CONNECTION")
    await serving
