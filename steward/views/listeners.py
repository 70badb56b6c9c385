"""Who listens, and what one would be told: the newest real events, or a made-up one where nothing happened yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from steward.kit.webhooks import listener_body
from steward.model.actions import IdempotencyKey, TellListener, Told
from steward.pipeline.announce import event_id, told_of
from steward.store import listeners as store_listeners
from steward.store.listeners import CLOSED, EVENTS

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.settings import Settings
    from steward.store.database import Database

MOST_SAMPLES = 3
_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class ListenerLine:
    """One listener; of its address only the host, as who knows the rest can post there."""

    id: str
    connection: str
    event: str
    host: str
    playbook_id: str
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    ended_because: str | None


def listeners(db: Database, *, ended: bool = False) -> list[ListenerLine]:
    """Those that listen; with `ended`, those too that do no more."""
    with db.read() as tx:
        return [
            ListenerLine(each.id, each.connection, each.event, urlsplit(each.target_url).hostname or "",
                         each.playbook_id, each.asked_by, each.asked_at, each.ended_at, each.ended_because)
            for each in store_listeners.list_(tx, ended=ended)]


def sample(
    db: Database, settings: Settings, playbooks: Sequence[Playbook], event: str, *, now: datetime,
    playbook_id: str = "",
) -> list[dict[str, Any]]:
    """The bodies of the newest events, the latest first, in just the shape that listeners get."""
    assert event in EVENTS, event
    with db.read() as tx:
        found = store_listeners.happenings(tx, event, _LONG_AGO, playbook_id=playbook_id, limit=MOST_SAMPLES)
        told = told_of(tx, event, found, settings, playbooks, now=now)
    return [_body(event, each) for each in reversed(told)] or [_body(event, _made_up(event, playbook_id, now))]


def _body(event: str, told: Told) -> dict[str, Any]:
    action = TellListener(
        listener_id="", target_url="", event=event, event_id=event_id(event, told.enrollment_id), told=told)
    return listener_body(action, IdempotencyKey(f"listener/sample/{event}/{told.enrollment_id}"))


def _made_up(event: str, playbook_id: str, now: datetime) -> Told:
    playbook = playbook_id or "health_drop"
    return Told(
        occurred_at=now, enrollment_id=f"{playbook}/acct_example/1", playbook_id=playbook,
        playbook_title="An example: nothing has happened yet", version="00000000",
        state="closed" if event == CLOSED else "active", reason="cleared" if event == CLOSED else "",
        account_id="acct_example", account_name="Example Ltd", subject_id="acct_example",
        owner_email="csm@example.com", external_ids={"salesforce": "001000000000000AAA"})
