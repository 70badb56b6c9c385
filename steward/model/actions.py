"""Actions: the changes we want outside, and the proof that one was made.

Every text in an action is plain text and may come from a customer's name: a sink escapes all of it.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, NewType

from pydantic import BaseModel, ConfigDict, Field

IdempotencyKey = NewType("IdempotencyKey", str)
"""Names one action for ever: playbook id / account id / enrollment / step / occurrence."""


class DeliveryClass(StrEnum):
    """What a target promises about an action that is sent twice."""

    A = "A"                                 # the target enforces the key
    B = "B"                                 # look for the key before repeating
    C = "C"                                 # the target offers nothing: what is unknown stays `unknown`


class _Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Recipient(_Noun):
    """A person by `email`, or a `channel`; exactly one of them."""

    email: str | None = None
    channel: str | None = None
    name: str = ""


class CardField(_Noun):
    """One labelled value of a card."""

    label: str
    value: str


class Button(_Noun):
    """A button: `answer` is what pressing it tells us, or `url` where it leads."""

    label: str
    answer: Literal["acknowledge"] | None = None
    url: str | None = None


class Card(_Noun):
    """A message in parts, drawn by each sink in its own way (Block Kit, Adaptive Card)."""

    sentence: str                           # the whole of it in one sentence: notifications, screen readers
    title: str
    tone: Literal["risk", "stall", "growth", "handoff", "done", "neutral"] = "neutral"
    fields: tuple[CardField, ...] = ()
    changes: tuple[str, ...] = ()           # "what changed", at most 3
    next_step: str = ""
    buttons: tuple[Button, ...] = ()
    context: tuple[str, ...] = ()           # playbook and version, why it fired, age of the data


class Message(_Noun):
    """Send `card` to `to`."""

    kind: Literal["message"] = "message"
    to: Recipient
    card: Card
    enrollment_id: str = ""                 # what a pressed button answers
    thread: str | None = None               # the receipt's external_id of the message to answer in its thread


class UpdateMessage(_Noun):
    """Redraw the message whose receipt has `external_id` as `message_id`."""

    kind: Literal["update_message"] = "update_message"
    message_id: str
    card: Card
    enrollment_id: str = ""


class OpenCta(_Noun):
    """Ask work of a person: a task in the CRM, a CTA in the CS platform."""

    kind: Literal["open_cta"] = "open_cta"
    account_external_id: str                # as the target names the account
    type: str                               # risk | onboarding | expansion | handoff | lifecycle
    subject: str
    body: str = ""
    due_on: date
    priority: Literal["low", "normal", "high"] = "normal"
    assignee_email: str | None = None       # the sink finds its own user; unassigned where it has none


Action = Annotated[Message | UpdateMessage | OpenCta, Field(discriminator="kind")]


class Receipt(_Noun):
    """The proof: `external_id` is the target's name of what was made."""

    external_id: str
    url: str | None = None
    delivered_at: datetime
    found: bool = False                     # True where `find` met it instead of `deliver` making it
