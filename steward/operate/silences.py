"""What a person may ask quiet for: a playbook, an account, an owner, or whatever has the value of a fact."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from steward.model.errors import StewardError
from steward.model.words import meant
from steward.store import audit, silences
from steward.store.database import Database
from steward.store.silences import Silence


def silence(
    db: Database, matchers: Mapping[str, Any], by: str, now: datetime, *, reason: str, ends_at: datetime,
) -> Silence:
    """From now until `ends_at` nothing is done where all of `matchers` fit; clocks run on, and nobody is dropped.

    Raises:
        StewardError: it matches everything, says not why, or is over before it begins.
    """
    with db.write() as tx:
        made = silences.add(tx, matchers, author=by, reason=reason, starts_at=now, ends_at=ends_at, now=now)
        audit.write(tx, now, by, "silence", made.id, {"matchers": dict(matchers), "ends_at": ends_at.isoformat()})
        return made


def unsilence(db: Database, silence_id: str, by: str, now: datetime) -> bool:
    """End a silence now; False where it is over already.

    Raises:
        StewardError: there is no such silence.
    """
    with db.write() as tx:
        known = [each.id for each in silences.list_(tx)]
        chosen = [each for each in known if each.startswith(silence_id)] if silence_id else []
        if len(chosen) != 1:
            raise StewardError(f'there is no silence "{silence_id}"{meant(silence_id, known)}')
        ended = silences.end(tx, chosen[0], by, now)
        if ended:
            audit.write(tx, now, by, "unsilence", chosen[0], {})
        return ended
