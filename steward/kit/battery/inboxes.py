"""Rules of an inbox: the vendor's own call is taken, nothing else is, and no input makes it stumble."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from steward.contracts import Inbox
from steward.kit.battery.bench import Bench, Rule
from steward.kit.battery.reads import _check_record
from steward.model.errors import RecordRejected, SignatureRejected

_HOSTILE = (
    "", " ", "0", "-1", "1e400", "nan", "sha1=", "sha256=", "v0=", "v1,", "v1,=", "v1,AAAA", "\x00", "ä", "\ud800",
    "0" * 40, "0" * 64, "=" * 64, "Zm9v", "a,b c", "," * 100, "9" * 400, "x" * 100_000, "null", "[]",
    "2026-01-01T00:00:00Z", "%00",
)


def _the_vendors_call_is_taken(bench: Bench) -> None:
    assert bench.sandbox.sample_bodies(), "sample_bodies() gives nothing"
    for body in bench.sandbox.sample_bodies():
        inbox, headers = _inbox(bench), bench.sandbox.sign(body)
        inbox.verify(headers, body)
        records = inbox.parse(body)
        assert records, f"a sample body gave no record: {body[:200]!r}"
        for record in records:
            _check_record("inbox", record)


def _a_delivery_keeps_its_name(bench: Bench) -> None:
    names = []
    for body in bench.sandbox.sample_bodies():
        first = _inbox(bench).delivery_id(bench.sandbox.sign(body), body)
        again = _inbox(bench).delivery_id(bench.sandbox.sign(body), body)
        assert first, "a delivery has no name"
        assert first == again, f'the same delivery is called "{first}" and "{again}"'
        names.append(first)
    assert len(set(names)) == len(names), f"different deliveries have the same name: {names}"


def _a_changed_body_is_rejected(bench: Bench) -> None:
    for body in bench.sandbox.sample_bodies():
        inbox, headers = _inbox(bench), bench.sandbox.sign(body)
        for at in sorted({0, len(body) // 3, len(body) // 2, len(body) - 1}):
            changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
            _rejected(bench, inbox, headers, changed, f"bit 0 of byte {at} flipped")
        _rejected(bench, inbox, headers, b"", "the body left out")
        _rejected(bench, inbox, headers, body + b" ", "a space added")


def _an_unsigned_call_is_rejected(bench: Bench) -> None:
    for body in bench.sandbox.sample_bodies():
        inbox, headers = _inbox(bench), bench.sandbox.sign(body)
        _rejected(bench, inbox, {}, body, "no headers at all")
        plain = {name: value for name, value in headers.items() if name.startswith(":") or name == "content-type"}
        _rejected(bench, inbox, plain, body, "no signature")


def _an_old_call_is_rejected(bench: Bench) -> None:
    for body in bench.sandbox.sample_bodies():
        headers = bench.sandbox.sign(body)
        for later in (timedelta(hours=1), timedelta(hours=-1)):
            inbox = bench.connect(later).inbox
            assert inbox
            bench.error_of(f"signed {later} ago", SignatureRejected, partial(inbox.verify, headers, body))


def _hostile_headers_are_rejected(bench: Bench) -> None:
    chance = random.Random(7)  # noqa: S311  reproducible on purpose
    inbox, body = _inbox(bench), bench.sandbox.sample_bodies()[0]
    signed = bench.sandbox.sign(body)
    names = [name for name in signed if not name.startswith(":")]
    needed = [name for name in names if _is_needed(bench, inbox, name, body)]
    assert needed, "no header of sign() is needed: the signature is not looked at"
    for headers in _variants(chance, signed, needed):
        shown = {name: headers.get(name, "")[:40] for name in needed}
        _rejected(bench, inbox, headers, body, f"hostile headers {shown}")


def _odd_bodies_are_rejected(bench: Bench) -> None:
    chance = random.Random(7)  # noqa: S311  reproducible on purpose
    inbox = _inbox(bench)
    for body in _odd_bodies(chance, list(bench.sandbox.sample_bodies())):
        error = bench.attempt(f"parse of {body[:120]!r}", partial(_checked, inbox, body))
        assert error is None or isinstance(error, RecordRejected), f"parse of {body[:120]!r}: {type(error).__name__}"
        bench.attempt(f"delivery_id of {body[:120]!r}", partial(inbox.delivery_id, {}, body))


# ---- helpers ----

def _inbox(bench: Bench) -> Inbox:
    inbox = bench.connect().inbox
    assert inbox, "the manifest says inbox=True, but connect() gave none"
    return inbox


def _rejected(bench: Bench, inbox: Inbox, headers: Mapping[str, str], body: bytes, what: str) -> None:
    bench.error_of(what, SignatureRejected, partial(inbox.verify, headers, body))


def _checked(inbox: Inbox, body: bytes) -> None:
    for record in inbox.parse(body):
        _check_record("inbox", record)


def _is_needed(bench: Bench, inbox: Inbox, name: str, body: bytes) -> bool:
    rest = {key: value for key, value in bench.sandbox.sign(body).items() if key != name}
    return bench.attempt(f'without "{name}"', partial(inbox.verify, rest, body)) is not None


def _variants(chance: random.Random, signed: Mapping[str, str], needed: list[str]) -> Iterator[dict[str, str]]:
    for name in needed:
        for value in _HOSTILE:
            yield {**signed, name: value}
        whole = signed[name]
        yield {**signed, name: whole[:-1]}
        yield {**signed, name: whole[:-1] + ("0" if whole[-1] != "0" else "1")}
        yield {**signed, name: whole + ",x"}
    for _ in range(150):
        yield {**signed, **{name: chance.choice(_HOSTILE) for name in needed}}


def _odd_bodies(chance: random.Random, samples: list[bytes]) -> Iterator[bytes]:
    yield from (b"", b"null", b"[]", b"{}", b"[null]", b"1", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"a":' * 2000, b"NaN")
    for body in samples:
        for _ in range(25):
            yield body[:chance.randrange(len(body))]
            at = chance.randrange(len(body))
            yield body[:at] + bytes([chance.randrange(256)]) + body[at + 1:]
        try:
            parsed = json.loads(body)
        except ValueError:
            continue
        for _ in range(60):
            yield json.dumps(_spoiled(chance, parsed)).encode()


def _spoiled(chance: random.Random, node: Any) -> Any:
    if chance.random() < 0.12:
        return chance.choice([None, 0, -1, 1e308, "", "x", [], {}, True, "\x00", 10**30])
    if isinstance(node, dict):
        return {name: _spoiled(chance, value) for name, value in node.items() if chance.random() > 0.08}
    if isinstance(node, list):
        return [_spoiled(chance, value) for value in node]
    return node


def _receives(connector: Any) -> bool:
    return bool(connector.inbox)


_CHECKS: tuple[tuple[str, Callable[[Bench], None]], ...] = (
    ("the_vendors_call_is_taken", _the_vendors_call_is_taken),
    ("a_delivery_keeps_its_name", _a_delivery_keeps_its_name),
    ("a_changed_body_is_rejected", _a_changed_body_is_rejected),
    ("an_unsigned_call_is_rejected", _an_unsigned_call_is_rejected),
    ("an_old_call_is_rejected", _an_old_call_is_rejected),
    ("hostile_headers_are_rejected", _hostile_headers_are_rejected),
    ("odd_bodies_are_rejected", _odd_bodies_are_rejected),
)
RULES = tuple(Rule(name, check, _receives) for name, check in _CHECKS)
