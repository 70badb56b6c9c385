"""Records of which webhooks told parts: when each field was told, so that no older word overwrites a newer one.

Webhooks come in any order and beside the pulls, and each speaks of a field or two. One `modified_at` for the whole
record would lose the earlier of two changes that came late, and every other field of a pull that is a moment older
than the webhook. So `record.told` holds an instant for each field told since, and "" for the record as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from steward.store import record_body
from steward.store.schema import record as table

_WHOLE = ""
_AT_ONCE = 500
_COLUMNS = (table.c.external_id, table.c.body, table.c.modified_at, table.c.deleted, table.c.told)


@dataclass(frozen=True, slots=True)
class Known:
    """A record as it stands; `told` is None where it is wholly of `modified_at`."""

    body: Mapping[str, Any]
    modified_at: str | None
    told: Mapping[str, str] | None = None

    def with_part(self, part: Mapping[str, Any], only: Collection[str], at: str | None) -> Known | None:
        """With what was told `at` an instant of the fields in `only`; None where all of it is known better."""
        told = {_WHOLE: self.modified_at or ""} if self.told is None else self.told
        news = {name for name in only if at is None or at >= told.get(name, told[_WHOLE])}
        if not news:
            return None
        body = {name: value for name, value in self.body.items() if name not in news}
        body |= {name: value for name, value in part.items() if name in news}
        return Known(body, _later(self.modified_at, at), {**told, **dict.fromkeys(news, at)} if at else self.told)

    def with_whole(self, body: Mapping[str, Any], at: str) -> Known:
        """With the record as it was `at` an instant, but for the fields that were told later."""
        later = {name: when for name, when in (self.told or {}).items() if name != _WHOLE and when > at}
        kept = {name: value for name, value in body.items() if name not in later}
        kept |= {name: self.body[name] for name in later if name in self.body}
        return Known(kept, _later(self.modified_at, at), {**later, _WHOLE: at} if later else None)

    def is_newer_than(self, at: str) -> bool:
        """Whether it was read as a whole after `at`."""
        return (self.told or {}).get(_WHOLE, "") > at

    @property
    def told_text(self) -> str | None:
        return record_body.dump(self.told) if self.told else None


NOTHING = Known({}, None)
"""A record that nobody has told of."""


def one(tx: Connection, connection: str, noun: str, external_id: str) -> Known:
    """The record as it stands, held until `tx` ends; of one that is deleted, only when."""
    found = tx.execute(select(*_COLUMNS).where(
        table.c.connection == connection, table.c.noun == noun, table.c.external_id == external_id,
    ).with_for_update()).mappings().one_or_none()
    return _known(found) if found else NOTHING


def in_parts(tx: Connection, connection: str, noun: str, external_ids: Collection[str]) -> Iterator[tuple[str, Known]]:
    """Those of the records that webhooks told parts of since they were read, with their ids; mostly none."""
    here = (table.c.connection == connection) & (table.c.noun == noun)
    wanted = set(external_ids)
    told = sorted(wanted.intersection(tx.scalars(select(table.c.external_id).where(here, table.c.told.is_not(None)))))
    for start in range(0, len(told), _AT_ONCE):
        yield from _read(tx, connection, noun, told[start:start + _AT_ONCE])


def _read(tx: Connection, connection: str, noun: str, external_ids: Sequence[str]) -> Iterator[tuple[str, Known]]:
    rows = tx.execute(select(*_COLUMNS).where(
        table.c.connection == connection, table.c.noun == noun, table.c.external_id.in_(external_ids),
    ).order_by(table.c.external_id).with_for_update()).mappings()
    return ((row["external_id"], _known(row)) for row in rows)


def _known(row: RowMapping) -> Known:
    if row["deleted"]:
        return Known({}, row["modified_at"])
    return Known(
        record_body.load(row["body"]), row["modified_at"], record_body.load(row["told"]) if row["told"] else None)


def _later(one_: str | None, other: str | None) -> str | None:
    return max((at for at in (one_, other) if at is not None), default=None)
