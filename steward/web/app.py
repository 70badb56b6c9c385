"""The application: the API, the webhooks, and whether we are well. Documentation is served without any CDN."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from steward import __version__
from steward.web import cs_ops, enrollments, hooks, listeners, problems
from steward.web.limits import BodyLimit
from steward.web.worker import Worker
from steward.wiring import Hub

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

_ABOUT = """What is known of a customer and why, and what follows. Press **Authorize** and paste a token of
`web.tokens` in steward.yaml. A customer is named by our id, by the id that another system knows it by, by its domain or
its name. What is not known is `null`, with the reason, and never 0. Webhooks at `/hooks/CONNECTION` are verified by
their own secret, not by the token."""


def create_app(hub: Hub) -> FastAPI:
    """The application over `hub`; its worker lives as long as it serves."""
    worker = Worker(hub)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        worker.stop()

    app: FastAPI = FastAPIOffline(
        title="Steward", version=__version__, description=_ABOUT, lifespan=lifespan, redoc_url=None)
    app.state.hub, app.state.worker = hub, worker
    problems.install(app)
    app.include_router(cs_ops.router)
    app.include_router(enrollments.router)
    app.include_router(listeners.router)
    app.include_router(hooks.router)

    @app.get("/healthz", tags=["operations"])
    def healthz() -> dict[str, str]:
        """200 while this process serves."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operations"])
    def readyz() -> dict[str, str]:
        """200 while the database answers."""
        hub.ping()
        return {"status": "ready"}

    app.add_middleware(BodyLimit)

    @app.middleware("http")
    async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path.startswith("/api/") and ("\x00" in request.url.path or "%00" in request.url.query):
            # PostgreSQL can hold no such text, so nothing of ours is called so.
            response: Response = problems.problem(422, "unfit_request", "Leave out the character NUL (%00).")
        else:
            response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app
