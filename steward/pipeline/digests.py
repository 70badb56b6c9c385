"""What is told together: lines that wait for the morning, and a flood to one person folded into one message."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from steward.contracts import Connector
from steward.engine.calendars import Calendar
from steward.model.actions import Card, CardField, IdempotencyKey, Message, Recipient
from steward.pipeline.desk import TOO_LATE, Decided, Desk
from steward.store import digests
from steward.store.digests import DigestLine
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection as Transaction

MOST_AT_ONCE = 5                            # messages to one recipient in one run; more become one
MOST_LINES = 9                              # a card of Slack draws ten fields; the last one says how many more
NOT_FROM_HERE = ("These are several messages in one, so nobody can acknowledge them from here. "
                 "To take one in hand: steward enrollments acknowledge ID")
MANY = "many"                               # the account of a message about several


@dataclass(frozen=True, slots=True)
class Settled:
    """What goes into the outbox, and the lines that wait or were folded."""

    rows: tuple[OutboxRow, ...]
    lines: tuple[DigestLine, ...]


def settle(at: Desk, decided: Sequence[Decided]) -> Settled:
    """Lines for what is told later; one message in place of more than five to the same recipient."""
    rows: list[OutboxRow] = []
    lines: list[DigestLine] = []
    told: dict[tuple[str, str], list[OutboxRow]] = {}
    for each in decided:
        if not isinstance(each.row.action, Message):
            rows.append(each.row)
        elif each.digest:
            lines.append(_line(each.row, next_opening(_calendar(at, each.row.action.to), at.now)))
        else:
            told.setdefault((each.row.connection, recipient_of(each.row.action.to)), []).append(each.row)
    for mine in told.values():
        if len(mine) <= MOST_AT_ONCE:
            rows += mine
            continue
        folded = [_line(row, at.now) for row in mine]
        digest = _digest(folded, at.connectors, at.settings.web.public_url.rstrip("/"), at.now)
        rows.append(digest)
        lines += [replace(line, sent_in=digest.key) for line in folded]
    position = {id(each.row): place for place, each in enumerate(decided)}
    rows.sort(key=lambda row: position.get(id(row), len(position)))
    return Settled(tuple(rows), tuple(lines))


def fall_due(
    tx: Transaction, connectors: Mapping[str, Connector], public_url: str, now: datetime,
) -> tuple[OutboxRow, ...]:
    """The messages for the lines that are due, one for each recipient; the lines are marked as told in them."""
    waiting: dict[tuple[str, str], list[DigestLine]] = {}
    for line in digests.due(tx, now):
        if line.connection in connectors and "message" in connectors[line.connection].actions:
            waiting.setdefault((line.connection, line.recipient), []).append(line)
    rows = []
    for lines in waiting.values():
        row = _digest(lines, connectors, public_url.rstrip("/"), now)
        digests.sent(tx, [line.key for line in lines], row.key)
        rows.append(row)
    return tuple(rows)


def next_opening(calendar: Calendar, now: datetime) -> datetime:
    """The next instant after `now` at which business opens, in UTC."""
    day = calendar.next_workday(now.astimezone(calendar.zone).date())
    opens = datetime.combine(day, calendar.opens, calendar.zone).astimezone(UTC)
    if opens > now:
        return opens
    day = calendar.next_workday(day + timedelta(days=1))
    return datetime.combine(day, calendar.opens, calendar.zone).astimezone(UTC)


def recipient_of(to: Recipient) -> str:
    """ "ana@us.test", "channel:#cs"."""
    return to.email or f"channel:{to.channel}"


def _calendar(at: Desk, to: Recipient) -> Calendar:
    return at.calendar_of("owner", at.people.zones.get((to.email or "").lower()), None)


def _line(row: OutboxRow, due_at: datetime) -> DigestLine:
    assert isinstance(row.action, Message)
    return DigestLine(
        row.key, recipient_of(row.action.to), due_at, row.enrollment_id, row.account_id, row.playbook_id,
        row.connection, row.action, urgent=row.on_unknown == "resend")


def _digest(
    lines: Sequence[DigestLine], connectors: Mapping[str, Connector], public_url: str, now: datetime,
) -> OutboxRow:
    """One message that tells all `lines`; the same lines make the same key."""
    first = lines[0]
    whole = hashlib.sha256("\n".join(sorted(line.key for line in lines)).encode()).hexdigest()[:24]
    accounts = {line.account_id for line in lines}
    playbooks = {line.playbook_id for line in lines}
    connector = connectors[first.connection]
    return OutboxRow(
        key=IdempotencyKey(f"digest/{whole}"), enrollment_id="",
        account_id=accounts.pop() if len(accounts) == 1 else MANY,
        playbook_id=playbooks.pop() if len(playbooks) == 1 else "digest", connection=first.connection,
        connector=connector.name, delivery_class=connector.actions["message"],
        action=Message(to=first.message.to, card=_card(lines, public_url)), created_at=now, due_at=now,
        not_after=now + TOO_LATE["message"], on_unknown="resend" if any(line.urgent for line in lines) else "hold")


def _card(lines: Sequence[DigestLine], public_url: str) -> Card:
    """A line for each message with the link to its account; escalations first."""
    ordered = sorted(lines, key=lambda line: not line.urgent)
    accounts = len({line.account_id for line in lines})
    title = f"{len(lines)} messages about {accounts} {'account' if accounts == 1 else 'accounts'}"
    shown = [_field(line.message.card.title, line.message.card.sentence, f"{public_url}/accounts/{line.account_id}")
             for line in ordered[:MOST_LINES]]
    if left := len(lines) - len(shown):
        shown.append(_field(f"and {left} more", "All of them are in the list.", f"{public_url}/accounts"))
    begin = "; ".join(line.message.card.title for line in ordered[:3])
    return Card(
        sentence=f"{title}: {begin}{' …' if len(lines) > 3 else ''}", title=title,
        tone=ordered[0].message.card.tone, fields=tuple(shown), context=(NOT_FROM_HERE,))


def _field(label: str, text: str, link: str) -> CardField:
    """With the link where we have an address that a browser can reach."""
    return CardField(label=label, value=f"{text}\n{link}" if link.startswith("http") else text)
