"""`steward deliver`: empty the outbox of what is due."""

from __future__ import annotations

from dataclasses import asdict

from steward.cli import show
from steward.cli.options import DEFAULT, Options


def deliver(*, options: Options = DEFAULT) -> int:
    """Deliver the actions that are due, batch after batch, until none is."""
    from steward.wiring import open_hub

    with open_hub(options.config) as hub, show.progress(options.json) as bars:
        bar = bars.add_task("delivering", total=None, said="")
        report = hub.deliver(lambda row, ended: bars.update(bar, advance=1, said=f"{row.action.kind} {ended}"))
    if options.json:
        show.as_json(report)
    else:
        counts = {name: count for name, count in asdict(report).items() if isinstance(count, int) and count}
        said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        stuck = next((state for state in ("failed", "unknown") if counts.get(state)), "")
        following = options.command(f"outbox list --state {stuck}" if stuck else "outbox list")
        show.line(f"{said or 'nothing is due'}. Next: {following}")
    return int(bool(report.failed or report.unknown or report.put_off))
