"""Webhooks are verified and durable before they are answered, and then acted on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from steward import views
from steward.model.errors import Unavailable
from steward.pipeline.derive import DeriveReport
from steward.store import touched
from steward.web.worker import Worker
from steward.wiring import Hub


def _until(happened: Any, seconds: float = 60) -> bool:
    """Wait for another thread's work; the bound only ends a hopeless wait."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if happened():
            return True
        pause.wait(0.05)
    return False


@pytest.mark.parametrize("connection", ["hubspot", "usage", "slack"])
def test_an_unsigned_call_is_refused(served: Any, connection: str) -> None:
    """Anybody can find the address; only the vendor can sign."""
    answer = served.client.post(f"/hooks/{connection}", content=b"[]")

    assert answer.status_code == 401


def test_an_unknown_connection_names_those_that_listen(served: Any) -> None:
    """A typo in the vendor's settings page must be easy to find."""
    answer = served.client.post("/hooks/hubspott", content=b"[]")

    assert answer.status_code == 404
    assert 'Did you mean "hubspot"?' in answer.json()["detail"]


def test_a_body_too_large_or_packed_is_refused(served: Any) -> None:
    """One caller must not fill our memory."""
    large = served.client.post("/hooks/usage", content=b"x" * ((1 << 20) + 1))
    packed = served.client.post("/hooks/usage", content=b"x", headers={"Content-Encoding": "gzip"})

    assert large.status_code == 413
    assert packed.status_code == 415


def test_a_pressed_button_acknowledges_the_enrollment_and_redraws_the_message(served: Any) -> None:
    """The person presses in Slack; the escalation stops and everybody sees who has it."""
    served.hub.deliver()
    slack = served.sandboxes["slack"]
    waiting = [each for each in views.enrollments(served.hub.db, state="active") if not each.acknowledged_by]
    enrolled, message = next((each, told) for each in waiting for told in slack.messages()  # a digest tells of many
                             if told["metadata"]["event_payload"]["key"].startswith(each.id + "/"))
    body = slack.pressed(message, "acknowledge")

    headers = {name: value for name, value in slack.sign(body).items() if not name.startswith(":")}
    answer = served.client.post("/hooks/slack", content=body, headers=headers)

    assert answer.status_code == 200
    assert _until(lambda: any(effect.kind == "update" for effect in slack.ledger))
    again = {each.id: each for each in views.enrollments(served.hub.db)}
    assert again[enrolled.id].acknowledged_by


def test_a_usage_event_becomes_a_record_once(served: Any) -> None:
    """Segment sends an event again when our answer was lost; it must count once."""
    usage = served.sandboxes["usage"]
    known = views.accounts(served.hub.db)[0]
    view = views.account(served.hub.db, served.hub.catalog, served.hub.scorecard, known.id, served.hub.clock())
    body = usage.event(view.external_ids.get("usage", "w-1"), "Report Viewed", served.hub.clock(), 1)
    headers = {name: value for name, value in usage.sign(body).items() if not name.startswith(":")}

    answers = [served.client.post("/hooks/usage", content=body, headers=headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert _until(lambda: sum(views.summary(served.hub.db).records.get("usage", {}).values()) == 1)


class _Buggy(Hub):
    """A hub with a bug of ours in it."""

    def work_off(self) -> bool:
        return bool({}["absent"])


def test_a_bug_is_logged_with_its_place_and_without_any_secret(
    served: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:
    """Logs are shipped to places where nobody should find the CRM's token; the values of locals hold it."""
    worker = Worker(_Buggy(served.hub.settings, served.hub.db))
    worker.start()
    assert _until(lambda: "inbox_batch_failed" in caplog.text)
    worker.stop()

    out, err = capfd.readouterr()
    told = caplog.text + out + err + repr(served.hub.settings)
    given = [served.sandboxes["slack"].settings()["token"], served.sandboxes["hubspot"].settings()["access_token"]]
    assert "test_hooks.py" in told
    assert not [secret for secret in given if secret in told]


class _BusyOnce(Hub):
    """A hub whose database is busy at the first look."""

    looked: tuple[Sequence[str] | None, ...] = ()

    def derive(self, account_ids: Sequence[str] | None = None) -> DeriveReport:
        self.looked = (*self.looked, account_ids)
        if len(self.looked) == 1:
            raise Unavailable("the database is busy")
        return super().derive(account_ids)


def test_an_account_that_could_not_be_looked_at_is_looked_at_again(served: Any) -> None:
    """The call is closed by then, and the vendor will not send it again."""
    hub = _BusyOnce(served.hub.settings, served.hub.db)
    with hub.db.write() as tx:
        touched.note(tx, [views.accounts(hub.db)[0].id], hub.clock())
    with pytest.raises(Unavailable):
        hub.work_off()
    hub.work_off()
    hub.work_off()

    assert len(hub.looked) == 2
    assert hub.looked[0] == hub.looked[1]
