"""Frames as the store gives them, written in a line: `frame(Noun.TICKET, {"status": "open"}, ...)`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from steward.facts.basis import Basis, columns_of
from steward.model.records import Noun

Frame = Callable[..., pl.DataFrame]


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 5, 8, tzinfo=UTC)


@pytest.fixture
def basis(now: datetime) -> Basis:
    return Basis(now, "USD", "UTC", {"EUR": 1.25})


@pytest.fixture
def frame() -> Frame:
    """The frame of `noun` with these rows; account "a" in connection "crm" where a row names none."""

    def build(noun: Noun, *rows: dict[str, Any]) -> pl.DataFrame:
        defaults = {"account_id": "a", "connection": "crm"}
        whole = [{**defaults, "external_id": str(number), **row} for number, row in enumerate(rows)]
        schema = columns_of(noun)
        assert all(set(row) <= set(schema) for row in whole)
        return pl.DataFrame([{name: row.get(name) for name in schema} for row in whole], schema=schema, orient="row")

    return build
