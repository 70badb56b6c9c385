"""Calls of Make's webhooks; a queue that is full is no refusal: it takes the same call later."""

from __future__ import annotations

from steward.kit.webhooks import ForgetfulSink
from steward.model.actions import Action, IdempotencyKey, Receipt
from steward.model.errors import RateLimited, RecordRejected


class MakeSink(ForgetfulSink):
    """As every receiver that forgets, but for the queue."""

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Post it; raises RateLimited while Make's queue of the webhook is full."""
        try:
            return super().deliver(action, key)
        except RecordRejected as error:
            # 400 with plain text: Make "Webhooks" help, "Queue is full", read 2026-11; not confirmed.
            if "queue is full" in str(error).lower():
                raise RateLimited("make: the queue of the webhook is full. Steward tries again later.") from None
            raise
