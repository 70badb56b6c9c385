"""A playbook is right, or every fault in it is shown at its place with what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from steward.engine.canonical import canonical
from steward.engine.check import check_files, unperformable
from steward.engine.document import MOST_BYTES, MOST_DEPTH, MOST_NODES
from steward.engine.durations import Duration
from steward.engine.expression import leaves
from steward.engine.findings import Finding
from steward.engine.language import CtaStep, MessageStep, Mode, Playbook, Step
from steward.engine.load import load_folder, load_playbook, read_folder, reload
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec

Load = Callable[[str], Playbook]


def found(load: Load, text: str) -> list[Finding]:
    with pytest.raises(PlaybookError) as caught:
        load(text)
    return [finding for finding in caught.value.findings if isinstance(finding, Finding)]


def test_the_example_of_the_language_loads_as_written(example: Playbook) -> None:
    """The first playbook that anybody copies must work."""
    assert (example.id, example.mode, str(example.for_), str(example.again_after)) == (
        "health_drop", Mode.SHADOW, "3d", "30d")
    assert example.do == (
        Step(CtaStep("cta", "risk", Duration(3, "bd"), ("csm",)), "do[0]"),
        Step(MessageStep(("csm",), "health_drop"), "do[1]"))
    assert [str(rung.after) for rung in example.escalate] == ["2bd", "5bd"]
    assert len(example.version) >= 4


def test_a_typo_is_shown_with_line_column_caret_and_suggestion(load: Load, example_text: str) -> None:
    """Somebody who writes playbooks reads this instead of a manual."""
    with pytest.raises(PlaybookError) as caught:
        load(example_text.replace("again_after", "agian_after"))

    assert str(caught.value) == (
        'error[STW103] unknown key "agian_after"\n'
        "  --> playbooks/it.yaml:13:1\n"
        "   |\n"
        "13 | agian_after: 30d\n"
        "   | ^^^^^^^^^^^\n"
        'help: did you mean "again_after"?\n\n'
        "Found 1 error."
    )


@pytest.mark.parametrize(("was", "becomes", "code", "line", "column", "remedy"), [
    ("health.score < 60", "helth.score < 60", "STW110", 6, 7, 'did you mean "health.score"?'),
    ("<= -30%", "<= -30", "STW112", 9, 44, 'did you mean "-30%"?'),
    ("<= -30%", "<= -0.3", "STW112", 9, 44, 'did you mean "-30%"?'),
    ("100k USD", "100k", "STW112", 19, 80, 'did you mean "100k USD"?'),
    ("100k USD", "100k EUR", "STW112", 19, 80, "write the amount in USD"),
    ("<= 120", "<= 120 weeks", "STW112", 7, 28, 'did you mean "120 days"?'),
    ("until: health.score >= 70", "until: health.score >= 170", "STW114", 11, 24, "it goes from 0 to 100"),
    ("until: health.score >= 70", "until: health.score => 70", "STW111", 11, 21, 'did you mean ">="?'),
    ("until: health.score >= 70", "until: account.segment > smb", "STW115", 11, 24,
     ("write: account.segment == …, or account.segment in [a, b]")),
    ("until: health.score >= 70", "until: account.segment in [smb, big]", "STW113", 11, 27,
     "it is one of: enterprise, mid_market, smb"),
    ("until: health.score >= 70", "until: health.score >= 70 and support.open_urgent < 1", "STW111", 11, 24,
     'write them as a list under "all:" (and) or "any:" (or)'),
    ("until: health.score >= 70", "until: now() > 3", "STW111", 11, 8, "write: health.score < 60"),
    ("for: 3d", "for: 3 weeks", "STW106", 12, 6, "write it as 3d, 12h, 2bd (business days) or 4bh (business hours)"),
    ("for: 3d", "caps: 3", "STW106", 12, 7, "write: caps: {account: 2, owner: 15}"),
    ("type: risk", "type: riks", "STW113", 15, 17, 'did you mean "risk"?'),
    ("to: csm,", "to: cms,", "STW106", 16, 19, 'did you mean "csm"?'),
    ("to: csm_manager", "to: queu:x", "STW106", 18, 44,
     ("write one of csm, account_manager, csm_manager, role:x, queue:x, channel:x; a person by name is a role:x, with an "
      "address under company.roles in steward.yaml")),
    ("unless: acknowledged, to: csm_manager", "unless: acknowleged, to: csm_manager", "STW106", 18, 26,
     'did you mean "acknowledged"?'),
    ("title: Health", "titel: Health", "STW103", 2, 1, 'did you mean "title"?'),
    ("title: Health", "name: Health", "STW103", 2, 1, 'did you mean "title"?'),
])
def test_each_fault_has_its_place_and_its_remedy(
    load: Load, example_text: str, was: str, becomes: str, code: str, line: int, column: int, remedy: str,
) -> None:
    """Three in the morning: the message alone must say what to type."""
    faults = [(each.code, each.line, each.column, each.help) for each in found(load, example_text.replace(was, becomes, 1))]

    assert (code, line, column, remedy) in faults


def test_all_faults_of_a_file_are_shown_at_once(load: Load, example_text: str) -> None:
    """One round of corrections, not seven."""
    text = example_text.replace("for: 3d", "fro: 3d").replace("score < 60", "scor < 60").replace("-30%", "-30")

    assert [each.line for each in found(load, text)] == [6, 9, 12]


@pytest.mark.parametrize("text", [
    "id: &a x\ntitle: *a\n", "id: !!str x\n", "id: !python/object:os.system x\n", "<<: {id: x}\n", "id: x\nid: y\n",
    "%YAML 1.1\n---\nid: x\n", "id: x\n---\nid: y\n", "? [a]\n: b\n", "id: [1\n", "", "- a\n", "just words\n", "\x00",
    "id: \x07", "{" * 200, "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), "a" * (MOST_BYTES + 1),
    "- 1\n" * (MOST_NODES + 1),
])
def test_what_is_not_plain_yaml_is_refused_in_words(load: Load, text: str) -> None:
    """A playbook may come from anybody; reading it must never do anything but read."""
    assert all(each.message for each in found(load, text))


def test_yaml_1_1_traps_stay_what_was_written(load: Load, catalog: Mapping[str, FactSpec], example_text: str) -> None:
    """`no` is a country, not a false; `12:30` is no number of seconds."""
    text = example_text.replace("title: Health drop before renewal", "title: no").replace("why: A", "why: 12:30 A")

    assert (load(text).title, load(text).why[:5]) == ("no", "12:30")


def test_the_version_changes_with_the_meaning_and_not_with_the_layout(load: Load, example_text: str) -> None:
    """The version on every message names exactly one set of rules."""
    laid_out = load("# a comment\n" + example_text.replace("health.score < 60", "'health.score   <  60'"))
    live = load(example_text + "mode: live\n")
    other = load(example_text.replace("< 60", "< 61"))

    assert laid_out.version == live.version == load(example_text).version
    assert other.version != live.version


def test_long_hostile_lines_are_cut_in_the_message(load: Load, example_text: str) -> None:
    """A message fits on a screen and holds no escape sequence."""
    text = example_text.replace("until: health.score >= 70", f"until: 'health.score >= {'x' * 5000}\\u200b'")
    with pytest.raises(PlaybookError) as caught:
        load(text)

    assert max(len(line) for line in str(caught.value).splitlines() if line.lstrip()[:2].strip("|").strip().isdigit()
               or "|" in line) < 200


def test_a_folder_shows_the_findings_of_all_its_files(
    tmp_path: Path, catalog: Mapping[str, FactSpec], example_text: str,
) -> None:
    """Templates, inhibitions and ids are held against each other."""
    (tmp_path / "messages.yaml").write_text("health_drop:\n  title: '{{ account.nam }}'\n  sentence: x\n")
    (tmp_path / "a.yaml").write_text(example_text + "inhibited_by: helth_drop\n")
    (tmp_path / "b.yaml").write_text(example_text.replace("  - message: {to: csm, template: health_drop}\n", ""))

    read = read_folder(tmp_path, catalog)

    assert [(Path(each.file).name, each.code) for each in read.findings] == [
        ("messages.yaml", "STW125"), ("a.yaml", "STW124")]
    assert [playbook.id for playbook in read.playbooks] == ["health_drop"]
    with pytest.raises(PlaybookError, match="did you mean"):
        load_folder(tmp_path, catalog)
    assert len(check_files(sorted(tmp_path.glob("*.yaml")), catalog)) == 2


def test_the_same_id_twice_is_refused(tmp_path: Path, catalog: Mapping[str, FactSpec], example_text: str) -> None:
    """Two playbooks of one id would answer for each other's enrollments."""
    text = example_text.replace(", template: health_drop", "")
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(text)

    with pytest.raises(PlaybookError, match=r'\[STW128\] the id "health_drop" is taken'):
        load_folder(tmp_path, catalog)


def test_a_playbook_that_inhibits_by_nobody_known_is_refused(
    tmp_path: Path, catalog: Mapping[str, FactSpec], example_text: str,
) -> None:
    """A typo there would silently let a sale happen in a fire."""
    (tmp_path / "a.yaml").write_text(example_text.replace(", template: health_drop", "") + "inhibited_by: [helth_drop]\n")

    with pytest.raises(PlaybookError, match='there is no playbook "helth_drop"'):
        load_folder(tmp_path, catalog)


def test_modes_limits_goals_and_exits_are_read(load: Load, example_text: str) -> None:
    """Everything that step 1 promises can be written."""
    more = """\
mode: {ramp: 25%}
limit: 10 or 20%
goal: {when: health.score >= 80, within: 30d}
exit:
  gone: account.segment is unknown
timeout: 45d
priority: 70
"""
    playbook = load(example_text + more)

    assert (playbook.mode, playbook.ramp, playbook.limit.of(1000), playbook.limit.of(10)) == (Mode.RAMP, 0.25, 200, 10)
    assert playbook.goal is not None
    assert (str(playbook.goal.within), [name for name, _ in playbook.exits], str(playbook.timeout)) == (
        "30d", ["gone"], "45d")


def test_what_no_connection_can_do_is_named(example: Playbook) -> None:
    """A CTA needs a system that opens CTAs."""
    assert unperformable(example, {"message"}) == ("open_cta",)
    assert unperformable(example, {"message", "open_cta"}) == ()


def test_a_missing_template_file_is_no_excuse(catalog: Mapping[str, FactSpec], example_text: str) -> None:
    """With templates at hand, a name that is not among them is a fault."""
    with pytest.raises(PlaybookError, match='there is no message template "health_drop"'):
        load_playbook(example_text, "x.yaml", catalog, {})


def test_a_list_is_no_playbook(load: Load) -> None:
    """Somebody put a dash before the first line."""
    [fault] = found(load, "- id: x\n- title: y\n")

    assert (fault.code, fault.message, fault.help) == (
        "STW106", "a playbook is a list of fields", "begin with: id: health_drop")


def test_each_condition_knows_where_it_stands(catalog: Mapping[str, FactSpec], example_text: str) -> None:
    """Explanations, decisions and maps address a clause by its path in the file."""
    text = example_text.replace("only_if: account.arr >= 100k USD", "unless: support.open_urgent < 1") + """\
scope: account.segment == smb
goal: {when: health.score >= 90, within: 30d}
exit: {gone: account.segment is unknown}
revoke_on: account.do_not_contact == true
compensate: [{message: {to: csm}, if: account.arr >= 1k USD}]
"""
    text = text.replace("unless: acknowledged, to: role", "only_if: account.arr >= 100k USD, to: role")
    short = load_playbook(text.replace("goal: {when: health.score >= 90, within: 30d}", "goal: health.score >= 90"),
                          "it.yaml", catalog)

    for playbook in (load_playbook(text, "it.yaml", catalog), short):
        conditions = playbook.conditions()
        assert set(conditions) == {"when", "until", "scope", "goal.when", "exit.gone", "revoke_on", "escalate[1].only_if",
                                   "escalate[1].unless", "compensate[0].if"}
        for path, condition in conditions.items():
            assert {leaf.path.removeprefix(path)[:1] for leaf in leaves(condition)} <= {"", "."}, path
            assert all(leaf.path.startswith(path) for leaf in leaves(condition))


def test_an_inhibition_by_nobody_known_is_shown_with_its_code(
    tmp_path: Path, catalog: Mapping[str, FactSpec], example_text: str,
) -> None:
    """The code is what one searches for."""
    text = example_text.replace(", template: health_drop", "")
    (tmp_path / "a.yaml").write_text(text + "inhibited_by: [usage_drop, health_drp, health_drop]\n")
    (tmp_path / "b.yaml").write_text(text.replace("id: health_drop", "id: usage_drop"))

    assert [(each.code, each.line, each.message, each.help) for each in read_folder(tmp_path, catalog).findings] == [
        ("STW127", 20, 'there is no playbook "health_drp"', 'did you mean "health_drop"?')]


def test_what_was_stored_and_is_wrong_by_now_is_refused(catalog: Mapping[str, FactSpec], example: Playbook) -> None:
    """A fact is gone from the catalog: better no playbook than half of one."""
    body = canonical(example)
    less = {name: spec for name, spec in catalog.items() if name != "account.arr"}

    assert reload(body, "health_drop@7c1e", catalog) == replace(example, file="health_drop@7c1e")
    with pytest.raises(PlaybookError, match=r"(?s)health_drop@7c1e.*Found 1 error"):
        reload(body, "health_drop@7c1e", less)
    with pytest.raises(PlaybookError, match='unknown key "agian"'):
        reload(body.replace('"again_after"', '"agian"'), "health_drop@7c1e", catalog)
    with pytest.raises(PlaybookError, match=r"(?s)not what was stored.*apply the playbook again"):
        reload("[]", "health_drop@7c1e", catalog)


def test_only_playbooks_are_checked_and_each_id_once(
    tmp_path: Path, catalog: Mapping[str, FactSpec], example_text: str,
) -> None:
    """Cases stand beside them and are no playbooks; what comes after them in the folder is looked at all the same."""
    text = example_text.replace(", template: health_drop", "")
    (tmp_path / "a.cases.yaml").write_text("cases: []\n")
    (tmp_path / "b.yaml").write_text(text.replace("agian", "again").replace("for: 3d", "fro: 3d"))
    (tmp_path / "c.yaml").write_text(text)
    (tmp_path / "d.yaml").write_text(text.replace("score < 60", "score < 55").replace("id: health_drop", "id: other"))
    found_ = check_files(sorted(tmp_path.glob("*.yaml")), catalog)

    assert ("b.yaml", "STW103") in [(Path(each.file).name, each.code) for each in found_]
    assert any(Path(each.file).name in ("c.yaml", "d.yaml") for each in found_), "those that overlap are told together"
    with pytest.raises(PlaybookError, match="there is no such file"):
        check_files([tmp_path / "e.yaml"], catalog)


def test_a_rung_needs_somebody_who_can_send_a_message(example: Playbook) -> None:
    """Escalating where nothing can be said would be silence."""
    assert unperformable(replace(example, do=example.do[:1]), {"open_cta"}) == ("message",)
    assert unperformable(replace(example, do=example.do[:1], escalate=()), {"open_cta"}) == ()
