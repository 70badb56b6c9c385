"""`steward enrollments`: who is on the way through which playbook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, AtMost, Options

if TYPE_CHECKING:
    from steward.views import EnrollmentLine
    from steward.wiring import Hub

_States = Literal["open", "pending", "blocked", "awaiting_approval", "active", "recovering", "closed"]
_ME = os.environ.get("USER") or "cli"


def list_(
    *, playbook: Annotated[str, Parameter(help="Only of this playbook.")] = "",
    state: Annotated[_States | None, Parameter(help="Only those in this state; open is every one but closed.")] = None,
    limit: AtMost = 50, options: Options = DEFAULT,
) -> int:
    """The enrollments, the latest first."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        _must_be_known(hub, playbook)
        rows = views.enrollments(hub.db, playbook_id=playbook or None, state=state, limit=limit)
        short = views.short_versions(hub.db)
    if options.json:
        show.as_json({"enrollments": rows})
        return 0
    show.table(("enrollment", "account", "version", "state", "since", "reason", "acknowledged by",
                "needs attention"), [
        (each.id, each.account, short(each.playbook_id, each.version), each.state,
         f"{each.since:%Y-%m-%d %H:%M}", each.reason, each.acknowledged_by or "", "; ".join(each.needs_attention))
        for each in rows
    ])
    show.line(_following(rows, options))
    return 0


def _following(rows: list[EnrollmentLine], options: Options) -> str:
    """What can be done about them."""
    if not rows:
        return f"no enrollment is like that. Next: {options.command('playbook plan')}"
    held = next((each for each in rows if each.state == "awaiting_approval"), None)
    following = f"playbook approve {held.playbook_id}" if held else f"enrollments acknowledge {rows[0].id}"
    return f"{len(rows)} enrollments. Next: {options.command(following)}"


def _must_be_known(hub: Hub, playbook: str) -> None:
    from steward.model.errors import ConfigError
    from steward.model.words import meant_or_all

    known = dict.fromkeys((*(each.id for each in hub.playbooks), *_counted(hub)))
    if playbook and playbook not in known:
        raise ConfigError(f'there is no playbook "{playbook}"{meant_or_all(playbook, known)}')


def _counted(hub: Hub) -> tuple[str, ...]:
    """The playbooks that had enrollments: those whose file is gone, too."""
    from steward import views

    return tuple(views.summary(hub.db).enrollments)


def acknowledge(
    enrollment: str, *, by: Annotated[str, Parameter(help="Who has it in hand.")] = _ME, options: Options = DEFAULT,
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
        show.line(f"{enrollment} is acknowledged by {by}; nobody else is called, and "
                  f"{done.redrawn} messages will show it. Next: {options.command('deliver')}")
    else:
        show.line(f"{enrollment}: nothing to do; it is {done.enrollment.state.value}, "
                  f"acknowledged by {done.enrollment.acknowledged_by or 'nobody'}.")
    return 0
