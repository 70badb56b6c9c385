"""`steward outbox`: the actions, and trying one again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, AtMost, Options

if TYPE_CHECKING:
    from steward.views import ActionLine

_States = Literal["pending", "sending", "delivered", "failed", "unknown", "expired", "cancelled"]


def list_(
    *, state: Annotated[_States | None, Parameter(help="Only those in this state.")] = None,
    connection: Annotated[str | None, Parameter(help="Only those through this connection.")] = None,
    limit: AtMost = 50, options: Options = DEFAULT,
) -> int:
    """The newest actions, as they were decided: what, for whom, where, in which delivery class and state."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.outbox(hub.db, state=state, connection=connection, limit=limit)
    if options.json:
        show.as_json({"actions": rows})
        return 0
    if not rows:
        show.line(f"no action {f'is {state}' if state else 'was decided yet'}. Next: {options.command('evaluate')}")
        return 0
    show.table(("key", "account", "action", "to", "connection", "class", "state", "attempts", "trouble"), [
        (each.key, each.account, each.kind, each.to, each.connection, each.delivery_class, each.state, each.attempts,
         each.trouble or "")
        for each in rows
    ])
    show.line(f"{len(rows)} actions. {_following(rows, options)}")
    return 0


def _following(rows: list[ActionLine], options: Options) -> str:
    """What can be done about them."""
    stuck = next((each.key for each in rows if each.state in ("failed", "unknown", "expired")), "")
    if stuck:
        return f"Next: {options.command(f'outbox retry {stuck}')}"
    waiting = next((each for each in rows if each.state == "pending"), None)
    if waiting is not None:
        return f"Next: {options.command(_sends(waiting.key))}"
    account = next((each.account_id for each in reversed(rows) if each.account), "")
    return f"Next: {options.command(f'accounts show {account}' if account else 'accounts list')}"


def _sends(key: str) -> str:
    """The command that delivers the action: tables for BI tools go apart."""
    return "publish" if key.startswith("publish/") else "deliver"


def retry(key: str, *, options: Options = DEFAULT) -> int:
    """Try the action KEY again that failed or whose outcome is unknown; its key stays the same."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        changed = operate.retry(hub.db, key, by=os.environ.get("USER") or "cli", now=hub.clock())
    if options.json:
        show.as_json({"key": key, "state": "pending", "changed": changed})
    else:
        show.line(f"{key} is due{' again' if changed else ' already'}. Next: {options.command(_sends(key))}")
    return 0
