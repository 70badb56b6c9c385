"""Records in and out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from steward.model.money import Money
from steward.model.records import FIELDS, Noun, Record, Refusal
from steward.store import notices, records, refusals
from steward.store.database import Database

DAY = timedelta(days=1)
Known = Callable[..., dict[tuple[str, str], str]]


def ticket(id_: str = "T1", subject: str = "Login", modified_at: datetime | None = None, **state: Any) -> Record:
    return Record(Noun.TICKET, id_, {"account_external_id": "001", "subject": subject}, modified_at, **state)


def subjects(database: Database) -> dict[str, str]:
    with database.read() as tx:
        return dict(records.frame(tx, Noun.TICKET).select("external_id", "subject").iter_rows())


def test_every_field_of_every_noun_comes_back_in_its_type(database: Database, now: datetime) -> None:
    """A fact that is derived from a wrongly typed column is wrong without a word."""
    one_of_each: dict[str, Any] = {
        "text": "Ärger <!channel> 😀\n\x00", "integer": 2**40, "number": Decimal("4.5"), "boolean": False,
        "date": date(2026, 2, 28), "instant": datetime(2026, 2, 28, 23, 30, 0, 5, tzinfo=UTC),
        "money": Money(Decimal("12345678.90"), "EUR"),
    }
    with database.write() as tx:
        for noun, fields in FIELDS.items():
            values = {name: one_of_each[kind] for name, kind in fields.items() if name != "account_external_id"}
            records.upsert(tx, "crm", noun, [Record(noun, "full", values, now), Record(noun, "void", {}, now)], now)

    for noun, fields in FIELDS.items():
        with database.read() as tx:
            full, void = records.frame(tx, noun).to_dicts()
        assert full["modified_at"] == now
        for name, kind in fields.items():
            assert void[name] is None
            if name == "account_external_id":
                continue
            if kind == "money":
                assert (full[name], full[f"{name}_currency"]) == (12345678.9, "EUR")
            else:
                assert full[name] == one_of_each[kind], name
                assert type(full[name]) is type(one_of_each[kind]) or kind == "number"


def test_an_empty_frame_has_all_columns(database: Database) -> None:
    """A company without surveys still gets its facts, as Missing."""
    for noun in Noun:
        with database.read() as tx:
            frame = records.frame(tx, noun)
        assert {*FIELDS[noun], "account_id", "connection", "external_id", "modified_at"} <= set(frame.columns)
        assert frame.schema["modified_at"] == pl.Datetime("us", "UTC")


def test_custom_fields_of_accounts_become_columns(database: Database, now: datetime) -> None:
    """A scorecard may weigh a field that only this company has."""
    with database.write() as tx:
        records.upsert(tx, "crm", "accounts", [
            Record(Noun.ACCOUNT, "1", {"custom.tier": "gold", "custom.score": 3, "custom.vip": True, "custom.mix": 1}),
            Record(Noun.ACCOUNT, "2", {"custom.score": Decimal("0.5"), "custom.mix": "n/a"}),
        ], now)
    with database.read() as tx:
        frame = records.frame(tx, Noun.ACCOUNT)

    custom = frame.select(pl.col("^custom.*$"))
    assert custom.to_dict(as_series=False) == {
        "custom.mix": ["1", "n/a"], "custom.score": [3.0, 0.5], "custom.tier": ["gold", None], "custom.vip": [True, None],
    }


@pytest.mark.parametrize("values", [{"colour": "red"}, {"csat": "five"}, {"opened_at": date(2026, 1, 1)},
                                    {"id_in.usage": "1"}, {"subject": 5}])
def test_a_field_the_noun_has_not_is_a_mistake_in_the_connector(
    database: Database, now: datetime, values: dict[str, Any],
) -> None:
    """It must fail in the connector's tests, not vanish in production."""
    with pytest.raises(ValueError, match=next(iter(values))), database.write() as tx:
        records.upsert(tx, "crm", "tickets", [Record(Noun.TICKET, "T1", values)], now)


@pytest.mark.parametrize("record", [
    ticket("x" * 256), ticket(""), ticket("a\x00b"), ticket(subject="\ud800"),
    Record(Noun.MILESTONE, "M", {"position": 2**70}),
    Record(Noun.TICKET, "T9", {"account_external_id": "\n"}),
])
def test_what_no_database_can_hold_is_refused_and_the_rest_is_kept(
    database: Database, now: datetime, record: Record,
) -> None:
    """One absurd row must not stop a sync of 20,000."""
    with database.write() as tx:
        counts = records.upsert(tx, "crm", "tickets", [record, ticket("good")], now)
    with database.read() as tx:
        refused = refusals.list_(tx)

    assert (counts.read, counts.changed, counts.refused) == (2, 1, 1)
    assert subjects(database) == {"good": "Login"}
    assert len(refused) == 1
    assert refused[0].where.startswith("tickets")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations([1, 2, 3, 4]), st.lists(st.booleans(), min_size=3, max_size=3))
def test_the_newest_version_wins_in_whatever_order_they_come(
    database: Database, order: list[int], cuts: list[bool],
) -> None:
    """Pages overlap, webhooks overtake polls, and a retry brings yesterday's answer."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    versions = {n: ticket(subject=f"version {n}", modified_at=start + n * DAY) for n in order}
    pages: list[list[Record]] = [[versions[order[0]]]]
    for number, cut in zip(order[1:], cuts, strict=True):
        if cut:
            pages.append([])
        pages[-1].append(versions[number])
    with database.write() as tx:
        tx.execute(text("DELETE FROM record"))

    for page in pages:
        with database.write() as tx:
            records.upsert(tx, "crm", "tickets", page, start)

    assert subjects(database) == {"T1": "version 4"}


def test_a_version_without_an_instant_overwrites(database: Database, now: datetime) -> None:
    """A spreadsheet says no more than what is in it now; the version that was known is kept for comparison."""
    with database.write() as tx:
        records.upsert(tx, "crm", "tickets", [ticket(subject="old", modified_at=now)], now)
        records.upsert(tx, "crm", "tickets", [ticket(subject="new")], now)
        records.upsert(tx, "crm", "tickets", [ticket(subject="older", modified_at=now - DAY)], now)

    assert subjects(database) == {"T1": "new"}


def test_what_says_nothing_new_is_not_written(database: Database, now: datetime) -> None:
    """Every pull overlaps the last one; the disk must not suffer for it."""
    with database.write() as tx:
        first = records.upsert(tx, "crm", "tickets", [ticket(modified_at=now)], now)
        again = records.upsert(tx, "crm", "tickets", [ticket(modified_at=now)], now + DAY)

    assert (first.changed, again.changed) == (1, 0)


def test_a_deleted_record_is_gone_from_frames_and_stays_deleted(database: Database, now: datetime) -> None:
    """A stale page that still has it must not bring it back."""
    with database.write() as tx:
        records.upsert(tx, "crm", "tickets", [ticket("T1", modified_at=now), ticket("T2", modified_at=now)], now)
        records.upsert(tx, "crm", "tickets", [Record(Noun.TICKET, "T1", {}, now + DAY, deleted=True)], now)
        records.upsert(tx, "crm", "tickets", [ticket("T1", modified_at=now)], now)
    with database.read() as tx:
        counts = records.counts(tx)
        whose = tx.scalar(text("SELECT account_external_id FROM record WHERE external_id = 'T1'"))

    assert subjects(database) == {"T2": "Login"}
    assert counts == {"crm": {"tickets": 1}}
    assert whose == "001"


def test_a_record_that_is_back_from_the_bin_is_back(database: Database, now: datetime) -> None:
    """Undelete is a menu entry in every CRM."""
    with database.write() as tx:
        records.upsert(tx, "crm", "tickets", [ticket(modified_at=now, deleted=True)], now)
        records.upsert(tx, "crm", "tickets", [ticket(modified_at=now + DAY)], now)

    assert subjects(database) == {"T1": "Login"}


def test_a_later_tombstone_still_knows_the_survivor(database: Database, now: datetime) -> None:
    """The list of deletions does not say what a record was merged into; the record did."""
    with database.write() as tx:
        records.upsert(tx, "crm", "tickets", [ticket(modified_at=now, merged_into="T9", deleted=True)], now)
        records.upsert(tx, "crm", "tickets", [ticket(modified_at=now + DAY, deleted=True)], now)
    with database.read() as tx:
        assert tx.scalar(text("SELECT merged_into FROM record")) == "T9"


def test_a_record_that_speaks_of_some_fields_leaves_the_others(database: Database, now: datetime) -> None:
    """A webhook tells of one property."""
    whole = Record(Noun.TICKET, "T1", {"subject": "Login", "priority": "high", "csat": 2}, now)
    told = Record(Noun.TICKET, "T1", {"priority": "low"}, now + DAY, only=frozenset({"priority", "csat"}))
    with database.write() as tx:
        records.upsert(tx, "crm", "tickets", [whole, told], now)
    with database.read() as tx:
        row = records.frame(tx, Noun.TICKET).row(0, named=True)

    assert (row["subject"], row["priority"], row["csat"]) == ("Login", "low", None)


def test_a_late_word_of_some_fields_changes_nothing(database: Database, now: datetime) -> None:
    """A webhook that comes a day late must not undo what was read since."""
    late = Record(Noun.TICKET, "T1", {"subject": "late"}, now - DAY, only=frozenset({"subject"}))
    with database.write() as tx:
        records.upsert(tx, "crm", "tickets", [ticket(modified_at=now)], now)
        records.upsert(tx, "crm", "tickets", [late], now)

    assert subjects(database) == {"T1": "Login"}


def test_the_order_in_which_words_come_does_not_matter(database: Database, now: datetime) -> None:
    """Webhooks overtake each other and the pulls; whatever the order, the newest word of each field stands."""
    def hours(count: float) -> datetime:
        return now + timedelta(hours=count)

    def words(name: str) -> list[Record]:
        def part(at: float, **values: Any) -> Record:
            return Record(Noun.TICKET, name, {k: v for k, v in values.items() if v is not None}, hours(at),
                          only=frozenset(values))

        return [
            Record(Noun.TICKET, name, {"subject": "first", "priority": "high", "csat": 2}, hours(1)),
            part(2, subject="second"),
            Record(Noun.TICKET, name, {"subject": "second", "priority": "high", "csat": 3}, hours(2.5)),
            part(3, priority="low"),
            part(5, csat=None),
        ]

    orders = list(itertools.permutations(range(5)))
    with database.write() as tx:
        for number, order in enumerate(orders):
            told = words(f"T{number}")
            for place in order:
                records.upsert(tx, "crm", "tickets", [told[place]], now)
    with database.read() as tx:
        frame = records.frame(tx, Noun.TICKET).select("subject", "priority", "csat", "modified_at")

    assert frame.height == len(orders)
    assert frame.unique().rows() == [("second", "low", None, hours(5))]


def test_a_pull_a_moment_older_than_a_webhook_brings_the_other_fields(database: Database, now: datetime) -> None:
    """HubSpot stamps an event a little later than the record; the fields nobody told of must come all the same."""
    told = Record(Noun.TICKET, "T1", {"priority": "low"}, now + timedelta(milliseconds=5), only=frozenset({"priority"}))
    whole = Record(Noun.TICKET, "T1", {"subject": "Login", "priority": "high"}, now)
    with database.write() as tx:
        records.upsert(tx, "crm", "tickets", [told], now)
        records.upsert(tx, "crm", "tickets", [whole], now)
    with database.read() as tx:
        row = records.frame(tx, Noun.TICKET).row(0, named=True)
    with database.write() as tx:
        again = records.upsert(tx, "crm", "tickets", [whole], now)

    assert (row["subject"], row["priority"]) == ("Login", "low")
    assert again.changed == 0


def test_a_frame_knows_whose_a_record_is(database: Database, now: datetime, known: Known) -> None:
    """Facts are about our accounts; records only know the vendor's ids."""
    who = known({("crm", "001"): {"name": "Acme"}, ("crm", "002"): {"name": "Globex"}})
    other = Record(Noun.TICKET, "T2", {"account_external_id": "002"})
    stray = Record(Noun.TICKET, "T3", {"account_external_id": "999"})
    person = Record(Noun.PERSON, "P", {"name": "Jo"})
    with database.write() as tx:
        records.upsert(tx, "crm", "tickets", [ticket(), other, stray], now)
        records.upsert(tx, "crm", "people", [person], now)
    acme = who["crm", "001"]
    with database.read() as tx:
        everything = dict(records.frame(tx, Noun.TICKET).select("external_id", "account_id").iter_rows())
        of_acme = records.frame(tx, Noun.TICKET, [acme])["external_id"].to_list()
        of_many = records.frame(tx, Noun.TICKET, [acme, *map(str, range(1000))])["external_id"].to_list()
        account = records.frame(tx, Noun.ACCOUNT, [acme])["account_id"].to_list()
        people = records.frame(tx, Noun.PERSON, [acme]).height

    assert everything == {"T1": acme, "T2": who["crm", "002"], "T3": None}
    assert (of_acme, of_many, account, people) == (["T1"], ["T1"], [acme], 1)


def test_a_refusal_stands_until_its_record_comes_through(database: Database, now: datetime) -> None:
    """The operator's list of what is wrong must shrink when it is put right."""
    with database.write() as tx:
        refusals.settle(tx, "crm", "tickets", (), [
            Refusal("Ticket T1", "csat", "12 is not between 1 and 5"), Refusal("Ticket T2", None, "no id\x00"),
            Refusal("tickets.csv row T1", "csat", "not a number"), Refusal("Ticket T2", "csat", "no number"),
        ], now)
        records.upsert(tx, "crm", "tickets", [ticket("T1")], now)
    with database.read() as tx:
        left = {row.where: row.reason for row in refusals.list_(tx, "crm")}

    assert left == {"tickets.csv row T1": "not a number", "Ticket T2": "no id\N{REPLACEMENT CHARACTER}; csat: no number"}


def test_a_file_read_anew_forgets_what_was_refused_in_it(database: Database, now: datetime) -> None:
    """Row 17 was corrected, and now row 9 is wrong; a sync that stops in the middle forgets nothing yet."""
    wrong = [Refusal(f"{file} row 17", "arr", "?") for file in ("a.csv", "b.csv")]
    with database.write() as tx:
        refusals.settle(tx, "files", "accounts", (), wrong, now)
        refusals.doubt(tx, "files", "accounts", "a.csv")
        refusals.settle(tx, "files", "accounts", (), [Refusal("a.csv row 9", "arr", "?")], now)
        in_the_middle = [row.where for row in refusals.list_(tx)]
        refusals.end(tx, "files", "accounts", now)
    with database.read() as tx:
        assert [row.where for row in refusals.list_(tx)] == ["a.csv row 9", "b.csv row 17"]
    assert in_the_middle == ["a.csv row 17", "a.csv row 9", "b.csv row 17"]


def test_a_refusal_is_noticed_when_it_begins_changes_and_ends_and_never_between(
    database: Database, now: datetime,
) -> None:
    """A list of what is wrong that says the same thing every quarter of an hour is read by nobody."""
    wrong, otherwise = Refusal("Ticket T1", "csat", "12 is too much"), Refusal("Ticket T1", "csat", "it is empty")
    with database.write() as tx:
        for run, refused in enumerate([[wrong], [wrong], [otherwise], [otherwise], []]):
            records.upsert(tx, "crm", "tickets", [ticket("T1")], now + run * DAY, refused)
            if run == 3:
                [standing] = refusals.list_(tx, "crm")
        told = [(each.what, each.said) for each in reversed(notices.list_(tx))]
        news = notices.tell(tx, "crm")
        left = notices.tell(tx, "crm")

    assert (standing.attempts, standing.since, standing.refused_at) == (4, now, now + 3 * DAY)
    assert told == [("refused", "csat: 12 is too much"), ("refused_otherwise", "csat: it is empty"),
                    ("over", "it came through")]
    assert [each.what for each in news] == ["refused", "refused_otherwise", "over"]
    assert left == []


def test_a_webhook_that_tells_a_part_does_not_end_a_refusal(database: Database, now: datetime) -> None:
    """The part that was refused may not be the part that was told."""
    with database.write() as tx:
        refusals.settle(tx, "crm", "tickets", (), [Refusal("Ticket T1", "csat", "?")], now)
        part = Record(Noun.TICKET, "T1", {"subject": "new"}, now, only=("subject",))
        records.upsert(tx, "crm", "tickets", [part], now)

        assert len(refusals.list_(tx)) == 1


def test_a_page_of_many_is_quick_in_and_out(database: Database, now: datetime) -> None:
    """200,000 records are a small customer; this many must be a matter of moments."""
    numbers = itertools.count()
    many = [ticket(f"T{next(numbers)}", "cannot log in", now) for _ in range(5000)]
    with database.write() as tx:
        counts = records.upsert(tx, "crm", "tickets", many, now)
    with database.read() as tx:
        frame = records.frame(tx, Noun.TICKET)

    assert (counts.changed, frame.height, frame["external_id"].n_unique()) == (5000, 5000, 5000)
