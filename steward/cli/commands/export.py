"""`steward export`: what reports read, as files; the dictionary; and how a BI tool connects to it live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from steward.cli import chosen, show
from steward.cli.options import DEFAULT, Options, nearest
from steward.model.errors import ConfigError

_Formats = Literal["parquet", "csv", "xlsx"]


def export(
    *, to: Annotated[Path | None, Parameter(help="The folder to write into.")] = None,
    format_: Annotated[_Formats, Parameter(name="--format", help="What to write.")] = "parquet",
    tables: Annotated[tuple[str, ...], Parameter(help="Only these tables.", consume_multiple=True)] = (),
    since: Annotated[str, Parameter(help="Of dated tables, only rows from this day on.")] = "",
    dictionary: Annotated[bool, Parameter(negative="", help="Print what every table and column means.")] = False,
    connect: Annotated[bool, Parameter(negative="", help="Write files that open the live views in Power BI and "
                                                         "Tableau.")] = False,
    options: Options = DEFAULT,
) -> int:
    """Write accounts, their facts day by day, enrollments, decisions and actions as files, all of one moment.

    The tables are one star schema, the same in files, in Tableau, in Power BI and in the database's schema
    `reporting`. It is versioned and only ever grows: `steward export --dictionary` prints it.
    """
    if dictionary:
        return _dictionary(options)
    if to is None:
        raise ConfigError("say where to write: steward export --to DIR. What there is: steward export --dictionary")
    from steward import reports
    from steward.wiring import open_hub

    day = chosen.instant(since).date() if since else None
    with open_hub(options.config) as hub:
        if connect:
            return _connect(reports.connection_files(hub), to, options)
        report = reports.export(hub, to, format_, tables, day)
    if options.json:
        show.as_json(report)
        return 0
    show.table(("file", "rows", "bytes"), [(each.name, each.rows, each.bytes) for each in report.files])
    show.line(f"wrote {sum(report.tables.values()):,} rows of {len(report.tables)} tables into {nearest(to)}, schema "
              f"version {report.schema_version}. Next: read {nearest(to)}/dictionary.md")
    return 0


def _dictionary(options: Options) -> int:
    from steward.reporting import STAR
    from steward.reporting.dictionary import HEADER, as_markdown, lines

    if options.json:
        show.as_json({"version": STAR.version,
                      "columns": [dict(zip(HEADER, line, strict=True)) for line in lines(STAR)]})
    else:
        show.line(as_markdown(STAR))
    return 0


def _connect(files: dict[str, str], to: Path, options: Options) -> int:
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (to / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f'"{to}" cannot be written: {error.strerror}. Name a folder of yours with --to') from None
    if options.json:
        show.as_json({"written": [str(to / name) for name in files]})
    else:
        show.line(f"wrote {', '.join(files)} into {nearest(to)}. Next: open one of them; it asks for a database role "
                  "that may read the schema reporting")
    return 0
