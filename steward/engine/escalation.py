"""The rungs of `escalate`: each is climbed once, when its time has come and nothing speaks against it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from steward.engine.clocks import after
from steward.engine.language import Rung
from steward.engine.look import FALSE, TRUE, UNKNOWN, Look
from steward.model.enrollments import Enrollment


def rungs_ahead(look: Look, enrollment: Enrollment) -> tuple[tuple[int, datetime], ...]:
    """The rungs that may still be climbed, each with the instant from which on."""
    done, rungs = enrollment.body.get("rungs", ()), look.playbook.escalate
    return tuple((at, after(rung.after, enrollment.since, look.calendar)) for at, rung in enumerate(rungs)
                 if at not in done and not (rung.unless == "acknowledged" and enrollment.acknowledged_at is not None))


def rungs_due(look: Look, ahead: tuple[tuple[int, datetime], ...]) -> Iterator[int]:
    """Those of the rungs `ahead` that are climbed now; none in a silence."""
    for at, due in ahead:
        if due <= look.now and not look.gates.silenced and _free(look, at, look.playbook.escalate[at]):
            yield at


def unknown_ahead(look: Look, enrollment: Enrollment) -> bool:
    """Whether the condition of a rung to come is unknown."""
    done = enrollment.body.get("rungs", ())
    return any(look.verdicts.of(f"escalate[{at}].unless", FALSE) is UNKNOWN
               for at in range(len(look.playbook.escalate)) if at not in done)


def _free(look: Look, at: int, rung: Rung) -> bool:
    if rung.only_if is not None and look.verdicts.of(f"escalate[{at}].only_if") is not TRUE:
        return False
    asks = rung.unless is not None and not isinstance(rung.unless, str)
    return not asks or look.verdicts.of(f"escalate[{at}].unless") is FALSE
