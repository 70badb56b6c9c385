"""The JSON Schema of playbooks says what the reader says, while one writes."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from steward.engine.editor_schema import USAGE, playbook_schema
from steward.engine.field_table import (
    FIELD_TABLE,
    MODIFIER_TABLE,
    NEEDED,
    RUNG_TABLE,
    STEP_TABLE,
    TRIGGER_TABLE,
    FieldDoc,
    names,
)
from steward.engine.load import examine, load_playbook, playbook_files
from steward.facts.catalog import catalog as whole_catalog
from steward.model.facts import FactSpec

FOLDER = Path(__file__).resolve().parents[2] / "playbooks"
FACTS: Mapping[str, FactSpec] = whole_catalog()
ALL_OF_IT = """\
id: everything
title: Everything
why: So that no field is forgotten.
owner: cs-ops
subject: account
scope: account.lifecycle in [onboarding, customer]
trigger: {deadline: {expect: milestone.first_value, within: 30d, of: subscription.start}}
when: {not: {any: [health.score is unknown, account.arr < 10k USD]}}
until: milestone.first_value.reached == true
for: 2bd
keep_for: 12h
backlog: use_history
again_after: 30d
at_most: 3 per 365d
priority: 80
caps: {account: 1, owner: 10}
inhibited_by: [health_drop]
limit: 25 or 5%
holdout: {share: 10%, salt: spring, by: [account.segment]}
calendar: account
do:
  - {id: call, cta: {type: onboarding, due: 2bd, assign: [csm, queue:onboarding], priority: high}}
  - {wait: 3d, if: account.arr >= 50k USD}
  - {message: {to: [csm, channel:cs], template: card, via: slack, send: digest}, needs: [call], approve: csm_manager}
  - branch:
      - {if: usage.active_users.change_28d <= -30%, do: [{email_draft: {to: champion, template: card}}]}
      - else: [{touchpoint: {type: call, subject: "On {{ account.name }}"}}, {webhook: {via: zapier, facts: [account.arr]}}]
  - opportunity: {type: expansion, amount: subscription.arr, closes: 60d}
  - success_plan: {template: rescue}
  - update: {field: Risk__c, value: high, via: salesforce}
escalate:
  - {after: 2bd, unless: acknowledged, to: csm_manager, via: slack}
  - {after: 5bd, unless: health.score >= 70, to: role:vp_cs, only_if: account.segment == enterprise}
goal: {when: health.score >= 80, within: 60d}
exit: {churned: account.lifecycle == churned}
timeout: 60d
revoke_on: salesforce.opportunity.reopened
compensate: [{message: {to: csm}}]
on_update: {migrate: {"do[0]": call}}
messages: {card: {tone: risk, title: T, sentence: S, fields: {ARR: "{{ account.arr }}"}, changes: [c], next_step: N}}
mode: {ramp: 25%}
"""


@functools.cache
def schema() -> Mapping[str, Any]:
    """Of all facts that a company has before it adds its own."""
    return playbook_schema(FACTS)


def faults(text: str) -> list[str]:
    """Where the schema finds something, as paths."""
    written = YAML(typ="safe", pure=True).load(text)
    return ["/".join(map(str, each.absolute_path)) for each in Draft202012Validator(schema()).iter_errors(written)]


def test_it_is_a_schema_and_says_how_to_use_it() -> None:
    """Who opens the file finds out what to do with it."""
    Draft202012Validator.check_schema(schema())

    assert USAGE in schema()["description"]


@pytest.mark.parametrize("file", playbook_files(FOLDER), ids=lambda file: file.stem)
def test_every_shipped_playbook_is_right(file: Path) -> None:
    """No red line in what we ship."""
    assert faults(file.read_text(encoding="utf-8")) == []


def test_every_field_of_the_language_may_stand() -> None:
    """One playbook with everything in it: the reader takes it, and so does the editor."""
    written = YAML(typ="safe", pure=True).load(ALL_OF_IT)

    assert faults(ALL_OF_IT) == []
    assert set(written) == set(names(FIELD_TABLE))
    assert load_playbook(ALL_OF_IT, "it.yaml", FACTS).id == "everything"


@pytest.mark.parametrize(("was", "becomes"), [
    ("again_after:", "agian_after:"), ("subject: account", "subject: acount"), ("health.score is", "helth.score is"),
    ("10k USD", "10k"), ("10k USD", "10k EUR"), ("-30%", "-30"), ("for: 2bd", "for: 2 weeks"), ("3 per 365d", "3 a year"),
    ("milestone.first_value, within", "milestone.frist_value, within"), ("of: subscription.start", "of: subscription.strat"),
    ("lifecycle in [onboarding, customer]", "lifecycle in [onbording]"), ("type: onboarding", "type: onbording"),
    ("assign: [csm, queue:onboarding]", "assign: [cms]"), ("- {wait: 3d,", "- {wiat: 3d,"), ("send: digest", "send: weekly"),
    ("else: [", "esle: ["), ("closes: 60d", "close: 60d"), ("unless: acknowledged", "unless: acknowleged"),
    ("opportunity.reopened", "opportunity.reopend"), ("mode: {ramp: 25%}", "mode: {ramp: 25}"), ("tone: risk", "tone: rsik"),
    ("account.segment == enterprise", "account.segment > enterprise"), ("priority: 80", "priority: 800"),
    ("title: Everything\n", ""), ("account.lifecycle == churned", "account.lifecycle == churned and health.score < 3"),
    ("touchpoint: {type: call", "touchpoint: {type: call}, cta: {type: risk"), ("by: [account.segment]", "by: [account.sgment]"),
])
def test_a_typo_is_marked(was: str, becomes: str) -> None:
    """The editor says it before anybody runs a check."""
    assert was in ALL_OF_IT
    assert faults(ALL_OF_IT.replace(was, becomes, 1))


def test_when_is_needed_where_a_condition_lets_in_and_only_there() -> None:
    """A date needs no `when`; without a trigger there is nothing else."""
    start = "{id: a, title: A, why: B, do: [{message: {to: csm}}]"

    assert faults(f"{start}}}") == [""]
    assert faults(f"{start}, trigger: condition}}") == [""]
    assert faults(f"{start}, trigger: {{date: {{before: renewal, by: 90d}}}}}}") == []


def described(part: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from part.get("properties", {}).items()


def test_every_field_is_described_as_in_the_table() -> None:
    """What one reads beside the cursor is what the pages say."""
    fields = dict(described(schema()))
    step = dict(described(schema()["$defs"]["step"]))

    assert list(fields) == list(names(FIELD_TABLE))
    assert set(step) == {*names(STEP_TABLE), *names(MODIFIER_TABLE)}
    for doc in FIELD_TABLE:
        assert doc.meaning[1:] in fields[doc.name]["description"]


def test_every_default_is_a_value_that_may_stand() -> None:
    """Editors write the default out when asked; it must be right."""
    validator = Draft202012Validator({**schema(), "if": False, "else": {}, "required": []})
    given = {name: inside["default"] for name, inside in described(schema()) if "default" in inside}

    assert set(given) == {"subject", "trigger", "for", "keep_for", "backlog", "again_after", "priority", "limit", "holdout", "calendar",
                          "timeout", "on_update", "mode"}
    plain = "id: a\ntitle: A\nwhy: B\nwhen: health.score < 60\nuntil: health.score >= 70\ndo: [{wait: 1d}]\n"
    assert load_playbook(plain + "".join(f"{name}: {value}\n" for name, value in given.items()), "it.yaml", FACTS) == load_playbook(
        plain, "it.yaml", FACTS), "writing a default out changes nothing"
    assert [each.message for each in validator.iter_errors(given)] == []


def test_every_example_beside_a_fact_is_a_condition_that_the_reader_takes() -> None:
    """Completion writes it into the file; whatever the catalog, it must be right where it stands."""
    leaf = schema()["$defs"]["leaf"]
    asked = [(way, example) for way in leaf["anyOf"] for example in way["examples"]]

    assert leaf["description"].startswith("One comparison")
    for way, example in asked:
        assert re.search(way["pattern"], example), example
        assert way["description"]
        subject = FACTS[example.split(" ", 1)[0]].subject
        assert examine(f"id: a\ntitle: A\nwhy: B\nsubject: {subject}\nfor: 1d\nwhen: '{example}'\ndo: [{{wait: 1d}}]\n", "it.yaml", FACTS)[0]
    by_facts = {frozenset(found): len(way["examples"]) for way in leaf["anyOf"]
                if (found := re.findall(r"[a-z_0-9]+(?:\\\.[a-z_0-9]+)+", way["pattern"].split(")")[0]))}
    assert all(count == min(2, len(names_)) for names_, count in by_facts.items())
    assert {way["description"] for way in leaf["anyOf"]} >= {FACTS["account.lifecycle"].meaning}
    assert any(way["description"].startswith("days: ") and "renewal.days_left" in way["description"] for way in leaf["anyOf"])


@pytest.mark.parametrize(("condition", "right"), [
    ("{all: [health.score < 3]}", True), ("{all: []}", False), ("{all: health.score < 3}", False), ("{not: health.score < 3}", True),
    ("{not: [health.score < 3]}", False), ("{all: [health.score < 3], any: [health.score < 3]}", False),
    ("{all: [health.score < 3], why: x}", False), ("{any: [{not: {all: [health.score is unknown]}}]}", True), ("{}", False),
    ("subscription.starts_on == 2026-12-31", None), ("account.do_not_contact >= true", False), ("account.do_not_contact == true", True),
    ("account.lifecycle > customer", False), ("renewal.days_left <= 14 days", True), ("account.arr > 1_000k USD", True),
])
def test_a_condition_is_marked_where_the_reader_would_refuse_it(condition: str, right: bool | None) -> None:
    """Groups nest, and hold what the reader takes and nothing else."""
    text = f"id: a\ntitle: A\nwhy: B\nwhen: {condition}\ndo: [{{wait: 1d}}]\n"

    assert right is None or (faults(text) == []) is right


@pytest.mark.parametrize(("was", "becomes"), [
    ("id: everything", "id: Everything"), ("by: [account.segment]", "by: []"), ("changes: [c]", "changes: [[c]]"),
    ("changes: [c]", "changes: [a, b, c, d]"), ("within: 30d, of", "within: 30h, of"), ("via: slack, send", "via: 's l', send"),
    ("needs: [call]", "needs: [Call]"), ("timeout: 60d", "timeout: [60d]"), ("share: 10%", "share: 10"),
    ("fields: {ARR:", "fields: {ARR: [x], B:"), ("title: T,", "title: [T],"), ("owner: cs-ops", "owner: {a: b}"),
])
def test_a_value_of_the_wrong_shape_is_marked(was: str, becomes: str) -> None:
    """A list where a word belongs, a word where a list does."""
    assert was in ALL_OF_IT
    assert faults(ALL_OF_IT.replace(was, becomes, 1))


def test_texts_and_patterns_have_an_example_beside_them() -> None:
    """Of a field that may hold anything of a shape, the shape is shown; of one of a few words the words are."""
    told = dict(described(schema()))

    assert told["title"]["examples"] == [next(doc.shape for doc in FIELD_TABLE if doc.name == "title")]
    assert told["for"]["examples"] == [next(doc.shape for doc in FIELD_TABLE if doc.name == "for")]
    assert "examples" not in told["subject"]
    assert "examples" not in told["priority"]


INSIDE = [(kind, doc) for kind in STEP_TABLE if kind.fields and kind.name != "branch" for doc in kind.fields]


@pytest.mark.parametrize(("kind", "doc"), INSIDE, ids=lambda each: each.name)
def test_the_example_of_every_field_of_a_step_is_right(kind: FieldDoc, doc: FieldDoc) -> None:
    """The pages show them one by one; each is taken with what else is needed, and its default changes nothing."""
    def step(**more: str) -> str:
        parts = {each.name: each.shape for each in kind.fields if each.default == NEEDED} | more
        return f"[{{{kind.name}: {{{', '.join(f'{name}: {_quoted(shape)}' for name, shape in parts.items())}}}}}]"

    def read_in(do: str) -> Any:
        text = f"id: a\ntitle: A\nwhy: B\nwhen: health.score < 60\nfor: 1d\ndo: {do}\n"
        found, wrong = examine(text, "it.yaml", FACTS)
        assert found, (text, wrong)
        return found.do

    assert read_in(step(**{doc.name: doc.shape}))
    if doc.default not in (NEEDED, "none") and " " not in doc.default:
        assert read_in(step(**{doc.name: doc.default})) == read_in(step())


@pytest.mark.parametrize("doc", RUNG_TABLE, ids=lambda each: each.name)
def test_the_example_of_every_field_of_a_rung_is_right(doc: FieldDoc) -> None:
    """The same for whom the escalation calls."""
    parts = {"after": "2bd", "to": "csm", doc.name: doc.shape}
    rung = ", ".join(f"{name}: {shape}" for name, shape in parts.items())

    assert faults(f"id: a\ntitle: A\nwhy: B\nwhen: health.score < 60\ndo: [{{wait: 1d}}]\nescalate: [{{{rung}}}]\n") == []


def _quoted(shape: str) -> str:
    return shape if shape.startswith("[") else json.dumps(shape)


@pytest.mark.parametrize("doc", [doc for doc in TRIGGER_TABLE if doc.fields], ids=lambda each: each.name)
def test_the_example_of_a_trigger_is_that_of_its_fields(doc: FieldDoc) -> None:
    """The page shows both, one below the other."""
    inside = ", ".join(f"{each.name}: {each.shape}" for each in doc.fields)

    assert doc.shape == f"{{{doc.name}: {{{inside}}}}}"
    assert faults(f"id: a\ntitle: A\nwhy: B\ntrigger: {doc.shape}\ndo: [{{wait: 1d}}]\n") == []
