"""The star schema keeps what its versions promised."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from steward import reporting
from steward.facts.catalog import catalog
from steward.model.records import FieldType
from steward.reporting import STAR
from steward.reporting.dictionary import as_markdown, broken, lines, promise

KEPT = {int(file.stem): json.loads(file.read_text()) for file in Path(reporting.__file__).parent.glob("versions/*.json")}


@pytest.mark.parametrize("version", sorted(KEPT))
def test_a_published_version_is_kept(version: int) -> None:
    """A dashboard that was built two years ago must still open: what was published never changes and never goes."""
    assert broken(KEPT[version], STAR) == []


def test_todays_version_is_written_down() -> None:
    """Something added is a new version: raise STAR.version and write versions/<number>.json from `promise(STAR)`."""
    assert promise(STAR) == KEPT[STAR.version]
    assert sorted(KEPT) == list(range(1, STAR.version + 1))


def test_each_way_to_break_a_promise_is_noticed() -> None:
    """A test that cannot fail protects nobody."""
    gone = deepcopy(KEPT[1])
    gone["tables"]["fact_extra"] = gone["tables"]["dim_person"]
    column = deepcopy(KEPT[1])
    column["tables"]["dim_person"]["columns"]["phone"] = {"type": "text", "unit": "", "fact": ""}
    kind = deepcopy(KEPT[1])
    kind["tables"]["fact_account_day"]["columns"]["arr"]["type"] = "number"
    grain = deepcopy(KEPT[1])
    grain["tables"]["dim_date"]["grain"] = "one row per hour"

    assert broken(gone, STAR) == ['the table "fact_extra" is gone']
    assert "its first columns are not" in broken(column, STAR)[0]
    assert "fact_account_day.arr was" in broken(kind, STAR)[0]
    assert "its grain was" in broken(grain, STAR)[0]


def test_keys_links_and_facts_exist() -> None:
    """A join that leads nowhere is found by the analyst, late."""
    facts = catalog()
    for table in STAR.tables:
        names = [column.name for column in table.columns]

        assert len(set(names)) == len(names) <= 74, table.name      # Power BI takes 75
        assert set(table.key) <= set(names), table.name
        assert not table.dated_by or table[table.dated_by].type in (FieldType.DATE, FieldType.INSTANT)
        for column, target in table.links.items():
            other, _, key = target.partition(".")
            assert STAR[other][key].type is table[column].type, (table.name, column)
        for column in table.columns:
            assert not column.fact or column.fact in facts, column
            assert column.meaning.endswith("."), column
            assert column.type is not FieldType.MONEY or "currency" in names, column


def test_the_dictionary_names_every_column() -> None:
    """Who opens a file must find what a number means."""
    page = as_markdown(STAR)
    for table in STAR.tables:
        assert f"## {table.name}" in page
        for column in table.columns:
            assert f"| `{column.name}`" in page.split(f"## {table.name}\n")[1].split("\n## ")[0]
    assert len(lines(STAR)) == sum(len(table.columns) + 1 for table in STAR.tables)
