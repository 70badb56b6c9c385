"""What a person may ask. The store and the engine in, frozen answers out; CLI, API and pages draw the same ones."""

from steward.views.accounts import account, accounts
from steward.views.calls import CallLine, calls_aside, count_aside
from steward.views.company import match_reviews, summary
from steward.views.enrollments import enrollments, outbox, touched
from steward.views.explained import explain, explain_all
from steward.views.find import NOTHING_DERIVED, account_names, find_account
from steward.views.lines import (
    AccountLine,
    AccountView,
    ActionLine,
    ContributionLine,
    EnrollmentLine,
    FactLine,
    ReviewLine,
    Summary,
    Touched,
)
from steward.views.listeners import ListenerLine, listeners, sample
from steward.views.plans import plan
from steward.views.releases import PlaybookLine, history, playbooks, short_versions, silences
from steward.views.syncing import SyncStatus, sync_status
from steward.views.waiting import WaitingLine, waiting

__all__ = [
    "NOTHING_DERIVED", "AccountLine", "AccountView", "ActionLine", "CallLine", "ContributionLine", "EnrollmentLine",
    "FactLine", "ListenerLine", "PlaybookLine", "ReviewLine", "Summary", "SyncStatus", "Touched", "WaitingLine",
    "account", "account_names", "accounts", "calls_aside", "count_aside", "enrollments", "explain", "explain_all",
    "find_account", "history", "listeners", "match_reviews", "outbox", "plan", "playbooks", "sample",
    "short_versions", "silences", "summary", "sync_status", "touched", "waiting",
]
