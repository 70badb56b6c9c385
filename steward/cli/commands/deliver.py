"""`steward deliver`: empty the outbox of what is due."""

from __future__ import annotations

from steward.cli import show
from steward.cli.options import DEFAULT, Options


def deliver(*, options: Options = DEFAULT) -> int:
    """Deliver the actions that are due, batch after batch, until none is."""
    from steward.wiring import open_hub

    total: dict[str, int] = {}
    with open_hub(options.config) as hub, show.progress(options.json) as bars:
        bar = bars.add_task("delivering", total=None, said="")
        while (counts := hub.deliver().counts()).get("claimed"):
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count
            bars.update(bar, said=f"{total.get('delivered', 0)} delivered")
    if options.json:
        show.as_json(total)
    else:
        said = ", ".join(f"{count} {name}" for name, count in total.items() if name != "claimed" and count)
        show.line(f"{said or 'nothing is due'}. Next: steward outbox list")
    return int(bool(total.get("failed") or total.get("unknown")))
