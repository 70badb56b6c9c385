"""The steps that write into other systems: touchpoints, fields, opportunities, success plans, webhooks, drafts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from steward.engine.language import (
    EmailDraftStep,
    OpportunityStep,
    Subject,
    SuccessPlanStep,
    TouchpointStep,
    UpdateStep,
    WebhookStep,
)
from steward.engine.look import Planned
from steward.model.actions import (
    Action,
    CallWebhook,
    DraftEmail,
    IdempotencyKey,
    LogTouchpoint,
    OpenOpportunity,
    StartSuccessPlan,
    UpdateRecord,
    WebhookFact,
)
from steward.pipeline.cards import Cause, body_of, reasons_of, words_of
from steward.pipeline.desk import NAME, Decided, Desk, able, can, row_of, subject_line, target_of

_MOST_SUBJECT = 200


def writes_of(at: Desk, cause: Cause, planned: Planned, step: object) -> list[Decided] | str:
    """The actions of a step that is neither a message nor a CTA; in words why there is none."""
    match step:
        case TouchpointStep():
            found = _touchpoint(at, cause, step)
        case UpdateStep():
            return _updates(at, cause, planned, step)
        case OpportunityStep():
            found = _opportunity(at, cause, step)
        case SuccessPlanStep():
            found = _success_plan(at, cause, step)
        case WebhookStep():
            found = _webhook(at, cause, step)
        case EmailDraftStep():
            found = _draft(at, cause, step)
        case _:
            found = f"no action is known for {type(step).__name__}"
    if isinstance(found, str):
        return f"{planned.key}: {found}"
    connection, action = found
    return [Decided(row_of(at, cause, planned, connection, action))]


def _touchpoint(at: Desk, cause: Cause, step: TouchpointStep) -> tuple[str, Action] | str:
    target = target_of(at, cause, "log_touchpoint")
    if target is None:
        return _nobody("logs touchpoints")
    connection, external_id = target
    with_whom = cause.record if cause.playbook.subject is Subject.CONTACT else None
    subject = cause.fill(step.subject, at.catalog) if step.subject else subject_line(at, cause)
    return connection, LogTouchpoint(
        account_external_id=external_id, type=step.type, subject=subject[:_MOST_SUBJECT],
        contact_external_id=with_whom[1] if with_whom and with_whom[0] == connection else None,
        body=body_of(cause, at.catalog), happened_at=at.now, owner_email=_person(at, cause, ("csm",)))


def _updates(at: Desk, cause: Cause, planned: Planned, step: UpdateStep) -> list[Decided] | str:
    """One row for the connection named, else one for each that knows the record and can be written to."""
    known = _records_of(at, cause)
    names = (step.via,) if step.via else tuple(sorted(known))
    chosen = [name for name in names if name in known and can(at.connectors, name, "update_record")]
    if not chosen:
        subject = cause.playbook.subject
        why = (f'"{step.via}" does not know the {subject}, or cannot be written to. Correct via' if step.via
               else f"no connection that can be written to knows the {subject}. Name one in via")
        return f'{planned.key}: "{step.field}" is not written: {why}'
    value = cause.fill(step.value, at.catalog)
    rows = []
    for place, name in enumerate(chosen):
        update = UpdateRecord(
            noun=cause.playbook.subject.value, external_id=known[name], field=step.field, value=value)
        one = planned if not place else replace(planned, key=IdempotencyKey(f"{planned.key}/{name}"))
        rows.append(Decided(row_of(at, cause, one, name, update)))
    return rows


def _opportunity(at: Desk, cause: Cause, step: OpportunityStep) -> tuple[str, Action] | str:
    target = target_of(at, cause, "open_opportunity")
    if target is None:
        return _nobody("opens opportunities")
    worth = cause.row.get(step.amount) if step.amount else None
    title = cause.fill(step.title, at.catalog) if step.title else subject_line(at, cause)
    return target[0], OpenOpportunity(
        account_external_id=target[1], type=step.type, title=title[:_MOST_SUBJECT], body=body_of(cause, at.catalog),
        amount=Decimal(str(round(worth, 2))) if worth is not None else None,
        currency=at.settings.company.currency if worth is not None else "",
        closes_on=step.closes.day_after(at.now, at.calendar(cause)), owner_email=_person(at, cause, step.assign))


def _success_plan(at: Desk, cause: Cause, step: SuccessPlanStep) -> tuple[str, Action] | str:
    target = target_of(at, cause, "start_success_plan")
    if target is None:
        return _nobody("starts success plans")
    return target[0], StartSuccessPlan(
        account_external_id=target[1], template=step.template, title=subject_line(at, cause),
        body=body_of(cause, at.catalog), starts_on=at.now.astimezone(at.calendar(cause).zone).date(),
        owner_email=_person(at, cause, step.assign))


def _webhook(at: Desk, cause: Cause, step: WebhookStep) -> tuple[str, Action] | str:
    if not can(at.connectors, step.via, "call_webhook"):
        return f'"{step.via}" calls no webhooks. Correct via'
    enrollment, playbook = cause.enrollment, cause.playbook
    facts = []
    for name in step.facts:
        spec = at.catalog.get(name)
        facts.append(WebhookFact(
            name=name, value=_plain(cause.row.get(name)), unit=spec.unit if spec else "",
            as_of=cause.row.get(f"as_of.{spec.group}") if spec else None))
    return step.via, CallWebhook(
        enrollment_id=enrollment.id, playbook_id=playbook.id, playbook_title=playbook.title, version=playbook.version,
        account_id=enrollment.account_id, account_name=cause.fill(NAME, at.catalog), subject_id=enrollment.subject_id,
        external_ids=dict(at.external_ids.get(enrollment.account_id, {})), owner_email=_person(at, cause, ("csm",)),
        reasons=tuple(reasons_of(cause, at.catalog)), facts=tuple(facts), decided_at=at.now)


def _draft(at: Desk, cause: Cause, step: EmailDraftStep) -> tuple[str, Action] | str:
    connection = able(at.connectors, "draft_email")
    if not connection:
        return "no connection drafts e-mails"
    owner = _person(at, cause, step.assign)
    if owner is None:
        return f"nobody can take the draft: none of {', '.join(step.assign)} is known and here"
    contact = at.contacts(cause.enrollment.account_id).get(step.to)
    if contact is None:
        return f'the account has no active contact with the role "{step.to}" and an e-mail address'
    words = words_of(cause.playbook, step.template)
    lines = [cause.fill(text, at.catalog) for text in (words.sentence, *words.changes, words.next_step) if text]
    return connection, DraftEmail(
        owner_email=owner, to_email=contact[0], to_name=contact[1],
        subject=cause.fill(words.title, at.catalog)[:_MOST_SUBJECT], body="\n\n".join(lines),
        account_external_id=at.external_ids.get(cause.enrollment.account_id, {}).get(connection))


def _records_of(at: Desk, cause: Cause) -> dict[str, str]:
    """By connection, the external id of the subject's record."""
    if cause.playbook.subject is Subject.ACCOUNT:
        return dict(at.external_ids.get(cause.enrollment.account_id, {}))
    return dict([cause.record]) if cause.record else {}


def _person(at: Desk, cause: Cause, wanted: tuple[str, ...]) -> str | None:
    found = at.people.first_person(cause.whom, wanted)
    return found.email if found else None


def _nobody(does: str) -> str:
    return f"no connection that {does} knows the account"


def _plain(value: Any) -> bool | int | float | str | None:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
