"""Calls to one org through simple-salesforce: signed in when needed, in time, and failing in Steward's words only."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jwt import PyJWTError
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError
from simple_salesforce.format import format_external_id
from simple_salesforce.login import SalesforceLogin

from connectors.salesforce.answers import (
    SYSTEM,
    AnswerTooLarge,
    NoSuchObject,
    json_in,
    json_of,
    of_answer,
    of_break,
    of_row,
    said_in,
    unreadable,
)
from connectors.salesforce.session import Answered, Broken, Session, Usage
from connectors.salesforce.settings import LOOPBACK, SalesforceSettings
from steward.contracts import Tools
from steward.kit.retry import again
from steward.model.errors import (
    AccessDenied,
    OutcomeUnknown,
    RateLimited,
    StewardError,
    Unavailable,
)

__all__ = ["AnswerTooLarge", "Client", "NoSuchObject"]

T = TypeVar("T")
_MOST_WORDS = 300
_RENEWALS = 2                               # of a token in one call: a new one may die too, then access is denied
_BELIEVED = timedelta(minutes=5)            # how long what the org told of its calls is believed
_NO_KEY = (PyJWTError, ValueError, TypeError)


class Client:
    """One org. Nothing is called before the first use; a token that died is renewed, twice in a call at most."""

    def __init__(self, settings: SalesforceSettings, tools: Tools) -> None:
        self._settings, self._tools = settings, tools
        self._session = Session(tools.deadline_s, settings.instance_url if settings.is_loopback else None)
        self._lock = threading.Lock()
        self._salesforce: Salesforce | None = None
        self._asked_about: Usage | None = None
        self._ask_again_at = datetime.max.replace(tzinfo=UTC)

    # ---- reads: tried again within seconds ----

    def query(self, soql: str, *, deleted: bool = False) -> dict[str, Any]:
        """The first page of `soql`; `deleted` looks into the recycle bin too."""
        headers = {"Sforce-Query-Options": f"batchSize={self._settings.page_size}"}
        what = f"query of {_object_of(soql)}"
        return self._read(what, lambda sf: sf.query(soql, include_deleted=deleted, headers=headers))

    def more(self, url: str) -> dict[str, Any]:
        """The page behind a `nextRecordsUrl`."""
        if not url.startswith("/services/data/"):
            raise Unavailable(f'{SYSTEM}: the next page is said to be at "{url[:80]}", which is no path of the API')
        headers = {"Sforce-Query-Options": f"batchSize={self._settings.page_size}"}
        return self._read("next page", lambda sf: sf.query_more(url, identifier_is_url=True, headers=headers))

    def describe(self, table: str) -> dict[str, Any]:
        """What the object `table` is and which fields the user may see. Raises NoSuchObject where it is not there."""
        def call(sf: Salesforce) -> Any:
            try:
                return getattr(sf, table).describe()
            except Answered as answer:
                if answer.status == 404 and said_in(answer.body)[0] == "NOT_FOUND":
                    said = f'{SYSTEM}: the org has no object "{table}", or the user may not read it'
                    raise NoSuchObject(said) from None
                raise

        return self._read(f"describe of {table}", call)

    def described(self, table: str) -> dict[str, dict[str, Any]]:
        """The fields of `table` as `describe` tells them, by name."""
        fields = self.describe(table).get("fields")
        return {str(each.get("name")): each for each in fields or () if isinstance(each, dict)}

    def deleted(self, table: str, start: datetime, end: datetime) -> dict[str, Any]:
        """The delete log between two instants, at most 15 days back."""
        return self._read(f"deletions of {table}", lambda sf: getattr(sf, table).deleted(start, end))

    def updated(self, table: str, start: datetime, end: datetime) -> dict[str, Any]:
        """Ids changed between two instants, and the instant until which Salesforce vouches for the list."""
        return self._read(f"updates of {table}", lambda sf: getattr(sf, table).updated(start, end))

    def limits(self) -> dict[str, Any]:
        """What is left of the org's limits."""
        return self._read("limits", lambda sf: sf.limits())

    def ask(self, what: str, method: str, path: str, body: object = None) -> Any:
        """What a harmless call to a path below `/services/data/vXX.0/` answers, as JSON; None for an empty body."""
        def call(sf: Salesforce) -> Any:
            return json_in(self._raw(sf, method, path, body))

        return again(lambda: self._call(what, call, write=False), self._tools)

    def text(self, what: str, path: str) -> tuple[Mapping[str, str], str]:
        """The headers and the text of a GET whose answer is CSV."""
        def call(sf: Salesforce) -> tuple[Mapping[str, str], str]:
            answer = self._raw(sf, "GET", path, None, Accept="text/csv")
            if not answer.headers.get("Content-Type", "").startswith("text/csv"):
                raise ValueError("no CSV")
            return answer.headers, answer.content.decode("utf-8-sig")

        return again(lambda: self._call(what, call, write=False), self._tools)

    # ---- writes: sent once ----

    def write(self, what: str, method: str, path: str, body: object) -> Any:
        """As `ask`, of a call that changes something: sent once.

        Raises:
            OutcomeUnknown: nothing readable came back; it may be done.
        """
        return self._write(what, lambda sf: json_in(self._raw(sf, method, path, body)))

    def upsert(self, table: str, field: str, value: str, row: Mapping[str, Any]) -> tuple[str, bool]:
        """Create or change the row whose `field` is `value`: its id, and whether it was created.

        Raises:
            OutcomeUnknown: nothing readable came back; the row may be there.
        """
        def call(sf: Salesforce) -> Any:
            return getattr(sf, table).upsert(format_external_id(field, value), dict(row), raw_response=True)

        answer = self._write(f"upsert of {table}", call)
        body = json_of(answer.content)
        if not isinstance(body, dict) or not body.get("success") or not isinstance(body.get("id"), str):
            raise OutcomeUnknown(f"{SYSTEM}: upsert of {table} was answered {answer.status_code} without an id. "
                                 "Steward looks before it tries again.")
        return body["id"], bool(body.get("created", answer.status_code == 201))

    def collection(
        self, what: str, method: str, path: str, rows: Sequence[Mapping[str, Any]],
    ) -> list[Mapping[str, Any] | StewardError]:
        """What was answered for each of at most 200 rows of one call, a refusal as the error that it is.

        Raises:
            OutcomeUnknown: what came back does not answer for each; any of them may be done.
        """
        body = {"allOrNone": False, "records": list(rows)}
        said = self.write(what, method, f"composite/sobjects{path}", body)
        if not isinstance(said, list) or len(said) != len(rows) or not all(isinstance(each, dict) for each in said):
            raise OutcomeUnknown(f"{SYSTEM}: {what} was answered without a word for each of {len(rows)}. "
                                 "Steward looks before it tries again.")
        return [each if each.get("success") is True else of_row(what, each, self._clean) for each in said]

    def create(self, table: str, row: Mapping[str, Any]) -> str:
        """Create a row and give its id. Raises OutcomeUnknown as `upsert`."""
        answer = self._write(f"create of {table}", lambda sf: getattr(sf, table).create(dict(row)))
        if not isinstance(answer, dict) or not answer.get("success") or not isinstance(answer.get("id"), str):
            raise OutcomeUnknown(f"{SYSTEM}: create of {table} was answered without an id. "
                                 "Steward looks before it tries again.")
        return str(answer["id"])

    def link(self, external_id: str) -> str:
        """Where a person opens the record."""
        return f"{self._settings.instance_url}/{external_id}"

    # ---- one call ----

    def _read(self, what: str, call: Callable[[Salesforce], Any]) -> dict[str, Any]:
        def once() -> dict[str, Any]:
            body = self._call(what, call, write=False)
            if not isinstance(body, dict):
                raise Unavailable(f"{SYSTEM}: {what} was answered with something that is no JSON object. "
                                  "Steward tries again later.")
            return body

        return again(once, self._tools)

    def _write(self, what: str, call: Callable[[Salesforce], Any]) -> Any:
        again(self._signed_in, self._tools)
        return self._call(what, call, write=True)

    def _raw(self, sf: Salesforce, method: str, path: str, body: object, **headers: str) -> Any:
        data = None if body is None else json.dumps(body, allow_nan=False)
        return sf.session.request(method, f"{sf.base_url}{path}", headers={**sf.headers, **headers}, data=data)

    def _keep_reserve(self, what: str) -> None:
        """Raise RateLimited where the next call would be one of those that are kept for people.

        What the org told is believed for five minutes; then one call is made, which tells anew.
        """
        usage, now = self._session.usage, self._tools.now()
        if usage is None or not usage.most or (usage is self._asked_about and now >= self._ask_again_at):
            return
        if usage is not self._asked_about:
            self._asked_about, self._ask_again_at = usage, now + _BELIEVED
        kept = usage.most * self._settings.reserve_calls
        if usage.most - usage.used <= kept and self._settings.reserve_calls:
            raise RateLimited(
                f"{SYSTEM}: {what} was not sent: {usage.used} of {usage.most} calls of the last 24 hours are used up, "
                f"and {kept:.0f} are kept for people. Steward waits. To let it use them, lower `reserve_calls`; to "
                "make fewer calls, pull less often (`every`).", _BELIEVED.total_seconds())

    def _call(self, what: str, call: Callable[[Salesforce], T], *, write: bool) -> T:
        signed_in = self._signed_in()
        self._keep_reserve(what)
        for _ in range(_RENEWALS):
            try:
                return self._try(what, call, signed_in, write=write)
            except _DeadToken:
                signed_in = self._signed_in(instead_of=signed_in)
        return self._try(what, call, signed_in, write=write, renewed=True)

    def _try(
        self, what: str, call: Callable[[Salesforce], T], sf: Salesforce, *, write: bool, renewed: bool = False,
    ) -> T:
        try:
            return call(sf)
        except Answered as answer:
            if answer.status == 401 and not renewed:
                raise _DeadToken from None
            raise of_answer(what, answer, self._clean, self._tools.now(), write=write) from None
        except Broken as broken:
            raise of_break(what, broken, write=write) from None
        except (SalesforceError, ValueError, KeyError, TypeError, AttributeError) as error:
            # simple-salesforce stumbled over a 2xx whose body is no JSON of the promised shape.
            raise unreadable(what, error, write=write) from None

    def _signed_in(self, instead_of: Salesforce | None = None) -> Salesforce:
        """A client with a token; a new one where `instead_of` has a dead one, unless another thread was faster."""
        with self._lock:
            if self._salesforce is None or self._salesforce is instead_of:
                self._salesforce = None
                self._salesforce = self._sign_in()
            return self._salesforce

    def _sign_in(self) -> Salesforce:
        auth, domain = self._settings.auth, self._settings.login_domain
        by_key = bool(auth.private_key.get_secret_value())
        try:
            if by_key:
                token, instance = SalesforceLogin(
                    username=auth.username, consumer_key=auth.client_id, privatekey=auth.private_key.get_secret_value(),
                    domain=auth.audience, instance_url=domain, session=self._session,
                )
            else:
                token, instance = SalesforceLogin(
                    consumer_key=auth.client_id, consumer_secret=auth.client_secret.get_secret_value(),
                    domain=domain, session=self._session,
                )
        except Answered as answer:
            raise self._refused_sign_in(answer) from None
        except Broken as broken:
            raise of_break("sign-in", broken, write=False) from None
        except _NO_KEY as error:
            if not by_key:
                raise unreadable("sign-in", error, write=False) from None
            raise AccessDenied(f'{SYSTEM}: "private_key" is not a private RSA key in PEM. Check the setting, then run: '
                               "steward connector check salesforce") from None
        except (SalesforceError, AttributeError, KeyError) as error:
            raise unreadable("sign-in", error, write=False) from None
        if not isinstance(token, str) or not token:
            raise unreadable("sign-in", ValueError("no token"), write=False)
        host = str(urlsplit(f"//{instance}").hostname)
        if not (host in LOOPBACK if self._settings.is_loopback else host.endswith(".salesforce.com")):
            raise AccessDenied(f'{SYSTEM}: sign-in pointed to "{str(instance)[:80]}", which is not Salesforce; '
                               "nothing was sent there. Check instance_url.")
        version = self._settings.version.removeprefix("v")
        # A session id of ours: simple-salesforce then never renews by itself (it would recurse on a dead session).
        return Salesforce(
            session_id=token, instance=instance, version=version, session=self._session,
            parse_float=Decimal, object_pairs_hook=dict,
        )

    def _refused_sign_in(self, answer: Answered) -> StewardError:
        body = json_of(answer.body)
        if answer.status in (400, 401) and isinstance(body, dict) and "error" in body:
            said = self._clean(f"{body.get('error')}: {body.get('error_description', '')}")
            return AccessDenied(f"{SYSTEM}: sign-in was refused ({said}). Check client_id and its secret or key, and "
                                "that the app allows this flow; then run: steward connector check salesforce")
        return of_answer("sign-in", answer, self._clean, self._tools.now(), write=False)

    def _clean(self, text: str) -> str:
        """`text` without secrets, on one line, and short."""
        auth = self._settings.auth
        secrets = [auth.client_secret.get_secret_value(), auth.private_key.get_secret_value()]
        if self._salesforce is not None:
            secrets.append(self._salesforce.session_id)
        for secret in filter(None, secrets):
            text = text.replace(secret, "[secret]")
        return " ".join(text.split())[:_MOST_WORDS]


class _DeadToken(Exception):
    """Salesforce no longer takes the token; never leaves this module."""


def _object_of(soql: str) -> str:
    return soql.partition(" FROM ")[2].partition(" ")[0]
