"""`steward evaluate`: records become facts, facts become decisions."""

from __future__ import annotations

from steward.cli import show
from steward.cli.options import DEFAULT, Options


def evaluate(*, options: Options = DEFAULT) -> int:
    """Derive the facts of all accounts and evaluate every playbook over them. Delivers nothing."""
    from steward.wiring import open_hub

    with open_hub(options.config) as hub, show.progress(options.json) as bars:
        bar = bars.add_task("facts", total=2, said="")
        derived = hub.derive()
        bars.update(bar, advance=1, description="playbooks", said=f"{derived.accounts:,} accounts")
        evaluated = hub.evaluate()
    if options.json:
        show.as_json({"derived": derived, "evaluated": evaluated})
        return 0
    show.table(("playbook", "enrolled", "pending", "active", "closed", "blocked", "waiting", "actions"), [
        (each.playbook_id, each.enrolled, each.pending, each.active, each.closed, each.blocked, each.waiting,
         each.actions)
        for each in evaluated.playbooks
    ])
    enrolled = sum(each.enrolled for each in evaluated.playbooks)
    closed = sum(each.closed for each in evaluated.playbooks)
    waiting = sum(each.waiting for each in evaluated.playbooks)
    actions = sum(each.actions for each in evaluated.playbooks)
    following = options.command("deliver" if actions else "enrollments" if derived.accounts else "sync")
    show.line(
        f"evaluated {derived.accounts:,} accounts: {enrolled} enrolled, {closed} closed, {waiting} waiting for data, "
        f"{actions} actions to deliver. Next: {following}"
    )
    return 0
