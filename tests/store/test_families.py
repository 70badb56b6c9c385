"""Families of accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steward.facts.identity import top_of
from steward.store import families
from steward.store.database import Database
from steward.store.merged import merged_accounts


def _parents(database: Database, account_ids: list[str] | None = None) -> dict[str, str]:
    with database.read() as tx:
        return families.parents(tx, merged_accounts(tx, {}, ("crm",), account_ids), {}, ("crm",))


def test_the_chain_is_followed_to_the_top_also_from_one_account_alone(
    database: Database, known: Callable[..., dict[tuple[str, str], str]],
) -> None:
    """A webhook about a subsidiary must find the fire at the parent's parent."""
    who = known({("crm", "top"): {"name": "Top"}, ("crm", "mid"): {"name": "Mid", "parent_external_id": "top"},
                 ("crm", "low"): {"name": "Low", "parent_external_id": "mid"},
                 ("crm", "lost"): {"name": "Lost", "parent_external_id": "nobody"},
                 ("crm", "self"): {"name": "Self", "parent_external_id": "self"}})
    top, mid, low = (who["crm", name] for name in ("top", "mid", "low"))

    assert _parents(database) == {mid: top, low: mid}
    assert _parents(database, [low]) == {mid: top, low: mid}
    assert _parents(database, [top]) == {}
    assert top_of(low, _parents(database)) == top


def test_a_ring_of_parents_has_one_head(database: Database, known: Callable[..., Any]) -> None:
    """Two records that name each other are a fault of the CRM; they are one family all the same, for good."""
    who = known({("crm", "1"): {"name": "A", "parent_external_id": "2"}, ("crm", "2"): {"name": "B", "parent_external_id": "1"},
                 ("crm", "3"): {"name": "C", "parent_external_id": "2"}})
    found = _parents(database)

    assert len({top_of(who["crm", name], found) for name in "123"}) == 1
