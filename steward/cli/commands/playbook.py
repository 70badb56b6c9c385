"""`steward playbook`: look at playbooks, test them, and see what they would do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options


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
    return 0


def check(
    *files: Path, folder: Annotated[Path, Parameter(help="Check every playbook in it.")] = Path("playbooks"),
    options: Options = DEFAULT,
) -> int:
    """Find what is wrong or silly in FILES (in the folder, where none is named), with line and column."""
    from steward.engine.check import check_files
    from steward.facts.catalog import DEFAULT_METRICS, catalog

    chosen = files or tuple(sorted(each for each in folder.glob("*.yaml") if not each.name.endswith(".cases.yaml")))
    report = check_files(chosen, catalog(_metrics(options) or DEFAULT_METRICS))
    if options.json:
        show.as_json({"files": len(chosen), "findings": report})
    else:
        for finding in report:
            show.line(finding.text())
        following = "" if report else " Next: steward playbook test"
        show.line(f"checked {len(chosen)} files: {len(report)} findings.{following}")
    return 1 if report else 0


def test(
    *files: Path, folder: Annotated[Path, Parameter(help="Test every playbook in it.")] = Path("playbooks"),
    options: Options = DEFAULT,
) -> int:
    """Run the cases beside FILES (of the folder, where none is named)."""
    from steward.engine.cases import run_files
    from steward.facts.catalog import DEFAULT_METRICS, catalog

    chosen = files or tuple(sorted(folder.glob("*.cases.yaml")))
    outcomes = run_files(chosen, catalog(_metrics(options) or DEFAULT_METRICS))
    failed = [each for each in outcomes if not each.passed]
    if options.json:
        show.as_json({"cases": outcomes, "passed": len(outcomes) - len(failed), "failed": len(failed)})
    else:
        for each in outcomes:
            show.line(f"{'PASS' if each.passed else 'FAIL'} {each.playbook}: {each.name}"
                      + "".join(f"\n     {line}" for line in each.differences))
        show.line(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
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
        candidates = (load_file(file, hub.catalog),) if file else hub.playbooks
        chosen = [each for each in candidates if not playbooks or each.id in playbooks]
        live = {each.id: each for each in hub.playbooks} if file else {}
        plans = [views.plan(hub.db, each, hub.catalog, hub.settings, hub.clock(), before=live.get(each.id))
                 for each in chosen]
    if options.json:
        show.as_json({"plans": plans})
        return 0
    for each in plans:
        show.line(f"{each.playbook_id}@{each.version}")
        for sign, moves in (("+", each.enters), ("-", each.leaves)):
            for move in moves:
                show.line(f"  {sign} {move.account_id}  {move.name}   {move.clause}")
        show.line(f"  {len(each.enters)} enter, {len(each.leaves)} leave, {each.stays} stay, "
                  f"{each.unknown} wait for data. Nothing was performed.")
    return 0


def explain(
    account: str, *,
    playbook: Annotated[str, Parameter(help="Only this playbook.")] = "", options: Options = DEFAULT,
) -> int:
    """Why the playbooks did or did not fire for ACCOUNT (our id, a domain or a name)."""
    from steward import views
    from steward.model.errors import ConfigError
    from steward.wiring import near, open_hub

    with open_hub(options.config) as hub:
        chosen = [each for each in hub.playbooks if not playbook or each.id == playbook]
        if not chosen:
            known = {each.id: each for each in hub.playbooks}
            raise ConfigError(f'there is no playbook "{playbook}"{near(playbook, known)}')
        answers = [views.explain(hub.db, each, hub.catalog, hub.settings, account, hub.clock()) for each in chosen]
    if options.json:
        show.as_json({"explanations": answers})
        return 0
    show.line("\n\n".join(each.text() for each in answers))
    return 0


def _metrics(options: Options) -> tuple[str, ...]:
    from steward.settings import load_settings

    return load_settings(options.config).usage_metrics if options.config.exists() else ()
