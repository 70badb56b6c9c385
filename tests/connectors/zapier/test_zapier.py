"""Zapier is called at its own hosts alone, and what it cannot tell apart is not sent blindly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.zapier import CONNECTOR
from connectors.zapier.sandbox import PER_SECOND, ZapierSandbox
from steward.contracts import Connection, Tools
from steward.model.actions import IdempotencyKey
from steward.model.errors import RateLimited, ReceiverGone, RecordRejected, SignatureRejected


@pytest.fixture
def sandbox() -> Iterator[ZapierSandbox]:
    with ZapierSandbox() as started:
        yield started


def connect(sandbox: ZapierSandbox, **changed: Any) -> Connection:
    settings = CONNECTOR.load_settings().model_validate({**sandbox.settings(), **changed})
    return CONNECTOR.connect(settings, Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=5.0))


def send(sandbox: ZapierSandbox, number: int = 1, **changed: Any) -> None:
    sink = connect(sandbox, **changed).sink
    assert sink
    sink.deliver(sandbox.sample_actions()[1], IdempotencyKey(f"listener/lst_1/{number}"))


@pytest.mark.parametrize("host", ["evil.example", "zapier.com.evil.example", "xhooks.zapier.com"])
def test_only_zapiers_hosts_are_called(sandbox: ZapierSandbox, host: str) -> None:
    """Whoever has a token of the API could else make us call anything."""
    action = sandbox.sample_actions()[1].model_copy(update={"target_url": f"https://{host}/hooks/1/"})
    sink = connect(sandbox, hosts=["hooks.zapier.com"]).sink
    assert sink

    with pytest.raises(RecordRejected, match=r"hooks\.zapier\.com only"):
        sink.deliver(action, IdempotencyKey("k"))
    assert not sandbox.calls


def test_a_zap_that_is_off_is_gone(sandbox: ZapierSandbox) -> None:
    """410 ends the listener."""
    sandbox.gone = True

    with pytest.raises(ReceiverGone):
        send(sandbox)


def test_too_many_in_a_second_wait() -> None:
    """What Zapier refused did not happen."""
    second = datetime(2026, 3, 5, 8, tzinfo=UTC)
    with ZapierSandbox(now=lambda: second) as sandbox:
        for number in range(PER_SECOND):
            send(sandbox, number)

        with pytest.raises(RateLimited) as limited:
            send(sandbox, PER_SECOND)
        assert limited.value.retry_after_s == 1
        assert len(sandbox.ledger) == PER_SECOND


def test_a_token_lets_in_who_cannot_sign(sandbox: ZapierSandbox) -> None:
    """A Zap can send a header; it cannot compute a signature without code."""
    inbox = connect(sandbox, incoming_token="t" * 24).inbox
    assert inbox
    body = sandbox.sample_bodies()[0]

    inbox.verify({"x-steward-token": "t" * 24}, body)
    for wrong in ("", "t" * 23, "t" * 25, "\ud800"):
        with pytest.raises(SignatureRejected):
            inbox.verify({"x-steward-token": wrong}, body)


def test_without_a_secret_nobody_is_let_in(sandbox: ZapierSandbox) -> None:
    """An open door to our records must not be the default."""
    assert connect(sandbox, incoming_secret=None).inbox is None
