"""Receive: a vendor's call in, on stable storage before it is answered; it decides nothing (`drain` goes on)."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from steward.contracts import Inbox
from steward.model.errors import SignatureRejected, StewardError, Unavailable
from steward.store import inbox
from steward.store.database import Database
from steward.store.inbox import Stored


@dataclass(frozen=True, slots=True)
class ReceiveOutcome:
    """A call that is on stable storage under `delivery_id`: `new`, a `duplicate`, or in `conflict` with another."""

    connection: str
    delivery_id: str
    stored: Stored


class InboxWriter:
    """One thread that commits many calls at once: each caller waits until its own is durable, and not longer.

    While one batch is being committed the next one gathers, `most` calls at most; a call alone is committed at once.
    """

    def __init__(self, db: Database, most: int = 64, waiting: int = 1024, deadline_s: float = 2.5) -> None:
        self._db, self._most, self._deadline_s = db, most, deadline_s
        self._queue: queue.Queue[_Call | None] = queue.Queue(waiting)
        self._lock, self._closed = threading.Lock(), False
        self._thread = threading.Thread(target=self._run, name="inbox-writer", daemon=True)
        self._thread.start()

    def put(self, connection: str, delivery_id: str, body: bytes, now: datetime) -> Stored:
        """Store a call and return once it is on stable storage.

        Raises:
            Unavailable: it may not be stored; ask the vendor to send it again.
        """
        call = _Call(connection, delivery_id, body, now)
        with self._lock:
            if self._closed:
                raise Unavailable("Steward is stopping; send the call again")
            try:
                self._queue.put_nowait(call)
            except queue.Full:
                raise Unavailable("too many calls at once; send the call again") from None
        try:
            return call.stored.result(self._deadline_s)
        except TimeoutError:
            raise Unavailable(f"the call could not be stored within {self._deadline_s:g} s; send it again") from None

    def close(self) -> None:
        """Commit what waits, and end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._gather()) is not None:
            try:
                with self._db.write() as tx:
                    stored = [inbox.put(tx, each.connection, each.delivery_id, each.body, each.now) for each in batch]
            except Exception as error:  # noqa: BLE001  every caller must hear of it, and the thread must live
                for call in batch:
                    call.stored.set_exception(_not_stored(error))
            else:
                for call, what in zip(batch, stored, strict=True):
                    call.stored.set_result(what)

    def _gather(self) -> list[_Call] | None:
        """What waits, at least one; None at the end."""
        batch: list[_Call] = []
        call = self._queue.get()
        while call is not None:
            batch.append(call)
            if len(batch) == self._most:
                return batch
            try:
                call = self._queue.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._queue.put(None)              # the end comes after these
        return batch or None


@dataclass(frozen=True, slots=True)
class _Call:
    connection: str
    delivery_id: str
    body: bytes
    now: datetime
    stored: Future[Stored] = field(default_factory=Future)


def receive(
    db: Database, connection_name: str, inbox_of: Inbox, headers: Mapping[str, str], body: bytes, *, now: datetime,
    writer: InboxWriter | None = None,
) -> ReceiveOutcome:
    """Verify a call and store it; once this returns it may be answered with 2xx.

    Raises:
        SignatureRejected: answer 401.
        Unavailable: answer 503: it is not known to be stored.
    """
    try:
        inbox_of.verify(headers, body)
    except SignatureRejected:
        raise
    except Exception:  # noqa: BLE001  verifiers break on hostile input in many ways; none of them is our fault
        raise SignatureRejected(f'the signature of a call for "{connection_name}" could not be read') from None
    return keep(db, connection_name, inbox_of, body, now=now, headers=headers, writer=writer)


def keep(
    db: Database, connection_name: str, inbox_of: Inbox, body: bytes, *, now: datetime,
    headers: Mapping[str, str] | None = None, writer: InboxWriter | None = None,
) -> ReceiveOutcome:
    """Store a call of which is known who made it: it was verified, or came on a line that we opened.

    Raises:
        Unavailable: it is not known to be stored.
    """
    try:
        delivery_id = inbox_of.delivery_id(headers or {}, body)
    except Exception:  # noqa: BLE001  a verified call is stored whatever it looks like
        delivery_id = hashlib.sha256(body).hexdigest()
    if writer is not None:
        return ReceiveOutcome(connection_name, delivery_id, writer.put(connection_name, delivery_id, body, now))
    with db.write() as tx:
        return ReceiveOutcome(connection_name, delivery_id, inbox.put(tx, connection_name, delivery_id, body, now))


def _not_stored(error: Exception) -> Exception:
    return error if isinstance(error, StewardError) else Unavailable("the call could not be stored; send it again")
