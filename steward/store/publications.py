"""Publications: the rows of the outbox that send tables to BI tools, and the files that they send."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter
from sqlalchemy import Connection, select

from steward.model.actions import ExtendTable, PublishTable
from steward.store.instants import to_text
from steward.store.outbox import OPEN_STATES
from steward.store.schema import outbox

_TABLE_KINDS = ("publish_table", "extend_table")
_ENOUGH = 400                               # rows that hold the last of every table
_TABLE: TypeAdapter[PublishTable | ExtendTable] = TypeAdapter(PublishTable | ExtendTable)


def folder(data_dir: Path) -> Path:
    """Where the files stand."""
    return data_dir / "published"


def write(data_dir: Path, table: str, frame: pl.DataFrame, as_of: datetime) -> tuple[Path, str]:
    """The frame as a file that nothing changes, whole on the disk, and its SHA-256; the same frame is the same file."""
    into = folder(data_dir)
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, aside = tempfile.mkstemp(suffix=".tmp", dir=into)
    with open(descriptor, "w+b") as file:
        frame.write_parquet(file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path = into / f"{table}-{as_of:%Y%m%dT%H%M%S}-{digest[:12]}.parquet"
    Path(aside).replace(path)
    return path.resolve(), digest


@dataclass(frozen=True, slots=True)
class Sent:
    """What a connection was sent of a table, and whether it arrived."""

    action: PublishTable | ExtendTable
    arrived: bool


def sent(tx: Connection, connection: str) -> dict[str, list[Sent]]:
    """By table, what the connection was sent, the latest first."""
    asked = select(outbox.c.body, outbox.c.state).where(
        outbox.c.connection == connection, outbox.c.kind.in_(_TABLE_KINDS),
    ).order_by(outbox.c.created_at.desc(), outbox.c.position.desc()).limit(_ENOUGH)
    found: dict[str, list[Sent]] = {}
    for body, state in tx.execute(asked):
        action = _TABLE.validate_json(body)
        found.setdefault(action.table, []).append(Sent(action, state == "delivered"))
    return found


def sweep(tx: Connection, data_dir: Path, now: datetime, keep: timedelta = timedelta(days=7)) -> int:
    """Delete the files that no open row needs and that are older than `keep`, by the disk's own clock; how many.

    Until then `steward outbox retry` finds what it sends.
    """
    asked = select(outbox.c.body).where(
        outbox.c.kind.in_(_TABLE_KINDS),
        outbox.c.state.in_(OPEN_STATES) | (outbox.c.created_at > to_text(now - keep)))
    needed = {_TABLE.validate_json(body).file for body in tx.scalars(asked)}
    files = list(folder(data_dir).glob("*.parquet")) + list(folder(data_dir).glob("*.tmp"))
    newest = max((path.stat().st_mtime for path in files), default=0.0)
    gone = [path for path in files
            if str(path.resolve()) not in needed and path.stat().st_mtime < newest - keep.total_seconds()]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)
