"""One cell in words, or the reason why it cannot be read. Nothing ambiguous is guessed at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from steward.kit.encoding import undecoded
from steward.kit.untrusted import plain

EMPTY = frozenset({"", "#n/a", "null", "\\n"})               # as nothing, whatever the field
_NOTHING = EMPTY | frozenset({"n/a", "na", "nan", "none", "nil", "-", "–", "—", "?"})   # as nothing, but for a text
_ERRORS = frozenset({"#ref!", "#value!", "#div/0!", "#name?", "#null!", "#num!", "#spill!", "#calc!"})
_YES = frozenset((
    "true", "yes", "y", "t", "1", "on", "x", "ja", "j", "wahr", "oui", "o", "vrai", "si", "sí", "sì",
    "verdadero", "sim", "✓",
))
_NO = frozenset((
    "false", "no", "n", "f", "0", "off", "nein", "falsch", "non", "faux", "falso", "não", "nao", "✗",
))


class Unreadable(ValueError):
    """Why a cell cannot be what it should be, and what to do."""


@dataclass(frozen=True, slots=True)
class Locale:
    """How a file writes numbers, dates and instants; `zone` is that of instants which name none."""

    zone: ZoneInfo
    decimal: str = "."
    day_first: bool | None = None


def is_empty(cell: object, *, text: bool = False) -> bool:
    """Whether the cell says nothing; then its field is Missing."""
    if isinstance(cell, str):
        return cell.strip().lower() in (EMPTY if text else _NOTHING)
    return cell is None or cell != cell  # noqa: PLR0124  NaN alone differs from itself


def text(cell: object) -> str:
    """`cell` in words: 17.0, as spreadsheets keep the id 17, is "17"."""
    if isinstance(cell, str) and cell.isascii() and cell.isalnum():
        return cell                                          # nearly all of them, in a tenth of the time
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if not isinstance(cell, str | int | float | Decimal):
        raise Unreadable(f"a {type(cell).__name__} is not one value")
    found = str(cell).strip()
    wrong = undecoded(found)
    if wrong:
        raise Unreadable(f'the byte {wrong} is not in the encoding of the file; set "encoding", such as cp1252')
    if "\ufffd" in found:
        raise Unreadable('a letter is lost ("\ufffd"): the file was saved in the wrong encoding; export it again')
    if found.lower() in _ERRORS:
        raise Unreadable(f'"{found}" is an error of the spreadsheet; correct the formula')
    return plain(found)


def boolean(cell: object) -> bool:
    """Yes or no, in the words of several languages."""
    if isinstance(cell, bool):
        return cell
    given = text(cell).lower()
    if given in _YES or given in _NO:
        return given in _YES
    raise Unreadable(f'"{shown(cell)}" is neither yes nor no; say which with "values": {{"…": true}}')


def shown(cell: object) -> str:
    """The beginning of a cell, for an error."""
    return str(cell)[:60]
