"""Facts about what the account pays for: the terms, when they end and what they are worth."""

from __future__ import annotations

from steward.facts.spec import spec
from steward.model.facts import FactType

_S = "subscription"
_UP = "Of the terms that end on renewal.on: "

SPECS = (
    spec("crm", "renewal.on", FactType.DATE, "The next day on which cover ends: for each product the last end among its "
         "active and pending terms (a signed follow-on term counts as renewed), and of those days the earliest.", _S),
    spec("crm", "renewal.days_left", FactType.DAYS, "Days from today to renewal.on; negative while a term that has ended "
         "is still active in the source; unknown without an active or pending term that has an end.", _S, low=-36600),
    spec("crm", "renewal.arr", FactType.MONEY, _UP + "their ARR, in the company's currency.", _S, low=0),
    spec("crm", "renewal.auto_renew", FactType.BOOLEAN, _UP + "True where all renew by themselves.", _S),
    spec("crm", "renewal.term_days", FactType.DAYS, _UP + "the length of the longest.", _S),
    spec("crm", "renewal.overdue_payment_days", FactType.DAYS, "Days that the oldest unpaid invoice of an active term is "
         "overdue; 0 when nothing is.", _S),
    spec("crm", "subscription.active_count", FactType.INTEGER, "Terms that are active today.", _S, unit="terms", low=0),
    spec("crm", "subscription.products_count", FactType.INTEGER, "Different products among the active terms.", _S,
         unit="products", low=0),
    spec("crm", "subscription.arr", FactType.MONEY, "ARR of the active terms together; unknown where one of them has no "
         "ARR or a currency without a rate.", _S, low=0),
    spec("crm", "subscription.seats", FactType.INTEGER, "Seats of the active terms together; terms without a number of "
         "seats are left out.", _S, unit="seats", low=0),
    spec("crm", "subscription.plan", FactType.TEXT, "Plan of the active term with the highest ARR.", _S),
    spec("crm", "subscription.days_since_start", FactType.DAYS, "Days since the first term of all began.", _S),
)
