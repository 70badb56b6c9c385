"""A company from files only: accounts, subscriptions and weekly usage that others made, mapped by settings alone."""

from __future__ import annotations

import csv
import gzip
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.csvfile import CONNECTOR
from connectors.csvfile.settings import CsvfileSettings
from steward.contracts import Page, Source, Tools

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "fightchurn" / "crm5_seed11"
NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the data that others made is not beside the checkout")

SETTINGS: dict[str, Any] = {
    "files": [
        {
            "path": "accounts.csv", "noun": "account", "external_id": "account_id",
            "columns": {
                "name": "account_id", "lifecycle": {"constant": "customer"}, "custom.channel": "channel",
                "custom.state": "country", "custom.founded": "date_of_birth",
            },
        },
        {
            "path": "subscriptions.csv", "noun": "subscription",
            "external_id": ["account_id", "product", "start_date", "units", "end_date", "quantity"],
            "columns": {
                "account_external_id": "account_id", "product": "product", "plan": "units", "starts_on": "start_date",
                "ends_on": "end_date", "custom.mrr": {"column": "mrr", "type": "number"},
                "custom.quantity": {"column": "quantity", "type": "number"},
                "custom.months": {"column": "bill_period_months", "type": "number"},
            },
        },
    ],
    "usage": [
        {"path": "active_users_weekly.csv.gz", "account": "account_id", "day": "week_ending", "bucket": "week_ending",
         "metrics": {"active_users": "active_users"}, "repeat": ["active_users"]},
        {"path": "events_weekly.csv.gz", "account": "account_id", "day": "week_ending", "bucket": "week_ending",
         "metric": "event_type", "value": "n"},
    ],
}
ACCOUNTS_WITH_USAGE = 25                     # of 1,355: all 720,373 rows of events take longer than a test should


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    for name in ("accounts.csv", "subscriptions.csv"):
        shutil.copyfile(FOLDER / name, folder / name)
    for name in ("active_users_weekly.csv.gz", "events_weekly.csv.gz"):
        with gzip.open(FOLDER / name, "rt") as whole, gzip.open(folder / name, "wt") as part:
            part.write(next(whole))
            part.writelines(line for line in whole if int(line.partition(",")[0]) < ACCOUNTS_WITH_USAGE)
    return folder


@pytest.fixture(scope="module")
def source(folder: Path) -> Source:
    tools = Tools(now=lambda: NOW, sleep=lambda _: None)
    source = CONNECTOR.connect(CsvfileSettings.model_validate({**SETTINGS, "folder": str(folder)}), tools).source
    assert source
    return source


@pytest.fixture(scope="module")
def pages(source: Source) -> dict[str, list[Page]]:
    return {stream: list(source.pull(stream, None)) for stream in ("accounts", "subscriptions", "usage")}


def rows_in(file: Path) -> int:
    with file.open() as opened:
        return sum(1 for _ in csv.DictReader(opened))


@pytest.mark.parametrize("stream", ["accounts", "subscriptions"])
def test_every_row_is_a_record_or_refused_with_a_reason(folder: Path, pages: dict[str, list[Page]], stream: str) -> None:
    """A row that silently goes missing is a customer that nobody looks after."""
    records = [record for page in pages[stream] for record in page.records]
    refusals = [refusal for page in pages[stream] for refusal in page.refusals]

    assert len(records) + len(refusals) == rows_in(folder / f"{stream}.csv")
    assert not refusals
    assert len({record.external_id for record in records}) == len(records)


def test_subscriptions_belong_to_accounts_that_are_there(pages: dict[str, list[Page]]) -> None:
    """Both files must call an account the same."""
    accounts = {record.external_id for page in pages["accounts"] for record in page.records}
    owners = {record.values["account_external_id"] for page in pages["subscriptions"] for record in page.records}

    assert owners <= accounts


def test_weekly_usage_becomes_daily_and_keeps_its_sums(folder: Path, pages: dict[str, list[Page]]) -> None:
    """A week's events are spread over its days; a week's active users are there on each."""
    daily = pl.concat([page.usage for page in pages["usage"] if page.usage is not None])
    events, users = (pl.read_csv(folder / f"{name}_weekly.csv.gz") for name in ("events", "active_users"))

    assert not [refusal for page in pages["usage"] for refusal in page.refusals]
    assert not daily.select("account_external_id", "day").is_duplicated().any()
    for name, total in events.group_by("event_type").agg(pl.col("n").sum()).iter_rows():
        assert daily[name].sum() == pytest.approx(total)
    assert daily["active_users"].sum() == pytest.approx(7 * users["active_users"].sum())
    first = min(date.fromisoformat(str(each["week_ending"].min())) for each in (events, users))
    assert daily["day"].min() == first - timedelta(days=6)


def test_a_second_pull_reads_no_file(source: Source, pages: dict[str, list[Page]]) -> None:
    """Files that nobody touched cost nothing every fifteen minutes."""
    for stream, whole in pages.items():
        again = list(source.pull(stream, whole[-1].cursor))

        assert sum(len(page.records) for page in again) == 0
        assert all(page.usage is None for page in again)
        assert again[-1].watermark == NOW
