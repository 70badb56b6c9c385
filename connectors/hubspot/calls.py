"""One HubSpot call, within the budgets and with a good token: plain data, or the error that says what happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from connectors.hubspot.paths import Paths, paths
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.tokens import Tokens
from connectors.hubspot.transport import Answer, LineBroke, NotSent, Transport
from steward.contracts import Tools
from steward.kit.budget import Budget, within
from steward.kit.http import failure, retry_after_s
from steward.model.errors import OutcomeUnknown, RateLimited, RecordRejected, StewardError, Unavailable

Row = Mapping[str, Any]
Call = Callable[[], Answer]

# A lock held for seconds; a portal that is being moved to another data centre, for up to a day.
_LATER = (423, 477)
_DAY_GONE_S = 3600.0                        # the day's calls are used up; HubSpot does not say until when
_STATUS_OF = {
    "OBJECT_NOT_FOUND": 404, "CONFLICT": 409, "MISSING_SCOPES": 403, "RATE_LIMITS": 429, "INTERNAL_ERROR": 500,
}
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class Calls:
    """Calls of one app. Thread-safe; the budgets are shared with every process of the install."""

    def __init__(self, settings: HubSpotSettings, tools: Tools) -> None:
        self._settings, self._tools = settings, tools
        self._transport = Transport(tools.deadline_s)
        self._tokens = Tokens(settings, tools, self._fetch)
        whose = hashlib.sha256("\n".join((settings.host, *self._tokens.secrets[:1])).encode()).hexdigest()[:16]
        if settings.client_id:              # a token of OAuth is another one every half hour
            whose = f"{settings.client_id} {settings.portal_id}"
        self._searches = Budget(tools, f"hubspot searches {whose}"[:255], settings.searches_per_s, 1.0)
        self._calls = Budget(tools, f"hubspot calls {whose}"[:255], settings.most_per_10_s, 10.0)
        self._held: Paths | None = None

    @property
    def paths(self) -> Paths:
        if self._held is None:              # late: `connect` is asked of every connection that is listed
            self._held = paths(self._settings.api, self._settings.host, self._transport)
        return self._held

    def read(self, what: str, call: Call, *, search: bool = False) -> Row:
        """The answer to a read; `what` names it in errors.

        Raises:
            TryAgain, AccessDenied, GiveUp: as `steward.kit.http` says.
        """
        return self._done(what, call, write=False, search=search)

    def write(self, what: str, call: Call) -> Row:
        """The answer to a write, which may be that only some of it was done.

        Raises:
            OutcomeUnknown: it may have been done.
        """
        return self._done(what, call, write=True, search=False)

    def error_of(self, what: str, told: Row) -> StewardError:
        """What one of the errors of a batch means."""
        status = _STATUS_OF.get(str(told.get("category")), 400)
        said = self._said(told).removeprefix(": ")
        error = failure("hubspot", what, status, {}, said, write=True, now=self._tools.now())
        return RecordRejected(str(error), _field(told)) if isinstance(error, RecordRejected) else error

    # ---- the inside ----

    def _done(self, what: str, call: Call, *, write: bool, search: bool) -> Row:
        token = self._tokens.current()
        answer = self._sent(what, call, token, write=write, search=search)
        if answer.status == 401 and self._tokens.refused(token):        # not processed, so it may go again
            answer = self._sent(what, call, self._tokens.current(), write=write, search=search)
        if not 200 <= answer.status <= 299:
            raise self._meaning(what, answer, write)
        body = parsed(answer.body)
        if not isinstance(body, dict):
            raise _broken(what, "the answer was no JSON object", write)
        return body

    def _sent(self, what: str, call: Call, token: str, *, write: bool, search: bool) -> Answer:
        try:
            with within(self._calls, self._searches) if search else within(self._calls):
                self._transport.use(token)
                return call()
        except NotSent as error:
            raise self._unreachable(error) from None
        except LineBroke as error:
            raise _broken(what, f"the line broke: {error}", write) from None

    def _fetch(self, path: str, form: bytes) -> dict[str, Any]:
        what = "ask for a new token"
        try:
            answer = self._transport.send("POST", self._settings.host + path, form, _FORM)
        except NotSent as error:
            raise self._unreachable(error) from None
        except LineBroke as error:
            raise _broken(what, f"the line broke: {error}", write=False) from None
        if not 200 <= answer.status <= 299:
            # HubSpot answers 400 where the refresh token or the secret is wrong: nothing but an operator mends that.
            status = 401 if answer.status == 400 else answer.status
            raise self._meaning(what, Answer(status, answer.headers, answer.body), write=False)
        told = parsed(answer.body)
        return told if isinstance(told, dict) else {}

    def _unreachable(self, error: NotSent) -> Unavailable:
        host = self._settings.host
        return Unavailable(f'hubspot: could not connect to "{host}": {error}. Steward tries again later.')

    def _meaning(self, what: str, answer: Answer, write: bool) -> StewardError:
        body, now = as_dict(parsed(answer.body)), self._tools.now()
        if answer.status in _LATER:
            return RateLimited(f"hubspot: {what} was answered {answer.status}{self._said(body)}. Steward tries again.",
                               retry_after_s(answer.headers, now))
        error = failure("hubspot", what, answer.status, answer.headers, self._said(body).removeprefix(": "),
                        write=write, now=now)
        if isinstance(error, RateLimited) and error.retry_after_s is None and body.get("policyName") == "DAILY":
            return RateLimited(str(error), _DAY_GONE_S)
        return RecordRejected(str(error), _field(body)) if isinstance(error, RecordRejected) else error

    def _said(self, body: Row) -> str:
        """HubSpot's own words, with what its support asks for."""
        message = " ".join(str(body.get("message") or "").split())[:400]
        marks = [str(body[name])[:80] for name in ("category", "policyName", "correlationId") if body.get(name)]
        text = message + (f" ({', '.join(marks)})" if marks else "")
        for secret in self._tokens.secrets:
            text = text.replace(secret, "…")
        return f": {text}" if text else ""


def parsed(body: bytes) -> Any:
    """The JSON in `body`; None where it is none."""
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        return json.loads(body)             # orjson refuses half a surrogate pair, which HubSpot lets people store
    except (ValueError, RecursionError):
        return None


def as_dict(node: Any) -> Row:
    return node if isinstance(node, dict) else {}


def dicts(node: Any) -> Sequence[Row]:
    return [each for each in node if isinstance(each, dict)] if isinstance(node, list) else []


def _broken(what: str, why: str, write: bool) -> StewardError:
    if write:
        return OutcomeUnknown(f"hubspot: {what} may have been done: {why}. Steward looks before it tries again.")
    return Unavailable(f"hubspot: {what} got no answer: {why}. Steward tries again later.")


def _field(body: Row) -> str | None:
    """The property that was refused, where HubSpot says so."""
    for error in (body, *dicts(body.get("errors"))):
        context = as_dict(error.get("context"))
        for name in ("propertyName", "properties", "name"):
            found = context.get(name)
            if isinstance(found, list) and found:
                return str(found[0])
            if isinstance(found, str):
                return found
    return None
