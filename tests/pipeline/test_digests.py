"""What is told together: in the morning, or because one run would flood one person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from steward.engine.calendars import Calendar
from steward.pipeline.digests import next_opening
from steward.store import outbox

DAY = timedelta(days=1)


def digest(us: Any) -> Any:
    return us.playbook(us.text.replace("  - message: {to: csm}", "  - message: {to: csm, send: digest}"))


def messages(us: Any) -> list[Any]:
    return [row for row in us.rows() if row.action.kind == "message"]


def test_a_digest_goes_out_once_in_the_morning(company: Any) -> None:
    """Ana reads one message at nine, not three in the night."""
    us = company(3)
    us.know([10.0] * 3)
    us.run(us.now, digest(us))
    assert messages(us) == []
    us.run(us.now + DAY - DAY / 24, digest(us))
    assert messages(us) == []
    us.run(us.now + DAY, digest(us))
    us.run(us.now + DAY, digest(us))

    [told] = messages(us)
    assert told.action.card.title == "3 messages about 3 accounts"
    assert {field.label for field in told.action.card.fields} == {f"Acme {at}: Health drop" for at in range(3)}
    assert told.action.card.buttons == ()
    assert "steward enrollments acknowledge" in told.action.card.context[0]


def test_more_than_five_at_once_become_one_with_links(company: Any) -> None:
    """A bad Monday is one message, and the CTAs are all there."""
    us = company(12)
    us.know([10.0] * 12)
    linked = us.settings.model_copy(update={
        "web": us.settings.web.model_copy(update={"public_url": "https://steward.test"})})
    report = us.run(us.now, us.playbook(), settings=linked)

    [told] = messages(us)
    assert (report.actions, len(us.rows())) == (24, 13)
    assert len(told.action.card.fields) == 10
    links = tuple(f"https://steward.test/accounts/{each}" for each in us.ids.values())
    assert told.action.card.fields[0].value.endswith(links)
    assert told.action.card.fields[-1].label == "and 3 more"
    keys = us.write(lambda tx: outbox.steps(tx, [f"health_drop/{us.ids['a0']}/1"]))
    assert sorted(keys[f"health_drop/{us.ids['a0']}/1"].values()) == ["pending", "pending"]


def test_five_are_five(company: Any) -> None:
    """Each with its own button."""
    us = company(5)
    us.know([10.0] * 5)
    us.run()

    assert len(messages(us)) == 5


def test_who_recovered_over_night_is_left_out_of_the_digest(company: Any) -> None:
    """What is over is not told in the morning."""
    us = company(2)
    us.know([10.0, 10.0])
    us.run(us.now, digest(us))
    us.know([10.0, 90.0], us.now + DAY / 2)
    us.run(us.now + DAY / 2, digest(us))
    us.run(us.now + DAY, digest(us))

    [told] = messages(us)
    assert told.account_id == us.ids["a0"]


def test_the_next_opening_skips_the_weekend() -> None:
    """Friday evening's digest is Monday's."""
    calendar = Calendar()
    friday = datetime(2026, 11, 6, 18, tzinfo=UTC)

    assert next_opening(calendar, friday) == datetime(2026, 11, 9, 9, tzinfo=UTC)
    assert next_opening(calendar, datetime(2026, 11, 9, 8, tzinfo=UTC)) == datetime(2026, 11, 9, 9, tzinfo=UTC)
    assert next_opening(calendar, datetime(2026, 11, 9, 9, tzinfo=UTC)) == datetime(2026, 11, 10, 9, tzinfo=UTC)
