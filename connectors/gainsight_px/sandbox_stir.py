"""What people and processes do at the played subscription between two calls."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connectors.gainsight_px.sandbox_seed import TAG, attribute, event
from steward.kit.reading import milliseconds

if TYPE_CHECKING:
    from connectors.gainsight_px.sandbox import GainsightPxSandbox

LATE_MS = 5 * 60_000


def stir(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    """Do one thing, and say it; None where there is nothing to do it to. Accounts that came late show first."""
    sandbox.hidden.clear()
    acts: list[Callable[[GainsightPxSandbox, random.Random], str | None]] = [
        _edit, _edit, _edit_user, _edit_many_at_once, _come_late, _delete, _create, _happen, _happen, _happen_late,
        _add_attribute, _change_type, _expire]
    return chance.choice(acts)(sandbox, chance)


def _edit(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    row = _any(sandbox, "accounts", chance)
    if row is None:
        return None
    row[chance.choice(("plan", "industry", "name"))] = f"Stirred {chance.randint(1, 999)}"
    row["lastModifiedDate"] = milliseconds(sandbox.now())
    return f"account {row['id']} was edited"


def _edit_user(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    row = _any(sandbox, "users", chance)
    if row is None:
        return None
    row["title"] = f"Head of {chance.randint(1, 999)}"
    row["lastModifiedDate"] = milliseconds(sandbox.now())
    return f"user {row['identifyId']} was edited"


def _edit_many_at_once(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    rows = [sandbox.rows["accounts"][name] for name in sorted(sandbox.rows["accounts"])][:chance.randint(2, 12)]
    at = milliseconds(sandbox.now())
    for row in rows:
        row.update(healthScore=chance.randint(1, 99), lastModifiedDate=at)
    return f"{len(rows)} accounts were imported in one instant" if rows else None


def _come_late(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    """The search index lags: the account has an older time than others that were seen, and shows after them."""
    row = _any(sandbox, "accounts", chance)
    if row is None:
        return None
    sandbox.hidden[row["id"]] = dict(row)
    late = milliseconds(sandbox.now()) - chance.randint(1000, LATE_MS)
    row.update(numberOfEmployees=chance.randint(1, 9999), lastModifiedDate=max(late, row["lastModifiedDate"]))
    return f"account {row['id']} shows late"


def _delete(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    row = _any(sandbox, "accounts", chance)
    if row is None or len(sandbox.rows["accounts"]) < 3:
        return None
    sandbox.forget(row["id"])
    return f"account {row['id']} and its users were deleted"


def _create(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    name, at = f"new-{chance.randint(1, 10**9)}", milliseconds(sandbox.now())
    sandbox.rows["accounts"][name] = {"id": name, "name": name, "propertyKeys": [TAG], "createDate": at,
                                      "lastModifiedDate": at}
    return f"account {name} is new"


def _happen(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    return _event(sandbox, chance, sandbox.now(), "came")


def _happen_late(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    """A phone was offline: what happened yesterday is told now."""
    return _event(sandbox, chance, sandbox.now() - timedelta(days=1), "came, which is told a day late")


def _event(sandbox: GainsightPxSandbox, chance: random.Random, at: Any, words: str) -> str | None:
    user = _any(sandbox, "users", chance)
    if user is None:
        return None
    row = event("session", f"stirred-{chance.randint(1, 10**9)}", user, milliseconds(at))
    sandbox.rows["session"][row["eventId"]] = row
    return f"{user['identifyId']} {words}"


def _add_attribute(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    name = f"field{chance.randint(1, 99)}"
    sandbox.rows["attributes"].setdefault(name, attribute(name, "STRING", milliseconds(sandbox.now())))
    return f"attribute {name} is new"


def _change_type(sandbox: GainsightPxSandbox, chance: random.Random) -> str | None:
    """An attribute of numbers is deleted and made anew as text."""
    known = sandbox.rows["attributes"].get("seats")
    if known is None:
        return None
    known["type"] = "STRING"
    for row in sandbox.rows["accounts"].values():
        if "seats" in row.get("customAttributes", {}):
            row["customAttributes"] = {**row["customAttributes"], "seats": f"about {chance.randint(1, 999)}"}
            row["lastModifiedDate"] = milliseconds(sandbox.now())
    return "the seats of every account are in words"


def _expire(sandbox: GainsightPxSandbox, _: random.Random) -> str | None:
    if not sandbox.scrolls.open:
        return None
    sandbox.scrolls.open.clear()
    return "every scroll expired"


def _any(sandbox: GainsightPxSandbox, table: str, chance: random.Random) -> dict[str, Any] | None:
    rows = sandbox.rows[table]
    return rows[chance.choice(sorted(rows))] if rows else None
