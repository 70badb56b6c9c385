"""The facts of everybody who may be looked at: accounts, or contacts and opportunities with all facts of their account.

Few subjects are rows, which closures read in microseconds; many are frames. Frames are sorted by their key, so that a
few rows of a million are found by bisection and nobody who stays becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from steward.engine.answers import Answers, answered
from steward.engine.expression import facts_of
from steward.engine.freshness import freshen, freshen_row
from steward.engine.language import Playbook, Subject
from steward.engine.sweep import Swept, sweep, sweep_rows
from steward.model.facts import FactSpec
from steward.store import facts

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

FEW = 16                                    # up to so many subjects, closures are faster than a frame
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


OWNER = "account.csm_email"
_BRIEF = ("account.do_not_contact", OWNER, "account.csm_timezone", "account.timezone", "account.arr",
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

    def __post_init__(self) -> None:
        self._answers: Answers | None = None
        self.ids: pl.Series = self.frame[self.key]
        self._stored: dict[str, dict[str, Any]] = {}
        self._known: dict[str, dict[str, Any]] = {}
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
        more = {name for name in names if name not in self.asked and name in self.frame.columns}
        if self.few or not more:
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
        found = self.ids.search_sorted(ids).cast(pl.UInt32)
        inside = found.clip(0, self.ids.len() - 1)
        return pl.select(pl.when((found < self.ids.len()) & (self.ids[inside] == ids)).then(found))[:, 0].alias("row")

    def stored(self, ids: Iterable[str], names: Collection[str] | None = None) -> Mapping[str, dict[str, Any]]:
        """The rows of these as they are stored, clauses say what is stale; `names`: the only facts that matter."""
        if self.few:
            return self._stored
        columns = [name for name in self.frame.columns
                   if names is None or name in names or name in _KEYS or name.startswith("as_of.")]
        return {row[self.key]: row for row in self._chosen(ids, columns).iter_rows(named=True)}

    def known(self, ids: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        """All that is known of these; what is stale is None."""
        if self.few:
            return self._known
        chosen = self._chosen(ids, self.frame.columns)
        fresh = freshen(chosen, self.catalog, self.catalog, self.now)
        return {row[self.key]: row for row in fresh.iter_rows(named=True)}

    def accounts(self, ids: Iterable[str]) -> Mapping[str, str]:
        """Whose each subject is."""
        if self.key == "account_id":
            return {each: each for each in ids}
        return {each: row["account_id"] for each, row in self.stored(ids, ()).items()}

    def briefs(self, ids: Iterable[str]) -> dict[str, Brief]:
        """What gates ask about these accounts."""
        columns = [name for name in _BRIEF if name in self.frame.columns]
        if self.few or len(columns) < len(_BRIEF):
            rows = self._stored if self.few else self.stored(ids, columns)
            return {each: Brief(*(rows[each].get(name) for name in _BRIEF)) for each in ids if each in rows}
        return {row[0]: Brief(*row[1:]) for row in self._chosen(ids, [self.key, *_BRIEF]).iter_rows()}

    def _chosen(self, ids: Iterable[str], columns: Sequence[str]) -> pl.DataFrame:
        places = self.places(pl.Series(sorted(set(ids)), dtype=pl.String)).drop_nulls()
        return self.frame.select(columns)[places]

    def _fresh_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        fresh = freshen_row(row, self.catalog, self.now)
        return {**{name: row[name] for name in _KEYS if name in row}, **fresh,
                **{name: value for name, value in row.items() if name.startswith("as_of.")}}


class Frames:
    """Every kind of subject that the playbooks enrol, each read once."""

    def __init__(  # noqa: PLR0917  # `evaluate` makes it
        self, tx: Transaction, accounts: pl.DataFrame, playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec],
        now: datetime, account_ids: Sequence[str] | None,
    ) -> None:
        self._tx = tx
        asked: dict[Subject, set[str]] = {subject: set() for subject in Subject}
        for each in playbooks:
            asked[each.subject] |= facts_of(*each.conditions().values()) | set(each.holdout.by)
        frame = accounts if accounts["account_id"].is_sorted() else accounts.sort("account_id")
        of_kind = {subject: [each for each in playbooks if each.subject is subject] for subject in Subject}
        self.accounts = Seen(frame, "account_id", catalog, now, asked[Subject.ACCOUNT], of_kind[Subject.ACCOUNT])
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

    def by_owner(self, opened: pl.DataFrame) -> dict[str, int]:
        """How many of these open enrollments each owner has, by e-mail; "" is nobody."""
        if OWNER not in self.accounts.frame.columns:
            return {"": opened.height} if opened.height else {}
        rows = self.accounts.places(opened["account_id"]).drop_nulls()
        owners = self.accounts.frame[OWNER][rows].cast(pl.String)
        return dict(owners.fill_null("").value_counts().iter_rows())

    def lineage(self, account_id: str) -> tuple[str, ...]:
        """The account, its parent, the parent's parent and so on."""
        line = [account_id]
        while (parent := self._brief(line[-1]).parent) and parent not in line:
            line.append(parent)
        return tuple(line)

    def owners(self, account_ids: Collection[str]) -> Mapping[str, str | None]:
        """The e-mail of who owns each account, whether or not this run looks at it."""
        return {each: self._brief(each).owner for each in account_ids}

    def fetch(self, account_ids: Collection[str]) -> None:
        """Read in one go what gates ask about accounts that this run does not look at."""
        known = self.briefs(account_ids)
        missing = [each for each in account_ids if each not in known]
        if not missing:
            return
        snapshot = facts.latest(self._tx, missing, _BRIEF)
        rows = snapshot.frame.iter_rows(named=True) if snapshot else iter(())
        found = {row["account_id"]: Brief(*(row.get(name) for name in _BRIEF)) for row in rows}
        self._briefs.update({each: found.get(each, NOBODY) for each in missing})

    def _brief(self, account_id: str) -> Brief:
        self.fetch((account_id,))
        return self._briefs[account_id]


def _with_account(own: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The subjects with the facts of their account; a group that both have is as old as the older of them."""
    both = [name for name in own.columns if name in accounts.columns and name != "account_id"]
    joined = own.join(accounts, on="account_id", how="inner", suffix=" of the account")
    older = [pl.min_horizontal(name, f"{name} of the account").alias(name)
             for name in both if name.startswith("as_of.")]
    return joined.with_columns(older).drop(f"{name} of the account" for name in both).sort("subject_id")
