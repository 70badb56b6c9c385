"""ChurnZero's two APIs: OData to read (Basic), `/i` to write (an app key in the body, never in the address)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.churnzero.settings import ChurnZeroSettings
from steward.contracts import Tools
from steward.kit.client import Client as Http
from steward.model.errors import AccessDenied, OutcomeUnknown, RecordRejected

Row = Mapping[str, Any]
_REST = "/public/v1/"


class Client:
    """Calls to one instance."""

    def __init__(self, settings: ChurnZeroSettings, tools: Tools) -> None:
        self._settings = settings
        headers = {"accept": "application/json"}
        if settings.rest:
            pair = f"{settings.rest.email}:{settings.rest.api_key.get_secret_value()}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._read = Http("churnzero", settings.url, tools, headers)
        self._write = Http("churnzero", settings.url, tools, {"accept": "application/json"})

    @property
    def reads(self) -> bool:
        return self._settings.rest is not None

    def rows(self, entity: str, options: Mapping[str, str]) -> tuple[Sequence[Row], bool]:
        """A page of an entity, and whether more follow. `options` are OData's, with their "$".

        Raises:
            AccessDenied: the key, or a Bulk Read permission of its user, is missing.
        """
        if not self.reads:
            raise AccessDenied("churnzero: reading needs the REST API. Set rest.email and rest.api_key.")
        what = f"read {entity}"
        answer = self._read.get(f"{_REST}{entity}", what, options)
        return self._read.understood(answer, what, _page)

    def account(self, account_id: str) -> Row:
        """One account by ChurnZero's own id; raises RecordRejected where there is none."""
        if not account_id.isdecimal():
            raise RecordRejected(f'churnzero: "{account_id}" is no account id of ChurnZero', "account_external_id")
        found = self.one("Account", account_id)
        if found is None:
            raise RecordRejected(f"churnzero: there is no Account({account_id}) any more (404)", "account_external_id")
        return found

    def one(self, entity: str, row_id: str) -> Row | None:
        """One row by its id; None where there is none."""
        if not row_id.isdecimal():
            return None
        what = f"read {entity}({row_id})"
        try:
            answer = self._read.get(f"{_REST}{entity}({row_id})", what)
        except RecordRejected as error:
            if "was answered 404" in str(error):
                return None
            raise
        return self._read.understood(answer, what, _object)

    def act(self, action: Mapping[str, object], what: str) -> None:
        """Do one action of the HTTP API.

        Raises:
            RecordRejected: a parameter was refused (422).
            OutcomeUnknown: the line broke, or the answer does not say that it was done.
        """
        key = self._settings.app_key
        if key is None:
            raise AccessDenied(f"churnzero: to {what}, set app_key (Admin, Application Keys).")
        body = json.dumps([{"appKey": key.get_secret_value(), **action}], ensure_ascii=False).encode()
        answer = self._write.post("/i", what, body)
        # What a success says is not documented: an empty body, "OK", or JSON. A page of HTML is a proxy's.
        if b"<html" in answer.body[:1000].lower() or answer.status != 200 or not answer.body.strip():
            raise OutcomeUnknown(f"churnzero: {what} was answered {answer.status} with nothing that says it was done.")


def _page(told: Any) -> tuple[list[Row], bool]:
    rows = told["value"]
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError
    return list(rows), bool(told.get("@odata.nextLink"))


def _object(told: Any) -> Row:
    if not isinstance(told, dict) or "Id" not in told:
        raise TypeError
    return told
