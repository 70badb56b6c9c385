"""Notify: what changed of status in the syncs of a connection becomes one message to the company's channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import TYPE_CHECKING

from steward.contracts import Connector
from steward.model.actions import Card, CardField, IdempotencyKey, Message, Recipient
from steward.pipeline.desk import TOO_LATE, able, can
from steward.pipeline.digests import MANY, MOST_LINES
from steward.store import notices, outbox
from steward.store.notices import Notice, What
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    from steward.settings import Routing
    from steward.store.database import Database

MOST_SAID = 300
_WORDS: Mapping[What, tuple[str, str]] = {
    What.REFUSED: ("row cannot be read", "rows cannot be read"),
    What.REFUSED_OTHERWISE: ("row cannot be read for another reason", "rows cannot be read for another reason"),
    What.OVER: ("row is well again", "rows are well again"),
    What.NEW_FIELD: ("new field", "new fields"),
    What.FIELD_GONE: ("field is gone", "fields are gone"),
    What.OTHER_TYPE: ("field has another type", "fields have another type"),
    What.NEW_VALUE: ("list has new values", "lists have new values"),
}


def notify(
    db: Database, connection: str, routing: Routing, connectors: Mapping[str, Connector], now: datetime,
) -> int:
    """Put one message about the notices that nobody was told of into the outbox; how many notices that were.

    Without `routing.channel`, or a connection that sends messages, they count as told: `steward sync status` has them.
    """
    via = routing.message or able(connectors, "message")
    with db.write() as tx:
        found = notices.tell(tx, connection)
        if not found:
            return 0
        if not routing.channel or not can(connectors, via, "message"):
            return 0
        connector = connectors[via]
        outbox.add(tx, [OutboxRow(
            key=IdempotencyKey(f"sync/{connection}/{found[0].number}-{found[-1].number}"), enrollment_id="",
            account_id=MANY, playbook_id="sync", connection=via, connector=connector.name,
            delivery_class=connector.actions["message"], created_at=now, due_at=now,
            not_after=now + TOO_LATE["message"],
            action=Message(to=Recipient(channel=routing.channel), card=_card(connection, found)))])
    return len(found)


def _card(connection: str, found: Sequence[Notice]) -> Card:
    """What there is of each kind, then the first of each: one row of many says what is wrong with all of them."""
    by_kind: dict[What, list[Notice]] = {}
    for each in found:
        by_kind.setdefault(each.what, []).append(each)
    counted = [f"{len(some)} {_WORDS[what][len(some) > 1]}" for what, some in by_kind.items()]
    firsts = [each for turn in zip_longest(*by_kind.values()) for each in turn if each is not None]
    shown = [CardField(label=f"{each.subject}: {_WORDS[each.what][0]}", value=each.said[:MOST_SAID])
             for each in firsts[:MOST_LINES]]
    if left := len(found) - len(shown):
        shown.append(CardField(label=f"and {left} more", value=f"steward sync status {connection}"))
    sentence = f"{connection}: {', '.join(counted)}"
    return Card(
        sentence=sentence, title=sentence, fields=tuple(shown),
        next_step=f"See all of them with: steward sync status {connection}",
        context=("Rows that cannot be read are asked for again with each sync. You hear of each once.",))
