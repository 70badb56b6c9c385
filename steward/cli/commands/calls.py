"""`steward calls`: the webhook calls that were taken and could not be worked off, and working one off again."""

from __future__ import annotations

from steward.cli import chosen, show
from steward.cli.chosen import By
from steward.cli.options import DEFAULT, AtMost, Options


def list_(*, limit: AtMost = 50, options: Options = DEFAULT) -> int:
    """The calls that somebody must look at, the oldest first: from where, since when, and why."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.calls_aside(hub.db, limit=limit)
    if options.json:
        show.as_json({"calls": rows})
        return 0
    if not rows:
        show.line(f"every webhook call was worked off or waits its turn. Next: {options.command('sync status')}")
        return 0
    show.table(("connection", "call", "at", "state", "why"), [
        (each.connection, each.delivery_id, f"{each.received_at:%Y-%m-%d %H:%M}", each.state, each.trouble)
        for each in rows])
    first = rows[0]
    again = options.command(f"calls retry {first.connection} {first.delivery_id}")
    show.line(f"{len(rows)} calls. Correct what sends them; what was mended here: {again}")
    return 0


def retry(connection: str, call: str, *, by: By = chosen.ME, options: Options = DEFAULT) -> int:
    """Let `steward serve` work the CALL of CONNECTION off again, as after a mended setting or a sync."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        changed = operate.retry_call(hub.db, connection, call, by, hub.clock())
    if options.json:
        show.as_json({"connection": connection, "call": call, "changed": changed})
    else:
        show.line(f"{call} {'waits again' if changed else 'is not aside'}; it is worked off by: "
                  f"{options.command('serve')}. Next: {options.command('calls')}")
    return 0
