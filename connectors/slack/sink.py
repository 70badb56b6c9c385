"""Actions to Slack: post a card to a person or a channel, or redraw one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from connectors.slack.blocks import draw, sentence
from connectors.slack.client import Client, Refused
from connectors.slack.settings import SlackSettings
from steward.contracts import Tools
from steward.kit.budget import Budget, within
from steward.model.actions import Action, Card, IdempotencyKey, Message, Receipt, UpdateMessage
from steward.model.errors import OutcomeUnknown, RecordRejected

EVENT_TYPE = "steward_action"                       # the type of our message metadata
MOST_PACES = 5_000
REMEMBERED = timedelta(minutes=5)                   # who leaves gets at most so long after it what was meant for them

# What Slack says of a person who cannot be written to; the channel hears it instead.
_NOBODY = {"users_not_found", "user_not_found", "user_disabled", "user_not_visible"}


class SlackSink:
    """Delivery class C for messages: Slack knows no idempotency key for `chat.postMessage`.

    `client_msg_id` and the metadata carry the key all the same: the first is not documented and nothing is
    promised on it, the second lets a person (and the sandbox's ledger) tell which action a message was.
    """

    def __init__(self, client: Client, settings: SlackSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools
        self._known: dict[str, tuple[str, datetime]] = {}       # e-mail -> the direct channel, and until when
        self._paces: dict[str, Budget] = {}                     # by channel

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Post or redraw the message.

        Raises:
            RecordRejected: Slack does not know the recipient and there is no default channel, or it refused the card.
            OutcomeUnknown: the line broke after sending; the message may stand there.
        """
        if isinstance(action, Message):
            return self._post(action, key)
        if isinstance(action, UpdateMessage):
            return self._update(action, key)
        raise RecordRejected(f'slack cannot do "{action.kind}"; it can do message and update_message', "kind")

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """None for an update, which may simply be sent again: the same content makes no further change.

        Raises:
            OutcomeUnknown: for a message; Slack offers no way to look for one that an app may rely on.
        """
        if isinstance(action, UpdateMessage):
            return None
        raise OutcomeUnknown(f'slack: cannot tell whether the message of "{key}" was posted. Look in the channel, then '
                             "resend or close it: steward outbox list --state unknown")

    def _post(self, action: Message, key: IdempotencyKey) -> Receipt:
        place, card = self._place(action)
        with self._paced(place["channel"]):
            answer = self._client.write("chat.postMessage", {
                **_content(card, action.enrollment_id, key), **place,
                "client_msg_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"steward:{key}")),
                "unfurl_links": False, "unfurl_media": False,
            })
        return self._receipt(answer)

    def _paced(self, channel: str) -> AbstractContextManager[None]:
        """Wait until the channel may have another message: Slack refuses a second one within a second."""
        if not self._settings.per_channel_s:
            return nullcontext()
        if channel not in self._paces:
            if len(self._paces) >= MOST_PACES:
                self._paces.clear()         # the leases that count are kept elsewhere
            self._paces[channel] = Budget(self._tools, f"slack {channel}"[:255], 1, self._settings.per_channel_s)
        return within(self._paces[channel])

    def _update(self, action: UpdateMessage, key: IdempotencyKey) -> Receipt:
        channel, ts = _address(action.message_id, "message_id")
        answer = self._client.write("chat.update", {
            **_content(action.card, action.enrollment_id, key), "channel": channel, "ts": ts,
        })
        return self._receipt(answer)

    def _place(self, action: Message) -> tuple[dict[str, str], Card]:
        """Where to post, and the card, which says for whom it is when it could not go to the person."""
        if action.thread:
            channel, ts = _address(action.thread, "thread")
            return {"channel": channel, "thread_ts": ts}, action.card
        if action.to.email:
            direct = self._direct_message(action.to.email)
            if direct:
                return {"channel": direct}, action.card
            return {"channel": self._default(action)}, _for_whom(action)
        if action.to.channel:
            return {"channel": action.to.channel}, action.card
        raise RecordRejected("slack: the message names neither a person's e-mail nor a channel", "to")

    def _direct_message(self, email: str) -> str | None:
        """The channel of the person's direct messages, asked for once in a while: Slack allows few such calls."""
        channel, until = self._known.get(email, ("", None))
        if until is None or self._tools.now() >= until:
            channel = self._open(email) or ""
            if channel:
                self._known[email] = (channel, self._tools.now() + REMEMBERED)
        return channel or None

    def _open(self, email: str) -> str | None:
        try:
            user = self._client.read("users.lookupByEmail", email=email).get("user") or {}
            if user.get("deleted") or not user.get("id"):
                return None
            opened = self._client.read("conversations.open", users=user["id"])
        except Refused as refused:
            if refused.word in _NOBODY:
                return None
            raise
        return str((opened.get("channel") or {}).get("id") or "") or None

    def _default(self, action: Message) -> str:
        if not self._settings.default_channel:
            raise RecordRejected(
                f'slack: nobody active has the e-mail "{action.to.email}", and no default_channel is set. '
                "Correct the e-mail, or set default_channel of the connection in steward.yaml.", "to")
        return self._settings.default_channel

    def _receipt(self, answer: Mapping[str, Any]) -> Receipt:
        if not answer.get("channel") or not answer.get("ts"):
            raise OutcomeUnknown("slack: said ok but named no message; it may have been posted.")
        return Receipt(external_id=f'{answer["channel"]}:{answer["ts"]}', delivered_at=self._tools.now())


def _content(card: Card, enrollment_id: str, key: IdempotencyKey) -> dict[str, Any]:
    return {
        "text": sentence(card), "blocks": draw(card, enrollment_id), "link_names": False, "parse": "none",
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": key}},
    }


def _for_whom(action: Message) -> Card:
    who = f"{action.to.name} ({action.to.email})" if action.to.name else str(action.to.email)
    line = f"For {who}, whom Slack does not know or who is deactivated."
    return action.card.model_copy(update={"context": (line, *action.card.context)})


def _address(external_id: str, field: str) -> tuple[str, str]:
    channel, colon, ts = external_id.partition(":")
    if not (channel and colon and ts):
        raise RecordRejected(f'slack: "{external_id}" names no message; expected "channel:ts" of a receipt', field)
    return channel, ts
