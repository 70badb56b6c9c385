"""The dimensions: what is counted by. Each is small, and shows what is known now."""

from __future__ import annotations

from steward.model.records import FieldType
from steward.model.star import StarColumn, StarTable

_T, _I, _B = FieldType.TEXT, FieldType.INTEGER, FieldType.BOOLEAN
_D, _AT = FieldType.DATE, FieldType.INSTANT
_C = StarColumn

ABOUT = StarTable(
    "about", "one row", "Whose numbers these are and how fresh.", ("schema_version",), (
        _C("schema_version", _I, "Version of this star schema. A later one only has more tables and columns."),
        _C("company", _T, "Name of the company."),
        _C("currency", _T, "ISO 4217 code that money is reckoned in today."),
        _C("timezone", _T, "IANA time zone whose calendar days all columns `…_on` and `day` are."),
        _C("tabulated_at", _AT, "When the tables that are kept daily were last brought up to date."),
    ))

ACCOUNT = StarTable(
    "dim_account", "one row per account, merged ones included", "The customers, as they are known now.",
    ("account_id",), (
        _C("account_id", _T, "Steward's id of the account, the same for ever."),
        _C("name", _T, "Name. Text from outside.", fact="account.name"),
        _C("domain", _T, "Internet domain.", fact="account.domain"),
        _C("segment", _T, "Size class that it is served in.", fact="account.segment"),
        _C("lifecycle", _T, "Where it stands with us: prospect, onboarding, customer, churned.",
           fact="account.lifecycle"),
        _C("industry", _T, "Industry as the CRM writes it.", fact="account.industry"),
        _C("country", _T, "ISO 3166 alpha-2.", fact="account.country"),
        _C("csm_email", _T, "Who owns it.", fact="account.csm_email"),
        _C("parent_account_id", _T, "The account that its record names as its parent.", fact="account.parent"),
        _C("family_account_id", _T, "The account at the top of its chain of parents; its own where it has none.",
           fact="account.family"),
        _C("merged_into_account_id", _T, "The account that it was merged into; empty where it was not."),
        _C("first_seen_at", _AT, "When Steward first heard of it."),
        _C("known_at", _AT, "When the attributes above were last derived; empty where never."),
    ), links={"csm_email": "dim_person.email", "parent_account_id": "dim_account.account_id",
              "family_account_id": "dim_account.account_id", "merged_into_account_id": "dim_account.account_id"})

PERSON = StarTable(
    "dim_person", "one row per e-mail address of one of us", "CSMs, account managers and their managers.",
    ("email",), (
        _C("email", _T, "E-mail in small letters."),
        _C("name", _T, "Name as the CRM has it."),
        _C("title", _T, "Job title."),
        _C("is_active", _B, "True while any system says that the person works here."),
    ))

PLAYBOOK = StarTable(
    "dim_playbook", "one row per playbook and version that ever ran", "The playbooks, version by version.",
    ("playbook_key",), (
        _C("playbook_key", _T, "playbook_id@version."),
        _C("playbook_id", _T, "Id of the playbook."),
        _C("version", _T, "Eight hex digits of all that it says."),
        _C("title", _T, "Title of this version."),
        _C("why", _T, "Why it exists, in its author's words."),
        _C("has_goal", _B, "True where this version names a goal."),
        _C("first_mode", _T, "Mode in which this version first ran: shadow, ramp, live."),
        _C("first_ran_at", _AT, "When this version first ran."),
        _C("is_current", _B, "True for the version that is live now."),
    ))

DATE = StarTable(
    "dim_date", "one row per calendar day", "The company's days, from the first in the facts to two years ahead.",
    ("day",), (
        _C("day", _D, "The day."),
        _C("year", _I, "2026."),
        _C("quarter", _I, "1 to 4."),
        _C("month", _I, "1 to 12."),
        _C("year_month", _T, "2026-03."),
        _C("iso_year", _I, "Year of the ISO week."),
        _C("iso_week", _I, "ISO week, 1 to 53."),
        _C("weekday", _I, "1 is Monday, 7 is Sunday."),
        _C("is_workday", _B, "True on a working day of the company's own calendar, holidays taken out."),
        _C("is_month_end", _B, "True on the last day of a month."),
    ), dated_by="day")

DIMENSIONS = (ABOUT, ACCOUNT, PERSON, PLAYBOOK, DATE)
