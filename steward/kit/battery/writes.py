"""Rules of a sink: one key is one effect, and every failure is called what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from steward.contracts import Sink
from steward.kit.battery.bench import Bench, E, Rule
from steward.kit.http import MOST_RETRY_AFTER_S
from steward.kit.sandbox import Fault
from steward.model.actions import Action, DeliveryClass, IdempotencyKey, Receipt, UpdateRecord
from steward.model.errors import (
    AccessDenied,
    OutcomeUnknown,
    RateLimited,
    RecordRejected,
    StewardError,
    Unavailable,
)

_TROUBLE = (
    ("status", 500), ("status", 429), ("status", 401), ("cut", 200), ("refuse", 200), ("html", 200), ("empty", 200),
)


def _every_declared_action_has_a_sample(bench: Bench) -> None:
    declared, given = set(bench.connector.actions), {action.kind for action in bench.sandbox.sample_actions()}
    assert given == declared, f"the manifest declares {sorted(declared)}, sample_actions() gives {sorted(given)}"


def _an_action_is_delivered_with_a_receipt(bench: Bench) -> None:
    for action, key in samples(bench):
        receipt = sink_of(bench).deliver(action, key)
        assert isinstance(receipt, Receipt), f"{action.kind}: deliver gave {receipt!r}"
        assert receipt.external_id, f"{action.kind}: the receipt names nothing"
        assert receipt.delivered_at.utcoffset() is not None, f"{action.kind}: delivered_at has no time zone"
        assert not receipt.found, f"{action.kind}: the first delivery says that it was found"
        once(bench, action, key)


def _different_keys_are_different_effects(bench: Bench) -> None:
    for action, key in samples(bench):
        other = IdempotencyKey(f"{key}/other")
        sink = sink_of(bench)
        sink.deliver(action, key)
        sink.deliver(action, other)
        once(bench, action, key)
        once(bench, action, other)


def _the_same_key_twice_is_one_effect(bench: Bench) -> None:
    for action, key in samples(bench, DeliveryClass.A):
        first = sink_of(bench).deliver(action, key)
        second = sink_of(bench).deliver(action, key)
        assert second.external_id == first.external_id, f"{action.kind}: the second delivery names something else"
        once(bench, action, key)


def _what_was_made_is_found(bench: Bench) -> None:
    for action, key in samples(bench, DeliveryClass.A, DeliveryClass.B):
        assert sink_of(bench).find(action, key) is None, f"{action.kind}: found before anything was made"
        made = sink_of(bench).deliver(action, key)
        found = sink_of(bench).find(action, key)
        assert found is not None, f"{action.kind}: what was just made is not found"
        assert found.external_id == made.external_id, f"{action.kind}: {found.external_id} is not {made.external_id}"
        assert found.found, f"{action.kind}: the receipt of `find` must have found=True"
        # A field that is written has no key: there, what is found is the value.
        wrong = None if isinstance(action, UpdateRecord) else IdempotencyKey(f"{key}/other")
        assert not wrong or sink_of(bench).find(action, wrong) is None, f"{action.kind}: found by a wrong key"
        once(bench, action, key)


def _what_cannot_be_found_is_unknown(bench: Bench) -> None:
    for action, key in samples(bench, DeliveryClass.C):
        bench.error_of(f"{action.kind}: find", OutcomeUnknown, partial(sink_of(bench).find, action, key))


def _unknown(kind: str, status: int, applied: bool | None) -> Callable[[Bench], None]:
    """What leaves the outcome unknown: raised as such, never repeated by the client, and mended by looking."""

    def check(bench: Bench) -> None:
        for action, key in samples(bench):
            _, sent = _deliver_meeting(bench, action, key, Fault(kind, status=status), OutcomeUnknown)
            what = f"{action.kind}: {kind} {status or ''} on the write"
            assert sent == 1, f"{what}: the write was sent {sent} times; a client must never repeat a write by itself"
            if applied is not None:
                assert len(bench.sandbox.effects_of(action, key)) >= applied, f"{what}: the sandbox did not apply it"
            mended_by_looking(bench, action, key)

    return check


def _not_done(kind: str, status: int, expected: type[StewardError]) -> Callable[[Bench], None]:
    """What says that nothing was done: the promised error, and nothing done."""

    def check(bench: Bench) -> None:
        for action, key in samples(bench):
            _deliver_meeting(bench, action, key, Fault(kind, status=status), expected)
            what = f"{action.kind}: {kind} {status} on the write"
            assert not bench.sandbox.effects_of(action, key), f"{what}: something was applied all the same"
            sink_of(bench).deliver(action, key)
            once(bench, action, key)

    return check


def _write_429(bench: Bench) -> None:
    for said, wanted in ((None, None), ("7", 7.0), ("-5", "sane"), ("soon", "sane"), ("9" * 400, "sane")):
        for action, key in samples(bench):
            this = IdempotencyKey(f"{key}/{said}"[:100])
            fault = Fault("status", status=429, retry_after=said)
            error, _ = _deliver_meeting(bench, action, this, fault, RateLimited)
            assert not bench.sandbox.effects_of(action, this), f"{action.kind}: 429, yet something was applied"
            after = error.retry_after_s
            if wanted == "sane":
                assert after is None or 0 <= after <= MOST_RETRY_AFTER_S, f'Retry-After "{said}" became {after}'
            else:
                assert after == wanted, f'Retry-After "{said}" became {after}'


def _write_nobody_listens(bench: Bench) -> None:
    each, settings = list(samples(bench)), bench.settings()
    bench.sandbox.stop()
    sink = bench.connect_with(settings).sink
    assert sink
    for action, key in each:
        bench.error_of(f"{action.kind}: nobody listens", Unavailable, partial(sink.deliver, action, key))


def _trouble_before_the_write_leaves_nothing_done(bench: Bench) -> None:
    for action, key in samples(bench):
        writes_at, _ = _where_it_writes(bench, *probe(action, key, 0))
        if not writes_at:
            continue                        # the first call is the write
        for kind, status in (*_TROUBLE, ("hang", 200)):
            bench.fail(Fault(kind, status=status))
            what = f"{action.kind}: {kind} {status} before the write"
            bench.error_of(what, StewardError, partial(sink_of(bench).deliver, action, key))
            assert not bench.sandbox.effects_of(action, key), f"{what}, yet it was written"
            bench.mend()


def _a_lookup_that_fails_is_not_a_no(bench: Bench) -> None:
    for action, key in samples(bench, DeliveryClass.A, DeliveryClass.B):
        sink_of(bench).deliver(action, key)
        for kind, status in _TROUBLE:
            bench.fail(Fault(kind, status=status))
            what = f"{action.kind}: find, {kind} {status}"
            bench.error_of(what, StewardError, partial(sink_of(bench).find, action, key))
            bench.mend()


# ---- helpers ----

def samples(bench: Bench, *classes: DeliveryClass) -> Iterator[tuple[Action, IdempotencyKey]]:
    for number, action in enumerate(bench.sandbox.sample_actions()):
        if not classes or bench.connector.actions[action.kind] in classes:
            yield action, IdempotencyKey(f"battery/acct_{number}/1/0/{action.kind}")


def sink_of(bench: Bench) -> Sink:
    sink = bench.connect().sink
    assert sink, "the manifest lists actions, but connect() gave no sink"
    return sink


def once(bench: Bench, action: Action, key: IdempotencyKey) -> None:
    kinds = Counter(effect.kind for effect in bench.sandbox.effects_of(action, key))
    assert kinds, f'{action.kind}: no effect in the ledger carries the key "{key}"'
    assert max(kinds.values()) == 1, f'{action.kind}: the key "{key}" had effects twice: {dict(kinds)}'


def probe(action: Action, key: IdempotencyKey, number: int) -> tuple[Action, IdempotencyKey]:
    """As `action`, with effects of its own, to see how the connector goes about it."""
    if isinstance(action, UpdateRecord):
        value = action.value
        other = str(int(value) + 1 + number) if value.isdecimal() else f"{value} {number}"
        action = action.model_copy(update={"value": other})
    return action, IdempotencyKey(f"{key}/probe")


def _where_it_writes(bench: Bench, action: Action, key: IdempotencyKey) -> tuple[int, str]:
    """How many calls a fresh connection makes before the one that changes something, and that call's name."""
    bench.mend()
    start = len(bench.calls)
    sink_of(bench).deliver(action, key)
    calls = bench.calls[start:]
    for index, call in enumerate(calls):
        if call.effects:
            return index, call.name
    raise AssertionError(f"{action.kind}: no call of {[call.name for call in calls]} changed anything")


def _deliver_meeting(
    bench: Bench, action: Action, key: IdempotencyKey, fault: Fault, expected: type[E],
) -> tuple[E, int]:
    """The error of delivering into the fault, and how often the write was sent."""
    skip, name = _where_it_writes(bench, *probe(action, key, len(bench.calls)))
    bench.fail(replace(fault, skip=skip))
    start = len(bench.sandbox.calls)
    what = f"{action.kind}: {fault.kind} {fault.status} on {name}"
    error = bench.error_of(what, expected, lambda: sink_of(bench).deliver(action, key))
    after = [(method, path) for _, method, path, _ in list(bench.sandbox.calls)[start:]][skip:]
    method = name.split()[0]
    bench.mend()
    return error, sum(made == method and _shape(path) == _shape(name.split()[1]) for made, path in after)


def _shape(path: str) -> str:
    """The path without its last part, which may hold the key."""
    return path.rpartition("/")[0]


def mended_by_looking(bench: Bench, action: Action, key: IdempotencyKey) -> None:
    """What the outbox does next: look, and deliver only what is provably not there."""
    if bench.connector.actions[action.kind] is DeliveryClass.C:
        return
    receipt = sink_of(bench).find(action, key) or sink_of(bench).deliver(action, key)
    assert receipt.external_id, f"{action.kind}: the receipt names nothing"
    once(bench, action, key)


def writes(connector: Any) -> bool:
    return bool(connector.actions)


def _has(*classes: DeliveryClass) -> Callable[[Any], bool]:
    return lambda connector: any(given in classes for given in connector.actions.values())


_A, _B, _C = DeliveryClass.A, DeliveryClass.B, DeliveryClass.C

RULES = (
    Rule("every_declared_action_has_a_sample", _every_declared_action_has_a_sample, writes),
    Rule("an_action_is_delivered_with_a_receipt", _an_action_is_delivered_with_a_receipt, writes),
    Rule("different_keys_are_different_effects", _different_keys_are_different_effects, writes),
    Rule("the_same_key_twice_is_one_effect", _the_same_key_twice_is_one_effect, _has(_A)),
    Rule("what_was_made_is_found", _what_was_made_is_found, _has(_A, _B)),
    Rule("a_lookup_that_fails_is_not_a_no", _a_lookup_that_fails_is_not_a_no, _has(_A, _B)),
    Rule("what_cannot_be_found_is_unknown", _what_cannot_be_found_is_unknown, _has(_C)),
    Rule("a_write_that_meets_cut", _unknown("cut", 0, True), writes),
    Rule("a_write_that_meets_refuse", _unknown("refuse", 0, None), writes),
    Rule("a_write_that_meets_hang", _unknown("hang", 0, None), writes),
    Rule("a_write_that_meets_drip", _unknown("drip", 0, True), writes),
    Rule("a_write_that_meets_empty", _unknown("empty", 200, None), writes),
    Rule("a_write_that_meets_html", _unknown("html", 200, None), writes),
    *(Rule(f"a_write_that_meets_{status}", _unknown("status", status, None), writes) for status in (500, 502, 504)),
    Rule("a_write_that_meets_html_502", _unknown("html", 502, None), writes),
    Rule("a_write_that_meets_503", _not_done("status", 503, Unavailable), writes),
    *(Rule(f"a_write_that_meets_{status}", _not_done("status", status, AccessDenied), writes)
      for status in (401, 403)),
    *(Rule(f"a_write_that_meets_{status}", _not_done("status", status, RecordRejected), writes)
      for status in (400, 404, 422)),
    Rule("a_write_that_meets_429", _write_429, writes),
    Rule("a_write_that_meets_nobody", _write_nobody_listens, writes),
    Rule("trouble_before_the_write_leaves_nothing_done", _trouble_before_the_write_leaves_nothing_done, writes),
)
