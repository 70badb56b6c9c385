"""The facts of everybody who may be looked at: accounts, or contacts and opportunities with all facts of their account.

Few subjects are rows, which closures read in microseconds; many are frames. Frames are sorted by their key, so that a
few rows of a million are found by bisection and nobody who stays becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from steward.engine.answers import Answers, answered
from steward.engine.freshness import freshen, freshen_row
from steward.engine.language import Playbook, Subject
from steward.engine.sweep import Swept, sweep, sweep_rows
from steward.model.facts import FactSpec
from steward.pipeline.reading import Rest
from steward.pipeline.rows import Row, rows_of
from steward.store import facts

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

FEW = 16                                    # up to so many subjects, closures are faster than a frame
MANY = 2000                                 # so many are looked for in their order
_KEYS = ("account_id", "subject_id", "connection", "external_id")


class Brief(NamedTuple):
    """What gates and calendars ask about an account, stale or not: who asked for quiet still has."""

    do_not_contact: bool | None = None
    owner: str | None = None
    owner_zone: str | None = None
    zone: str | None = None
    arr: float | None = None
    family: str | None = None
    parent: str | None = None
    row: int | None = None                  # its place in the frame of accounts


OWNER = "account.csm_email"
BRIEF = ("account.do_not_contact", OWNER, "account.csm_timezone", "account.timezone", "account.arr",
          "account.family", "account.parent")
NOBODY = Brief()


@dataclass
class Seen:
    """One kind of subject. `frame`: as it is stored, sorted by `key`; `fresh`: what is stale is null."""

    frame: pl.DataFrame
    key: str
    catalog: Mapping[str, FactSpec]
    now: datetime
    asked: Collection[str]                  # the facts that conditions read
    playbooks: Sequence[Playbook] = ()      # those that enrol this kind, all asked at once
    rest: Rest | None = None                # reads what is not in `frame`

    def __post_init__(self) -> None:
        self._answers: Answers | None = None
        self.ids: pl.Series = self.frame[self.key]
        self._stored: dict[str, Row] = {}
        self._known: dict[str, Row] = {}
        self.few = self.frame.height <= FEW
        if self.few:
            self._stored = {row[self.key]: row for row in self.frame.iter_rows(named=True)}
            self._known = {each: self._fresh_row(row) for each, row in self._stored.items()}
        else:
            wanted = [name for name in self.frame.columns if name in self.asked or name in _KEYS
                      or name.startswith("as_of.")]
            self.fresh = freshen(self.frame.select(wanted), self.asked, self.catalog, self.now)

    def read(self, names: Collection[str]) -> None:
        """Let conditions read these facts too: an older version in flight asks what no live one does."""
        if self.few:
            return
        self._read_more(names)
        more = {name for name in names if name not in self.asked and name in self.frame.columns}
        if not more:
            return
        columns = [name for name in self.frame.columns if name in more or name.startswith("as_of.")]
        added = freshen(self.frame.select(columns), more, self.catalog, self.now)
        self.asked = {*self.asked, *more}
        self.fresh = self.fresh.with_columns(added[name] for name in sorted(more) if name not in self.fresh.columns)

    def sweep(self, playbook: Playbook, opened: pl.DataFrame, asked: Collection[str] = ()) -> Swept:
        """Who must be looked at; `opened` as `steward.engine.sweep.OPENED`, with `row`."""
        if not self.few:
            if self._answers is None:
                self._answers = answered(self.fresh, self.playbooks)
            return sweep(playbook, self.fresh, opened, self.now, asked, self._answers)
        standing = set(opened["subject_id"])
        found = sweep_rows(playbook, self._known.values(), standing, asked)
        flying = opened.filter(pl.col("state").is_in(["active", "recovering"]), pl.col("version") != playbook.version)
        others = set(flying["subject_id"])
        looks = {each: seen for each, seen in found.looks.items() if each not in others}
        return Swept(looks, found.waiting, tuple(sorted(standing - self._known.keys())))

    def sweep_only(self, playbook: Playbook, opened: pl.DataFrame) -> Swept:
        """The same for those of `opened` alone, as another version of the playbook sees them; nobody enters."""
        ids = opened["subject_id"].to_list()
        rows = [self._known[each] for each in ids if each in self._known] if self.few else []
        if not self.few:
            here = opened.filter(pl.col("row").is_not_null()).sort("row")
            part = self.fresh[here["row"]]
            return sweep(playbook, part, here.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row")),
                         self.now)
        return sweep_rows(playbook, rows, set(ids))

    def places(self, ids: pl.Series) -> pl.Series:
        """The row of each id, null where there is none."""
        if self.ids.is_empty():
            return pl.Series("row", [None] * ids.len(), dtype=pl.UInt32)
        if ids.len() < MANY or ids.is_sorted():
            return self._bisected(ids)
        order = ids.arg_sort().to_numpy()   # one after the other, the same parts of the frame are looked at
        back = np.empty(order.size, dtype=np.uint32)
        back[order] = np.arange(order.size, dtype=np.uint32)
        return self._bisected(ids[order])[back]

    def _bisected(self, ids: pl.Series) -> pl.Series:
        found = self.ids.search_sorted(ids).cast(pl.UInt32)
        inside = found.clip(0, self.ids.len() - 1)
        return pl.select(pl.when((found < self.ids.len()) & (self.ids[inside] == ids)).then(found))[:, 0].alias("row")

    def stored(self, ids: Iterable[str]) -> Mapping[str, Row]:
        """The rows of these as they are stored, clauses say what is stale."""
        return self._stored if self.few else self._rows(ids)

    def known(self, ids: Iterable[str]) -> Mapping[str, Row]:
        """All that is known of these; what is stale is None."""
        return self._known if self.few else self._rows(ids, fresh=True)

    def accounts(self, ids: Iterable[str]) -> Mapping[str, str]:
        """Whose each subject is."""
        if self.key == "account_id":
            return {each: each for each in ids}
        return {each: row["account_id"] for each, row in self.stored(ids).items()}

    def briefs(self, ids: Iterable[str]) -> dict[str, Brief]:
        """What gates ask about these accounts."""
        if self.few:
            rows, at = self._stored, list(self._stored)
            return {each: Brief._make([*(rows[each].get(name) for name in BRIEF), at.index(each)])
                    for each in ids if each in rows}
        places = self._places_of(ids)
        cells = [self.frame[name][places].to_list() if name in self.frame.columns else [None] * places.len()
                 for name in BRIEF]
        briefs = map(Brief._make, zip(*cells, places.to_list(), strict=True))
        return dict(zip(self.ids[places].to_list(), briefs, strict=True))

    def _rows(self, ids: Iterable[str], *, fresh: bool = False) -> Mapping[str, Row]:
        places = self._places_of(ids)
        keys = self.ids[places].to_list()

        others: dict[str, pl.Series] = {}   # of these, what is not in the frame

        def column(name: str) -> pl.Series | None:
            if name in self.frame.columns:
                return self.frame[name][places]
            if name not in others and self.rest is not None:
                others.update({each.name: each for each in self.rest.of(keys, name)})
            return others.get(name)

        def cells(name: str) -> list[Any] | None:
            found = column(name)
            if found is None or name not in self.catalog or not fresh:
                return None if found is None else found.to_list()
            dates = column(f"as_of.{self.catalog[name].group}")
            dated = pl.DataFrame([found] if dates is None else [found, dates])
            return freshen(dated, (name,), self.catalog, self.now)[name].to_list()

        names = frozenset(self.frame.columns)
        return rows_of(keys, names if self.rest is None else names | self.rest.names, cells)

    def _read_more(self, names: Collection[str]) -> None:
        absent = sorted(set(names) - {*self.frame.columns})
        if self.rest is not None and absent:
            added = self.rest.of_all(absent)
            self.frame = self.frame.with_columns(each for each in added if each.name not in self.frame.columns)

    def _places_of(self, ids: Iterable[str]) -> pl.Series:
        return self.places(pl.Series(sorted(set(ids)), dtype=pl.String)).drop_nulls()

    def _fresh_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        fresh = freshen_row(row, self.catalog, self.now)
        return {**{name: row[name] for name in _KEYS if name in row}, **fresh,
                **{name: value for name, value in row.items() if name.startswith("as_of.")}}


class Frames:
    """Every kind of subject that the playbooks enrol, each read once."""

    def __init__(  # noqa: PLR0917  # `evaluate` makes it
        self, tx: Transaction, accounts: pl.DataFrame, playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec],
        now: datetime, account_ids: Sequence[str] | None, rest: Rest | None = None,
    ) -> None:
        self._tx, self._whole = tx, account_ids is None
        asked: dict[Subject, set[str]] = {subject: set() for subject in Subject}
        for each in playbooks:
            asked[each.subject] |= each.facts() | set(each.holdout.by)
        frame = accounts if accounts["account_id"].is_sorted() else accounts.sort("account_id")
        of_kind = {subject: [each for each in playbooks if each.subject is subject] for subject in Subject}
        self.accounts = Seen(
            frame, "account_id", catalog, now, asked[Subject.ACCOUNT], of_kind[Subject.ACCOUNT], rest)
        self._seen = {Subject.ACCOUNT: self.accounts}
        for subject in {each.subject for each in playbooks} - {Subject.ACCOUNT}:
            own = facts.subjects(tx, subject.value, account_ids)
            if own is not None:
                joined = _with_account(own, frame)
                self._seen[subject] = Seen(joined, "subject_id", catalog, now, asked[subject], of_kind[subject])
        self._briefs: dict[str, Brief] = {}

    def of(self, subject: Subject) -> Seen | None:
        """Of one kind; None where nothing was ever derived of it."""
        return self._seen.get(subject)

    def briefs(self, account_ids: Iterable[str]) -> Mapping[str, Brief]:
        """What gates ask about these accounts; those that nobody knows are left out."""
        wanted = [each for each in dict.fromkeys(account_ids) if each not in self._briefs]
        if wanted:
            self._briefs.update(self.accounts.briefs(wanted))
        return self._briefs

    def accounts_of(self, opened: pl.DataFrame) -> pl.Series:
        """The places of the accounts of these open enrollments, those that are there. With `row`: those places of the
        subjects among the accounts that are known already."""
        if "row" not in opened.columns:
            return self.accounts.places(opened["account_id"]).drop_nulls()
        others = opened.filter(pl.col("row").is_null())
        return opened["row"].drop_nulls().append(self.accounts.places(others["account_id"]).drop_nulls())

    def by_owner(self, rows: pl.Series) -> dict[str, int]:
        """How often each owner has an account of these places, by e-mail; "" is nobody."""
        if OWNER not in self.accounts.frame.columns:
            return {"": rows.len()} if rows.len() else {}
        owners = self.accounts.frame[OWNER][rows].value_counts()
        return {str(owner or ""): count for owner, count in owners.iter_rows()}

    def lineage(self, account_id: str) -> tuple[str, ...]:
        """The account, its parent, the parent's parent and so on."""
        line = [account_id]
        while (parent := self.brief(line[-1]).parent) and parent not in line:
            line.append(parent)
        return tuple(line)

    def fetch_lines(self, account_ids: Iterable[str]) -> None:
        """Read in one go what `lineage` of these will ask."""
        ahead = set(account_ids)
        while ahead:
            self.fetch(ahead)
            ahead = {parent for each in ahead if (parent := self._briefs[each].parent)} - self._briefs.keys()

    def fetch(self, account_ids: Collection[str]) -> None:
        """Read in one go what gates ask about accounts, whether or not this run looks at them."""
        known = self.briefs(account_ids)
        missing = [each for each in account_ids if each not in known]
        if not missing:
            return
        snapshot = None if self._whole else facts.latest(self._tx, missing, BRIEF)
        rows = snapshot.frame.iter_rows(named=True) if snapshot else iter(())
        found = {row["account_id"]: Brief(*(row.get(name) for name in BRIEF)) for row in rows}
        self._briefs.update({each: found.get(each, NOBODY) for each in missing})

    def brief(self, account_id: str) -> Brief:
        """What gates ask about an account, whether or not this run looks at it."""
        if account_id not in self._briefs:
            self.fetch((account_id,))
        return self._briefs[account_id]


def _with_account(own: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The subjects with the facts of their account; a group that both have is as old as the older of them."""
    both = [name for name in own.columns if name in accounts.columns and name != "account_id"]
    joined = own.join(accounts, on="account_id", how="inner", suffix=" of the account")
    older = [pl.min_horizontal(name, f"{name} of the account").alias(name)
             for name in both if name.startswith("as_of.")]
    return joined.with_columns(older).drop(f"{name} of the account" for name in both).sort("subject_id")
