"""Facts of the account's own master record: who it is and who owns it."""

from __future__ import annotations

from steward.facts.spec import spec
from steward.model.facts import FactType

_T, _I, _B = FactType.TEXT, FactType.INTEGER, FactType.BOOLEAN
_ACCOUNT = "account"

SPECS = (
    spec("crm", "account.name", _T, "Name of the account. Text from outside: escape it wherever it is shown.", _ACCOUNT),
    spec("crm", "account.domain", _T, "Internet domain, lower case, without scheme and www.", _ACCOUNT),
    spec("crm", "account.segment", _T, "Size class that we serve it in.", _ACCOUNT,
         one_of=("enterprise", "mid_market", "smb")),
    spec("crm", "account.lifecycle", _T, "Where it stands with us.", _ACCOUNT,
         one_of=("prospect", "onboarding", "customer", "churned")),
    spec("crm", "account.industry", _T, "Industry as the CRM writes it.", _ACCOUNT),
    spec("crm", "account.country", _T, "Country, ISO 3166 alpha-2.", _ACCOUNT),
    spec("crm", "account.arr", FactType.MONEY, "Annual recurring revenue on the account record, in the company's "
         "currency; unknown where settings name no rate for its currency.", _ACCOUNT, low=0),
    spec("crm", "account.employees", _I, "People who work there.", _ACCOUNT, unit="people", low=0),
    spec("crm", "account.age_days", FactType.DAYS, "Days since the account record was created, the oldest where there "
         "are several.", _ACCOUNT),
    spec("crm", "account.owner_known", _B, "True where a CSM is named who still works here.", "account, person"),
    spec("crm", "account.do_not_contact", _B, "True where any system says so; unknown where none has the field.",
         _ACCOUNT),
    spec("crm", "account.csm", _T, "Name of the CSM who owns it.", "account, person"),
    spec("crm", "account.csm_email", _T, "E-mail of the CSM who owns it.", "account, person"),
    spec("crm", "account.parent_known", _B, "True where the record names a parent account.", _ACCOUNT),
    spec("crm", "account.in_crm_count", _I, "Systems that know the account.", _ACCOUNT, unit="systems", low=1),
)
