"""`steward outbox`: the actions, and trying one again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options


def list_(
    *, state: Annotated[str, Parameter(help="Only those in this state.")] = "",
    limit: Annotated[int, Parameter(help="At most so many.")] = 50, options: Options = DEFAULT,
) -> int:
    """The actions, the latest first: what, for whom, where, in which delivery class and state."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.outbox(hub.db, state=state or None, limit=limit)
    if options.json:
        show.as_json({"actions": rows})
        return 0
    show.table(("key", "account", "action", "connection", "class", "state", "attempts", "trouble"), [
        (each.key, each.account, each.kind, each.connection, each.delivery_class, each.state, each.attempts,
         each.trouble or "")
        for each in rows
    ])
    return 0


def retry(key: str, *, options: Options = DEFAULT) -> int:
    """Try the action KEY again that failed or whose outcome is unknown; its key stays the same."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        operate.retry(hub.db, key, by="cli", now=hub.clock())
    if options.json:
        show.as_json({"key": key, "state": "pending"})
    else:
        show.line(f"{key} is due again. Next: steward deliver")
    return 0
