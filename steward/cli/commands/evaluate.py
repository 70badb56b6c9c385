"""`steward evaluate`: records become facts, facts become decisions."""

from __future__ import annotations

from steward.cli import show
from steward.cli.options import DEFAULT, Options

_TROUBLES = 10                              # so many lines of what needs attention


def evaluate(*, options: Options = DEFAULT) -> int:
    """Derive the facts of all accounts and evaluate every live playbook over them. Delivers nothing."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub, show.progress(options.json) as bars:
        bar = bars.add_task("facts", total=2, said="")
        derived = hub.derive()
        bars.update(bar, advance=1, description="playbooks", said=f"{derived.accounts:,} accounts")
        written = hub.write_back()
        evaluated = hub.evaluate()
        lines = views.playbooks(hub.db, hub.playbooks, hub.drafts.playbooks)
        differ = [each.id for each in lines if each.draft and each.differs and each.version]
        asleep = [each.id for each in lines if each.draft and not each.version]
    if options.json:
        show.as_json({"derived": derived, "written_back": written, "evaluated": evaluated,
                      "drafts_that_differ": differ})
        return 0
    show.table(("playbook", "enrolled", "pending", "active", "closed", "blocked", "to approve", "waiting",
                "actions"), [
        (each.playbook_id, each.enrolled, each.pending, each.active, each.closed, each.blocked,
         each.awaiting_approval, each.waiting, each.actions)
        for each in evaluated.playbooks
    ])
    enrolled = sum(each.enrolled for each in evaluated.playbooks)
    closed = sum(each.closed for each in evaluated.playbooks)
    waiting = sum(each.waiting for each in evaluated.playbooks)
    actions = sum(each.actions for each in evaluated.playbooks)
    held = sum(each.awaiting_approval for each in evaluated.playbooks)
    following = options.command(
        "playbook approve" if held else "deliver" if actions + written.queued
        else "enrollments" if derived.accounts else "sync")
    troubles = [*written.wrong, *(each for playbook in evaluated.playbooks for each in playbook.trouble)]
    for trouble in troubles[:_TROUBLES]:
        show.line(f"needs attention: {trouble}")
    if len(troubles) > _TROUBLES:
        show.line(f"needs attention: {len(troubles) - _TROUBLES} more; see: {options.command('evaluate --json')}")
    for name in differ:
        show.line(f"the draft of {name} differs from what is live; see: {options.command(f'playbook plan {name}')}")
    if asleep:
        show.line(f"{len(asleep)} playbooks of the folder are not live; see: {options.command('playbook plan')}")
    if written.fields:
        later = sum(each.later for each in written.fields)
        show.line(f"written back: {written.queued:,} values to deliver"
                  + (f", {later:,} in the next rounds" if later else "")
                  + f"; see: {options.command('writeback')}")
    show.line(
        f"evaluated {derived.accounts:,} accounts: {enrolled} enrolled, {closed} closed, {waiting} waiting for data, "
        f"{actions} actions to deliver. Next: {following}"
    )
    return 0
