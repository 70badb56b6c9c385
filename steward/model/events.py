"""An event: something that happened once at a customer, told by a record of a source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
