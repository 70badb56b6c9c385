"""How much one caller may send: more than a mebibyte is refused while it comes in, signed or not, token or none."""

from __future__ import annotations

from fastapi.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 1 << 20


class BodyLimit:
    """Middleware that counts what comes in and believes no Content-Length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, _counted(receive) if scope["type"] == "http" else receive, send)


def _counted(receive: Receive) -> Receive:
    size = 0

    async def count() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY_BYTES:
            raise HTTPException(413, f"The body may have {MOST_BODY_BYTES} bytes at most.")
        return message

    return count
