"""What the terminal shows: findings and data on stdout, progress and trouble on stderr."""

from __future__ import annotations

import json
import sys
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
    from rich.console import Console
    from rich.progress import Progress


def as_json(value: object) -> None:
    """`value` as one JSON object on stdout; Missing is null."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")


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


def note(text: str) -> None:
    """One line of progress or trouble on stderr."""
    sys.stderr.write(harmless(text) + "\n")


def harmless(text: str) -> str:
    """`text` without what could move the cursor or colour the terminal: a name may hold escape sequences."""
    return "".join(
        each if each in "\n\t" or (each.isprintable() or each == "\u200d") else f"\\x{ord(each):02x}" for each in text
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; columns of numbers stand right."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(harmless("" if cell is None else str(cell))) for cell in row))
    _console().print(drawn)


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


def _console() -> Console:
    from rich.console import Console

    return Console(soft_wrap=False, width=None if sys.stdout.isatty() else 200)
