"""What happened on one day, counted by account: sessions, who came, and the events and features that the settings name.

A number of an account that did anything at all on a day is zero where nothing counted towards it: all events of the
day were read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from connectors.gainsight_px.client import Client, Row, ScrollLost
from connectors.gainsight_px.settings import GainsightPxSettings
from connectors.gainsight_px.shapes import CUSTOM_EVENTS, FEATURE_EVENTS, SESSIONS
from steward.kit.reading import instant, text

if TYPE_CHECKING:
    import polars as pl

_People = defaultdict[str, set[str]]         # account -> who did anything
_Counts = defaultdict[str, Counter[str]]     # account -> metric -> how often
_MOST_TRIES = 3


class Days:
    """Counts days."""

    def __init__(self, client: Client, settings: GainsightPxSettings) -> None:
        self._client, self._settings = client, settings
        self._metrics = sorted({*settings.events.values(), *settings.features.values()})

    def frame(self, day: date) -> pl.DataFrame | None:
        """A row for each account that did anything on the UTC `day`; None where nobody did."""
        import polars as pl

        counted: tuple[_People, _Counts] | None = None
        for left in reversed(range(_MOST_TRIES)):
            try:
                counted = self._count(day)
                break
            except ScrollLost as lost:      # what was counted may be half of the day
                if not left:
                    raise lost.error from None
        if not counted or not counted[1]:
            return None
        people, counts = counted
        accounts = sorted(counts)
        return pl.DataFrame({
            "account_external_id": accounts, "day": [day] * len(accounts),
            "active_users": [float(len(people[account])) for account in accounts],
            **{metric: [float(counts[account][metric]) for account in accounts]
               for metric in ("sessions", *self._metrics)},
        })

    def _count(self, day: date) -> tuple[_People, _Counts]:
        people: _People = defaultdict(set)
        counts: _Counts = defaultdict(Counter)
        settings, where = self._settings, f"date>={day}T00:00:00.000Z;date<={day}T23:59:59.999Z"
        for listing, name, metrics in (
            (SESSIONS, "", {"": "sessions"}), (CUSTOM_EVENTS, "eventName", settings.events),
            (FEATURE_EVENTS, "featureId", settings.features),
        ):
            for event in self._client.all(listing, where) if metrics else ():
                metric, account = metrics.get(text(event.get(name)) if name else ""), text(event.get("accountId"))
                if metric and account and _is_of(event, day):
                    counts[account][metric] += 1
                    people[account] |= {text(event.get("identifyId"))} - {""}
        return people, counts


def _is_of(event: Row, day: date) -> bool:
    """Whether the event is of `day`: by its date, where it has one that can be read."""
    try:
        return instant(event.get("date")).date() == day
    except ValueError:
        return True


def days_since(first: date, until: datetime) -> list[date]:
    """Every day from `first` to that of `until`, both counted."""
    return [first + timedelta(days=number) for number in range((until.date() - first).days + 1)]
