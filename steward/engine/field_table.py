"""The words of the language: every field with its meaning, default and shape, for the reader, the schema and the pages.

What is not in these tables is no field: the reader refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One field. `default` is "needed" where it must be written; `shape` is an example of what may stand there."""

    name: str
    meaning: str
    default: str
    shape: str
    fields: tuple[FieldDoc, ...] = ()       # those inside, where it is a mapping


NEEDED = "needed"
_ASSIGN = ("who does it: recipients, best first", "[csm, role:vp_cs]")

TRIGGER_TABLE = (
    FieldDoc("condition", "`when` alone lets in", "", "condition"),
    FieldDoc("event", "something that happened once, of any connection or of the one named", "",
             "{event: salesforce.opportunity.closed_won}"),
    FieldDoc("deadline", "something expected did not happen so long after a moment", "",
             "{deadline: {expect: milestone.first_value, within: 30d, of: subscription.start}}", (
                 FieldDoc("expect", "what should have happened", NEEDED, "milestone.first_value"),
                 FieldDoc("within", "days after the moment", NEEDED, "30d"),
                 FieldDoc("of", "the moment that it is counted from", NEEDED, "subscription.start"))),
    FieldDoc("date", "so long before a moment", "", "{date: {before: renewal, by: 90d}}", (
        FieldDoc("before", "the moment that is coming", NEEDED, "renewal"),
        FieldDoc("by", "days before the moment", NEEDED, "90d"))),
    FieldDoc("manual", "a person enrols: `steward playbook enroll ID ACCOUNT`", "", "manual"),
)
"""What may stand under `trigger`."""

RUNG_TABLE = (
    FieldDoc("after", "how long after entry", NEEDED, "2bd"),
    FieldDoc("to", "recipients, best first", NEEDED, "csm_manager"),
    FieldDoc("unless", "not if it was `acknowledged`, `resolved`, or a condition is true", "always", "acknowledged"),
    FieldDoc("only_if", "only where the condition is true", "everywhere", "account.arr >= 100k USD"),
    FieldDoc("via", "the connection that tells it", "that of the routing", "slack"),
)
"""The fields of one rung of `escalate`."""

_ON_UPDATE = (FieldDoc("migrate", "go on with the new version, each at the step that the map names", NEEDED,
                       "{'do[1]': 'do[2]'}"),)

STEP_TABLE = (
    FieldDoc("cta", "work for a person", "", "{type: risk, due: 3bd, assign: csm}", (
        FieldDoc("type", "what kind of work: risk, onboarding, expansion, handoff or lifecycle", NEEDED, "risk"),
        FieldDoc("due", "when it should be done, from the step on", "3bd", "3bd"),
        FieldDoc("assign", _ASSIGN[0], "csm", _ASSIGN[1]),
        FieldDoc("priority", "low, normal or high", "normal", "high"))),
    FieldDoc("task", "the same, where nobody needs the words \"call to action\"", "", "{type: lifecycle, due: 5bd}", (
        FieldDoc("type", "what kind of work: risk, onboarding, expansion, handoff or lifecycle", NEEDED, "risk"),
        FieldDoc("due", "when it should be done, from the step on", "3bd", "3bd"),
        FieldDoc("assign", _ASSIGN[0], "csm", _ASSIGN[1]),
        FieldDoc("priority", "low, normal or high", "normal", "high"))),
    FieldDoc("message", "tell somebody", "", "{to: csm, template: health_drop}", (
        FieldDoc("to", "recipients, best first", NEEDED, "[csm, channel:cs-alerts]"),
        FieldDoc("template", "a template of `messages.yaml`, or of `messages` in this file",
                 "a plain card with title and why", "health_drop"),
        FieldDoc("via", "the connection", "that of the routing", "slack"),
        FieldDoc("send", "`now`, or `digest`: with all else for the same person at the next opening of business",
                 "now", "digest"))),
    FieldDoc("touchpoint", "note a contact with the customer", "", "{type: call}", (
        FieldDoc("type", "call, meeting, email or qbr", NEEDED, "call"),
        FieldDoc("subject", "what it was about", "the title", "QBR at {{ health.score }}"))),
    FieldDoc("update", "write a value into the subject's record", "", "{field: CS_Risk__c, value: high}", (
        FieldDoc("field", "the field as the other system names it", NEEDED, "CS_Risk__c"),
        FieldDoc("value", "what is written; facts may stand in it", NEEDED, "{{ health.score }}"),
        FieldDoc("via", "the connection", "each that knows the subject", "salesforce"))),
    FieldDoc("opportunity", "open an opportunity", "", "{type: expansion}", (
        FieldDoc("type", "expansion or renewal", NEEDED, "expansion"),
        FieldDoc("title", "what it is called", "the playbook's title and the account's name",
                 "Seats for {{ account.name }}"),
        FieldDoc("amount", "the money fact that it is worth", "no amount", "account.arr"),
        FieldDoc("closes", "when it should close, from the step on", "90d", "60d"),
        FieldDoc("assign", _ASSIGN[0], "account_manager", _ASSIGN[1]))),
    FieldDoc("success_plan", "start a success plan", "", "{template: enterprise_onboarding}", (
        FieldDoc("template", "the template of the CS platform", NEEDED, "enterprise_onboarding"),
        FieldDoc("assign", _ASSIGN[0], "csm", _ASSIGN[1]))),
    FieldDoc("webhook", "tell another system (Zapier, Make, any)", "", "{via: zapier, facts: [account.arr]}", (
        FieldDoc("via", "the connection", NEEDED, "zapier"),
        FieldDoc("facts", "facts that go with it, besides who and why", "none", "[account.arr, health.score]"))),
    FieldDoc("email_draft", "lay a draft before a person of ours, who sends it or does not", "",
             "{to: champion, template: check_in}", (
                 FieldDoc("to", "whom at the customer: champion, sponsor, admin or billing", NEEDED, "champion"),
                 FieldDoc("template", "a template of `messages.yaml`, or of `messages` in this file",
                          "a plain card with title and why", "check_in"),
                 FieldDoc("assign", _ASSIGN[0], "csm", _ASSIGN[1]))),
    FieldDoc("wait", "go on so long after this step was reached", "", "3d"),
    FieldDoc("branch", "go the first way whose condition is true; while one before it is unknown nobody goes on", "",
             "[{if: health.score < 40, do: […]}, {else: […]}]", (
                 FieldDoc("if", "a condition", NEEDED, "health.score < 40"),
                 FieldDoc("do", "the steps of this way", NEEDED, "[{message: {to: csm}}]"),
                 FieldDoc("else", "the steps where no condition before is true; the last way", NEEDED,
                          "[{message: {to: csm}}]"))),
)
"""What a step may do; it does one of them."""

MODIFIER_TABLE = (
    FieldDoc("id", "what `needs` of a later step calls it", "none", "call"),
    FieldDoc("if", "a condition: skipped where it is false, waits while it is unknown", "always",
             "account.arr >= 50k USD"),
    FieldDoc("needs", "ids of steps before, which must be delivered first", "none", "[call]"),
    FieldDoc("approve", "people, one of whom must say yes first", "nobody", "csm_manager"),
)
"""What may stand beside the kind of a step."""

MESSAGE_TABLE = (
    FieldDoc("tone", "risk, stall, growth, handoff, done or neutral", "neutral", "risk"),
    FieldDoc("title", "the headline", NEEDED, "{{ account.name }}: health is down"),
    FieldDoc("sentence", "all of it in one sentence: what a notification shows", NEEDED,
             "{{ account.name }} is at risk."),
    FieldDoc("fields", "labelled values, at most 10", "none", "{ARR: '{{ account.arr | money }}'}"),
    FieldDoc("changes", "what changed, at most 3; one with nothing known in it is left out", "none",
             "['Open tickets: {{ support.open_tickets }}']"),
    FieldDoc("next_step", "what to do now", "none", "Call the champion."),
)
"""The fields of one message template."""

RECIPIENT_TABLE = (
    FieldDoc("csm", "who owns the account", "", "csm"),
    FieldDoc("account_manager", "who sells to it", "", "account_manager"),
    FieldDoc("csm_manager", "whom the CSM reports to", "", "csm_manager"),
    FieldDoc("owner", "of the opportunity; only where `subject` is opportunity", "", "owner"),
    FieldDoc("role:x", "the person of `company.roles`", "", "role:vp_cs"),
    FieldDoc("queue:x", "of `company.queues`: who has the least open comes first", "", "queue:onboarding"),
    FieldDoc("channel:x", "a channel; it can be told, but does no work", "", "channel:cs-alerts"),
)
"""Who can be asked or told."""

FIELD_TABLE = (
    FieldDoc("id", "small letters, digits and `_`; for ever: the history hangs on it", NEEDED, "health_drop"),
    FieldDoc("title", "what it is called; shown to whom it calls", NEEDED, "Health drop before renewal"),
    FieldDoc("why", "why it exists; shown to whom it calls", NEEDED, "A call before day 60 saves most."),
    FieldDoc("owner", "who answers for it", "cs-ops", "cs-ops"),
    FieldDoc("subject", "what is enrolled: account, contact or opportunity", "account", "contact"),
    FieldDoc("scope", "a condition: who is eligible; leaving it closes nothing", "everyone",
             "account.lifecycle == customer"),
    FieldDoc("trigger", "what lets in: condition, event, deadline, date or manual", "condition",
             "{date: {before: renewal, by: 90d}}", TRIGGER_TABLE),
    FieldDoc("when", "a condition: enters when true. Only a condition trigger needs it; for the others it is one more "
             "thing that must be true", NEEDED, "health.score < 60"),
    FieldDoc("until", "a condition: clears when true. Of a deadline: that what was expected has happened", "not `when`",
             "health.score >= 70"),
    FieldDoc("for", "`when` must hold so long to enter", "0d", "3d"),
    FieldDoc("keep_for", "`until` must hold so long to clear", "0d", "3d"),
    FieldDoc("backlog", "those for whom `when` is true as it is switched on: `ignore`, `start_timer` (`for` begins "
             "now) or `use_history` (`for` began when the snapshots say)", "start_timer", "ignore"),
    FieldDoc("again_after", "rest after an enrollment that had become active", "14d", "30d"),
    FieldDoc("at_most", "most enrollments of one subject in a time", "no limit", "3 per 365d"),
    FieldDoc("priority", "0 to 100, higher goes first", "50", "80"),
    FieldDoc("caps", "most open enrollments that ask for work, of all playbooks together; beyond it they queue by "
             "value", "2 and 15", "{account: 2, owner: 15}", (
                 FieldDoc("account", "on one account", "2", "2"), FieldDoc("owner", "of one owner", "15", "15"))),
    FieldDoc("inhibited_by", "not while one of these playbooks is open on the account or its parent", "none",
             "[health_drop]"),
    FieldDoc("limit", "most that enter in one run, the larger of count and share; if more would, all of them wait for "
             "approval", "25 or 5%", "25 or 5%"),
    FieldDoc("holdout", "the share kept as control: it walks the same states and nothing is done", "0%", "10%", (
        FieldDoc("share", "the share of account families", NEEDED, "10%"),
        FieldDoc("salt", "what the draw begins with; the same salt gives the same control", "the id", "spring"),
        FieldDoc("by", "facts that make the strata: each is split alike; amounts count by their magnitude", "none",
                 "[account.segment]"))),
    FieldDoc("calendar", "whose business days and hours: `owner`, `account`, or one of `company.calendars`", "owner",
             "account"),
    FieldDoc("do", "the steps, in this order", NEEDED, "[{message: {to: csm}}]"),
    FieldDoc("escalate", "whom else to call, so long after entry; each once", "none",
             "[{after: 2bd, unless: acknowledged, to: csm_manager}]", RUNG_TABLE),
    FieldDoc("goal", "success: a condition, alone or with the time that it has", "none",
             "{when: health.score >= 80, within: 60d}", (
                 FieldDoc("when", "a condition", NEEDED, "health.score >= 80"),
                 FieldDoc("within", "counts only so long after entry", "90d", "60d"))),
    FieldDoc("exit", "conditions by name: no longer relevant", "none", "{churned: account.lifecycle == churned}"),
    FieldDoc("timeout", "given up after", "90d", "60d"),
    FieldDoc("revoke_on", "the event that undoes what began it, or a condition", "none", "opportunity.reopened"),
    FieldDoc("compensate", "the steps once it is revoked", "none", "[{message: {to: csm}}]"),
    FieldDoc("on_update", "what becomes of those in flight as a new version is applied: `pin` (they end on theirs) or "
             "`migrate`", "pin", "migrate", _ON_UPDATE),
    FieldDoc("messages", "message templates of this playbook alone", "those of `messages.yaml`",
             "{call: {title: …, sentence: …}}"),
    FieldDoc("mode", "`shadow` walks the same states and performs nothing, `{ramp: 25%}` acts for a share, `live`, "
             "`paused` stops the clocks", "shadow", "live"),
)
"""Every field of a playbook, in the order in which one writes them."""


CLOCK_TABLE = (
    FieldDoc("start", "the instant of tick 0", "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z"),
    FieldDoc("tick", "time between two looks, `d` or `h`", "1d", "1d"),
    FieldDoc("zone", "the zone of the calendar (IANA); facts account.csm_timezone and account.timezone go before it",
             "UTC", "Europe/Berlin"),
    FieldDoc("holidays", "days off", "none", "[2026-12-24]"),
    FieldDoc("workdays", "the days of business", "[mon, tue, wed, thu, fri]", "[sun, mon, tue, wed, thu]"),
    FieldDoc("hours", "the hours of business", "09:00-17:00", "08:00-18:00"),
)
"""The fields of `clock` in a file of cases."""

EXPECT_TABLE = (
    FieldDoc("at", "when, from the start", NEEDED, "3d"),
    FieldDoc("actions", "what was done for each since the expectation before", "not asked", "{acme: [cta, message]}"),
)
"""The fields of one expectation, besides the subjects and their states."""

CASE_TABLE = (
    FieldDoc("name", "what it shows", NEEDED, "missing data neither fires nor clears"),
    FieldDoc("given", "facts that are so all the time; kept by the cases after it", "those before",
             "{renewal.days_left: 90}"),
    FieldDoc("series", "each subject's facts, tick by tick: `58x6` is 58 and six more, `_` is no value, the last one "
             "stays", "none", "{acme: {health.score: '72 58x6 _'}}"),
    FieldDoc("switched_on", "when the playbook is switched on: what was true before is its backlog", "long before",
             "2d"),
    FieldDoc("events", "what happens to whom when", "none", "{acme: {3d: opportunity.closed_won}}"),
    FieldDoc("enrolled", "whom somebody enrols by hand when", "nobody", "{acme: 0d}"),
    FieldDoc("acknowledged", "who was taken in hand when", "nobody", "{acme: 5d}"),
    FieldDoc("approved", "when somebody says yes: to all that waits from then on, or to one step by id or path",
             "nobody does", "{acme: 5d, beta: {6d: call}}"),
    FieldDoc("failed", "steps (id or path) whose delivery is given up", "none", "{acme: [call]}"),
    FieldDoc("delivered", "when steps (id or path) are delivered, if later than by the next tick", "by the next tick",
             "{acme: {call: 4d}}"),
    FieldDoc("stale", "when a feed brings nothing new: its facts stay as they were and grow old", "never",
             "{usage: 2d..6d}"),
    FieldDoc("silenced", "when whom a silence covers", "never", "{acme: 2d..6d}"),
    FieldDoc("inhibited", "when a playbook of `inhibited_by` is open on the account", "never", "{acme: 2d..6d}"),
    FieldDoc("capped", "when the owner or the account has no room left", "never", "{acme: 2d..6d}"),
    FieldDoc("over_limit", "when more would enter than the limit allows", "never", "{acme: 2d..6d}"),
    FieldDoc("control", "who is in the control arm", "nobody", "[acme]"),
    FieldDoc("expect", "what must be so when", NEEDED, "[{at: 3d, acme: active, actions: {acme: [cta]}}]",
             EXPECT_TABLE),
)
"""The fields of one case. A time alone (`2d`) means from then on; `2d..6d` ends before 6d."""


def names(table: tuple[FieldDoc, ...]) -> tuple[str, ...]:
    """The names of the fields of a table."""
    return tuple(each.name for each in table)


def inside(table: tuple[FieldDoc, ...], name: str) -> tuple[str, ...]:
    """The names of the fields inside the field `name` of a table."""
    return next(names(each.fields) for each in table if each.name == name)
