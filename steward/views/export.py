"""Exports: tables of the star written into a folder, all of them or none; and how a BI tool connects to the views."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from steward.model.errors import ConfigError
from steward.model.star import StarTable
from steward.reporting import STAR, chosen
from steward.reporting.dictionary import as_markdown

if TYPE_CHECKING:
    import polars

    from steward.store.database import Database

FORMATS = ("parquet", "csv", "xlsx")
MANIFEST, DICTIONARY, WORKBOOK = "steward-export.json", "dictionary.md", "steward.xlsx"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """`rows` of a workbook are those of all its tables."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What lies in `folder` now. `tables`: rows by table; `since`: the first day of dated tables, None for all."""

    folder: str
    format: str
    schema_version: int
    as_of: datetime
    since: date | None
    tables: dict[str, int]
    files: tuple[ExportedFile, ...]


def export(
    db: Database, folder: Path, format_: str, now: datetime, *, tables: Sequence[str] = (), since: date | None = None,
) -> ExportReport:
    """Write the tables, of one moment, into `folder`: written aside, then put in place; on any error nothing is.

    Raises:
        ConfigError: the folder cannot be written, or a table does not fit into a sheet.
    """
    from steward.store import reporting

    wanted = chosen(tables)
    with db.read() as tx:
        frames = {table: reporting.frame(tx, table, since) for table in wanted}
    rows = {table.name: frame.height for table, frame in frames.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".steward-export-", dir=folder))
    except OSError as error:
        raise ConfigError(f'"{folder}" cannot be written: {error.strerror}. Name a folder of yours with --to') from None
    try:
        written = _write(frames, format_, aside, now)
        files = tuple(_described(path, rows) for path in written)
        report = ExportReport(str(folder), format_, STAR.version, now, since, rows, files)
        manifest = aside / MANIFEST
        manifest.write_text(json.dumps({**asdict(report), "folder": "."}, default=_plain, indent=1) + "\n")
        _put_in_place([*written, manifest], folder, aside)
    except OSError as error:
        raise ConfigError(f'nothing was exported, as "{folder}" cannot be written: {error.strerror}') from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return report


def _write(frames: Mapping[StarTable, polars.DataFrame], format_: str, aside: Path, now: datetime) -> list[Path]:
    from steward.views import files

    dictionary = aside / DICTIONARY
    dictionary.write_text(as_markdown(STAR) + "\n", encoding="utf-8")
    if format_ == "xlsx":
        files.xlsx(frames, STAR, aside / WORKBOOK, now.astimezone(UTC))
        return [aside / WORKBOOK, dictionary]
    write = {"parquet": files.parquet, "csv": files.csv}[format_]
    for table, frame in frames.items():
        write(frame, aside / f"{table.name}.{format_}")
    return [*(aside / f"{table.name}.{format_}" for table in frames), dictionary]


def _described(path: Path, rows: Mapping[str, int]) -> ExportedFile:
    content = path.read_bytes()
    count = rows.get(path.stem, sum(rows.values()) if path.name == WORKBOOK else 0)
    return ExportedFile(path.name, count, len(content), hashlib.sha256(content).hexdigest())


def _put_in_place(written: Sequence[Path], folder: Path, aside: Path) -> None:
    """Every file under its name; where one cannot be put there, those before it are taken back."""
    before = aside / "before"
    before.mkdir()
    for path in written:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    done: list[Path] = []
    try:
        for path in written:
            target = folder / path.name
            if target.exists():
                target.rename(before / path.name)
            done.append(path)
            path.rename(target)
    except OSError:
        for path in done:
            (folder / path.name).unlink(missing_ok=True)
            if (before / path.name).exists():
                (before / path.name).rename(folder / path.name)
        raise


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


# ---- how a BI tool connects ----

def connection_files(host: str, port: int, database: str) -> dict[str, str]:
    """By name, the files that open the schema `reporting` in Power BI (.pbids) and Tableau (.tds); no password is in
    them: both programs ask."""
    where = f"{host}:{port}"
    pbids = {"version": "0.1", "connections": [{
        "details": {"protocol": "postgresql", "address": {"server": where, "database": database}},
        "mode": "DirectQuery",
    }]}
    tds = (
        "<?xml version='1.0' encoding='utf-8' ?>\n"
        "<datasource formatted-name='Steward' inline='true' version='18.1'>\n"
        f"  <connection class='postgres' dbname={quoteattr(database)} port='{port}' schema='reporting' "
        f"server={quoteattr(host)} username=''>\n"
        "    <relation name='fact_account_day' table='[reporting].[fact_account_day]' type='table' />\n"
        "  </connection>\n</datasource>\n")
    return {"steward.pbids": json.dumps(pbids, indent=2) + "\n", "steward.tds": tds}
