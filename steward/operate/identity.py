"""What a person may say about which accounts are one: the person has the last word over the machine."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from steward.model.errors import StewardError
from steward.model.words import meant
from steward.store import audit, identity, merging, review
from steward.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction


def merge(db: Database, left: str, right: str, by: str, now: datetime) -> None:
    """The two accounts are one, called `left` from now on.

    Raises:
        StewardError: one of them is not an account that stands.
    """
    with db.write() as tx:
        _must_be_known(tx, (left, right))
        if left != right and identity.current(tx, right) == left:
            return
        merging.merge(tx, left, right, by, now)
        audit.write(tx, now, by, "merge", left, {"merged": right})


def keep_apart(db: Database, left: str, right: str, by: str, now: datetime) -> None:
    """The two accounts are two: a merge of them is undone and stays undone, and none is proposed again.

    Raises:
        StewardError: there is no such account.
    """
    with db.write() as tx:
        _must_be_known(tx, (left, right))
        holder = {name: identity.current(tx, name) for name in (left, right)}
        if left != right and holder[left] == holder[right]:
            loser = right if holder[right] != right else left
            merging.unmerge(tx, loser, by, now)
            audit.write(tx, now, by, "unmerge", loser, {"from": holder[loser]})
            return
        if any({left, right} == {each.left, each.right} for each in review.list_(tx, "refused")):
            return
        merging.refuse(tx, left, right, by, now)
        audit.write(tx, now, by, "keep_apart", left, {"other": right})


def _must_be_known(tx: Transaction, account_ids: Iterable[str]) -> None:
    for account_id in account_ids:
        if identity.current(tx, account_id) is None:
            raise StewardError(f'there is no account "{account_id}"{meant(account_id, identity.accounts(tx))}')
