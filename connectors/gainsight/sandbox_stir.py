"""What people and processes do at the played tenant between two calls."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from connectors.gainsight.sandbox_objects import DROPDOWNS, gsid, item

if TYPE_CHECKING:
    from connectors.gainsight.sandbox import GainsightSandbox
    from connectors.gainsight.sandbox_tenant import Row

LATE_MS = 5 * 60_000
_EDITED = ("company", "company_person", "person", "call_to_action", "cta_group", "gsuser", "scorecard_fact", "cs_task",
           "activity_timeline", "survey_participant")
_OF_COMPANY = {"company_person": "Company_ID", "call_to_action": "CompanyId", "activity_timeline": "GsCompanyId"}
_GONE = ("call_to_action", "company_person", "activity_timeline", "cs_task", "company", "survey_participant")


def stir(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    """Do one thing, and say it; None where there is nothing to do it to. Rows that came late show first."""
    sandbox.tenant.hidden.clear()
    acts: list[Callable[[GainsightSandbox, random.Random], str | None]] = [
        _edit, _edit, _edit, _edit_many_at_once, _come_late, _delete, _create, _merge, _add_field, _add_item,
        _change_type]
    return chance.choice(acts)(sandbox, chance)


def _edit(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    table = chance.choice(_EDITED)
    row = _any(sandbox, table, chance)
    if row is None:
        return None
    _change(sandbox, table, row, chance)
    _touch(table, row, sandbox.milliseconds())
    return f"{table} {row['Gsid']} was edited"


def _edit_many_at_once(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    """An import: more rows of one and the same instant than stand on a small page."""
    rows = sorted(sandbox.tenant.of("company").values(), key=lambda row: str(row["Gsid"]))
    at = sandbox.milliseconds()
    for row in (some := rows[:chance.randint(2, 12)]):
        row["Employees"] = chance.randint(1, 9999)
        _touch("company", row, at)
    return f"{len(some)} companies were imported in one instant" if some else None


def _come_late(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    """A slow transaction: the row has an older time than others that were seen, and shows after them."""
    row = _any(sandbox, "company", chance)
    if row is None:
        return None
    before = dict(row)
    row["Seats__gc"] = chance.randint(1, 500)
    _touch("company", row, max(sandbox.milliseconds() - chance.randint(1000, LATE_MS), row["ModifiedDate"]))
    sandbox.tenant.hidden[row["Gsid"]] = before
    return f"company {row['Gsid']} shows late"


def _delete(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    table = chance.choice(_GONE)
    row = _any(sandbox, table, chance)
    if row is None or (table == "company" and len(sandbox.tenant.of(table)) < 3):
        return None
    sandbox.tenant.delete(table, row["Gsid"], sandbox.milliseconds())
    return f"{table} {row['Gsid']} was deleted"


def _create(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    number, at = chance.randint(10**6, 10**9), sandbox.milliseconds()
    row = {"Gsid": gsid("1P02", number), "Name": f"New {number}", "Status": item("Company Status", "Prospect"),
           "CreatedDate": at, "ModifiedDate": at}
    sandbox.tenant.put("company", row)
    return f"company {row['Gsid']} was made"


def _merge(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    """Gainsight merges by re-pointing what the loser had and deleting it; nothing tells into which."""
    rows = sorted(sandbox.tenant.of("company").values(), key=lambda row: str(row["Gsid"]))
    if len(rows) < 4:
        return None
    winner, loser = chance.sample(rows, 2)
    at = sandbox.milliseconds()
    for table, field in _OF_COMPANY.items():
        for row in sandbox.tenant.of(table).values():
            if row.get(field) == loser["Gsid"]:
                row[field] = winner["Gsid"]
                _touch(table, row, at)
    sandbox.tenant.delete("company", loser["Gsid"], at)
    return f"company {loser['Gsid']} was merged into {winner['Gsid']}"


def _add_field(sandbox: GainsightSandbox, chance: random.Random) -> str:
    name = f"New_{chance.randint(1, 9999)}__gc"
    sandbox.tenant.fields["company"][name] = "STRING"
    return f"Company got a field {name}"


def _add_item(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    """A new item of the dropdown Stage, and a company that has it."""
    row = _any(sandbox, "company", chance)
    if row is None:
        return None
    row["Status"] = item("Company Status", f"New {chance.randint(1, 99)}")
    _touch("company", row, sandbox.milliseconds())
    return f"company {row['Gsid']} has a status that is not described"


def _change_type(sandbox: GainsightSandbox, chance: random.Random) -> str | None:
    row = _any(sandbox, "company", chance)
    if row is None:
        return None
    row["Employees"] = "about ten"
    _touch("company", row, sandbox.milliseconds())
    return f"Employees of {row['Gsid']} became text"


def _change(sandbox: GainsightSandbox, table: str, row: Row, chance: random.Random) -> None:
    number = chance.randint(1, 9999)
    if table == "scorecard_fact":
        row["CurrentScoreId"] = chance.choice(sorted(sandbox.tenant.of("scoring_scheme_definition")) or [None])
    elif table == "activity_timeline":
        row["Subject"] = f"Subject {number}"
    elif table == "person":
        row["Email"] = f"pat-{number}@acme.test"
    elif table == "company_person":
        row["Role"] = item("Role", chance.choice(DROPDOWNS["Role"]))
    elif table == "survey_participant":
        row["Comment"] = f"Comment {number}"
    elif table == "gsuser":
        row["Title"] = f"Title {number}"
    else:
        row["Name"] = f"{table} {number}"


def _touch(table: str, row: Row, at: int) -> None:
    row["LastModifiedDate" if table == "activity_timeline" else "ModifiedDate"] = at


def _any(sandbox: GainsightSandbox, table: str, chance: random.Random) -> dict[str, Any] | None:
    rows = sandbox.tenant.of(table)
    return rows[chance.choice(sorted(rows))] if rows else None
