"""A planned step in, the row of the outbox out: who performs it, for whom, and in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from steward.contracts import Connector
from steward.engine import template
from steward.engine.calendars import Calendar
from steward.engine.freshness import age_text
from steward.engine.language import CtaStep, MessageStep, Playbook, Rung
from steward.engine.lifecycle import Planned
from steward.engine.walk import clause_text
from steward.model.actions import Action, Button, Card, CardField, Message, OpenCta
from steward.model.enrollments import Clause, Enrollment, Verdict
from steward.model.facts import FactSpec
from steward.pipeline.people import People
from steward.settings import Settings
from steward.store import identity
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

TOO_LATE_FOR_A_MESSAGE = timedelta(days=3)
TOO_LATE_FOR_A_CTA = timedelta(days=14)
_MOST_REASONS = 3
_MOST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """What is known when steps become actions: people, targets, words, the clock."""

    settings: Settings
    connectors: Mapping[str, Connector]
    catalog: Mapping[str, FactSpec]
    people: People
    external_ids: Mapping[str, Mapping[str, str]]
    now: datetime
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Cause:
    """Why steps were planned: the enrollment, the account's facts (what is stale is None), the clauses that fired."""

    playbook: Playbook
    enrollment: Enrollment
    row: Mapping[str, Any]
    clauses: Sequence[Clause]


def desk(
    tx: Transaction, settings: Settings, connectors: Mapping[str, Connector], catalog: Mapping[str, FactSpec],
    account_ids: Sequence[str], *, now: datetime,
) -> Desk:
    """The desk for the accounts named."""
    return Desk(
        settings, connectors, catalog, People.load(tx, settings, account_ids),
        identity.external_ids(tx, account_ids), now, Calendar(ZoneInfo(settings.company.timezone)))


def outbox_row(at: Desk, cause: Cause, planned: Planned) -> OutboxRow | str:
    """The row for one step; in words why there is none, where nobody can be told or nothing can perform it."""
    if planned.part == "escalate":
        rung = cause.playbook.escalate[int(planned.path[9:-1])]
        return _message_row(at, cause, planned, rung.to, rung)
    step = next(each.do for each in cause.playbook.steps() if each.path == planned.path)
    if isinstance(step, CtaStep):
        return _cta_row(at, cause, planned, step)
    if not isinstance(step, MessageStep):
        return f"{planned.key}: no connection can perform a {step.kind}"
    return _message_row(at, cause, planned, step.to, None)


def _message_row(
    at: Desk, cause: Cause, planned: Planned, to: Sequence[str], rung: Rung | None,
) -> OutboxRow | str:
    recipient = at.people.first(cause.enrollment.account_id, to)
    if recipient is None:
        return f"{planned.key}: nobody can be told: none of {', '.join(to)} is known and active. Set routing.channel"
    connection = at.settings.routing.message or _able(at.connectors, "message")
    if connection not in at.connectors or "message" not in at.connectors[connection].actions:
        return f"{planned.key}: no connection sends messages. Set routing.message"
    card = card_of(at, cause, rung)
    message = Message(to=recipient, card=card, enrollment_id=cause.enrollment.id)
    return _row(at, cause, planned, connection, message)


def _cta_row(at: Desk, cause: Cause, planned: Planned, step: CtaStep) -> OutboxRow | str:
    known = at.external_ids.get(cause.enrollment.account_id, {})
    candidates = at.settings.routing.cta or tuple(sorted(at.connectors))
    connection = next((
        name for name in candidates
        if name in known and name in at.connectors and "open_cta" in at.connectors[name].actions), None)
    if connection is None:
        return f"{planned.key}: no connection that opens CTAs knows the account. Set routing.cta"
    assignee = at.people.first_person(cause.enrollment.account_id, step.assign)
    name = template.render("{{ account.name }}", cause.row, at.catalog)
    reasons = "\n".join(f"- {reason}" for reason in _reasons(cause, at.catalog))
    next_step = template.render(_words(cause.playbook).next_step, cause.row, at.catalog)
    parts = (cause.playbook.why, f"Why now:\n{reasons}", next_step, cause.playbook.label)
    cta = OpenCta(
        account_external_id=known[connection], type=step.type,
        subject=f"{cause.playbook.title}: {name}"[:_MOST_SUBJECT], body="\n\n".join(part for part in parts if part),
        due_on=step.due.day_after(at.now, at.calendar), priority=step.priority,
        assignee_email=assignee.email if assignee else None)
    return _row(at, cause, planned, connection, cta)


def _row(at: Desk, cause: Cause, planned: Planned, connection: str, action: Action) -> OutboxRow:
    connector = at.connectors[connection]
    late = TOO_LATE_FOR_A_CTA if isinstance(action, OpenCta) else TOO_LATE_FOR_A_MESSAGE
    return OutboxRow(
        key=planned.key, enrollment_id=cause.enrollment.id, account_id=cause.enrollment.account_id,
        playbook_id=cause.playbook.id, connection=connection, connector=connector.name,
        delivery_class=connector.actions[action.kind], action=action, created_at=at.now, due_at=at.now,
        not_after=at.now + late,
        # Better an escalation twice than none; everything else waits for a person to look.
        on_unknown="resend" if planned.part == "escalate" else "hold")


def card_of(at: Desk, cause: Cause, rung: Rung | None) -> Card:
    """The card for the account: the playbook's template filled in; `rung` says that nobody answered."""
    playbook, words = cause.playbook, _words(cause.playbook)

    def fill(text: str) -> str:
        return template.render(text, cause.row, at.catalog)

    title, sentence = fill(words.title), fill(words.sentence)
    because: tuple[str, ...] = ()
    if rung is not None:
        silence = f"nobody has acknowledged it for {rung.after}" if rung.unless == "acknowledged" else (
            f"it has been open for {rung.after}")
        title, sentence = f"Escalation: {title}", f"{sentence} It comes to you because {silence}."
        because = (f"You get this because {silence}.",)
    return Card(
        sentence=sentence, title=title, tone=words.tone,  # type: ignore[arg-type]  # the loader checked the tone
        fields=tuple(CardField(label=label, value=fill(value)) for label, value in words.fields),
        changes=tuple(fill(text) for text in words.changes if template.says_something(text, cause.row)),
        next_step=fill(words.next_step),
        buttons=(Button(label="Acknowledge", answer="acknowledge"),),
        context=(f"{playbook.label} · {'; '.join(_reasons(cause, at.catalog))}", _ages(cause, at.now), *because))


def _words(playbook: Playbook) -> template.MessageTemplate:
    """The first template that its messages name, or the plain one."""
    messages = (each.do for each in playbook.steps() if isinstance(each.do, MessageStep))
    named = next((each.template for each in messages if each.template), "")
    return playbook.template(named) or template.plain(playbook.id, playbook.title, playbook.why)


def _reasons(cause: Cause, catalog: Mapping[str, FactSpec]) -> list[str]:
    """The clauses that fired, with what they saw; those of `when` before those of `scope`."""
    fired = [clause for clause in cause.clauses if clause.verdict is Verdict.TRUE] or list(cause.clauses)
    fired.sort(key=lambda clause: clause.path.startswith("scope"))
    return [clause_text(clause, catalog) for clause in fired[:_MOST_REASONS]]


def _ages(cause: Cause, now: datetime) -> str:
    ages = {clause.source: clause.as_of for clause in cause.clauses if clause.as_of is not None}
    said = [f"{source} {age_text(now - as_of)} old" for source, as_of in ages.items()]
    return f"Data: {', '.join(said) or 'undated'}"


def _able(connectors: Mapping[str, Connector], action: str) -> str:
    return next((name for name in sorted(connectors) if action in connectors[name].actions), "")
