"""`steward sync`: pull what changed, how that stands, and how far it agrees with the sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options
from steward.model.errors import ConfigError

if TYPE_CHECKING:
    from steward.pipeline.audit import AuditReport
    from steward.pipeline.sync import SyncReport
    from steward.store.refusals import Refused
    from steward.wiring import Hub

_MOST_SHOWN = 20


def pull(*connections: str, options: Options = DEFAULT) -> int:
    """Pull what changed from CONNECTIONS (all, where none is named)."""
    from steward.wiring import open_hub

    with open_hub(options.config) as hub, show.progress(options.json) as bars:
        names = _readable(hub, connections, options)
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


def status(*connections: str, options: Options = DEFAULT) -> int:
    """Where each stream of CONNECTIONS (all, where none is named) stands, what is refused, what changed of late."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        names = _readable(hub, connections, options)
        found = views.sync_status(hub.db, hub.clock(), names)
        aside = views.count_aside(hub.db)
        usage = {(name, stream) for name in names
                 for stream, each in hub.connectors[name].streams.items() if each.usage}   # days, which nobody counts
    if options.json:
        show.as_json(found)
        return 0
    show.table(("connection", "stream", "records", "refused", "stored up to", "trouble"), [
        (each.connection, each.stream, "" if (each.connection, each.stream) in usage else each.records, each.refused,
         f"{each.watermark:%Y-%m-%d %H:%M}" if each.watermark else "", each.trouble) for each in found.streams])
    if found.refusals:
        show.line(f"\nRefused: {len(found.refusals):,} rows, asked for again with each sync.")
        show.table(("connection", "row", "tries", "since", "why"), [
            (each.connection, each.where, each.attempts, f"{each.since:%Y-%m-%d %H:%M}",
             _why(each)) for each in found.refusals[:_MOST_SHOWN]])
        _left(len(found.refusals), options)
    if found.notices:
        show.line("\nChanged in the last seven days, the latest first:")
        show.table(("at", "connection", "about", "what", "how"), [
            (f"{each.at:%Y-%m-%d %H:%M}", each.connection, each.subject, each.what.value.replace("_", " "), each.said)
            for each in found.notices[:_MOST_SHOWN]])
        _left(len(found.notices), options)
    if aside:
        show.line(f"\nWebhook calls that could not be worked off: {aside:,}. See why with: {options.command('calls')}")
    troubled = len([each for each in found.streams if each.trouble])
    show.line(f"{len(found.streams)} streams, {troubled} in trouble, {len(found.refusals):,} rows refused, "
              f"{len(found.drift)} changes of schema in seven days. Next: {options.command('sync audit')}")
    return 0


def audit(
    *connections: str, stream: Annotated[str, Parameter(help="Only this stream.")] = "",
    sample: Annotated[int | None, Parameter(help="So many stored records of each stream, instead of all.")] = None,
    options: Options = DEFAULT,
) -> int:
    """Read the sources of CONNECTIONS (all, where none is named) afresh and compare each field with what is stored."""
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        names = _readable(hub, connections, options)
        if stream and len(names) > 1 and not connections:
            names = [name for name in names if stream in hub.connectors[name].streams] or names
        reports = [hub.audit(name, [stream] if stream else None, sample) for name in names]
    if options.json:
        show.as_json({"connections": {each.connection: _as_json(each) for each in reports}})
    else:
        for report in reports:
            _tell_audit(report, options)
    return int(not all(report.is_well for report in reports))


def reconcile(
    connection: Annotated[str, Parameter(help="Its name in steward.yaml.")], *,
    stream: Annotated[str, Parameter(help="Only this stream.")] = "",
    confirm: Annotated[bool, Parameter(negative="", help="So many are gone as it says: believe it.")] = False,
    options: Options = DEFAULT,
) -> int:
    """Read CONNECTION whole; what it has no more is deleted here too. Where much is gone at once, it only says so."""
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        done = hub.reconcile(connection, [stream] if stream else None, confirmed=confirm)
    if options.json:
        show.as_json(done)
        return int(not done.is_well)
    show.table(("stream", "records", "gone at the source", "trouble"), [
        (each.stream, each.live, each.gone, "held: too many at once" if each.held else each.trouble)
        for each in done.streams])
    held = sum(each.gone for each in done.streams if each.held)
    gone = sum(each.gone for each in done.streams if not each.held)
    again = f"sync reconcile {connection} --confirm"
    show.line(f"{gone:,} records are gone and were let go" + (
        f"; {held:,} more are held, as so many at once look like a broken source. If they are gone: "
        f"{options.command(again)}" if held else f". Next: {options.command('evaluate')}"))
    return int(not done.is_well)


def _readable(hub: Hub, connections: Sequence[str], options: Options) -> list[str]:
    """The connections named, else all that have something to read. Raises ConfigError where there is none."""
    for name in connections:
        hub.connection(name)                # a name that is wrong, or its settings, before anything is pulled
    names = list(connections) or [name for name, known in hub.connectors.items() if known.streams]
    if not names:
        raise ConfigError(f'"{options.config}" names no connection to pull from. Fill in `connections` there.')
    return names


def _why(refused: Refused) -> str:
    return f"{refused.field}: {refused.reason}" if refused.field else refused.reason


def _left(number: int, options: Options) -> None:
    if number > _MOST_SHOWN:
        show.line(f"and {number - _MOST_SHOWN:,} more: {options.command('sync status')} --json")


def _tell_audit(report: AuditReport, options: Options) -> None:
    from steward.pipeline.audit import GOAL, REASONS

    show.table(("connection", "stream", "records", "values", "agree", "least", "trouble"), [
        (report.connection, each.stream, each.records, each.compared.total(), _percent(each.ratio),
         _least(each.compared, each.agreed), each.trouble) for each in report.streams])
    for each in report.streams:
        for one in each.examples:
            show.line(f"{each.stream} {one.external_id} {one.field}: there {one.theirs!r}, here {one.ours!r}: "
                      f"{REASONS[one.reason]}")
    reasons = sum((each.reasons for each in report.streams), Counter[str]())
    why = "".join(f"; {number:,} {reason.replace('_', ' ')}" for reason, number in reasons.most_common())
    of = f" (of {report.sampled} records a stream)" if report.sampled else ""
    show.line(f"{report.connection}: {_percent(report.ratio)} of {sum(e.compared.total() for e in report.streams):,} "
              f"values agree{of}{why}. " + (
                  "" if report.is_well else f"That is below {_percent(GOAL)} in a stream, or one cannot be read. ")
              + f"Next: {options.command('evaluate' if report.is_well else 'sync status')}")


def _percent(ratio: float | None) -> str:
    """Rounded down: what is not whole is never shown as 100 %."""
    return "nothing" if ratio is None else f"{int(ratio * 10_000) / 100:g} %"


def _least(compared: Counter[str], agreed: Counter[str]) -> str:
    """The field that agrees least, where one does not wholly."""
    worst = min(compared, key=lambda name: agreed[name] / compared[name], default="")
    return f"{worst} {_percent(agreed[worst] / compared[worst])}" if worst and agreed[worst] < compared[worst] else ""


def _as_json(report: AuditReport) -> dict[str, object]:
    return {
        "agreement": report.ratio, "sampled": report.sampled, "streams": {
            each.stream: {
                "records": each.records, "values": each.compared.total(), "agreement": each.ratio,
                "fields": {name: each.agreed[name] / number for name, number in sorted(each.compared.items())},
                "reasons": dict(each.reasons), "examples": each.examples, "trouble": each.trouble,
            } for each in report.streams},
    }
