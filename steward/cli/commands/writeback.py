"""`steward writeback`: which of our facts would be written into other systems, and where those written stand."""

from __future__ import annotations

from steward.cli import show
from steward.cli.options import DEFAULT, AtMost, Options


def writeback(*, limit: AtMost = 10, options: Options = DEFAULT) -> int:
    """What the next `evaluate` would write into other systems, by `writeback` of steward.yaml. Writes nothing."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        report = hub.write_back(dry=True)
        changes = [change for each in report.fields for change in each.changes]
        names = views.account_names(hub.db, {each.account_id for each in changes[:limit]})
    if options.json:
        show.as_json(report)
        return 1 if report.wrong else 0
    for wrong in report.wrong:
        show.line(wrong)
    if not report.fields:
        show.line(f"nothing is written back. Name facts and fields in `writeback` of {options.config}.")
        return 1 if report.wrong else 0
    show.table(("connection", "fact", "field", "now", "later", "on the way", "unchanged", "not known", "refused"), [
        (each.connection, each.fact, each.field, len(each.changes), each.later, each.on_the_way, each.unchanged,
         each.unknown, each.failed)
        for each in report.fields
    ])
    if changes:
        show.table(("account", "field", "stands there", "would be"), [
            (names.get(each.account_id, each.account_id), f"{each.connection} {each.field}",
             "-" if each.before is None else each.before, each.value or "(empty)")
            for each in changes[:limit]
        ])
    for each in report.fields:
        if each.unproven and each.failed:
            show.line(f"{each.connection} took none of the first values for {each.field}: no more are sent. See why "
                      f"with {options.command('outbox list --state failed')}")
    show.line(f"{len(changes):,} values would be written. Next: {options.command('evaluate')}")
    return 1 if report.wrong else 0
