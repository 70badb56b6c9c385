"""Who did what to which thing, written in the transaction that did it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from steward.store.instants import from_text, to_text
from steward.store.schema import audit


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit. `by` is "steward", a person, or a token's name."""

    number: int
    at: datetime
    by: str
    what: str
    about: str
    detail: Mapping[str, Any]


def write(  # noqa: PLR0917  when, who, what, about what: read as one sentence
    tx: Connection, at: datetime, by: str, what: str, about: str, detail: Mapping[str, Any],
) -> None:
    """Add a line. `detail` holds ids, counts and reasons; never a secret and never a person's words."""
    body = json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str)
    tx.execute(insert(audit).values(at=to_text(at), by=by[:128], what=what, about=about[:255], detail=body))


def list_(tx: Connection, about: str | None = None, limit: int = 100) -> list[Entry]:
    """The latest `limit` lines, the newest first."""
    statement = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if about is not None:
        statement = statement.where(audit.c.about == about)
    return [
        Entry(found["number"], from_text(found["at"]), found["by"], found["what"], found["about"],
              json.loads(found["detail"]))
        for found in tx.execute(statement).mappings()
    ]
