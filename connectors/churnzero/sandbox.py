"""A ChurnZero instance on loopback: the OData reads, and the HTTP API that takes attributes and events.

Where the documents are silent, a success of `/i` is 200 with `{"status": "ok"}`, and the hard limit answers 429.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.churnzero.odata import BadQuery, page_of
from connectors.churnzero.sink import mark
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.kit.sandbox_calls import Effect
from steward.model.actions import Action, IdempotencyKey, LogTouchpoint, OpenCta, UpdateRecord

EMAIL, API_KEY, APP_KEY = "ops@steward.test", "churnzero-rest-key", "churnzero-app-key-1"
ENTITIES = ("UserAccount", "Account", "Contact", "Task", "Event")
PER_MINUTE = 6_000                          # the hard threshold; the real number is not published
_STANDARD = {"Name": str, "NextRenewalDate": str, "TotalContractAmount": float, "IsActive": bool, "StartDate": str,
             "EndDate": str, "LicenseCount": int}


class ChurnZeroSandbox(Sandbox):
    """`late`: rows that become visible with the next change, dated before it."""

    name = "churnzero"
    tables = ENTITIES
    page_size = 100

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self._rows: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in ENTITIES}
        self._late: list[tuple[str, dict[str, Any]]] = []
        self._calls_of_minute: deque[datetime] = deque()
        self._no_quota = 0

    # ---- the company ----

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows in ChurnZero's names; `Id` is a number, `Cf` an object of custom fields."""
        if table not in self._rows:
            raise ValueError(f'the churnzero sandbox has no table "{table}". It has: {", ".join(ENTITIES)}.')
        for row in rows:
            stamp = self._stamp()
            self._rows[table][int(row["Id"])] = {"ObjectCreatedDate": stamp, "ObjectLastModifiedDate": stamp, **row}

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What stands in a table."""
        with self.lock:
            return [dict(row) for row in self._rows[table].values()]

    def seed(self, accounts: int) -> None:
        began = self.now() - timedelta(days=400)
        def stamp(days: int) -> str:
            return _text(began + timedelta(days=days))
        self.load("UserAccount", [
            {"Id": number, "FullName": f"Owner {number}", "Email": f"owner{number}@steward.test",
             "IsActive": number != 3, "ObjectLastModifiedDate": stamp(number)} for number in range(1, 8)])
        self.load("Account", [
            {"Id": 100 + at, "ExternalId": f"001{at:05}", "CrmId": f"crm-{at}", "Name": f"Account {at} <!channel>",
             "IsActive": at % 9 != 0, "TotalContractAmount": 1000.5 * at, "LicenseCount": 10 + at,
             "StartDate": stamp(0), "NextRenewalDate": stamp(500 + at), "OwnerUserAccountId": 1 + at % 7,
             "PrimaryChurnScoreValue": at % 100, "UsageFrequency": "Daily", "BillingAddressCountry": "DE",
             "Cf": {"Website": f"https://www.account{at}.example/about", "Segment": "Mid-Market", "Employees": 50 + at},
             "ObjectLastModifiedDate": stamp(at)} for at in range(1, accounts + 1)])
        self.load("Contact", [
            {"Id": 1000 + at, "AccountId": 100 + at, "ExternalId": f"c{at}", "FirstName": "Con",
             "LastName": f"Tact {at}",
             "Email": f"Contact{at}@account{at}.example",
             "IsActive": True, "Cf": {"Role": "Champion"},
             "ObjectLastModifiedDate": stamp(at)} for at in range(1, accounts + 1)])
        self.load("Task", [
            {"Id": 5000 + at, "AccountId": 100 + at, "Name": f"Call {at}",
             "StatusName": "Complete" if at % 2 else "Open",
             "TypeName": "To Do",
             "DueDate": stamp(100 + at), "OwnerUserAccountId": 1 + at % 7,
             "ObjectLastModifiedDate": stamp(at)} for at in range(1, accounts + 1)])
        self.load("Event", [
            {"Id": 9000 + at, "AccountId": 100 + at, "EventTypeName": "Report Run", "EventDate": stamp(at),
             "Quantity": at, "Description": f"Report {at}", "ContactId": 1000 + at,
             "ObjectLastModifiedDate": stamp(at)} for at in range(1, accounts + 1)])

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "rest": {"email": EMAIL, "api_key": API_KEY}, "app_key": APP_KEY}

    def sample_actions(self) -> Sequence[Action]:
        return (
            OpenCta(account_external_id="101", type="risk", subject="Health drop: Acme", due_on=date(2026, 3, 5),
                    assignee_email="ana@us.test"),
            LogTouchpoint(account_external_id="102", type="call", subject="QBR", happened_at=self.now()),
            UpdateRecord(external_id="103", field="Health Score", value="58"),
        )

    def effects_of(self, action: Action, key: str) -> list[Effect]:
        if isinstance(action, UpdateRecord):
            wanted = (self._rows["Account"][int(action.external_id)]["ExternalId"], action.field, action.value)
            return [each for each in self.ledger if each.kind == "setAttribute"
                    and (each.detail["account"], each.detail["name"], each.detail["value"]) == wanted]
        return self.ledger.of(mark(IdempotencyKey(key)))

    def stir(self, chance: random.Random) -> str | None:
        """Edits, several rows at one instant, new rows, rows that show late, a new field, a changed type."""
        kind = chance.choice(("edit", "equal", "new", "late", "field", "type"))
        accounts = list(self._rows["Account"].values())
        if not accounts:
            return None
        now = self._stamp()
        for table, row in self._late:
            self._rows[table][row["Id"]] = row
        self._late = []
        chosen = chance.sample(accounts, min(len(accounts), 4 if kind == "equal" else 1))
        if kind in ("edit", "equal"):
            for row in chosen:
                row.update({"TotalContractAmount": chance.randrange(10**6) / 100, "ObjectLastModifiedDate": now})
        elif kind in ("new", "late"):
            number = max(self._rows["Account"]) + 1 + len(self._late)
            fresh = {**accounts[0], "Id": number, "ExternalId": f"001{number:05}", "Name": f"New {number}",
                     "Cf": {"Website": f"new{number}.example"}, "ObjectCreatedDate": now, "ObjectLastModifiedDate": now}
            if kind == "new":
                self._rows["Account"][number] = fresh
            else:
                self._late.append(("Account", fresh))
        elif kind == "field":
            chosen[0]["Cf"] = {**chosen[0].get("Cf", {}), f"New{chance.randrange(100)}": "x"}
            chosen[0]["ObjectLastModifiedDate"] = now
        else:
            chosen[0]["Cf"] = {**chosen[0].get("Cf", {}), "Employees": "about 50"}
            chosen[0]["ObjectLastModifiedDate"] = now
        return f"{kind}: Account {', '.join(str(row['Id']) for row in chosen)}"

    def delete(self, table: str, ids: Sequence[int]) -> None:
        """Take rows away, of which ChurnZero tells nothing."""
        with self.lock:
            for each in ids:
                del self._rows[table][each]

    def settle(self) -> None:
        """Show what was late."""
        with self.lock:
            for table, row in self._late:
                self._rows[table][row["Id"]] = row
            self._late = []

    # ---- what it answers ----

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        return Reply(status, {"error": {"code": str(status), "message": f"status {status}"}}, headers)

    def exhaust_quota(self, calls: int) -> None:
        self._no_quota = calls

    def allow(self, request: Request) -> Reply | None:
        if self._no_quota:
            self._no_quota -= 1
            return self.error(429)
        now = self.now()
        while self._calls_of_minute and now - self._calls_of_minute[0] >= timedelta(minutes=1):
            self._calls_of_minute.popleft()
        if len(self._calls_of_minute) >= PER_MINUTE:
            self.breaches.append(f"more than {PER_MINUTE} calls in a minute")
            return self.error(429)
        self._calls_of_minute.append(now)
        if request.path.startswith("/public/"):
            wanted = base64.b64encode(f"{EMAIL}:{API_KEY}".encode()).decode()
            return None if request.headers.get("authorization") == f"Basic {wanted}" else self.error(401)
        return None

    @route("GET", "/public/v1/{entity}")
    def read(self, request: Request) -> Reply:
        single = re.fullmatch(r"(\w+)\((\d+)\)", request.params["entity"])
        if single:
            row = self._rows.get(single[1], {}).get(int(single[2]))
            return Reply(200, {"@odata.context": f"$metadata#{single[1]}/$entity", **row}) if row else self.error(404)
        entity = request.params["entity"]
        if entity not in self._rows:
            return self.error(404)
        try:
            rows, more = page_of(list(self._rows[entity].values()), request.query, self.page_size)
        except BadQuery as error:
            return Reply(400, {"error": {"code": "400", "message": str(error)}})
        answer: dict[str, Any] = {"@odata.context": f"$metadata#{entity}", "value": rows}
        if more:
            skip = int(request.query.get("$skip", 0)) + len(rows)
            answer["@odata.nextLink"] = f"{self.url}/public/v1/{entity}?$skip={skip}"
        return Reply(200, answer)

    @route("GET", "/i")
    def act_by_query(self, request: Request) -> Reply:
        return self._act([dict(request.query)])

    @route("POST", "/i")
    def act(self, request: Request) -> Reply:
        told = json.loads(request.body) if request.body[:1] in (b"[", b"{") else request.form()
        return self._act(told if isinstance(told, list) else [told])

    def _act(self, actions: Sequence[Mapping[str, Any]]) -> Reply:
        for action in actions:
            if action.get("appKey") != APP_KEY:
                return self.error(401)
            done = self._event(action) if action.get("action") == "trackEvent" else self._attributes(action)
            if done:
                return Reply(422, {"error": {"code": "422", "message": done}})
        return Reply(200, {"status": "ok"})

    def _event(self, told: Mapping[str, Any]) -> str:
        account = self._account(told)
        if account is None or not told.get("eventName"):
            return "accountExternalId and eventName are required"
        description, at = str(told.get("description", "")), str(told.get("eventDate") or self._stamp())
        if len(description) > 255:
            self.breaches.append("a description of more than 255 characters")
            return "description is too long"
        for row in self._rows["Event"].values():
            same = (row["AccountId"], row.get("EventDate"), row.get("Description"))
            if same == (account["Id"], at, description) and str(told.get("allowDupes")).lower() != "true":
                return ""
        number = max(self._rows["Event"], default=9000) + 1
        self.load("Event", [{"Id": number, "AccountId": account["Id"], "EventTypeName": told["eventName"],
                             "EventDate": at, "Description": description, "Quantity": told.get("quantity", 1)}])
        found = re.search(r"stw:[0-9a-f]{32}", description)
        self.ledger.append("trackEvent", found[0] if found else "",
                           {"account": account["ExternalId"], "event": told["eventName"]})
        return ""

    def _attributes(self, told: Mapping[str, Any]) -> str:
        if told.get("action") != "setAttribute" or told.get("entity") not in ("account", "contact"):
            return "action and entity are required"
        account = self._account(told, make=True)
        if account is None:
            return "accountExternalId is required"
        if told["entity"] == "contact":
            self.ledger.append("setAttribute", "", {"account": account["ExternalId"], "name": "contact", "value": ""})
            return ""
        named = {name.removeprefix("attr_"): value for name, value in told.items() if name.startswith("attr_")}
        named.update({str(told["name"]): told.get("value")} if told.get("name") else {})
        for name, value in named.items():
            kind = _STANDARD.get(name)
            if kind in (int, float) and not re.fullmatch(r"-?\d+(\.\d+)?", str(value)):
                return f"{name} is no number"
            place = account if kind else account.setdefault("Cf", {})
            field = name if kind else re.sub(r"\W", "", name)
            if place.get(field) != value:
                place[field] = kind(value) if kind in (int, float) else value
                account["ObjectLastModifiedDate"] = self._stamp()
                self.ledger.append(
                    "setAttribute", "", {"account": account["ExternalId"], "name": name, "value": value})
        return ""

    def _account(self, told: Mapping[str, Any], *, make: bool = False) -> dict[str, Any] | None:
        wanted = told.get("accountExternalId")
        accounts = self._rows["Account"].values()
        found = next((row for row in accounts if wanted and row.get("ExternalId") == wanted), None)
        if found is None and make and wanted:
            number = max(self._rows["Account"], default=100) + 1
            self.load("Account", [{"Id": number, "ExternalId": wanted, "IsActive": True}])
            found = self._rows["Account"][number]
        return found

    def _stamp(self) -> str:
        return _text(self.now() + self.skew)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
