"""Facts about deals: what is open to grow the account, and what was won and must be handed over."""

from __future__ import annotations

from steward.facts.spec import spec
from steward.model.facts import FactType

_S = "opportunity"
_LAST = "The new-business opportunity won last: "

SPECS = (
    spec("crm", "expansion.open_opportunities", FactType.INTEGER, "Open opportunities of kind expansion.", _S,
         unit="opportunities", low=0),
    spec("crm", "expansion.open_amount", FactType.MONEY, "Their amounts together, in the company's currency; unknown "
         "where one has none or no rate.", _S, low=0),
    spec("crm", "expansion.last_won_days", FactType.DAYS, "Days since an opportunity of kind expansion was last won.", _S),
    spec("crm", "handoff.days_since_won", FactType.DAYS, _LAST + "days since it was won.", _S),
    spec("crm", "handoff.complete", FactType.BOOLEAN, _LAST + "True once what sales promised is written down.", _S),
    spec("crm", "handoff.amount", FactType.MONEY, _LAST + "its amount, in the company's currency.", _S, low=0),
    spec("crm", "handoff.opportunity", FactType.TEXT, _LAST + "its name.", _S),
)
