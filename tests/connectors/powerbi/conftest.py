"""Power BI on loopback, and a sink that is connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.powerbi import CONNECTOR
from connectors.powerbi.sandbox import PowerBiSandbox
from connectors.powerbi.settings import PowerBiSettings
from steward.contracts import Connection, Tools
from steward.model.actions import PublishTable
from steward.reporting import STAR
from steward.store.reporting import TYPES


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 5, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[PowerBiSandbox]:
    with PowerBiSandbox(now=clock) as started:
        assert isinstance(started, PowerBiSandbox)
        yield started


@pytest.fixture
def connect(sandbox: PowerBiSandbox, clock: Clock) -> Callable[..., Connection]:
    def make(**settings: Any) -> Connection:
        chosen = PowerBiSettings(**{**sandbox.settings(), **settings})
        return CONNECTOR.connect(chosen, Tools(now=clock, sleep=clock.sleep, deadline_s=20.0))

    return make


@pytest.fixture
def table(tmp_path: Path, clock: Clock) -> Callable[..., PublishTable]:
    """`table("dim_person", [{"email": …}])`: the action that publishes these rows; what is not given is missing."""
    def make(name: str, rows: list[dict[str, Any]]) -> PublishTable:
        schema = {column.name: TYPES[column.type] for column in STAR[name].columns}
        frame = pl.DataFrame([{each: row.get(each) for each in schema} for row in rows], schema=schema)
        path = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}.parquet"
        frame.write_parquet(path)
        return PublishTable(table=name, schema_version=STAR.version, as_of=clock(), file=str(path), rows=frame.height,
                            sha256=sha256(path.read_bytes()).hexdigest())

    return make
