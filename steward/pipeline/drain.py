"""Drain: calls that were received become records, in the transaction that closes them.

The report names the accounts they touched, and `store.touched` notes them in that transaction, for the caller to
derive, evaluate and deliver whatever happens in between.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from steward.contracts import Connection, Connector
from steward.model.errors import StewardError, TryAgain
from steward.model.records import Noun, Record
from steward.store import identity, inbox, records, touched
from steward.store.database import Database
from steward.store.inbox import Delivery

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

log = logging.getLogger(__name__)

LEASE_S = 30.0
WAIT_S = 5.0                                # after the first failure, then twice that
NOT_READY_S = 300.0


class Acknowledge(Protocol):
    """`steward.operate.acknowledge_in`, handed in by the wiring: notes who took an enrollment on."""

    def __call__(
        self, tx: Transaction, enrollment_id: str, by: str, now: datetime, connectors: Mapping[str, Connector], /,
    ) -> Any: ...


@dataclass(frozen=True, slots=True)
class DrainReport:
    """Calls `done`, set aside (`parked`) or left for `later`; what they held; the accounts to look at again."""

    done: int = 0
    parked: int = 0
    later: int = 0
    records: int = 0
    responses: int = 0
    account_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identify:
    """How `identity.resolve` is to be asked where a call brings an account that nobody knows."""

    truth: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: Sequence[str] = ()


_BY_NAME = Identify()


def drain(
    db: Database, connections: Mapping[str, Connection], connectors: Mapping[str, Connector], acknowledge: Acknowledge,
    now: datetime, *, limit: int = 100, identify: Identify = _BY_NAME,
) -> DrainReport:
    """Work off at most `limit` stored calls: their records are stored in the transaction that closes them.

    `done + parked + later == 0` says that nothing waits. Raises what the database raises.
    """
    with db.write() as tx:
        claimed = inbox.claim(tx, now, limit, LEASE_S)
    work = _Work(db, connectors, acknowledge, now, identify)
    parsed = [call for each in claimed if (call := work.parse(each, connections)) is not None]
    try:
        work.store(parsed)
    except TryAgain:
        raise
    except Exception:  # noqa: BLE001  one of them is at fault: find it by storing each alone
        work.forget()
        for call in parsed:
            work.store_alone(call)
    return work.report()


@dataclass(frozen=True, slots=True)
class _Parsed:
    delivery: Delivery
    records: Sequence[Record]


@dataclass(slots=True)
class _Work:
    """One batch of stored calls."""

    _db: Database
    _connectors: Mapping[str, Connector]
    _acknowledge: Acknowledge
    _now: datetime
    _identify: Identify
    _done: int = 0
    _parked: int = 0
    _later: int = 0
    _records: int = 0
    _responses: int = 0
    _accounts: set[str] = field(default_factory=set)

    def report(self) -> DrainReport:
        return DrainReport(
            self._done, self._parked, self._later, self._records, self._responses, tuple(sorted(self._accounts)),
        )

    def forget(self) -> None:
        """Nothing of `store` was committed."""
        self._done = self._records = self._responses = 0
        self._accounts = set()

    def parse(self, delivery: Delivery, connections: Mapping[str, Connection]) -> _Parsed | None:
        """The records of a call; None where it was set aside, or must wait."""
        try:
            taker = connections[delivery.connection].inbox if delivery.connection in connections else None
            if taker is None:
                self._wait(delivery, f'the connection "{delivery.connection}" takes no calls now', NOT_READY_S)
                return None
        except StewardError as error:
            self._wait(delivery, str(error), NOT_READY_S)
            return None
        try:
            return _Parsed(delivery, [_dated(each, delivery.received_at) for each in taker.parse(delivery.body)])
        except StewardError as error:
            self._park(delivery, str(error))
        except Exception as error:  # noqa: BLE001  one call that breaks a parser must not stop the others
            self._wait(delivery, _bug(error, delivery))
        return None

    def store(self, parsed: Sequence[_Parsed]) -> None:
        """Store the records of all and close them, in one transaction."""
        if not parsed:
            return
        with self._db.write() as tx:
            for call in parsed:
                if inbox.done(tx, call.delivery):  # else another worker has it by now
                    self._take_in(tx, call)
                    self._done += 1
            touched.note(tx, self._accounts, self._now)

    def store_alone(self, call: _Parsed) -> None:
        before = (self._done, self._records, self._responses, set(self._accounts))
        try:
            self.store([call])
        except TryAgain:
            raise
        except Exception as error:  # noqa: BLE001  this is the one at fault; the others go on
            self._done, self._records, self._responses, self._accounts = before
            if isinstance(error, StewardError):
                self._park(call.delivery, str(error))
            else:
                self._wait(call.delivery, _bug(error, call.delivery))

    def _take_in(self, tx: Transaction, call: _Parsed) -> None:
        connection = call.delivery.connection
        for stream, group in self._by_stream(connection, call.records).items():
            self._records += records.upsert(tx, connection, stream, group, self._now).read
        if any(_may_be_new(tx, connection, each) for each in call.records):
            identity.resolve(tx, self._now, self._identify.truth, self._identify.order)
        for record in call.records:
            if record.noun is Noun.RESPONSE and record.values.get("answer") == "acknowledge":
                self._respond(tx, record)
        self._accounts |= inbox.accounts_of(tx, connection, call.records)

    def _respond(self, tx: Transaction, record: Record) -> None:
        at = record.values.get("responded_at")
        when = min(at, self._now) if isinstance(at, datetime) else self._now
        said = self._acknowledge(
            tx, str(record.values.get("enrollment_id", "")), str(record.values.get("by", "")), when, self._connectors,
        )
        self._responses += 1
        self._accounts.add(said.enrollment.account_id)

    def _by_stream(self, connection: str, found: Sequence[Record]) -> dict[str, list[Record]]:
        connector = self._connectors.get(connection)
        streams = connector.streams if connector else {}
        named = {stream.noun: name for name, stream in reversed(tuple(streams.items())) if stream.noun}
        groups: dict[str, list[Record]] = {}
        for each in found:
            groups.setdefault(named.get(each.noun, f"{each.noun.value}s"), []).append(each)
        return groups

    def _park(self, delivery: Delivery, trouble: str) -> None:
        with self._db.write() as tx:
            self._parked += inbox.park(tx, delivery, trouble)
        log.warning("parked connection=%s delivery=%s", delivery.connection, delivery.delivery_id)

    def _wait(self, delivery: Delivery, trouble: str, wait_s: float = 0.0) -> None:
        if delivery.attempts >= inbox.MOST_ATTEMPTS and not wait_s:
            self._park(delivery, trouble)
            return
        with self._db.write() as tx:
            wait = wait_s or WAIT_S * 2 ** (delivery.attempts - 1)
            self._later += inbox.again(tx, delivery, self._now, wait, trouble=trouble, counted=not wait_s)


def _dated(record: Record, received_at: datetime) -> Record:
    """What was told without a moment is of that in which the call came: worked off later, it is no newer."""
    if record.noun is Noun.RESPONSE and "responded_at" not in record.values:
        only = None if record.only is None else record.only | {"responded_at"}
        record = replace(record, values={**record.values, "responded_at": received_at}, only=only)
    undated = record.only is not None and record.modified_at is None
    return replace(record, modified_at=received_at) if undated else record


def _may_be_new(tx: Transaction, connection: str, record: Record) -> bool:
    """Whether who is who may change: an account nobody knows, or one that is gone."""
    if record.noun is not Noun.ACCOUNT:
        return False
    gone = record.deleted or record.merged_into is not None
    return gone or identity.account_of(tx, connection, record.external_id) is None


def _bug(error: Exception, delivery: Delivery) -> str:
    return f'{type(error).__name__} while working off a call of "{delivery.connection}". This is a bug; report it.'
