"""Who asked for quiet, and who is control: both are kept, and said once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward.model.enrollments import Arm
from steward.model.errors import StewardError
from steward.store import arms, silences
from steward.store.arms import Assigned

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def silence(tx: Any, **changes: Any) -> silences.Silence:
    given = {"author": "ana", "reason": "they migrate", "starts_at": NOW, "ends_at": NOW + DAY, "now": NOW, **changes}
    return silences.add(tx, given.pop("matchers", {"account": "a"}), **given)


def test_a_silence_stands_until_its_end_or_until_somebody_ends_it(database: Any) -> None:
    """It is over by itself; nobody has to remember it."""
    with database.write() as tx:
        one = silence(tx)
        assert silence(tx) == one, "asked for twice, it is one"
        assert [each.id for each in silences.active(tx, NOW)] == [one.id]
        assert silences.active(tx, NOW - DAY) == []
        assert silences.active(tx, NOW + DAY) == []
        assert one.text == "until 2026-03-06 08:00Z by ana: they migrate"
        assert silences.end(tx, one.id, "bo", NOW + DAY / 2)
        assert not silences.end(tx, one.id, "bo", NOW + DAY / 2)
        assert silences.active(tx, NOW + DAY / 2) == []
        assert [each.ended_by for each in silences.list_(tx)] == ["bo"]


@pytest.mark.parametrize(("changes", "words"), [
    ({"matchers": {}}, "what it is about"), ({"author": " "}, "who asks"), ({"reason": ""}, "why"),
    ({"ends_at": NOW}, "over")])
def test_a_silence_says_what_who_why_and_until_when(database: Any, changes: dict[str, Any], words: str) -> None:
    """A year later somebody asks why nobody was told."""
    with pytest.raises(StewardError, match=words), database.write() as tx:
        silence(tx, **changes)


def test_an_arm_is_assigned_once(database: Any) -> None:
    """Who changes sides in the middle says nothing about either side."""
    with database.write() as tx:
        assert arms.assign(tx, "drop", "s", [Assigned("f1", Arm.CONTROL, "smb", 0)], NOW) == 1
        assert arms.assign(tx, "drop", "s", [
            Assigned("f1", Arm.TREATMENT, "smb", 1), Assigned("f2", Arm.TREATMENT, "", 0)], NOW) == 1
        assert arms.of(tx, "drop", "s", ["f1", "f2", "f3"]) == {"f1": Arm.CONTROL, "f2": Arm.TREATMENT}
        assert arms.of(tx, "drop", "other", ["f1"]) == {}
        assert arms.next_positions(tx, "drop", "s") == {"smb": 1, "": 1}
        assert [each.family_id for each in arms.list_(tx, "drop")] == ["f2", "f1"]
