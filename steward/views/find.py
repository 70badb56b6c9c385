"""Which account is meant, its row of facts, its name: a word of a person or an id in, what is stored of it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from steward.model.errors import ConfigError
from steward.model.words import nearest
from steward.store import facts as store_facts
from steward.store import identity

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection as Transaction

    from steward.store.database import Database

NOTHING_DERIVED = "no facts are derived yet. Run: steward sync, then: steward evaluate"


def find_account(tx: Transaction, wanted: str) -> str:
    """The account that `wanted` means: our id, an id elsewhere, a domain or a name, in this order.

    Raises:
        ConfigError: there is no such account, or several.
    """
    if current := identity.current(tx, wanted):
        return current
    word = wanted.strip().casefold()
    if theirs := identity.known_as(tx, wanted):
        if len(theirs) > 1:
            raise ConfigError(f'"{wanted}" is the id of {len(theirs)} accounts in different systems: '
                              f'{", ".join(theirs[:5])}. Say which of these')
        return theirs[0]
    snapshot = store_facts.latest(tx)
    frame = snapshot.frame.select(present(snapshot.frame, ("account_id", "account.domain"))) if snapshot else None
    rows = frame.to_dicts() if frame is not None else []
    domains = {row["account_id"]: str(row.get("account.domain") or "") for row in rows}
    names = names_of(tx)
    for known in (domains, names):
        found = [account_id for account_id, text in known.items() if text and text.casefold() == word]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(f'"{wanted}" is the name of {len(found)} accounts: {", ".join(found[:5])}. Say which id')
    written = {name.casefold(): name for name in (*domains.values(), *names.values())}
    near = nearest(word, written)
    hint = f' Did you mean "{" ".join(written[near].split())}"?' if near else " See them with: steward accounts list"
    raise ConfigError(f'there is no account "{wanted}".{hint}')


def row_of(tx: Transaction, account_id: str) -> tuple[dict[str, Any], datetime]:
    """The facts of an account, and when they were known. Raises ConfigError where nothing is derived of it."""
    snapshot = store_facts.latest(tx, [account_id])
    if snapshot is None or snapshot.frame.is_empty():
        raise ConfigError(f'account "{account_id}": {NOTHING_DERIVED}')
    return snapshot.frame.row(0, named=True), snapshot.known_at


def name_of(row: Mapping[str, Any], tx: Transaction, account_id: str) -> str:
    return str(row.get("account.name") or names_of(tx, {account_id}).get(account_id, ""))


def account_names(db: Database, account_ids: set[str]) -> dict[str, str]:
    """The names of these accounts, by id."""
    with db.read() as tx:
        return names_of(tx, account_ids)


def names_of(tx: Transaction, account_ids: set[str] | None = None) -> dict[str, str]:
    """The names of the accounts named, else of all."""
    return {each.id: each.name for each in identity.accounts(tx, account_ids).values()}


def present(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """Those of `names` that are columns of `frame`."""
    return [name for name in names if name in frame.columns]
