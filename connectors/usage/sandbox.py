"""A warehouse that lists drops of usage over HTTP, and a product that signs and posts events."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.kit.signature import hex_hmac

TOKEN = "usage-sandbox-token"  # noqa: S105  opens nothing but the sandbox
SECRET = "usage-sandbox-shared-secret"  # noqa: S105  as above


class UsageSandbox(Sandbox):
    """Drops by name; a later one of the same name replaces the earlier."""

    name = "usage"
    tables = ("drops",)

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.drops: dict[str, tuple[str, bytes]] = {}

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """`drops`: a name with a polars `frame`, or with `bytes` and, where one likes, an `etag`."""
        if table not in self.tables:
            raise ValueError(f'the usage sandbox has no table "{table}". It has: {", ".join(self.tables)}.')
        with self.lock:
            for row in rows:
                content = _parquet(row["frame"]) if "frame" in row else bytes(row["bytes"])
                self.drops[row["name"]] = (row.get("etag") or hashlib.sha256(content).hexdigest()[:16], content)

    def seed(self, accounts: int) -> None:
        """Seven weeks, one drop each, of which the last is CSV."""
        import polars as pl

        for week in range(7):
            start = date(2026, 1, 5) + timedelta(weeks=week)
            rows = [
                {"account_external_id": f"W-{number}", "day": start + timedelta(days=day),
                 "active_users": (number * 7 + day + week) % 30, "reports": (number + day) % 5 if number % 4 else None}
                for number in range(accounts) for day in range(7)
            ]
            frame = pl.DataFrame(rows, schema_overrides={"reports": pl.Int64})
            name = f"{start:%Y-%m-%d}"
            if week < 6:
                self.load("drops", [{"name": f"{name}.parquet", "frame": frame}])
            else:
                self.load("drops", [{"name": f"{name}.csv", "bytes": frame.write_csv().encode()}])

    def stir(self, chance: random.Random) -> str | None:
        """A drop corrected, one more day, a new metric, a cell that is no number."""
        import polars as pl

        if not self.drops:
            return None
        name = chance.choice(sorted(each for each in self.drops if each.endswith(".csv")))
        frame = pl.read_csv(self.drops[name][1], infer_schema=False)
        at, kind = chance.randrange(frame.height), chance.choice(("corrected", "day", "metric", "type"))
        row = {**frame.row(at, named=True), "active_users": str(chance.randrange(99))}
        if kind in ("day", "type"):
            row["day"] = (date.fromisoformat(row["day"]) + timedelta(days=60)).isoformat()
        if kind == "type":
            row["active_users"] = "n/k"
        others = frame if kind in ("day", "type") else pl.concat([frame[:at], frame[at + 1:]])
        changed = pl.concat([others, pl.DataFrame([row], schema=frame.schema)])
        if kind == "metric":
            changed = changed.with_columns(pl.lit(str(chance.randrange(9))).alias(f"metric_{chance.randrange(99)}"))
        self.load("drops", [{"name": name, "bytes": changed.write_csv().encode()}])
        return f"{name}: {kind}: {row['account_external_id']} on {row['day']}"

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "token": TOKEN, "signing_secret": SECRET, "events": {"Report Viewed": "reports"}}

    def allow(self, request: Request) -> Reply | None:
        return None if request.headers.get("authorization") == f"Bearer {TOKEN}" else self.error(401)

    @route("GET", "/drops")
    def list_(self, request: Request) -> Reply:
        names = sorted(name for name in self.drops if name > request.query.get("after", ""))
        page = names[:self.page_size]
        return Reply(200, {
            "drops": [{"name": name, "etag": self.drops[name][0], "bytes": len(self.drops[name][1])} for name in page],
            "next": page[-1] if len(names) > len(page) else None,
        })

    @route("GET", "/drops/{name}")
    def drop(self, request: Request) -> Reply:
        if request.params["name"] not in self.drops:
            return self.error(404)
        return Reply(200, self.drops[request.params["name"]][1], content_type="application/octet-stream")

    # ---- the product that sends events ----

    def sample_bodies(self) -> Sequence[bytes]:
        return [
            self.event("W-1", "Report Viewed", datetime(2026, 3, 5, 8, tzinfo=UTC), 1),
            self.event("W-2", "Report Viewed", datetime(2026, 3, 5, 9, tzinfo=UTC), 2),
        ]

    def sign(self, body: bytes) -> dict[str, str]:
        """As Segment does: of a batch, only the first event is signed."""
        told = json.loads(body)
        first = json.dumps(told[0], separators=(",", ":"), ensure_ascii=False) if isinstance(told, list) else None
        signed = body if first is None else first.encode()
        return {
            "content-type": "application/json", "user-agent": "Segment.io/1.0",
            "x-signature": hex_hmac(SECRET, signed, "sha1"),
            ":method": "POST", ":url": "https://steward.example.com/hooks/usage",
        }

    def event(self, account: str, name: str, happened_at: datetime, number: int) -> bytes:
        """A `track` call of `account`; `number` makes its messageId."""
        instant = happened_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return json.dumps({
            "version": 1, "type": "track", "event": name, "userId": f"user-{account}", "messageId": f"msg-{number}",
            "timestamp": instant, "receivedAt": instant, "properties": {"path": "/reports"},
            "context": {"groupId": account, "library": {"name": "analytics.js"}},
        }, separators=(",", ":"), ensure_ascii=False).encode()

    def post(self, url: str, body: bytes) -> int:
        """Send `body`, signed, to `url`; the status of the answer."""
        parts = urlsplit(url)
        line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            headers = {name: value for name, value in self.sign(body).items() if not name.startswith(":")}
            line.request("POST", parts.path, body, headers)
            return line.getresponse().status
        finally:
            line.close()


def _parquet(frame: Any) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
