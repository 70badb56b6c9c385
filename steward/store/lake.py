"""The lake: columnar files that nothing changes, each visible only through its row in the database.

A file is written aside, synced to the disk and renamed; then the transaction it belongs to inserts its row. A file
without a row does not exist: `sweep` removes it later, and also files whose row was retired long enough ago.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import polars as pl
from polars.selectors import by_name
from sqlalchemy import Connection, func, select, update

from steward.model.errors import ConfigError
from steward.store.instants import from_text, to_text
from steward.store.schema import segment as table

_CELLS_IN_GROUP = 100_000                      # few enough that one account is found without reading all
_CELLS_IN_HASTE = 600_000                      # many enough that writing groups costs less than writing values


@dataclass(frozen=True, slots=True)
class PendingSegment:
    """A file that is on the disk whole, and not visible yet."""

    id: str
    kind: str                                  # usage | facts
    path: str                                  # relative to the lake
    part: str
    known_at: datetime
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A visible file."""

    id: str
    kind: str
    path: str
    part: str
    known_at: datetime
    rows: int
    bytes: int


class Lake:
    """The files under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(
        self, kind: str, part: str, frame: pl.DataFrame, known_at: datetime, *, instead_of: Iterable[Segment] = (),
        in_haste: bool = False,
    ) -> PendingSegment:
        """Put `frame` into a file. Its name follows from what is in it, so writing it twice makes one.

        instead_of: those that it replaces, where one of them may have the same in it. in_haste: for a quarter of the
        work, and a file a tenth larger; for what something else will soon take the place of.
        """
        folder = self.root / kind / _as_folder(part)
        told = "\n".join((kind, part, to_text(known_at), *(segment.id for segment in instead_of), ""))
        with _durably(folder) as (aside, file):
            rows = max((_CELLS_IN_HASTE if in_haste else _CELLS_IN_GROUP) // max(frame.width, 1), 1)
            frame.write_parquet(
                file, compression="lz4" if in_haste else "zstd", statistics=True, row_group_size=rows)
            file.flush()
            size, name = file.tell(), _digest(told, file)[:40]
            os.fsync(file.fileno())
            aside.rename(folder / f"{name}.parquet")
        path = f"{kind}/{_as_folder(part)}/{name}.parquet"
        return PendingSegment(name, kind, path, part, known_at, frame.height, size)

    def write_usage(self, connection: str, usage: pl.DataFrame, known_at: datetime) -> list[PendingSegment]:
        """The frame of a page (`account_external_id`, `day`, metrics), one file for each month in it.

        Of rows with the same account and day the last one counts.
        """
        from steward.store.usage import split_by_month

        return [self.write("usage", f"{connection}/{month}", frame, known_at)
                for month, frame in split_by_month(usage)]

    def show(self, tx: Connection, segments: Iterable[PendingSegment]) -> None:
        """Make them visible when `tx` commits. Showing one again changes nothing.

        Of two segments of one part the one that is shown later counts as known later, whatever the clock said.
        """
        for pending in segments:
            if tx.scalar(select(table.c.id).where(table.c.id == pending.id)):
                continue
            newest = from_text(tx.scalar(select(func.max(table.c.known_at)).where(
                table.c.kind == pending.kind, table.c.part == pending.part)))
            known_at = pending.known_at
            if newest is not None and known_at <= newest:
                known_at = newest + timedelta(microseconds=1)
            _insert(tx, pending, known_at)

    def swap(self, tx: Connection, old: Iterable[Segment], new: PendingSegment, now: datetime) -> None:
        """Show `new` in the place of `old` when `tx` commits; who reads the old ones now may finish."""
        for segment in old:
            tx.execute(update(table).where(table.c.id == segment.id).values(retired_at=to_text(now)))
        _insert(tx, new, new.known_at)

    def visible(self, tx: Connection, kind: str, part: str | None = None) -> list[Segment]:
        """Every visible segment of `kind` (and `part`), what was known earliest first."""
        found = select(table).where(table.c.kind == kind, table.c.retired_at.is_(None))
        if part is not None:
            found = found.where(table.c.part == part)
        return sorted((
            Segment(row.id, row.kind, row.path, row.part, from_text(row.known_at), row.rows, row.bytes)
            for row in tx.execute(found)
        ), key=lambda segment: (segment.known_at, segment.id))

    def read(
        self, segment: Segment, where: pl.Expr | None = None, names: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Its rows, or those `where` is true; all columns, or those of `names` that it has.

        Raises:
            ConfigError: the file is gone or damaged; it must come back from a backup.
        """
        rows = self.scan([segment], where)
        return (rows if names is None else rows.select(by_name(*names, require_all=False))).collect()

    def scan(self, segments: Sequence[Segment], where: pl.Expr | None = None) -> pl.LazyFrame:
        """The rows of several, one after the other in their order; a column that one has not is null there.

        Raises:
            ConfigError: as `read`.
        """
        rows = pl.concat([pl.scan_parquet(self._whole(segment)) for segment in segments], how="diagonal_relaxed")
        return rows if where is None else rows.filter(where)

    def schema(self, segment: Segment) -> Mapping[str, pl.DataType]:
        """The columns of its rows and their types; raises as `read`."""
        return _schema_of(self._whole(segment))

    def _whole(self, segment: Segment) -> Path:
        path = self.root / segment.path
        size = path.stat().st_size if path.is_file() else -1
        if size != segment.bytes:
            what = "is missing" if size < 0 else f"has {size} bytes and should have {segment.bytes}"
            raise ConfigError(f'the file "{path}" {what}. Bring the data directory back from a backup')
        return path

    def scan_usage(self, tx: Connection, since: date, account_ids: Iterable[str] | None = None) -> pl.DataFrame:
        """See `steward.store.usage.scan_usage`."""
        from steward.store.usage import scan_usage

        return scan_usage(tx, since, account_ids)

    def sweep(self, tx: Connection, now: datetime, older_than: timedelta = timedelta(hours=24)) -> int:
        """Delete files that nobody can see and have not seen for `older_than`; the number of files.

        The age of a file without a row is told by the disk's own clock, whatever `now` is.
        """
        gone = tx.execute(select(table.c.id, table.c.path).where(table.c.retired_at < to_text(now - older_than))).all()
        for row in gone:
            (self.root / row.path).unlink(missing_ok=True)
            tx.execute(table.delete().where(table.c.id == row.id))
        known = set(tx.scalars(select(table.c.path)))
        limit = self._disk_time() - older_than.total_seconds()
        strays = [path for path in self._files()
                  if path.relative_to(self.root).as_posix() not in known and path.stat().st_mtime < limit]
        for path in strays:
            path.unlink(missing_ok=True)
        return len(gone) + len(strays)

    def _disk_time(self) -> float:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = self.root / f".clock-{os.getpid()}-{threading.get_ident()}"
        probe.touch(mode=0o600)
        try:
            return probe.stat().st_mtime
        finally:
            probe.unlink()

    def _files(self) -> Iterator[Path]:
        return (path for path in sorted(self.root.rglob("*")) if path.is_file())


@lru_cache(maxsize=256)
def _schema_of(path: Path) -> Mapping[str, pl.DataType]:
    """Nothing changes a file, so once is enough."""
    return pl.read_parquet_schema(path)


def of(tx: Connection) -> Lake:
    """The lake that belongs to the database of `tx`."""
    folder: Path = tx.get_execution_options()["steward_data_dir"]
    return Lake(folder / "lake")


def _insert(tx: Connection, pending: PendingSegment, known_at: datetime) -> None:
    tx.execute(table.insert().values(
        id=pending.id, kind=pending.kind, path=pending.path, part=pending.part, known_at=to_text(known_at),
        rows=pending.rows, bytes=pending.bytes,
    ))


def _as_folder(part: str) -> str:
    """A part as a path below the lake, whatever a connection is called."""
    return "/".join(
        "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in piece) or "_"
        for piece in part.split("/")
    )


def _digest(told: str, file: BinaryIO) -> str:
    digest = hashlib.sha256(told.encode())
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        digest.update(content)
    return digest.hexdigest()


@contextmanager
def _durably(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file aside, to be written, synced and renamed within; then the folder is synced too: after this a power cut
    leaves the whole file."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = folder / f".{os.getpid()}-{threading.get_ident()}.tmp"
    with open(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
        yield aside, file
    synced = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(synced)
    finally:
        os.close(synced)
