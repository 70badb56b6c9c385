"""`steward sync`: pull what changed."""

from __future__ import annotations

from steward.cli import show
from steward.cli.options import DEFAULT, Options


def sync(*connections: str, options: Options = DEFAULT) -> int:
    """Pull what changed from CONNECTIONS (all, where none is named)."""
    from steward.wiring import open_hub

    with open_hub(options.config) as hub, show.progress(options.json) as bars:
        names = connections or [name for name, known in hub.connectors.items() if known.streams]
        reports = []
        for name in names:
            bar = bars.add_task(name, total=1.0, said="")

            def on_page(stream: str, records: int, share: float | None, bar: object = bar) -> None:
                bars.update(bar, completed=share, said=f"{stream}: {records:,} records")  # type: ignore[arg-type]  # a TaskID

            reports.append(hub.sync(name, on_page))
            bars.update(bar, completed=1.0)
    if options.json:
        show.as_json({"connections": {report.connection: report for report in reports}})
    else:
        show.table(("connection", "stream", "records", "refused", "pages", "seconds", "trouble"), [
            (report.connection, each.stream, each.records, each.refusals, each.pages, round(each.seconds, 1),
             each.trouble or "")
            for report in reports for each in report.streams
        ])
        total = sum(each.records for report in reports for each in report.streams)
        show.line(f"synced {total:,} records. Next: steward evaluate")
    return int(any(each.trouble for report in reports for each in report.streams))
