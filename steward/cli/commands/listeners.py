"""`steward listeners`: who asked to be told what happens, and the end of it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from steward.cli import chosen, show
from steward.cli.chosen import By
from steward.cli.options import DEFAULT, Options


def list_(
    *, all_: Annotated[bool, Parameter(name="--all", negative="", help="Those that ended, too.")] = False,
    options: Options = DEFAULT,
) -> int:
    """Who listens to what; of an address only the host is shown."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.listeners(hub.db, ended=all_)
    if options.json:
        show.as_json({"listeners": rows})
        return 0
    show.table(("listener", "event", "playbook", "host", "via", "asked by", "ended"), [
        (each.id, each.event, each.playbook_id or "all", each.host, each.connection, each.asked_by,
         each.ended_because or "") for each in rows])
    following = f"listeners end {rows[0].id}" if rows else "connector list"
    show.line(f"{len(rows)} listeners. Next: {options.command(following)}")
    return 0


def end(
    listener: Annotated[str, Parameter(help="Its id.")], *, by: By = chosen.ME, options: Options = DEFAULT,
) -> int:
    """Tell one nothing more; what waits for it is not sent."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        ended = operate.unlisten(hub.db, listener, by, hub.clock())
    if options.json:
        show.as_json({"listener": listener, "ended": ended, "by": by})
    else:
        show.line(f"listener {listener} {'ended' if ended else 'had ended already'}. "
                  f"Next: {options.command('listeners')}")
    return 0
