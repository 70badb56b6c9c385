"""Every way a condition can be wrong: its code, its place, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from steward.engine.findings import Finding
from steward.engine.load import examine
from steward.model.facts import FactSpec

HEAD = "id: it\ntitle: It\nwhy: Because.\nfor: 1d\ndo: [{message: {to: csm}}]\n"


def faults(text: str, catalog: Mapping[str, FactSpec]) -> list[tuple[str, int, int, str, str]]:
    """Code, line, column, message and remedy of each error."""
    found = examine(HEAD + text, "it.yaml", catalog, None, {})[1]
    return [(each.code, each.line, each.column, each.message, each.help) for each in found
            if isinstance(each, Finding) and each.severity == "error"]


@pytest.mark.parametrize(("when", "code", "column", "message", "remedy"), [
    ("health.score", "STW111", 7, '"health.score" is no comparison', "write: health.score < 60"),
    ("health.scor < 3", "STW110", 7, 'unknown fact "health.scor"', 'did you mean "health.score"?'),
    ("zzz.qqq < 3", "STW110", 7, 'unknown fact "zzz.qqq"', "the catalog has no fact of a name like it"),
    ("health.score < 60 and account.arr > 3", "STW111", 22, 'one comparison on a line; "and" joins two',
     'write them as a list under "all:" (and) or "any:" (or)'),
    ("health.score = 3", "STW111", 20, '"=" is no comparison', 'did you mean "=="?'),
    ("health.score <> 3", "STW111", 20, '"<>" is no comparison', 'did you mean "!="?'),
    ("health.score is known 3", "STW111", 29, 'nothing comes after "is known"', "write: health.score is known"),
    ("health.score in 3", "STW111", 23, '"in" needs a list', "write: health.score in [a, b]"),
    ("health.score not in 3]", "STW111", 27, '"not in" needs a list', "write: health.score not in [a, b]"),
    ("health.score < account.arr", "STW112", 22, '"account.arr" is a fact, and no two facts are compared', None),
    ("[health.score < 3]", "STW106", 7, "a list alone says neither all nor any of it", 'put it under "all:" or "any:"'),
    ("{al: [health.score < 3]}", "STW103", 8, 'unknown key "al" in a condition', 'did you mean "all"?'),
    ("{all: [health.score < 3], any: [health.score < 4]}", "STW106", 7, "a condition has one key", "write one of: all, any, not"),
])
def test_a_condition_that_cannot_be_is_told_where_and_how_to_mend_it(
    when: str, code: str, column: int, message: str, remedy: str | None, catalog: Mapping[str, FactSpec],
) -> None:
    """Somebody who writes their first playbook learns the language from these lines."""
    found = faults(f"when: {when}\n", catalog)
    assert [(each[0], each[1], each[2], each[3]) for each in found] == [(code, 6, column, message)]
    assert remedy is None or found[0][4] == remedy


@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
def test_what_has_no_order_is_not_compared_by_order(op: str, catalog: Mapping[str, FactSpec]) -> None:
    """Each of the four: "segment >= smb" would mean the alphabet."""
    assert faults(f"when: account.segment {op} smb\n", catalog) == [(
        "STW115", 6, 23, f'account.segment is text; it has no order for "{op}"',
        "write: account.segment == …, or account.segment in [a, b]")]
