"""A replay beside what really happened: which real enrollments came again, and why the others did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from steward.engine.played import Entry, Probed
from steward.model.enrollments import Enrollment, State
from steward.model.versions import short

FAR = timedelta(days=45)                    # an entry of the replay that is further off is another story


@dataclass(frozen=True, slots=True)
class NotReproduced:
    """A real enrollment that the replay has not, and why."""

    enrollment_id: str
    subject_id: str
    entered_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Reproduced:
    """`found` of `real` enrollments that became active while the playbook was live came again in the replay.

    One came again where the replay lets the same subject in at most `tolerance_s` before or after: one distance between
    snapshots. `only_replayed` are entries of the replay that the real run did not make.
    """

    live_from: datetime
    real: int
    found: int
    tolerance_s: float
    not_found: tuple[NotReproduced, ...]
    only_replayed: int

    @property
    def share(self) -> float | None:
        """None where nothing really happened."""
        return self.found / self.real if self.real else None


def compare(
    real: Sequence[Enrollment], entries: Sequence[Entry], probed: Mapping[str, Probed], version: str, *,
    span: tuple[datetime, datetime], tolerance: timedelta, versions: Sequence[str] = (),
) -> Reproduced:
    """Match every real enrollment with at most one entry, the nearest first; `versions` are those that are stored."""
    left: dict[str, list[Entry]] = {}
    for entry in entries:
        left.setdefault(entry.subject_id, []).append(entry)
    found, not_found = 0, []
    for each in sorted((each for each in real if each.entered_at), key=lambda each: (each.entered_at, each.id)):
        assert each.entered_at is not None
        near = _nearest(left.get(each.subject_id, ()), each.entered_at)
        if near is not None and abs(near.entered_at - each.entered_at) <= tolerance:
            left[each.subject_id].remove(near)
            found += 1
            continue
        other = "" if each.version == version else (
            f"; it entered on version {short(each.version, versions)}, this is {short(version, versions)}")
        why = _why(each, near, probed.get(each.id), other, tolerance)
        not_found.append(NotReproduced(each.id, each.subject_id, each.entered_at, why))
    begins, ends = span
    extra = sum(begins <= entry.entered_at <= ends for entries_ in left.values() for entry in entries_)
    return Reproduced(begins, len(real), found, tolerance.total_seconds(), tuple(not_found), extra)


def _nearest(entries: Sequence[Entry], at: datetime) -> Entry | None:
    return min(entries, key=lambda entry: abs(entry.entered_at - at), default=None)


def _why(real: Enrollment, near: Entry | None, probed: Probed | None, other: str, tolerance: timedelta) -> str:
    assert real.entered_at is not None
    cause = real.cause or ""
    if cause.startswith("manual:"):
        return "a person enrolled it by hand"
    if probed is None or probed.at - real.entered_at > tolerance:
        return "no snapshot was stored soon after it"
    if near is not None and abs(near.entered_at - real.entered_at) <= FAR:
        way = "earlier" if near.entered_at < real.entered_at else "later"
        days = max(round(abs(near.entered_at - real.entered_at) / timedelta(days=1)), 1)
        return f"the replay lets it in {days} days {way}, on {near.entered_at:%Y-%m-%d}{other}"
    return _stands(probed) + other


def _stands(probed: Probed) -> str:
    on = f"{probed.at:%Y-%m-%d}"
    if probed.stands == "absent":
        return f"the snapshot of {on} does not know it"
    if probed.stands in (State.ACTIVE, State.RECOVERING):
        return f"in the replay it was in already, since {probed.since:%Y-%m-%d}"
    if probed.stands == State.PENDING:
        return f"in the replay its `for` had not elapsed, pending since {probed.since:%Y-%m-%d}"
    if probed.stands == State.BLOCKED:
        return f"in the replay a gate said no: {probed.reason}"
    if probed.when is None:
        return f"data are missing in the snapshot of {on}, so nobody can say whether `when` is true"
    if not probed.when:
        return f"`when` is not true in the snapshot of {on}"
    return f"`when` is true in the snapshot of {on}, and scope, an exit or a missing event kept it out"
