"""Who is who: which external ids are one account. Pure: what is known in, groups of ids out.

Three kinds of evidence, the strongest first: the source says one record was merged into another; a record names the
id that another connection knows the account by; the same domain, when nobody else in a connection has it. Nothing
joins two live records of one connection by itself, and nothing joins what a person keeps apart: that goes to review.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations

ExternalId = tuple[str, str]                   # (connection, external id)

_NOTHING: frozenset[str] = frozenset()
_CROWD = 6                                     # more accounts than this with one domain: a holding, not a duplicate


@dataclass(frozen=True, slots=True)
class Seen:
    """An account as one connection has it. `links`: what other connections know it by."""

    id: ExternalId
    live: bool
    merged_into: str | None
    name: str
    domain: str | None
    links: tuple[ExternalId, ...]
    modified_at: str = ""


@dataclass(slots=True)
class Group:
    """External ids that are one account. `head` is the account they belong to, None while there is none.

    There is one for nearly every record, so they share the sets that are mostly alike.
    """

    ids: set[ExternalId] = field(default_factory=set)
    accounts: Set[str] = _NOTHING
    banned: Set[str] = _NOTHING
    live: Set[str] = _NOTHING                  # connections with a live record in it
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Two ids that may be one account; a person must say."""

    left: ExternalId
    right: ExternalId
    score: float
    reason: str


@dataclass(slots=True)
class Matches:
    """`how` each id came to its group; `pure` links point at ids that no connection has a record of."""

    of: dict[ExternalId, Group]
    how: dict[ExternalId, str]
    pure: dict[ExternalId, list[ExternalId]]   # link -> the live records that name it, best connection first
    doubts: list[Doubt]

    def groups(self) -> list[Group]:
        """Each once, in the order of their first ids."""
        return list({id(group): group for group in self.of.values()}.values())


def match(
    seen: Sequence[Seen],
    known: Mapping[ExternalId, str],
    ages: Mapping[str, tuple[str, str]],
    absorbed: Mapping[str, Collection[str]],
    apart: Mapping[ExternalId, Collection[str]],
) -> Matches:
    """Group `seen` (sorted, the best connection first).

    known: the account each id has already. ages: (created at, id) of each account; the older one survives.
    absorbed: the accounts that were merged into each. apart: the accounts that an id must not join.
    """
    work = _Work(seen, known, ages, absorbed, apart)
    work.join_what_sources_merged()
    work.join_by_ids()
    work.join_by_domains()
    return work.matches


class _Work:
    def __init__(
        self, seen: Sequence[Seen], known: Mapping[ExternalId, str], ages: Mapping[str, tuple[str, str]],
        absorbed: Mapping[str, Collection[str]], apart: Mapping[ExternalId, Collection[str]],
    ) -> None:
        self.seen = {record.id: record for record in seen}
        self.ages = ages
        of: dict[ExternalId, Group] = {}
        by_account: dict[str, Group] = {}
        alone = {name: frozenset((name,)) for name in {record.id[0] for record in seen}}
        for record in seen:
            account = known.get(record.id)
            group = by_account.setdefault(account, Group()) if account else Group()
            if account and not group.head:
                group.head = account
                group.accounts = {account, *absorbed.get(account, ())}
            group.ids.add(record.id)
            if record.id in apart:
                group.banned = group.banned | set(apart[record.id])
            if record.live:
                here = alone[record.id[0]]
                group.live = group.live | here if group.live else here
            of[record.id] = group
        self.matches = Matches(of, {}, {}, [])

    def join_what_sources_merged(self) -> None:
        for record in self.seen.values():
            survivor = (record.id[0], record.merged_into or "")
            if record.merged_into and survivor in self.seen and survivor != record.id:
                self._join(survivor, record.id, "id", head=self.matches.of[survivor].head)

    def join_by_ids(self) -> None:
        for record in self._live():
            for link in record.links:
                if link in self.seen:
                    self._join_or_doubt(link, record.id, f'{_named(record)} says that it is {_called(link)}')
                else:
                    self.matches.pure.setdefault(link, []).append(record.id)
        for link, claimants in self.matches.pure.items():
            for other in claimants[1:]:
                self._join_or_doubt(claimants[0], other, f"both say that they are {_called(link)}")

    def join_by_domains(self) -> None:
        for domain, records in _by_domain(self._live()).items():
            holders = [record.id[0] for record in records]
            crowded = sorted({name for name in holders if holders.count(name) > 1})
            for left, right in combinations(records, 2) if len(records) <= _CROWD else ():
                if crowded:
                    self._doubt(left.id, right.id, 90.0,
                                f'both have the domain "{domain}", which more than one account in {crowded[0]} has')
                elif not self._may_join(left.id, right.id, cautious=True):
                    self._doubt(left.id, right.id, 90.0, f'both have the domain "{domain}", and each is known to '
                                f"{_shared(self.matches.of[left.id], self.matches.of[right.id])} already")
                else:
                    self._join(left.id, right.id, "domain")

    def _live(self) -> Iterable[Seen]:
        return (record for record in self.seen.values() if record.live)

    def _join_or_doubt(self, left: ExternalId, right: ExternalId, reason: str) -> None:
        if self._may_join(left, right, cautious=True):
            self._join(left, right, "id")
        else:
            self._doubt(left, right, 95.0, reason)

    def _may_join(self, left: ExternalId, right: ExternalId, cautious: bool) -> bool:
        one, other = self.matches.of[left], self.matches.of[right]
        if one is other:
            return True
        if one.banned & other.accounts or other.banned & one.accounts:
            return False
        return not (cautious and one.live & other.live)

    def _doubt(self, left: ExternalId, right: ExternalId, score: float, reason: str) -> None:
        one, other = self.matches.of[left], self.matches.of[right]
        if one is not other and not (one.banned & other.accounts or other.banned & one.accounts):
            self.matches.doubts.append(Doubt(left, right, score, reason))

    def _join(self, left: ExternalId, right: ExternalId, how: str, head: str | None = None) -> None:
        one, other = self.matches.of[left], self.matches.of[right]
        if one is other or not self._may_join(left, right, cautious=False):
            return
        heads = [account for account in (one.head, other.head) if account]
        one.head = head or min(heads, key=lambda account: self.ages[account], default=None)
        for id_ in (left, right):
            self.matches.how.setdefault(id_, how)
        one.ids |= other.ids
        one.accounts = one.accounts | other.accounts
        one.banned = one.banned | other.banned
        one.live = one.live | other.live
        for id_ in other.ids:
            self.matches.of[id_] = one


def _by_domain(records: Iterable[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for record in records:
        if record.domain:
            found.setdefault(record.domain, []).append(record)
    return {domain: sharing for domain, sharing in found.items() if len(sharing) > 1}


def _named(record: Seen) -> str:
    return f'"{record.name}" in {record.id[0]}'


def _called(link: ExternalId) -> str:
    return f'"{link[1]}" in {link[0]}'


def _shared(one: Group, other: Group) -> str:
    return ", ".join(sorted(one.live & other.live)) or "a person"
