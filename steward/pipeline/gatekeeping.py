"""What the gates ask besides conditions: quiet, inhibition, open work and its line, the limit, the experiment's arms.

Those of one playbook are looked at once with what is known before; of those that would enter, caps, the limit and the
arms then choose: who enters first is who is worth most.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from steward.engine import holdout
from steward.engine.gates import Gates
from steward.engine.language import CtaStep, MessageStep, Mode, Playbook, Subject
from steward.engine.look import Advance
from steward.model.enrollments import Arm, Enrollment, State
from steward.pipeline.frames import NOBODY, Brief, Frames, Seen
from steward.pipeline.silencing import silenced
from steward.store import arms, enrollments, identity, silences
from steward.store.silences import Silence

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

LIMIT_WINDOW = timedelta(days=1)
LONGEST = timedelta(days=400)               # `at_most` in business days may reach back so far beyond its own length
IN_FLIGHT = (State.ACTIVE, State.RECOVERING)
Again = Callable[[str, Gates], Advance]
"""Looks at a subject once more, with other gates."""


@dataclass(frozen=True, slots=True)
class _Load:
    """Open work: `by_owner` by e-mail, where "" owns what nobody owns; of an account, `placed` counts it at its row of
    the frame and `more` by its id."""

    by_owner: Counter[str]
    more: Counter[str]
    placed: npt.NDArray[np.int64]

    def of(self, account_id: str, brief: Brief) -> int:
        """How much there is of one account."""
        there = brief.row is not None and brief.row < self.placed.size
        return self.more[account_id] + (int(self.placed[brief.row]) if there else 0)


_NOWHERE: npt.NDArray[np.int64] = np.array([], dtype=np.int64)


class Gatekeeper:
    """Of one run. `note` tells it what was decided, for the playbooks that come after."""

    def __init__(  # noqa: PLR0917  # `evaluate` makes it
        self, tx: Transaction, frames: Frames, playbooks: Sequence[Playbook], opened: pl.DataFrame, now: datetime,
        whole: bool,
    ) -> None:
        self._tx, self._frames, self._opened, self._now, self._whole = tx, frames, opened, now, whole
        self._silences = [_of_survivor(tx, each) for each in silences.active(tx, now)]
        self._working = {each.id for each in playbooks if asks_work(each)}
        self._inhibitors = {name for each in playbooks for name in each.inhibited_by}
        self._standing: dict[str, set[str]] = {}
        self._load: _Load | None = None
        self._changes: list[tuple[str, int]] = []           # before the load was asked for

    def first(self, playbook: Playbook, seen: Seen, subjects: Mapping[str, str]) -> dict[str, Gates]:
        """The gates of each subject (id to that of its account), before anybody entered."""
        briefs = self._frames.briefs(subjects.values())
        quiet = silenced(self._silences, playbook.id, subjects, seen, self._frames)
        before: Mapping[str, list[datetime]] = {}
        if playbook.inhibited_by:
            self._frames.fetch_lines(subjects.values())
        if playbook.at_most is not None:
            since = self._now - LONGEST - timedelta(days=playbook.at_most.within.amount * 2)
            before = enrollments.entered(self._tx, playbook.id, since, subjects)
        return {
            subject_id: Gates(
                briefs.get(account_id, NOBODY).do_not_contact is True, self._inhibitor(playbook, account_id),
                silenced=quiet.get(subject_id, ""), entered_at=tuple(before.get(subject_id, ())))
            for subject_id, account_id in subjects.items()}

    def choose(
        self, playbook: Playbook, seen: Seen, steps: dict[str, Advance], gates: Mapping[str, Gates], again: Again,
    ) -> None:
        """Of `steps`, by subject, those that would enter: caps, limit and arms change them in place."""
        entering = [each for each, step in steps.items() if step.enters and step.enrollment is not None]
        if not entering:
            return
        self._cap(playbook, entering, steps, gates, again)
        entering = [each for each in entering if steps[each].enters]
        self._limit(playbook, entering, steps, gates, again)
        entering = [each for each in entering if steps[each].enters]
        self._arms(playbook, seen, entering, steps, gates, again)

    def note(self, playbook: Playbook, before: Enrollment | None, after: Enrollment) -> None:
        """What became of a subject in this run."""
        if playbook.id in self._inhibitors:
            standing = self._standing_of(playbook.id)
            if _inhibits(after):
                standing.add(after.account_id)
            elif before is not None and _inhibits(before) and playbook.subject is Subject.ACCOUNT:
                standing.discard(after.account_id)
        if playbook.id in self._working:
            change = int(_is_work(after)) - int(before is not None and _is_work(before))
            if change and self._load is None:
                self._changes.append((after.account_id, change))
            elif change:
                self._count(after.account_id, change)

    def busy(self) -> Mapping[str, int]:
        """Open enrollments that ask work, and what was taken from queues, by the e-mail of who has it."""
        return Counter(self._loads().by_owner) + Counter(enrollments.queued(self._tx))

    # ---- inhibition ----

    def _inhibitor(self, playbook: Playbook, account_id: str) -> str:
        if not playbook.inhibited_by:
            return ""
        line = self._frames.lineage(account_id)
        return next((name for name in playbook.inhibited_by
                     if any(each in self._standing_of(name) for each in line)), "")

    def _standing_of(self, name: str) -> set[str]:
        if name not in self._standing:
            mine = self._opened.filter(pl.col("playbook_id") == name, pl.col("state") != State.BLOCKED.value)
            self._standing[name] = set(mine["account_id"].to_list())
        return self._standing[name]

    # ---- caps ----

    def _cap(
        self, playbook: Playbook, entering: Sequence[str], steps: dict[str, Advance], gates: Mapping[str, Gates],
        again: Again,
    ) -> None:
        if playbook.id not in self._working:
            return
        load = self._loads()
        with_account, with_owner = Counter[str](), Counter[str]()       # of this playbook, in this run
        lines: dict[str, list[str]] = defaultdict(list)
        for subject_id in sorted(entering, key=lambda each: self._worth(steps[each], each)):
            enrollment = steps[subject_id].enrollment
            assert enrollment is not None
            account_id = enrollment.account_id
            brief = self._frames.brief(account_id)
            owner = brief.owner
            of_account = load.of(account_id, brief) + with_account[account_id]
            by_owner = load.by_owner[owner or ""] + with_owner[owner or ""]
            if of_account >= playbook.caps.account:
                lines[f"the account has {of_account} of {playbook.caps.account} open"].append(subject_id)
            elif owner and by_owner >= playbook.caps.owner:
                lines[f"owner {owner} has {by_owner} of {playbook.caps.owner} open"].append(subject_id)
            elif enrollment.arm is Arm.TREATMENT:
                with_account[account_id] += 1
                with_owner[owner or ""] += 1
        for full, waiting in lines.items():
            for place, subject_id in enumerate(waiting, 1):
                text = f"{full}; {place} of {len(waiting)} in line by value"
                steps[subject_id] = again(subject_id, _with(gates[subject_id], cap=text))

    def _worth(self, step: Advance, subject_id: str) -> tuple[float, str]:
        assert step.enrollment is not None
        return -(self._frames.brief(step.enrollment.account_id).arr or 0.0), subject_id

    def _loads(self) -> _Load:
        """The open work of all playbooks that ask some."""
        if self._load is None:
            self._load = self._of_everybody() if self._whole else self._of_the_store()
            for account_id, change in self._changes:
                self._count(account_id, change)
        return self._load

    def _of_everybody(self) -> _Load:
        mine = self._opened.filter(
            pl.col("playbook_id").is_in(list(self._working)), pl.col("arm") == Arm.TREATMENT.value,
            pl.col("state").is_in([each.value for each in IN_FLIGHT]))
        rows = self._frames.accounts_of(mine)
        return _Load(Counter(self._frames.by_owner(rows)), Counter(), np.bincount(rows.to_numpy()))

    def _of_the_store(self) -> _Load:
        load = _Load(Counter(), Counter(), _NOWHERE)
        for each in enrollments.work(self._tx):
            if each.playbook_id in self._working:
                load.more[each.account_id] += each.count
        self._frames.fetch(load.more)
        for account_id, count in load.more.items():
            load.by_owner[self._frames.brief(account_id).owner or ""] += count
        return load

    def _count(self, account_id: str, change: int) -> None:
        assert self._load is not None
        self._load.more[account_id] += change
        self._load.by_owner[self._frames.brief(account_id).owner or ""] += change

    # ---- limit ----

    def _limit(
        self, playbook: Playbook, entering: Sequence[str], steps: dict[str, Advance], gates: Mapping[str, Gates],
        again: Again,
    ) -> None:
        """More would enter than the limit allows: none of them does, all wait for approval.

        A look at a few accounts is no run of its own: a burst of calls is many of those, so what entered within
        a day counts too.
        """
        asking = [each for each in entering if not _approved(steps[each].enrollment)]
        if not asking:
            return
        before, accounts = 0, self._frames.accounts.frame.height
        if not self._whole:
            before = enrollments.entered_since(self._tx, playbook.id, self._now - LIMIT_WINDOW)
            accounts = identity.count(self._tx)
        most = playbook.limit.of(accounts)
        if before + len(asking) > most:
            for each in asking:
                steps[each] = again(each, _with(gates[each], over_limit=most))

    # ---- arms ----

    def _arms(  # noqa: PLR0917  # as its neighbours, and what strata are made of
        self, playbook: Playbook, seen: Seen, entering: Sequence[str], steps: dict[str, Advance],
        gates: Mapping[str, Gates], again: Again,
    ) -> None:
        """Whose family is control walks the same way and nothing is done; what is drawn once stays.

        Families grow together as parents become known: what was drawn for the account alone, or for a family that is
        now a part of another, goes before what is drawn for the whole.
        """
        if not entering or not playbook.holdout.share or playbook.mode not in (Mode.LIVE, Mode.RAMP):
            return
        salt = holdout.salt_of(playbook)
        accounts = {each: self._account(steps[each]) for each in entering}
        self._frames.fetch_lines(accounts.values())
        lines = {each: self._line(account_id) for each, account_id in accounts.items()}
        known = arms.of(self._tx, playbook.id, salt, {name for line in lines.values() for name in line})
        families = {each: next((name for name in line if name in known), line[-1]) for each, line in lines.items()}
        fresh = {subject_id: family for subject_id, family in families.items() if family not in known}
        if fresh:
            strata = dict.fromkeys(fresh, "")
            if playbook.holdout.by:
                rows = seen.stored(fresh)
                strata = {each: holdout.stratum_of(rows.get(each, {}), playbook.holdout.by) for each in fresh}
            wanted = {family: strata[subject_id] for subject_id, family in sorted(fresh.items(), reverse=True)}
            drawn = holdout.assign(
                playbook.holdout, salt, wanted, arms.next_positions(self._tx, playbook.id, salt))
            arms.assign(self._tx, playbook.id, salt, [
                arms.Assigned(each.family_id, each.arm, each.stratum, each.position) for each in drawn], self._now)
            known.update({each.family_id: each.arm for each in drawn})
        for subject_id, family in families.items():
            if known[family] is Arm.CONTROL:
                steps[subject_id] = again(subject_id, _with(gates[subject_id], control=True))

    def _line(self, account_id: str) -> tuple[str, ...]:
        """The account, those above it, and last its family."""
        family = self._frames.brief(account_id).family or account_id
        return *(each for each in self._frames.lineage(account_id) if each != family), family

    def _account(self, step: Advance) -> str:
        assert step.enrollment is not None
        return step.enrollment.account_id


def asks_work(playbook: Playbook) -> bool:
    """Whether it asks something of people, so that caps count it."""
    return any(isinstance(each.do, (CtaStep, MessageStep)) for each in playbook.steps()
               if each.path.startswith("do"))


def _with(gates: Gates, *, cap: str = "", over_limit: int | None = None, control: bool = False) -> Gates:
    return Gates(gates.do_not_contact, gates.inhibited_by, over_limit, gates.silenced, gates.entered_at, cap, control)


def _of_survivor(tx: Transaction, each: Silence) -> Silence:
    """A silence of an account that was merged is one of its survivor."""
    asked = each.matchers.get("account")
    survivor = identity.current(tx, str(asked)) if asked is not None else None
    return replace(each, matchers={**each.matchers, "account": survivor}) if survivor else each


def _approved(enrollment: Enrollment | None) -> bool:
    return enrollment is not None and bool(enrollment.body.get("approved_by"))


def _inhibits(enrollment: Enrollment) -> bool:
    return enrollment.state not in (State.BLOCKED, State.CLOSED)


def _is_work(enrollment: Enrollment) -> bool:
    return enrollment.state in IN_FLIGHT and enrollment.arm is Arm.TREATMENT
