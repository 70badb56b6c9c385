"""Socket Mode: a line that we open to Slack, on which pressed buttons come where no address of ours can be reached.

Source: Slack "Using Socket Mode" (read 2026-11): each envelope is acknowledged by its id; Slack closes lines now and
then and expects a new one. slack_sdk's own client keeps the line; it needs nothing besides itself.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin.client import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from connectors.slack.client import LineBroke, silent, web_client
from connectors.slack.settings import SlackSettings
from steward.contracts import Tools
from steward.model.errors import AccessDenied, StewardError, TryAgain

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 60.0
_NO_ENTRY = (
    "invalid_auth", "not_allowed_token_type", "missing_scope", "token_revoked", "account_inactive", "not_authed")


class SlackSocket:
    """The line of one app, by its app-level token."""

    def __init__(self, settings: SlackSettings, tools: Tools) -> None:
        self._settings, self._tools = settings, tools

    def listen(self, take: Callable[[bytes], None], stopping: threading.Event) -> None:
        """Hand each interaction to `take` in the form that the inbox parses, and acknowledge it once that returns.

        Raises:
            AccessDenied: the app-level token is wrong, or lacks connections:write.
        """
        wait_s = 1.0
        while not stopping.is_set():
            client = self._client(take)
            try:
                client.connect()
                wait_s = 1.0
                stopping.wait()
            except SlackApiError as error:
                word = str(error.response.get("error", ""))
                if word in _NO_ENTRY:
                    raise AccessDenied(
                        f'slack: Socket Mode was answered "{word}". Make an app-level token with connections:write '
                        "(xapp-…), set it as app_token, and switch Socket Mode on.") from None
            except (TryAgain, LineBroke, OSError):
                pass                        # Slack is not there; it is tried again below
            finally:
                client.close()
            stopping.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _client(self, take: Callable[[bytes], None]) -> SocketModeClient:
        assert self._settings.app_token
        client = SocketModeClient(
            self._settings.app_token.get_secret_value(), logger=silent(),
            web_client=web_client(self._settings, self._tools), concurrency=1)
        client.proxy = None                 # it would read one from the environment
        client.socket_mode_request_listeners.append(_Listener(take))
        return client


class _Listener:
    """What slack_sdk calls for each envelope, one at a time."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def __call__(self, client: Any, request: SocketModeRequest) -> None:
        if request.type == "interactive":
            try:
                self._take(urlencode({"payload": json.dumps(request.payload)}).encode())
            except StewardError as error:
                log.warning("socket_call_not_stored trouble=%s", error)
                return                      # without our word Slack tells the person that it did not work
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
