"""`steward accounts`: the accounts, and one of them."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options


def list_(
    *, limit: Annotated[int, Parameter(help="At most so many.")] = 50,
    search: Annotated[str, Parameter(help="Part of a name or domain.")] = "", options: Options = DEFAULT,
) -> int:
    """The accounts, those with the lowest health first."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.accounts(hub.db, search=search, limit=limit)
    if options.json:
        show.as_json({"accounts": rows})
        return 0
    show.table(("account", "name", "segment", "health", "renews in days", "ARR"), [
        (each.id, each.name, each.segment or "", _or_unknown(each.health), _or_unknown(each.renewal_days_left),
         _or_unknown(each.arr))
        for each in rows
    ])
    return 0


def show_(account: str, *, options: Options = DEFAULT) -> int:
    """ACCOUNT (our id, a domain or a name): its ids elsewhere, its facts, its enrollments."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        found = views.account(hub.db, hub.catalog, hub.scorecard, account, hub.clock())
    if options.json:
        show.as_json(found)
        return 0
    show.line(f"{found.id}  {found.name}")
    show.table(("known as", "in"), [(external, name) for name, external in found.external_ids.items()])
    show.line("")
    show.table(("fact", "value", "as of", "from"), [
        (each.name, each.text, f"{each.as_of:%Y-%m-%d %H:%M}" if each.as_of else "", each.group) for each in found.facts
    ])
    if found.contributions:
        show.line("\nhealth score, part by part:")
        show.table(("measure", "points", "weight"), [
            (each.measure, _or_unknown(each.points), each.weight) for each in found.contributions
        ])
    if found.enrollments:
        show.line("")
        show.table(("enrollment", "state", "since", "reason"), [
            (each.id, each.state, f"{each.since:%Y-%m-%d %H:%M}", each.reason) for each in found.enrollments
        ])
    return 0


def _or_unknown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"
