"""A folder of files as a company without a CRM keeps them: German and American, CSV, Excel's, gzip and Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from steward.kit.sandbox import Sandbox

_FIRST = date(2026, 1, 5)


class CsvfileSandbox(Sandbox):
    """There is no vendor to call: `folder` holds the files, and goes away on `stop` unless it was given."""

    name = "csvfile"

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self._made: Path | None = None
        self._rows: dict[str, list[dict[str, Any]]] = {}

    @property
    def folder(self) -> Path:
        if self.state_dir:
            return self.state_dir
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="csvfile-sandbox-"))
        return self._made

    def stop(self) -> None:
        super().stop()
        if self._made:
            shutil.rmtree(self._made)
            self._made = None

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write `rows` to the file `table`: "accounts.csv", "tickets.csv.gz", "contacts.parquet"."""
        file = self.folder / table
        self._rows[table] = [dict(row) for row in rows]
        if table.endswith(".parquet"):
            import polars as pl

            pl.DataFrame(list(rows)).write_parquet(file)
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter=";" if table in _GERMAN else ",")
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode(_GERMAN.get(table, "utf-8-sig"))
        file.write_bytes(gzip.compress(content, mtime=0) if table.endswith(".gz") else content)

    def seed(self, accounts: int) -> None:
        """One file for each stream, all about the same accounts."""
        for table, row in _ROWS.items():
            self.load(table, [row(number) for number in range(accounts)])
        self.load("usage.csv.gz", [
            {"Konto": f"K-{number}", "Tag": _german(_FIRST + timedelta(days=day)), "Nutzer": (number + day) % 20}
            for number in range(accounts) for day in range(14)
        ])

    def stir(self, chance: random.Random) -> str | None:
        """A row edited, a row more, a new column, a cell that cannot be read and one that can again."""
        table = chance.choice(("deals.csv", "calls.csv", "tickets.csv.gz", "nps.csv"))
        rows = self._rows.get(table)
        if not rows or len(rows) < 2:
            return None
        kind, row = chance.choice(("edited", "edited", "added", "removed", "column", "unreadable")), chance.choice(rows)
        if kind == "added":
            rows.append({**row, "id": f"{row['id']}-{chance.randrange(10**6)}"})
        elif kind == "removed":
            rows.remove(row)
        elif kind == "column":
            name = f"column {chance.randrange(99)}"
            rows = [{name: "new", **each} for each in rows]
        elif kind == "unreadable" and table == "deals.csv":
            row["close"] = "next spring"
        else:
            row |= {"close": f"2026-0{chance.randint(1, 9)}-15"} if table == "deals.csv" else {}
            row |= {"subject": f"About {chance.randrange(99)}"} if "subject" in row else {}
        self.load(table, rows)
        return f"{table}: {kind}: {row['id']}"

    def settings(self) -> dict[str, Any]:
        german = {"day_first": True, "decimal": ",", "timezone": "Europe/Berlin"}
        mine = {"account_external_id": "account"}
        return {
            "folder": str(self.folder),
            "rows_on_a_page": min(self.page_size, 2_000),
            "files": [
                {"path": "people.csv", "noun": "person", "external_id": "email",
                 "columns": {"name": "name", "email": "email", "active": "works here"}},
                {"path": "kunden.csv", "noun": "account", "external_id": "Kundennummer", **german,
                 "modified_at": "geändert", "columns": {
                     "name": "Firma", "domain": "Web", "arr": {"column": "Umsatz", "currency": "EUR"},
                     "segment": {"column": "Größe", "values": {"G": "enterprise", "M": "mid_market", "K": "smb"}},
                     "lifecycle": {"constant": "customer"}, "csm_external_id": "Betreuer", "custom.branche": "Branche",
                 }},
                {"path": "contacts.parquet", "noun": "contact", "external_id": "id",
                 "columns": {**mine, "name": "name", "email": "email", "last_seen_at": "seen"}},
                {"path": "subscriptions.csv", "noun": "subscription", "external_id": ["account", "product"],
                 "day_first": False, "columns": {
                     **mine, "product": "product", "starts_on": "start", "ends_on": "end",
                     "arr": {"column": "arr", "currency_column": "currency"}, "seats": "seats",
                     "auto_renew": "auto renew",
                 }},
                {"path": "deals.csv", "noun": "opportunity", "external_id": "id",
                 "columns": {**mine, "name": "name", "amount": "amount", "close_on": "close", "is_won": "won"}},
                {"path": "tickets.csv.gz", "noun": "ticket", "external_id": "id", "columns": {
                    **mine, "subject": "subject", "status": "status", "opened_at": "opened", "csat": "csat"}},
                {"path": "nps.csv", "noun": "survey_response", "external_id": "id", "columns": {
                    **mine, "kind": {"constant": "nps"}, "score": "score", "comment": "comment", "answered_at": "at"}},
                {"path": "milestones.csv", "noun": "milestone", "external_id": ["account", "step"],
                 "columns": {**mine, "name": "step", "due_on": "due", "reached_on": "reached"}},
                {"path": "calls.csv", "noun": "touchpoint", "external_id": "id",
                 "columns": {**mine, "kind": {"constant": "call"}, "subject": "subject", "held_at": "at"}},
                {"path": "tasks.csv", "noun": "task", "external_id": "id",
                 "columns": {**mine, "subject": "subject", "due_on": "due", "status": "status"}},
            ],
            "usage": [
                {"path": "usage.csv.gz", "account": "Konto", "day": "Tag", **german,
                 "metrics": {"active_users": "Nutzer"}},
            ],
        }


def _german(day: date) -> str:
    return f"{day:%d.%m.%Y}"


_GERMAN = {"kunden.csv": "cp1252", "usage.csv.gz": "utf-16"}
_ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "people.csv": lambda n: {
        "email": f"csm{n}@example.com", "name": f"Csm {n}", "works here": "yes" if n % 5 else "no",
    },
    "kunden.csv": lambda n: {
        "Kundennummer": f"K-{n}", "Firma": f"Müller & Söhne {n}", "Web": f"https://www.mueller{n}.example/start",
        "Umsatz": f"{n + 1}.250,50 €", "Größe": "GMK"[n % 3], "Betreuer": f"csm{n}@example.com" if n % 4 else "",
        "Branche": "Möbel", "geändert": f"{_german(_FIRST + timedelta(days=n))} 14:30",
    },
    "contacts.parquet": lambda n: {
        "id": n, "account": f"K-{n}", "name": f"Ana {n}", "email": f"ana@mueller{n}.example",
        "seen": datetime(2026, 2, 1, 8, tzinfo=UTC) + timedelta(hours=n),
    },
    "subscriptions.csv": lambda n: {
        "account": f"K-{n}", "product": "Pro|Plus", "start": "03/04/2025", "end": "3/4/26", "arr": f"{n}000.00",
        "currency": "usd" if n % 2 else "EUR", "seats": n * 10, "auto renew": "ja" if n % 2 else "nein",
    },
    "deals.csv": lambda n: {
        "id": f"D-{n}", "account": f"K-{n}", "name": "=HYPERLINK(1)", "amount": f"US$ 1,{n:03}.00",
        "close": "2026-05-01", "won": "TRUE" if n % 2 else "",
    },
    "tickets.csv.gz": lambda n: {
        "id": f"T-{n}", "account": f"K-{n}", "subject": "It says\n<!channel>", "status": "open",
        "opened": "2026-02-01T08:00:00+01:00", "csat": "4.5" if n % 3 else "n/a",
    },
    "nps.csv": lambda n: {
        "id": f"N-{n}", "account": f"K-{n}", "score": n % 11, "comment": "ok, \"fine\" 🚀", "at": "2026-02-01 10:00",
    },
    "milestones.csv": lambda n: {
        "account": f"K-{n}", "step": "go_live", "due": "2026-03-01", "reached": "2026-02-20" if n % 2 else "",
    },
    "calls.csv": lambda n: {"id": f"C-{n}", "account": f"K-{n}", "subject": "QBR", "at": "5 Mar 2026 3:15 PM"},
    "tasks.csv": lambda n: {
        "id": n, "account": f"K-{n}", "subject": "Call back", "due": "2026-04-01", "status": "open",
    },
}
