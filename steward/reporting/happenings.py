"""The fact tables: what is counted. Each row is one thing at one time, with the keys of the dimensions."""

from __future__ import annotations

from steward.model.records import FieldType
from steward.model.star import StarColumn, StarTable

_T, _I, _N, _B = FieldType.TEXT, FieldType.INTEGER, FieldType.NUMBER, FieldType.BOOLEAN
_D, _AT, _M = FieldType.DATE, FieldType.INSTANT, FieldType.MONEY
_C = StarColumn
_ACCOUNT = "dim_account.account_id"
_PLAYBOOK = "dim_playbook.playbook_key"
_DAY = "dim_date.day"

ACCOUNT_DAY = StarTable(
    "fact_account_day", "one row per account and calendar day",
    "Health and the key facts of each account, as they were last known on that day. Never rewritten later.",
    ("account_id", "day"), (
        _C("account_id", _T, "The account."),
        _C("day", _D, "The company's calendar day."),
        _C("known_at", _AT, "When it was known: the day's last snapshot."),
        _C("csm_email", _T, "Who owned it that day.", fact="account.csm_email"),
        _C("segment", _T, "Its segment that day.", fact="account.segment"),
        _C("lifecycle", _T, "Where it stood that day.", fact="account.lifecycle"),
        _C("currency", _T, "ISO 4217 code of the money in this row: the company's that day."),
        _C("arr", _M, "Annual recurring revenue on the account record.", "currency", "account.arr"),
        _C("subscription_arr", _M, "ARR of the active terms together.", "currency", "subscription.arr"),
        _C("renewal_on", _D, "The next day on which cover ends.", fact="renewal.on"),
        _C("renewal_days_left", _I, "Days to that day; negative once it has lapsed.", "days", "renewal.days_left"),
        _C("renewal_arr", _M, "ARR of the terms that end then.", "currency", "renewal.arr"),
        _C("expansion_open_amount", _M, "Open expansion opportunities together.", "currency", "expansion.open_amount"),
        _C("health_score", _N, "0 to 100, higher is better.", "points", "health.score"),
        _C("health_band", _T, "The score in one word.", fact="health.band"),
        _C("health_coverage", _N, "Share of the scorecard's weight that is known, 0 to 1.", "ratio", "health.coverage"),
        _C("health_change_28d", _N, "Points gained or lost in 28 days.", "points", "health.change_28d"),
        _C("seats", _I, "Seats of the active terms.", "seats", "subscription.seats"),
        _C("seats_utilization", _N, "Active users per seat, 0 to 1 and above.", "ratio", "seats.utilization"),
        _C("active_users_28d", _N, "Active users, average of 28 days.", "active_users", "usage.active_users.avg_28d"),
        _C("active_users_change_28d", _N, "Against the 28 days before; -0.25 is a quarter fewer.", "ratio",
           "usage.active_users.change_28d"),
        _C("open_tickets", _I, "Tickets that are not closed.", "tickets", "support.open_tickets"),
        _C("open_urgent_tickets", _I, "Of them, urgent ones.", "tickets", "support.open_urgent"),
        _C("nps_score", _N, "The latest NPS answer, 0 to 10.", "points", "nps.last_score"),
        _C("days_since_touchpoint", _I, "Days since the last touchpoint.", "days", "touchpoint.days_since_last"),
        _C("onboarding_stage", _T, "The standard milestone that comes next.", fact="onboarding.stage"),
        _C("onboarding_progress", _N, "Share of the milestones that is reached, 0 to 1.", "ratio",
           "onboarding.progress"),
        _C("onboarding_days_overdue", _I, "Days past the due day of the milestone overdue longest.", "days",
           "onboarding.days_overdue"),
    ), dated_by="day", links={"account_id": _ACCOUNT, "day": _DAY, "csm_email": "dim_person.email"}, grows=True)

MOVEMENT = StarTable(
    "fact_revenue_movement", "one row per account and day on which its ARR became another",
    "What ARR did: of an account and currency, all movements up to a day add up to its `arr` of that day. Days on "
    "which ARR was not known are passed over, so a movement stands on the day on which it became known.",
    ("account_id", "day"), (
        _C("account_id", _T, "The account."),
        _C("day", _D, "The day on which the new ARR was first known."),
        _C("kind", _T, "opening (the first that is known), expansion, contraction, churn (to 0), return (from 0), or "
           "currency (the company's currency became another: before and after are not to be compared)."),
        _C("currency", _T, "ISO 4217 code of the money in this row."),
        _C("arr_before", _M, "ARR before; 0 for the opening and after another currency.", "currency"),
        _C("arr_after", _M, "ARR after.", "currency"),
        _C("arr_change", _M, "After less before.", "currency"),
    ), dated_by="day", links={"account_id": _ACCOUNT, "day": _DAY}, grows=True)

ENROLLMENT = StarTable(
    "fact_enrollment", "one row per enrollment", "One account's way through one playbook, and how it ended.",
    ("enrollment_id",), (
        _C("enrollment_id", _T, "playbook/subject/number."),
        _C("playbook_key", _T, "The playbook in the version that it follows."),
        _C("playbook_id", _T, "The playbook."),
        _C("account_id", _T, "The account."),
        _C("subject_id", _T, "The account, or its contact or opportunity, that is enrolled."),
        _C("number", _I, "1 for the subject's first time."),
        _C("arm", _T, "treatment, control (nothing is done), or shadow."),
        _C("state", _T, "pending, blocked, awaiting_approval, active, recovering, closed."),
        _C("outcome", _T, "How it closed: goal_met, cleared, expired, revoked, cancelled, exit:…; empty while open."),
        _C("blocked_by", _T, "The gate that holds it; empty where none does."),
        _C("entered_at", _AT, "When it became active; empty where it never did."),
        _C("entered_on", _D, "The company's day of that."),
        _C("closed_at", _AT, "When it closed."),
        _C("closed_on", _D, "The company's day of that."),
        _C("acknowledged_at", _AT, "When a person took it in hand."),
        _C("acknowledged_by", _T, "Who."),
        _C("looked_at", _AT, "When it was last evaluated."),
    ), dated_by="looked_at", links={"account_id": _ACCOUNT, "playbook_key": _PLAYBOOK, "entered_on": _DAY,
                                    "closed_on": _DAY})

DECISION = StarTable(
    "fact_decision", "one row per change of state of an enrollment",
    "What was decided and why. Of what is long closed the steps in the middle are let go.", ("decision_id",), (
        _C("decision_id", _T, "enrollment/instant/what."),
        _C("enrollment_id", _T, "The enrollment."),
        _C("playbook_key", _T, "The playbook in the version that decided; of old decisions the enrollment's."),
        _C("playbook_id", _T, "The playbook."),
        _C("account_id", _T, "The account."),
        _C("decided_at", _AT, "When."),
        _C("decided_on", _D, "The company's day of that."),
        _C("from_state", _T, "State before."),
        _C("to_state", _T, "State after."),
        _C("reason", _T, "Why, in words."),
    ), dated_by="decided_at", links={"enrollment_id": "fact_enrollment.enrollment_id", "account_id": _ACCOUNT,
                                     "playbook_key": _PLAYBOOK, "decided_on": _DAY})

ACTION = StarTable(
    "fact_action", "one row per action decided", "What was to be done outside, what became of it, and the proof.",
    ("action_key",), (
        _C("action_key", _T, "The idempotency key, unique for ever."),
        _C("enrollment_id", _T, "The enrollment that it belongs to; of facts written back, writeback/account."),
        _C("playbook_id", _T, "The playbook."),
        _C("account_id", _T, "The account."),
        _C("connection", _T, "Where it goes."),
        _C("connector", _T, "The connector of that connection."),
        _C("kind", _T, "What is done: message, open_cta and the like."),
        _C("delivery_class", _T, "A: the target enforces the key; B: looked up before repeating; C: the target offers "
           "nothing."),
        _C("state", _T, "pending, sending, delivered, failed, unknown, expired, cancelled."),
        _C("attempts", _I, "How often it was tried.", "attempts"),
        _C("created_at", _AT, "When it was decided."),
        _C("created_on", _D, "The company's day of that."),
        _C("done_at", _AT, "When it was delivered or given up; empty while open."),
        _C("delivered_at", _AT, "When the target took it, by the receipt; empty without one."),
        _C("receipt", _T, "The target's own name of what was made; empty without a receipt."),
        _C("receipt_url", _T, "Where it can be seen."),
        _C("was_found", _B, "True where it was found there instead of made again; empty without a receipt."),
    ), dated_by="created_at", links={"enrollment_id": "fact_enrollment.enrollment_id", "account_id": _ACCOUNT,
                                     "created_on": _DAY})

FEED = StarTable(
    "fact_feed", "one row per stream of a connection", "How far each source is read, and what stands in the way.",
    ("connection", "stream"), (
        _C("connection", _T, "The connection."),
        _C("stream", _T, "Its stream."),
        _C("records_read", _I, "Records read since the beginning.", "records"),
        _C("rows_refused", _I, "Rows that could not become records and still stand refused.", "rows"),
        _C("complete_until", _AT, "All that changed in the source before is stored; empty until the first whole pull."),
        _C("moved_at", _AT, "When it was last read."),
        _C("trouble", _T, "The last error; empty where the last pull was whole."),
    ))

HAPPENINGS = (ACCOUNT_DAY, MOVEMENT, ENROLLMENT, DECISION, ACTION, FEED)
