"""The table that an action publishes: its description and its rows, as they were when it was decided."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from steward.model.actions import ExtendTable, PublishTable
from steward.model.errors import RecordRejected
from steward.model.star import StarTable
from steward.reporting import STAR

if TYPE_CHECKING:
    import polars as pl

_AGAIN = "Publish anew with: steward publish --now"


def table_of(action: PublishTable | ExtendTable) -> StarTable:
    """The description of the table; raises RecordRejected where today's star has not that table in that version."""
    if action.table not in STAR.names or action.schema_version != STAR.version:
        raise RecordRejected(f'"{action.table}" of schema version {action.schema_version} is not what this Steward '
                             f"publishes (version {STAR.version}). {_AGAIN}", "table")
    return STAR[action.table]


def rows_of(action: PublishTable | ExtendTable) -> pl.DataFrame:
    """Its rows, typed as the star says; raises RecordRejected where the file is gone or was changed."""
    import polars as pl

    path = Path(action.file)
    try:
        whole = hashlib.sha256(path.read_bytes()).hexdigest() == action.sha256
    except OSError:
        whole = False
    if not whole:
        raise RecordRejected(f'the file "{path.name}" with the rows of "{action.table}" is gone or damaged. {_AGAIN}',
                             "file")
    return pl.read_parquet(path)
