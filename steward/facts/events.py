"""Records in, events out: what happened once at a customer, told by the record that it happened to.

`known_at` of an event is when its source could first tell: never before it happened, never after `now`. So a record
that was changed before a playbook was switched on says nothing new to it, whenever it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta

import polars as pl

from steward.facts.basis import INSTANT, Basis
from steward.model.events import EVENTS, Event, connection_and_name
from steward.model.records import Noun

KEPT_DAYS = 60
"""What happened longer ago than this is no news."""

Rounds = Mapping[tuple[str, str], tuple[int, int]]
"""By connection and record of an opportunity: how often it was closed, and how often opened again after that."""

_REOPENED = "opportunity.reopened"
_ROUNDS = ("opportunity.closed_won", "opportunity.closed_lost", _REOPENED)


def nouns_of(asked: Collection[str]) -> frozenset[Noun]:
    """The nouns whose records tell of the events `asked`."""
    return frozenset(EVENTS[name].noun for name in names_of(asked))


def names_of(asked: Collection[str]) -> list[str]:
    """The names of the events `asked`, without connections; those that are none are left out."""
    return sorted({name for _, name in map(connection_and_name, asked) if name in EVENTS})


def events(records: Mapping[Noun, pl.DataFrame], asked: Collection[str], basis: Basis, rounds: Rounds) -> list[Event]:
    """The events of the names `asked` that the `records` tell of, sorted by id. `records`: frames as the store gives
    them; `rounds`: what is known of opportunities by earlier events."""
    found = []
    for name in names_of(asked):
        frame = records.get(EVENTS[name].noun)
        if frame is None or frame.is_empty():
            continue
        happened = frame.filter(pl.col("account_id").is_not_null()).select(
            "account_id", "connection", "external_id", "modified_at", _HAPPENED[name](basis).alias("happened_at"),
        ).filter(
            pl.col("happened_at").is_between(pl.lit(basis.now - timedelta(days=KEPT_DAYS)), pl.lit(basis.now)),
        )
        found += list(_told(name, happened, basis.now, rounds))
    return sorted(found, key=lambda event: event.id)


def _told(name: str, happened: pl.DataFrame, now: datetime, rounds: Rounds) -> Iterator[Event]:
    noun, _, what = name.partition(".")
    for account_id, connection, record, modified_at, happened_at in happened.iter_rows():
        number = 1
        if name in _ROUNDS:
            closed, opened = rounds.get((connection, record), (0, 0))
            number = opened + 1             # closed again after it was opened again is another happening
            if name == _REOPENED and closed <= opened:
                continue                    # nobody knew it to be closed
        # Without a date of change a source tells within a day, or it does not count as late.
        told_at = modified_at or happened_at + timedelta(days=1)
        yield Event(
            f"{connection}/{noun}/{record}/{what}{f'/{number}' if number > 1 else ''}", name, connection, account_id,
            record, happened_at, min(now, max(happened_at, told_at)),
        )


def _instant(name: str) -> Callable[[Basis], pl.Expr]:
    return lambda _: pl.col(name).cast(INSTANT)


def _day(name: str) -> Callable[[Basis], pl.Expr]:
    """The day `name` as the instant at which it begins for the company."""
    def begins(basis: Basis) -> pl.Expr:
        local = pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone(
            basis.timezone, ambiguous="earliest", non_existent="null")
        return pl.coalesce(local.dt.convert_time_zone("UTC"), pl.col(name).cast(pl.Datetime("us")).cast(INSTANT))

    return begins


def _changed(basis: Basis) -> pl.Expr:
    """When the source changed the record last; now where it does not say."""
    return pl.coalesce(pl.col("modified_at"), pl.lit(basis.now, INSTANT)).clip(upper_bound=basis.now)


def _where(condition: pl.Expr, at: Callable[[Basis], pl.Expr]) -> Callable[[Basis], pl.Expr]:
    return lambda basis: pl.when(condition.fill_null(value=False)).then(at(basis))


def _closed(won: bool) -> Callable[[Basis], pl.Expr]:
    """The closing day; the last change where that day is not given or, as planned once, still to come."""
    def at(basis: Basis) -> pl.Expr:
        day = _day("close_on")(basis)
        return pl.when(day <= pl.lit(basis.now, INSTANT)).then(day).otherwise(_changed(basis))

    closed = pl.col("is_closed") | pl.col("is_won")
    return _where((closed & pl.col("is_won")) if won else (closed & ~pl.col("is_won").fill_null(value=False)), at)


def _cancelled(basis: Basis) -> pl.Expr:
    """The last change, and not after the end of the term: it was cancelled before it would have ended."""
    ends = _day("ends_on")(basis)
    return pl.min_horizontal(_changed(basis), ends)


_HAPPENED: Mapping[str, Callable[[Basis], pl.Expr]] = {
    "opportunity.created": _instant("created_at"),
    "opportunity.closed_won": _closed(won=True),
    "opportunity.closed_lost": _closed(won=False),
    _REOPENED: _where(~pl.col("is_closed") & ~pl.col("is_won").fill_null(value=False), _changed),
    "ticket.opened": _instant("opened_at"),
    "ticket.closed": _where((pl.col("status") == "closed") | pl.col("closed_at").is_not_null(),
                            lambda basis: pl.coalesce(pl.col("closed_at").cast(INSTANT), _changed(basis))),
    "survey.answered": _instant("answered_at"),
    "contact.left": _where(~pl.col("active") | pl.col("left_on").is_not_null(),
                           lambda basis: pl.coalesce(_day("left_on")(basis), _changed(basis))),
    "milestone.reached": _day("reached_on"),
    "subscription.started": _where(~pl.col("status").is_in(["cancelled"]).fill_null(value=False), _day("starts_on")),
    "subscription.cancelled": _where(pl.col("status") == "cancelled", _cancelled),
    "touchpoint.held": _instant("held_at"),
}
assert set(_HAPPENED) == set(EVENTS)
