"""Rules of a sink that takes many actions in one call: each of them is kept to what it would be kept to alone.

They hold of themselves where a sink takes one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from steward.contracts import BatchSink
from steward.kit.battery.bench import Bench, Rule
from steward.kit.battery.writes import mended_by_looking, once, probe, samples, sink_of, writes
from steward.kit.sandbox import Fault
from steward.model.actions import Action, DeliveryClass, IdempotencyKey, Receipt, UpdateRecord
from steward.model.errors import (
    AccessDenied,
    GiveUp,
    OutcomeUnknown,
    RateLimited,
    StewardError,
    Unavailable,
)

MANY = 3
_NOBODY = "nobody-has-this-id"

Batch = Sequence[tuple[Action, IdempotencyKey]]
Said = Sequence[Receipt | StewardError]


def _batches_are_of_declared_actions(bench: Bench) -> None:
    sink = sink_of(bench)
    if isinstance(sink, BatchSink):
        unknown = set(sink.batches) - set(bench.connector.actions)
        assert not unknown, f"`batches` names actions that the manifest does not: {sorted(unknown)}"
        assert all(most > 1 for most in sink.batches.values()), f"a batch of one is none: {dict(sink.batches)}"


def _many_at_once_are_one_effect_each(bench: Bench) -> None:
    for batch in _batches(bench):
        said = _deliver(bench, batch)
        assert all(isinstance(each, Receipt) for each in said), f"{batch[0][0].kind}: refused: {said}"
        if _class(bench, batch) is DeliveryClass.A:
            again = _deliver(bench, batch)
            named = [[each.external_id for each in side if isinstance(each, Receipt)] for side in (said, again)]
            assert named[0] == named[1], f"{batch[0][0].kind}: the second delivery names {named[1]}, not {named[0]}"
        for (action, key), receipt in zip(batch, said, strict=True):
            once(bench, action, key)
            if _class(bench, batch) is not DeliveryClass.C and isinstance(receipt, Receipt):
                found = sink_of(bench).find(action, key)
                assert found, f"{action.kind}: what was just made is not found"
                assert found.external_id == receipt.external_id, f"{action.kind}: the receipt of another was given"


def _one_bad_row_does_not_spoil_the_others(bench: Bench) -> None:
    for batch in _batches(bench):
        bad = _bad(batch[0][0])
        alone = bench.attempt(f"{bad.kind}: a bad one alone",
                              partial(sink_of(bench).deliver, bad, IdempotencyKey("battery/bad/alone")))
        if not isinstance(alone, GiveUp):
            continue                        # this target takes anything
        spoilt = [batch[0], (bad, IdempotencyKey("battery/bad/1")), *batch[1:]]
        try:
            said = _deliver(bench, spoilt)
        except GiveUp as error:
            assert not isinstance(error, AccessDenied), f"{bad.kind}: one bad row is called a denied access: {error}"
            applied = [key for action, key in spoilt if bench.sandbox.effects_of(action, key)]
            assert not applied, f"{bad.kind}: all were refused, yet {applied} were done"
            continue                        # the deliver verb sends each alone
        refused = [isinstance(each, GiveUp) for each in said]
        assert refused == [False, True, *[False] * (len(batch) - 1)], f"{bad.kind}: with a bad one: {list(said)}"
        for action, key in batch:
            once(bench, action, key)


def _meets(kind: str, status: int, expected: type[StewardError], done: bool | None) -> Callable[[Bench], None]:
    """What goes wrong with the one call holds for each: the promised error, and one effect each in the end."""

    def check(bench: Bench) -> None:
        for batch in _batches(bench):
            what = f"{batch[0][0].kind}: {kind} {status or ''} on the call for many"
            skip = _where_it_writes(bench, [probe(action, key, len(bench.calls)) for action, key in batch])
            bench.fail(Fault(kind, status=status, skip=skip))
            said: list[Said] = []
            error = bench.attempt(what, lambda batch=batch, said=said: said.append(_deliver(bench, batch)))  # type: ignore[misc]  # mypy cannot infer a default
            bench.mend()
            errors = [error] * len(batch) if error else list(said[0])
            wrong = [each for each in errors if not isinstance(each, expected)]
            assert not wrong, f"{what}: expected {expected.__name__} for each, got {wrong}"
            if done is False:
                applied = [key for action, key in batch if bench.sandbox.effects_of(action, key)]
                assert not applied, f"{what}: {applied} were done all the same"
                _deliver(bench, batch)
            for action, key in batch:
                mended_by_looking(bench, action, key)

    return check


# ---- helpers ----

def _batches(bench: Bench) -> Iterator[Batch]:
    """For each kind that goes in batches, several actions with different keys."""
    sink = sink_of(bench)
    if not isinstance(sink, BatchSink):
        return
    for action, key in samples(bench):
        many = min(MANY, sink.batches.get(action.kind, 1))
        actions = _fields(bench, action, many) if isinstance(action, UpdateRecord) else [action] * many
        if len(actions) > 1:
            yield [(each, IdempotencyKey(f"{key}/{number}")) for number, each in enumerate(actions)]


def _fields(bench: Bench, update: UpdateRecord, many: int) -> Sequence[Action]:
    """The update of as many records: the outbox never sends two changes of one record together."""
    stream = next((name for name, each in bench.connector.streams.items() if each.noun == update.noun), None)
    pulled = bench.pull(stream) if stream else ()
    known = [each.external_id for page in pulled for each in page.records if not each.deleted]
    others = [each for each in known if each != update.external_id][:many - 1]
    return [update, *(update.model_copy(update={"external_id": each}) for each in others)]


def _bad(action: Action) -> Action:
    fields = type(action).model_fields
    named = "account_external_id" if "account_external_id" in fields else "external_id"
    if named in fields:
        return action.model_copy(update={named: _NOBODY})
    return action


def _deliver(bench: Bench, batch: Batch) -> Said:
    sink = sink_of(bench)
    assert isinstance(sink, BatchSink)
    said = sink.deliver_many(batch)
    assert len(said) == len(batch), f"{batch[0][0].kind}: {len(said)} answers for {len(batch)} actions"
    return said


def _class(bench: Bench, batch: Batch) -> DeliveryClass:
    return bench.connector.actions[batch[0][0].kind]


def _where_it_writes(bench: Bench, batch: Batch) -> int:
    """How many calls a fresh connection makes before the one that changes something."""
    bench.mend()
    start = len(bench.calls)
    _deliver(bench, batch)
    for index, call in enumerate(bench.calls[start:]):
        if call.effects:
            return index
    raise AssertionError(f"{batch[0][0].kind}: no call of {len(bench.calls) - start} changed anything")


RULES = (
    Rule("batches_are_of_declared_actions", _batches_are_of_declared_actions, writes),
    Rule("many_at_once_are_one_effect_each", _many_at_once_are_one_effect_each, writes),
    Rule("one_bad_row_does_not_spoil_the_others", _one_bad_row_does_not_spoil_the_others, writes),
    Rule("a_batch_that_meets_cut", _meets("cut", 0, OutcomeUnknown, None), writes),
    Rule("a_batch_that_meets_500", _meets("status", 500, OutcomeUnknown, None), writes),
    Rule("a_batch_that_meets_html", _meets("html", 200, OutcomeUnknown, None), writes),
    Rule("a_batch_that_meets_503", _meets("status", 503, Unavailable, False), writes),
    Rule("a_batch_that_meets_429", _meets("status", 429, RateLimited, False), writes),
    Rule("a_batch_that_meets_401", _meets("status", 401, AccessDenied, False), writes),
)
