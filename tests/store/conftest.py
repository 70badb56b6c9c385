"""What the tests of the store share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from steward.model.records import Noun, Record
from steward.store import identity, records
from steward.store.database import Database

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """A Thursday morning."""
    return NOW


@pytest.fixture
def known(database: Database) -> Callable[..., dict[tuple[str, str], str]]:
    """Store account records, `{("salesforce", "001"): {"name": …}}`, and match them; who is who then."""
    def store(told: Mapping[tuple[str, str], Mapping[str, Any]], **asked: Any) -> dict[tuple[str, str], str]:
        with database.write() as tx:
            for (connection, external_id), fields in told.items():
                rest = dict(fields)
                state = {name: rest.pop(name) for name in ("deleted", "merged_into") if name in rest}
                record = Record(Noun.ACCOUNT, external_id, rest, **state)
                records.upsert(tx, connection, "accounts", [record], NOW)
        return who(**asked)

    def who(**asked: Any) -> dict[tuple[str, str], str]:
        with database.write() as tx:
            identity.resolve(tx, NOW, **asked)
        with database.read() as tx:
            return {(connection, external_id): account_id
                    for account_id in identity.accounts(tx)
                    for connection, external_id in identity.ids_of(tx, account_id)}

    return store
