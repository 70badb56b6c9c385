"""What went wrong, as problem JSON (RFC 9457): code, title, what to do, the request's id; never a stack trace."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from steward.model.errors import AccessDenied, ConfigError, SignatureRejected, StewardError, TryAgain


class NotFoundError(StewardError):
    """There is no such thing; the message names it."""


_STATUS: tuple[tuple[type[StewardError], int, str], ...] = (
    (NotFoundError, 404, "not_found"),
    (SignatureRejected, 401, "signature_rejected"),
    (AccessDenied, 401, "access_denied"),
    (TryAgain, 503, "try_again"),
    (ConfigError, 500, "configuration"),
)
_TITLES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported"}


class Fault(BaseModel):
    """One field that does not fit."""

    field: str
    detail: str


class Problem(BaseModel):
    """Problem JSON (RFC 9457); `detail` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[Fault] = []


def unfit(field: str, detail: str) -> RequestValidationError:
    """The request does not fit, for a reason that only we could know."""
    return RequestValidationError([{"loc": ("body", field), "msg": detail, "type": "value_error"}])


def documented(**texts: str) -> dict[int | str, dict[str, Any]]:
    """The problems of a route for its document: `documented(s404="There is no such customer.")`."""
    return {int(name[1:]): {"model": Problem, "description": text} for name, text in texts.items()}


def problem(status: int, code: str, detail: str, **more: object) -> JSONResponse:
    """One problem; `detail` says what to do."""
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        headers["Retry-After"] = "5"
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail,
            "request_id": str(uuid.uuid4()), **more}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem."""

    @app.exception_handler(StewardError)
    async def _ours(request: Request, error: StewardError) -> JSONResponse:
        for kind, status, code in _STATUS:
            if isinstance(error, kind):
                said = "Steward is not set up for this; see its log." if status == 500 else str(error)
                return problem(status, code, said)
        return problem(500, "failed", "This did not work. Nothing was lost; see Steward's log.")

    @app.exception_handler(RequestValidationError)
    async def _unfit(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {"field": ".".join(str(part) for part in fault["loc"]), "detail": fault["msg"]} for fault in error.errors()
        ]
        return problem(422, "unfit_request", "Correct the fields named in `errors`.", errors=faults)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, _TITLES.get(error.status_code, "refused"), str(error.detail))

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        return problem(500, "our_bug", "This is a bug in Steward. Nothing was lost; please report the request's id.")
