"""The canonical form says all that a playbook does, and is read back to the same playbook."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from steward.engine.canonical import canonical, document, version_of
from steward.engine.document import Block, read
from steward.engine.editor_schema import playbook_schema
from steward.engine.findings import Findings, errors_of
from steward.engine.language import Mode, Playbook
from steward.engine.load import load_folder, load_playbook, reload
from steward.engine.moments import COMING, PAST
from steward.engine.playbook_reader import read_playbook
from steward.facts.catalog import catalog as whole_catalog
from steward.model.errors import PlaybookError
from steward.model.events import EVENTS
from steward.model.facts import FactSpec, FactType

FOLDER = Path(__file__).resolve().parents[2] / "playbooks"
FACTS: Mapping[str, FactSpec] = {
    **whole_catalog(),
    "milestone.first_value.reached": FactSpec("milestone.first_value.reached", FactType.BOOLEAN, "", "", "onboarding"),
    "contact.role": FactSpec("contact.role", FactType.TEXT, "", "", "crm", subject="contact"),
}


def account_fact(name: str) -> bool:
    return name in FACTS and FACTS[name].subject == "account"


_ONE_EACH = tuple({spec.type: name for name, spec in FACTS.items() if spec.subject == "account"}.values())

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
lengths = st.builds("{}{}".format, st.integers(0, 400), st.sampled_from(["d", "h", "bd", "bh"]))
days = st.builds("{}d".format, st.integers(0, 400))
shares = st.builds("{}%".format, st.one_of(st.integers(0, 100), st.decimals(0, 99, places=2)))
names = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
recipients = st.lists(
    st.sampled_from(["csm", "account_manager", "csm_manager", "role:vp", "queue:in"]), min_size=1, max_size=3)


def literal(spec: FactSpec, draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    """Some way of writing some value of the fact."""
    low, high = int(spec.low if spec.low is not None else 0), int(spec.high if spec.high is not None else 10**6)
    number = draw(st.integers(low, min(high, 10**6)))
    match spec.type:
        case FactType.TEXT:
            return draw(st.sampled_from(spec.one_of)) if spec.one_of else json.dumps(
                draw(words), ensure_ascii=False).replace("\\", "/")
        case FactType.BOOLEAN:
            return draw(st.sampled_from(["true", "false"]))
        case FactType.DATE:
            return draw(st.dates().filter(lambda day: 1900 <= day.year <= 2200)).isoformat()
        case FactType.RATIO:
            return f"{number * 100}%" if spec.high else f"{draw(st.decimals(0, 900, places=3))} %"
        case FactType.MONEY:
            return f"{number}{draw(st.sampled_from(['', 'k', 'M', '.5', '.07k']))} {spec.unit}"
        case FactType.DAYS:
            return f"{number % 30_000}{draw(st.sampled_from(['', ' days', ' day', 'd']))}"
        case _:
            return str(number)


@st.composite
def leaf(draw: Any) -> str:
    spec = FACTS[draw(st.sampled_from(_ONE_EACH))]
    ops = ["==", "!=", "in", "not in", "is known", "is unknown"]
    if spec.type not in (FactType.TEXT, FactType.BOOLEAN):
        ops += ["<", "<=", ">", ">="]
    op = draw(st.sampled_from(ops))
    if op.startswith("is"):
        return f"{spec.name}  {op}"
    if op.endswith("in"):
        return f"{spec.name} {op} [{', '.join(literal(spec, draw) for _ in range(draw(st.integers(1, 3))))}]"
    return f"{spec.name}{draw(st.sampled_from(['', ' ', '  ']))}{op} {literal(spec, draw)}"


conditions: st.SearchStrategy[Any] = st.recursive(leaf(), lambda inner: st.one_of(
    st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"not": inner})), max_leaves=4)

acts: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"cta": st.fixed_dictionaries(
        {"type": st.sampled_from(["risk", "handoff"])},
        optional={"due": lengths, "assign": recipients, "priority": st.sampled_from(["low", "normal", "high"])})}),
    st.fixed_dictionaries({"message": st.fixed_dictionaries(
        {"to": recipients}, optional={"template": st.just("card"), "via": names, "send": st.sampled_from(["now", "digest"])})}),
    st.fixed_dictionaries({"touchpoint": st.fixed_dictionaries(
        {"type": st.sampled_from(["call", "qbr"])}, optional={"subject": st.just("On {{ account.name }}")})}),
    st.fixed_dictionaries({"update": st.fixed_dictionaries(
        {"field": st.just("Risk__c"), "value": st.just("{{ health.score }}")}, optional={"via": names})}),
    st.fixed_dictionaries({"opportunity": st.fixed_dictionaries(
        {"type": st.sampled_from(["expansion", "renewal"])},
        optional={"amount": st.just("account.arr"), "closes": lengths, "assign": recipients})}),
    st.fixed_dictionaries({"success_plan": st.fixed_dictionaries({"template": names}, optional={"assign": recipients})}),
    st.fixed_dictionaries({"webhook": st.fixed_dictionaries(
        {"via": names}, optional={"facts": st.just(["account.arr", "health.score"])})}),
    st.fixed_dictionaries({"email_draft": st.fixed_dictionaries(
        {"to": st.sampled_from(["champion", "billing"])}, optional={"template": st.just("card"), "assign": recipients})}),
    st.fixed_dictionaries({"wait": lengths}),
)


def modified(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda act, more: {**more, **act}, inner,
                     st.fixed_dictionaries({}, optional={"if": leaf(), "approve": recipients}))


steps: st.SearchStrategy[list[dict[str, Any]]] = st.recursive(
    st.lists(modified(acts), min_size=1, max_size=3),
    lambda inner: st.lists(modified(st.builds(
        lambda asked, do, other: {"branch": [{"if": asked, "do": do}, {"else": other}]}, leaf(), inner, inner)),
        min_size=1, max_size=2), max_leaves=3)

triggers = st.one_of(
    st.just("condition"), st.just("manual"),
    st.sampled_from(sorted(EVENTS)).map(lambda name: {"event": name}),
    st.sampled_from(sorted(EVENTS)).map(lambda name: {"event": f"salesforce.{name}"}),
    st.builds(lambda before, by: {"date": {"before": before, "by": by}},
              st.sampled_from([each for each, fact in COMING.items() if account_fact(fact)]), days),
    st.builds(lambda of, within: {"deadline": {"expect": "milestone.first_value", "within": within, "of": of}},
              st.sampled_from([each for each, fact in PAST.items() if account_fact(fact)]), days))

rungs = st.lists(st.fixed_dictionaries({"after": lengths, "to": recipients}, optional={
    "unless": st.one_of(st.sampled_from(["acknowledged", "resolved"]), conditions), "only_if": conditions, "via": names}),
    max_size=3)

CARD = {"card": {"title": "é \u2028 \U0001f600", "sentence": "{{ account.name }}", "fields": {"A: b": "{{ account.arr }}"},
                 "changes": ["", "x\ty"], "tone": "risk"}}

documents = st.fixed_dictionaries(
    {"id": names, "title": words, "why": words, "when": conditions, "do": steps, "messages": st.just(CARD)},
    optional={
        "owner": words, "subject": st.sampled_from(["account", "contact", "opportunity"]), "scope": conditions,
        "trigger": triggers, "until": conditions, "for": lengths, "keep_for": lengths,
        "backlog": st.sampled_from(["ignore", "start_timer", "use_history"]), "again_after": lengths,
        "at_most": st.builds("{} per {}".format, st.integers(1, 20), st.sampled_from(["365d", "10bd"])),
        "caps": st.fixed_dictionaries({}, optional={"account": st.integers(1, 5), "owner": st.integers(1, 50)}),
        "limit": st.one_of(st.integers(0, 99), shares, st.builds("{} or {}".format, st.integers(0, 99), shares)),
        "holdout": st.one_of(shares, st.fixed_dictionaries(
            {"share": shares}, optional={"salt": names, "by": st.just(["account.segment", "account.country"])})),
        "calendar": st.sampled_from(["owner", "account", "berlin"]), "escalate": rungs,
        "goal": st.one_of(conditions, st.fixed_dictionaries({"when": conditions}, optional={"within": lengths})),
        "exit": st.dictionaries(names, conditions, max_size=3), "timeout": lengths,
        "revoke_on": st.one_of(st.just("opportunity.reopened"), st.just("hubspot.ticket.closed"), conditions),
        "compensate": st.lists(acts, min_size=1, max_size=2),
        "on_update": st.sampled_from(["pin", "migrate", {"migrate": {"do[4].branch[0].else[1]": "do[0]"}}]),
        "inhibited_by": st.lists(names, max_size=2), "mode": st.sampled_from(["live", "paused", {"ramp": "12.5%"}]),
        "priority": st.integers(0, 100),
    })


SCHEMA = Draft202012Validator(playbook_schema(FACTS))


DROP = "id: it\ntitle: It\nwhy: Because.\nwhen: health.score < 60\nuntil: health.score >= 70\ndo: [{message: {to: csm}}]\n"


def read_back(playbook: Playbook) -> Playbook:
    again = reload(canonical(playbook), "stored", FACTS, mode=playbook.mode, ramp=playbook.ramp, priority=playbook.priority)
    return replace(again, file=playbook.file)


@given(documents)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_can_be_written_is_read_back_from_its_canonical_form(written: dict[str, Any]) -> None:
    """What was applied is loaded from that form for as long as an enrollment runs; nothing of it may get lost."""
    text = json.dumps(written, ensure_ascii=False)
    findings = Findings("it.yaml", text)
    node = read(re.sub("[\x7f-\uffff]", lambda sign: f"\\u{ord(sign[0]):04x}", text), "it.yaml")
    assert isinstance(node, Block)
    playbook = read_playbook(node, "it.yaml", FACTS, findings)
    assert playbook is not None
    assert not errors_of(findings.found)

    again, as_yaml = read_back(playbook), read(canonical(playbook), "as YAML")

    assert again == playbook
    assert isinstance(as_yaml, Block)
    assert read_playbook(as_yaml, "as YAML", FACTS, Findings("as YAML", "")) == replace(
        playbook, file="as YAML", mode=Mode.SHADOW, ramp=0.0, priority=50)
    assert (again.version, canonical(again)) == (playbook.version, canonical(playbook))
    assert version_of(replace(playbook, mode=Mode.LIVE, ramp=0.5, priority=1)) == playbook.version


@given(documents)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_can_be_written_an_editor_takes(written: dict[str, Any]) -> None:
    """A red line under what is right teaches people to look away."""
    assert [(list(each.absolute_path), each.message[:300]) for each in SCHEMA.iter_errors(written)] == []


@pytest.mark.parametrize("playbook", load_folder(FOLDER, whole_catalog()), ids=lambda playbook: playbook.id)
def test_every_shipped_playbook_is_read_back(playbook: Playbook) -> None:
    """They are what runs on the first day."""
    again = read_back(playbook)

    assert (again, again.version) == (playbook, playbook.version)


def test_the_canonical_form_is_a_playbook_that_a_person_can_read(
    load: Callable[[str], Playbook], example_text: str,
) -> None:
    """Somebody looks at what was live a year ago: it is the language, not a dump."""
    form = document(load(example_text))

    assert form["when"] == {"all": [
        "health.score < 60", "renewal.days_left <= 120",
        {"any": ["usage.active_users.change_28d <= -30%", "support.open_urgent >= 1"]}]}
    assert form["do"][0] == {"cta": {"type": "risk"}}
    assert not {"mode", "timeout"} & set(form)


@pytest.mark.parametrize(("was", "becomes"), [
    ("100k USD", "100_000 USD"), ("-30%", "-30.0 %"), ("<= 120", "<= 120 days"), ("for: 3d", "for: 03d"),
    ("assign: csm", "assign: [csm]"), ("again_after: 30d\n", "again_after: 30d\ntimeout: 90d\nholdout: 0%\n"),
    ("title:", "mode: live\npriority: 3\ntitle:"),
])
def test_another_way_of_writing_the_same_is_the_same_version(
    load: Callable[[str], Playbook], example_text: str, was: str, becomes: str,
) -> None:
    """A version changes only where what happens changes."""
    assert load(example_text.replace(was, becomes)).version == load(example_text).version


@pytest.mark.parametrize(("was", "becomes"), [
    ("100k USD", "101k USD"), ("-30%", "-30.5%"), ("for: 3d", "for: 3bd"), ("for: 3d", "for: 3d\nholdout: 10%"),
    ("do:\n", "do:\n  - wait: 1d\n"), ("why: A", "why: One"), ("title:", "subject: contact\ntitle:"),
])
def test_another_meaning_is_another_version(
    load: Callable[[str], Playbook], example_text: str, was: str, becomes: str,
) -> None:
    """Two sets of rules never share a name."""
    assert load(example_text.replace(was, becomes)).version != load(example_text).version


def test_a_template_is_part_of_the_version(load: Callable[[str], Playbook], example_text: str) -> None:
    """What is said to a person is part of what the playbook does, wherever it is kept."""
    def version(sentence: str) -> str:
        return load(f"{example_text}messages:\n  health_drop: {{title: t, sentence: {sentence}}}\n").version

    assert version("one") != version("two")
    assert version("one") == version("'one '")


def test_a_stored_version_whose_fact_is_gone_says_so() -> None:
    """An enrollment in flight must not go on by half of its rules."""
    body = canonical(load_playbook("{id: a, title: A, why: B, when: health.score < 60, do: [{message: {to: csm}}]}",
                                   "a.yaml", FACTS))

    with pytest.raises(PlaybookError, match=r'a@1234.*\n.*|unknown fact "health.score"'):
        reload(body, "a@1234", {})


def test_what_was_not_stored_by_us_is_refused_in_words() -> None:
    """A torn row must say what it is."""
    with pytest.raises(PlaybookError, match="not what was stored"):
        reload('{"id": ', "a@1234", FACTS)


@pytest.mark.parametrize(("line", "stored"), [
    ("limit: 0", '"limit": "0"'), ("limit: 5%", '"limit": "5%"'), ("limit: 40", '"limit": "40"'),
    ("limit: 40 or 12.5%", '"limit": "40 or 12.5%"'), ("on_update: migrate", '"on_update": "migrate"'),
    ("on_update: {migrate: {'do[3]': 'do[0]'}}", '"on_update": {"migrate": {"do[3]": "do[0]"}}'),
    ("holdout: 12.5%", '"holdout": "12.5%"'),
    ("holdout: {share: 0%, salt: x}", '"holdout": {"share": "0%", "salt": "x"}'),
    ("goal: {when: health.score >= 90, within: 30d}", '"goal": {"when": "health.score >= 90", "within": "30d"}'),
])
def test_each_way_of_writing_a_field_is_stored_and_read_back(line: str, stored: str) -> None:
    """What was applied with no limit must not come back with the usual one."""
    written = load_playbook(f"{DROP}{line}\n", "it.yaml", FACTS)

    assert stored in canonical(written)
    assert read_back(written) == written


def test_what_yaml_could_fold_or_refuse_is_stored_by_its_number() -> None:
    """A title with a line separator in it is that title again, not two lines."""
    title = "e\u00e9 n\u0085 d\u007f l\u2028 p\uffff f\U00010000 g\U0001f600"
    written = replace(load_playbook(DROP, "it.yaml", FACTS), title=title)
    stored = canonical(written)

    assert "e\\u00e9 n\\u0085 d\\u007f l\\u2028 p\\uffff f\U00010000 g\U0001f600" in stored
    assert json.loads(stored)["title"] == title
