"""The token that a call carries: a private app's, or one of OAuth that is fetched anew before or when it expires."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from connectors.hubspot.settings import HubSpotSettings
from steward.contracts import Tools
from steward.model.errors import Unavailable

_EARLY = timedelta(seconds=60)              # fetched anew so long before it expires
_USUAL_S = 1800


class Tokens:
    """One token at a time, shared by all threads. `fetch` posts a form to a path and gives the answer's body."""

    def __init__(self, settings: HubSpotSettings, tools: Tools, fetch: Callable[[str, bytes], dict[str, Any]]) -> None:
        self._settings, self._tools, self._fetch = settings, tools, fetch
        self._lock = threading.Lock()
        self._token = settings.access_token.get_secret_value() if settings.access_token else ""
        self._refresh = settings.refresh_token.get_secret_value() if settings.refresh_token else ""
        self._until: datetime | None = None  # not known of the one that settings gave

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be told, whoever repeats it."""
        own = (self._settings.client_secret.get_secret_value(),) if self._settings.client_secret else ()
        return tuple(each for each in (self._token, self._refresh, *own) if each)

    def current(self) -> str:
        """The token to call with.

        Raises:
            StewardError: as the call that fetches a new one.
        """
        with self._lock:
            expires = self._until is not None and self._tools.now() >= self._until - _EARLY
            if self._refresh and (not self._token or expires):
                self._renew()
            return self._token

    def refused(self, token: str) -> bool:
        """`token` was answered 401: whether there is another one to call with now."""
        with self._lock:
            if not self._refresh:
                return False
            if self._token == token:        # else another thread was faster
                self._renew()
            return self._token != token

    def _renew(self) -> None:
        settings = self._settings
        assert settings.client_secret
        form = {
            "grant_type": "refresh_token", "client_id": settings.client_id, "refresh_token": self._refresh,
            "client_secret": settings.client_secret.get_secret_value(),
        }
        told = self._fetch(f"/oauth/{settings.oauth_version}/token", urlencode(form).encode())
        token, lives_s = told.get("access_token"), told.get("expires_in")
        if not isinstance(token, str) or not token:
            raise Unavailable("hubspot: a new token was asked for and none was given. Steward tries again later.")
        lives = lives_s if isinstance(lives_s, int | float) and 0 < lives_s < 10**7 else _USUAL_S
        self._token, self._until = token, self._tools.now() + timedelta(seconds=lives)
        if isinstance(told.get("refresh_token"), str) and told["refresh_token"]:
            self._refresh = told["refresh_token"]
