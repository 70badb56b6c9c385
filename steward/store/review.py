"""Pairs of accounts that may be one company: a machine proposes, with its reason in words; a person decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from steward.store.instants import from_text, to_text
from steward.store.matching import Doubt, ExternalId, Seen
from steward.store.names import normal_name
from steward.store.schema import match_review as table

_ALIKE = 92.0                                  # percent
_NEIGHBOURS = 6                                # how far down the sorted names one is compared
_PER_ACCOUNT = 3


@dataclass(frozen=True, slots=True)
class Company:
    """A live record and the account it belongs to."""

    account_id: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class Review:
    """One pair; `state` is open, accepted or refused."""

    left: str
    right: str
    score: float                               # percent
    reason: str
    state: str
    by: str | None
    changed_at: datetime


def propose(
    tx: Connection, companies: Iterable[Company], doubts: Sequence[Doubt], *, account_of: Mapping[ExternalId, str],
    apart: Mapping[ExternalId, Collection[str]], now: datetime, look_for: bool,
) -> int:
    """Put up what matching doubts and, if `look_for`, names that are alike; how many pairs are new."""
    pairs: dict[tuple[str, str], tuple[float, str]] = {}
    for doubt in doubts:
        _keep(pairs, account_of[doubt.left], account_of[doubt.right], doubt.score, doubt.reason)
    if look_for:
        for left, right, score, reason in _alike(list(companies)):
            _keep(pairs, left, right, score, reason)
    if not pairs:
        return 0
    settled = {(row.left_account_id, row.right_account_id)
               for row in tx.execute(select(table.c.left_account_id, table.c.right_account_id))}
    settled |= {_pair(account_of[id_], other) for id_, others in apart.items() for other in others
                if id_ in account_of}
    fresh = [{"left_account_id": left, "right_account_id": right, "score": score, "reason": reason, "state": "open",
              "changed_at": to_text(now)}
             for (left, right), (score, reason) in sorted(pairs.items()) if (left, right) not in settled]
    if fresh:
        tx.execute(table.insert(), fresh)
    return len(fresh)


def list_(tx: Connection, state: str = "open") -> list[Review]:
    """The pairs in `state`, the likeliest first."""
    return sorted((
        Review(row.left_account_id, row.right_account_id, row.score, row.reason, row.state, row.by,
               from_text(row.changed_at))
        for row in tx.execute(select(table).where(table.c.state == state))
    ), key=lambda row: (-row.score, row.left, row.right))


def decide(tx: Connection, left: str, right: str, state: str, *, by: str, now: datetime) -> None:
    """Note what a person said of a pair; one that nobody proposed is noted too."""
    left, right = _pair(left, right)
    here = (table.c.left_account_id == left) & (table.c.right_account_id == right)
    said = {"state": state, "by": by, "changed_at": to_text(now)}
    if not tx.execute(table.update().where(here).values(said)).rowcount:
        tx.execute(table.insert().values(
            left_account_id=left, right_account_id=right, score=100.0, reason=f"{by} said so", **said
        ))


def _keep(pairs: dict[tuple[str, str], tuple[float, str]], left: str, right: str, score: float, reason: str) -> None:
    if left != right:
        pairs.setdefault(_pair(left, right), (score, reason))


def _pair(left: str, right: str) -> tuple[str, str]:
    return (left, right) if left < right else (right, left)


def _alike(companies: Sequence[Company]) -> Iterator[tuple[str, str, float, str]]:
    """Pairs with names alike: sorted twice, read forwards and backwards, each is compared with its neighbours only."""
    from rapidfuzz import fuzz

    named = [(name, company, _head(company)) for company in companies if (name := normal_name(company.seen.name))]
    found: dict[tuple[str, str], tuple[float, Company, Company]] = {}
    readings: tuple[Callable[[str], str], ...] = (lambda name: name, lambda name: name[::-1])
    for reading in readings:
        ordered = sorted(named, key=lambda each: (reading(each[0]), each[1].seen.id))
        for place, (name, company, head) in enumerate(ordered):
            for other_name, other, other_head in ordered[place + 1:place + 1 + _NEIGHBOURS]:
                if (head and other_head and head != other_head) or company.account_id == other.account_id:
                    continue                # most are settled by the domains, which cost nothing to compare
                score = fuzz.ratio(name, other_name, score_cutoff=_ALIKE)
                if score and _comparable(name, company, other_name, other):
                    found.setdefault(_pair(company.account_id, other.account_id), (score, company, other))
    taken: dict[str, int] = {}
    for (left, right), (score, one, other) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
        if max(taken.get(left, 0), taken.get(right, 0)) < _PER_ACCOUNT:
            taken[left] = taken.get(left, 0) + 1
            taken[right] = taken.get(right, 0) + 1
            yield left, right, round(score, 1), _reason(score, one.seen, other.seen)


def _comparable(name: str, one: Company, other_name: str, other: Company) -> bool:
    """Different domains speak against it, unless they are as "acme.com" and "acme.de"; so do different numbers.

    Names in one connection and short ones must be the same to be alike.
    """
    head, other_head = _head(one), _head(other)
    if head and other_head and head != other_head:
        return False
    if name == other_name:
        return True
    if one.seen.id[0] == other.seen.id[0] or min(len(name), len(other_name)) < 6:
        return False
    return _numbers(name) == _numbers(other_name)


def _head(company: Company) -> str | None:
    """ "acme" of "acme.com"."""
    return company.seen.domain.split(".", 1)[0] if company.seen.domain else None


def _numbers(name: str) -> list[str]:
    return [word for word in name.split() if any(letter.isdigit() for letter in word)]


def _reason(score: float, one: Seen, other: Seen) -> str:
    alike = "the same" if score == 100 else f"{score:.0f} % alike"
    if one.domain and other.domain:
        domains = f'but the domains differ: "{one.domain}", "{other.domain}"'
    elif one.domain or other.domain:
        domains = f'and only one has a domain: "{one.domain or other.domain}"'
    else:
        domains = "and neither has a domain that could tell"
    return f'names are {alike}: "{one.name}" in {one.id[0]}, "{other.name}" in {other.id[0]}; {domains}'
