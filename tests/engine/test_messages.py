"""Message templates: what may stand in `messages.yaml`, and for what may not its place and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from steward.engine.messages import read_messages
from steward.engine.template import MessageTemplate
from steward.model.facts import FactSpec

WHOLE = """\
drop:
  tone: risk
  title: "{{ account.name }} loses users"
  sentence: >-
    {{ account.name }} pays
    {{ account.arr | money }}.
  fields: {"ARR  now": "{{ account.arr | money }}", Segment: "{{ account.segment }}"}
  changes: ["from {{ health.score }}", "to {{ health.score | number }}"]
  next_step: Call them.
quiet: {title: T, sentence: S}
"""


def faults(text: str, catalog: Mapping[str, FactSpec]) -> list[tuple[str, int, int, str, str]]:
    return [(each.code, each.line, each.column, each.message, each.help) for each in read_messages(text, "messages.yaml", catalog)[1]]


def test_a_template_is_read_as_it_is_written(catalog: Mapping[str, FactSpec]) -> None:
    """Every part of the card is the author's."""
    assert read_messages(WHOLE, "messages.yaml", catalog) == ({
        "drop": MessageTemplate(
            "drop", "{{ account.name }} loses users", "{{ account.name }} pays {{ account.arr | money }}.", "risk",
            (("ARR now", "{{ account.arr | money }}"), ("Segment", "{{ account.segment }}")),
            ("from {{ health.score }}", "to {{ health.score | number }}"), "Call them."),
        "quiet": MessageTemplate("quiet", "T", "S", "neutral", (), (), "")}, ())


def test_one_that_is_wrong_takes_no_other_with_it(catalog: Mapping[str, FactSpec]) -> None:
    """The other cards go out tonight."""
    found, wrong = read_messages("a: {title: T}\nb: {title: T, sentence: S}\n", "messages.yaml", catalog)

    assert (list(found), len(wrong)) == (["b"], 1)


@pytest.mark.parametrize(("text", "code", "line", "column", "message", "remedy"), [
    ("- a\n", "STW106", 1, 1, "message templates stand under their names", "write: health_drop: …"),
    ("a: text\n", "STW106", 1, 4, '"a" needs its fields', "write: tone, title, sentence, fields, changes, next_step"),
    ("a: {titel: T, title: T, sentence: S}\n", "STW103", 1, 5, 'unknown key "titel" in a template', 'did you mean "title"?'),
    ("a: {xyz: T, title: T, sentence: S}\n", "STW103", 1, 5, 'unknown key "xyz" in a template',
     "known here: tone, title, sentence, fields, changes, next_step"),
    ("a: {sentence: S}\n", "STW105", 1, 1, 'template "a" needs "title"', "add: title: …"),
    ("a: {title: T, sentence: S, tone: rsik}\n", "STW113", 1, 34, '"rsik" is no tone', 'did you mean "risk"?'),
    ("a: {title: T, sentence: [S]}\n", "STW106", 1, 25, "this must be a text", "put quotes around it"),
    ("a: {title: T, sentence: S, fields: [x]}\n", "STW106", 1, 36, "fields are labels with a text each, at most 10",
     'write: ARR: "{{ account.arr | money }}"'),
    (f"a: {{title: T, sentence: S, fields: {{{', '.join(f'f{at}: x' for at in range(11))}}}}}\n", "STW106", 1, 36,
     "fields are labels with a text each, at most 10", 'write: ARR: "{{ account.arr | money }}"'),
    ("a: {title: T, sentence: S, fields: {ARR now: x, 'ARR  now': y}}\n", "STW104", 1, 49,
     'the label "ARR now" stands twice or is long', "use another of at most 100 characters"),
    (f"a: {{title: T, sentence: S, fields: {{{'x' * 101}: x}}}}\n", "STW104", 1, 37,
     f'the label "{"x" * 100}" stands twice or is long', "use another of at most 100 characters"),
    ("a: {title: T, sentence: S, changes: [a, b, c, d]}\n", "STW106", 1, 37, "this is a list of at most 3 texts", "write: - …"),
    ("a: {title: T, sentence: S, changes: x}\n", "STW106", 1, 37, "this is a list of at most 3 texts", "write: - …"),
    # a fact or filter that is not there is shown at its word, wherever in the text it stands
    ('a: {title: "on {{ helth.score }}", sentence: S}\n', "STW125", 1, 19, 'template names the unknown fact "helth.score"',
     'did you mean "health.score"?'),
    ("a:\n  title: on {{ helth.score }}\n  sentence: S\n", "STW125", 2, 16, 'template names the unknown fact "helth.score"',
     'did you mean "health.score"?'),
    ('a: {title: "{{ health.score | numbr }}", sentence: S}\n', "STW125", 1, 31, 'unknown filter "numbr"', 'did you mean "number"?'),
    ('a: {title: "x {{ 1 + 1 }}", sentence: S}\n', "STW125", 1, 12,
     'only "{{ fact }}" and "{{ fact | filter }}" are possible in a template', ""),
    ("a:\n  title: T\n  sentence: >-\n    more of\n    {{ helth.score }}\n", "STW125", 3, 13,
     'template names the unknown fact "helth.score"', 'did you mean "health.score"?'),
])
def test_what_cannot_be_filled_in_has_its_place_and_its_remedy(
    text: str, code: str, line: int, column: int, message: str, remedy: str, catalog: Mapping[str, FactSpec],
) -> None:
    """Found here, or by a customer's CSM on a phone."""
    assert faults(text, catalog) == [(code, line, column, message, remedy)]


def test_the_bounds_include_themselves(catalog: Mapping[str, FactSpec]) -> None:
    """Ten fields, three changes, a label of a hundred characters."""
    fields = ", ".join(f"{'x' * 99}{at}: y" for at in range(10))

    assert faults(f"a: {{title: T, sentence: S, fields: {{{fields}}}, changes: [a, b, c]}}\n", catalog) == []
