"""The words of an action: why it fired, how old the data are, and the card that a message shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from steward.engine import template
from steward.engine.freshness import age_text
from steward.engine.language import MessageStep, Playbook, Rung
from steward.engine.walk import clause_text
from steward.model.actions import Button, Card
from steward.model.enrollments import Clause, Enrollment, Verdict
from steward.model.facts import FactSpec
from steward.pipeline.people import Whom

_MOST_REASONS = 3
_BUTTONS = (Button(label="Acknowledge", answer="acknowledge"),)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why steps were planned: the enrollment, the subject's facts (what is stale is None), the clauses that fired.

    `record`: connection and external id of the contact or opportunity that is enrolled.
    """

    playbook: Playbook
    enrollment: Enrollment
    row: Mapping[str, Any]
    clauses: Sequence[Clause]
    record: tuple[str, str] | None = None
    queued: dict[str, str] = field(default_factory=dict)    # who was taken from queues, before and now
    said: list[str] = field(default_factory=list)           # the reasons, once they were put into words

    @property
    def whom(self) -> Whom:
        """For whom recipients are looked up."""
        return Whom(self.enrollment.account_id, self.enrollment.subject_id, self.queued)

    def fill(self, text: str, catalog: Mapping[str, FactSpec]) -> str:
        """The template filled in with the subject's facts."""
        return template.render(text, self.row, catalog)


def card_of(
    cause: Cause, catalog: Mapping[str, FactSpec], now: datetime, rung: Rung | None = None, named: str = "",
) -> Card:
    """The card for the subject: the template called `named` filled in; `rung` says that nobody answered."""
    playbook, words = cause.playbook, words_of(cause.playbook, named)
    title, sentence = cause.fill(words.title, catalog), cause.fill(words.sentence, catalog)
    because: tuple[str, ...] = ()
    if rung is not None:
        silence = f"nobody has acknowledged it for {rung.after}" if rung.unless == "acknowledged" else (
            f"it has been open for {rung.after}")
        title, sentence = f"Escalation: {title}", f"{sentence} It comes to you because {silence}."
        because = (f"You get this because {silence}.",)
    return Card.model_validate({            # all in one go: part after part takes three times as long
        "sentence": sentence, "title": title, "tone": words.tone,
        "fields": [{"label": label, "value": cause.fill(value, catalog)} for label, value in words.fields],
        "changes": [cause.fill(text, catalog) for text in words.changes if template.says_something(text, cause.row)],
        "next_step": cause.fill(words.next_step, catalog), "buttons": _BUTTONS,
        "context": [f"{playbook.label} · {'; '.join(reasons_of(cause, catalog))}", _ages(cause, now), *because]})


@lru_cache(maxsize=512)
def words_of(playbook: Playbook, named: str = "") -> template.MessageTemplate:
    """The template called `named`, else the first that the playbook's messages name, else the plain one."""
    messages = (each.do for each in playbook.steps() if isinstance(each.do, MessageStep))
    chosen = named or next((each.template for each in messages if each.template), "")
    return playbook.template(chosen) or template.plain(playbook.id, playbook.title, playbook.why)


def reasons_of(cause: Cause, catalog: Mapping[str, FactSpec]) -> list[str]:
    """The clauses that fired, with what they saw; those of `when` before those of `scope`."""
    if not cause.said:
        fired = [clause for clause in cause.clauses if clause.verdict is Verdict.TRUE] or list(cause.clauses)
        if fired and fired[0].path.startswith("scope"):
            fired.sort(key=lambda clause: clause.path.startswith("scope"))
        cause.said.extend(clause_text(clause, catalog) for clause in fired[:_MOST_REASONS])
    return cause.said


def body_of(cause: Cause, catalog: Mapping[str, FactSpec]) -> str:
    """What stands in a task: why the playbook exists, why now, what to do, which version said so."""
    reasons = "\n".join(f"- {reason}" for reason in reasons_of(cause, catalog))
    why_now = f"Why now:\n{reasons}" if reasons else ""
    next_step = cause.fill(words_of(cause.playbook).next_step, catalog)
    return "\n\n".join(part for part in (cause.playbook.why, why_now, next_step, cause.playbook.label) if part)


def _ages(cause: Cause, now: datetime) -> str:
    ages = {clause.source: clause.as_of for clause in cause.clauses if clause.as_of is not None}
    said = [f"{source} {age_text(now - as_of)} old" for source, as_of in ages.items()]
    return f"Data: {', '.join(said) or 'undated'}"
