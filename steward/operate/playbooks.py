"""What a person may do with a playbook: apply it, take it back, pause it, resume it, retire it.

Each is a release: a new row that says which version is live in which mode since when and by whom. Nothing is
overwritten, so each can be taken back and asked about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from steward.engine.canonical import canonical
from steward.engine.language import Mode, Playbook, Subject
from steward.model.enrollments import SHADOW_ENDED, Arm, Decision, State
from steward.model.errors import StewardError
from steward.model.versions import meant, short
from steward.model.words import meant_or_all
from steward.store import audit, digests, enrollments, outbox, releases, versions
from steward.store.database import Database, alone
from steward.store.releases import RETIRED, Release

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_STANDS = (Mode.PAUSED.value, RETIRED)
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Released:
    """What is live now and what was before it (None: nothing); `changed` is False where it was so already.

    `closed`: the enrollments that ended with a retired playbook, or with its shadow.
    """

    now: Release
    before: Release | None
    changed: bool = True
    closed: int = 0


def apply(
    db: Database, playbooks: Sequence[Playbook], by: str, now: datetime, note: str = "",
) -> tuple[Released, ...]:
    """Make each of `playbooks` live as it stands: its version, mode, ramp and priority. All of them or none.

    Raises:
        StewardError: one of them is live and enrols something else than before.
    """
    with db.write() as tx:
        alone(tx, "evaluate")                   # which reads what is live once, at its beginning
        live = releases.live(tx)
        return tuple(_apply_one(tx, each, live.get(each.id), by, now, note) for each in playbooks)


def _apply_one(  # noqa: PLR0917  what, over what, by whom and when
    tx: Transaction, playbook: Playbook, before: Release | None, by: str, now: datetime, note: str,
) -> Released:
    new = Release(playbook.id, playbook.version, playbook.mode.value, now, by, playbook.ramp, playbook.priority, note)
    if before is not None and _same(before, new):
        return Released(before, before, changed=False)
    if before is not None and (was := _subject(versions.body(tx, playbook.id, before.version))) != playbook.subject:
        raise StewardError(
            f'"{playbook.id}" enrols {was} records and would enrol {playbook.subject} records: what is in flight could '
            f"not go on. Give the new one another id, or run first: steward playbook retire {playbook.id}")
    versions.keep(tx, playbook.id, playbook.version, body=canonical(playbook), mode=playbook.mode.value, now=now)
    return replace(_release(tx, "apply", new, before), closed=_end_shadow(tx, before, new) if before else 0)


def _end_shadow(tx: Transaction, before: Release, new: Release) -> int:
    """Close what was begun in shadow where more is acted on from now on, so that it may begin anew by its backlog
    rule; else whoever entered in shadow would never be acted on. How many that were."""
    reach = {Mode.SHADOW.value: 0.0, Mode.LIVE.value: 1.0}
    if reach.get(new.mode, new.ramp) <= reach.get(before.mode, before.ramp) or new.mode in _STANDS:
        return 0
    begun = [each for each in enrollments.list_(tx, playbook_id=new.playbook_id, state="open", limit=_ALL)
             if each.arm is Arm.SHADOW and each.entered_at is not None]
    why = f"{SHADOW_ENDED}: {new.by} applied it as {new.mode}; it may begin anew"
    enrollments.save(tx, [
        replace(each, state=State.CLOSED, reason=SHADOW_ENDED, closed_at=new.applied_at, looked_at=new.applied_at,
                wake_at=None) for each in begun])
    enrollments.record(tx, [
        Decision(each.id, new.playbook_id, each.account_id, new.applied_at, each.state.value, State.CLOSED.value, why,
                 version=each.version) for each in begun])
    return len(begun)


def rollback(
    db: Database, playbook_id: str, by: str, now: datetime, note: str = "", *, to: str = "",
) -> Released:
    """Make the version live again that was live before this one, in the mode and with the priority that it had.

    With `to`, the first digits of a version, that one.

    Raises:
        StewardError: the playbook is not live, there was no other version before, or `to` means no single one.
    """
    with db.write() as tx:
        alone(tx, "evaluate")
        before = _live(tx, playbook_id)
        past = releases.history(tx, playbook_id)
        stored = versions.of(tx, playbook_id)
        wanted = meant(to, playbook_id, stored) if to else ""
        if wanted == before.version:
            return Released(before, before, changed=False)
        earlier = next((each for each in past if each.mode not in _STANDS and (
            each.version == wanted if wanted else each.version != before.version)), None)
        if earlier is None:
            raise StewardError(
                f'"{playbook_id}" had no other version before {short(before.version, stored)}. To stop it, run: '
                f"steward playbook pause {playbook_id}")
        return _release(tx, "rollback", replace(earlier, applied_at=now, by=by, note=note), before)


def pause(db: Database, playbook_id: str, by: str, now: datetime, note: str = "") -> Released:
    """Stop everything of it: nobody enters, nothing is performed, every clock stands.

    Raises:
        StewardError: the playbook is not live.
    """
    with db.write() as tx:
        alone(tx, "evaluate")
        before = _live(tx, playbook_id)
        if before.mode == Mode.PAUSED:
            return Released(before, before, changed=False)
        new = replace(before, mode=Mode.PAUSED.value, applied_at=now, by=by, note=note)
        return _release(tx, "pause", new, before)


def resume(db: Database, playbook_id: str, by: str, now: datetime, note: str = "") -> Released:
    """Let it go on in the mode that it had before it was paused; where it was never in another, in shadow.

    Raises:
        StewardError: the playbook is not live.
    """
    with db.write() as tx:
        alone(tx, "evaluate")
        before = _live(tx, playbook_id)
        if before.mode != Mode.PAUSED:
            return Released(before, before, changed=False)
        past = (each for each in releases.history(tx, playbook_id) if each.mode not in _STANDS)
        mode, ramp = next(((each.mode, each.ramp) for each in past), (Mode.SHADOW.value, 0.0))
        return _release(tx, "resume", replace(before, mode=mode, ramp=ramp, applied_at=now, by=by, note=note), before)


def retire(db: Database, playbook_id: str, by: str, now: datetime, note: str = "") -> Released:
    """Take it out of use: nobody enters, what is open is closed and its due actions are cancelled. Its history stays.

    Raises:
        StewardError: the playbook is not live.
    """
    with db.write() as tx:
        alone(tx, "evaluate")
        before = _live(tx, playbook_id)
        opened = enrollments.list_(tx, playbook_id=playbook_id, state="open", limit=_ALL)
        enrollments.save(tx, [
            replace(each, state=State.CLOSED, reason="cancelled", closed_at=now, looked_at=now, wake_at=None)
            for each in opened])
        enrollments.record(tx, [
            Decision(each.id, playbook_id, each.account_id, now, each.state.value, State.CLOSED.value,
                     f"cancelled: the playbook was retired by {by}", version=each.version) for each in opened])
        outbox.cancel(tx, [each.id for each in opened], now, f"the playbook was retired by {by}")
        digests.cancel(tx, [each.id for each in opened])
        new = replace(before, mode=RETIRED, applied_at=now, by=by, note=note)
        return replace(_release(tx, "retire", new, before), closed=len(opened))


def _release(tx: Transaction, what: str, new: Release, before: Release | None) -> Released:
    releases.apply(tx, new)
    audit.write(tx, new.applied_at, new.by, what, new.playbook_id, {
        "version": new.version, "mode": new.mode, "priority": new.priority, "note": new.note,
        "before": f"{before.version} {before.mode}" if before else "nothing"})
    return Released(new, before)


def _subject(body: str | None) -> str:
    """What the version with the canonical form `body` enrols."""
    document = json.loads(body or "{}")
    return str(document.get("subject", Subject.ACCOUNT)) if isinstance(document, dict) else Subject.ACCOUNT.value


def _live(tx: Transaction, playbook_id: str) -> Release:
    live = releases.live(tx)
    if playbook_id not in live:
        raise StewardError(not_live(playbook_id, live))
    return live[playbook_id]


def not_live(playbook_id: str, live: Iterable[str]) -> str:
    """The sentence that says so."""
    return f'no playbook "{playbook_id}" is live{meant_or_all(playbook_id, live)}'


def _same(one: Release, other: Release) -> bool:
    return (one.version, one.mode, one.ramp, one.priority) == (other.version, other.mode, other.ramp, other.priority)
