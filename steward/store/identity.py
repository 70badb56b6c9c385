"""Identity: external ids in, our accounts out. An account id is ours for ever; merges only re-point external ids."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, select, update

from steward.model.records import Noun
from steward.store import bulk, recheck, review
from steward.store.database import alone
from steward.store.instants import from_text, to_text
from steward.store.matching import ExternalId, Group, Matches, Seen, match
from steward.store.names import normal_domain
from steward.store.schema import account, identity, kept_apart, match_review, record

Truth = Mapping[str, Sequence[str]]
"""`truth` of the settings: "account.name" -> connections, the one to believe first; "*": for all other fields."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What changed: accounts `new` and `merged` away, external ids `matched` to one, pairs put up for `review`."""

    new: int = 0
    merged: int = 0
    matched: int = 0
    renamed: int = 0
    review: int = 0


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account that stands; its name is the one that the sources of truth give."""

    id: str
    name: str
    created_at: datetime


def resolve(tx: Connection, now: datetime, truth: Truth | None = None, order: Sequence[str] = ()) -> Resolved:
    """Give every account record its account. Running it again changes nothing, and costs nothing.

    order: the connections as the settings list them; `truth` goes before it, for the names.
    """
    alone(tx, "identity")
    settings = recheck.as_mark(sorted((truth or {}).items()), list(order))
    if not recheck.is_needed(tx, settings):
        return Resolved()
    known = _Known.load(tx)
    seen = _seen(tx, order)
    matches = match(seen, known.account_of, known.ages(), known.absorbed(), known.apart)
    work = _Changes(known, matches, to_text(now))
    work.settle([each.id for each in seen])
    work.point_links()
    work.rename(seen, (truth or {}).get("account.name", ()), order)
    work.write(tx)
    doubts = [doubt for doubt in matches.doubts if matches.of[doubt.left] is not matches.of[doubt.right]]
    companies = work.companies(seen)
    added = review.propose(
        tx, companies, doubts, account_of=work.account_of, apart=known.apart, now=now, look_for=work.changed_names
    )
    recheck.done(tx, settings)
    return Resolved(len(work.minted), len(work.merged), work.matched, len(work.renamed), added)


def external_ids(tx: Connection, account_ids: Iterable[str] | None = None) -> dict[str, dict[str, str]]:
    """By account and connection, the external id; of several the one of a live record, then the smallest."""
    query = (
        select(identity.c.account_id, identity.c.connection, identity.c.external_id, record.c.deleted,
               record.c.merged_into)
        .outerjoin(record, (record.c.connection == identity.c.connection) & (record.c.noun == Noun.ACCOUNT.value)
                   & (record.c.external_id == identity.c.external_id))
    )
    rows = tx.execute(query if account_ids is None else query.where(
        identity.c.account_id.in_(bindparam("ids", expanding=True))
    ), {} if account_ids is None else {"ids": sorted(set(account_ids))}).fetchall()
    ranked = sorted((bool(row.deleted) or row.merged_into is not None, row.external_id, row) for row in rows)
    found: dict[str, dict[str, str]] = {}
    for _, external_id, row in ranked:
        found.setdefault(row.account_id, {}).setdefault(row.connection, external_id)
    return found


def live_ids(tx: Connection, connection: str) -> dict[str, str]:
    """By account, its external id in `connection` where a live record has it; of several the smallest."""
    found: dict[str, str] = {}
    for account_id, external_id in bulk.fetch(tx, """
        SELECT i.account_id, i.external_id FROM identity AS i
        JOIN record AS r ON r.connection = i.connection AND r.noun = 'account' AND r.external_id = i.external_id
        WHERE i.connection = ? AND r.deleted = 0 AND r.merged_into IS NULL ORDER BY i.external_id
    """, connection):
        found.setdefault(account_id, external_id)
    return found


def accounts(tx: Connection, account_ids: Iterable[str] | None = None) -> dict[str, AccountRow]:
    """Every account that was not merged away, by id."""
    wanted = None if account_ids is None else set(account_ids)
    rows = tx.execute(select(account).where(account.c.merged_into.is_(None))).fetchall()
    return {row.id: AccountRow(row.id, row.name, from_text(row.created_at))
            for row in sorted(rows, key=lambda row: str(row.id)) if wanted is None or row.id in wanted}


def count(tx: Connection) -> int:
    """How many accounts there are that were not merged away."""
    return tx.scalar(select(func.count()).select_from(account).where(account.c.merged_into.is_(None))) or 0


def current(tx: Connection, account_id: str) -> str | None:
    """The account that `account_id` is part of now: itself, or who it was merged into. None: there never was one."""
    row = tx.execute(select(account.c.id, account.c.merged_into).where(account.c.id == account_id)).first()
    while row is not None and row.merged_into is not None:
        row = tx.execute(select(account.c.id, account.c.merged_into).where(account.c.id == row.merged_into)).first()
    return None if row is None else str(row.id)


def account_of(tx: Connection, connection: str, external_id: str) -> str | None:
    """The account that `connection` knows by `external_id`."""
    return tx.scalar(select(identity.c.account_id).where(
        identity.c.connection == connection, identity.c.external_id == external_id
    ))


def known_as(tx: Connection, external_id: str) -> list[str]:
    """The accounts that any connection knows by `external_id`, sorted: two systems may number alike."""
    return sorted(set(tx.scalars(select(identity.c.account_id).where(identity.c.external_id == external_id))))


def ids_of(tx: Connection, account_id: str) -> list[ExternalId]:
    """Every (connection, external id) that is this account, sorted."""
    rows = tx.execute(select(identity.c.connection, identity.c.external_id).where(identity.c.account_id == account_id))
    return sorted((row.connection, row.external_id) for row in rows)


def mint(id_: ExternalId, taken: Container[str] = ()) -> str:
    """The account id that follows from the first external id: "acct_" and 12 letters or digits."""
    number = 1
    while True:
        source = f"{id_[0]}/{id_[1]}" + (f"/{number}" if number > 1 else "")
        # Twelve letters of base 32 are sixty bits: ten bytes are enough to be written.
        minted = "acct_" + base64.b32encode(hashlib.sha256(source.encode()).digest()[:10])[:12].decode().lower()
        if minted not in taken:
            return minted
        number += 1


def move(
    tx: Connection, ids: Sequence[ExternalId], account_id: str, how: str, now: str
) -> None:
    """Point external ids at `account_id`, from wherever they pointed before."""
    bulk.upsert(tx, identity, [(*id_, account_id, how, now) for id_ in sorted(ids)], _POINT)
    recheck.doubt(tx)


_POINT = """
    ON CONFLICT (connection, external_id) DO UPDATE SET
        account_id = excluded.account_id, how = excluded.how, matched_at = excluded.matched_at
"""


def _seen(tx: Connection, order: Sequence[str]) -> list[Seen]:
    """Every account record, of the best connection first."""
    rank = {connection: place for place, connection in enumerate(order)}
    rows = bulk.fetch(tx, """
        SELECT connection, external_id, deleted, merged_into, modified_at, body FROM record WHERE noun = 'account'
    """)
    rows.sort(key=lambda row: (rank.get(row[0], len(rank)), row[0], row[1]))
    return [_entry(*row) for row in rows]


def _entry(  # noqa: PLR0917  the columns of a row
    connection: str, external_id: str, deleted: int, merged_into: str | None, modified_at: str | None, body: str,
) -> Seen:
    values: dict[str, Any] = orjson.loads(body)
    links = tuple(sorted(
        (name.removeprefix("id_in."), value.strip()) for name, value in values.items()
        if name.startswith("id_in.") and 0 < len(value.strip()) <= 255 and value.isprintable()
    )) if '"id_in.' in body else ()
    return Seen(
        (connection, external_id), live=not deleted and merged_into is None, merged_into=merged_into,
        name=values.get("name", ""), domain=normal_domain(values.get("domain")),
        links=tuple([link for link in links if link[0] != connection]), modified_at=modified_at or "",
    )


@dataclass(slots=True)
class _Known:
    """The tables of identity as they are."""

    account_of: dict[ExternalId, str]
    how: dict[ExternalId, str]
    rows: dict[str, Any]
    apart: dict[ExternalId, set[str]]

    @classmethod
    def load(cls, tx: Connection) -> _Known:
        account_of: dict[ExternalId, str] = {}
        how: dict[ExternalId, str] = {}
        for connection, external_id, account_id, known_how in bulk.fetch(
                tx, "SELECT connection, external_id, account_id, how FROM identity"):
            account_of[connection, external_id] = account_id
            how[connection, external_id] = known_how
        apart: dict[ExternalId, set[str]] = {}
        for row in tx.execute(select(kept_apart)):
            apart.setdefault((row.connection, row.external_id), set()).add(row.account_id)
        return cls(account_of, how, {row.id: row for row in tx.execute(select(account))}, apart)

    def ages(self) -> dict[str, tuple[str, str]]:
        return {id_: (row.created_at, id_) for id_, row in self.rows.items()}

    def absorbed(self) -> dict[str, set[str]]:
        """By account that stands: all that were merged into it, at whatever remove."""
        found: dict[str, set[str]] = {}
        for id_ in self.rows:
            end = id_
            while self.rows[end].merged_into is not None:
                end = self.rows[end].merged_into
            if end != id_:
                found.setdefault(end, set()).add(id_)
        return found


class _Changes:
    """The difference between what is known and what was matched; written in a few statements, or none."""

    def __init__(self, known: _Known, matches: Matches, now: str) -> None:
        self.account_of = dict(known.account_of)
        self.minted: dict[str, str] = {}       # account -> name
        self.merged: dict[str, tuple[str, list[ExternalId]]] = {}
        self.renamed: dict[str, str] = {}
        self.how: dict[ExternalId, str] = {}   # of ids that are new or have moved
        self.matched = 0
        self._known = known
        self._matches = matches
        self._now = now

    @property
    def changed_names(self) -> bool:
        return bool(self.minted or self.renamed or self.merged)

    def settle(self, ids: Sequence[ExternalId]) -> None:
        """An account for each group that has a live record; what else the group had is merged into it."""
        place = {id_: number for number, id_ in enumerate(ids)}
        self._ids_of: dict[str, list[ExternalId]] = {}
        for id_, account_id in self._known.account_of.items():
            self._ids_of.setdefault(account_id, []).append(id_)
        for group in self._matches.groups():
            members = sorted(group.ids, key=place.__getitem__) if len(group.ids) > 1 else list(group.ids)
            founder = None
            if group.head is None:
                if not group.live:
                    continue
                founder = next(id_ for id_ in members if id_[0] in group.live)
                group.head = mint(founder, taken=self._known.rows)
                self.minted[group.head] = ""
            for id_ in members:
                if id_ not in self.account_of:
                    self._point(id_, group.head, "new" if id_ == founder else self._matches.how.get(id_, "id"))
            self._absorb(group)

    def _absorb(self, group: Group) -> None:
        head = group.head or ""
        losers = {self._known.account_of[id_] for id_ in group.ids if id_ in self._known.account_of}
        losers.discard(head)
        for loser in sorted(losers):
            ids = sorted(self._ids_of.get(loser, []))
            self.merged[loser] = (head, ids)
            for id_ in ids:
                self._point(id_, head, self._matches.how.get(id_, self._known.how[id_]))

    def point_links(self) -> None:
        """Ids without a record of their own, as a product's: they follow the record that names them."""
        for link, claimants in sorted(self._matches.pure.items()):
            owners = list(dict.fromkeys([self.account_of[claimant] for claimant in claimants]))
            mine = self.account_of.get(link)
            if mine not in owners and not (mine and self._known.how.get(link) == "person"):
                self._point(link, owners[0], "id")

    def _point(self, id_: ExternalId, account_id: str, how: str) -> None:
        if id_ not in self.account_of and how != "new":
            self.matched += 1
        self.account_of[id_] = account_id
        self.how[id_] = how

    def rename(self, seen: Sequence[Seen], first: Sequence[str], order: Sequence[str]) -> None:
        """The name that the source of truth gives; of two records there the one changed last."""
        best: dict[str, tuple[tuple[int, int, str], str, str]] = {}
        ranks = {name: _rank(name, first, order) for name in {each.id[0] for each in seen}}
        for each in seen:
            if not each.live or not each.name:
                continue
            account_id, rank = self.account_of[each.id], ranks[each.id[0]]
            held = best.get(account_id)
            if held is None or rank < held[0] or (rank == held[0] and each.modified_at > held[1]):
                best[account_id] = (rank, each.modified_at, each.name)
        for account_id, (_, _, name) in best.items():
            if account_id in self.minted:
                self.minted[account_id] = name
            elif account_id not in self.merged and self._known.rows[account_id].name != name:
                self.renamed[account_id] = name

    def companies(self, seen: Sequence[Seen]) -> Iterator[review.Company]:
        for each in seen:
            if each.live:
                yield review.Company(self.account_of[each.id], each)

    def write(self, tx: Connection) -> None:
        if self.minted:
            bulk.upsert(tx, account, [
                (id_, name, self._now, None, None) for id_, name in sorted(self.minted.items())], "")
        for account_id, name in sorted(self.renamed.items()):
            tx.execute(update(account).where(account.c.id == account_id).values(name=name))
        for loser, (survivor, ids) in sorted(self.merged.items()):
            mark_merged(tx, loser, survivor, ids)
        bulk.upsert(tx, identity, [
            (*id_, self.account_of[id_], how, self._now) for id_, how in sorted(self.how.items())], _POINT)


def mark_merged(tx: Connection, loser: str, survivor: str, ids: Sequence[ExternalId]) -> None:
    """Note that `loser` is part of `survivor` now, and which ids it had, so that it can be undone."""
    tx.execute(update(account).where(account.c.id == loser).values(
        merged_into=survivor, merged_ids=orjson.dumps(ids).decode()
    ))
    tx.execute(delete(match_review).where(
        match_review.c.state == "open",
        (match_review.c.left_account_id == loser) | (match_review.c.right_account_id == loser),
    ))


def _rank(connection: str, first: Sequence[str], order: Sequence[str]) -> tuple[int, int, str]:
    """Smaller is better: as `truth` says, else as the settings list connections, else by name."""
    if connection in first:
        return (0, list(first).index(connection), connection)
    return (1, list(order).index(connection) if connection in order else len(order), connection)
