"""A pull makes no call more than HubSpot's pages need; calls are what a portal shares with all its other apps."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from steward.contracts import Connection, Cursor

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
API = pytest.mark.parametrize("api", ["v3", "2026-03", "2026-09"])


def companies(numbers: range, at: datetime) -> list[dict[str, Any]]:
    return [{"id": str(each), "updatedAt": (at + timedelta(milliseconds=each)).isoformat()} for each in numbers]


def pulled(connection: Connection, stream: str, after: Cursor | None = None) -> tuple[int, Cursor]:
    assert connection.source
    pages = list(connection.source.pull(stream, after))
    return sum(len(page.records) for page in pages), pages[-1].cursor


def calls(sandbox: HubSpotSandbox) -> Counter[str]:
    """How often each was called since the last asking: "list companies", "search companies"."""
    found: Counter[str] = Counter()
    for _, method, path, status in sandbox.calls:
        assert status in (200, 207)
        parts = [part for part in path.split("/") if part and not re.fullmatch(r"crm|v\d|20\d\d-\d\d", part)]
        found[" ".join((method, *parts))] += 1
    sandbox.calls.clear()
    return found


@API
def test_a_first_load_and_one_percent_changed(sandbox: HubSpotSandbox, connect: Any, api: str) -> None:
    """100 rows a page, then 200; the properties once, and the archived once."""
    sandbox.load("companies", companies(range(1, 4001), LONG_AGO))
    found, cursor = pulled(connect(api=api), "accounts")

    assert found == 4000
    assert calls(sandbox) == {"GET properties companies": 1, "GET objects companies": 40}

    sandbox.load("companies", companies(range(1, 1001), datetime.now(UTC)))
    found, _ = pulled(connect(api=api), "accounts", cursor)

    assert found == 1000
    assert calls(sandbox) == {
        "GET properties companies": 1, "POST objects companies search": 5, "GET objects companies": 1}
    assert sandbox.breaches == []


@API
def test_associations_come_with_a_listing_and_a_thousand_at_once_with_a_search(
    sandbox: HubSpotSandbox, connect: Any, api: str,
) -> None:
    """One call a page for them would be twice the calls."""
    now = datetime.now(UTC)
    sandbox.load("companies", companies(range(1, 2), LONG_AGO))
    of_one = {"associations": {"companies": ["1"]}}
    sandbox.load("contacts", [each | of_one for each in companies(range(1, 301), LONG_AGO)])
    found, cursor = pulled(connect(api=api), "contacts")

    assert found == 300
    assert calls(sandbox) == {"GET properties contacts": 1, "GET objects contacts": 3}

    sandbox.load("contacts", [each | of_one for each in companies(range(1, 1501), now)])
    found, _ = pulled(connect(api=api), "contacts", cursor)

    assert found == 1500
    assert calls(sandbox) == {
        "GET properties contacts": 1, "POST objects contacts search": 8, "GET objects contacts": 1,
        "POST associations contacts companies batch read": 2,
    }


def test_nothing_changed_is_three_calls(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Every five minutes, for every stream."""
    sandbox.load("companies", companies(range(1, 900), LONG_AGO))
    _, cursor = pulled(connect(), "accounts")
    sandbox.calls.clear()

    assert pulled(connect(), "accounts", cursor)[0] == 0
    assert calls(sandbox).total() == 3


def test_owners_are_one_call_and_one_for_those_who_left(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A page of owners may have 500."""
    sandbox.load("owners", [{"id": str(each), "email": f"{each}@example.com", "archived": each % 9 == 0}
                            for each in range(1, 451)])
    found, _ = pulled(connect(), "persons")

    assert found == 450
    assert calls(sandbox) == {"GET owners": 2}


def test_a_flood_of_one_instant_costs_its_pages_and_one(sandbox: HubSpotSandbox, connect: Any) -> None:
    """12,000 rows in one millisecond: more than a search may give in all, whatever pages one asks for."""
    sandbox.load("companies", companies(range(1, 2), LONG_AGO))
    _, cursor = pulled(connect(), "accounts")
    sandbox.calls.clear()
    flood = datetime.now(UTC).isoformat()
    sandbox.load("companies", [{"id": str(each), "updatedAt": flood} for each in range(1, 12_001)])
    found, _ = pulled(connect(), "accounts", cursor)

    assert found == 12_000
    assert calls(sandbox)["POST objects companies search"] == 60 + 1 + 1, "60 pages, one to see the flood, one after it"
    assert sandbox.breaches == []
