"""Fifty conditions of one account, warm: ours beside hand-written lambdas and the rule engines that there are.

Every contestant answers about the same accounts, one after the other; seconds are for one account, all conditions.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import cel
import json_logic
import rule_engine
import zen

from benchmarks import conditions as made
from benchmarks.measure import figures, interleaved, show
from benchmarks.peers import infix, json_logic_rule, lambdas, plain_row
from steward.engine.batch import verdicts
from steward.engine.closures import closure

Answers = Callable[[], list[list[bool]]]


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluate_one", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100, help="accounts asked about in a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    show(measure(chosen.accounts, chosen.rounds), chosen.json)


def measure(accounts: int, rounds: int) -> dict[str, Any]:
    """All of them, in turns."""
    frame = made.accounts(accounts)
    rows = frame.to_dicts()
    few = max(1, accounts // 50)                # the slow ones answer about fewer accounts
    ours = _ours(rows)
    contestants = {"ours": ours, **_fast(rows), **{name: make(rows[:few]) for name, make in _SLOW.items()},
                   "polars_one_row": lambda: [_polars(frame[at]) for at in range(min(few, len(rows)))]}
    expected = ours()
    equal = all(answers() == expected[:len(answers())] for answers in contestants.values())
    times = 20
    repeated = {name: (_times(run, times) if name in ("ours", "lambdas") else run) for name, run in contestants.items()}
    took = interleaved(repeated, rounds)
    shares = {"ours": accounts * times, "lambdas": accounts * times, "cel_rust": accounts}
    each = {name: seconds / shares.get(name, min(few, accounts)) for name, seconds in took.items()}
    return figures("evaluate_one", each.pop("ours"), each, equal, conditions=len(made.TEXTS), rounds=rounds)


def _times(run: Answers, times: int) -> Answers:
    def again() -> list[list[bool]]:
        for _ in range(times - 1):
            run()
        return run()

    return again


def _ours(rows: list[dict[str, Any]]) -> Answers:
    asks = [closure(each) for each in made.conditions().values()]
    return lambda: [[ask(row) is True for ask in asks] for row in rows]


def _fast(rows: list[dict[str, Any]]) -> dict[str, Answers]:
    plain = [plain_row(row) for row in rows]
    by_hand = lambdas(made.conditions())
    programs = [cel.compile(infix(each, "null", " && ", " || ", "{there} in {items}"))
                for each in made.conditions().values()]

    def ask_cel() -> list[list[bool]]:
        found = []
        for row in plain:
            context = cel.Context(variables=row)
            found.append([bool(program.execute(context)) for program in programs])
        return found

    return {"lambdas": lambda: [[ask(row) is True for ask in by_hand] for row in plain], "cel_rust": ask_cel}


def _rule_engine(rows: list[dict[str, Any]]) -> Answers:
    rules = [rule_engine.Rule(infix(each, "null", " and ", " or ", "{there} in {items}"))
             for each in made.conditions().values()]
    plain = [plain_row(row) for row in rows]
    return lambda: [[rule.matches(row) for rule in rules] for row in plain]


def _zen(rows: list[dict[str, Any]]) -> Answers:
    programs = [zen.compile_expression(infix(each, "null", " and ", " or ", "{there} in {items}"))
                for each in made.conditions().values()]
    plain = [plain_row(row) for row in rows]
    return lambda: [[bool(program.evaluate(row)) for program in programs] for row in plain]


def _json_logic(rows: list[dict[str, Any]]) -> Answers:
    rules = [json_logic_rule(each) for each in made.conditions().values()]
    plain = [plain_row(row) for row in rows]
    return lambda: [[bool(json_logic.jsonLogic(rule, row)) for rule in rules] for row in plain]


def _polars(row: Any) -> list[bool]:
    return [value is True for value in verdicts(row, made.conditions_once()).row(0)]


_SLOW = {"rule_engine": _rule_engine, "zen": _zen, "json_logic": _json_logic}


if __name__ == "__main__":
    main()
