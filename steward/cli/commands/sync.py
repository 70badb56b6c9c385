"""`steward sync`: pull what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from steward.cli import show
from steward.cli.options import DEFAULT, Options
from steward.model.errors import ConfigError

if TYPE_CHECKING:
    from steward.pipeline.sync import SyncReport


def sync(*connections: str, options: Options = DEFAULT) -> int:
    """Pull what changed from CONNECTIONS (all, where none is named)."""
    from steward.wiring import open_hub

    with open_hub(options.config) as hub, show.progress(options.json) as bars:
        names = connections or [name for name, known in hub.connectors.items() if known.streams]
        if not names:
            raise ConfigError(f'"{options.config}" names no connection to pull from. Fill in `connections` there.')
        for name in names:
            hub.connection(name)            # a name that is wrong, or its settings, before anything is pulled
        reports = []
        for name in names:
            bar = bars.add_task(name, total=1.0, said="")

            def on_page(stream: str, records: int, share: float | None, bar: object = bar) -> None:
                bars.update(bar, completed=share, said=f"{stream}: {records:,} records")  # type: ignore[arg-type]  # a TaskID

            reports.append(hub.sync(name, on_page))
            bars.update(bar, completed=1.0)
    troubled = [report.connection for report in reports if any(each.trouble for each in report.streams)]
    if options.json:
        show.as_json({"connections": {report.connection: report for report in reports}})
    else:
        _tell(reports, troubled, options)
    return int(bool(troubled))


def _tell(reports: Sequence[SyncReport], troubled: Sequence[str], options: Options) -> None:
    show.table(("connection", "stream", "records", "refused", "pages", "seconds"), [
        (report.connection, each.stream, each.records, each.refusals, each.pages, round(each.seconds, 1))
        for report in reports for each in report.streams if not each.trouble
    ])
    for report in reports:
        for text, streams in _troubles(report).items():
            show.line(text + ("" if len(streams) == len(report.streams) else f" (streams: {', '.join(streams)})"))
    total = sum(each.records for report in reports for each in report.streams)
    refused = sum(each.refusals for report in reports for each in report.streams)
    following = options.command(f"connector check {' '.join(troubled)}" if troubled else "evaluate")
    show.line(f"synced {total:,} records from {len(reports) - len(troubled)} of {len(reports)} connections"
              + (f", {refused:,} refused" if refused else "") + f". Next: {following}")


def _troubles(report: SyncReport) -> dict[str, list[str]]:
    """The streams that each trouble stopped; what stopped the first stream stops those after it."""
    found: dict[str, list[str]] = {}
    for each in report.streams:
        if each.trouble:
            found.setdefault(each.trouble.removeprefix("not tried: "), []).append(each.stream)
    return found
