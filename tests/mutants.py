# ruff: noqa: T201, C901  # a program for people at a terminal; a table of changes reads best as one match
"""Mutation testing of the engine: one small change at a time, and a test must fail. What survives is listed.

    python tests/mutants.py steward/engine/closures.py …      # default: every module of the engine

A worker has its own copy of the code, so the checkout is never touched. The libraries are imported once and each
mutant runs in a fork. Results are kept in .mutants/results.json by the text of module and tests' folder, so that a
run that was stopped goes on where it was. `tests/mutants_accepted.txt` holds those that change nothing that matters,
each with its reason.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import Process, Queue
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".mutants"
ACCEPTED = ROOT / "tests" / "mutants_accepted.txt"
COPIED = ("steward", "connectors", "flows", "playbooks", "tests", "benchmarks")
_LAWS = ("tests/laws/test_sql_agrees.py", "tests/laws/test_evaluators_agree.py")
_CHECKER = ("tests/engine/test_reasoning.py", "tests/laws/test_proofs_are_exact.py")
TESTS: dict[str, tuple[str, ...]] = {
    "closures": _LAWS, "batch": _LAWS, "sql": _LAWS, "expression": (*_LAWS, *_CHECKER, "tests/engine"),
    "walk": (_LAWS[0], "tests/engine/test_explain_and_plan.py", _LAWS[1]),
    "freshness": ("tests/engine/test_freshness.py", *_LAWS),
    "proofs": _CHECKER, "cells": _CHECKER, "advice": _CHECKER, "overlap": _CHECKER, "retrigger": _CHECKER,
    "reasoning": _CHECKER,
}
"""The tests that cover a module, those that kill most first; the others are covered by all of tests/engine."""

_COMPARE = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}
_BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Mod: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """One change: `source` is the whole module with it."""

    module: str
    line: int
    change: str
    number: int                             # of those alike in this line
    source: str

    @property
    def name(self) -> str:
        again = f" #{self.number}" if self.number else ""
        return f"{self.module}:{self.line}: {self.change}{again}"


def main() -> int:
    """1 where a mutant survives that is not accepted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", type=Path, help="default: every module of steward/engine")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--most", type=int, help="at most so many mutants of a module, evenly spread")
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    chosen = parser.parse_args()
    modules = [path.resolve().relative_to(ROOT) for path in chosen.modules] or sorted(
        path.relative_to(ROOT) for path in (ROOT / "steward/engine").glob("*.py") if path.name != "__init__.py")
    mutants = [mutant for module in modules for mutant in _spread(list(mutants_of(module)), chosen.most)]
    if chosen.list:
        print("\n".join(mutant.name for mutant in mutants))
        return 0
    KEPT.mkdir(exist_ok=True)
    results = _results()
    waiting = [mutant for mutant in mutants if _key(mutant) not in results]
    _run(waiting, chosen.workers, results)
    return _report(mutants, results)


def mutants_of(module: Path) -> Iterator[Mutant]:
    """Every one of the module, in the order of its text."""
    tree = ast.parse((ROOT / module).read_text())
    seen: dict[tuple[int, str], int] = {}
    for at, (node, change, _) in enumerate(_changes(tree)):
        changed = copy.deepcopy(tree)
        _, _, apply = next(each for number, each in enumerate(_changes(changed)) if number == at)
        apply()
        line = getattr(node, "lineno", 0)
        number = seen[line, change] = seen.get((line, change), -1) + 1
        yield Mutant(str(module), line, change, number, ast.unparse(ast.fix_missing_locations(changed)))


def _spread(mutants: list[Mutant], most: int | None) -> list[Mutant]:
    if most is None or len(mutants) <= most:
        return mutants
    return [mutants[at * len(mutants) // most] for at in range(most)]


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, Callable[[], None]]]:
    """(where, what, the act that does it to this tree) of each possible change."""
    for node in _code(tree):
        match node:
            case ast.Compare(ops=ops):
                for at, op in enumerate(ops):
                    other = _COMPARE[type(op)]
                    yield node, f"{type(op).__name__} -> {other.__name__}", _setter(ops, at, other())
            case ast.BoolOp(op=op):
                other = ast.Or if isinstance(op, ast.And) else ast.And
                yield node, f"{type(op).__name__} -> {other.__name__}", _attribute(node, "op", other())
            case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _BINARY:
                other = _BINARY[type(op)]
                yield node, f"{type(op).__name__} -> {other.__name__}", _attribute(node, "op", other())
            case ast.UnaryOp(op=ast.Not()):
                yield node, "not x -> x", _unwrap(node)
            case ast.UnaryOp(op=ast.USub()):
                yield node, "-x -> +x", _attribute(node, "op", ast.UAdd())
            case ast.Constant(value=bool(value)):
                yield node, f"{value} -> {not value}", _attribute(node, "value", not value)
            case ast.Constant(value=int() | float() as value):
                yield node, f"{value} -> {value + 1}", _attribute(node, "value", value + 1)
            case ast.Constant(value=str(value)) if value and " " not in value:
                yield node, f'"{value}" -> "XX{value}"', _attribute(node, "value", f"XX{value}")
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                yield node, "if x -> if not x", _attribute(node, "test", ast.UnaryOp(op=ast.Not(), operand=test))
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield node, "return x -> return None", _attribute(node, "value", ast.Constant(value=None))
            case ast.Continue():
                yield node, "continue -> break", _become(node, ast.Break)
            case ast.Break():
                yield node, "break -> continue", _become(node, ast.Continue)
        for name in ("body", "orelse"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                for at, each in enumerate(statements):
                    if isinstance(each, ast.AugAssign) or (isinstance(each, ast.Expr) and isinstance(
                            each.value, ast.Call | ast.Yield | ast.YieldFrom)):
                        yield each, "statement removed", _setter(statements, at, ast.Pass())


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """What runs: no annotation, no docstring, no import, no decorator, no text of an f-string."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment") or isinstance(
                node, ast.JoinedStr | ast.Import | ast.ImportFrom):
            continue
        children = value if isinstance(value, list) else [value]
        for child in children:
            if isinstance(child, ast.AST) and not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                yield from _code(child)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _setter(items: list[Any], at: int, value: Any) -> Callable[[], None]:
    return lambda: items.__setitem__(at, value)


def _attribute(node: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _unwrap(node: ast.UnaryOp) -> Callable[[], None]:
    """`not x` becomes `bool(x)`, which is what is meant by x there."""
    return lambda: _turn(node, ast.Call(func=ast.Name(id="bool", ctx=ast.Load()), args=[node.operand], keywords=[]))


def _become(node: ast.AST, kind: type[ast.AST]) -> Callable[[], None]:
    return lambda: _turn(node, kind())


def _turn(node: ast.AST, other: ast.AST) -> None:
    node.__class__ = other.__class__  # type: ignore[assignment]  # the parent holds this very node
    node.__dict__.clear()
    node.__dict__.update(other.__dict__)


# ---- running ----

def _run(waiting: list[Mutant], workers: int, results: dict[str, str]) -> None:
    if not waiting:
        return
    jobs: Queue[Mutant | None] = Queue()
    answers: Queue[tuple[str, str, str]] = Queue()
    for mutant in [*waiting, *[None] * workers]:
        jobs.put(mutant)
    processes = [Process(target=_work, args=(jobs, answers)) for _ in range(workers)]
    for process in processes:
        process.start()
    for done in range(1, len(waiting) + 1):
        key, name, outcome = answers.get()
        results[key] = outcome
        (KEPT / "results.json").write_text(json.dumps(results, indent=0, sort_keys=True))
        print(f"{done}/{len(waiting)} {outcome:9} {name}", flush=True)
    for process in processes:
        process.join()


def _work(jobs: Queue[Mutant | None], answers: Queue[tuple[str, str, str]]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="steward-mutants-"))
    try:
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        _import_libraries()
        limits: dict[tuple[str, ...], float] = {}
        while (mutant := jobs.get()) is not None:
            tests = TESTS.get(Path(mutant.module).stem, ("tests/engine",))
            if tests not in limits:
                began = time.monotonic()
                passed = _passes(tests, 900)
                limits[tests] = max(20.0, 5 * (time.monotonic() - began)) if passed else 0.0
                if not passed:
                    print(Path("said.txt").read_text()[-3000:], flush=True)
            if not limits[tests]:
                answers.put((_key(mutant), mutant.name, "no tests"))
                continue
            whole = (folder / mutant.module).read_text()
            (folder / mutant.module).write_text(mutant.source)
            survived = _passes(tests, limits[tests])
            (folder / mutant.module).write_text(whole)
            answers.put((_key(mutant), mutant.name, "survived" if survived else "killed"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import_libraries() -> None:
    """Imported and not used: a fork must not inherit threads."""
    for name in ("duckdb", "hypothesis", "polars", "psycopg", "pytest", "ruamel.yaml", "sqlglot"):
        importlib.import_module(name)


def _passes(tests: tuple[str, ...], within_s: float) -> bool:
    """Whether all `tests` pass in a fork; one that takes too long does not."""
    child = os.fork()
    if not child:
        try:
            code = _pytest(tests)
        except BaseException:  # noqa: BLE001  # the fork must not go on as if it were the worker
            traceback.print_exc()
            code = 70
        os._exit(code)
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _pytest(tests: tuple[str, ...]) -> int:
    os.setpgid(0, 0)
    said = os.open("said.txt", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    import pytest
    from hypothesis import Phase, settings

    settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), derandomize=True, database=None)
    settings.load_profile("mutants")            # what fails is not made smaller: that takes minutes
    return int(pytest.main([
        "-x", "-q", "--assert=plain", "-m", "not postgres", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir", ".", *tests]))


# ---- results ----

def _key(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.module}\n{mutant.source}".encode()).hexdigest()[:24]


def _results() -> dict[str, str]:
    """Of runs before; survivors are tried again, as a test may have been added since."""
    path = KEPT / "results.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return {key: outcome for key, outcome in found.items() if outcome == "killed"}


def _report(mutants: list[Mutant], results: dict[str, str]) -> int:
    accepted = {line.split(" | ")[0].strip() for line in (
        ACCEPTED.read_text().splitlines() if ACCEPTED.exists() else ()) if line and not line.startswith("#")}
    killed = sum(results.get(_key(mutant)) == "killed" for mutant in mutants)
    survivors = [mutant for mutant in mutants if results.get(_key(mutant)) != "killed"]
    fresh = [mutant for mutant in survivors if mutant.name not in accepted]
    for mutant in survivors:
        word = "no tests" if results.get(_key(mutant)) == "no tests" else "survived"
        source = (ROOT / mutant.module).read_text().splitlines()[mutant.line - 1].strip()
        print(f"{'accepted' if mutant.name in accepted else word}: {mutant.name}   | {source}")
    (KEPT / "survivors.txt").write_text("".join(f"{mutant.name}\n" for mutant in survivors))
    share = 100 * killed / len(mutants) if mutants else 100.0
    print(f"{killed} of {len(mutants)} killed ({share:.1f}%), {len(survivors) - len(fresh)} accepted, {len(fresh)} left")
    return 1 if fresh else 0


if __name__ == "__main__":
    sys.exit(main())
