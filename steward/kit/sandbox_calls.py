"""A call to a vendor that is played: what it is answered, what goes wrong with it, the ledger of what it applied."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it arrived. `headers` have lower-case names; `params` are those of the path's pattern."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    params: Mapping[str, str] = field(default_factory=dict)
    pairs: Sequence[tuple[str, str]] = ()    # the query as it came: a name may come more than once

    def json(self) -> Any:
        return json.loads(self.body or b"null")

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the vendor answers; a body that is not bytes is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def payload(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()


@dataclass(slots=True)
class Fault:
    """Something that goes wrong for the next `times` calls whose "METHOD path" matches `on`.

    `kind`: `hang` (never answered, nothing applied), `cut` (applied, then the line is cut), `refuse` (the line
    is cut before anything is read), `status` (the vendor's own error body for `status`, nothing applied),
    `empty` (200 without a body, nothing applied), `html` (a proxy's page with `status`, nothing applied),
    `error_in_200` (the vendor's own error body with 200, nothing applied), `drip` (applied, the answer comes a byte
    at a time), `truncated` (applied, the head promises the whole body, half of it comes, then the line is cut),
    `slow` (applied, the answer comes `delay_s` later). `skip` lets that many matching calls pass first.
    """

    kind: str
    on: str = "."
    times: int = 1
    skip: int = 0
    status: int = 200
    retry_after: str | None = None
    delay_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Effect:
    """One change that the vendor applied: `kind` in the vendor's words, `key` the idempotency key it carried."""

    number: int
    applied_at: str
    kind: str
    key: str
    detail: Mapping[str, Any]


class Ledger:
    """Every effect applied, in order; kept in `path`, one JSON object a line, where one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._lock = path, threading.Lock()
        self._effects: list[Effect] = []
        if path and path.exists():
            self._effects = [Effect(**json.loads(line)) for line in path.read_text().splitlines() if line]

    def append(self, kind: str, key: str, detail: Mapping[str, Any]) -> Effect:
        with self._lock:
            effect = Effect(len(self._effects) + 1, datetime.now(UTC).isoformat(), kind, key, dict(detail))
            if self._path:
                with self._path.open("a") as file:
                    file.write(json.dumps(asdict(effect), ensure_ascii=False) + "\n")
            self._effects.append(effect)
            return effect

    def __iter__(self) -> Iterator[Effect]:
        with self._lock:
            return iter(list(self._effects))

    def __len__(self) -> int:
        with self._lock:
            return len(self._effects)

    def of(self, key: str) -> list[Effect]:
        """The effects that carried `key`."""
        return [effect for effect in self if effect.key == key]
