"""Whatever can happen to an enrollment can be written as a case: events, people, deliveries, silences, calendars, feeds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from steward.engine.calendars import Calendar
from steward.engine.case_file import read_cases
from steward.engine.cases import run_cases, run_files
from steward.engine.findings import Finding
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog as whole_catalog
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec

FACTS: Mapping[str, FactSpec] = whole_catalog()
HEAD = "id: it\ntitle: It\nwhy: Because.\n"
DROP = HEAD + "when: health.score < 60\nuntil: health.score >= 70\n"
CALL = "do: [{id: call, cta: {type: risk}}]\n"


def differences(playbook: str, cases: str) -> list[str]:
    """What went otherwise than the cases, from Monday 2 March 2026, 08:00 UTC."""
    loaded = load_playbook(playbook, "it.yaml", FACTS)
    return [line for outcome in run_cases(loaded, read_cases(cases, "it.cases.yaml", FACTS), FACTS)
            for line in outcome.differences]


def one(text: str) -> str:
    """A file with one case."""
    return "cases:\n  - name: it\n" + "".join(f"    {line}\n" for line in text.strip().splitlines())


def test_an_event_lets_in_once_and_its_reverse_revokes() -> None:
    """A won deal starts the handover; the deal reopened takes it back and undoes what was done."""
    playbook = (HEAD + "trigger: {event: salesforce.opportunity.closed_won}\nrevoke_on: opportunity.reopened\n" + CALL
                + "compensate: [{message: {to: csm}}]\n")

    assert differences(playbook, one("""\
series: {acme: {health.score: "80"}, beta: {health.score: "80"}, other: {health.score: "80"}}
events:
  acme: {2d: salesforce.opportunity.closed_won, 4d: opportunity.reopened}
  beta: {2d: [opportunity.closed_won]}
  other: {2d: hubspot.opportunity.closed_won}
expect:
  - {at: 1d, acme: idle, beta: idle}
  - {at: 2d, acme: active, beta: active, other: idle, actions: {acme: [cta], beta: [cta], other: []}}
  - {at: 4d, acme: revoked, beta: active, actions: {acme: [message], beta: []}}
""")) == []


def test_an_event_waits_while_its_guard_is_unknown_and_is_used_up_where_it_is_false() -> None:
    """Late data must not lose a deal; a deal of the wrong kind must not come back a week later."""
    playbook = HEAD + "trigger: {event: opportunity.closed_won}\nwhen: account.segment == smb\n" + CALL

    assert differences(playbook, one("""\
series:
  late: {account.segment: "_x3 smb"}
  wrong: {account.segment: "enterprise smb"}
  never: {account.segment: "_x8 smb"}
events: {late: {0d: opportunity.closed_won}, wrong: {0d: opportunity.closed_won}, never: {0d: opportunity.closed_won}}
expect:
  - {at: 3d, late: idle, wrong: idle}
  - {at: 4d, late: active, wrong: idle}
  - {at: 9d, never: idle}
""")) == []


def test_somebody_enrols_by_hand() -> None:
    """A manual playbook runs for whom a person names, and for nobody else."""
    assert differences(HEAD + "trigger: manual\n" + CALL, one("""\
series: {acme: {}, beta: {}}
enrolled: {acme: 1d}
expect:
  - {at: 0d, acme: idle}
  - {at: 1d, acme: active, beta: idle, actions: {acme: [cta], beta: []}}
""")) == []


def test_steps_wait_need_and_branch_as_they_are_written() -> None:
    """The whole program can be watched day by day."""
    playbook = DROP + """\
do:
  - {id: call, cta: {type: risk}}
  - {message: {to: csm}, needs: [call]}
  - wait: 2d
  - branch:
      - {if: account.arr >= 50k USD, do: [{task: {type: lifecycle}}]}
      - else: [{touchpoint: {type: call}}]
"""
    assert differences(playbook, one("""\
given: {health.score: 50}
series:
  large: {account.arr: 60k USD}
  small: {account.arr: 10k USD}
  late: {account.arr: 10k USD}
  lost: {account.arr: 10k USD}
delivered: {late: {call: 3d}}
failed: {lost: call}
expect:
  - {at: 0d, large: active, actions: {large: [cta], late: [cta], lost: [cta]}}
  - {at: 1d, actions: {large: [message], small: [message], late: [], lost: []}}
  - {at: 3d, lost: needs_attention, actions: {large: [task], small: [touchpoint], late: [message], lost: []}}
  - {at: 5d, actions: {late: [touchpoint]}}
""")) == []


def test_an_approval_is_waited_for() -> None:
    """Some steps only go out once a manager has said yes; so does a run beyond its limit."""
    playbook = DROP + "limit: 5\ndo:\n  - {id: offer, opportunity: {type: renewal}, approve: csm_manager}\n"

    assert differences(playbook, one("""\
given: {health.score: 50}
series: {yes: {}, named: {}, never: {}, many: {}}
approved: {yes: 2d, named: {1d: offer}, many: {3d: ""}}
over_limit: {many: 0d}
expect:
  - {at: 0d, yes: active, many: awaiting_approval, actions: {yes: [], many: []}}
  - {at: 1d, actions: {named: [opportunity], yes: []}}
  - {at: 2d, many: awaiting_approval, actions: {yes: [opportunity], never: []}}
  - {at: 3d, many: active}
""")) == []


@pytest.mark.parametrize(("more", "label", "after"), [
    ("silenced: {acme: 0d..3d}", "blocked:silenced", "active"),
    ("inhibited: {acme: 0d..3d}", "blocked:inhibited", "active"),
    ("capped: {acme: 0d..3d}", "blocked:caps", "active"),
    ("given: {account.do_not_contact: 'true'}", "blocked:do_not_contact", "blocked"),
    ("over_limit: {acme: 0d}", "awaiting_approval", "awaiting_approval"),
])
def test_each_gate_can_stop_it_and_the_case_names_which(more: str, label: str, after: str) -> None:
    """Blocked alone says too little: the wrong gate would pass for the right one."""
    assert differences(DROP + "inhibited_by: [fire]\n" + CALL, one(f"""\
series: {{acme: {{health.score: "50"}}}}
{more}
expect:
  - {{at: 2d, acme: {label}, actions: {{acme: []}}}}
  - {{at: 3d, acme: {after}}}
""")) == []


def test_cooldown_and_at_most_are_gates_too() -> None:
    """The same account is not called every week."""
    playbook = DROP + "again_after: 2d\nat_most: 2 per 30d\n" + CALL

    assert differences(playbook, one("""\
series: {acme: {health.score: "50 80 50 50 80 50x40"}}
expect:
  - {at: 1d, acme: cooldown}
  - {at: 2d, acme: blocked:cooldown}
  - {at: 3d, acme: active}
  - {at: 4d, acme: cleared}
  - {at: 6d, acme: blocked:at_most}
  - {at: 30d, acme: active}
""")) == []


def test_control_walks_the_same_states_and_nothing_is_done() -> None:
    """Without that, nobody would ever know whether the playbook helps."""
    assert differences(DROP + "holdout: 50%\n" + CALL, one("""\
series: {acme: {health.score: "50 50 80"}, beta: {health.score: "50 50 80"}}
control: [acme]
expect:
  - {at: 0d, acme: control, beta: active, actions: {acme: [], beta: [cta]}}
  - {at: 2d, acme: cleared, beta: cleared}
""")) == []


def test_a_feed_that_stands_still_grows_old_and_holds_the_clock() -> None:
    """The morning after a broken sync: nobody enters on old data, and nobody is cleared by them."""
    playbook = DROP + "for: 3d\n" + CALL

    assert differences(playbook, one("""\
series: {acme: {health.score: "80 50x9"}, beta: {health.score: "50x2 80x9"}}
stale: {health: 2d..6d}                                # the last data are of 1d, and fresh for two days
expect:
  - {at: 3d, acme: pending, beta: active}              # 80 has not come in
  - {at: 5d, acme: pending, beta: active}              # too old: not known
  - {at: 6d, acme: active, beta: cleared}              # the clock stood for two days
""")) == []


def test_business_hours_are_those_of_the_owner() -> None:
    """Two business days from Friday evening in Berlin are Tuesday; a holiday makes it Wednesday."""
    playbook = DROP + CALL + "escalate: [{after: 2bd, to: csm_manager}]\n"
    text = """\
clock: {start: 2026-03-06T18:00:00Z, zone: Europe/Berlin, holidays: [2026-03-10]}
""" + one("""\
series: {acme: {health.score: "50"}}
expect:
  - {at: 0d, acme: active, actions: {acme: [cta]}}
  - {at: 4d, actions: {acme: []}}
  - {at: 5d, actions: {acme: [escalate]}}
""")

    assert differences(playbook, text) == []
    assert differences(playbook, text.replace(", holidays: [2026-03-10]", "")) == [
        "at 4d: done for acme: ['escalate'], expected []", "at 5d: done for acme: [], expected ['escalate']"]
    assert differences(playbook, text.replace(", holidays: [2026-03-10]", ", workdays: [sat, sun]"))


@pytest.mark.parametrize(("backlog", "at_0", "at_1", "at_3"), [
    ("ignore", "blocked:backlog", "blocked:backlog", "blocked:backlog"),
    ("start_timer", "pending", "pending", "active"),
    ("use_history", "active", "active", "active"),
])
def test_the_backlog_is_ignored_timed_or_read_from_history(backlog: str, at_0: str, at_1: str, at_3: str) -> None:
    """Who switches a playbook on must know whether Monday brings forty calls."""
    assert differences(DROP + f"for: 3d\nbacklog: {backlog}\n" + CALL, one(f"""\
series: {{acme: {{health.score: "50"}}}}
switched_on: 4d
expect:
  - {{at: 3d, acme: idle}}
  - {{at: 4d, acme: {at_0}}}
  - {{at: 5d, acme: {at_1}}}
  - {{at: 7d, acme: {at_3}}}
""")) == []


def test_contacts_and_opportunities_are_subjects() -> None:
    """A champion who leaves is one person, not an account."""
    contact = HEAD + "subject: contact\nwhen: contact.left_days <= 30\nuntil: contact.left_days > 30\n" + CALL
    opportunity = (HEAD + "subject: opportunity\ntrigger: {event: opportunity.closed_won}\n"
                   "do: [{message: {to: owner}}]\n")

    assert differences(contact, one("""\
given: {account.segment: smb}
series: {ana: {contact.left_days: "_ 0 1"}, bob: {contact.left_days: "_"}}
expect: [{at: 2d, ana: active, bob: idle, actions: {ana: [cta], bob: []}}]
""")) == []
    assert differences(opportunity, one("""\
series: {deal: {}}
events: {deal: {1d: opportunity.closed_won}}
expect: [{at: 1d, deal: active, actions: {deal: [message]}}]
""")) == []


@pytest.mark.parametrize(("line", "said"), [
    ("events: {acme: {1d: opportunity.closed_own}}", 'did you mean "opportunity.closed_won"?'),
    ("events: {amce: {1d: opportunity.closed_won}}", 'did you mean "acme"?'),
    ("stale: {helth: 2d}", 'did you mean "health"?'),
    ("silenced: {acme: 4d..2d}", "this ends before it begins"),
    ("silenced: {acme: soon}", "this is no whole number of ticks"),
    ("control: [amce]", 'did you mean "acme"?'),
    ("enroled: {acme: 0d}", 'did you mean "enrolled"?'),
])
def test_a_typo_is_refused_at_its_place(line: str, said: str) -> None:
    """A case that tests nothing is worse than none."""
    with pytest.raises(PlaybookError, match=r"it\.cases\.yaml:3:") as caught:
        read_cases(f"cases:\n  - name: it\n    {line}\n    series: {{acme: {{health.score: '50'}}}}\n    expect: []\n",
                   "it.cases.yaml", FACTS)

    assert said in str(caught.value)


@pytest.mark.parametrize(("clock", "said"), [
    ("{zone: Europe/Berln}", "there is no such zone"), ("{holidays: [christmas]}", '"christmas" is no day'),
    ("{workdays: [moonday, xyz]}", '"xyz" is no day of the week'), ("{hours: nine to five}", "these are no hours"),
    ("{strat: 2026-03-02}", 'did you mean "start"?'),
])
def test_a_clock_that_cannot_be_is_refused(clock: str, said: str) -> None:
    """The calendar decides what is late; it must be the one that was meant."""
    with pytest.raises(PlaybookError, match=r"it\.cases\.yaml:1:") as caught:
        read_cases(f"clock: {clock}\ncases: []\n", "it.cases.yaml", FACTS)

    assert said in str(caught.value)


def test_a_step_that_is_not_there_is_named() -> None:
    """`failed` of a step that nobody has would show that all is well."""
    assert differences(DROP + CALL, one("""\
series: {acme: {health.score: "80"}}
failed: {acme: cal}
expect: [{at: 0d, acme: idle}]
""")) == ['there is no step "cal"; did you mean "call"?']


def test_a_yes_to_a_step_is_no_yes_to_the_entry() -> None:
    """Who is held at the limit is let go by a yes to the entry alone."""
    playbook = DROP + "limit: 5\ndo:\n  - {id: offer, opportunity: {type: renewal}, approve: csm_manager}\n"

    assert differences(playbook, one("""\
given: {health.score: 50}
series: {many: {}}
approved: {many: {1d: offer, 4d: ""}}
over_limit: {many: 0d}
expect:
  - {at: 3d, many: awaiting_approval}
  - {at: 4d, many: active, actions: {many: [opportunity]}}
""")) == []


def test_an_event_that_is_out_of_scope_is_used_up() -> None:
    """It was about somebody else; it must not come back once the account changes its segment."""
    playbook = HEAD + "scope: account.segment == smb\ntrigger: {event: opportunity.closed_won}\n" + CALL

    assert differences(playbook, one("""\
series: {other: {account.segment: "enterprise smb"}, late: {account.segment: "_ smb"}}
events: {other: {0d: opportunity.closed_won}, late: {0d: opportunity.closed_won}}
expect: [{at: 1d, other: idle, late: active}]
""")) == []


@pytest.mark.parametrize(("since", "at_4"), [("50x5", "active"), ("80 50x4", "active"), ("80 80 50x3", "pending"), ("50 50 _ 50 50", "pending")])
def test_history_counts_as_far_back_as_it_was_true_without_a_break(since: str, at_4: str) -> None:
    """Three days before it was switched on, and not any three days."""
    assert differences(DROP + "for: 3d\nbacklog: use_history\n" + CALL, one(f"""\
series: {{acme: {{health.score: "{since} 50"}}}}
switched_on: 4d
expect: [{{at: 4d, acme: {at_4}}}]
""")) == []


@pytest.mark.parametrize(("calendar", "zone", "on_friday"), [
    ("owner", "America/New_York", True), ("account", "America/New_York", False), ("owner", "Europe/Berln", False),
    ("owner", "_", False),
])
def test_the_calendar_is_in_the_zone_of_the_owner_or_of_the_account(calendar: str, zone: str, on_friday: bool) -> None:
    """Friday 20:00 in Berlin is 14:00 in New York, where two hours of work are left; a zone that is none is passed over."""
    playbook = DROP + f"calendar: {calendar}\n" + CALL + "escalate: [{after: 2bh, to: csm_manager}]\n"

    assert differences(playbook, "clock: {start: 2026-03-06T19:00:00Z, tick: 12h, zone: Europe/Berlin}\n" + one(f"""\
given: {{health.score: 50, account.timezone: Europe/Berlin}}
series: {{acme: {{account.csm_timezone: "{zone}"}}}}
expect:
  - {{at: 0h, acme: active, actions: {{acme: [cta]}}}}
  - {{at: 12h, actions: {{acme: [{"escalate" if on_friday else ""}]}}}}
  - {{at: 72h, actions: {{acme: [{"" if on_friday else "escalate"}]}}}}
""")) == []


@pytest.mark.parametrize(("text", "line", "column", "said"), [
    ("cases: []\nclok: {}\n", 2, 1, 'did you mean "clock"?'),
    ("clock: tomorrow\ncases: []\n", 1, 8, "write: name: value"),
    ("cases: {a: b}\n", 1, 8, "write: - …"), ("clock: {start: soon}\ncases: []\n", 1, 16, "write 2026-03-02T08:00:00Z"),
    ("cases:\n  - series: {a: {health.score: [1]}}\n    expect: []\n", 2, 32, 'write them in one text: "72 58x6 _"'),
    ("cases:\n  - series: {a: {health.score: '1'}}\n    given: {health.score: [1]}\n    expect: []\n", 3, 27,
     "write: renewal.days_left: 90"),
    ("cases:\n  - series: {a: {health.score: '1'}}\n    expect: [{at: [1], a: idle}]\n", 3, 19, "write at: 3d"),
    ("cases:\n  - series: {a: {health.score: '1'}}\n    expect: [{a: idle}]\n", 1, 1, "write at: 3d"),
    ("cases:\n  - series: {a: {health.score: '1'}}\n    expect: [{at: 0d, a: [idle]}]\n", 3, 26, "write a word"),
    ("cases:\n  - series: {a: {health.score: '1'}}\n    expect: [{at: 0d, a: blocked:cap}]\n", 3, 26,
     'did you mean "blocked:caps"?'),
])
def test_what_cannot_be_read_in_a_file_of_cases_has_its_place(text: str, line: int, column: int, said: str) -> None:
    """The same care as for a playbook: who writes cases is the one who means it well."""
    with pytest.raises(PlaybookError) as caught:
        read_cases(text, "it.cases.yaml", FACTS)

    assert (line, column, said) in [(each.line, each.column, each.help) for each in caught.value.findings
                                    if isinstance(each, Finding) and each.code in ("STW103", "STW130")]


def test_a_clock_is_read_as_it_is_written() -> None:
    """Days by their whole names, hours with spaces, an instant without a zone in UTC."""
    read = read_cases("clock: {start: 2026-03-02 08:00, tick: 1h, zone: Asia/Tokyo, hours: '08:30 - 16:00', "
                      "workdays: [Sunday, monday, Tue], holidays: 2026-12-24}\ncases: []\n", "it.cases.yaml", FACTS)

    assert (read.start, read.tick) == (datetime(2026, 3, 2, 8, tzinfo=UTC), timedelta(hours=1))
    assert read.calendar == Calendar(
        ZoneInfo("Asia/Tokyo"), frozenset({6, 0, 1}), time(8, 30), time(16), frozenset({date(2026, 12, 24)}))


def test_files_of_cases_are_run_by_either_name(tmp_path: Path) -> None:
    """`test renewal.yaml` and `test renewal.cases.yaml` mean the same."""
    (tmp_path / "drop.yaml").write_text(DROP + CALL)
    (tmp_path / "drop.cases.yaml").write_text(one("series: {acme: {health.score: '50'}}\nexpect: [{at: 0d, acme: idle}]\n"))
    by_either = [run_files([tmp_path / name], FACTS) for name in ("drop.yaml", "drop.cases.yaml")]

    assert by_either[0] == by_either[1]
    assert [(each.playbook, each.file, each.name, each.differences) for each in by_either[0]] == [
        ("it", str(tmp_path / "drop.cases.yaml"), "it", ("at 0d: acme is active, expected idle",))]


@pytest.mark.parametrize(("line", "said"), [
    ("delivered: {acme: {cal: 2d}}", 'there is no step "cal"; did you mean "call"?'),
    ("approved: {acme: {1d: [call, zzz]}}", 'there is no step "zzz"'), ("approved: {acme: 1d}", None),
    ("failed: {acme: 'do[0]'}", None),
])
def test_each_way_of_naming_a_step_is_held_against_the_playbook(line: str, said: str | None) -> None:
    """A delivery of a step that nobody has would show that all is well."""
    found = differences(DROP + CALL, one(f"series: {{acme: {{health.score: '80'}}}}\n{line}\nexpect: [{{at: 0d, acme: idle}}]"))

    assert found == [] if said is None else found[0].startswith(said)


@pytest.mark.parametrize(("day", "on"), [("mon", 2), ("tue", 3), ("wed", 4), ("thu", 5), ("fri", 6), ("sat", 7), ("sun", 8)])
def test_each_day_of_the_week_can_be_worked(day: str, on: int) -> None:
    """A shop that works on Saturdays is called on Saturdays: the first such day from Monday 2 March on, and one more."""
    playbook = DROP + CALL + "escalate: [{after: 1bd, to: csm_manager}]\n"
    passed = on - 2 + 7

    assert differences(playbook, f"clock: {{start: 2026-03-02T18:00:00Z, workdays: [{day}]}}\n" + one(f"""\
series: {{acme: {{health.score: "50"}}}}
expect:
  - {{at: {passed - 1}d, acme: active, actions: {{acme: [cta]}}}}
  - {{at: {passed + 1}d, actions: {{acme: [escalate]}}}}
""")) == []
