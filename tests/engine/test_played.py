"""A replay looks at the same open enrollments as a nightly run: where the one sees a reason to look, so does the other."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from steward.engine.durations import Duration
from steward.engine.language import Goal, Mode, Rung
from steward.engine.played import Played, Seen
from steward.engine.sweep import located, opened_frame, sweep
from steward.model.enrollments import Enrollment, State

NOW, LATER = datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 9, 8, tzinfo=UTC)
PARTS = ("when", "until", "goal", "gone", "undone", "calm")
STATES = (State.PENDING, State.BLOCKED, State.AWAITING_APPROVAL, State.ACTIVE, State.RECOVERING)


def enrollment(subject: str, state: State, held: bool, wakes: datetime = LATER) -> Enrollment:
    return Enrollment(f"it/{subject}/1", "it", "v1", subject, 1, state, since=NOW, looked_at=NOW, subject_id=subject,
                      body={"held": True} if held else {}, wake_at=wakes)


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.PAUSED])
@pytest.mark.parametrize("held", [False, True])
def test_both_see_the_same_reasons_to_look(made: Any, fact: Any, mode: Mode, held: bool) -> None:
    """Over every state and every answer of every condition: 3,645 of them, each with its clock standing and not."""
    playbook = made(until=fact("until"), goal=Goal(fact("goal")), exits=(("gone", fact("gone")),), revoke_on=fact("undone"),
                    escalate=(Rung(Duration(2), ("csm",), fact("calm")),), mode=mode)
    rows = list(itertools.product(STATES, *[[True, False, None]] * len(PARTS)))
    facts = pl.DataFrame({"account_id": [f"a{at:04}" for at in range(len(rows))], **{
        part: pl.Series([row[1 + at] for row in rows], dtype=pl.Boolean) for at, part in enumerate(PARTS)}})
    wakes = NOW if held and mode is Mode.PAUSED else LATER      # a pause stores an instant that has always come
    opened = [enrollment(f"a{at:04}", row[0], held, wakes) for at, row in enumerate(rows)]
    looked_at = sweep(playbook, facts, located(opened_frame(opened), facts), NOW + timedelta(hours=1)).looks.keys()
    names = {"when": "when", "until": "until", "goal": "goal.when", "gone": "exit.gone", "undone": "revoke_on",
             "calm": "escalate[0].unless"}

    could = {each.subject_id for each, row in zip(opened, rows, strict=True) if Played(
        each.subject_id, Seen(dict(zip(names.values(), row[1:], strict=True))), open=each).could_change(mode is Mode.PAUSED)}
    assert could == looked_at
    assert 0 < len(could) < len(rows) or mode is Mode.PAUSED


def test_nobody_who_is_not_there_could_change() -> None:
    """An account that the snapshot does not know has no verdicts; it is closed as gone, which is no look."""
    assert not Played("a").could_change(False)
    assert not Played("a", open=enrollment("a", State.ACTIVE, False)).could_change(False)
    assert not Played("a", Seen({"when": True, "until": True})).could_change(True)
