"""`steward playbook approve`: what waits for a yes, and the yes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from steward.cli import chosen, show
from steward.cli.chosen import By
from steward.cli.options import DEFAULT, Options

if TYPE_CHECKING:
    from steward.views import WaitingLine

Shown = Annotated[int, Parameter(help="How many lines to show; it says yes to all.", validator=Number(gte=1))]


def approve(
    target: Annotated[str, Parameter(help="A playbook, or one enrollment; without it, the list of what waits.")] = "",
    *, step: Annotated[str, Parameter(help='The step that is approved, as "do[2]"; else what the limit held.')] = "",
    by: By = chosen.ME, limit: Shown = 20, options: Options = DEFAULT,
) -> int:
    """Let go what waits for a yes: all of a playbook held at its limit, one enrollment, or a step of either."""
    from steward import operate, views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.waiting(hub.db, hub.playbooks, chosen.versions(hub), target)
        count = 0
        if target:
            count = (operate.approve_step(hub.db, target, step, by, hub.clock()) if step
                     else operate.approve(hub.db, target, by, hub.clock()))
    key = step.replace("[", ".").replace("]", "")
    rows = [each for each in rows if not target or each.step == key]
    if options.json:
        show.as_json({"target": target, "approved": count, "by": by, "waiting": rows})
        return 0
    _list(rows, limit)
    if target:
        show.line(f"{count} approved by {by}. Next: {options.command('evaluate')}")
        return 0
    first = next((each for each in rows if not each.approved_by), None)
    if first is None:
        show.line(f"nothing waits for a yes. Next: {options.command('enrollments')}")
        return 0
    flag = f" --step {first.step}" if first.step else ""
    show.line(f"{len(rows)} wait. Next: {options.command(f'playbook approve {first.playbook_id}{flag}')}")
    return 0


def _list(rows: list[WaitingLine], limit: int) -> None:
    show.table(("enrollment", "account", "owner", "ARR", "since", "waits for", "approved by"), [
        (each.enrollment_id, each.account, each.owner, round(each.arr) if each.arr is not None else show.UNKNOWN,
         f"{each.since:%Y-%m-%d %H:%M}", f"step {each.step} ({', '.join(each.of)})" if each.step else "limit",
         each.approved_by)
        for each in rows[:limit]
    ])
    if len(rows) > limit:
        show.line(f"and {len(rows) - limit} more: --limit {len(rows)}")
