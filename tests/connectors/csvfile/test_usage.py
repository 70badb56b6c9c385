"""Usage out of files: wide, long, by day and by week, from one mapping and from several."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.csvfile import CONNECTOR
from connectors.csvfile.settings import CsvfileSettings
from steward.contracts import Cursor, Page, Source, Tools

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
WIDE: dict[str, Any] = {"path": "users.csv", "account": "account", "day": "day", "metrics": {"active_users": "users"}}
LONG: dict[str, Any] = {"path": "events-*.csv", "account": "account", "day": "day", "metric": "event", "value": "n"}


def source(folder: Path, *usage: dict[str, Any]) -> Source:
    settings = CsvfileSettings.model_validate({"folder": str(folder), "usage": list(usage)})
    source = CONNECTOR.connect(settings, Tools(now=lambda: NOW, sleep=lambda _: None)).source
    assert source
    return source


def pull(source: Source, after: Cursor | None = None) -> list[Page]:
    return list(source.pull("usage", after))


def rows(pages: list[Page]) -> list[dict[str, object]]:
    return [row for page in pages if page.usage is not None for row in page.usage.to_dicts()]


def test_two_files_about_one_day_become_one_row(tmp_path: Path) -> None:
    """A day that is sent again replaces that day, so users and events must come together."""
    (tmp_path / "users.csv").write_text("account,day,users\nA,2026-03-01,5\nB,2026-03-01,\n")
    (tmp_path / "events-1.csv").write_text("account,day,event,n\nA,2026-03-01,Report Viewed,2\nA,2026-03-01,Report Viewed,1\n")

    first = pull(source(tmp_path, WIDE, LONG))
    assert rows(first) == [{"account_external_id": "A", "day": date(2026, 3, 1), "active_users": 5, "report_viewed": 3}]

    (tmp_path / "events-1.csv").write_text("account,day,event,n\nA,2026-03-01,Report Viewed,7\n")
    again = pull(source(tmp_path, WIDE, LONG), first[-1].cursor)
    assert rows(again) == [{"account_external_id": "A", "day": date(2026, 3, 1), "active_users": 5, "report_viewed": 7}]


def test_of_one_mapping_only_the_new_file_is_read(tmp_path: Path) -> None:
    """A file a day for two years, and only today's is new."""
    (tmp_path / "events-1.csv").write_text("account,day,event,n\nA,2026-03-01,x,2\n")
    first = pull(source(tmp_path, LONG))
    (tmp_path / "events-2.csv").write_text("account,day,event,n\nA,2026-03-02,x,3\n")

    again = pull(source(tmp_path, LONG), first[-1].cursor)

    assert [row["day"] for row in rows(again)] == [date(2026, 3, 2)]
    assert rows(pull(source(tmp_path, LONG), again[-1].cursor)) == []


@pytest.mark.parametrize(("bucket", "first", "last"), [
    ("week_ending", date(2026, 3, 2), date(2026, 3, 8)), ("week_starting", date(2026, 3, 8), date(2026, 3, 14)),
])
def test_a_week_is_spread_over_its_days(tmp_path: Path, bucket: str, first: date, last: date) -> None:
    """Seventy events in a week are ten a day; seven users in a week are seven each day."""
    (tmp_path / "users.csv").write_text("account,day,users,reports\nA,2026-03-08,7,70\n")
    weekly = {**WIDE, "bucket": bucket, "repeat": ["active_users"], "metrics": {"active_users": "users", "reports": "reports"}}

    found = rows(pull(source(tmp_path, weekly)))

    assert (found[0]["day"], found[-1]["day"], len(found)) == (first, last, 7)
    assert {row["active_users"] for row in found} == {7}
    assert sum(float(str(row["reports"])) for row in found) == pytest.approx(70)


def test_named_metrics_leave_the_others_out_and_bad_rows_are_refused(tmp_path: Path) -> None:
    """Twenty-five kinds of events, of which two matter; and a comma where none belongs."""
    (tmp_path / "events-1.csv").write_text(
        "account,day,event,n\nA,2026-03-01,Report Viewed,2\nA,2026-03-01,Other,9\n,2026-03-01,Report Viewed,1\n"
        "A,03/04/2026,Report Viewed,1\nA,2026-03-01,Report Viewed,\"1,5\"\nA,2026-03-01,Report Viewed\n"
    )

    pages = pull(source(tmp_path, {**LONG, "metrics": {"reports": "Report Viewed"}}))

    assert rows(pages) == [{"account_external_id": "A", "day": date(2026, 3, 1), "reports": 2}]
    assert [(refusal.where, refusal.field) for page in pages for refusal in page.refusals] == [
        ("events-1.csv row 4", "account_external_id"), ("events-1.csv row 5", "day"), ("events-1.csv row 6", "value"),
        ("events-1.csv row 7", None),
    ]
