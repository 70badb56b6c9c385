"""`steward publish`: Tableau and Power BI brought up to date."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options

if TYPE_CHECKING:
    from steward.pipeline.deliver import DeliverReport
    from steward.pipeline.publish import PublishReport


def publish(
    *connections: str,
    now: Annotated[bool, Parameter(negative="", help="Also what was published in this period already.")] = False,
    options: Options = DEFAULT,
) -> int:
    """Send CONNECTIONS (all of `publish` in steward.yaml, where none is named) the tables that reports read.

    Once in each period (`every`, a day where nothing is said), however often this runs; each table is an action of the
    outbox, with retries and a receipt. What did not get through is tried again by the next run.
    """
    from steward import reports
    from steward.wiring import open_hub

    with open_hub(options.config) as hub, show.progress(options.json) as bars:
        bar = bars.add_task("publish", total=None, said="")
        queued, done = reports.publish(
            hub, connections, anew=now,
            on_done=lambda row, ended: bars.update(bar, advance=1, said=f"{row.key.split('/')[2]} {ended}"))
    if options.json:
        show.as_json({"queued": queued.queued, "delivered": asdict(done)})
    else:
        _tell(queued, done, options)
    return int(bool(done.failed or done.unknown or done.put_off or done.expired))


def _tell(queued: PublishReport, done: DeliverReport, options: Options) -> None:
    show.table(("connection", "table", "rows"), [
        (name, table or "a refresh", rows if table else "") for name, tables in queued.queued.items()
        for table, rows in tables.items()])
    stuck = done.failed + done.unknown + done.put_off + done.expired
    waits = done.later + done.rate_limited
    following = options.command("outbox list" if stuck else "publish" if waits else "export --dictionary")
    nothing = "" if queued.queued else "nothing was due in this period (--now does it all the same). "
    show.line(f"{nothing}published {done.delivered + done.found} tables, {stuck} need you, {waits} are tried again. "
              f"Next: {following}")
