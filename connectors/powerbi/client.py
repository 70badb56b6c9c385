"""Calls to Power BI's REST API: a token of the service principal, every call in a workspace."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from connectors.powerbi.settings import PowerBiSettings
from steward.contracts import Tools
from steward.kit.client import Answer, Client
from steward.model.errors import AccessDenied, Unavailable

_EARLY = timedelta(minutes=2)               # a token is renewed so long before it ends


class PowerBi:
    """One workspace. Thread-safe."""

    def __init__(self, settings: PowerBiSettings, tools: Tools) -> None:
        self._settings, self._tools = settings, tools
        self._login = Client("powerbi", settings.login_url, tools, words=_words)
        self._api = Client("powerbi", settings.api_url, tools, words=_words)
        self._lock = threading.Lock()
        self._token, self._good_until = "", datetime.min.replace(tzinfo=tools.now().tzinfo)

    def listed(self, path: str, what: str) -> list[Mapping[str, Any]]:
        """The objects of a list under the workspace.

        Raises:
            Unavailable: something else was answered; that there is none of them is only said by an empty list.
        """
        answer = self._call("GET", path, what, write=False)
        return self._api.understood(answer, what, _objects)

    def query(self, dataset_id: str, dax: str, what: str) -> list[Mapping[str, Any]]:
        """The rows of a query.

        Raises:
            Unavailable: it failed, or only a part came: a 200 may hold both rows and an error.
        """
        asked = {"queries": [{"query": dax}], "serializerSettings": {"includeNulls": True}}
        answer = self._call("POST", f"/datasets/{dataset_id}/executeQueries", what, body=asked, write=False)
        return self._api.understood(answer, what, lambda told: _rows(told, what))

    def change(
        self, method: str, path: str, what: str, body: Any = None, headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to a change under the workspace: nothing, or JSON that speaks of no error.

        Raises:
            OutcomeUnknown: a page of a proxy, or an error in a 200, answered.
        """
        answer = self._call(method, path, what, body=body, headers=headers, write=True)
        if answer.body.strip():
            self._api.understood(answer, what, _no_fault, write=True)
        return answer

    def made(self, path: str, what: str, body: Any) -> Mapping[str, Any]:
        """What a POST made, as it answers."""
        answer = self.change("POST", path, what, body)
        made: Mapping[str, Any] = self._api.understood(answer, what, _named, write=True)
        return made

    def _call(
        self, method: str, path: str, what: str, *, write: bool, body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        whole = f"/v1.0/myorg/groups/{self._settings.workspace_id}{path}"

        def call(token: str) -> Answer:
            return self._api.call(method, whole, what, write=write, body=body,
                                  headers={**(headers or {}), "authorization": f"Bearer {token}"})

        token, fresh = self._bearer()
        try:
            return call(token)
        except AccessDenied as error:          # nothing was done: it is asked once more, with a token just made
            if fresh or not ("answered 401" in str(error) or "TokenExpired" in str(error)):
                raise
        return call(self._bearer(stale=token)[0])

    def _bearer(self, stale: str = "") -> tuple[str, bool]:
        """A token, and whether it was made just now; another one than `stale`."""
        with self._lock:
            if self._token and self._token != stale and self._tools.now() < self._good_until:
                return self._token, False
            form = urlencode({
                "grant_type": "client_credentials", "scope": self._settings.scope,
                "client_id": self._settings.client_id,
                "client_secret": self._settings.client_secret.get_secret_value()})
            what = "ask for a token"
            answer = self._login.call(
                "POST", f"/{self._settings.tenant_id}/oauth2/v2.0/token", what, write=False, body=form.encode(),
                headers={"content-type": "application/x-www-form-urlencoded"})
            self._token, lasts_s = self._login.understood(
                answer, what, lambda told: (str(told["access_token"]), float(told["expires_in"])))
            self._good_until = self._tools.now() + timedelta(seconds=min(lasts_s, 86_400)) - _EARLY
            return self._token, True


def table_path(dataset_id: str, table: str) -> str:
    return f"/datasets/{dataset_id}/tables/{quote(table, safe='')}"


def _objects(told: Any) -> list[Mapping[str, Any]]:
    listed = told["value"]
    if not isinstance(listed, list):
        raise TypeError
    return [each for each in listed if isinstance(each, dict)]


def _named(told: Any) -> Any:
    if not told["id"]:
        raise ValueError
    return told


def _no_fault(told: Any) -> None:
    if not isinstance(told, dict) or "error" in told or any(
            "error" in table for result in told.get("results", ()) for table in (result, *result.get("tables", ()))):
        raise TypeError


def _rows(told: Any, what: str) -> list[Mapping[str, Any]]:
    result = told["results"][0] if "results" in told else {}
    fault = told.get("error") or result.get("error") or next(
        (table["error"] for table in result.get("tables", ()) if table.get("error")), None)
    if fault:
        raise Unavailable(f"powerbi: {what} failed: {str(fault.get('code', ''))[:80]} "
                          f"{str(fault.get('message', ''))[:120]}".rstrip())
    rows: list[Mapping[str, Any]] = result["tables"][0]["rows"]
    return rows


def _words(body: bytes) -> str:
    """ "PowerBIEntityNotFound: …" of {"error": {"code": …, "message"?: …}}, or what the token endpoint says."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    fault = told.get("error") if isinstance(told, dict) else None
    if isinstance(fault, str):
        described = told.get("error_description")
        more = f": {described.splitlines()[0]}" if isinstance(described, str) and described.strip() else ""
        return f"{fault}{more}"[:200]
    if not isinstance(fault, dict):
        return ""
    parts = [str(fault[name]) for name in ("code", "message") if isinstance(fault.get(name), str)]
    return ": ".join(parts)[:200]
