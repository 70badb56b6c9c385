"""Facts about support: what is open, how it changes, how fast and how well it was answered."""

from __future__ import annotations

from steward.facts.spec import spec
from steward.model.facts import FactType

_I, _N, _S = FactType.INTEGER, FactType.NUMBER, "ticket"

SPECS = (
    spec("support", "support.open_tickets", _I, "Tickets that are not closed.", _S, unit="tickets", low=0),
    spec("support", "support.open_urgent", _I, "Tickets of priority urgent that are not closed.", _S, unit="tickets",
         low=0),
    spec("support", "support.oldest_open_days", FactType.DAYS, "Age of the oldest ticket that is not closed; unknown "
         "where none is open.", _S),
    spec("support", "support.opened_28d", _I, "Tickets opened in the last 28 days.", _S, unit="tickets", low=0),
    spec("support", "support.opened_change_28d", FactType.RATIO, "Tickets opened in the last 28 days against the 28 days "
         "before; unknown where those had none.", _S, low=-1),
    spec("support", "support.first_response_hours_90d", _N, "Hours to the first answer, average over tickets opened in "
         "the last 90 days that were answered.", _S, unit="hours", low=0),
    spec("support", "support.resolution_hours_90d", _N, "Hours from opening to closing, average over tickets closed in "
         "the last 90 days.", _S, unit="hours", low=0),
    spec("support", "support.csat_90d", _N, "Satisfaction with tickets opened in the last 90 days, average of 1 to 5.", _S,
         unit="points", low=1, high=5),
)
