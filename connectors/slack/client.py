"""One call of Slack's Web API: its answer, or the error that says whether it happened."""

from __future__ import annotations

import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from connectors.slack.settings import SlackSettings
from steward.contracts import Tools
from steward.kit.http import failure, retry_after_s
from steward.model.errors import (
    AccessDenied,
    OutcomeUnknown,
    RateLimited,
    RecordRejected,
    StewardError,
    Unavailable,
)

MOST_BYTES = 4 * 2**20

# Of the errors in method-docs/common_errors.json: Slack did nothing, and may do it later.
_LATER = {"service_unavailable", "request_timeout", "team_added_to_org", "org_login_required"}
_SLOWER = {"ratelimited", "rate_limited", "message_limit_exceeded"}
_MAYBE = {"internal_error", "fatal_error", "update_failed"}
_ACCESS = {
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
    "no_permission", "not_allowed_token_type", "access_denied", "accesslimited", "ekm_access_denied",
    "enterprise_is_restricted", "team_access_not_granted", "two_factor_setup_required", "not_in_channel",
}
_FIELDS = {
    "channel_not_found": "to", "is_archived": "to", "users_not_found": "to", "user_not_found": "to",
    "invalid_blocks": "card", "invalid_blocks_format": "card", "msg_blocks_too_long": "card", "msg_too_long": "card",
    "no_text": "card", "message_not_found": "message_id", "cant_update_message": "message_id",
    "edit_window_closed": "message_id", "cannot_reply_to_message": "thread",
}
_REMEDY = {
    "not_in_channel": " Invite the app to the channel.",
    "channel_not_found": " Name a channel that the app can see, or invite it there.",
}
_ERROR_WORD = re.compile(r"[a-z_]{2,80}")


class Refused(RecordRejected):
    """Slack's own `error` word, kept for those who know what to do about it."""

    def __init__(self, message: str, field: str | None, word: str) -> None:
        super().__init__(message, field)
        self.word = word


class Client:
    """Calls with one app's token. Holds nothing between calls."""

    def __init__(self, settings: SlackSettings, tools: Tools) -> None:
        self._tools = tools
        self._web = web_client(settings, tools)

    def read(self, method: str, **params: Any) -> Mapping[str, Any]:
        """The answer of a call that changes nothing; what breaks on the way can be asked again."""
        return self._call(method, write=False, data=params)

    def write(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of a call that changes something.

        Raises:
            OutcomeUnknown: the line broke after the first byte was sent, or Slack says that part may be done.
        """
        return self._call(method, write=True, json=body)

    def _call(self, method: str, *, write: bool, **content: Any) -> Mapping[str, Any]:
        try:
            answer = self._web.api_call(method, **content)
        except SlackApiError as error:
            raise self._meaning(method, error, write) from None
        except LineBroke as error:
            raise _broken(method, str(error), write) from None
        return {**answer.data, "_headers": answer.headers} if isinstance(answer.data, dict) else {}

    def _meaning(self, method: str, error: SlackApiError, write: bool) -> StewardError:
        answer = error.response
        data = answer.data if isinstance(answer.data, dict) else {}
        word = str(data.get("error", ""))
        if not _ERROR_WORD.fullmatch(word):
            word = ""                               # an empty body or a proxy's page, which is not Slack speaking
        if answer.status_code != 200:
            return failure("slack", method, answer.status_code, answer.headers, word, write=write,
                           now=self._tools.now())
        if word in _SLOWER:
            return RateLimited(f'slack: {method} was answered "{word}". Steward waits and tries again.',
                               retry_after_s(answer.headers, self._tools.now()))
        return _refusal(method, word, data, write)


def _refusal(method: str, word: str, data: Mapping[str, Any], write: bool) -> StewardError:
    """The error for HTTP 200 with `ok: false`, which is how Slack says no."""
    text = f'slack: {method} was answered "{word}".'
    if word in _LATER:
        return Unavailable(f"{text} Steward tries again later.")
    if not word or word in _MAYBE:
        return _broken(method, f'"{word}"' if word else "the answer was not Slack's", write)
    if word == "missing_scope":
        return AccessDenied(f'{text} Add the scope "{data.get("needed", "?")}" to the app, reinstall it, '
                            "then run: steward connector check slack")
    if word in _ACCESS or word.startswith("restricted_action"):
        remedy = _REMEDY.get(word, " Check the token and the app's rights.")
        return AccessDenied(f"{text}{remedy} Then run: steward connector check slack")
    said = "; ".join(str(line) for line in (data.get("response_metadata") or {}).get("messages", ())[:3])
    return Refused(f"{text}{f' It says: {said}.' if said else ''}{_REMEDY.get(word, '')}", _FIELDS.get(word), word)


def _broken(method: str, why: str, write: bool) -> StewardError:
    if write:
        return OutcomeUnknown(f"slack: {method} may have been done: {why}. Steward does not send it again blindly.")
    return Unavailable(f"slack: {method} got no answer: {why}. Steward tries again later.")


class LineBroke(Exception):
    """The line broke after the first byte was sent."""


class _WebClient(WebClient):
    """slack_sdk's client, sending each request exactly once: no re-sending, no proxy, no redirect, a total deadline.

    Its own transport re-sends after a reset, reads proxies from the environment, and times each read alone.
    """

    deadline_s = 30.0

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        line = _open(url, self.deadline_s)
        watch = threading.Timer(line.left_s, line.cut)
        watch.start()
        try:
            line.connection.request("POST", urlsplit(url).path, req.data, dict(req.header_items()))
            answer: HTTPResponse = line.connection.getresponse()
            body = answer.read(MOST_BYTES).decode("utf-8", "replace")
            if answer.length:
                raise LineBroke("the answer was cut short")
        except (OSError, HTTPException) as error:
            late = " (the deadline passed)" if line.was_cut else ""
            raise LineBroke(f"the line broke: {type(error).__name__}{late}") from None
        finally:
            watch.cancel()
            line.connection.close()
        return {"status": answer.status, "headers": dict(answer.getheaders()), "body": body}


class _Line:
    """An open line that `cut` ends from outside, so that no trickle outlasts the deadline."""

    def __init__(self, connection: HTTPConnection, left_s: float) -> None:
        self.connection, self.left_s, self.was_cut = connection, left_s, False

    def cut(self) -> None:
        self.was_cut = True
        try:
            if self.connection.sock:
                self.connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return                                  # the other side was faster


def _open(url: str, deadline_s: float) -> _Line:
    parts, began = urlsplit(url), time.monotonic()
    connection = (
        HTTPSConnection(parts.netloc, timeout=deadline_s, context=ssl.create_default_context())
        if parts.scheme == "https" else HTTPConnection(parts.netloc, timeout=deadline_s)
    )
    try:
        connection.connect()
    except OSError as error:
        connection.close()
        raise Unavailable(f'slack: could not connect to "{parts.netloc}": {type(error).__name__}. '
                          "Steward tries again later.") from None
    return _Line(connection, max(deadline_s - (time.monotonic() - began), 0.01))


def web_client(settings: SlackSettings, tools: Tools) -> WebClient:
    """slack_sdk's client for the app's token, made safe as `_WebClient` says."""
    client = _WebClient(
        token=settings.token.get_secret_value(), base_url=settings.base_url, timeout=int(tools.deadline_s) or 1,
        retry_handlers=[], logger=silent(),
    )
    client.deadline_s = tools.deadline_s
    return client


def silent() -> logging.Logger:
    """slack_sdk logs whole answers at ERROR; whoever catches our error logs what matters."""
    logger = logging.getLogger("steward.slack_sdk")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
