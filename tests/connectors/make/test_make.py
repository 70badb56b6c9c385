"""Make's queue may be full for a while, its webhook off for good: the first is tried again, the second is given up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.make import CONNECTOR
from connectors.make.sandbox import MakeSandbox
from steward.contracts import Tools
from steward.model.actions import IdempotencyKey
from steward.model.errors import AccessDenied, RateLimited, ReceiverGone, RecordRejected


def send(sandbox: MakeSandbox, which: int = 0, **changed: Any) -> None:
    settings = CONNECTOR.load_settings().model_validate({**sandbox.settings(), **changed})
    sink = CONNECTOR.connect(
        settings, Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=5.0)).sink
    assert sink
    sink.deliver(sandbox.sample_actions()[which], IdempotencyKey("health_drop/acct_1/1/do.1/1"))


def test_a_full_queue_is_tried_again() -> None:
    """A paused scenario takes it once it runs again."""
    with MakeSandbox() as sandbox:
        sandbox.full = True
        with pytest.raises(RateLimited):
            send(sandbox)
        sandbox.full = False
        send(sandbox)

        assert len(sandbox.ledger) == 1


def test_a_webhook_that_is_off_is_gone() -> None:
    """It will not come back by itself."""
    with MakeSandbox() as sandbox:
        sandbox.gone = True
        with pytest.raises(ReceiverGone):
            send(sandbox, 1)


def test_the_key_is_sent_and_a_wrong_one_is_said() -> None:
    """A webhook with a key refuses whoever has none."""
    with MakeSandbox() as sandbox:
        with pytest.raises(AccessDenied, match="401"):
            send(sandbox, api_key="another")
        with pytest.raises(AccessDenied):
            send(sandbox, api_key=None)
        assert not sandbox.ledger


def test_a_step_without_an_address_says_what_to_set() -> None:
    """A connection may be there for listeners alone."""
    with MakeSandbox() as sandbox, pytest.raises(RecordRejected, match="no address"):
        send(sandbox, url=None)
