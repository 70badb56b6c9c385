"""Drops: read once, read again when they change, and refused by their place where they are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from connectors.usage import CONNECTOR
from connectors.usage.drops import drops_of
from connectors.usage.sandbox import UsageSandbox
from connectors.usage.settings import UsageSettings
from connectors.usage.source import UsageSource
from steward.contracts import Page, Tools
from steward.model.errors import ConfigError, RecordRejected

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
TOOLS = Tools(now=lambda: NOW, sleep=lambda _: None, deadline_s=5)


def frame(*rows: tuple[str, int, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [(account, date(2026, 3, day), used) for account, day, used in rows],
        schema={"account_external_id": pl.String, "day": pl.Date, "active_users": pl.Float64}, orient="row",
    )


@pytest.fixture
def sandbox() -> Iterator[UsageSandbox]:
    with UsageSandbox() as sandbox:
        assert isinstance(sandbox, UsageSandbox)
        yield sandbox


def source(sandbox: UsageSandbox, rows_on_a_page: int = 50_000, **changed: object) -> UsageSource:
    settings = UsageSettings.model_validate({**sandbox.settings(), **changed})
    return UsageSource(drops_of(settings, TOOLS), settings, TOOLS, rows_on_a_page)


def rows(pages: list[Page]) -> list[dict[str, object]]:
    return [row for page in pages if page.usage is not None for row in page.usage.to_dicts()]


def test_only_what_changed_is_read_again(sandbox: UsageSandbox) -> None:
    """Two years of drops must not travel every fifteen minutes."""
    sandbox.load("drops", [{"name": "a.parquet", "frame": frame(("W-1", 1, 5))}, {"name": "b.parquet", "frame": frame(("W-1", 2, 6))}])
    first = list(source(sandbox).pull("daily", None))
    sandbox.load("drops", [{"name": "b.parquet", "frame": frame(("W-1", 2, 7))}, {"name": "c.parquet", "frame": frame(("W-1", 3, 8))}])
    before = len(sandbox.calls)

    second = list(source(sandbox).pull("daily", first[-1].cursor))

    assert [row["active_users"] for row in rows(second)] == [7, 8]
    assert [path for _, _, path, _ in sandbox.calls[before:]] == ["/drops", "/drops/b.parquet", "/drops/c.parquet"]


def test_a_pull_stopped_within_a_drop_goes_on_there(sandbox: UsageSandbox) -> None:
    """A drop of a year may be larger than what one transaction should hold."""
    sandbox.load("drops", [{"name": "a.parquet", "frame": frame(*((f"W-{n}", 1, n) for n in range(10)))}])
    pages = list(source(sandbox, 3).pull("daily", None))

    rest = list(source(sandbox, 3).pull("daily", pages[1].cursor))

    assert [len(rows([page])) for page in pages] == [3, 3, 3, 1, 0]
    assert rows(rest) == rows(pages[2:])


def test_a_drop_that_changed_while_it_was_read_starts_over(sandbox: UsageSandbox) -> None:
    """Half of the old and half of the new would be neither."""
    sandbox.load("drops", [{"name": "a.parquet", "frame": frame(*((f"W-{n}", 1, n) for n in range(10)))}])
    page = next(iter(source(sandbox, 3).pull("daily", None)))
    sandbox.load("drops", [{"name": "a.parquet", "frame": frame(*((f"W-{n}", 1, 2 * n) for n in range(10)))}])

    rest = list(source(sandbox, 3).pull("daily", page.cursor))

    assert [row["active_users"] for row in rows(rest)] == [2 * n for n in range(10)]


def test_rows_of_one_account_and_day_are_added_up_and_nothing_is_not_zero(sandbox: UsageSandbox) -> None:
    """A company with two workspaces sends two rows; a metric that nobody sent is not known."""
    sandbox.load("drops", [{"name": "a.parquet", "frame": frame(("W-1", 1, 5), ("W-1", 1, 2), ("W-2", 1, None))}])

    found = rows(list(source(sandbox).pull("daily", None)))

    assert [(row["account_external_id"], row["active_users"]) for row in found] == [("W-1", 7), ("W-2", None)]


def test_columns_and_metrics_are_mapped_and_a_wrong_name_is_corrected(sandbox: UsageSandbox) -> None:
    """Nobody's warehouse has our names."""
    content = b"tenant,when,mau,plan\n17,2026-03-01T10:00:00Z,12,gold\n"
    sandbox.load("drops", [{"name": "a.csv", "bytes": content}])
    names = {"columns": {"account": "tenant", "day": "when"}, "metrics": {"active_users": "mau"}}

    found = rows(list(source(sandbox, **names).pull("daily", None)))

    assert found == [{"account_external_id": "17", "day": date(2026, 3, 1), "active_users": 12}]
    with pytest.raises(ConfigError, match=r'no column "whne". Did you mean "when"'):
        list(source(sandbox, columns={"account": "tenant", "day": "whne"}).pull("daily", None))


def test_each_row_that_cannot_be_used_is_refused_by_its_place(sandbox: UsageSandbox) -> None:
    """A number with a comma is not guessed at, and the rest of the drop is used."""
    content = (
        b"account_external_id,day,active_users\nW-1,2026-03-01,5\n,2026-03-01,5\nW-2,01/03/2026,5\n"
        b"W-3,2026-02-30,5\nW-4,2026-03-01,\"1,5\"\nW-5,2026-03-01,\nW-6,2026-03-01,NaN\n"
    )
    sandbox.load("drops", [{"name": "a.csv", "bytes": content}])

    pages = list(source(sandbox).pull("daily", None))

    assert [row["account_external_id"] for row in rows(pages)] == ["W-1", "W-5"]
    assert [(refusal.where, refusal.field) for page in pages for refusal in page.refusals] == [
        ("a.csv row 3", "account_external_id"), ("a.csv row 4", "day"), ("a.csv row 5", "day"),
        ("a.csv row 6", "active_users"), ("a.csv row 8", "active_users"),
    ]


def test_a_drop_cut_in_half_is_named(sandbox: UsageSandbox) -> None:
    """The operator must know which file to upload again."""
    sandbox.load("drops", [{"name": "a.parquet", "frame": frame(("W-1", 1, 5))}])
    whole = sandbox.drops["a.parquet"][1]
    sandbox.load("drops", [{"name": "a.parquet", "bytes": whole[:len(whole) // 2]}])

    with pytest.raises(RecordRejected, match=r"a\.parquet: the Parquet file is cut short.*Upload it again"):
        list(source(sandbox).pull("daily", None))


def test_drops_may_lie_in_a_folder(tmp_path: Path) -> None:
    """A company without a server still has a file share."""
    frame(("W-1", 1, 5)).write_parquet(tmp_path / "a.parquet")
    (tmp_path / ".b.parquet").write_bytes(b"half")
    connection = CONNECTOR.connect(UsageSettings(folder=tmp_path), TOOLS)
    assert connection.source

    first = list(connection.source.pull("daily", None))
    second = list(connection.source.pull("daily", first[-1].cursor))

    assert len(rows(first)) == 1
    assert rows(second) == []
    assert second[-1].watermark == NOW
    assert all(finding.ok for finding in connection.check())


def test_a_name_cannot_lead_out_of_the_place(sandbox: UsageSandbox) -> None:
    """A list that names "../../etc/passwd" is not followed."""
    sandbox.load("drops", [{"name": "../secret.parquet", "bytes": b"x"}])

    with pytest.raises(Exception, match="not what was promised"):
        list(source(sandbox).pull("daily", None))
