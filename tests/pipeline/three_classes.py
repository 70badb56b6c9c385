"""A vendor with one door for each delivery class, a sink for each over real HTTP, and workers to be killed.

Run as a program it imports everything once, then forks a worker for each line it reads. One that delivers prints
"ready", delivers until nothing is open, and prints its reports; `SPEED` seconds pass for it in each real one.
One that receives prints each id that was acknowledged to a caller.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel

from steward.contracts import Connection, Connector
from steward.kit.http import failure
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.model.actions import Action, DeliveryClass, IdempotencyKey, OpenCta, Receipt
from steward.model.errors import OutcomeUnknown, RateLimited, RecordRejected, StewardError, Unavailable
from steward.pipeline.deliver import deliver
from steward.pipeline.receive import InboxWriter
from steward.store import outbox
from steward.store.database import Database
from steward.store.outbox import OutboxRow

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
SPEED = 100.0
LINE = httpx.Client(verify=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
CLASSES = {"keyed": DeliveryClass.A, "tasks": DeliveryClass.B, "messages": DeliveryClass.C}


class Vendor(Sandbox):
    """`keyed` enforces a unique key, `tasks` can be searched by one, `messages` knows none."""

    name = "vendor"
    strict = False

    @route("PUT", "/keyed")
    def upsert(self, request: Request) -> Reply:
        key = request.json()["key"]
        before = self.ledger.of(key)
        return self._made(before[0].number if before else self.ledger.append("keyed", key, request.json()).number)

    @route("POST", "/tasks")
    @route("POST", "/messages")
    def create(self, request: Request) -> Reply:
        return self._made(self.ledger.append(request.path[1:], request.json()["key"], request.json()).number)

    @route("GET", "/keyed")
    @route("GET", "/tasks")
    def search(self, request: Request) -> Reply:
        found = self.ledger.of(request.query["key"])
        return Reply(200, [{"id": str(effect.number)} for effect in found])

    @route("POST", "/many/{door}")
    def many(self, request: Request) -> Reply:
        """Several in one call, with an answer for each; `strict` refuses all for the sake of one, as some do."""
        rows, said = request.json(), []
        if self.strict and any(each["subject"] == "bad" for each in rows):
            return Reply(400, {})
        for each in rows:
            before = self.ledger.of(each["key"]) if request.params["door"] == "keyed" else []
            if each["subject"] in ("bad", "busy"):
                said.append({"error": each["subject"]})
                continue
            made = before[0] if before else self.ledger.append("many", each["key"], each)
            said.append({"id": str(made.number)})
        return Reply(200, said)

    def _made(self, number: int) -> Reply:
        return Reply(201, {"id": str(number)})


@dataclass(frozen=True, slots=True)
class Door:
    """A sink for one of the vendor's doors."""

    url: str
    name: str
    now: Callable[[], datetime]
    timeout_s: float = 1.0

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        assert isinstance(action, OpenCta)
        if action.subject == "bug":
            raise KeyError("a secret")
        answer = self._call("PUT" if self.name == "keyed" else "POST", {"json": {"key": key, "subject": action.subject}})
        return Receipt(external_id=answer["id"], delivered_at=self.now())

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        if self.name == "messages":
            raise OutcomeUnknown("messages cannot be searched")
        found = self._call("GET", {"params": {"key": key}})
        return Receipt(external_id=found[0]["id"], delivered_at=self.now(), found=True) if found else None

    def _call(self, method: str, what: dict[str, Any]) -> Any:
        write = method != "GET"
        try:
            reply = LINE.request(method, f"{self.url}/{self.name}", timeout=self.timeout_s, **what)
        except httpx.ConnectError:
            raise Unavailable(f"{self.name} does not answer.") from None
        except httpx.TransportError:
            raise (OutcomeUnknown if write else Unavailable)(f"{self.name}: the line broke.") from None
        if reply.is_success:
            return reply.json()
        raise failure(self.name, method, reply.status_code, reply.headers, "", write=write, now=self.now())


@dataclass(frozen=True, slots=True)
class ManyDoor(Door):
    """A door through which many go at once. `asked`: how many at each time."""

    asked: list[int] = field(default_factory=list)

    @property
    def batches(self) -> Mapping[str, int]:
        return {"open_cta": 20}

    def deliver_many(self, actions: Sequence[tuple[Action, IdempotencyKey]]) -> Sequence[Receipt | StewardError]:
        self.asked.append(len(actions))
        rows = [{"key": key, "subject": action.subject} for action, key in actions if isinstance(action, OpenCta)]
        if any(each["subject"] == "bug" for each in rows):
            raise KeyError("a secret")
        try:
            reply = LINE.post(f"{self.url}/many/{self.name}", json=rows, timeout=self.timeout_s)
        except httpx.ConnectError:
            raise Unavailable(f"{self.name} does not answer.") from None
        except httpx.TransportError:
            raise OutcomeUnknown(f"{self.name}: the line broke.") from None
        if not reply.is_success:
            raise failure(self.name, "many", reply.status_code, reply.headers, "", write=True, now=self.now())
        return [
            Receipt(external_id=said["id"], delivered_at=self.now()) if "id" in said
            else OutcomeUnknown("in doubt.") if said["error"] == "busy" else RecordRejected("refused.")
            for said in reply.json()
        ]


class AlwaysBusy(Door):
    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        raise RateLimited("busy", 1.0)


def connections(
    url: str, now: Callable[[], datetime], timeout_s: float = 1.0, *, many: bool = False,
) -> dict[str, Connection]:
    made = ManyDoor if many else Door
    return {name: Connection(sink=made(url, name, now, timeout_s)) for name in CLASSES}


def connectors() -> dict[str, Connector]:
    return {
        name: Connector(
            name=name, title=name, load_settings=lambda: BaseModel, connect=lambda *_: Connection(),
            load_sandbox=lambda: Vendor, actions={"open_cta": promised},
        )
        for name, promised in CLASSES.items()
    }


def row(connection: str, account: str = "a", step: int = 0, *, subject: str = "Call them", **changes: Any) -> OutboxRow:
    action = OpenCta(account_external_id=account, type="risk", subject=subject, due_on=date(2026, 3, 9))
    values: dict[str, Any] = {
        "key": IdempotencyKey(f"drop/{account}/1/{step}/{connection}"), "enrollment_id": f"drop/{account}/1",
        "account_id": account, "playbook_id": "drop", "connection": connection, "connector": connection,
        "delivery_class": CLASSES.get(connection, DeliveryClass.C), "action": action, "created_at": NOW, "due_at": NOW,
    }
    return OutboxRow(**{**values, **changes})


def fast_clock(began: float) -> Callable[[], datetime]:
    return lambda: NOW + timedelta(seconds=(time.time() - began) * SPEED)


def work(database_url: str, data_dir: str, vendor_url: str, began: str, many: str = "") -> None:
    """Deliver until nothing is open; `many`: several in one call."""
    clock = fast_clock(float(began))
    db = Database.open(database_url, Path(data_dir))
    say({"ready": os.getpid()})
    while True:
        report = deliver(
            db, connections(vendor_url, clock, many=bool(many)), connectors(), clock, lambda seconds: time.sleep(seconds / SPEED), limit=20,
        )
        say({"pid": os.getpid(), **{name: value for name, value in asdict(report).items() if name != "next_due_at"}})
        with db.read() as tx:
            due = outbox.next_due(tx)
        if due is None:
            break
        time.sleep(max((due - clock()).total_seconds() / SPEED, 0.005))
    db.close()


def take_calls(database_url: str, data_dir: str, name: str) -> None:
    """Eight callers at once, for ever; each tells the ids that were acknowledged to it."""
    from concurrent.futures import ThreadPoolExecutor
    from itertools import count

    db = Database.open(database_url, Path(data_dir))
    writer = InboxWriter(db)
    numbers = count()
    say({"ready": os.getpid()})

    def call(_: int) -> None:
        while True:
            delivery_id = f"{name}-{next(numbers)}"
            writer.put("vendor", delivery_id, delivery_id.encode(), NOW)
            say({"acknowledged": delivery_id})

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(call, range(8)))


def say(what: dict[str, Any]) -> None:
    os.write(1, (json.dumps(what) + "\n").encode())  # whole lines, whoever else writes


def fork_workers() -> None:
    """For each line of stdin, a worker with its words as arguments."""
    import signal

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    for line in sys.stdin:
        arguments = line.split()
        if os.fork() == 0:
            {"deliver": work, "receive": take_calls}[arguments[0]](*arguments[1:])
            os._exit(0)


if __name__ == "__main__":
    fork_workers()
