"""The checker says only what is so: never, always, both at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from steward.engine.closures import closure
from steward.engine.language import Playbook
from steward.engine.load import examine
from steward.engine.reasoning import example as made_up
from steward.model.facts import FactSpec

HEAD = "id: it\ntitle: It\nwhy: Because.\ndo: [{message: {to: csm}}]\n"


def codes(text: str, catalog: Mapping[str, FactSpec]) -> list[tuple[str, str]]:
    return [(each.code, each.severity) for each in examine(HEAD + text, "it.yaml", catalog)[1]]


@pytest.mark.parametrize(("text", "expected"), [
    ("when: {all: [health.score < 40, health.score > 60]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: {all: [support.open_urgent > 1, support.open_urgent < 2]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: {any: [health.score < 60, health.score >= 60, health.score is unknown]}\nfor: 1d\n", [("STW121", "error")]),
    ("when: health.score >= 0\nfor: 1d\n", [("STW121", "error"), ("STW121", "error")]),
    ("when: {all: [account.segment == smb, account.segment != smb]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: health.score < 60\nuntil: health.score >= 50\n", [("STW122", "warning")]),
    ("when: health.score < 60\nuntil: health.score >= 60\n", []),
    ("when: health.score < 60\n", [("STW123", "warning")]),
    ("when: health.score < 60\nfor: 1d\n", []),
    ("when: {all: [forecast.points > 1, forecast.points < 2]}\nfor: 1d\n", []),
    ("when: {all: [account.industry == a, account.industry == b]}\nfor: 1d\n", [("STW120", "error")]),
    ("when: {all: [account.since_on > 2026-01-01, account.since_on < 2026-01-02]}\nfor: 1d\n", [("STW120", "error")]),
])
def test_what_can_never_work_is_said_and_nothing_else(
    catalog: Mapping[str, FactSpec], text: str, expected: list[tuple[str, str]],
) -> None:
    """A playbook that never fires looks like a quiet week."""
    assert codes(text, catalog) == expected


def test_the_made_up_account_does_what_it_is_made_up_for(
    catalog: Mapping[str, FactSpec], example: Playbook, load: Callable[[str], Playbook],
) -> None:
    """The example in the message must be a real one."""
    row = made_up(example.when, True, catalog)

    assert row
    assert closure(example.when)(row) is True


def test_too_many_combinations_are_passed_over_in_silence(catalog: Mapping[str, FactSpec]) -> None:
    """Never wrong is worth more than always an answer, and checking must end."""
    several = ", ".join(f"{fact} {op} {value}" for fact, values in {
        "health.score": range(9, 90, 9), "forecast.points": range(9, 90, 9), "renewal.days_left": range(9, 90, 9),
        "support.open_urgent": range(9, 90, 9)}.items() for value in values for op in ("<",))

    assert codes(f"when: {{any: [{several}]}}\nfor: 1d\n", catalog) == []
