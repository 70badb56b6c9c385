"""What is read of everybody, and what only of those who are acted on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from steward.engine.load import load_playbook
from steward.facts.catalog import catalog
from steward.model.facts import FactSpec
from steward.pipeline.frames import BRIEF, FEW, Frames
from steward.pipeline.reading import of_everybody
from steward.store import facts

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
TEXT = """\
id: drop
title: Health drop
why: A call in time saves most.
mode: live
when: health.score < 60
do:
  - message: {to: csm}
"""


def snapshot(count: int) -> pl.DataFrame:
    known: dict[str, FactSpec] = dict(catalog())
    groups = sorted({spec.group for spec in known.values()})
    return pl.DataFrame({
        "account_id": [f"acct_{at:04d}" for at in range(count)], "account.name": [f"Customer {at}" for at in range(count)],
        "health.score": [float(at % 100) for at in range(count)], "account.arr": [1000.0 * at for at in range(count)],
        "support.open_tickets": [at % 7 for at in range(count)], "usage.active_users.sum_7d": list(range(count)),
    }).with_columns(pl.lit(NOW - timedelta(days=400 if each == "usage" else 0)).dt.cast_time_unit("us").alias(f"as_of.{each}")
                    for each in groups)


def frames(database: Any, count: int) -> tuple[Any, Frames, set[str]]:
    facts.save_snapshot(database, snapshot(count), NOW)
    playbook = load_playbook(TEXT, "drop.yaml", catalog())
    tx = database.read()
    opened = tx.__enter__()
    found, rest = of_everybody(opened, [playbook], catalog(), BRIEF, FEW)
    assert found is not None
    return tx, Frames(opened, found.frame, [playbook], catalog(), NOW, None, rest), set(found.frame.columns)


def test_facts_that_nobody_asks_are_read_of_the_few_who_are_acted_on(database: Any) -> None:
    """A card names the customer; that is no reason to read the names of a million others."""
    tx, seen, read = frames(database, 200)
    try:
        ids = ["acct_0150", "acct_0007"]
        stored, known = seen.accounts.stored(ids), seen.accounts.known(ids)

        assert "account.name" not in read
        assert {"health.score", "account.arr", "as_of.health"} <= read
        assert [stored[each].get("account.name") for each in ids] == ["Customer 150", "Customer 7"]
        assert [stored[each].get("support.open_tickets") for each in ids] == [150 % 7, 0]
        assert known["acct_0007"].get("health.score") == 7.0
        assert stored["acct_0007"].get("usage.active_users.sum_7d") == 7
        assert known["acct_0007"].get("usage.active_users.sum_7d") is None, "what is too old is not known"
        assert known["acct_0007"].get("as_of.usage") == NOW - timedelta(days=400)
        assert known["acct_0007"].get("renewal.days_left") is None, "what no snapshot has is not known"
        assert "external_id" not in known["acct_0007"]
        assert "acct_9999" not in seen.accounts.stored(["acct_9999"])
    finally:
        tx.__exit__(None, None, None)


def test_an_older_version_may_ask_of_everybody_what_the_live_one_does_not(database: Any) -> None:
    """Who is in flight on it goes on by what it asks."""
    tx, seen, read = frames(database, 200)
    try:
        assert "support.open_tickets" not in read
        seen.accounts.read(["support.open_tickets", "renewal.days_left"])

        assert seen.accounts.fresh["support.open_tickets"].to_list() == [at % 7 for at in range(200)]
        assert seen.accounts.fresh["account_id"].to_list() == [f"acct_{at:04d}" for at in range(200)]
    finally:
        tx.__exit__(None, None, None)


def test_a_few_accounts_are_read_whole(database: Any) -> None:
    """Of a dozen, every fact at once is the cheapest."""
    tx, _, read = frames(database, 12)
    tx.__exit__(None, None, None)

    assert {"account.name", "support.open_tickets"} <= read
