"""Pulling an org: whole, incremental, resumed, with what was deleted, merged, or committed late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from connectors.salesforce.sandbox import SalesforceSandbox
from steward.contracts import Connection, Page
from steward.model.errors import AccessDenied, RecordRejected, StewardError, Unavailable
from steward.model.money import Money
from steward.model.records import Record

Pull = Callable[..., list[Page]]


def account(number: int, **fields: Any) -> dict[str, Any]:
    return {"Id": SalesforceSandbox.make_id("Account", number), "Name": f"Account {number}",
            "SystemModstamp": "2026-01-01T00:00:00.000+0000", **fields}


def records(pages: list[Page]) -> dict[str, Record]:
    return {record.external_id: record for page in pages for record in page.records}


def test_an_account_arrives_with_the_fields_of_the_model(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """What a CSM reads in Steward is what stands in Salesforce, typed."""
    sandbox.load("Account", [account(
        1, Name="O'Neil & Söhne", Website="HTTPS://WWW.Oneil.example/de?x=1", Segment__c="Mid-Market",
        Type="Customer - Channel", BillingCountry="Germany", Time_Zone__c="Europe/Berlin", NumberOfEmployees=120,
        ARR__c=12000.10, OwnerId=sandbox.user_id, HubSpot_Company_Id__c="991", SystemModstamp="2026-02-03T04:05:06.000Z",
    )])

    [page] = pull("accounts")

    [record] = page.records
    assert record.modified_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert record.values == {
        "name": "O'Neil & Söhne", "domain": "oneil.example", "segment": "mid_market", "lifecycle": "customer", "country": "DE",
        "timezone": "Europe/Berlin", "employees": 120, "arr": Money(Decimal("12000.1"), "USD"), "do_not_contact": False,
        "created_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), "csm_external_id": sandbox.user_id,
        "account_manager_external_id": sandbox.user_id, "id_in.hubspot": "991",
    }
    assert not page.refusals


def test_a_bad_value_costs_its_field_and_says_why(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """One typo in the CRM must not hide an account, and somebody must be able to find it."""
    sandbox.load("Account", [account(1, Website="javascript:alert(1)", Segment__c="Platinum", Time_Zone__c="../../etc/passwd")])

    [page] = pull("accounts")

    assert set(page.records[0].values) >= {"name"}
    assert not {"domain", "segment", "timezone"} & set(page.records[0].values)
    assert {(refusal.field, refusal.where) for refusal in page.refusals} == {
        (field, f"Account {page.records[0].external_id}") for field in ("Website", "Segment__c", "Time_Zone__c")
    }
    assert any('"Platinum" is none of enterprise, mid_market, smb' in refusal.reason for refusal in page.refusals)


def test_a_currency_of_the_org_comes_with_its_amounts(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """An amount in yen must not be read as dollars."""
    sandbox.load("Account", [account(1, ARR__c=5, CurrencyIsoCode="JPY"), account(2, ARR__c=7)])

    found = records(pull("accounts", currency="EUR"))

    assert [str(record.values["arr"]) for record in found.values()] == ["5 JPY", "7 EUR"]


def test_fields_that_the_org_lacks_are_left_out_of_the_query(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """A stock org without any custom field can be pulled on the first day."""
    sandbox.load("Account", [account(1, ARR__c=5)])
    sandbox.hide("Account.ARR__c", "Account.Segment__c", "Account.CSM__c")

    [page] = pull("accounts")

    assert "arr" not in page.records[0].values
    assert page.records[0].values["name"] == "Account 1"
    assert not page.refusals


def test_custom_fields_and_own_picklist_values_are_mapped(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """Every org has its own words; the operator teaches them to Steward in settings."""
    sandbox.load("Account", [account(1, Tier__c="A", Score__c=7.5, Vip__c=True, Type="Key Account", My_ARR__c=9)])

    [page] = pull(
        "accounts", custom_fields={"Account": {"tier": "Tier__c", "score": "Score__c", "vip": "Vip__c"}},
        values={"Account": {"lifecycle": {"Key Account": "customer"}}}, fields={"Account": {"arr": ["ARR__c", "My_ARR__c"]}},
    )

    values = page.records[0].values
    assert (values["custom.tier"], values["custom.score"], values["custom.vip"]) == ("A", 7.5, True)
    assert (values["lifecycle"], str(values["arr"])) == ("customer", "9 USD")


def test_a_left_contact_is_inactive(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """A champion who left is the strongest sign of risk; the checkbox says the opposite of our field."""
    sandbox.load("Contact", [
        {"Id": SalesforceSandbox.make_id("Contact", 1), "FirstName": "Zoë", "LastName": "N", "Email": "ZOE@Acme.example",
         "No_Longer_At_Company__c": True, "Left_On__c": "2026-02-01", "Role__c": "Champion"},
        {"Id": SalesforceSandbox.make_id("Contact", 2), "LastName": "M", "Email": "no address"},
    ])

    first, second = records(pages := pull("contacts")).values()

    assert first.values["active"] is False
    assert (first.values["name"], first.values["email"], first.values["role"]) == ("Zoë N", "zoe@acme.example", "champion")
    assert second.values["active"] is True
    assert [refusal.field for page in pages for refusal in page.refusals] == ["Email"]


def test_a_second_pull_brings_what_changed_and_looks_back(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """Every quarter of an hour, a few rows instead of all of them; and none that was committed late is passed by."""
    sandbox.load("Account", [account(number) for number in range(1, 30)])
    first = pull("accounts")
    clock.move(minutes=15)
    sandbox.upsert("Account", [{"Id": account(3)["Id"], "Name": "Renamed"}])
    sandbox.upsert("Account", [account(99, SystemModstamp=clock() - timedelta(minutes=20))])     # committed only now

    second = pull("accounts", first[-1].cursor)

    assert {record.values["name"] for record in records(second).values()} == {"Renamed", "Account 99"}
    assert second[-1].watermark == datetime(2026, 3, 5, 8, 15, tzinfo=UTC)


def test_the_watermark_waits_for_a_long_transaction(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """A bulk load may commit rows that are stamped long ago; a cursor at "now" would lose them for ever."""
    sandbox.load("Account", [account(1)])
    began = clock()
    sandbox.open_transactions = [began]
    clock.move(minutes=9)
    first = pull("accounts", overlap_s=0)
    sandbox.open_transactions = []
    sandbox.upsert("Account", [account(2, SystemModstamp=began + timedelta(minutes=1))])
    clock.move(hours=2)

    second = pull("accounts", first[-1].cursor, overlap_s=0)

    assert first[-1].watermark == began
    assert [record.values["name"] for record in records(second).values()] == ["Account 2"]


def test_deleted_and_purged_rows_arrive_as_deleted(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """An account that is gone in the CRM must not be alerted about."""
    sandbox.load("Account", [account(number) for number in range(1, 6)])
    first = pull("accounts")
    clock.move(minutes=30)
    sandbox.delete("Account", [account(1)["Id"]])
    sandbox.purge("Account", [account(2)["Id"], account(3)["Id"]])
    clock.move(minutes=3)

    second = pull("accounts", first[-1].cursor)

    assert {record.external_id for record in records(second).values() if record.deleted} == {
        account(number)["Id"] for number in (1, 2, 3)
    }
    assert all(not record.values for record in records(second).values() if record.deleted)


def test_merged_accounts_name_their_survivor_and_children_move(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """After a merge the history of both is one; identity needs to know into which."""
    contact = {"Id": SalesforceSandbox.make_id("Contact", 1), "LastName": "N", "AccountId": account(2)["Id"],
               "SystemModstamp": "2026-01-01T00:00:00Z"}
    sandbox.load("Account", [account(number) for number in range(1, 4)])
    sandbox.load("Contact", [contact])
    accounts, contacts = pull("accounts"), pull("contacts")
    clock.move(minutes=30)
    sandbox.merge(account(1)["Id"], [account(2)["Id"]])
    clock.move(minutes=3)

    merged = records(pull("accounts", accounts[-1].cursor))
    moved = records(pull("contacts", contacts[-1].cursor))

    assert merged[account(2)["Id"]].merged_into == account(1)["Id"]
    assert merged[account(2)["Id"]].deleted
    assert moved[contact["Id"]].values["account_external_id"] == account(1)["Id"]


def test_a_first_pull_tells_of_merges_that_are_still_in_the_bin(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """Usage may still come in under the id that was merged away last week."""
    sandbox.load("Account", [account(1), account(2)])
    sandbox.merge(account(1)["Id"], [account(2)["Id"]])

    found = records(pull("accounts"))

    assert found[account(2)["Id"]].merged_into == account(1)["Id"]
    assert not found[account(1)["Id"]].deleted


def test_a_restored_row_is_not_told_deleted(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """Somebody deletes the wrong account and undeletes it: the delete log keeps the line, the account lives."""
    sandbox.load("Account", [account(1)])
    first = pull("accounts")
    clock.move(minutes=30)
    sandbox.delete("Account", [account(1)["Id"]])
    clock.move(minutes=5)
    sandbox.upsert("Account", [{"Id": account(1)["Id"], "IsDeleted": False}])
    clock.move(minutes=5)

    second = records(pull("accounts", first[-1].cursor))

    assert not second[account(1)["Id"]].deleted


def test_many_deletions_come_in_pages_that_resume(sandbox: SalesforceSandbox, connect: Callable[..., Connection], clock: Any) -> None:
    """A clean-up deletes hundreds at once; a stop in the middle must not lose any."""
    sandbox.load("Account", [account(number) for number in range(1, 501)])
    source = connect().source
    assert source
    cursor = list(source.pull("accounts", None))[-1].cursor
    clock.move(hours=1)
    sandbox.purge("Account", [account(number)["Id"] for number in range(1, 451)])
    clock.move(minutes=2)

    found: dict[str, Record] = {}
    pages = 0
    while True:
        page = next(iter(source.pull("accounts", cursor)))
        found |= records([page])
        cursor, pages = page.cursor, pages + 1
        if page.watermark:
            break

    assert {external_id for external_id, record in found.items() if record.deleted} == {
        account(number)["Id"] for number in range(1, 451)
    }
    assert pages >= 3


def test_a_pause_beyond_the_delete_log_is_said(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """After three weeks off, deletions of the first week are not knowable: better said than wrong."""
    sandbox.load("Account", [account(1)])
    first = pull("accounts")
    clock.move(days=21)

    second = pull("accounts", first[-1].cursor)

    assert "rows deleted for good between" in second[-1].refusals[0].reason
    assert second[-1].watermark


def test_a_stop_of_salesforce_in_mid_pull_loses_nothing(
    sandbox: SalesforceSandbox, connect: Callable[..., Connection], clock: Any,
) -> None:
    """Salesforce goes away while paging, comes back on the same port without its locators: the pull goes on."""
    sandbox.page_size = 7
    sandbox.load("Account", [account(number) for number in range(1, 101)])      # all at one instant
    source = connect().source
    assert source
    seen: list[str] = []
    cursor, port = None, int(sandbox.url.rpartition(":")[2])
    pages = source.pull("accounts", None)
    for page in islice(pages, 4):
        seen += [record.external_id for record in page.records]
        cursor = page.cursor
    sandbox.stop()
    with pytest.raises(Unavailable):
        next(pages)
    sandbox.upsert("Account", [account(5, Name="Changed meanwhile", SystemModstamp=clock())])
    sandbox.start(port)

    rest = records(list(source.pull("accounts", cursor)))

    assert set(seen) | set(rest) == {account(number)["Id"] for number in range(1, 101)}
    assert set(seen) & set(rest) == {account(5)["Id"]}, "only what changed meanwhile comes twice"


def test_a_token_that_dies_between_pages_is_renewed(sandbox: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Sessions end at any time; the pull must not start over, nor fail."""
    sandbox.page_size = 10
    sandbox.load("Account", [account(number) for number in range(1, 41)])
    source = connect().source
    assert source
    found: dict[str, Record] = {}
    for page in source.pull("accounts", None):
        found |= records([page])
        sandbox.expire_tokens()

    assert len(found) == 40
    assert sum(path.endswith("/oauth2/token") for _, _, path, _ in sandbox.calls) == 4


def test_archived_activities_are_left_out(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """queryAll would bring years of old tasks at every first pull."""
    sandbox.load("Task", [{"Id": SalesforceSandbox.make_id("Task", number), "Subject": "x", "IsArchived": number == 1}
                          for number in (1, 2)])

    assert len(records(pull("tasks"))) == 1


def test_a_missing_custom_object_empties_its_stream_and_says_so(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """Not every org has milestones; that must not stop the other streams."""
    sandbox.hide("Onboarding_Milestone__c")

    [page] = pull("milestones")

    assert not page.records
    assert page.watermark
    assert 'name yours in the setting "tables: milestones"' in page.refusals[0].reason


def test_a_standard_object_that_may_not_be_read_is_an_error(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """An empty list of contracts would look like churn."""
    sandbox.hide("Contract")

    with pytest.raises(AccessDenied, match='may not read "Contract"'):
        pull("subscriptions")


@pytest.mark.parametrize("cursor", ["", "x", "[]", '{"phase": "rows"}', '{"phase": "rows", "covered": "soon"}',
                                    '{"phase": "rows", "covered": "2026-01-01T00:00:00Z", "at": "2026-01-01T00:00:00Z", "id": "\' OR"}'])
def test_a_cursor_of_another_program_is_refused(pull: Pull, cursor: str) -> None:
    """A stored text must not become part of a query."""
    with pytest.raises(RecordRejected, match="cursor cannot be read"):
        pull("accounts", cursor)


def test_names_that_break_programs_arrive_as_they_are(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """Customers are called what they are called."""
    names = ["<!channel>", '=HYPERLINK("x")', "Robert'); DROP TABLE", "株式会社 🚀", "a\nb", "\\", "'", "%", "A" * 255]
    sandbox.load("Account", [account(number, Name=name) for number, name in enumerate(names)])

    assert [record.values["name"] for record in records(pull("accounts")).values()] == names


def test_a_page_size_that_divides_the_rows_ends_cleanly(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """The last full page is the last page."""
    sandbox.page_size = 10
    sandbox.load("Account", [account(number) for number in range(1, 31)])

    pages = pull("accounts")

    assert [len(page.records) for page in pages] == [10, 10, 10]
    assert [page.watermark is not None for page in pages] == [False, False, True]
    assert pages[-1].progress == 1.0


def test_any_stumble_leaves_as_an_error_of_steward(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """A vendor's answer of the wrong shape must say what it was, not end in a traceback."""
    from dataclasses import replace

    sandbox.load("Account", [account(1)])
    for body in ([], "x", 7, None, {"records": None}, {"records": {}}, {"records": [1]}, {"fields": [{}]}, {"fields": 1}):
        sandbox.alter = lambda request, reply, body=body: replace(reply, body=body) if "/data/" in request.path else reply
        try:
            pull("accounts")
        except StewardError:
            continue


def test_a_wide_object_is_read_in_parts(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """An org with 600 mapped fields: no call is longer than Salesforce takes, and every field arrives."""
    names = {f"name_{number}": f"A_Rather_Long_Custom_Field_Name_{number:04d}__c" for number in range(600)}
    sandbox.page_size = 200
    sandbox.load("Account", [
        {"Id": SalesforceSandbox.make_id("Account", number), "Name": f"Wide {number}",
         **{field: f"{number} {ours}" for ours, field in names.items()}} for number in range(1, 451)
    ])

    pages = pull("accounts", custom_fields={"Account": names}, page_size=200)

    records = {record.external_id: record for page in pages for record in page.records}
    assert len(records) == 450
    assert all(record.values[f"custom.{ours}"].endswith(ours) for record in records.values() for ours in names)  # type: ignore[union-attr]  # text
    assert sandbox.breaches == []
    assert len(pages) == 3


def test_a_row_that_changes_between_the_parts_is_whole(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """A wide row that somebody edits between two queries must not arrive with half of its fields."""
    names = {f"name_{number}": f"A_Rather_Long_Custom_Field_Name_{number:04d}__c" for number in range(300)}
    ids = [SalesforceSandbox.make_id("Account", number) for number in range(1, 4)]
    sandbox.load("Account", [{"Id": each, **dict.fromkeys(names.values(), "x")} for each in ids])
    edited: list[str] = []

    def edit(request: Any, reply: Any) -> Any:
        if request.path.rstrip("/").endswith("/queryAll") and not edited:
            edited.append(ids[0])
            sandbox.purge("Account", [ids[1]])
            clock.move(minutes=1)
            sandbox.upsert("Account", [{"Id": ids[0], "Name": "Edited"}])
        return reply

    sandbox.alter = edit
    records = {record.external_id: record for page in pull("accounts", custom_fields={"Account": names}) for record in page.records}

    assert set(records) == {ids[0], ids[2]}, "what was purged meanwhile is left to the delete log"
    assert all(len([name for name in record.values if name.startswith("custom.")]) == 300 for record in records.values())


def test_custom_objects_become_records_by_mapping(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """Surveys and usage that somebody keeps in Salesforce are as good as those of a tool of their own."""
    sandbox.seed(1)
    account = SalesforceSandbox.make_id("Account", 1)
    sandbox.add_table("NPS__c", "a01", {"reference": "Company__c", "double": "Points__c", "datetime": "At__c"})
    sandbox.load("NPS__c", [{"Id": "a01Sb0000000001AAA", "Company__c": account, "Points__c": 9,
                             "At__c": "2026-03-01T08:00:00.000+0000"}])

    pages = pull("surveys", tables={"surveys": "NPS__c"}, fields={"NPS__c": {
        "account_external_id": "Company__c", "score": "Points__c", "answered_at": "At__c"}})

    [record] = [record for page in pages for record in page.records]
    assert (record.values["account_external_id"], record.values["score"]) == (account, 9.0)
    assert not [refusal for page in pull("usage_events") for refusal in page.refusals], "nobody asked for it"


def test_a_delete_log_too_long_is_read_in_halves(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """Salesforce refuses to list more than 600,000 ids: a clean-up must not stop the stream for ever."""
    sandbox.seed(40)
    [first, *_] = [page for page in pull("contacts") if page.watermark]
    for number in range(10, 40):
        clock.move(minutes=20)
        sandbox.purge("Contact", [SalesforceSandbox.make_id("Contact", 10 * number)])
    sandbox.most_deleted_ids = 4

    gone = {record.external_id for page in pull("contacts", first.cursor) for record in page.records if record.deleted}

    assert len(gone) == 30


def test_a_log_that_was_purged_early_is_said_and_the_pull_ends(sandbox: SalesforceSandbox, pull: Pull, clock: Any) -> None:
    """Salesforce may purge the log before its fifteen days are over; the call fails then, and would for ever."""
    sandbox.seed(10)
    [first, *_] = [page for page in pull("contacts") if page.watermark]
    clock.move(days=5)
    sandbox.delete_log_days = 2
    sandbox.purge("Contact", [SalesforceSandbox.make_id("Contact", 10)])

    pages = pull("contacts", first.cursor)

    assert [record.external_id for page in pages for record in page.records if record.deleted] == [
        SalesforceSandbox.make_id("Contact", 10)]
    assert "from its beginning" in " ".join(refusal.reason for page in pages for refusal in page.refusals)
    assert pages[-1].watermark


def test_a_locator_that_died_is_no_refusal(sandbox: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Locators live for a while only; the next try goes on from the cursor with a new query."""
    from steward.model.errors import Unavailable

    sandbox.seed(20)
    sandbox.page_size = 7
    source = connect().source
    assert source
    pages = source.pull("accounts", None)
    first = next(pages)
    sandbox.forget_locators()
    with pytest.raises(Unavailable, match="INVALID_QUERY_LOCATOR"):
        next(pages)

    rest = list(source.pull("accounts", first.cursor))

    assert sum(len(page.records) for page in [first, *rest]) == 20
