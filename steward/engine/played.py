"""One subject in a replay: what is seen of it, where it stands, and the enrollments that became active."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from steward.engine.look import Verdicts
from steward.model.enrollments import Enrollment, State


@dataclass(slots=True)
class Entry:
    """One enrollment that became active. `work` are CTAs and tasks; `rungs` were escalated as nobody acknowledges."""

    id: str
    subject_id: str
    account_id: str
    entered_at: datetime
    account: str = ""                       # its name, its owner and its ARR are those of that day
    owner: str = ""
    arr: float | None = None
    closed_at: datetime | None = None
    reason: str = ""
    work: list[datetime] = field(default_factory=list)
    rungs: int = 0


@dataclass(frozen=True, slots=True)
class Probed:
    """Where a subject stood in the replay at the first snapshot at or after an instant; "absent": no row of it."""

    at: datetime
    stands: str                             # a State, "idle" or "absent"
    since: datetime | None
    reason: str
    when: bool | None


@dataclass(slots=True)
class Played:
    """One subject; `seen` None: the last snapshot does not know it."""

    account_id: str
    seen: Seen | None = None
    zones: tuple[str | None, ...] = ()
    open: Enrollment | None = None
    closed: Enrollment | None = None
    entry: Entry | None = None
    entered: list[datetime] = field(default_factory=list)

    def could_change(self, paused: bool) -> bool:
        """Whether a look at this open enrollment could change it by what is true now, whatever the time."""
        if self.open is None or self.seen is None:
            return False
        held = bool(self.open.body.get("held"))
        return not held if paused else self.seen.could_change(self.open.state, held)


class Seen:
    """The verdicts of one subject, and what they could do to an open enrollment: as `sweep._could_change` says it."""

    __slots__ = ("_by_state", "by_path", "verdicts")

    def __init__(self, by_path: Mapping[str, bool | None]) -> None:
        self.by_path, self.verdicts = by_path, Verdicts(by_path)
        when, until = by_path["when"], by_path["until"]
        ends = any(value for name, value in by_path.items()
                   if name in ("goal.when", "revoke_on") or name.startswith("exit."))
        stops = until is None or any(value is None for name, value in by_path.items() if name.endswith("].unless"))
        self._by_state = {
            (State.ACTIVE, False): bool(until) or ends or stops, (State.ACTIVE, True): ends or until is not None,
            (State.RECOVERING, False): ends or not until, (State.RECOVERING, True): ends or until is not None,
        }
        for state in (State.PENDING, State.BLOCKED, State.AWAITING_APPROVAL):
            self._by_state[state, False] = ends or not when
            self._by_state[state, True] = ends or when is not None

    def could_change(self, state: State, held: bool) -> bool:
        """Of an enrollment in `state`, whose clocks stand where `held`."""
        return self._by_state[state, held]
