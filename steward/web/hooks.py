"""Webhooks: verified, stored durably, then answered. A webhook decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from steward.contracts import Asking
from steward.model.errors import SignatureRejected
from steward.model.words import meant_or_all
from steward.web import asked
from steward.web.problems import NotFoundError, documented
from steward.wiring import Hub

_PROBLEMS = documented(
    s401="The signature is not the vendor's.", s404="No connection of that name takes calls.",
    s413="The body is too large.", s415="The body is packed.", s422="The request does not fit.",
    s503="It could not be stored; send it again.",
)
router = APIRouter(prefix="/hooks", tags=["webhooks"])


@router.post("/{connection}/v1/{call}", status_code=200, responses=_PROBLEMS, include_in_schema=False)
async def receive_tracking(connection: str, call: str, request: Request) -> Response:
    """The same where a tracking SDK adds its own path ("v1/batch") to the address that it was given."""
    return await receive(connection, request)


@router.post("/{connection}", status_code=200, responses=_PROBLEMS)
async def receive(connection: str, request: Request) -> Response:
    """Take one call of the vendor behind `connection`.

    2xx means: it is on stable storage and will be worked off, whatever happens to us. Our own trouble is answered
    503, never 4xx: vendors do not send a call again that was refused.
    """
    hub: Hub = request.app.state.hub
    inbound = [name for name, known in hub.connectors.items() if known.inbox]
    if connection not in inbound:
        raise NotFoundError(f'no connection "{connection}" takes webhooks{meant_or_all(connection, inbound)}')
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "Send the body as it is, without Content-Encoding.")
    body = await request.body()
    headers = _headers(request, hub)
    by_form = "text/html" in request.headers.get("accept", "")      # a person's browser
    try:
        await run_in_threadpool(request.app.state.worker.receive, connection, headers, body)
    except SignatureRejected as error:
        if not by_form:
            raise
        return asked.refused(str(error))
    return asked.noted() if by_form else Response(status_code=200)


@router.get("/{connection}", include_in_schema=False)
async def question(connection: str, request: Request) -> Response:
    """The page that a button's link leads to. It only asks: `receive` takes the answer."""
    hub: Hub = request.app.state.hub
    inbox = hub.connection(connection).inbox if connection in hub.connectors else None
    if not isinstance(inbox, Asking):
        raise NotFoundError(f'no connection "{connection}" asks people anything')
    query = dict(request.query_params)
    try:
        return asked.ask(inbox.question(query), query)
    except SignatureRejected as error:
        return asked.refused(str(error))


def _headers(request: Request, hub: Hub) -> Mapping[str, str]:
    """Lower-case names, and the method and URL that a signature is made over: ours as configured, since a proxy's
    word for it can be forged."""
    public = hub.settings.web.public_url or str(request.base_url)
    query = f"?{request.url.query}" if request.url.query else ""
    return {
        **{name.lower(): value for name, value in request.headers.items()},
        ":method": request.method,
        ":url": f"{public.rstrip('/')}{request.url.path}{query}",
    }
