"""`steward connector`: what there is, whether a connection works, and a new one."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options


def list_(*, options: Options = DEFAULT) -> int:
    """Every connector that is installed: what it reads, what it does and in which delivery class."""
    from steward.wiring import installed

    found = installed()
    if options.json:
        show.as_json({
            name: {"title": each.title, "streams": {stream: each.streams[stream].meaning for stream in each.streams},
                   "actions": dict(each.actions), "inbox": each.inbox}
            for name, each in found.items()
        })
        return 0
    for name, each in found.items():
        show.line(f"{name:11} {each.title}")
        for verb, said in (
            ("reads", ", ".join(each.streams)),
            ("does", ", ".join(f"{kind} (class {how})" for kind, how in each.actions.items())),
            ("takes", "webhooks" if each.inbox else ""),
        ):
            if said:
                show.line(textwrap.fill(said, show.width() or 10_000, initial_indent=f"{'':11} {verb:6}",
                                        subsequent_indent=" " * 18, break_on_hyphens=False))
    show.line("Class A: the target enforces the key. B: we look before repeating. C: what is uncertain waits for you.\n"
              "Next: connectors/NAME/README.md says what to grant; put it into steward.yaml, then: "
              + options.command("connector check"))
    return 0


def check(*names: str, options: Options = DEFAULT) -> int:
    """Ask the connections NAMES (all, where none is named) what is missing. Harmless calls only."""
    from steward import views
    from steward.model.errors import ConfigError, StewardError
    from steward.model.words import meant_or_all
    from steward.wiring import open_hub

    findings: dict[str, list[dict[str, object]]] = {}
    with open_hub(options.config) as hub:
        for name in names:
            if name not in hub.connectors:
                raise ConfigError(f'"{options.config}" has no connection "{name}"{meant_or_all(name, hub.connectors)}')
        for name in names or hub.connectors:
            try:
                found = hub.connection(name).check()
                findings[name] = [{"what": each.what, "ok": each.ok, "remedy": each.remedy} for each in found]
                findings[name] += [
                    {"what": f"noticed at the source, {each.at:%Y-%m-%d}: {each.subject}: {each.said}", "ok": True,
                     "remedy": ""} for each in views.sync_status(hub.db, hub.clock(), [name]).drift]
            except StewardError as error:
                findings[name] = [{"what": "reach it", "ok": False, "remedy": str(error)}]
    if options.json:
        show.as_json(findings)
    else:
        for name, lines in findings.items():
            for each in lines:
                show.finding(f"{name}: {each['what']}", bool(each["ok"]), str(each["remedy"]))
    bad = sum(not each["ok"] for lines in findings.values() for each in lines)
    if not options.json:
        again = " ".join(name for name, lines in findings.items() if not all(each["ok"] for each in lines))
        following = options.command(f"connector check {again}" if bad else "sync")
        show.line(f"{len(findings)} connection{'s' if len(findings) != 1 else ''} checked, {bad} findings. "
                  f"{'Then again' if bad else 'Next'}: {following}")
    return 1 if bad else 0


def new(
    name: str, *, title: str = "",
    folder: Annotated[Path, Parameter(help="Where the connectors live.")] = Path("connectors"),
    options: Options = DEFAULT,
) -> int:
    """Make the connector NAME: a whole small one that passes the battery; no shared file is edited."""
    from steward.kit.scaffold import new_connector

    files = new_connector(folder, name, title or name.replace("_", " ").title())
    if options.json:
        show.as_json({"files": [str(file) for file in files]})
        return 0
    for file in files:
        show.line(f"wrote {file}")
    show.line(f"Next: .venv/bin/pytest tests/connectors/test_battery.py -k {name}")
    return 0
