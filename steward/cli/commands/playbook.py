"""`steward playbook`: look at playbooks, test them, and see what they would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options
from steward.model.errors import ConfigError

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.model.facts import FactSpec

_FOLDER = Annotated[Path | None, Parameter(help="Where the playbooks are; else `playbooks` of steward.yaml.")]


def list_(*, options: Options = DEFAULT) -> int:
    """The playbooks, their version and mode, and how many accounts are enrolled."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        counted = views.summary(hub.db).enrollments
        rows = [(each.id, each.version, each.mode, each.title, counted.get(each.id, {})) for each in hub.playbooks]
    if options.json:
        show.as_json({"playbooks": [
            {"id": name, "version": version, "mode": mode, "title": title, "enrollments": states}
            for name, version, mode, title, states in rows
        ]})
        return 0
    show.table(("playbook", "version", "mode", "open", "title"), [
        (name, version, mode, sum(count for state, count in states.items() if state != "closed"), title)
        for name, version, mode, title, states in rows
    ])
    show.line(f"{_count(len(rows), 'playbook')}. Next: {options.command('playbook plan')}")
    return 0


def check(*files: Path, folder: _FOLDER = None, options: Options = DEFAULT) -> int:
    """Find what is wrong or silly in FILES (in the folder, where none is named), with line and column."""
    from steward.engine.check import check_files

    catalog, home = _ground(options)
    chosen = files or _in_folder(folder or home, "*.yaml", but=".cases.yaml")
    report = check_files(chosen, catalog)
    if options.json:
        show.as_json({"files": len(chosen), "findings": report})
    else:
        for finding in report:
            show.line(finding.text())
        following = "" if report else f" Next: {_again(options, 'test', files, folder)}"
        show.line(f"checked {_count(len(chosen), 'file')}: {_count(len(report), 'finding')}.{following}")
    return 1 if report else 0


def test(*files: Path, folder: _FOLDER = None, options: Options = DEFAULT) -> int:
    """Run the cases beside FILES (of the folder, where none is named)."""
    from steward.engine.cases import run_files

    catalog, home = _ground(options)
    outcomes = run_files(files or _in_folder(folder or home, "*.cases.yaml"), catalog)
    failed = [each for each in outcomes if not each.passed]
    if options.json:
        show.as_json({"cases": outcomes, "passed": len(outcomes) - len(failed), "failed": len(failed)})
    else:
        for each in outcomes:
            show.line(f"{'PASS' if each.passed else 'FAIL'} {each.playbook}: {each.name}"
                      + "".join(f"\n     {line}" for line in each.differences))
        named = f" --file {files[0]}" if len(files) == 1 and not files[0].name.endswith(".cases.yaml") else ""
        following = "" if failed else f". Next: {options.command(f'playbook plan{named}')}"
        show.line(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed{following}")
    return 1 if failed else 0


def plan(
    *playbooks: str,
    file: Annotated[Path | None, Parameter(help="Plan this file instead of what is in the folder.")] = None,
    options: Options = DEFAULT,
) -> int:
    """Who would enter, leave and stay if PLAYBOOKS were evaluated now, with the deciding clause. Performs nothing."""
    from steward import views
    from steward.engine.load import load_file
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        candidates = (load_file(file, hub.catalog, hub.settings.playbooks),) if file else hub.playbooks
        chosen = _chosen(candidates, playbooks)
        live = {each.id: each for each in hub.playbooks} if file else {}
        plans = [views.plan(hub.db, each, hub.catalog, hub.settings, hub.clock(), before=live.get(each.id))
                 for each in chosen]
    if options.json:
        show.as_json({"plans": plans})
        return 0
    for each in plans:
        show.line(f"{each.playbook_id}@{each.version}{' against what is live' if each.playbook_id in live else ''}")
        for sign, moves in (("+", each.enters), ("-", each.leaves), ("!", each.held)):
            for move in moves:
                show.line(f"  {sign} {move.account_id}  {show.word(move.name)}   {show.word(move.clause)}")
        show.line(f"  {len(each.enters)} enter, {len(each.leaves)} leave, {each.stays} stay, "
                  f"{len(each.held)} held by a gate, {each.unknown} wait for data.")
    moved = next((move.account_id for each in plans for move in (*each.enters, *each.leaves)), "ACCOUNT")
    show.line("Nothing was performed. Next: "
              + (_make_live(chosen[0], options) if file else options.command(f"playbook explain {moved}")))
    return 0


def explain(
    account: str, *,
    playbook: Annotated[str, Parameter(help="Only this playbook.")] = "", options: Options = DEFAULT,
) -> int:
    """Why the playbooks did or did not fire for ACCOUNT (our id, a domain or a name)."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        chosen = _chosen(hub.playbooks, (playbook,) if playbook else ())
        answers = [views.explain(hub.db, each, hub.catalog, hub.settings, account, hub.clock()) for each in chosen]
    if options.json:
        show.as_json({"explanations": answers})
        return 0
    show.line("\n\n".join(each.text() for each in answers))
    return 0


def _chosen(playbooks: Sequence[Playbook], names: Sequence[str]) -> list[Playbook]:
    """Those called `names`, all where none is named."""
    from steward.model.words import meant_or_all

    known = {each.id: each for each in playbooks}
    for name in names:
        if name not in known:
            raise ConfigError(f'there is no playbook "{name}"{meant_or_all(name, known)}')
    return [each for each in playbooks if not names or each.id in names]


def _ground(options: Options) -> tuple[Mapping[str, FactSpec], Path]:
    """The facts and the folder of the company; without a steward.yaml the usual ones."""
    from steward.facts.catalog import DEFAULT_METRICS, catalog
    from steward.settings import load_settings

    if options.config == DEFAULT.config and not options.config.exists():
        return catalog(), Path("playbooks")
    settings = load_settings(options.config)
    return catalog(settings.usage_metrics or DEFAULT_METRICS, settings.company.currency), settings.playbooks


def _in_folder(folder: Path, pattern: str, but: str = "/") -> tuple[Path, ...]:
    found = tuple(sorted(each for each in folder.glob(pattern) if not each.name.endswith(but)))
    if not found:
        raise ConfigError(f'there is no "{pattern}" in "{folder}". Name files, or say --folder.')
    return found


def _again(options: Options, command: str, files: Sequence[Path], folder: Path | None) -> str:
    where = "".join(f" {each}" for each in files) or (f" --folder {folder}" if folder else "")
    return options.command(f"playbook {command}{where}")


def _make_live(playbook: Playbook, options: Options) -> str:
    """What follows a plan of a file."""
    told = "" if playbook.mode == "live" else ', set "mode: live"'
    return f"put it into the folder of the playbooks{told}, then: {options.command('evaluate')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
