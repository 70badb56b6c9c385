"""An event: something that happened once at a customer, told by a record of a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from steward.model.records import Noun


@dataclass(frozen=True, slots=True)
class Event:
    """`id` is the same for the same happening, for ever: "salesforce/opportunity/006…/closed_won".

    `name` is without the connection ("opportunity.closed_won"). `record` is the external id of what it happened to;
    `happened_at` is when, as its source says; `known_at` is when we first knew.
    """

    id: str
    name: str
    connection: str
    account_id: str
    record: str
    happened_at: datetime
    known_at: datetime


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One kind of event. `noun` is the record that tells it; `undoes` names the event that it takes back."""

    name: str                               # "opportunity.closed_won"
    meaning: str
    noun: Noun
    undoes: str = ""


_ALL = (
    EventSpec("opportunity.created", "An opportunity was created.", Noun.OPPORTUNITY),
    EventSpec("opportunity.closed_won", "An opportunity was won.", Noun.OPPORTUNITY),
    EventSpec("opportunity.closed_lost", "An opportunity was lost.", Noun.OPPORTUNITY),
    EventSpec("opportunity.reopened", "One that was won or lost is open again.", Noun.OPPORTUNITY,
              undoes="opportunity.closed_won"),
    EventSpec("ticket.opened", "A ticket was opened.", Noun.TICKET),
    EventSpec("ticket.closed", "A ticket was closed.", Noun.TICKET),
    EventSpec("survey.answered", "Somebody answered a survey.", Noun.SURVEY_RESPONSE),
    EventSpec("contact.left", "A contact has left the customer.", Noun.CONTACT),
    EventSpec("milestone.reached", "A milestone of a success plan was reached.", Noun.MILESTONE),
    EventSpec("subscription.started", "A term began.", Noun.SUBSCRIPTION),
    EventSpec("subscription.cancelled", "A term was cancelled.", Noun.SUBSCRIPTION),
    EventSpec("touchpoint.held", "A contact with the customer took place.", Noun.TOUCHPOINT),
)
EVENTS: Mapping[str, EventSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
"""Every event that a playbook may name, alone or after a connection: "salesforce.opportunity.closed_won"."""


def connection_and_name(asked: str) -> tuple[str, str]:
    """What a playbook asks for, "salesforce.opportunity.closed_won", as connection and event; "" is any connection."""
    if asked in EVENTS:
        return "", asked
    connection, _, name = asked.partition(".")
    return connection, name
