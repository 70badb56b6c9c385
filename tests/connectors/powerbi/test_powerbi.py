"""Tables loaded into a push dataset, within the vendor's limits; refreshes; what people do meanwhile."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.powerbi.sandbox import MODEL, PowerBiSandbox
from connectors.powerbi.tables import MOST_ROWS, MOST_ROWS_AN_HOUR
from steward.contracts import Connection
from steward.kit.sandbox import Fault, Weather
from steward.model.actions import IdempotencyKey, RefreshDataset
from steward.model.errors import OutcomeUnknown, RateLimited, RecordRejected, StewardError
from steward.reporting import STAR

KEY = IdempotencyKey("publish/powerbi/dim_person/v1/2026-03-05T00:00:00")
Connect = Callable[..., Connection]
PEOPLE = [{"email": f"p{at}@us.test", "name": f"Person {at}", "is_active": at % 2 == 0} for at in range(5)]


def test_the_dataset_is_made_with_every_table_and_relationships(sandbox: PowerBiSandbox, connect: Connect, table: Any) -> None:
    """An analyst opens it and can draw at once."""
    sink = connect().sink
    assert sink
    receipt = sink.deliver(table("dim_person", PEOPLE), KEY)

    assert [row["email"] for row in sandbox.rows("dim_person")] == [row["email"] for row in PEOPLE]
    assert sandbox.rows("fact_account_day") == []
    assert receipt.url is not None
    assert receipt.external_id.endswith("/dim_person")
    assert [effect.kind for effect in sandbox.ledger] == ["dataset", "publication"]


def test_loading_again_replaces_and_is_found(sandbox: PowerBiSandbox, connect: Connect, table: Any) -> None:
    """Nobody counts twice, whatever was sent twice."""
    sink = connect().sink
    assert sink
    assert sink.find(table("dim_person", PEOPLE), KEY) is None
    for key in (KEY, IdempotencyKey('odd "key" with quotes')):
        sink.deliver(table("dim_person", PEOPLE), key)
        found = sink.find(table("dim_person", PEOPLE), key)
        assert found is not None
        assert found.found

    assert len(sandbox.rows("dim_person")) == 5
    assert len(sandbox.rows("publication")) == 2


def test_what_broke_off_in_the_middle_is_not_called_whole(sandbox: PowerBiSandbox, connect: Connect, table: Any) -> None:
    """A half-filled table must not pass for a published one; the next try fills it from the start."""
    sink = connect().sink
    assert sink
    many = table("dim_person", [{"email": f"p{at}@us.test"} for at in range(MOST_ROWS + 5)])
    sandbox.faults = [Fault("cut", on="POST .*/dim_person/rows", skip=1)]
    with pytest.raises(OutcomeUnknown):
        sink.deliver(many, KEY)

    assert sink.find(many, KEY) is None
    sink.deliver(many, KEY)
    assert len({row["email"] for row in sandbox.rows("dim_person")}) == len(sandbox.rows("dim_person")) == MOST_ROWS + 5


def test_values_arrive_as_they_are(sandbox: PowerBiSandbox, connect: Connect, table: Any) -> None:
    """Cents, days, what is missing, and names that mean harm."""
    day = {"account_id": "a", "day": date(2026, 3, 5), "arr": Decimal("99999999999.99"), "health_score": 0.0,
           "csm_email": '=HYPERLINK("http://evil.test")', "lifecycle": "<img src=x>", "onboarding_stage": "x" * 9_000}
    sink = connect().sink
    assert sink
    sink.deliver(table("fact_account_day", [day]), KEY)
    [row] = sandbox.rows("fact_account_day")

    assert Decimal(str(row["arr"])) == Decimal("99999999999.99")
    assert (row["day"], row["health_score"], row["renewal_arr"]) == ("2026-03-05", 0.0, None)
    assert (row["csm_email"], row["lifecycle"]) == (day["csm_email"], day["lifecycle"])
    assert len(row["onboarding_stage"]) == 4_000
    assert row["onboarding_stage"].endswith("…")


def test_it_keeps_within_the_limits(sandbox: PowerBiSandbox, connect: Connect, table: Any, clock: Any) -> None:
    """10,000 rows a call and 120 calls a minute: a breach is a 429 for everybody in the workspace."""
    sink = connect().sink
    assert sink
    rows = [{"email": f"p{at}@us.test"} for at in range(3 * MOST_ROWS + 1)]
    began = clock()
    for number in range(35):
        sink.deliver(table("dim_person", rows if number == 0 else rows[:3]), IdempotencyKey(f"{KEY}/{number}"))

    assert sandbox.breaches == []
    assert clock() - began >= timedelta(seconds=70 / 2)
    assert max(len(each) for each in _posts(sandbox)) <= MOST_ROWS


def _posts(sandbox: PowerBiSandbox) -> list[list[Any]]:
    return [[path] for _, method, path, _ in sandbox.calls if method == "POST" and path.endswith("/rows")]


def test_more_than_an_hour_takes_is_refused_at_once(connect: Connect, table: Any) -> None:
    """Beginning what cannot end would leave an empty table."""
    import polars as pl

    action = table("dim_person", [])
    frame = pl.DataFrame({"email": pl.Series(range(MOST_ROWS_AN_HOUR + 1)).cast(pl.String)}).with_columns(
        pl.lit(None, pl.String).alias("name"), pl.lit(None, pl.String).alias("title"), pl.lit(None, pl.Boolean).alias("is_active"))
    frame.write_parquet(action.file)
    from hashlib import sha256
    from pathlib import Path

    sink = connect().sink
    assert sink
    with pytest.raises(RecordRejected, match="1,000,001 rows and Power BI takes 1,000,000 an hour"):
        sink.deliver(action.model_copy(update={"sha256": sha256(Path(action.file).read_bytes()).hexdigest()}), KEY)


def test_too_fast_says_when_to_come_back(sandbox: PowerBiSandbox, connect: Connect, table: Any, clock: Any) -> None:
    """Others in the company push as well; the outbox waits as long as it must."""
    sink = connect().sink
    assert sink
    sink.deliver(table("dim_person", PEOPLE), KEY)
    dataset = next(name for name, each in sandbox._datasets.items() if each["push"])
    sandbox._posts[dataset] = [(clock(), 1)] * 120

    with pytest.raises(RateLimited) as caught:
        sink.deliver(table("dim_person", PEOPLE), IdempotencyKey(f"{KEY}/2"))
    assert caught.value.retry_after_s is not None
    clock.sleep(caught.value.retry_after_s)
    sink.deliver(table("dim_person", PEOPLE), IdempotencyKey(f"{KEY}/2"))


def test_a_token_that_is_over_is_made_anew(sandbox: PowerBiSandbox, connect: Connect, table: Any) -> None:
    """An hour's token must not end a night's load."""
    sink = connect().sink
    assert sink
    sink.deliver(table("dim_person", PEOPLE), KEY)
    sandbox.expire_tokens()
    sink.deliver(table("dim_person", PEOPLE), IdempotencyKey(f"{KEY}/2"))
    sandbox._tokens.clear()                 # known to nobody: a 401 instead of the 403
    sink.deliver(table("dim_person", PEOPLE), IdempotencyKey(f"{KEY}/3"))

    assert len(sandbox.rows("publication")) == 3


def test_a_column_that_somebody_took_away_comes_back(sandbox: PowerBiSandbox, connect: Connect, table: Any) -> None:
    """A later version of the star has more columns; so has ours where somebody changed the dataset."""
    sink = connect().sink
    assert sink
    sink.deliver(table("dim_person", PEOPLE), KEY)
    found = next(each for each in sandbox._datasets.values() if each["push"])
    found["tables"]["dim_person"]["columns"] = found["tables"]["dim_person"]["columns"][:-1]
    sink.deliver(table("dim_person", PEOPLE), IdempotencyKey(f"{KEY}/2"))
    assert [row["is_active"] for row in sandbox.rows("dim_person")] == [True, False, True, False, True]

    del found["tables"]["dim_person"]
    with pytest.raises(RecordRejected, match=r'has no table "dim_person" and Power BI adds none. Name another dataset'):
        sink.deliver(table("dim_person", PEOPLE), IdempotencyKey(f"{KEY}/3"))


def test_a_query_that_is_answered_with_an_error_in_a_200_is_no_no(sandbox: PowerBiSandbox, connect: Connect, table: Any) -> None:
    """ "Nothing found" and "I could not look" are not the same."""
    sink = connect().sink
    assert sink
    sink.deliver(table("dim_person", PEOPLE), KEY)
    wrong = sandbox.error_in_200()
    assert wrong
    sandbox.alter = lambda request, reply: wrong if request.path.endswith("executeQueries") else reply

    with pytest.raises(StewardError, match="MoreThanAllowedRows"):
        sink.find(table("dim_person", PEOPLE), KEY)


def test_a_refresh_is_asked_for(sandbox: PowerBiSandbox, connect: Connect, clock: Any) -> None:
    """The way that stays when push datasets go; with and without the enhanced one of Premium."""
    for enhanced in (True, False):
        sink = connect(enhanced=enhanced).sink
        assert sink
        receipt = sink.deliver(RefreshDataset(as_of=clock()), KEY)
        assert receipt.external_id == (sandbox._refreshes[MODEL][0]["requestId"] if enhanced else f"{MODEL}/refresh")
    sandbox.refresh_fails = True
    sink = connect().sink
    assert sink
    sink.deliver(RefreshDataset(as_of=clock()), KEY)

    findings = {each.what: each for each in connect().check()}
    bad = findings["the dataset to refresh is there, and its last refresh went well"]
    assert not bad.ok
    assert "Refresh history" in bad.remedy


@pytest.mark.parametrize(("settings", "said"), [
    ({"client_secret": "wrong-secret-of-somebody"}, "AADSTS7000215"),
    ({"workspace_id": "99999999-4444-4555-8666-777777777777"}, "PowerBIEntityNotFound"),
    ({"refresh_dataset_id": "99999999-4444-4555-8666-777777777777"}, "no dataset of that id"),
])
def test_check_says_what_is_missing(connect: Connect, settings: Any, said: str) -> None:
    """In plain words, down to what to grant."""
    bad = [finding for finding in connect(**settings).check() if not finding.ok]

    assert len(bad) == 1
    assert said in bad[0].remedy


def test_in_any_weather_every_table_is_whole_in_the_end(sandbox: PowerBiSandbox, connect: Connect, table: Any, clock: Any) -> None:
    """Cuts, 429, 5xx, pages of a proxy, expired tokens, an error in a 200: in the end the rows are there, once."""
    for seed in range(40) if os.environ.get("STEWARD_TORTURE") else (0, 1, 32):
        sandbox.weather = Weather(seed, share=0.4, kinds=[
            "429", "429_bare", "5xx", "error_in_200", "html", "truncated", "cut", "tokens", "quota"])
        for number in range(40):
            if not sandbox.weather.left(sandbox) and number > 2:
                break
            key, action = IdempotencyKey(f"{KEY}/{seed}/{number}"), table("dim_person", PEOPLE[:1 + number % 5])
            _until_done(connect, action, key, clock)
        _until_done(connect, table("dim_person", PEOPLE), IdempotencyKey(f"{KEY}/{seed}"), clock)

        assert sandbox.weather.fired.total() == 9
        assert [row["email"] for row in sandbox.rows("dim_person")] == [row["email"] for row in PEOPLE]
        assert sandbox.breaches == []
    keys = [row["key"] for row in sandbox.rows("publication")]
    assert len(keys) >= 6
    assert [effect.key for effect in sandbox.ledger if effect.kind == "publication"] == keys
    assert [effect.kind for effect in sandbox.ledger].count("dataset") == 1     # an error in a 200 is no empty list


def _until_done(connect: Connect, action: Any, key: IdempotencyKey, clock: Any) -> None:
    """As the outbox does: look, then load; wait in between."""
    sink = connect().sink
    assert sink
    for attempt in range(60):
        try:
            if attempt and sink.find(action, key):
                return
            sink.deliver(action, key)
        except StewardError:
            clock.sleep(65)
            continue
        return
    raise AssertionError(f"{key} was never delivered")


def test_whatever_people_do_to_the_dataset_the_next_load_is_whole_or_says_why(sandbox: PowerBiSandbox, connect: Connect, table: Any) -> None:
    """Renamed, deleted, emptied, changed: made anew, or a sentence with the remedy."""
    chance = random.Random(7)
    for number in range(25):
        said = sandbox.stir(chance)
        sink = connect().sink
        assert sink
        sink.deliver(table("dim_person", PEOPLE), IdempotencyKey(f"{KEY}/{number}"))

        assert len(sandbox.rows("dim_person")) == 5, said
    assert len(STAR.tables) + 1 == len(next(iter(each["tables"] for each in sandbox._datasets.values() if each["push"])))
