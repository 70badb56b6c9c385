"""The accounts, those with the lowest health first, and all about one of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from steward.engine.freshness import freshen_row, why_unknown
from steward.engine.literals import show
from steward.facts.health import contributions
from steward.store import enrollments as store_enrollments
from steward.store import facts as store_facts
from steward.store import identity
from steward.store import outbox as store_outbox
from steward.views.enrollments import action_lines, enrollment_line
from steward.views.find import find_account, name_of, names_of, present, row_of
from steward.views.lines import AccountLine, AccountView, ContributionLine, FactLine

if TYPE_CHECKING:
    from steward.facts.scorecard import Scorecard
    from steward.model.facts import FactSpec
    from steward.store.database import Database

_LISTED = ("account_id", "account.name", "account.domain", "account.segment", "health.score", "renewal.days_left",
           "account.arr", "account.csm")


def accounts(db: Database, search: str = "", limit: int = 50, offset: int = 0) -> list[AccountLine]:
    """The accounts whose name or domain holds `search`, those with the lowest health first, unknown last."""
    with db.read() as tx:
        snapshot = store_facts.latest(tx)
        names = names_of(tx)
    if snapshot is None:
        return [AccountLine(each, name, None, None, None, None, None)
                for each, name in list(names.items())[offset:offset + limit] if search.casefold() in name.casefold()]
    lines = []
    for row in snapshot.frame.select(present(snapshot.frame, _LISTED)).iter_rows(named=True):
        name = str(row.get("account.name") or names.get(row["account_id"], ""))
        if search.casefold() in f"{name} {row.get('account.domain') or ''}".casefold():
            lines.append(AccountLine(
                row["account_id"], name, row.get("account.segment"), row.get("health.score"),
                row.get("renewal.days_left"), row.get("account.arr"), row.get("account.csm")))
    lines.sort(key=lambda line: (line.health is None, line.health, line.id))
    return lines[offset:offset + limit]


def account(
    db: Database, catalog: Mapping[str, FactSpec], scorecard: Scorecard, wanted: str, now: datetime,
) -> AccountView:
    """All about the account that `wanted` (our id, an id elsewhere, a domain or a name) means.

    Raises:
        ConfigError: there is no such account, or several.
    """
    with db.read() as tx:
        account_id = find_account(tx, wanted)
        row, known_at = row_of(tx, account_id)
        name = name_of(row, tx, account_id)
        found = store_enrollments.list_(tx, account_id=account_id)
        rows = store_outbox.list_(tx, account_id=account_id)
        fresh = freshen_row(row, catalog, now)
        lines = tuple(
            FactLine(spec.name, row.get(spec.name), show(row.get(spec.name), spec), row.get(f"as_of.{spec.group}"),
                     spec.group, why_unknown(row, spec, now))
            for spec in catalog.values() if spec.subject == "account")
        parts = tuple(
            ContributionLine(each.title, each.fact, each.gave if each.earned is not None else None, each.share * 100)
            for each in contributions({**row, **fresh}, scorecard))
        return AccountView(
            account_id, name, identity.external_ids(tx, [account_id]).get(account_id, {}), known_at, lines, parts,
            tuple(enrollment_line(each, name) for each in found), tuple(action_lines(tx, rows, {account_id: name})),
            tuple(store_enrollments.decisions(tx, account_id=account_id)))
