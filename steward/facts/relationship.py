"""Facts about the people at the account and our contact with them: champions, contacts, touchpoints."""

from __future__ import annotations

from steward.facts.spec import spec
from steward.model.facts import FactType

_C = "contact"

SPECS = (
    spec("crm", "champion.known", FactType.BOOLEAN, "True where a contact in the role of champion is still there.", _C),
    spec("crm", "champion.active_count", FactType.INTEGER, "Champions who are still there.", _C, unit="people", low=0),
    spec("crm", "champion.left_days", FactType.DAYS, "Days since a champion last left; unknown where none did.", _C),
    spec("crm", "contacts.known_count", FactType.INTEGER, "Contacts who are still there, one for each e-mail address.", _C,
         unit="people", low=0),
    spec("crm", "contacts.last_seen_days", FactType.DAYS, "Days since any contact was last seen.", _C),
    spec("crm", "touchpoint.days_since_last", FactType.DAYS, "Days since the last touchpoint; unknown where there was "
         "none.", "touchpoint"),
    spec("crm", "touchpoint.held_90d", FactType.INTEGER, "Touchpoints in the last 90 days.", "touchpoint",
         unit="touchpoints", low=0),
)
