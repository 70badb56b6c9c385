"""Runs tests against mutants: tests are collected once, and each mutant is a fork with one function's code exchanged.

Which tests run is known from a map of the lines that each test reaches (made once by `sys.settrace`, kept in
.mutants/reach.json). First run those that most likely kill for a second of theirs: that killed others of the module, that aim
at it. More than `within_s` CPU seconds by their own measure are not spent on one mutant, but three always run.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

NOTHING_REACHES = "unreached"
LONG_S = 30.0


class TooLong(Exception):
    """A test is traced no further: what it reaches was seen by then."""


@dataclass(frozen=True)
class Change:
    """A mutant as the runner sees it: the tree of the whole module, with the change in it."""

    module: str                                     # steward/engine/walk.py
    line: int
    tree: ast.Module
    word: str = ""                                  # where a text was changed: the text as it was


@dataclass
class Reach:
    """By test: its CPU seconds, and the lines of each module that it reaches."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def tests(self, change: Change) -> list[str]:
        """Those that reach the line; for one that runs at import, those that reach the module at all."""
        span = _span(change.tree, change.line)
        reached = [(test, set(lines[change.module])) for test, lines in self.lines.items() if change.module in lines]
        return [test for test, lines in reached if span is None or lines.intersection(span)]


def _span(tree: ast.Module, line: int) -> range | None:
    """The lines of the innermost simple statement in a function, or of a compound one's head; None: runs at import."""
    inside, found = False, range(line, line + 1)
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(body=[first, *_]) | ast.Lambda(body=first) if first.lineno <= line <= (node.end_lineno or 0):
                inside = True
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            ends = node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno or 0
            if node.lineno <= line <= max(ends, node.lineno):
                found = range(node.lineno, max(ends, node.lineno) + 1)
    return found if inside else None


class Runner:
    """A pytest plugin that, once everything is collected, hands the tests to `use` instead of running them."""

    def __init__(self, use: Callable[[Runner], None]) -> None:
        self.use = use
        self.items: dict[str, pytest.Item] = {}
        self.failed: Callable[[str], None] = lambda test: None

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        self.use(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed(report.nodeid)

    def run(self, test: str, then: str | None) -> None:
        item = self.items[test]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self.items[then] if then else None)


def with_collected(tests: Iterable[str], use: Callable[[Runner], None]) -> None:
    """Calls `use` in this process with everything collected; a failure is not made smaller, as that takes minutes."""
    from hypothesis import Phase, settings

    settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), derandomize=True, database=None)
    settings.load_profile("mutants")
    pytest.main(["-q", "--assert=plain", "-m", "not postgres", "-p", "no:cacheprovider", "--rootdir", ".", *tests],
                plugins=[Runner(use)])


def measure(runner: Runner, into: Path) -> None:
    """Runs everything once, traced. What fails as it is cannot tell anything and is left out; what is long is cut."""
    reach, bad = Reach(), set[str]()
    runner.failed = bad.add
    lines: dict[str, set[int]] = {}
    root = f"{Path.cwd()}/steward/engine/"

    def local(frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            lines.setdefault(frame.f_code.co_filename, set()).add(frame.f_lineno)
        return local

    def enter(frame: FrameType, event: str, arg: object) -> Any:
        return local if frame.f_code.co_filename.startswith(root) else None

    def cut(number: int, frame: FrameType | None) -> None:
        long.add(test)
        raise TooLong

    long = set[str]()
    signal.signal(signal.SIGPROF, cut)
    for test in runner.items:
        lines.clear()
        signal.setitimer(signal.ITIMER_PROF, LONG_S)
        clear_caches()                              # a line behind a cache is reached by whoever asks
        began = time.process_time()
        sys.settrace(enter)
        with contextlib.suppress(TooLong):          # the timer may ring while the test is put away
            runner.run(test, None)
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if test not in bad or test in long:
            reach.seconds[test] = 10.0 if test in long else round(time.process_time() - began, 3)
            reach.lines[test] = {name.removeprefix(f"{Path.cwd()}/"): sorted(each) for name, each in lines.items()}
    into.write_text(json.dumps({"seconds": reach.seconds, "lines": reach.lines, "bad": sorted(bad - long)}))


def clear_caches() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith(("steward.", "tests.")):
            for each in vars(module).values():
                if isinstance(each, functools._lru_cache_wrapper):  # the only name it has
                    each.cache_clear()


def inside(tree: ast.Module, line: int) -> bool:
    """Whether the line runs in a function, so that exchanging code is enough."""
    return _span(tree, line) is not None


class Exchange:
    """The functions of all modules by where they are written; finds those whose code a mutant changes."""

    def __init__(self) -> None:
        self.by_place: dict[tuple[str, str, int], list[FunctionType]] = {}
        root = f"{Path.cwd()}/steward/engine/"
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(root):
                code = each.__code__
                self.by_place.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(each)

    def put(self, change: Change) -> bool:
        """False where nothing was exchanged: another shape, or no function holds the code now."""
        name, done = str(Path.cwd() / change.module), False
        new = _codes(compile(change.tree, name, "exec", dont_inherit=True))
        old = _codes(compile(Path(name).read_text(), name, "exec", dont_inherit=True))
        for before, after in zip(old, new, strict=False):
            if (before.co_qualname, before.co_firstlineno) != (after.co_qualname, after.co_firstlineno):
                return False
            if before == after:
                continue
            for function in self.by_place.get((name, before.co_qualname, before.co_firstlineno), ()):
                if function.__code__ == before:
                    if before.co_freevars != after.co_freevars:
                        return False
                    function.__code__ = after
                    done = True
        return done and len(old) == len(new)


def _codes(code: CodeType) -> list[CodeType]:
    found = [code]
    for each in code.co_consts:
        if isinstance(each, CodeType):
            found += _codes(each)
    return found


def chosen(
    reach: Reach, change: Change, kills: Mapping[tuple[str, str], int], within_s: float, *, in_turn: bool = False,
) -> list[str]:
    """The tests to run, the most hopeful first. `in_turn`: those that are called after the word that was changed, then
    those of files that name the module, and of these the best of each file, the second best of each, …."""
    def hope(test: str) -> float:
        """High where a test reaches much of the module and little else, has killed there, and is quick."""
        aim = len(reach.lines[test].get(change.module, ())) ** 2 / max(sum(map(len, reach.lines[test].values())), 1)
        return aim * (1 + kills.get((change.module, test), 0)) / (0.05 + reach.seconds[test])

    tests = sorted(reach.tests(change), key=hope, reverse=True)
    if in_turn:                                     # a table is read without running a line of its module
        known, files = {*tests}, {test.split("::")[0] for test in reach.lines}
        named = {file for file in files if Path(file).exists() and Path(change.module).stem in Path(file).read_text()}
        tests += [test for test in reach.lines if test not in known and test.split("::")[0] in named]
        before = Counter[str]()
        places = {test: before.update([test.split("::")[0]]) or before[test.split("::")[0]] for test in tests}
        tests.sort(key=lambda test: (not change.word or change.word not in test, test.split("::")[0] not in named, places[test]))
    spent, taken = 0.0, list[str]()
    for test in tests:
        if len(taken) >= 3 and spent + reach.seconds[test] > within_s:
            continue
        spent += reach.seconds[test]
        taken.append(test)
    return taken


def answers(runner: Runner, reach: Reach, changes: Sequence[Change], within_s: float) -> Iterator[str]:
    """For each change: the test that kills it, "" for a survivor, NOTHING_REACHES, or "again" where it needs fresh imports."""
    gc.collect()
    exchange, kills = Exchange(), Counter[tuple[str, str]]()
    gc.freeze()
    for change in changes:
        tests = [each for each in chosen(reach, change, kills, within_s) if each in runner.items]
        if not tests:
            yield NOTHING_REACHES
            continue
        said = in_fork(functools.partial(_child, runner, exchange, change, tests), sum(reach.seconds[t] for t in tests))
        if said not in ("", "again"):
            kills[change.module, said] += 1
        yield said


def run_all(runner: Runner, tests: Sequence[str], say: Callable[[str], None]) -> None:
    """Ends the process: having said which test fails, or nothing."""
    def failed(test: str) -> None:
        say(test)
        os._exit(0)

    runner.failed = failed
    for test in tests:
        if test not in runner.items:
            failed(f"not collected: {test}")
        runner.run(test, None)
    os._exit(0)


def _child(runner: Runner, exchange: Exchange, change: Change, tests: list[str], say: Callable[[str], None]) -> None:
    if not exchange.put(change):
        say("again")
        return
    clear_caches()
    run_all(runner, tests, say)


def in_fork(act: Callable[[Callable[[str], None]], None], usual_s: float) -> str:
    """What `act` says in a fork ("" when nothing); "timeout" after five times the usual CPU seconds and ten."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setpgid(0, 0)
            limit = int(10 + 5 * usual_s)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (1, 2):
                os.dup2(quiet, stream)

            def say(text: str) -> None:
                os.write(writes, text.encode())

            act(say)
        except BaseException:  # noqa: BLE001  # the fork must not go on as if it were the parent
            os.write(writes, b"crash " + traceback.format_exc()[-200:].encode())
        os._exit(0)
    os.close(writes)
    ends = time.monotonic() + 60 + 20 * usual_s     # wall: one that waits burns no CPU
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > ends:
            os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(0.01)
    said = os.read(reads, 4000).decode(errors="replace")
    os.close(reads)
    return said or ("timeout" if os.waitstatus_to_exitcode(status) else "")
