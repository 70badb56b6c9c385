"""The checker says only what is so, and shows an account that proves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any as Anything

import pytest

from steward.engine.closures import closure
from steward.engine.condition import Conditions
from steward.engine.document import read
from steward.engine.durations import Duration
from steward.engine.expression import All, Expression, Leaf
from steward.engine.expression import Any as AnyOf
from steward.engine.findings import Finding, Findings, Mark
from steward.engine.language import (
    Arm,
    Branch,
    CtaStep,
    EmailDraftStep,
    Goal,
    MessageStep,
    OnUpdate,
    Playbook,
    Rung,
    Step,
    Trigger,
    TriggerKind,
    UpdateStep,
    Wait,
)
from steward.engine.load import examine
from steward.engine.proofs import FALSE, NOT_TRUE, TRUE, UNKNOWN, NotDecided, Proofs
from steward.engine.reasoning import check_folder, warn_about
from steward.engine.retrigger import feeds, value_written
from steward.model.facts import FactSpec, FactType

HEAD = "id: it\ntitle: It\nwhy: Because.\ndo: [{message: {to: csm}}]\n"
SAY = MessageStep(("csm",))

Read = Callable[[str], Expression]


@pytest.fixture
def read_in(catalog: Mapping[str, FactSpec]) -> Read:
    """A condition from its YAML."""
    def made(text: str) -> Expression:
        findings = Findings("it.yaml", text)
        found = Conditions(catalog, findings).read(read(text, "it.yaml"), "when")
        assert found is not None, findings.found
        return found

    return made


@pytest.fixture
def advise(catalog: Mapping[str, FactSpec], read_in: Read) -> Callable[..., list[Finding]]:
    """The findings about a playbook that is made of these parts; conditions may be text."""
    def found(when: str = "health.score < 60", **parts: Anything) -> list[Finding]:
        findings = Findings("it.yaml", "")
        warn_about(_made(read_in, when, **parts), catalog, findings)
        return findings.found

    return found


def _made(read_in: Read, when: str, **parts: Anything) -> Playbook:
    parts = {name: read_in(value) if name in ("until", "scope", "revoke_on") else value for name, value in parts.items()}
    parts = {"do": (Step(SAY, "do[0]"),), "for_": Duration(1), **parts}
    return Playbook(parts.pop("id", "it"), "It", "Because.", read_in(when), **parts)


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.code, each.severity) for each in findings]


@pytest.mark.parametrize(("text", "expected"), [
    ("when: {all: [health.score < 40, health.score > 60]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: {all: [support.open_urgent > 1, support.open_urgent < 2]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: {any: [health.score < 60, health.score >= 60, health.score is unknown]}\nfor: 1d\n", [("STW121", "error")]),
    ("when: {any: [health.score < 60, health.score >= 60]}\nfor: 1d\n", [("STW121", "error")]),
    ("when: health.score >= 0\nfor: 1d\n", [("STW121", "error"), ("STW121", "error")]),
    ("when: {all: [account.segment == smb, account.segment != smb]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: health.score < 60\nuntil: health.score >= 50\n", [("STW122", "warning")]),
    ("when: health.score < 60\nuntil: health.score >= 60\n", [("STW123", "warning")]),
    ("when: health.score < 60\nuntil: health.score >= 60\nkeep_for: 2d\n", []),
    ("when: health.score < 60\nuntil: health.score >= 61\n", []),
    ("when: account.do_not_contact == true\nuntil: account.do_not_contact == false\n", []),
    ("when: health.score < 60\n", [("STW123", "warning")]),
    ("when: health.score < 60\nfor: 1d\n", []),
    ("when: {all: [forecast.points > 1, forecast.points < 2]}\nfor: 1d\n", []),
    ("when: {all: [account.industry == a, account.industry == b]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: {all: [account.since_on > 2026-01-01, account.since_on < 2026-01-02]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: {all: [health.score < 60, {not: {any: [health.score < 60, health.score is unknown]}}]}\nfor: 1d\n",
     [("STW120", "error")]),
    ("when: health.score < 60\nfor: 1d\nscope: health.score >= 60\n", [("STW120", "error")]),
    ("when: health.score < 60\nfor: 1d\nscope: health.score >= 59\n", []),
])
def test_what_can_never_work_is_said_and_nothing_else(
    catalog: Mapping[str, FactSpec], text: str, expected: list[tuple[str, str]],
) -> None:
    """A playbook that never fires looks like a quiet week."""
    assert codes(list(examine(HEAD + text, "it.yaml", catalog)[1])) == expected


def test_what_excludes_each_other_is_named_with_an_account_that_has_all_but_the_last(
    advise: Callable[..., list[Finding]],
) -> None:
    """Of twelve lines the reader wants the two that clash."""
    [finding] = advise("{all: [account.segment == smb, health.score > 60, {any: [account.arr > 5k USD, "
                       "support.open_urgent > 2]}, health.score < 40]}")

    assert finding.code == "STW120"
    assert finding.help == ('these exclude each other: "health.score > 60", "health.score < 40". '
                            "An account with health.score 80 has all but the last")


def test_an_overlap_is_shown_by_an_account_that_has_both(advise: Callable[..., list[Finding]]) -> None:
    """The author sees at once which line to change."""
    [finding] = advise("{all: [health.score < 60, support.open_urgent >= 1]}", until="{any: [health.score >= 70, "
                       "usage.active_users.change_28d >= 12.345%]}", keep_for=Duration(1))

    assert finding.help == ("such an account would enter and be closed at once: health.score 30, "
                            "support.open_urgent 1, usage.active_users.change_28d 12.345%")


@pytest.mark.parametrize(("parts", "expected"), [
    ({"goal": "health.score >= 70"}, []),
    ({"goal": "health.score < 70"}, [("STW150", "error")]),
    ({"goal": "support.open_urgent == 0"}, [("STW150", "warning")]),
    ({"goal": "health.score is unknown"}, []),
    ({"exits": ["health.score < 80"]}, [("STW151", "error")]),
    ({"exits": ["health.score < 50"]}, []),
    ({"exits": ["health.score < 50", "health.score >= 40"]}, [("STW151", "error")]),
    ({"revoke_on": "health.score < 60"}, [("STW151", "error")]),
])
def test_what_is_over_or_reached_at_entry_is_said(
    advise: Callable[..., list[Finding]], read_in: Read, parts: dict[str, Anything], expected: list[tuple[str, str]],
) -> None:
    """A success that was there before the playbook is no success of the playbook."""
    if "goal" in parts:
        parts = {"goal": Goal(read_in(parts["goal"]))}
    if "exits" in parts:
        parts = {"exits": tuple((f"e{at}", read_in(each)) for at, each in enumerate(parts["exits"]))}

    assert codes(advise(**parts)) == expected


@pytest.mark.parametrize(("arms", "expected"), [
    (["health.score < 30", None], []),
    (["health.score < 30", "health.score >= 30"], []),
    (["health.score < 30", "health.score > 30"], [("STW154", "error")]),
    (["health.score < 30", "health.score < 20", None], [("STW153", "error")]),
    (["health.score < 30", "support.open_urgent > 3", "health.score >= 30", None], [("STW153", "warning")]),
    (["account.arr < 5k USD", "health.score >= 60", None], []),
    (["health.score is known", "account.arr >= 5k USD", None], []),
])
def test_arms_that_nobody_takes_and_gaps_are_said(
    advise: Callable[..., list[Finding]], read_in: Read, arms: list[str | None], expected: list[tuple[str, str]],
) -> None:
    """An arm in the wrong order does nothing, silently. What is unknown only waits: `when` may be over by then."""
    branch = Branch(tuple(Arm(None if each is None else read_in(each), (Step(SAY, f"do[1].branch[{at}].do[0]"),))
                          for at, each in enumerate(arms)))
    do = (Step(Wait(Duration(1)), "do[0]"), Step(branch, "do[1]"))

    assert codes(advise(do=do)) == expected


def test_at_entry_a_branch_is_judged_by_when(advise: Callable[..., list[Finding]], read_in: Read) -> None:
    """No account below 60 comes to an arm for those above; after a wait it may."""
    branch = Branch((Arm(read_in("health.score >= 60"), (Step(SAY, "do[0].branch[0].do[0]"),)), Arm(None, ())))

    at_once = advise(do=(Step(branch, "do[0]"),))
    assert codes(at_once) == [("STW153", "error")]
    assert "no account that comes to the branch can take it" in at_once[0].help
    assert advise(do=(Step(branch, "do[0]"),), on_update=OnUpdate.MIGRATE) == []


@pytest.mark.parametrize(("steps", "expected"), [
    ([("health.score >= 60", SAY)], [("STW156", "error")]),
    ([("health.score >= 50", SAY)], []),
    ([(None, Wait(Duration(1))), ("health.score >= 60", SAY)], []),
    ([("account.arr > 5k USD", SAY), ("health.score >= 60", SAY)], []),
    ([("account.arr is known", SAY), ("health.score >= 60", SAY)], [("STW156", "error")]),
])
def test_a_step_that_when_leaves_out_is_said(
    advise: Callable[..., list[Finding]], read_in: Read, steps: list[tuple[str | None, Anything]],
    expected: list[tuple[str, str]],
) -> None:
    """But not once it may have waited, for time or for data: then `when` may be over."""
    do = tuple(Step(act, f"do[{at}]", only_if=None if asked is None else read_in(asked))
               for at, (asked, act) in enumerate(steps))

    assert codes(advise(do=do)) == expected


@pytest.mark.parametrize(("only_if", "unless", "expected"), [
    ("health.score < 50", None, []),
    ("health.score >= 70", None, [("STW155", "error")]),
    ("health.score < 50", "health.score < 55", [("STW155", "error")]),
    ("health.score < 50", "health.score < 45", []),
    ("health.score < 50", "acknowledged", []),
    (None, "health.score is known", []),
    (None, "health.score < 70", [("STW155", "error")]),
])
def test_a_rung_that_is_never_climbed_is_said(
    advise: Callable[..., list[Finding]], read_in: Read, only_if: str | None, unless: str | None,
    expected: list[tuple[str, str]],
) -> None:
    """Nobody notices an escalation that does not come."""
    rung = Rung(Duration(2, "bd"), ("csm_manager",), unless if unless in (None, "acknowledged") else read_in(unless),
                None if only_if is None else read_in(only_if))

    assert codes(advise(until="health.score >= 70", escalate=(rung,))) == expected


@pytest.mark.parametrize(("when", "field", "value", "again"), [
    ("health.score < 60", "Health_Score__c", "55", True),
    ("health.score < 60", "Health_Score__c", "80", False),
    ("health.score < 60", "healthScore", "{{ account.arr }}", True),
    ("health.score < 60", "CS_Risk__c", "55", False),
    ("account.industry == b", "custom.Risk__c", "b", True),
    ("account.industry == b", "custom.Risk__c", "c", False),
])
def test_a_playbook_that_writes_what_lets_it_in_is_said(
    catalog: Mapping[str, FactSpec], read_in: Read, when: str, field: str, value: str, again: bool,
) -> None:
    """It would begin again because of itself."""
    catalog = {**catalog, "account.industry": replace(catalog["account.industry"], source="account custom.Risk__c")}
    findings = Findings("it.yaml", "")
    warn_about(_made(read_in, when, do=(Step(UpdateStep(field, value), "do[0]"),)), catalog, findings)

    assert codes(findings.found) == ([("STW152", "warning")] if again else [])


def test_what_an_event_lets_in_needs_no_condition(advise: Callable[..., list[Finding]], read_in: Read) -> None:
    """Its guard may be always true, and its goal reached at once is no mistake of a condition."""
    findings = Findings("it.yaml", "")
    won = Trigger(TriggerKind.EVENT, event="opportunity.closed_won")
    playbook = replace(_made(read_in, "health.score < 60", trigger=won, for_=Duration(0)), when=All(()))
    warn_about(playbook, {}, findings)

    assert findings.found == []
    assert advise(trigger=won, until="health.score >= 50") == []


def test_a_condition_beyond_deciding_is_called_undecided(catalog: Mapping[str, FactSpec]) -> None:
    """Never wrong is worth more than always an answer, and checking must end."""
    # Eleven pigeons in ten holes: every way of doing it must be refuted one by one.
    specs = {f"p.{bird}": FactSpec(f"p.{bird}", FactType.TEXT, "", "", "crm", one_of=tuple("abcdefghij"))
             for bird in range(11)}
    apart = tuple(
        AnyOf((Leaf(f"p.{one}", "!=", (hole,), hole), Leaf(f"p.{other}", "!=", (hole,), hole)))
        for hole in "abcdefghij" for one in range(11) for other in range(one))
    impossible = All((*apart, *(Leaf(name, "is known", (), "") for name in specs)))

    with pytest.raises(NotDecided):
        Proofs([impossible], specs).example((impossible, TRUE))
    findings = Findings("it.yaml", "")
    warn_about(Playbook("it", "It", "Because.", impossible, (Step(SAY, "do[0]"),), for_=Duration(1)), specs, findings)
    assert codes(findings.found) == [("STW129", "warning")]


def test_many_comparisons_of_many_facts_are_decided(catalog: Mapping[str, FactSpec], read_in: Read) -> None:
    """There are 40,000 combinations of cells here; nobody has to try them all."""
    several = ", ".join(f"{fact} < {value}" for fact in (
        "health.score", "forecast.points", "renewal.days_left", "support.open_urgent") for value in range(9, 99, 7))
    condition = read_in(f"{{all: [{several}, health.score >= 9]}}")

    assert Proofs([condition], catalog).example((condition, TRUE)) is None


def test_the_made_up_account_does_what_it_is_made_up_for(catalog: Mapping[str, FactSpec], example: Playbook) -> None:
    """The example in the message must be a real one."""
    ask = closure(example.when)
    proofs = Proofs([example.when], catalog)

    for wanted, verdict in ((TRUE, True), (FALSE, False), (UNKNOWN, None)):
        row = proofs.example((example.when, wanted))
        assert row is not None
        assert ask(row) is verdict


# ---- a folder ----

@pytest.fixture
def folder(catalog: Mapping[str, FactSpec], read_in: Read) -> Callable[..., list[tuple[str, str, str]]]:
    """(code, playbook, message) of the findings about playbooks given as (id, when, parts)."""
    def found(*given: tuple[str, str, dict[str, Anything]]) -> list[tuple[str, str, str]]:
        made = [_made(read_in, when, id=name, file=f"{name}.yaml", **parts) for name, when, parts in given]
        return [(each.code, each.file, each.message) for each in check_folder(made, catalog)]

    return found


def test_who_enrols_everybody_whom_another_enrols_is_said(folder: Callable[..., list[tuple[str, str, str]]]) -> None:
    """Two messages about the same thing teach people to ignore both."""
    [(code, file, message)] = folder(
        ("narrow", "{all: [health.score < 50, support.open_urgent >= 2]}", {}), ("wide", "health.score < 60", {}))

    assert (code, file) == ("STW158", "narrow.yaml")
    assert message.startswith('"wide" enrols every account that this enrols')


@pytest.mark.parametrize(("wide", "parts"), [
    ("{all: [health.score < 60, account.arr > 5k USD]}", {}),
    ("health.score < 60", {"inhibited_by": ("narrow",)}),
    ("health.score < 60", {"do": (Step(CtaStep("cta", "risk"), "do[0]"),)}),
    ("health.score < 60", {"do": (Step(MessageStep(("csm_manager",)), "do[0]"),)}),
    ("health.score < 60", {"scope": "account.segment == smb"}),
    ("health.score < 60", {"trigger": Trigger(TriggerKind.MANUAL)}),
])
def test_what_is_another_thing_is_no_duplicate(
    folder: Callable[..., list[tuple[str, str, str]]], wide: str, parts: dict[str, Anything],
) -> None:
    """A warning about nothing costs the trust in all of them."""
    assert folder(("narrow", "health.score < 50", {}), ("wide", wide, parts)) == []


def test_the_same_accounts_are_said_once(folder: Callable[..., list[tuple[str, str, str]]]) -> None:
    """Both directions are one fault."""
    [(_, _, message)] = folder(("one", "health.score < 50", {}), ("two", "{not: health.score >= 50}", {}))

    assert message.startswith(("\"two\" enrols the same accounts", "\"one\" enrols the same accounts"))


def test_a_ring_of_inhibitions_is_said_once(folder: Callable[..., list[tuple[str, str, str]]]) -> None:
    """In a ring it is chance which of them an account gets."""
    found = folder(
        ("a", "health.score < 50", {"inhibited_by": ("b",)}), ("b", "account.arr > 5k USD", {"inhibited_by": ("c",)}),
        ("c", "support.open_urgent > 2", {"inhibited_by": ("a", "elsewhere")}), ("d", "account.industry == x", {}))

    assert found == [("STW157", "a.yaml", 'a ring of inhibitions: "a" -> "b" -> "c" -> "a"')]


def test_proofs_may_be_asked_for_what_is_not_true(catalog: Mapping[str, FactSpec], read_in: Read) -> None:
    """Not true is false or unknown, and both count."""
    condition = read_in("{any: [health.score < 60, health.score >= 60]}")

    assert Proofs([condition], catalog).example((condition, NOT_TRUE)) == {"health.score": None}


def test_each_of_many_is_held_against_all_others(folder: Callable[..., list[tuple[str, str, str]]]) -> None:
    """A folder grows; the pair that matters may be its first and its last."""
    many = [(f"p{at:02}", f"health.score == {at}", {}) for at in range(80)]
    found = folder(*many, ("wide", "health.score < 60", {}), ("last", "health.score in [3, 79]", {}))

    assert [(code, file) for code, file, _ in found] == [("STW158", f"p{at:02}.yaml") for at in (*range(60), 79)]
    assert [message.split('"')[1] for _, _, message in found] == ["wide"] * 60 + ["last"]


def test_a_duplicate_is_found_whatever_else_both_ask(folder: Callable[..., list[tuple[str, str, str]]], read_in: Read) -> None:
    """Exits and facts that are not known are part of who enters."""
    gone = {"exits": (("gone", read_in("account.industry == x")),)}
    asked = "{all: [health.score < %s, {any: [account.arr is unknown, account.arr > 5k USD]}, {not: account.segment == smb}]}"

    for narrow, wide in ((asked % 50, asked % 60), ("health.score < 50", "health.score < 60"),
                         ("account.arr is unknown", "{any: [account.arr is unknown, account.segment == smb]}")):
        for parts in ({}, gone):
            assert [(code, file) for code, file, _ in folder(("other", "renewal.days_left < 3", {}), ("narrow", narrow, parts),
                                                             ("wide", wide, parts))] == [("STW158", "narrow.yaml")]
            assert [file for _, file, _ in folder(("narrow", narrow, parts), ("wide", wide, parts))] == ["narrow.yaml"]
    assert folder(("narrow", "health.score < 50", {}), ("wide", "health.score < 60", gone)) == []


def test_a_playbook_that_inhibits_itself_is_shown_where_it_says_so(catalog: Mapping[str, FactSpec], read_in: Read) -> None:
    """The line to change, not the first of the file."""
    own = _made(read_in, "health.score < 50", id="a", file="", inhibited_by=("a",), marks={"inhibited_by": Mark(7, 3)})

    assert [(each.code, each.line, each.column, each.message) for each in check_folder([own], catalog)] == [
        ("STW157", 7, 3, "the playbook inhibits itself")]


@pytest.mark.parametrize(("text", "code", "line", "said"), [
    ("when: health.score < 60\nuntil: health.score >= 50\n", "STW122", 6, "health.score 50"),
    ("when: health.score < 60\nuntil: health.score >= 60\n", "STW123", 6, "goes from"),
    ("for: 1d\nwhen: health.score < 60\ngoal: health.score < 70\n", "STW150", 7, "it would count as success at once"),
    ("for: 1d\nwhen: health.score < 60\nexit: {low: health.score < 80}\n", "STW151", 7, "it would be over before it begins"),
    ("for: 1d\nwhen: health.score < 60\nexit: {low: health.score < 50, high: health.score >= 50}\n", "STW151", 7,
     "it would be over before it begins"),
    ("for: 1d\nwhen: health.score < 60\nscope: health.score > 60\n", "STW120", 7, 'who is not in "scope"'),
    ("for: 1d\nwhen: health.score < 60\nescalate:\n  - {after: 1d, to: csm}\n  - {after: 2d, to: csm, only_if: health.score > 50, unless: health.score > 40}\n",
     "STW155", 9, 'whenever "only_if" is true "unless" is too, or is unknown, as of health.score'),
    ("for: 1d\nwhen: health.score < 60\nuntil: health.score > 70\nescalate:\n  - {after: 2d, to: csm, only_if: health.score > 80}\n",
     "STW155", 9, 'where it would be, "until" is true already, as of health.score'),
])
def test_what_is_found_by_thinking_is_shown_at_its_line_with_its_proof(
    text: str, code: str, line: int, said: str, catalog: Mapping[str, FactSpec],
) -> None:
    """A claim without an account that shows it would be argued about."""
    [found] = [each for each in examine(HEAD + text, "it.yaml", catalog)[1] if isinstance(each, Finding)]

    assert (found.code, found.line) == (code, line)
    assert said in found.help


@pytest.mark.parametrize(("value", "said"), [
    ("55", "what it wrote lets the account in again: health.score 55"),
    ('"{{ account.arr }}"', "an account with health.score 30 is let in by what the playbook itself wrote"),
])
def test_what_a_playbook_writes_is_shown_with_the_value_that_lets_in(value: str, said: str, catalog: Mapping[str, FactSpec]) -> None:
    """The step stands far below the condition; both are named."""
    text = HEAD.replace("[{message: {to: csm}}]", f"[{{wait: 1d}}, {{update: {{field: Health_Score__c, value: {value}}}}}]")
    [found] = examine(f"{text}for: 1d\nwhen: health.score < 60\n", "it.yaml", catalog)[1]

    assert (found.code, found.line, found.help) == ("STW152", 4, said)
    assert found.message == 'the playbook writes "Health_Score__c", which feeds health.score of its "when"'


@pytest.mark.parametrize(("when", "trigger", "expected"), [
    ("health.score < 60", Trigger(), ["STW123"]), ("account.since_on > 2026-01-01", Trigger(), ["STW123"]),
    ("account.since_on > 2026-01-01", Trigger(TriggerKind.DATE, before="renewal", by=Duration(9)), []),
    ("health.score < 60", Trigger(TriggerKind.DATE, before="renewal", by=Duration(9)), ["STW123"]),
    ("account.since_on > 2026-01-01", Trigger(TriggerKind.DEADLINE, expect="x", within=Duration(9), of="y"), []),
])
def test_what_goes_back_and_forth_needs_something_that_damps_it_and_a_date_does_not(
    advise: Callable[..., list[Finding]], when: str, trigger: Trigger, expected: list[str],
) -> None:
    """Ninety days before the renewal come once; a score of 60 comes and goes."""
    assert [each.code for each in advise(when, trigger=trigger, for_=Duration(0))] == expected


def test_a_wait_that_some_skip_leaves_nothing_sure(advise: Callable[..., list[Finding]], read_in: Read) -> None:
    """Who waited may have changed by then, so nothing is claimed; a step that nobody takes changes nothing."""
    def steps(first: str) -> tuple[Step, ...]:
        return (Step(Wait(Duration(1)), "do[0]", only_if=read_in(first)), Step(SAY, "do[1]", only_if=read_in("health.score >= 60")))

    assert codes(advise("{all: [health.score < 60, account.arr is known]}", do=steps("account.arr > 5k USD"))) == []
    assert codes(advise(do=steps("{all: [health.score < 40, health.score > 50]}"))) == [("STW120", "error"), ("STW156", "error")]


def test_parts_that_hang_together_over_a_third_are_not_decided_apart() -> None:
    """What was chosen for the first pair leaves nothing for the second; another choice does, and must be found."""
    words = tuple("abcdef")
    specs = {name: FactSpec(name, FactType.TEXT, "", "", "crm", one_of=words) for name in ("x.x", "y.y", "z.z", "w.w")}

    def equal(fact: str, word: str) -> Leaf:
        return Leaf(fact, "==", (word,), word)

    pairs = [(("x.x", "a"), ("y.y", "a")), (("y.y", "a"), ("z.z", "a")), (("x.x", "b"), ("w.w", "e")), (("w.w", "d"), ("x.x", "c"))]
    condition = All(tuple(AnyOf((equal(*one), equal(*other))) for one, other in pairs))
    found = Proofs([condition], specs).example((condition, TRUE))

    assert found is not None
    assert closure(condition)(found) is True


@pytest.mark.parametrize(("step", "other", "same"), [
    (CtaStep("cta", "risk"), CtaStep("cta", "risk"), True), (CtaStep("cta", "risk"), CtaStep("cta", "lifecycle"), False),
    (CtaStep("cta", "risk"), CtaStep("task", "risk"), True), (EmailDraftStep("champion"), EmailDraftStep("champion"), True),
    (EmailDraftStep("champion"), EmailDraftStep("sponsor"), False), (MessageStep(("csm", "role:x")), MessageStep(("role:x",)), True),
    (MessageStep(("csm",)), CtaStep("cta", "risk"), False), (Wait(Duration(1)), Wait(Duration(1)), False),
])
def test_the_same_kind_of_work_is_what_makes_a_duplicate(
    folder: Callable[..., list[tuple[str, str, str]]], step: Anything, other: Anything, same: bool,
) -> None:
    """A call and a card about one account are two things; two cards are one too many."""
    found = folder(("narrow", "health.score < 50", {"do": (Step(step, "do[0]"),)}),
                   ("wide", "health.score < 60", {"do": (Step(other, "do[0]"),)}))

    assert [code for code, *_ in found] == (["STW158"] if same else [])


def test_who_inhibits_or_is_inhibited_is_no_duplicate(folder: Callable[..., list[tuple[str, str, str]]]) -> None:
    """They were thought of together; nobody gets both."""
    narrow, wide, other = (("narrow", "health.score < 50"), ("wide", "health.score < 60"), ("other", "renewal.days_left < 3"))
    for first, second in (({"inhibited_by": ("wide", "other")}, {}), ({}, {"inhibited_by": ("other", "narrow")})):
        assert folder((*narrow, first), (*wide, second), (*other, {})) == []
    assert folder((*narrow, {"inhibited_by": ("other",)}), (*wide, {"inhibited_by": ("other",)}), (*other, {})) != []


def test_a_duplicate_is_shown_at_its_when(catalog: Mapping[str, FactSpec], read_in: Read) -> None:
    """The line that decides whom it enrols."""
    narrow, wide = (_made(read_in, when, id=name, file="", marks={"when": Mark(5, 2)})
                    for name, when in (("narrow", "health.score < 50"), ("wide", "health.score < 60")))

    assert [(each.code, each.line, each.column) for each in check_folder([narrow, wide], catalog)] == [("STW158", 5, 2)]


@pytest.mark.parametrize(("field", "name", "source", "feeds_it"), [
    ("Health_Score__c", "health.score", "scorecard", True), ("score", "health.score", "scorecard", True),
    ("HealthScore", "health.score", "scorecard", True), ("health.score", "health.score", "scorecard", True),
    ("core", "health.score", "scorecard", False), ("health", "health.score", "scorecard", False),
    ("CS_Risk__c", "account.risk_level", "account custom.CS_Risk__c", True), ("csRisk", "account.risk_level", "account custom.CS_Risk__c", True),
    ("custom.CS_Risk__c", "account.risk_level", "account custom.CS_Risk__c", True), ("custom", "account.risk_level", "account custom.CS_Risk__c", False),
    ("change28d", "usage.active_users.change_28d", "usage", True), ("active_users", "usage.active_users.change_28d", "usage", False),
    ("NumberOfEmployees", "account.employees", "account number_of_employees", True), ("risk", "account.risk_level", "crm", False),
])
def test_a_field_feeds_a_fact_of_its_name_or_of_its_source(field: str, name: str, source: str, feeds_it: bool) -> None:
    """However each system writes it; but not whatever is only part of a name."""
    assert feeds(field, FactSpec(name, FactType.NUMBER, "", source, "crm")) is feeds_it


@pytest.mark.parametrize(("value", "written"), [("55", 55), ("{{ account.arr }}", None), ("5{5", None), ("high", None), ("{{55", None)])
def test_what_a_step_writes_is_known_where_it_is_a_constant(value: str, written: object) -> None:
    """What a template fills in, nobody knows before."""
    assert value_written(UpdateStep("Health_Score__c", value), FactSpec("health.score", FactType.NUMBER, "", "", "crm")) == written
    if "{{" in value:
        assert value_written(UpdateStep("Industry", value), FactSpec("account.industry", FactType.TEXT, "", "", "crm")) is None
