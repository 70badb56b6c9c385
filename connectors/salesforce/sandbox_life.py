"""What goes on in the sandbox's org without us: people edit, processes load, administrators change fields."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors.salesforce.org import Org
from connectors.salesforce.schema import PREFIXES
from connectors.salesforce.soql import instant, written
from connectors.salesforce.tables import make_id

LATEST_COMMIT = timedelta(minutes=8)        # how long a transaction stays open, at most
_EDITS = {
    "Account": ("Name", "Industry", "ARR__c", "NumberOfEmployees"), "Contact": ("Title", "LastName"),
    "Opportunity": ("Name", "Amount", "StageName"), "Case": ("Subject", "Priority", "Status"),
    "Contract": ("Product__c", "ARR__c", "EndDate"), "Event": ("Subject",), "Task": ("Subject", "Status"),
}
_WORDS = ("Renewed", "Société Générale", "=cmd()", "Umlaut Ü", "日本", "O'Neil", "two\nlines", '"quoted", and more')
_PICKS = {"Priority": ("Low", "Medium", "High"), "Status": ("New", "Working", "Closed"),
          "StageName": ("Prospecting", "Negotiation/Review", "Closed Won")}
_FIRST_NEW = 700_000_000


class Life:
    """One org's days. `chance` decides all of it, so that a seed gives the same days again.

    `kept` are ids that nobody deletes or merges away: what was decided for them could not be done any more.
    """

    def __init__(
        self, org: Org, now: Callable[[], datetime], chance: random.Random, kept: Collection[str] = (),
    ) -> None:
        self._org, self._now, self._chance, self._kept = org, now, chance, kept

    def stir(self) -> str | None:
        """Change one thing; what was done, in words."""
        deeds = [self._edit, self._edit, self._edit_many_at_once, self._commit_late, self._delete, self._purge,
                 self._merge, self._new, self._new, self._new_field, self._new_value, self._change_type, self._restore]
        self._chance.shuffle(deeds)
        for deed in deeds:
            done = deed()
            if done:
                return done
        return None

    def _edit(self) -> str | None:
        table, row = self._any()
        if row is None:
            return None
        name, value = self._change(table, row)
        self._org.load(table, [{"Id": row["Id"], name: value}])
        return f"{table} {row['Id']}: {name} edited"

    def _edit_many_at_once(self) -> str | None:
        table = self._chance.choice(list(_EDITS))
        rows = self._some(table, self._chance.randint(2, 9))
        if len(rows) < 2:
            return None
        stamp = written(self._now())
        changed = [{"Id": row["Id"], "SystemModstamp": stamp, **dict([self._change(table, row)])} for row in rows]
        self._org.load(table, changed)
        return f"{len(rows)} rows of {table} loaded in one instant, {stamp}"

    def _commit_late(self) -> str | None:
        table, row = self._any()
        if row is None:
            return None
        # A row is locked while its transaction is open: its stamp never goes back.
        began = max(self._now() - LATEST_COMMIT * self._chance.random(), instant(row["SystemModstamp"]))
        name, value = self._change(table, row)
        self._org.load(table, [{"Id": row["Id"], "SystemModstamp": written(began), name: value}])
        return f"{table} {row['Id']}: {name} committed now, stamped {written(began)}"

    def _delete(self) -> str | None:
        table, row = self._any(least=5)
        if row is None or row["Id"] in self._kept:
            return None
        self._org.delete(table, [row["Id"]])
        return f"{table} {row['Id']} deleted"

    def _purge(self) -> str | None:
        table, row = self._any(least=5)
        if row is None or table == "Account" or row["Id"] in self._kept:
            return None
        self._org.purge(table, [row["Id"]])
        return f"{table} {row['Id']} deleted past the recycle bin"

    def _restore(self) -> str | None:
        binned = [row for row in self._org.tables["Contact"].rows.values()
                  if row.get("IsDeleted") and not row.get("MasterRecordId")]
        if not binned:
            return None
        row = self._chance.choice(binned)
        self._org.load("Contact", [{"Id": row["Id"], "IsDeleted": False}])
        return f"Contact {row['Id']} taken out of the recycle bin"

    def _merge(self) -> str | None:
        table = self._chance.choice(("Account", "Contact", "Case"))
        rows = self._some(table, 2)
        if len(rows) < 2 or len(self._live(table)) < 5 or rows[1]["Id"] in self._kept:
            return None
        self._org.merge(rows[0]["Id"], [rows[1]["Id"]])
        return f"{table} {rows[1]['Id']} merged into {rows[0]['Id']}"

    def _new(self) -> str | None:
        table = self._chance.choice(("Account", "Contact", "Case", "Opportunity"))
        number = _FIRST_NEW + sum(len(each.rows) for each in self._org.tables.values()) + self._chance.randint(0, 10**6)
        row: dict[str, Any] = {"Id": make_id(PREFIXES[table], number)}
        accounts = self._some("Account", 1)
        if table == "Account":
            row |= {"Name": f"New {number}", "Website": f"https://new{number}.example", "Type": "Customer - Direct"}
        elif not accounts:
            return None
        elif table == "Contact":
            row |= {"AccountId": accounts[0]["Id"], "LastName": f"New {number}", "Role__c": "User"}
        elif table == "Case":
            row |= {"AccountId": accounts[0]["Id"], "Subject": "It is slow", "Status": "New", "Priority": "High"}
        else:
            row |= {"AccountId": accounts[0]["Id"], "Name": f"New {number}", "StageName": "Prospecting",
                    "Type": "Renewal", "CloseDate": (self._now() + timedelta(days=60)).date().isoformat()}
        self._org.load(table, [row])
        return f"{table} {row['Id']} created"

    def _new_field(self) -> str | None:
        rows = self._some("Account", 1)
        name = f"Field_{self._chance.randint(1, 999)}__c"
        if not rows or name in self._org.tables["Account"].schema.fields:
            return None
        self._org.load("Account", [{"Id": rows[0]["Id"], name: "new"}])
        return f"Account has a new field {name}"

    def _new_value(self) -> str | None:
        rows = self._some("Account", 1)
        if not rows:
            return None
        value = f"Strategic {self._chance.randint(1, 9)}"
        self._org.load("Account", [{"Id": rows[0]["Id"], "Segment__c": value}])
        return f'Account {rows[0]["Id"]}: Segment__c has the new value "{value}"'

    def _change_type(self) -> str | None:
        fields = self._org.tables["Contract"].schema.fields
        about = fields["Seats__c"]
        if about.type == "string":
            return None
        fields["Seats__c"] = replace(about, type="string")
        for row in self._org.tables["Contract"].rows.values():
            if row.get("Seats__c") is not None:
                row["Seats__c"] = str(row["Seats__c"])
        return "Contract: Seats__c is text now"

    # ---- who and what ----

    def _live(self, table: str) -> list[dict[str, Any]]:
        return [row for row in self._org.tables[table].rows.values() if not row.get("IsDeleted")]

    def _some(self, table: str, count: int) -> list[dict[str, Any]]:
        live = self._live(table)
        return self._chance.sample(live, min(count, len(live)))

    def _any(self, least: int = 1) -> tuple[str, dict[str, Any] | None]:
        table = self._chance.choice(list(_EDITS))
        rows = self._live(table)
        return table, self._chance.choice(rows) if len(rows) >= least else None

    def _change(self, table: str, row: dict[str, Any]) -> tuple[str, Any]:
        name = self._chance.choice(_EDITS[table])
        kind = self._org.tables[table].schema.fields[name].type
        if name in _PICKS:
            return name, self._chance.choice(_PICKS[name])
        if kind == "date":
            return name, (self._now() + timedelta(days=self._chance.randint(-30, 300))).date().isoformat()
        if kind in ("double", "currency"):
            return name, round(self._chance.uniform(0, 90_000), 2)
        if kind == "int":
            return name, self._chance.randint(1, 9_000)
        return name, f"{self._chance.choice(_WORDS)} {self._chance.randint(1, 999)}"
