"""Rules of a source: nothing lost, nothing double, nothing made up, and the promised error whatever goes wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from steward.contracts import Page, Refetch, Source
from steward.kit.battery.bench import Bench, Rule
from steward.kit.http import MOST_RETRY_AFTER_S
from steward.kit.sandbox import Fault, Reply, Request
from steward.model.errors import AccessDenied, GiveUp, RateLimited, StewardError, Unavailable
from steward.model.money import Money
from steward.model.records import FIELDS, FieldType, Noun, Record

_TYPES: dict[FieldType, tuple[type, ...]] = {
    FieldType.TEXT: (str,), FieldType.INTEGER: (int,), FieldType.NUMBER: (int, float, Decimal),
    FieldType.BOOLEAN: (bool,), FieldType.DATE: (date,), FieldType.INSTANT: (datetime,), FieldType.MONEY: (Money,),
}
_ABSURD = ("-5", "soon", "inf", "1e999", "9" * 400, "nan", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Foo 2026", "")

Rows = dict[tuple[object, ...], object]


# ---- whole, resumed, again ----

def _seed_fills_every_stream_over_pages(bench: Bench) -> None:
    most = 0
    for stream in bench.connector.streams:
        pages = bench.pull(stream)
        assert _rows(pages), f'seed() loads nothing that "{stream}" gives'
        most = max(most, sum(bool(page.records or page.usage is not None) for page in pages))
    assert most >= 2, "no stream has two pages: the sandbox must give at most page_size rows at once"


def _a_pull_ends_with_a_watermark(bench: Bench) -> None:
    for stream in bench.connector.streams:
        pages = bench.pull(stream)
        marks = [page.watermark for page in pages]
        last = marks[-1] if marks else None
        assert last is not None, f'"{stream}": the last page of a pull has no watermark'
        assert last.utcoffset() is not None, f'"{stream}": the watermark has no time zone'
        assert all(mark is None for mark in marks[:-1]), f'"{stream}": only the last page may have a watermark'
        assert all(page.progress is None or 0 <= page.progress <= 1 for page in pages), f'"{stream}": progress'


def _a_pull_resumes_after_any_page(bench: Bench) -> None:
    for stream in bench.connector.streams:
        whole = bench.pull(stream)
        cursor, parts = None, []
        for _ in range(4 * len(whole) + 20):
            page = next(bench.pages(stream, cursor), None)          # read one page, then forget the connection
            if page is None:
                break
            parts.append(page)
            cursor = page.cursor
            if page.watermark is not None:
                break
        else:
            raise AssertionError(f'"{stream}": resuming page by page does not end')
        _same(stream, _rows(whole), _rows(parts), "pulled page by page, each by a new connection")


def _a_second_pull_brings_only_what_was_there(bench: Bench) -> None:
    for stream in bench.connector.streams:
        whole = bench.pull(stream)
        first, again = _rows(whole), _rows(bench.pull(stream, whole[-1].cursor))
        for key, row in again.items():
            assert first.get(key) == row, f'"{stream}": nothing changed, but a second pull brings {key}: {row}'


def _a_second_pull_brings_less(bench: Bench) -> None:
    first = second = 0
    for stream in bench.connector.streams:
        whole = bench.pull(stream)
        first += len(_rows(whole))
        second += len(_rows(bench.pull(stream, whole[-1].cursor)))
    assert 2 * second <= first, (
        f"a second pull brings {second} of {first} rows: the cursor saves nothing, or seed() changed all of them now"
    )


def _what_is_fetched_by_id_is_what_is_pulled(bench: Bench) -> None:
    for stream in bench.connector.streams:
        source = bench.connect().source
        if not isinstance(source, Refetch):
            continue
        pulled = {each.external_id: each for page in bench.pull(stream) for each in page.records}
        wanted = sorted(pulled)[::3]
        fetched = {each.external_id: each for page in source.fetch(stream, [*wanted, "NoSuchRecord"])
                   for each in page.records}
        assert fetched == {name: pulled[name] for name in wanted}, (
            f'"{stream}": asked for {wanted}, fetch gave {sorted(fetched)}, or other values than the pull')
        assert not list(source.fetch(stream, [])), f'"{stream}": nothing was asked for, but a page came'


# ---- what stands in the records ----

def _values_are_typed_and_never_empty(bench: Bench) -> None:
    for stream, spec in bench.connector.streams.items():
        for page in bench.pull(stream):
            _check_page(stream, page)
            if not spec.usage:
                wrong = {record.noun for record in page.records} - {spec.noun}
                assert not wrong, f'"{stream}" is of {spec.noun}, but gives {wrong}'


def _unknown_fields_are_ignored(bench: Bench) -> None:
    for stream in bench.connector.streams:
        bench.sandbox.alter = bench.hear
        plain = bench.pull(stream)
        bench.sandbox.alter = partial(_altered, bench, _with_more)
        _same(stream, _rows(plain), _rows(bench.pull(stream)), "with a field in every object that nobody knows")


def _absent_fields_are_missing(bench: Bench) -> None:
    for stream in bench.connector.streams:
        for seed in range(6):
            chance = random.Random(f"{stream}/{seed}")  # noqa: S311  reproducible on purpose
            bench.sandbox.alter = partial(_altered, bench, partial(_hollow, chance))
            try:
                pages = _first(bench.pages(stream), 40)
            except StewardError as error:
                bench.tell(str(error))
                continue
            except Exception as error:
                raise AssertionError(
                    f'"{stream}": fields absent or null in an answer raised {type(error).__name__}: {error}'
                ) from error
            for page in pages:
                _check_page(stream, page)


def _check_page(stream: str, page: Page) -> None:
    for record in page.records:
        _check_record(stream, record)
    for refusal in page.refusals:
        assert all((refusal.where, refusal.reason)), f'"{stream}": a refusal without where or reason: {refusal}'
    if page.usage is not None:
        columns = page.usage.columns
        assert columns[:2] == ["account_external_id", "day"], f'"{stream}": the usage frame has the columns {columns}'
        assert str(page.usage.schema["account_external_id"]) == "String", f'"{stream}": account_external_id is not text'
        assert str(page.usage.schema["day"]) == "Date", f'"{stream}": day is not a date'
        for name, kind in list(page.usage.schema.items())[2:]:
            assert kind.is_numeric(), f'"{stream}": the metric "{name}" is no number'
        assert page.usage["account_external_id"].null_count() == page.usage["day"].null_count() == 0, stream


def _check_record(stream: str, record: Record) -> None:
    about = f'"{stream}", {record.noun} "{record.external_id}"'
    assert isinstance(record.external_id, str), f"{about}: the external id must be text"
    assert record.external_id.strip(), f"{about}: the external id is empty"
    assert record.modified_at is None or record.modified_at.utcoffset() is not None, f"{about}: modified_at has no zone"
    for name, value in record.values.items():
        assert _allowed(record.noun, name), f'{about}: "{name}" is no field of a {record.noun}, nor custom.<name>'
        assert value is not None and value != "", f'{about}: "{name}" is empty; leave out what is not known'
        assert value == value, f'{about}: "{name}" is not a number'  # noqa: PLR0124  NaN alone differs from itself
        if name in FIELDS[record.noun]:
            kind = FIELDS[record.noun][name]
            fits = isinstance(value, _TYPES[kind]) and (kind is FieldType.BOOLEAN or not isinstance(value, bool))
            assert fits, f'{about}: "{name}" must be {kind}, but is {value!r}'
            assert kind is not FieldType.DATE or not isinstance(value, datetime), f'{about}: "{name}" must be a date'
            if kind is FieldType.INSTANT:
                assert isinstance(value, datetime), about
                assert value.utcoffset() is not None, f'{about}: "{name}" has no time zone'


def _allowed(noun: Noun, name: str) -> bool:
    return name in FIELDS[noun] or name.startswith("custom.") or (noun is Noun.ACCOUNT and name.startswith("id_in."))


# ---- what goes wrong on the way ----

def _fault(
    kind: str, status: int, expected: type[StewardError], *, streams: int | None = None,
) -> Callable[[Bench], None]:
    def check(bench: Bench) -> None:
        for stream in list(bench.connector.streams)[:streams]:
            bench.mend()
            before = len(bench.sandbox.calls)
            bench.pull(stream)
            calls = len(bench.sandbox.calls) - before
            assert calls, f'"{stream}": the pull made no call'
            for skip in sorted({0, calls - 1}):                     # the first call, and the last
                bench.fail(Fault(kind, status=status, skip=skip))
                what = f'"{stream}": {kind} {status or ""} on call {skip + 1} of {calls}'
                bench.error_of(what, expected, partial(bench.pull, stream))

    return check


def _read_429(bench: Bench) -> None:
    stream = next(iter(bench.connector.streams))
    for said, wanted in ((None, None), ("7", 7.0), *((text, "sane") for text in _ABSURD)):
        bench.fail(Fault("status", status=429, retry_after=said))
        error = bench.error_of(f'429, Retry-After "{said}"', RateLimited, lambda: bench.pull(stream))
        if wanted == "sane":
            after = error.retry_after_s
            assert after is None or 0 <= after <= MOST_RETRY_AFTER_S, f'Retry-After "{said}" became {after}'
        else:
            assert error.retry_after_s == wanted, f'Retry-After "{said}" became {error.retry_after_s}'


def _read_nobody_listens(bench: Bench) -> None:
    settings = bench.settings()
    bench.sandbox.stop()
    source = bench.connect_with(settings).source
    assert source
    for stream in bench.connector.streams:
        bench.error_of(f'"{stream}": nobody listens', Unavailable, partial(_drain, source, stream))


# ---- helpers ----

def _rows(pages: Iterable[Page]) -> Rows:
    """What is known after `pages`: the last word about each record, and each account's day."""
    rows: Rows = {}
    for page in pages:
        for record in page.records:
            rows[(record.noun, record.external_id)] = record
        for refusal in page.refusals:
            rows[("refusal", refusal.where, refusal.field)] = refusal
        if page.usage is not None:
            for row in page.usage.to_dicts():
                known = {name: value for name, value in row.items() if value is not None}
                rows[("usage", row["account_external_id"], row["day"])] = known
    return rows


def _same(stream: str, whole: Rows, other: Rows, how: str) -> None:
    lost, more = whole.keys() - other.keys(), other.keys() - whole.keys()
    assert not lost, f'"{stream}" {how}: {len(lost)} of {len(whole)} rows are lost, such as {sorted(map(str, lost))[0]}'
    assert not more, f'"{stream}" {how}: {len(more)} rows more, such as {sorted(map(str, more))[0]}'
    for key, row in whole.items():
        assert other[key] == row, f'"{stream}" {how}: {key} became {other[key]}, was {row}'


def _drain(source: Source, stream: str) -> None:
    for _ in source.pull(stream, None):
        pass


def _first(pages: Iterator[Page], most: int) -> list[Page]:
    return [page for page, _ in zip(pages, range(most), strict=False)]


def _altered(bench: Bench, change: Callable[[Any], Any], request: Request, reply: Reply) -> Reply:
    bench.hear(request, reply)
    if isinstance(reply.body, dict | list):
        return replace(reply, body=change(json.loads(reply.payload())))
    return reply


def _with_more(body: Any) -> Any:
    if isinstance(body, list):
        return [_with_more(item) for item in body]
    if isinstance(body, dict):
        return {**{name: _with_more(value) for name, value in body.items()}, "zzStewardUnknown": "?"}
    return body


def _hollow(chance: random.Random, body: Any, inside: bool = False) -> Any:
    """`body` with some fields of the objects that stand in a list left out, and some null."""
    if isinstance(body, list):
        return [_hollow(chance, item, inside=True) for item in body]
    if not isinstance(body, dict):
        return body
    kept = {}
    for name, value in body.items():
        drawn = chance.random() if inside else 1.0
        if drawn >= 0.15:
            kept[name] = None if drawn < 0.3 else _hollow(chance, value, inside)
    return kept


def _reads(connector: Any) -> bool:
    return bool(connector.streams)


_PROMISES = (
    *(Rule(f"a_read_that_meets_{kind}", _fault(kind, 200, Unavailable, streams=1), _reads)
      for kind in ("hang", "drip")),
    *(Rule(f"a_read_that_meets_{kind}", _fault(kind, 200, Unavailable), _reads)
      for kind in ("cut", "refuse", "empty", "html")),
    *(Rule(f"a_read_that_meets_{status}", _fault("status", status, AccessDenied), _reads) for status in (401, 403)),
    *(Rule(f"a_read_that_meets_{status}", _fault("status", status, GiveUp), _reads) for status in (404, 422)),
    *(Rule(f"a_read_that_meets_{status}", _fault("status", status, Unavailable), _reads)
      for status in (500, 502, 503, 504)),
    Rule("a_read_that_meets_html_502", _fault("html", 502, Unavailable), _reads),
    Rule("a_read_that_meets_429", _read_429, _reads),
    Rule("a_read_that_meets_nobody", _read_nobody_listens, _reads),
)

RULES = (
    Rule("seed_fills_every_stream_over_pages", _seed_fills_every_stream_over_pages, _reads),
    Rule("a_pull_ends_with_a_watermark", _a_pull_ends_with_a_watermark, _reads),
    Rule("a_pull_resumes_after_any_page", _a_pull_resumes_after_any_page, _reads),
    Rule("a_second_pull_brings_only_what_was_there", _a_second_pull_brings_only_what_was_there, _reads),
    Rule("a_second_pull_brings_less", _a_second_pull_brings_less, _reads),
    Rule("what_is_fetched_by_id_is_what_is_pulled", _what_is_fetched_by_id_is_what_is_pulled, _reads),
    Rule("values_are_typed_and_never_empty", _values_are_typed_and_never_empty, _reads),
    Rule("unknown_fields_are_ignored", _unknown_fields_are_ignored, _reads),
    Rule("absent_fields_are_missing", _absent_fields_are_missing, _reads),
    *_PROMISES,
)
