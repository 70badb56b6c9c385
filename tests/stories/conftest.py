"""For the stories: Steward as its users meet it, in processes of its own, before vendors on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

SECRETS = (
    "sandbox-consumer-secret-0123456789", "pat-na1-5a4db0c5-sandbox-of-hubspot", "xoxb-sandbox-0123456789",
    "na1-refresh-token-of-the-sandbox",
    "f6b1c2d3-client-secret-of-the-sandbox", "usage-sandbox-shared-secret", "usage-sandbox-token",
    "sandbox-signing-secret-0123456789",
)
START_WITHIN_S = 240.0                      # a busy machine; only ends a hopeless wait


def wait_until(true: Callable[[], object], within_s: float = 60.0, what: str = "it") -> None:
    """Wait for `true`, looking every 20 ms."""
    ends, pause = time.monotonic() + within_s, threading.Event()
    while not true():
        assert time.monotonic() < ends, f"{what} did not happen within {within_s:g} s"
        pause.wait(0.02)


@dataclass(frozen=True)
class Done:
    """A program that ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON object that stands on stdout."""
        return json.loads(self.out)


@dataclass
class Programs:
    """Starts `steward` (and other modules) as a person would; what is left at the end of the test is ended."""

    folder: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *arguments: object, module: str = "steward.cli.main", within_s: float = 300.0,
            env: Mapping[str, str] | None = None) -> Done:
        """Run it to its end. Whatever happens, a person sees no stack trace and no secret."""
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True,
            timeout=within_s, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        for secret in SECRETS:
            assert secret not in done.stdout + done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: object, module: str = "steward.cli.main", log: str = "program.log",
              env: Mapping[str, str] | None = None, ahead_s: float = 0) -> subprocess.Popen[bytes]:
        """Start it; its stdout is ours to read, its stderr goes to the file `log`. `ahead_s`: set its clock ahead."""
        program = [str(Path(__file__).with_name("ahead.py")), str(ahead_s)] if ahead_s else ["-m", module]
        with (self.folder / log).open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, *program, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **(env or {})},
            )
        self.started.append(process)
        return process

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.started:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                kill_tree(process.pid)
                process.wait(10)
            if process.stdout:
                process.stdout.close()


def kill_tree(pid: int) -> None:
    """Kill a process and all that descends from it."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for each in (*parent.children(recursive=True), parent):
            with suppress(psutil.NoSuchProcess):
                each.kill()


def said_line(process: subprocess.Popen[bytes]) -> Any:
    """The next line of JSON on its stdout."""
    stdout: IO[bytes] | None = process.stdout
    assert stdout
    line = stdout.readline()
    assert line, f"it ended with {process.wait(30)} and said nothing"
    return json.loads(line)


@dataclass
class Vendors:
    """The vendors in a process of their own, as `steward sandbox serve` starts them."""

    described: Mapping[str, Any]
    state: Path

    def settings(self) -> dict[str, dict[str, Any]]:
        return {name: each["settings"] for name, each in self.described.items()}

    def ledger(self, name: str) -> list[dict[str, Any]]:
        """What the vendor applied, as it stands on disk."""
        file = self.state / name / "ledger.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def keys(self) -> list[str]:
        """The idempotency key of every effect that carried one, of all vendors."""
        return [effect["key"] for name in self.described for effect in self.ledger(name) if effect["key"]]

    def applied_bytes(self) -> int:
        """Grows with every effect; cheap to look at."""
        return sum(file.stat().st_size for file in self.state.glob("*/ledger.jsonl"))

    def calls(self, name: str) -> list[list[Any]]:
        """When (monotonic seconds), method, path and status of every call."""
        with urllib.request.urlopen(self.described[name]["calls"], timeout=30) as answer:
            calls: list[list[Any]] = json.load(answer)
            return calls

    def fault(self, name: str, *faults: Mapping[str, Any]) -> None:
        """Let something go wrong; see `steward.kit.sandbox.Fault`."""
        request = urllib.request.Request(self.described[name]["faults"], json.dumps(faults).encode(), method="POST")
        urllib.request.urlopen(request, timeout=30).close()


EVERYONE = """\
id: {id}
title: Check in {id}
why: Everybody is to be asked once.
mode: live
limit: 100000 or 100%
caps: {{account: 100, owner: 10000}}
when: account.name is known
again_after: 90d
do:
  - cta: {{type: risk, due: 3bd, assign: [csm, account_manager]}}
  - message: {{to: [csm, account_manager]}}
"""


def write_everyone(folder: Path, *ids: str) -> Path:
    """Playbooks that every account enters: as many actions as a test can wish for."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in ids:
        (folder / f"{each}.yaml").write_text(EVERYONE.format(id=each))
    return folder


def write_config(folder: Path, settings: Mapping[str, Mapping[str, Any]], playbooks: Path, url: str = "") -> Path:
    """A steward.yaml in `folder` for the sandboxes with `settings`."""
    from steward.demo.config import config_text

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "steward.yaml"
    file.write_text(config_text(settings, playbooks=playbooks, database_url=url))
    return file


def apply(config: Path) -> Path:
    """Make what stands in the folder of the playbooks live."""
    from steward.wiring import open_hub

    with open_hub(config) as hub:
        hub.apply(hub.draft(), "story")
    return config


class Stories:
    """What the stories share: a folder, programs, vendors, a company's settings."""

    write_everyone = staticmethod(write_everyone)
    write_config = staticmethod(write_config)
    apply = staticmethod(apply)
    wait_until = staticmethod(wait_until)
    said_line = staticmethod(said_line)
    kill_tree = staticmethod(kill_tree)
    long = bool(os.environ.get("STEWARD_TORTURE"))

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self.folder = folder
        self.programs = Programs(folder)
        self._cleanup = cleanup
        cleanup.callback(self.programs.close)

    def steward(self, *arguments: object, **options: Any) -> Done:
        return self.programs.run(*arguments, **options)

    def vendors(self, accounts: int, *, as_of: str = "", names: Sequence[str] = ()) -> Vendors:
        """Start the vendors, filled with the demo company."""
        state = self.folder / "sandboxes"
        arguments = ["sandbox", "serve", *names, "--json", f"--accounts={accounts}", f"--state={state}"]
        process = self.programs.start(*arguments, *([f"--as-of={as_of}"] if as_of else []), log="sandbox.log")
        return Vendors(said_line(process), state)

    @staticmethod
    def tell(figures: str) -> None:
        """Say a measured figure: seen with `pytest -s`."""
        sys.stdout.write(f"\n{figures}\n")


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Stories]:
    with ExitStack() as cleanup:
        yield Stories(tmp_path, cleanup)


@dataclass
class Company:
    """A company whose vendors are played in this process, so that a test may stop and change them."""

    config: Path
    sandboxes: Mapping[str, Any]
    ports: Mapping[str, int]

    def restart(self, name: str) -> None:
        self.sandboxes[name].start(self.ports[name])


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Callable[..., Company]]:
    """Makes a `Company` of so many accounts, its steward.yaml beside the playbooks that everybody enters."""
    from steward.demo.sandboxes import start_sandboxes
    from steward.wiring import installed, utc_now

    with ExitStack() as cleanup:

        def make(accounts: int, *playbooks: str, **page_sizes: int) -> Company:
            sandboxes = start_sandboxes(
                installed(), (), accounts=accounts, seed=7, as_of=utc_now().date(), state=tmp_path / "sandboxes")
            for each in sandboxes.values():
                cleanup.callback(each.stop)
            for name, size in page_sizes.items():
                sandboxes[name].page_size = size
            settings = {name: each.settings() for name, each in sandboxes.items()}
            config = write_config(tmp_path, settings, write_everyone(tmp_path / "playbooks", *playbooks))
            ports = {name: int(each.url.rsplit(":", 1)[1]) for name, each in sandboxes.items()}
            return Company(config, sandboxes, ports)

        yield make
