"""A replay beside what really happened: who came again, and of everybody else why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward.engine.played import Entry, Probed
from steward.engine.reproduced import compare
from steward.model.enrollments import Enrollment, State

START, DAY = datetime(2026, 3, 2, 8, tzinfo=UTC), timedelta(days=1)
SPAN = (START, START + 100 * DAY)
VERSIONS = ("7c1e09ab", "9a2b1111")


def real(subject: str, day: float | None, **more: Any) -> Enrollment:
    at = None if day is None else START + day * DAY
    given = {"version": "7c1e09ab", **more}
    return Enrollment(f"it/{subject}/{day}", "it", given.pop("version"), subject, 1, State.ACTIVE, since=at or START,
                      looked_at=at or START, subject_id=subject, entered_at=at, **given)


def played(subject: str, day: float) -> Entry:
    return Entry(f"replay/{subject}/{day}", subject, subject, START + day * DAY)


def probe(stands: str, day: float = 10.0, *, when: bool | None = True, reason: str = "") -> Probed:
    return Probed(START + day * DAY, stands, START + 3 * DAY, reason, when)


def why(each: Enrollment, entries: list[Entry], probed: Probed | None) -> str:
    told = compare([each], entries, {each.id: probed} if probed else {}, "7c1e09ab", span=SPAN, tolerance=DAY,
                   versions=VERSIONS)
    [miss] = told.not_found
    assert (miss.enrollment_id, miss.subject_id, miss.entered_at) == (each.id, each.subject_id, each.entered_at)
    return miss.why


def test_each_real_enrollment_is_matched_with_at_most_one_entry_the_nearest() -> None:
    """One entry of the replay must not prove two real ones."""
    happened = [real("a", 10), real("a", 11), real("b", 20), real("c", 30), real("d", None)]
    entries = [played("a", 10.5), played("b", 21), played("b", 20.4), played("c", 31.01), played("z", -1), played("z", 5)]

    told = compare(happened, entries, {}, "7c1e09ab", span=SPAN, tolerance=DAY)

    assert [each.enrollment_id for each in told.not_found] == ["it/a/11", "it/c/30"]
    assert (told.real, told.found, told.only_replayed) == (5, 2, 3), "b came twice, c too late; z before the span is not counted"
    assert (told.live_from, told.tolerance_s, told.share) == (START, 86_400, 0.4)


def test_exactly_as_far_off_as_allowed_is_the_same() -> None:
    """One distance between snapshots is what a replay cannot see within."""
    assert compare([real("a", 10)], [played("a", 11)], {}, "", span=SPAN, tolerance=DAY).found == 1


def test_where_nothing_really_happened_there_is_no_share() -> None:
    """ "0 %" would read as a bad replay."""
    assert compare([], [played("a", 1)], {}, "", span=SPAN, tolerance=DAY).share is None


@pytest.mark.parametrize(("entries", "probed", "said"), [
    ([], None, "no snapshot was stored soon after it"),
    ([], probe("idle", 11.1), "no snapshot was stored soon after it"),
    ([played("a", 7)], probe("idle"), "the replay lets it in 3 days earlier, on 2026-03-09"),
    ([played("a", 11.2)], probe("idle"), "the replay lets it in 1 days later, on 2026-03-13"),
    ([played("a", 55)], probe("idle"), "the replay lets it in 45 days later, on 2026-04-26"),
    ([played("a", 55.1)], probe("absent"), "the snapshot of 2026-03-12 does not know it"),
    ([], probe("absent"), "the snapshot of 2026-03-12 does not know it"),
    ([], probe("active"), "in the replay it was in already, since 2026-03-05"),
    ([], probe("recovering"), "in the replay it was in already, since 2026-03-05"),
    ([], probe("pending"), "in the replay its `for` had not elapsed, pending since 2026-03-05"),
    ([], probe("blocked", reason="cooldown: 3d"), "in the replay a gate said no: cooldown: 3d"),
    ([], probe("idle", when=None), "data are missing in the snapshot of 2026-03-12, so nobody can say whether `when` is true"),
    ([], probe("idle", when=False), "`when` is not true in the snapshot of 2026-03-12"),
    ([], probe("idle", 11.0), "`when` is true in the snapshot of 2026-03-13, and scope, an exit or a missing event kept it out"),
])
def test_what_did_not_come_again_has_a_reason(entries: list[Entry], probed: Probed | None, said: str) -> None:
    """ "93 % reproduced" is believed once the other seven are explained."""
    assert why(real("a", 10), entries, probed) == said


def test_a_person_s_entry_and_another_version_are_named() -> None:
    """A replay has no people; and it plays the version of today."""
    assert why(real("a", 10, cause="manual:ana@2026"), [], probe("idle")) == "a person enrolled it by hand"
    assert why(real("a", 10, version="9a2b1111"), [played("a", 7)], probe("idle")).endswith(
        "on 2026-03-09; it entered on version 9a2b, this is 7c1e")
    assert why(real("a", 10, version="9a2b1111"), [], probe("absent")).endswith("; it entered on version 9a2b, this is 7c1e")


def test_entries_at_the_very_ends_of_the_span_count() -> None:
    """The first and the last snapshot are of the time that is compared."""
    entries = [played("a", 0), played("a", 100), played("a", 100.01), played("a", -0.01)]

    assert compare([], entries, {}, "", span=SPAN, tolerance=DAY).only_replayed == 2
