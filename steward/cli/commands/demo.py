"""`steward demo`: the main job on this machine, on real HTTP, with nothing to set up."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from subprocess import Popen
from typing import IO, TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from steward.cli import show, story
from steward.cli.options import command, nearest
from steward.model.errors import ConfigError
from steward.processes import start_child, stop_child

if TYPE_CHECKING:
    from steward.views import Touched


def demo(
    *,
    accounts: Annotated[int, Parameter(help="How many accounts the company has.")] = 500,
    seed: Annotated[int, Parameter(help="The same seed makes the same company.")] = 7,
    data_dir: Annotated[Path, Parameter(help="Where everything of it lives; delete it to start afresh.")] = Path(
        ".steward/demo"
    ),
    postgres: Annotated[str, Parameter(help="Keep state in this PostgreSQL instead of SQLite.")] = "",
    once: Annotated[bool, Parameter(negative="", help="Run the main job once and end.")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="", help="One JSON object on stdout.")] = False,
) -> int:
    """Sync a made-up company from Salesforce, HubSpot and product usage, apply and evaluate the shipped playbooks,
    and act in Slack and in the CRMs. Stays up with schedules and webhooks until Ctrl-C."""
    _check(accounts)
    for number in (signal.SIGTERM, signal.SIGINT):     # a shell starts what it puts behind `&` with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    home = data_dir.resolve()
    home.mkdir(parents=True, exist_ok=True)
    as_of = _world(home, accounts, seed)
    seconds: dict[str, float] = {}
    config = home / "steward.yaml"
    # The vendors and Prefect's server start beside each other; the flows are told when both are there.
    with _child(home, "sandbox", [
        "sandbox", "serve", "--json", f"--accounts={accounts}", f"--seed={seed}", f"--as-of={as_of}",
        f"--state={home / 'sandboxes'}",
    ]) as vendors, _child(home, "flows", [
        "once" if once else "live", f"--config={config}", f"--home={home / 'prefect'}", "--when-told",
    ], "flows") as flows, show.progress(json_) as bars:
        bar = bars.add_task("sandboxes", total=None, said=f"{accounts} accounts, two years")
        began = time.monotonic()
        sandboxes = next(_lines(vendors), None)
        if sandboxes is None:
            raise ConfigError(f'the sandboxes did not start; see "{home / "logs" / "sandbox.log"}"')
        seconds["sandboxes"] = round(time.monotonic() - began, 2)
        _write_config(config, sandboxes, postgres)
        _apply(config)
        bars.update(bar, completed=1, total=1, said="up")
        events = _lines(flows)
        _tell_to_begin(flows)
        runs = _follow(events, bars, seconds, home)
        bars.stop()
        summary = _summary(config, runs, seconds, home)
        if json_:
            show.as_json(summary)
        else:
            _tell(config, summary, home, once=once)
        if once:
            return 0 if all(run["state"] == "Completed" for run in runs) else 1
        return _stay(config, home, events, sandboxes)


def _check(accounts: int) -> None:
    if not 1 <= accounts <= 1_000_000:
        raise ConfigError(f"--accounts {accounts}: the company needs between 1 and 1,000,000 accounts.")


def _world(home: Path, accounts: int, seed: int) -> date:
    """The company's today; a data dir keeps the company that it was made with."""
    from steward.wiring import utc_now

    file = home / "company.json"
    if not file.exists():
        today = utc_now().date()
        file.write_text(json.dumps({"accounts": accounts, "seed": seed, "as_of": today.isoformat()}))
        return today
    kept = json.loads(file.read_text())
    if (kept["accounts"], kept["seed"]) != (accounts, seed):
        raise ConfigError(
            f'"{home}" holds a company of {kept["accounts"]} accounts (seed {kept["seed"]}). Ask for that one, '
            "give another --data-dir, or delete the folder."
        )
    return date.fromisoformat(kept["as_of"])


def _write_config(config: Path, sandboxes: dict[str, Any], postgres: str) -> None:
    from steward.demo.config import config_text
    from steward.wiring import shipped_playbooks

    config.touch(mode=0o600)
    config.write_text(config_text(
        {name: each["settings"] for name, each in sandboxes.items()},
        playbooks=shipped_playbooks(), database_url=postgres,
    ))


def _apply(config: Path) -> None:
    """Make the shipped playbooks live, as a person would with `steward playbook apply --yes`."""
    from steward.wiring import open_hub

    with open_hub(config) as hub:
        hub.apply(hub.draft(), "demo", "the shipped playbooks")


@contextmanager
def _child(
    home: Path, name: str, arguments: list[str], module: str = "steward.cli.main",
) -> Iterator[Popen[bytes]]:
    """A child of ours that says JSON lines; its log stands in the data dir."""
    logs = home / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / f"{name}.log").open("ab") as log:
        process = start_child(
            [sys.executable, "-m", module, *arguments], os.environ, log, read_stdout=True, write_stdin=True)
        try:
            yield process
        finally:
            stop_child(process)


def _lines(process: Popen[bytes]) -> Iterator[Any]:
    stdout: IO[bytes] | None = process.stdout
    for line in stdout or ():
        yield json.loads(line)


def _tell_to_begin(process: Popen[bytes]) -> None:
    assert process.stdin
    with suppress(BrokenPipeError):            # it ended; whoever reads its lines hears of it
        process.stdin.write(b"begin\n")
        process.stdin.flush()


def _follow(events: Iterator[Any], bars: Any, seconds: dict[str, float], home: Path) -> list[dict[str, Any]]:
    """Show the phases as they end; the flow runs, as the Prefect API has them."""
    bar = bars.add_task("prefect", total=4, said="starting the local server (the first start takes longer)")
    for event in events:
        if event["event"] == "done":
            runs: list[dict[str, Any]] = event["flow_runs"]
            return runs
        seconds[event["name"]] = event["seconds"]
        bars.update(bar, advance=1, description=event["name"], said="; ".join(event.get("said", ()))[:60])
    raise ConfigError(f'the flows ended before they were done; see "{home / "logs" / "flows.log"}"')


def _summary(config: Path, runs: list[dict[str, Any]], seconds: dict[str, float], home: Path) -> dict[str, Any]:
    from steward import views
    from steward.wiring import open_hub

    with open_hub(config) as hub:
        counted = show.plain(views.summary(hub.db))
    return {**counted, "flow_runs": runs, "seconds": seconds, "data_dir": str(home)}


def _tell(config: Path, summary: Mapping[str, Any], home: Path, *, once: bool) -> None:
    from steward import views
    from steward.wiring import open_hub

    with open_hub(config) as hub:
        touched = views.touched(hub.db, limit=10_000)
        playbooks = sorted(hub.playbooks, key=lambda each: (-each.priority, each.id))
    titles = {each.id: each.title for each in playbooks}
    acting = sum(each.mode != "shadow" for each in playbooks)
    applied = (f"The demo applied {len(playbooks)} playbooks by itself: {acting} act, {len(playbooks) - acting} are in "
               "shadow. Your own are live once you say: steward playbook apply.")
    for line in (_in_one(summary, len({each.account_id for each in touched})), applied, *story.told(
            touched, titles, show.width() or 100)):
        show.line(line)
    show.line(f"\nWhere to look next (first: export STEWARD_CONFIG={nearest(config)})")
    for what, where in _next(next((each for name in titles for each in touched if each.playbook == name), None)):
        show.line(f"  {what:20} {where}")
    if once:
        show.line(f"  {'what slack got':20} {nearest(home / 'sandboxes' / 'slack' / 'ledger.jsonl')}")
        show.line("It ends here; without --once it stays up with schedules and webhooks.")


def _in_one(summary: Mapping[str, Any], touched: int) -> str:
    records = {name: sum(each.values()) for name, each in summary["records"].items()}
    states: dict[str, int] = {}
    for each in summary["actions"].values():
        for state, count in each.items():
            states[state] = states.get(state, 0) + count
    return (
        f"{summary['accounts']:,} accounts, {sum(records.values()):,} records "
        f"({', '.join(f'{name} {count:,}' for name, count in records.items() if count)}), {summary['facts']:,} facts.\n"
        f"{touched:,} accounts touched; actions: "
        f"{', '.join(f'{count} {state}' for state, count in states.items()) or 'none'}. "
        f"Took: {', '.join(f'{phase} {seconds:.1f} s' for phase, seconds in summary['seconds'].items())}."
    )


def _next(first: Touched | None) -> Iterator[tuple[str, str]]:
    if first:
        yield "why it fired", command(f"explain {first.account_id} --playbook {first.playbook}")
        yield "all about one", command(f"accounts show {first.account_id}")
        yield "take it in hand", command(f"enrollments acknowledge {first.enrollment_id}")
    yield "every action", command("outbox")
    yield "what is live", command("playbook list")
    yield "what would change", command("playbook plan --file YOUR-COPY.yaml")


def _stay(config: Path, home: Path, events: Iterator[Any], sandboxes: Mapping[str, Mapping[str, str]]) -> int:
    """Stay until Ctrl-C, or until a child of ours ends."""
    with _child(home, "serve", ["serve", f"--config={config}", "--port=0", "--json"]) as web_server:
        said = _lines(web_server)
        live, web = next(events, None), next(said, None)
        if live is None or web is None:
            raise ConfigError(f'a part of the demo ended; see the logs in "{home / "logs"}"')
        for what, where in (
            ("flows, schedules", live["ui"]), ("API", f"{web['url']}/docs   (token: web.tokens in steward.yaml)"),
            *((f"what {name} got", each["ledger"]) for name, each in sandboxes.items() if name != "usage"),
            ("webhooks", f"{web['url']}/hooks/hubspot, /hooks/usage, /hooks/slack"),
            ("logs", nearest(home / "logs")), ("start afresh", f"rm -r {nearest(home)}"),
        ):
            show.line(f"  {what:20} {where}")
        show.line("Up until Ctrl-C.")
        ended = threading.Event()

        def listen(lines: Iterator[Any]) -> None:
            for _ in lines:
                continue
            ended.set()

        for lines in (events, said):
            threading.Thread(target=listen, args=(lines,), daemon=True).start()
        try:
            while not ended.wait(0.5):      # a signal that another thread takes must be noticed too
                continue
        except KeyboardInterrupt:
            show.note("Stopping: what is in hand is finished first.")
            return 0
    raise ConfigError(f'a part of the demo ended; see the logs in "{home / "logs"}"')
