"""Rows as Power BI takes them: what is wrong with one, and what it keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.powerbi.tables import MOST_TEXT

_MOST_INT = 2**63


def fault_in(row: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    """What is wrong, in words; "" where nothing is. `kinds`: the data type of each column."""
    for name, value in row.items():
        kind = kinds.get(name, "").lower()
        if not kind:
            return f"the column {name} is not defined"
        if isinstance(value, str) and len(value) > MOST_TEXT:
            return f"{len(value)} characters in {name}"
        if value is not None and not _fits(kind, value):
            return f"the value of {name} is no {kind}"
    return ""


def stored(row: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """The row with every column; one that was not sent is blank. A Double is kept as one."""
    return {name: float(value) if kind.lower() == "double" and (value := row.get(name)) is not None else row.get(name)
            for name, kind in kinds.items()}


def _fits(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    if kind == "datetime":
        return isinstance(value, str) and _is_instant(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return kind != "int64" or (isinstance(value, int) and -_MOST_INT < value < _MOST_INT - 1)


def _is_instant(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
