"""What the terminal shows: findings and data on stdout, progress and trouble on stderr."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from steward.model.missing import MISSING
from steward.model.money import Money

if TYPE_CHECKING:
    from rich.progress import Progress


_MOVES_THE_TERMINAL = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def as_json(value: object) -> None:
    """`value` as one JSON object on stdout; Missing is null. A name's control characters are escaped."""
    text = json.dumps(plain(value), ensure_ascii=False, indent=2)
    sys.stdout.write(_MOVES_THE_TERMINAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def plain(value: Any) -> Any:
    """`value` in what JSON has; dataclasses and pydantic models by their fields."""
    if value is MISSING:
        return None
    if isinstance(value, Money):
        return {"amount": str(value.amount), "currency": value.currency}
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return str(value)
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    return value


def line(text: str) -> None:
    """One line of findings on stdout, as it is: no markup, control characters shown."""
    sys.stdout.write(harmless(text) + "\n")


def finding(what: str, ok: bool, remedy: str) -> None:
    """What was looked at, and where it failed below it what to do, a thought a line."""
    line(f"{'ok  ' if ok else 'FAIL'} {what}" + ("" if ok else "\n" + textwrap.indent(remedy, " " * 5)))


def note(text: str) -> None:
    """One line of progress or trouble on stderr."""
    sys.stderr.write(harmless(text) + "\n")


def harmless(text: str) -> str:
    """`text` without what could move the cursor or colour the terminal: a name may hold escape sequences."""
    return "".join(
        each if each in "\n\t" or (each.isprintable() or each == "\u200d") else f"\\x{ord(each):02x}" for each in text
    )


def word(text: str) -> str:
    """`text` as it may stand within a line: harmless, and without line breaks of its own."""
    return harmless(" ".join(text.split()))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; columns of numbers stand right, those that say nothing are left out.

    What is too wide for the terminal is drawn row by row; a pipe gets every row on one line, however long.
    """
    if not rows:
        return
    telling = [at for at in range(len(columns)) if any(row[at] not in (None, "") for row in rows)]
    columns, rows = [columns[at] for at in telling], [[row[at] for at in telling] for row in rows]
    cells = [[_cell(cell) for cell in row] for row in rows]
    wide = [max(map(_cell_len, column)) for column in zip(columns, *cells, strict=True)]
    edge = width() or sum(wide) + 2 * len(wide)
    rest = edge - sum(wide[:-1]) - 2 * (len(wide) - 1)
    if rest < min(wide[-1], _LEAST_TEXT):
        for row in cells:
            _row_by_row(columns, row, edge)
        return
    numeric = [_is_numeric([row[at] for row in rows]) for at in range(len(columns))]
    for row in ([*columns], *cells):
        fitting = [f"{'':{full - _cell_len(cell)}}{cell}" if right else f"{cell}{'':{full - _cell_len(cell)}}"
                   for cell, full, right in zip(row[:-1], wide[:-1], numeric[:-1], strict=True)]
        last = row[-1].rjust(min(wide[-1], rest)) if numeric[-1] else row[-1]
        margin = "".join(f"{cell}  " for cell in fitting)
        for at, text in enumerate(textwrap.wrap(last, rest, break_on_hyphens=False, drop_whitespace=True) or [""]):
            sys.stdout.write(f"{' ' * _cell_len(margin) if at else margin}{text}".rstrip() + "\n")


def _row_by_row(columns: Sequence[str], row: Sequence[str], edge: int) -> None:
    """The first cell, and under it the others that say something, each with its column's name."""
    sys.stdout.write(f"{row[0]}\n")
    line = " "
    for name, cell in zip(columns[1:], row[1:], strict=True):
        if not cell:
            continue
        said = f" {name}: {cell} "
        if _cell_len(line) + _cell_len(said) > edge + 1 and line.strip():
            sys.stdout.write(f"{line.rstrip()}\n")
            line = " "
        line += said
    sys.stdout.write(f"{line.rstrip()}\n" if line.strip() else "")


def _is_numeric(column: Sequence[object]) -> bool:
    known = [cell for cell in column if cell not in (None, "", UNKNOWN)]
    return bool(known) and all(isinstance(cell, int | float) for cell in known)


def _cell_len(text: str) -> int:
    """How many columns of a terminal `text` takes: a Chinese name takes two for each sign."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


_LEAST_TEXT = 30                            # columns that the last cell needs at least to be folded
UNKNOWN = "unknown"
"""What a cell says whose value is not known."""


def _cell(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else word(str(cell))


def width() -> int | None:
    """The columns that there are; None for a pipe, which has no edge. COLUMNS has the last word."""
    if (said := os.environ.get("COLUMNS", "")).isdecimal() and int(said):
        return int(said)
    return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Progress bars on stderr, for anything that may take longer than two seconds; none where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"),
               TimeElapsedColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bars:
        yield bars
