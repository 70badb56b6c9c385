"""`steward accounts`: the accounts, and one of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, AtMost, Options

if TYPE_CHECKING:
    from steward.views import AccountView, ActionLine, FactLine

_DETAIL = re.compile(r"usage\.\w+\.(?!change_28d$|avg_28d$)\w+")


def list_(
    *, limit: AtMost = 50, search: Annotated[str, Parameter(help="Part of a name or domain.")] = "",
    options: Options = DEFAULT,
) -> int:
    """The accounts, those with the lowest health first."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.accounts(hub.db, search=search, limit=limit)
    if options.json:
        show.as_json({"accounts": rows})
        return 0
    if not rows:
        show.line(f'no account\'s name or domain holds "{search}".' if search
                  else f"there are no accounts yet. Next: {options.command('sync')}")
        return 0
    show.table(("account", "name", "segment", "health", "renews in days", "ARR"), [
        (each.id, each.name, each.segment or "", _or_unknown(each.health), _or_unknown(each.renewal_days_left),
         _or_unknown(each.arr))
        for each in rows
    ])
    more = f" (more with --limit {limit * 10})" if len(rows) == limit else ""
    show.line(f"{len(rows)} accounts, the lowest health first{more}. "
              f"Next: {options.command(f'accounts show {rows[0].id}')}")
    return 0


def show_(
    account: str, *,
    all_: Annotated[bool, Parameter(name="--all", negative="", help="Every fact, known or not.")] = False,
    options: Options = DEFAULT,
) -> int:
    """ACCOUNT (our id, a domain or a name): its ids elsewhere, its enrollments, what was done, its facts."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        found = views.account(hub.db, hub.catalog, hub.scorecard, account, hub.clock())
    if options.json:
        show.as_json(found)
        return 0
    elsewhere = "   ".join(f"{connection} {external}" for connection, external in found.external_ids.items())
    show.line(show.word(f"{found.id}  {found.name}   {elsewhere}"))
    _happened(found)
    _score(found)
    _facts(found, all_)
    show.line(f"Next: {options.command(f'explain {found.id}')}")
    return 0


def _happened(found: AccountView) -> None:
    if found.enrollments:
        show.line("")
        show.table(("enrollment", "state", "since", "reason", "acknowledged by"), [
            (each.id, each.state, f"{each.since:%Y-%m-%d %H:%M}", each.reason, each.acknowledged_by or "")
            for each in found.enrollments
        ])
    if found.actions:
        show.line("")
        show.table(("action", "to", "connection", "state", "when", "where"), [
            (each.kind, each.to, each.connection, each.state, _when(each), each.url or each.external_id or "")
            for each in found.actions
        ])


def _when(action: ActionLine) -> str:
    return f"{action.done_at or action.due_at:%Y-%m-%d %H:%M}"


def _score(found: AccountView) -> None:
    if found.contributions:
        show.line("")
        show.table(("health score, part by part", "points", "of"), [
            (each.measure, show.UNKNOWN if each.points is None else round(each.points, 1), round(each.weight, 1))
            for each in found.contributions
        ])


def _facts(found: AccountView, every: bool) -> None:
    chosen = [each for each in found.facts if every or (not each.why and not _DETAIL.fullmatch(each.name))]
    show.line("")
    show.table(("fact", "value", "as of", "from"), [
        (each.name, _value(each), f"{each.as_of:%Y-%m-%d %H:%M}" if each.as_of else "", each.group)
        for each in chosen
    ])
    unknown = sum(bool(each.why) for each in found.facts)
    left_out = "" if every else f", {len(chosen)} shown; the others with --all"
    show.line(f"{len(found.facts)} facts, {unknown} unknown{left_out}.")


def _value(fact: FactLine) -> str:
    if not fact.why:
        return fact.text
    return f"unknown: {fact.why}" if fact.value is None else f"{fact.text}, but unknown: {fact.why}"


def _or_unknown(value: float | None) -> int | str:
    return show.UNKNOWN if value is None else round(value)
