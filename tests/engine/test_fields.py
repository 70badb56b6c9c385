"""Every field of a playbook: what may stand there, and for what may not its place and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from steward.engine.durations import Duration
from steward.engine.expression import ALWAYS, NEVER, Leaf
from steward.engine.field_table import FIELD_TABLE, NEEDED
from steward.engine.findings import Finding
from steward.engine.language import (
    AtMost,
    Backlog,
    Branch,
    Caps,
    EmailDraftStep,
    Holdout,
    Limit,
    MessageStep,
    OnUpdate,
    OpportunityStep,
    Playbook,
    Subject,
    SuccessPlanStep,
    TouchpointStep,
    TriggerKind,
    UpdateStep,
    Wait,
    WebhookStep,
)
from steward.engine.load import examine, load_playbook
from steward.engine.steps import KINDS
from steward.facts.catalog import catalog as whole_catalog
from steward.model.facts import FactSpec

FACTS: Mapping[str, FactSpec] = whole_catalog()
CALENDARS = ("berlin", "support")
HEAD = "id: it\ntitle: It\nwhy: Because.\n"
WHEN = "when: health.score < 60\nuntil: health.score >= 70\n"
DO = "do: [{message: {to: csm}}]\n"


def load(text: str) -> Playbook:
    return load_playbook(text, "it.yaml", FACTS, calendars=CALENDARS)


def field(line: str) -> Playbook:
    """A playbook with one more field."""
    return load(HEAD + WHEN + DO + line)


def steps(text: str) -> list[Any]:
    """What the steps in `text`, a YAML list, do."""
    return [step.do for step in load(f"{HEAD}{WHEN}do:\n{text}").do]


def faults(text: str) -> list[tuple[str, int, int, str]]:
    """Code, line, column and remedy of each error."""
    found = examine(text, "it.yaml", FACTS, None, CALENDARS)[1]
    return [(each.code, each.line, each.column, each.help) for each in found
            if isinstance(each, Finding) and each.severity == "error"]


# ---- what may stand there ----

@pytest.mark.parametrize(("line", "name", "value"), [
    ("subject: opportunity", "subject", Subject.OPPORTUNITY), ("backlog: use_history", "backlog", Backlog.USE_HISTORY),
    ("at_most: 3 per 365d", "at_most", AtMost(3, Duration(365))), ("caps: {owner: 9}", "caps", Caps(2, 9)),
    ("at_most: 1 per 20bd", "at_most", AtMost(1, Duration(20, "bd"))), ("limit: 7%", "limit", Limit(0, 0.07)),
    ("limit: 10 or 2.5 %", "limit", Limit(10, 0.025)), ("limit: 100%", "limit", Limit(0, 1.0)),
    ("caps: {account: 1, owner: 1}", "caps", Caps(1, 1)), ("holdout: 12.5%", "holdout", Holdout(0.125)),
    ("holdout: {share: 10%, salt: spring, by: [account.segment, account.do_not_contact]}", "holdout",
     Holdout(0.1, "spring", ("account.segment", "account.do_not_contact"))),
    ("holdout: {share: 10%, by: account.arr}", "holdout", Holdout(0.1, "", ("account.arr",))),
    ("calendar: account", "calendar", "account"), ("calendar: berlin", "calendar", "berlin"),
    ("revoke_on: hubspot.opportunity.reopened", "revoke_on", "hubspot.opportunity.reopened"),
    ("on_update: migrate", "on_update", OnUpdate.MIGRATE), ("on_update: pin", "on_update", OnUpdate.PIN),
    ("on_update: {migrate: {'do[3]': 'do[0]'}}", "step_map", (("do[3]", "do[0]"),)),
    ("for: 4bh", "for_", Duration(4, "bh")), ("timeout: 0d", "timeout", Duration(0)),
])
def test_a_field_is_read_as_it_is_written(line: str, name: str, value: object) -> None:
    """Whoever writes it gets it, and nothing near it."""
    assert getattr(field(line), name) == value


def test_what_is_left_out_is_safe() -> None:
    """A dozen lines are a whole playbook, and it performs nothing until somebody says so."""
    playbook = field("")

    assert playbook == load(HEAD + WHEN + DO + "mode: shadow\nlimit: 25 or 5%\ncaps: {account: 2, owner: 15}\n"
                            "again_after: 14d\ntimeout: 90d\nholdout: 0%\ncalendar: owner\non_update: pin\n"
                            "backlog: start_timer\ntrigger: condition\nsubject: account\npriority: 50\nowner: cs-ops\n")


@pytest.mark.parametrize("doc", [doc for doc in FIELD_TABLE if doc.default != NEEDED], ids=lambda doc: doc.name)
def test_the_example_of_the_table_is_right(doc: Any) -> None:
    """The pages and the editor show it; somebody will copy it."""
    shape = doc.shape.replace("{title: …, sentence: …}", "{title: t, sentence: s}")

    assert field(f"{doc.name}: {shape}" if doc.name not in ("until", "do", "when") else "") is not None


def test_revoke_on_may_be_a_condition() -> None:
    """Not everything that undoes is an event."""
    assert isinstance(field("revoke_on: account.lifecycle == churned").revoke_on, Leaf)


@pytest.mark.parametrize(("line", "kind"), [
    ("trigger: manual", TriggerKind.MANUAL), ("trigger: {event: opportunity.closed_won}", TriggerKind.EVENT),
    ("trigger: {event: salesforce.opportunity.closed_won}", TriggerKind.EVENT),
])
def test_events_and_people_need_no_when(line: str, kind: TriggerKind) -> None:
    """What began it is no condition, so nothing clears it by itself."""
    playbook = load(HEAD + DO + line)

    assert (playbook.trigger.kind, playbook.when, playbook.clears, playbook.asked) == (kind, ALWAYS, NEVER, None)


def test_when_is_a_guard_of_an_event() -> None:
    """Only the deals of one segment."""
    playbook = load(HEAD + DO + "trigger: {event: opportunity.closed_won}\nwhen: account.segment == smb")

    assert playbook.when == playbook.asked != ALWAYS


def test_every_kind_of_step_is_read_with_its_fields() -> None:
    """What a step does is what stands there; the rest has its default."""
    assert steps("""\
  - wait: 3bd
  - message: {to: [csm, "queue:in"], via: slack, send: digest}
  - touchpoint: {type: qbr, subject: "On {{ health.score }}"}
  - update: {field: CS_Risk__c, value: "{{ health.score }}", via: salesforce}
  - opportunity: {type: renewal, title: Seats, amount: renewal.arr, closes: 30d, assign: [csm]}
  - success_plan: {template: Enterprise onboarding, assign: role:onboarding}
  - webhook: {via: zapier-eu, facts: [account.arr, health.score]}
  - email_draft: {to: sponsor, assign: account_manager}
""") == [
        Wait(Duration(3, "bd")), MessageStep(("csm", "queue:in"), via="slack", send="digest"),
        TouchpointStep("qbr", "On {{ health.score }}"),
        UpdateStep("CS_Risk__c", "{{ health.score }}", "salesforce"),
        OpportunityStep("renewal", "Seats", "renewal.arr", Duration(30), ("csm",)),
        SuccessPlanStep("Enterprise onboarding", ("role:onboarding",)),
        WebhookStep("zapier-eu", ("account.arr", "health.score")), EmailDraftStep("sponsor", "", ("account_manager",)),
    ]


def test_modifiers_stand_beside_the_kind_in_any_order() -> None:
    """People write what matters to them first."""
    [first, second] = load(HEAD + WHEN + """\
do:
  - {id: call, if: account.arr >= 1k USD, cta: {type: risk}}
  - {message: {to: csm}, approve: [csm_manager, role:vp], needs: call}
""").do

    assert (first.id, second.needs, second.approve) == ("call", ("call",), ("csm_manager", "role:vp"))
    assert isinstance(first.only_if, Leaf)
    assert first.only_if.path == "do[0].if"


def test_steps_inside_a_branch_know_their_place() -> None:
    """An explanation and a migration address a step by where it stands in the file."""
    playbook = load(HEAD + WHEN + """\
do:
  - cta: {type: risk}
  - branch:
      - {if: health.score < 40, do: [{wait: 1d}, {message: {to: csm}}]}
      - else: [{message: {to: csm_manager}}]
""")

    assert [step.path for step in playbook.steps()] == [
        "do[0]", "do[1]", "do[1].branch[0].do[0]", "do[1].branch[0].do[1]", "do[1].branch[1].else[0]"]
    assert isinstance(playbook.do[1].do, Branch)
    assert list(playbook.conditions())[2:] == ["do[1].branch[0].if"]
    assert playbook.do[1].do.arms[1].do[0].key == "do.1.branch.1.else.0"


def test_the_owner_of_an_opportunity_can_be_told() -> None:
    """Only there is such a person."""
    playbook = load(HEAD + "subject: opportunity\ntrigger: {event: opportunity.created}\ndo: [{message: {to: owner}}]\n")

    assert playbook.do[0].do == MessageStep(("owner",))


def test_a_playbook_may_carry_its_own_messages() -> None:
    """One file can be sent to a colleague and is whole; its own goes before one of the folder."""
    playbook = load(HEAD + WHEN + "do: [{message: {to: csm, template: mine}}, {email_draft: {to: champion, template: mine}}]\n"
                    "messages: {mine: {title: T, sentence: S}, unused: {title: T, sentence: S}}\n")

    assert [template.name for template in playbook.messages] == ["mine"]


# ---- what may not, where, and what to write instead ----

@pytest.mark.parametrize(("line", "code", "column", "remedy"), [
    ("subject: acount", "STW113", 10, 'did you mean "account"?'),
    ("trigger: condtion", "STW113", 10, 'did you mean "condition"?'),
    ("trigger: date", "STW106", 10, "write: trigger: {date: {before: renewal, by: 90d}}"),
    ("trigger: {evnt: opportunity.closed_won}", "STW103", 11, 'did you mean "event"?'),
    ("trigger: {event: opportunity.close_won}", "STW117", 18, 'did you mean "opportunity.closed_won"?'),
    ("trigger: {event: salesforce.opportunity.close_won}", "STW117", 18,
     'did you mean "salesforce.opportunity.closed_won"?'),
    ("trigger: {date: {before: renewl, by: 90d}}", "STW117", 26, 'did you mean "renewal"?'),
    ("trigger: {date: {before: renewal, by: 9bd}}", "STW106", 39, "write: by: 30d"),
    ("trigger: {date: {by: 9d}}", "STW105", 17, "write: before: renewal"),
    ("trigger: {deadline: {expect: milestone.first_valu, within: 30d, of: subscription.start}}", "STW117", 30,
     'did you mean "milestone.first_value"?'),
    ("trigger: {deadline: {expect: milestone.first_value, within: 30d, of: subscription.strat}}", "STW117", 70,
     'did you mean "subscription.start"?'),
    ("trigger: {manual: yes}", "STW106", 11, "write: trigger: manual"),
    ("trigger: survey.answered", "STW113", 10, "write: trigger: {event: survey.answered}"),
    ("on: survey.answered", "STW103", 1, "write: trigger: {event: survey.answered}"),
    ("on: schedule", "STW103", 1, 'did you mean "trigger"?'),
    ("exit: {late: renewal.days_left < health.score}", "STW112", 34, "write it as 14 days"),
    ("backlog: ignroe", "STW113", 10, 'did you mean "ignore"?'),
    ("at_most: 3 a year", "STW106", 10, "write it as 3 per 365d"),
    ("at_most: 0 per 365d", "STW106", 10, "write it as 3 per 365d"),
    ("caps: {acount: 2}", "STW103", 8, 'did you mean "account"?'),
    ("caps: {account: 0}", "STW106", 17, "from 1 to 1000"),
    ("limit: many", "STW106", 8, "write it as 25, 5% or 25 or 5%"),
    ("holdout: 10", "STW106", 10, "write it as 25%"), ("holdout: 101%", "STW106", 10, "write it as 25%"),
    ("holdout: {salt: x}", "STW105", 10, "write: holdout: {share: 10%, by: [account.segment]}"),
    ("holdout: {share: 1%, by: [account.sgment]}", "STW110", 27, 'did you mean "account.segment"?'),
    ("holdout: {share: 1%, by: [renewal.on]}", "STW115", 27,
     "name facts of few values, as account.segment; amounts count by their magnitude"),
    ("calendar: berln", "STW117", 11, 'did you mean "berlin"?'),
    ("calendar: Owner", "STW106", 11, "small letters, digits and _, as health_drop"),
    ("revoke_on: opportunity.reopend", "STW117", 12, 'did you mean "opportunity.reopened"?'),
    ("revoke_on: helth.score < 3", "STW110", 12, 'did you mean "health.score"?'),
    ("on_update: {migrat: {}}", "STW103", 13, 'did you mean "migrate"?'), ("limit: 101%", "STW106", 8, "write it as 25, 5% or 25 or 5%"),
    ("caps: {owner: 0}", "STW106", 15, "from 1 to 10000"),
    ("on_update: migrat", "STW113", 12, 'did you mean "migrate"?'),
    ("on_update: {migrate: {'1': 'do[0]'}}", "STW106", 23, 'write it as "do[1]" or "do[1].branch[0].do[0]"'),
    ("on_update: {migrate: {'do[1]': 'do[7]'}}", "STW119", 32, 'did you mean "do[0]"?'),
    ("compensate: {message: {to: csm}}", "STW106", 13, 'put "- " before it: - message: …'),
    ("escalate: [{after: 2bd, to: csm, via: 'my slack'}]", "STW106", 39, "write its name in steward.yaml, as slack"),
    ("goal: {when: health.score >= 80, wihtin: 30d}", "STW103", 34, 'did you mean "within"?'),
    ("goal: {within: 30d}", "STW105", 7, "write: goal: {when: health.score >= 80, within: 60d}"),
    ("mode: {ramp: 25}", "STW106", 14, "write it as 25%"), ("messages: [a]", "STW106", 11, "write: health_drop: …"),
    ("messages: {m: {title: T}}", "STW105", 12, "add: sentence: …"),
    ("messages: {m: {title: T, sentence: ' '}}", "STW105", 12, "add: sentence: …"),
    ("scope: contact.role == x", "STW116", 8, "write: subject: contact"),
    ("exits: {}", "STW103", 1, 'did you mean "exit"?'),
])
def test_a_field_that_cannot_be_has_its_place_and_its_remedy(line: str, code: str, column: int, remedy: str) -> None:
    """The message alone says what to type, and where."""
    found = faults(HEAD + WHEN + DO + line)

    assert (code, 7, column, remedy) in found


@pytest.mark.parametrize(("line", "code", "column", "remedy"), [
    ("- wiat: 3d", "STW103", 5, 'did you mean "wait"?'),
    ("- wait: soon", "STW106", 11, "write it as 3d, 12h, 2bd (business days) or 4bh (business hours)"),
    ("- {cta: {type: risk}, message: {to: csm}}", "STW106", 25, "write it as a step of its own: - message: …"),
    ("- slack: {to: csm}", "STW103", 5, 'did you mean "message"?'),
    ("- {if: health.score < 3, do: [{wait: 3d}]}", "STW103", 28,
     "ways stand in a list under branch: - branch: [{if: health.score < 40, do: […]}, {else: […]}]"),
    ("- wait: {for: 3d}", "STW106", 11, "write it as 3d, 12h, 2bd (business days) or 4bh (business hours)"),
    ("- {id: a}", "STW106", 5, f"write one of: {', '.join(KINDS)}"),
    ("- {id: Call, cta: {type: risk}}", "STW106", 10, "small letters, digits and _, as health_drop"),
    ("- {id: one, cta: {type: risk}}", "STW119", 10, "choose another"),
    ("- {needs: noe, message: {to: csm}}", "STW119", 13, 'did you mean "one"?'),
    ("- {needs: pause, message: {to: csm}}", "STW119", 13, "steps go in order anyhow; remove it"),
    ("- {needs: self, id: self, message: {to: csm}}", "STW119", 13, "one of: one, pause"),
    ("- {approve: channel:cs, message: {to: csm}}", "STW106", 15, "assign it to a person, a role or a queue"),
    ("- {if: health.scor < 3, message: {to: csm}}", "STW110", 10, 'did you mean "health.score"?'),
    ("- message: {to: csm, send: weekly}", "STW113", 30, "one of: now, digest"),
    ("- message: {to: csm, snd: digest}", "STW103", 24, 'did you mean "send"?'),
    ("- message: {to: owner}", "STW106", 19, "write csm or account_manager, or: subject: opportunity"),
    ("- touchpoint: {type: cal}", "STW113", 24, 'did you mean "call"?'),
    ("- touchpoint: {}", "STW105", 5, "write: one of call, meeting, email, qbr"),
    ('- touchpoint: {type: call, subject: "{{ helth.score }}"}', "STW125", 39, 'did you mean "health.score"?'),
    ("- update: {field: x}", "STW105", 5, 'write: value: "{{ health.score }}"'),
    ("- update: {field: x, value: '{{ health.score'}", "STW125", 31, ""),
    ("- opportunity: {type: upsell}", "STW113", 25, "one of: expansion, renewal"),
    ("- opportunity: {type: expansion, amount: health.score}", "STW115", 44, "name a money fact, as subscription.arr"),
    ("- opportunity: {type: expansion, amount: acount.arr}", "STW110", 44, 'did you mean "account.arr"?'),
    ("- success_plan: {}", "STW105", 5, "write: template: enterprise_onboarding"),
    ("- webhook: {facts: [account.arr]}", "STW105", 5, "write: via: zapier"),
    ("- webhook: {via: zapier, facts: [account.ar]}", "STW110", 36, 'did you mean "account.arr"?'),
    ("- webhook: {via: zapier, facts: [contact.role]}", "STW116", 36, "write: subject: contact"),
    ("- email_draft: {to: champoin}", "STW113", 23, 'did you mean "champion"?'),
    ("- email_draft: draft", "STW106", 18, "write: email_draft: {to: champion, template: check_in}"),
    ("- branch: {if: health.score < 3}", "STW106", 13,
     "write: - {if: health.score < 40, do: […]} and last - {else: […]}"),
    ("- branch: [{else: [{wait: 1d}]}, {if: health.score < 3, do: [{wait: 1d}]}]", "STW118", 14, "put it last"),
    ("- branch: [{do: [{wait: 1d}]}]", "STW105", 14, "write: {if: health.score < 40, do: […]}, or {else: […]}"),
    ("- branch: [{if: health.score < 3, do: []}, {else: [{wait: 1d}]}]", "STW106", 41, "write: - message: {to: csm}"),
    ("- branch: [{else: [{wait: 1d}], do: [{wait: 1d}]}]", "STW103", 35, "known here: else"),
])
def test_a_step_that_cannot_be_has_its_place_and_its_remedy(line: str, code: str, column: int, remedy: str) -> None:
    """The same for what is done: the most expensive place for a typo."""
    found = faults(f"{HEAD}{WHEN}do:\n  - {{id: one, cta: {{type: risk}}}}\n  - {{id: pause, wait: 1d}}\n  {line}\n")

    assert (code, 9, column, remedy) in found


def test_a_step_on_another_way_cannot_be_needed() -> None:
    """It may never be taken; who needed it would wait for ever."""
    found = faults(HEAD + WHEN + """\
do:
  - branch:
      - {if: health.score < 40, do: [{id: inside, message: {to: csm}}]}
      - else: [{needs: inside, message: {to: csm}}]
  - {needs: inside, message: {to: csm}}
""")

    assert [(code, line) for code, line, _, _ in found] == [("STW119", 9), ("STW119", 10)]


def test_a_template_may_not_speak_of_another_subject() -> None:
    """Facts of one contact are not known of an account."""
    found = faults(HEAD + WHEN + "do: [{message: {to: csm, template: m}}]\n"
                   "messages: {m: {title: T, sentence: '{{ contact.role }}'}}\n")

    assert [(code, line) for code, line, _, _ in found] == [("STW125", 7)]


def test_the_last_way_of_a_branch_may_do_without_else_where_the_others_leave_nothing() -> None:
    """The checker can prove it, so nobody has to write what never happens."""
    whole = "do: [{branch: [{if: health.score < 40, do: [{wait: 1d}]}, {if: %s, do: [{wait: 2d}]}]}, {message: {to: csm}}]\n"

    assert "STW118" not in {code for code, *_ in faults(HEAD + WHEN + whole % "health.score >= 40")}
    assert faults(HEAD + WHEN + whole % "health.score >= 90")


@pytest.mark.parametrize(("text", "code", "message"), [
    (DO + "compensate: [{message: {to: csm}}]", "STW131", "nothing ever revokes it, so this is never done"),
    ("do: [{message: {to: csm, template: mine}}]\nmessages: {mine: {title: T, sentence: S}, mien: {title: T, sentence: S}}",
     "STW126", 'no step names the message template "mien"'),
])
def test_what_can_do_nothing_is_a_warning(text: str, code: str, message: str) -> None:
    """It works, but hardly as meant."""
    found = examine(HEAD + WHEN + text, "it.yaml", FACTS)[1]

    assert [(each.code, each.severity, each.message) for each in found if each.code == code] == [
        (code, "warning", message)]


@pytest.mark.parametrize(("text", "shown"), [
    ('[a, "b, c", d]', ("a", "b, c", "d")), ("['a', \"it's\"]", ("a", "it's")), ("[a]", ("a",)),
])
def test_quotes_hold_a_comma_in_a_list(text: str, shown: tuple[str, ...]) -> None:
    """Industries are called "Food, drink and tobacco"."""
    playbook = field(f"scope: 'account.industry in {text.replace(chr(39), chr(39) * 2)}'")

    assert isinstance(playbook.scope, Leaf)
    assert playbook.scope.values == shown


def test_every_field_that_is_needed_and_left_out_is_named() -> None:
    """An empty file of the editor is filled in from the errors."""
    found = [(code, line, remedy) for code, line, _, remedy in faults("owner: cs\n")]

    assert found == [("STW105", 1, f"write: {name}: …") for name in ("id", "title", "why", "when", "do")]
    assert [remedy for *_, remedy in faults("owner: cs\ntrigger: manual\n")] == [
        f"write: {name}: …" for name in ("id", "title", "why", "do")]


@pytest.mark.parametrize(("line", "column"), [("priority: 101", 11), ("priority: -1", 11), ("priority: high", 11), ("priority: 1.5", 11)])
def test_a_priority_is_a_whole_number_from_0_to_100(line: str, column: int) -> None:
    """Both ends may be used."""
    assert ("STW106", 7, column, "from 0 to 100") in faults(HEAD + WHEN + DO + line)
    assert (field("priority: 0").priority, field("priority: 100").priority) == (0, 100)


@pytest.mark.parametrize(("line", "column", "message", "remedy"), [
    ("mode: {}", 7, '"mode" needs "ramp"', "write: mode: {ramp: 25%}"),
    ("mode: {rmp: 25%}", 8, 'unknown key "rmp" in mode', 'did you mean "ramp"?'),
    ("mode: lvie", 7, '"lvie" is no mode', 'did you mean "live"?'),
    ("mode: xyz", 7, '"xyz" is no mode', "write shadow, live, paused or {ramp: 25%}"),
    ("mode: [live]", 7, "this is no mode", "write shadow, live, paused or {ramp: 25%}"),
    ("mode: ramp", 7, '"ramp" is no mode', 'did you mean "ramp"?'),
])
def test_a_mode_is_one_of_four(line: str, column: int, message: str, remedy: str) -> None:
    """A mode that is read as another one contacts customers."""
    found = examine(HEAD + WHEN + DO + line, "it.yaml", FACTS, None, CALENDARS)[1]

    assert (7, column, message, remedy) in [(each.line, each.column, each.message, each.help) for each in found]


@pytest.mark.parametrize("unit", ["date: {before: renewal, by: %s}", "deadline: {expect: milestone.first_value, within: %s, of: subscription.start}"])
def test_a_trigger_counts_in_days_up_to_a_century(unit: str) -> None:
    """More days than facts have are a slip of the keyboard."""
    def read(length: str) -> set[str]:
        return {remedy for *_, remedy in faults(HEAD + DO + "trigger: {" + unit % length + "}") if "write" in remedy}

    assert read("36600d") == set()
    assert read("36601d") in ({"write: by: 30d"}, {"write: within: 30d"})
    assert read("5h") in ({"write: by: 30d"}, {"write: within: 30d"})


@pytest.mark.parametrize(("written", "meant"), [
    ("on", "trigger"), ("event", "trigger"), ("schedule", "trigger"), ("condition", "when"), ("conditions", "when"), ("then", "do"),
    ("actions", "do"), ("steps", "do"), ("name", "title"), ("description", "why"), ("reason", "why"), ("cooldown", "again_after"),
    ("enabled", "mode"), ("status", "mode"), ("control", "holdout"), ("escalation", "escalate"),
])
def test_a_field_by_the_name_that_other_tools_give_it_is_understood(written: str, meant: str) -> None:
    """Whoever comes from another tool is told our word at once."""
    assert [(code, remedy) for code, _, _, remedy in faults(f"{HEAD}{WHEN}{DO}{written}: x\n")] == [
        ("STW103", f'did you mean "{meant}"?')]


@pytest.mark.parametrize(("step", "meant"), [
    ("{delay: 3d}", "wait"), ("{cases: []}", "branch"), ("{slack: {to: csm}}", "message"), ("{notify: csm}", "message"),
    ("{alert: csm}", "message"), ("{email: {to: champion}}", "email_draft"), ("{message: {channel: csm, to: csm}}", "to"),
    ("{message: {recipient: csm, to: csm}}", "to"), ("{cta: {type: risk, assignee: csm}}", "assign"),
    ("{cta: {type: risk, due_in: 3d}}", "due"), ("{message: {to: csm}, depends_on: x}", "needs"),
])
def test_a_step_by_the_name_that_other_tools_give_it_is_understood(step: str, meant: str) -> None:
    """The same for what is done."""
    assert ("STW103", f'did you mean "{meant}"?') in [
        (code, remedy) for code, _, _, remedy in faults(f"{HEAD}{WHEN}do: [{step}]\n")]


@pytest.mark.parametrize("word", ["do", "else", "then"])
def test_a_way_outside_a_branch_is_told_where_ways_stand(word: str) -> None:
    """The slip of whoever writes a branch for the first time."""
    assert ("STW103", "ways stand in a list under branch: - branch: [{if: health.score < 40, do: […]}, {else: […]}]") in [
        (code, remedy) for code, _, _, remedy in faults(f"{HEAD}{WHEN}do: [{{{word}: [{{wait: 3d}}]}}]\n")]


def test_the_template_that_a_message_names_is_the_one_it_gets() -> None:
    """Another card would go out, or the plain one."""
    playbook = load(HEAD + WHEN + "do: [{message: {to: csm, template: mine}}]\nmessages: {mine: {title: T, sentence: S}}\n")

    assert playbook.do[0].do == MessageStep(("csm",), "mine")
    assert playbook.template("mine") is playbook.messages[0]
    assert playbook.template("yours") is None
