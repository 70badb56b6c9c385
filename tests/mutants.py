# ruff: noqa: T201, C901  # a program for people at a terminal; a table of changes reads best as one match
"""Mutation testing of the engine: one small change at a time, and a test must fail. What survives is listed.

    python tests/mutants.py steward/engine/closures.py …      # default: every module of the engine
    python tests/mutants.py --most 40 --seed 1                # a random sample of each module, the same every time

One process, on a copy of the code, so that the checkout is never touched. Tests of tests/engine and tests/laws are
collected once; a mutant runs, in a fork, those that reach its line (see mutant_runs.py). Results are kept, a line each,
in .mutants/results.jsonl by the text of the module, so that a run that was stopped goes on where it was, and so that two
runs over different modules may go on at once.
`tests/mutants_accepted.txt` holds those that change nothing that matters, each with its reason; `--table` writes
what is known to tests/MUTANTS.md.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutant_runs import (
    NOTHING_REACHES,
    Change,
    Reach,
    Runner,
    answers,
    chosen,
    in_fork,
    inside,
    measure,
    run_all,
    with_collected,
)

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".mutants"
ACCEPTED = ROOT / "tests" / "mutants_accepted.txt"
COPIED = ("steward", "connectors", "flows", "playbooks", "tests", "benchmarks")
TESTS = ("tests/engine", "tests/laws")

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
    """One change: `tree` is the whole module with it."""

    module: str
    line: int
    change: str
    number: int                             # of those alike in this line
    tree: ast.Module
    text: str                               # the line as it is, so that an accepted one is known after lines moved

    @property
    def name(self) -> str:
        again = f" #{self.number}" if self.number else ""
        return f"{self.module}:{self.line}: {self.change}{again}"

    @property
    def word(self) -> str:
        """The text that was changed; "" where something else was."""
        was, _, becomes = self.change.partition(" -> ")
        return was.strip('"') if becomes.startswith('"') else ""

    @property
    def lasting(self) -> str:
        again = f" #{self.number}" if self.number else ""
        return f"{Path(self.module).stem} | {self.change}{again} | {self.text}"


def main() -> int:
    """1 where a mutant survives that is not accepted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", type=Path, help="default: every module of steward/engine")
    parser.add_argument("--most", type=int, help="at most so many mutants of a module, chosen at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=4.0, help="CPU seconds of tests that a mutant may cost")
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    parser.add_argument("--table", action="store_true", help="only write tests/MUTANTS.md from what is known")
    asked = parser.parse_args()
    modules = [path.resolve().relative_to(ROOT) for path in asked.modules] or sorted(
        path.relative_to(ROOT) for path in (ROOT / "steward/engine").glob("*.py") if path.name != "__init__.py")
    mutants = [mutant for module in modules for mutant in sample(module, asked.most, asked.seed)]
    if asked.list:
        print("\n".join(ascii(mutant.name) for mutant in mutants))
        return 0
    KEPT.mkdir(exist_ok=True)
    results = _results()
    if not asked.table:
        accepted = _accepted()
        waiting = [mutant for mutant in mutants if results.get(_key(mutant)) != "killed" and not (
            mutant.lasting in accepted and _key(mutant) in results)]
        _run(waiting, asked.within, results)
    return _report(mutants, results, asked)


def sample(module: Path, most: int | None, seed: int) -> list[Mutant]:
    """`most` of the module's mutants in the order of its text; all where there are no more."""
    text = (ROOT / module).read_text()
    tree = ast.parse(text)
    names: list[tuple[int, str, int]] = []
    seen: dict[tuple[int, str], int] = {}
    for node, change, _ in _changes(tree):
        line = getattr(node, "lineno", 0)
        number = seen[line, change] = seen.get((line, change), -1) + 1
        names.append((line, change, number))
    wanted: Sequence[int] = range(len(names))
    if most is not None and len(names) > most:
        wanted = sorted(random.Random(f"{seed} {module}").sample(wanted, most))
    return [_mutant(module, text, at, names[at]) for at in wanted]


def _mutant(module: Path, text: str, at: int, name: tuple[int, str, int]) -> Mutant:
    changed = ast.parse(text)
    _, _, apply = next(each for number, each in enumerate(_changes(changed)) if number == at)
    apply()
    line, change, number = name
    return Mutant(str(module), line, change, number, ast.fix_missing_locations(changed), text.splitlines()[line - 1].strip())


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, Callable[[], None]]]:
    """(where, what, the act that does it to this tree) of each possible change."""
    other: type[ast.AST]
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
    node.__class__ = other.__class__   # the parent holds this very node
    node.__dict__.clear()
    node.__dict__.update(other.__dict__)


# ---- running ----

def _run(waiting: list[Mutant], within_s: float, results: dict[str, str]) -> None:
    if not waiting:
        return
    folder = Path(tempfile.mkdtemp(prefix="steward-mutants-"))
    try:
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        for name in ("duckdb", "hypothesis", "polars", "psycopg", "ruamel.yaml", "sqlglot"):
            importlib.import_module(name)           # imported and not used: a fork must not inherit threads
        reach = _reach()
        changes = [Change(mutant.module, mutant.line, mutant.tree, mutant.word) for mutant in waiting]
        again: list[int] = []

        def note(at: int, said: str) -> None:
            outcome = {"": "survived", NOTHING_REACHES: NOTHING_REACHES}.get(said, "killed")
            results[_key(waiting[at])] = outcome
            with (KEPT / "results.jsonl").open("a") as out:
                out.write(json.dumps([_key(waiting[at]), outcome]) + "\n")
            print(f"{outcome:9} {waiting[at].name!a}  {said}", flush=True)

        functions = [at for at, change in enumerate(changes) if inside(change.tree, change.line)]
        reads, writes = os.pipe()
        child = os.fork()
        if not child:
            with os.fdopen(writes, "w") as out:
                with_collected(TESTS, lambda runner: _tell(out, functions, runner, reach, changes, within_s))
            os._exit(0)
        os.close(writes)
        with os.fdopen(reads) as lines:
            for line in lines:
                at, said = json.loads(line)
                if said == "again":
                    again.append(at)
                else:
                    note(at, said)
        os.waitpid(child, 0)
        for at in sorted({*again, *range(len(changes))} - ({*functions} - {*again})):
            note(at, _fresh(folder, waiting[at], changes[at], reach, within_s))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(out: Any, functions: list[int], runner: Runner, reach: Reach, changes: list[Change], within_s: float) -> None:
    for at, said in zip(functions, answers(runner, reach, [changes[at] for at in functions], within_s), strict=True):
        out.write(json.dumps([at, said]) + "\n")
        out.flush()


def _fresh(folder: Path, mutant: Mutant, change: Change, reach: Reach, within_s: float) -> str:
    """What runs at import needs everything imported anew. Any test of the module may tell, so those of each file in turn."""
    tests = chosen(reach, change, {}, within_s, in_turn=True)
    if not tests:
        return NOTHING_REACHES

    def act(say: Callable[[str], None]) -> None:
        files = sorted({each.split("::")[0] for each in tests})
        with_collected(files, lambda runner: run_all(runner, tests, say))
        say("nothing could be collected")

    whole = (folder / mutant.module).read_text()
    (folder / mutant.module).write_text(ast.unparse(mutant.tree), errors="surrogatepass")
    said = in_fork(act, 5 + sum(reach.seconds[each] for each in tests))
    (folder / mutant.module).write_text(whole)
    return said


def _reach() -> Reach:
    """As it was measured before; a file of tests is measured again when it changed, all when the engine did."""
    kept, into = KEPT / "reach.json", KEPT / "measured.json"
    engine = _digest(*sorted((ROOT / "steward/engine").glob("*.py")), *sorted(ROOT.glob("tests/**/conftest.py")))
    known = json.loads(kept.read_text()) if kept.exists() else {}
    if known.get("engine") != engine:
        known = {"engine": engine, "files": {}, "seconds": {}, "lines": {}}
    files = {str(path.relative_to(ROOT)): _digest(path) for top in TESTS for path in sorted((ROOT / top).glob("test_*.py"))}
    stale = [name for name, digest in files.items() if known["files"].get(name) != digest]
    for part in ("seconds", "lines"):
        known[part] = {test: each for test, each in known[part].items() if (name := test.split("::")[0]) in files and name not in stale}
    if stale:
        print(f"measuring which test reaches what: {len(stale)} files", flush=True)
        into.unlink(missing_ok=True)
        said = in_fork(lambda _: with_collected(stale, lambda runner: measure(runner, into)), 600)
        if not into.exists():
            sys.exit(f"the tests could not be measured: {said or 'they ended without a word'}")
        new = json.loads(into.read_text())
        for part in ("seconds", "lines"):
            known[part] |= new[part]
        kept.write_text(json.dumps({**known, "files": files}))
        print(f"{len(new['seconds'])} tests; left out as they fail: {new['bad']}", flush=True)
    return Reach(known["seconds"], known["lines"])


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


# ---- results ----

def _key(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.module}\n{ast.unparse(mutant.tree)}".encode(errors="surrogatepass")).hexdigest()[:24]


def _results() -> dict[str, str]:
    path = KEPT / "results.jsonl"
    return dict(map(json.loads, path.read_text().splitlines())) if path.exists() else {}


def _accepted() -> dict[str, str]:
    """The reason by `module | change | the line's text`, as line numbers move."""
    lines = ACCEPTED.read_text().splitlines() if ACCEPTED.exists() else []
    parts = [line.rsplit(" | ", 1) for line in lines if line and not line.startswith("#")]
    return {name.strip(): reason.strip() for name, reason in parts}


def _report(mutants: list[Mutant], results: dict[str, str], asked: argparse.Namespace) -> int:
    accepted = _accepted()
    known = [mutant for mutant in mutants if _key(mutant) in results]
    survivors = [mutant for mutant in known if results[_key(mutant)] != "killed"]
    fresh = [mutant for mutant in survivors if mutant.lasting not in accepted]
    for mutant in survivors:
        word = "accepted" if mutant.lasting in accepted else results[_key(mutant)]
        print(f"{word}: {mutant.lasting!a}  line {mutant.line}")
    said = _summary(known, survivors, fresh)
    print(said)
    if asked.table:
        (ROOT / "tests/MUTANTS.md").write_text(_table(known, survivors, accepted, f"{len(mutants)} drawn, {said}", asked))
    return 1 if fresh else 0


def _summary(known: list[Mutant], survivors: list[Mutant], fresh: list[Mutant]) -> str:
    killed = len(known) - len(survivors)
    share = 100 * killed / len(known) if known else 100.0
    return f"{killed} of {len(known)} killed ({share:.1f} %), {len(survivors) - len(fresh)} accepted, {len(fresh)} left"


def _table(known: list[Mutant], survivors: list[Mutant], accepted: dict[str, str], said: str, asked: argparse.Namespace) -> str:
    commit = subprocess.run(["git", "rev-parse", "--short=8", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    lines = ["# Mutants of the engine", "",
             f"Of commit {commit.stdout.strip() or 'unknown'}.",
             f"`python tests/mutants.py --most {asked.most} --seed {asked.seed}`, then `--table` with the same: {said}.",
             "A sample: of each module at most so many mutants, drawn with the seed. A mutant runs the tests of tests/engine",
             "and tests/laws that reach its line, a few CPU seconds of them at most (`--within`), so one that others would kill",
             "counts as a survivor here. What is accepted counts as a survivor too, and its reason stands below. What was",
             "drawn and is not counted was not run. Line numbers are those of the run.", "", "| module | sampled | killed | % |", "|---|---:|---:|---:|"]
    left = {mutant.module: 0 for mutant in known}
    for mutant in survivors:
        left[mutant.module] += 1
    for module, alive in left.items():
        of = sum(mutant.module == module for mutant in known)
        lines.append(f"| {Path(module).stem} | {of} | {of - alive} | {100 * (of - alive) / of:.0f} |")
    lines += ["", "## Survivors", ""]
    lines += [f"* {Path(mutant.module).stem}:{mutant.line} `{ascii(mutant.change)[1:-1]}` in `{ascii(mutant.text)[1:-1]}`: "
              f"{accepted.get(mutant.lasting, 'open: no test of those that ran tells')}" for mutant in survivors]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
