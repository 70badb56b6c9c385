"""Actions: the changes we want outside, and the proof that one was made.

Every text in an action is plain text and may come from a customer's name: a sink escapes all of it.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, NewType

from pydantic import BaseModel, ConfigDict, Field, field_validator

from steward.model.words import storable

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


class LogTouchpoint(_Noun):
    """Note a contact with the customer."""

    kind: Literal["log_touchpoint"] = "log_touchpoint"
    account_external_id: str                # as the target names the account
    contact_external_id: str | None = None  # whom it was with, where the target knows the contact
    type: str                               # call | meeting | email | qbr
    subject: str
    body: str = ""
    happened_at: datetime
    owner_email: str | None = None          # who of us; the sink finds its own user


class UpdateRecord(_Noun):
    """Write one field of one record. Doing it again writes the same."""

    kind: Literal["update_record"] = "update_record"
    noun: Literal["account", "contact", "opportunity"] = "account"
    external_id: str                        # as the target names the record
    field: str                              # as the target names the field
    value: str                              # "" empties it; the sink writes it in the field's own type


class OpenOpportunity(_Noun):
    """Open an opportunity for the account."""

    kind: Literal["open_opportunity"] = "open_opportunity"
    account_external_id: str
    type: Literal["expansion", "renewal"]
    title: str
    body: str = ""
    amount: Decimal | None = None           # None: not known
    currency: str = ""                      # ISO 4217, with an amount
    closes_on: date
    owner_email: str | None = None


class StartSuccessPlan(_Noun):
    """Start a success plan from a template of the target."""

    kind: Literal["start_success_plan"] = "start_success_plan"
    account_external_id: str
    template: str                           # as the target names it
    title: str
    body: str = ""
    starts_on: date
    owner_email: str | None = None


class WebhookFact(_Noun):
    """One fact as it stood: `value` in plain JSON (days as ISO 8601), None where it is not known."""

    name: str
    value: bool | int | float | str | None
    unit: str = ""
    as_of: datetime | None = None


class CallWebhook(_Noun):
    """Tell another system: who, which playbook, why, and the facts that the playbook names."""

    kind: Literal["call_webhook"] = "call_webhook"
    enrollment_id: str
    playbook_id: str
    playbook_title: str
    version: str
    account_id: str                         # ours
    account_name: str
    subject_id: str
    external_ids: dict[str, str] = Field(default_factory=dict)  # of the account, by connection
    owner_email: str | None = None
    reasons: tuple[str, ...] = ()
    facts: tuple[WebhookFact, ...] = ()
    decided_at: datetime


class Told(_Noun):
    """What a listener is told of one enrollment, flat: people pick from it by name. Fields are only ever added."""

    occurred_at: datetime
    enrollment_id: str
    playbook_id: str
    playbook_title: str
    version: str
    state: str                              # active | closed
    reason: str = ""                        # closed: why
    account_id: str                         # ours
    account_name: str
    subject_id: str
    owner_email: str | None = None          # the account's CSM
    external_ids: dict[str, str] = Field(default_factory=dict)  # of the account, by connection


class TellListener(_Noun):
    """Tell one listener what happened; `event_id` is the event's own, the same for every listener and for ever."""

    kind: Literal["tell_listener"] = "tell_listener"
    listener_id: str
    target_url: str = Field(repr=False)     # who knows it can post there: shown by its host alone
    event: str                              # enrollment.entered | enrollment.closed
    event_id: str
    told: Told


class PublishTable(_Noun):
    """Make a table of the star (`steward.reporting`) at the target be what is in `file`, and nothing else."""

    kind: Literal["publish_table"] = "publish_table"
    table: str
    schema_version: int
    as_of: datetime                         # the moment that all its rows are of
    file: str                               # Parquet, typed as the star says; nothing changes it
    sha256: str
    rows: int


class ExtendTable(_Noun):
    """Make the days from `since` on of a table that only grows be what is in `file`; those before stay."""

    kind: Literal["extend_table"] = "extend_table"
    table: str
    schema_version: int
    as_of: datetime
    since: date
    file: str
    sha256: str
    rows: int


class RefreshDataset(_Noun):
    """Ask the target to load anew from where it reads by itself: files or the database's views."""

    kind: Literal["refresh_dataset"] = "refresh_dataset"
    as_of: datetime                         # it must show at least what was known then


class DraftEmail(_Noun):
    """Lay a draft before one of us, who sends it or does not."""

    kind: Literal["draft_email"] = "draft_email"
    owner_email: str                        # in whose mailbox it lies
    to_email: str
    to_name: str = ""
    subject: str
    body: str
    account_external_id: str | None = None  # where the target files it under the account


Action = Annotated[
    Message | UpdateMessage | OpenCta | LogTouchpoint | UpdateRecord | OpenOpportunity | StartSuccessPlan | CallWebhook
    | TellListener | PublishTable | ExtendTable | RefreshDataset | DraftEmail, Field(discriminator="kind")]
ACTION_KINDS = {
    "cta": "open_cta", "task": "open_cta", "message": "message", "touchpoint": "log_touchpoint",
    "update": "update_record", "opportunity": "open_opportunity", "success_plan": "start_success_plan",
    "webhook": "call_webhook", "email_draft": "draft_email",
}
"""By the kind of a playbook's step, the kind of action that a connection must be able to do for it."""


class Receipt(_Noun):
    """The proof: `external_id` is the target's name of what was made."""

    external_id: str
    url: str | None = None
    delivered_at: datetime
    found: bool = False                     # True where `find` met it instead of `deliver` making it

    @field_validator("external_id", "url")
    @classmethod
    def _storable(cls, told: str | None) -> str | None:
        return told if told is None else storable(told)     # the vendor says it, and it was done: it must be kept
