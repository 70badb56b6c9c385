"""The HTTP line under tableauserverclient: the kit's client in the shape of a requests session.

tableauserverclient alone follows redirects with the token, waits without end for an answer that drips, takes proxies
from the environment, and stumbles over an answer that is no XML. What is not 2xx leaves here as an error of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

import requests
from defusedxml.ElementTree import fromstring
from requests.structures import CaseInsensitiveDict

from steward.kit.client import Client
from steward.model.errors import AccessDenied

TOKEN = "x-tableau-auth"  # noqa: S105  the name of a header
_INVALID_TOKEN = "401002"  # noqa: S105  the code of an error
_OWN = ("content-length", "connection", "accept-encoding", "host")
_WHAT = {"signin": "sign in", "projects": "list the projects", "datasources": "list the data sources",
         "fileuploads": "upload the rows", "jobs": "look at the job", "data": "update the data source"}


class Line(requests.Session):
    """`renew` signs in anew and gives the token, once where Tableau calls the one that was sent invalid."""

    def __init__(self, client: Client, renew: Callable[[], str]) -> None:
        super().__init__()
        self.trust_env = False
        self._client, self._renew = client, renew

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """The whole answer, which is XML of Tableau's. Raises the errors of the model."""
        parts = urlsplit(request.url or "")
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        method, what = request.method or "GET", _what(request.method or "GET", parts.path)
        write = method == "PATCH" or (method == "POST" and parts.path.lower().endswith("/datasources"))
        headers = {name.lower(): str(value) for name, value in request.headers.items() if name.lower() not in _OWN}
        body = request.body.encode() if isinstance(request.body, str) else request.body

        def call() -> Any:
            return self._client.call(method, path, what, write=write, body=body or None, headers=headers)

        try:
            answer = call()
        except AccessDenied as error:          # nothing was done
            if TOKEN not in headers or _INVALID_TOKEN not in str(error):
                raise
            headers[TOKEN] = self._renew()
            answer = call()
        if answer.status != 204 and not _is_tableaus(answer.body):
            raise self._client.lost(what, write)
        return _as_response(request, answer.status, answer.headers, answer.body)


def words(body: bytes) -> str:
    """ "401001: Signin Error: Error signing in to Tableau Server" of an error body."""
    try:
        root = fromstring(body)
    except (ParseError, ValueError):
        return ""
    fault = next((each for each in root if _name(each) == "error"), None)
    if fault is None:
        return ""
    texts = [(each.text or "").strip() for each in fault]
    return ": ".join(part for part in (fault.get("code", ""), *texts) if part)[:200]


def _what(method: str, path: str) -> str:
    parts = path.lower().strip("/").split("/")
    if method == "POST" and parts[-1] == "datasources":
        return "make the data source"
    return next((_WHAT[part] for part in reversed(parts) if part in _WHAT), "ask Tableau")


def _is_tableaus(body: bytes) -> bool:
    try:
        return _name(fromstring(body)) == "tsResponse"
    except (ParseError, ValueError):
        return False


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _as_response(request: requests.PreparedRequest, status: int, headers: Any, body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response.request, response.url = status, request, request.url or ""
    response.headers, response.encoding = CaseInsensitiveDict(headers), "utf-8"
    response._content = body                   # requests has no public way to make an answer
    return response
