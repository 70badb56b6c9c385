"""`steward playbook list, check, test`: look at playbooks, find what is wrong in them, run their cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options
from steward.engine.findings import errors_of
from steward.model.errors import ConfigError

if TYPE_CHECKING:
    from steward.model.facts import FactSpec
    from steward.views import PlaybookLine

_FOLDER = Annotated[Path | None, Parameter(help="Where the playbooks are; else `playbooks` of steward.yaml.")]


def list_(*, options: Options = DEFAULT) -> int:
    """The playbooks: what is live in which mode, what stands in the folder, how many accounts are enrolled."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.playbooks(hub.db, hub.playbooks, hub.drafts.playbooks)
        wrong, short = len(errors_of(hub.drafts.findings)), views.short_versions(hub.db)
    if options.json:
        show.as_json({"playbooks": rows, "errors_in_drafts": wrong})
        return 0
    show.table(("playbook", "live", "mode", "open", "draft", "since", "by", "title"), [
        (each.id, short(each.id, each.version), each.mode, each.open, _draft(each, short(each.id, each.draft)),
         f"{each.since:%Y-%m-%d %H:%M}" if each.since else "", each.by, each.title)
        for each in rows
    ])
    differ = [each for each in rows if each.draft and each.differs]
    following = "playbook check" if wrong else "playbook plan" if differ or not rows else "enrollments"
    said = f", {len(differ)} not as in the folder" if differ else ""
    faults = f"; {_count(wrong, 'error')} in the folder" if wrong else ""
    show.line(f"{_count(sum(bool(each.version) for each in rows), 'playbook')} live{said}{faults}. "
              f"Next: {options.command(following)}")
    return 0


def _draft(line: PlaybookLine, version: str) -> str:
    return f"{version} {line.differs}".strip() if line.differs else ""


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


def _ground(options: Options) -> tuple[Mapping[str, FactSpec], Path]:
    """The facts and the folder of the company; without a steward.yaml the usual ones."""
    from steward.facts.catalog import DEFAULT_METRICS, catalog
    from steward.settings import load_settings

    if options.config == DEFAULT.config and not options.config.exists():
        return catalog(), Path("playbooks")
    settings = load_settings(options.config)
    own = catalog(settings.usage_metrics or DEFAULT_METRICS, settings.company.currency, settings.facts)
    return own, settings.playbooks


def _in_folder(folder: Path, pattern: str, but: str = "/") -> tuple[Path, ...]:
    found = tuple(sorted(each for each in folder.glob(pattern) if not each.name.endswith(but)))
    if not found:
        raise ConfigError(f'there is no "{pattern}" in "{folder}". Name files, or say --folder.')
    return found


def _again(options: Options, command: str, files: Sequence[Path], folder: Path | None) -> str:
    where = "".join(f" {each}" for each in files) or (f" --folder {folder}" if folder else "")
    return options.command(f"playbook {command}{where}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
