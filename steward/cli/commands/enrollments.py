"""`steward enrollments`: who is on the way through which playbook."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options


def list_(
    *, playbook: Annotated[str, Parameter(help="Only of this playbook.")] = "",
    state: Annotated[str, Parameter(help="Only those in this state.")] = "",
    limit: Annotated[int, Parameter(help="At most so many.")] = 50, options: Options = DEFAULT,
) -> int:
    """The enrollments, the latest first."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.enrollments(hub.db, playbook_id=playbook or None, state=state or None, limit=limit)
    if options.json:
        show.as_json({"enrollments": rows})
        return 0
    show.table(("enrollment", "account", "version", "state", "since", "reason", "acknowledged by"), [
        (each.id, each.account, each.version, each.state, f"{each.since:%Y-%m-%d %H:%M}", each.reason,
         each.acknowledged_by or "")
        for each in rows
    ])
    return 0


def acknowledge(
    enrollment: str, *, by: Annotated[str, Parameter(help="Who has it in hand.")] = "cli", options: Options = DEFAULT,
) -> int:
    """Say that somebody has ENROLLMENT in hand: the escalation stops and the message shows it."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        done = operate.acknowledge(hub.db, enrollment, by=by, now=hub.clock(), connectors=hub.connectors)
    if options.json:
        show.as_json({"enrollment": enrollment, "acknowledged_by": done.enrollment.acknowledged_by,
                      "changed": done.changed})
    elif done.changed:
        show.line(f"{enrollment} is acknowledged by {by}; nobody else is called. Next: steward deliver")
    else:
        show.line(f"{enrollment}: nothing to do; it is {done.enrollment.state.value}, "
                  f"acknowledged by {done.enrollment.acknowledged_by or 'nobody'}.")
    return 0


def approve(
    name: str, *, by: Annotated[str, Parameter(help="Who approves.")] = "cli", options: Options = DEFAULT,
) -> int:
    """Let enrollments go that were held at the playbook's limit: NAME is one enrollment, or a playbook for all."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        count = operate.approve(hub.db, name, by=by, now=hub.clock())
    if options.json:
        show.as_json({"name": name, "approved": count, "by": by})
    else:
        show.line(f"{count} approved. Next: steward evaluate")
    return 0
