"""The summary that a flow run leaves in Prefect: counts only, never a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect.artifacts import acreate_table_artifact


async def summarise(key: str, what: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Leave a table under `key` ("sync-salesforce"), its heading `what`."""
    await acreate_table_artifact(table=[dict(row) for row in rows], key=key, description=what)
