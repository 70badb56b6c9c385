"""Events that playbooks wait for: whose entry they ask, what they undo, and what each playbook made of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from steward.engine.language import Backlog, Mode, Playbook, Subject, TriggerKind
from steward.engine.look import FALSE, UNKNOWN, Advance, Verdicts
from steward.model.enrollments import Enrollment, State
from steward.model.events import EVENTS, Event
from steward.model.subjects import subject_id
from steward.store import enrollments, events

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

OLDEST = timedelta(days=30)                 # what happened before is no news any more
PATIENCE = timedelta(days=7)                # so long an event waits for facts that say whether it counts
CAUSE = "event:"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Happenings:
    """Of one playbook: `asking`, by subject, the events that ask for its entry, the oldest first; `undoing` likewise
    those that revoke what is open; `outcomes`, by event, what was made of it already."""

    asking: dict[str, list[Event]] = field(default_factory=dict)
    undoing: dict[str, list[Event]] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)

    @property
    def subjects(self) -> set[str]:
        """Who must be looked at."""
        return {*self.asking, *self.undoing}

    def cause(self, subject: str) -> str | None:
        """What asks for the entry of the subject: "event:" and the event's id."""
        return f"{CAUSE}{self.asking[subject][0].id}" if subject in self.asking else None


def read(
    tx: Transaction, playbook: Playbook, opened: Collection[str], *, since: datetime | None, now: datetime,
    account_ids: Sequence[str] | None, older: Iterable[Playbook] = (),
) -> Happenings:
    """The events that the playbook has made nothing of yet. `opened`: subjects with an open enrollment of it;
    `since`: when it was switched on; `older`: its versions that something is in flight on, which say themselves what
    undoes it."""
    found = Happenings()
    undone = _undoing(tx, playbook, {each.version: each.revoke_on for each in (*older, playbook)}, found, now,
                      account_ids)
    if playbook.trigger.kind is not TriggerKind.EVENT or playbook.mode is Mode.PAUSED:
        return found
    known_after = since or _LONG_AGO
    if playbook.backlog is Backlog.USE_HISTORY:
        known_after -= min(OLDEST, known_after - _LONG_AGO)
    for event in events.unused(tx, playbook.id, playbook.trigger.event, known_after=known_after,
                               happened_after=now - OLDEST, account_ids=account_ids):
        subject = _subject_of(playbook, event)
        if subject is None:
            found.outcomes[event.id] = "no_subject"
        elif undone.get((event.connection, event.record), _LONG_AGO) >= event.happened_at:
            found.outcomes[event.id] = "undone"
        elif subject in opened:
            found.outcomes[event.id] = "already_open"
        else:
            found.asking.setdefault(subject, []).append(event)
    return found


def outcomes_of(
    found: Happenings, steps: Mapping[str, Advance], looks: Mapping[str, Verdicts], now: datetime,
) -> dict[str, str]:
    """By event, what was made of it, after the subjects were looked at; those that wait are not in it."""
    outcomes = dict(found.outcomes)
    for subject, asking in found.asking.items():
        first, *others = asking
        outcome = _outcome(steps.get(subject), looks.get(subject))
        if outcome == "enrolled":
            outcomes[first.id] = outcome
            outcomes.update(dict.fromkeys((each.id for each in others), "already_open"))
            continue
        for each in asking:
            if outcome:
                outcomes[each.id] = outcome
            elif each.known_at <= now - PATIENCE:
                outcomes[each.id] = "not_known"
    for subject, undoing in found.undoing.items():
        step = steps.get(subject)
        if step is not None and step.enrollment is not None and step.enrollment.state is State.CLOSED:
            outcomes.update(dict.fromkeys((each.id for each in undoing), "revoked"))
    return outcomes


def _outcome(step: Advance | None, verdicts: Verdicts | None) -> str:
    """What became of the one that asked; "" where nobody can say yet."""
    if step is not None and step.enrollment is not None and step.changed:
        return "enrolled"
    if verdicts is None:
        return ""                           # no facts of it yet
    if verdicts.of("when") is FALSE:
        return "when_false"
    if verdicts.of("scope") is FALSE:
        return "out_of_scope"
    if UNKNOWN in (verdicts.of("when"), verdicts.of("scope")):
        return ""
    return "exit" if any(value for path, value in verdicts.by_path.items() if path.startswith("exit.")) else ""


def _subject_of(playbook: Playbook, event: Event) -> str | None:
    """Whom the playbook enrols for the event; None where the event is of another kind of record."""
    if playbook.subject is Subject.ACCOUNT:
        return event.account_id
    spec = EVENTS.get(event.name)
    if spec is None or spec.noun.value != playbook.subject.value:
        return None
    return subject_id(playbook.subject.value, event.connection, event.record)


def _undoing(  # noqa: PLR0917  # a part of `read`
    tx: Transaction, playbook: Playbook, asked: Mapping[str, object], found: Happenings, now: datetime,
    account_ids: Sequence[str] | None,
) -> dict[tuple[str, str], datetime]:
    """Finds what is revoked; by connection and record, when it last was. `asked`: by version, what revokes it."""
    names = sorted({name for name in asked.values() if isinstance(name, str)})
    unused = [(name, event) for name in names for event in events.unused(
        tx, playbook.id, name, known_after=_LONG_AGO, happened_after=now - OLDEST, account_ids=account_ids)]
    if not unused:
        return {}
    standing = enrollments.open_of(tx, playbook.id, sorted({each.account_id for _, each in unused})).values()
    causes = events.of_ids(
        tx, [each.cause.removeprefix(CAUSE) for each in standing if each.cause and each.cause.startswith(CAUSE)])
    last: dict[tuple[str, str], datetime] = {}
    for name, event in unused:
        if name == playbook.revoke_on:
            last[event.connection, event.record] = event.happened_at
        hit = [each for each in standing if name == _revoked_by(each, playbook, asked) and _undoes(event, each, causes)]
        for each in hit:
            found.undoing.setdefault(each.subject_id, []).append(event)
        if not hit and event.known_at <= now - PATIENCE:
            found.outcomes[event.id] = "nothing_open"
    return last


def _revoked_by(enrollment: Enrollment, playbook: Playbook, asked: Mapping[str, object]) -> object:
    """What revokes it: as its version says where it is in flight, as the live one does where it waits."""
    version = enrollment.version if enrollment.entered_at is not None else playbook.version
    return asked.get(version)


def _undoes(event: Event, enrollment: Enrollment, causes: Mapping[str, Event]) -> bool:
    """Whether the event takes back what began the enrollment: the same record's later word, or of the same account."""
    if enrollment.account_id != event.account_id:
        return False
    began = causes.get((enrollment.cause or "").removeprefix(CAUSE))
    if began is None:
        return event.happened_at >= (enrollment.entered_at or enrollment.since)
    same = (began.connection, began.record) == (event.connection, event.record)
    return same and event.happened_at >= began.happened_at
