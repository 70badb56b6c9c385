"""Nothing is skipped while others edit, floods of one instant end, and what cannot be read costs its field alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.churnzero import CONNECTOR
from connectors.churnzero.sandbox import ChurnZeroSandbox
from steward.contracts import Connection, Page, Tools
from steward.kit.sandbox import Reply, Request
from steward.model.errors import AccessDenied
from steward.model.money import Money

BEGAN = datetime(2026, 3, 5, 8, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[ChurnZeroSandbox]:
    with ChurnZeroSandbox() as started:
        started.page_size = 5
        yield started


def connect(sandbox: ChurnZeroSandbox, **changed: Any) -> Connection:
    settings = CONNECTOR.load_settings().model_validate({**sandbox.settings(), **changed})
    return CONNECTOR.connect(settings, Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=5.0))


def pull(sandbox: ChurnZeroSandbox, stream: str = "accounts", after: Any = None, **changed: Any) -> list[Page]:
    source = connect(sandbox, **changed).source
    assert source
    return list(source.pull(stream, after))


def ids(pages: list[Page]) -> set[str]:
    return {record.external_id for page in pages for record in page.records}


def account(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    return {"Id": number, "Name": f"A{number}", "ObjectLastModifiedDate": at.isoformat(), **more}


def test_a_row_that_is_edited_meanwhile_hides_no_other(sandbox: ChurnZeroSandbox) -> None:
    """With $skip alone, the row behind an edited one is passed over and never read again."""
    sandbox.load("Account", [account(at, BEGAN + timedelta(minutes=at)) for at in range(1, 21)])
    answered = 0

    def edit(request: Request, reply: Reply) -> Reply:
        nonlocal answered
        answered += 1
        sandbox.load("Account", [account(answered, datetime.now(UTC) + timedelta(seconds=answered))])
        return reply

    sandbox.alter = edit

    source = connect(sandbox).source
    assert source
    seen: set[str] = set()
    for page in source.pull("accounts", None):
        seen |= {record.external_id for record in page.records}
        if answered > 12:
            sandbox.alter = None
    assert seen == {str(at) for at in range(1, 21)}


def test_many_rows_of_one_instant_are_all_read(sandbox: ChurnZeroSandbox) -> None:
    """An import stamps thousands of rows with one instant."""
    sandbox.load("Account", [account(at, BEGAN) for at in range(1, 24)])

    assert len(ids(pull(sandbox))) == 23


def test_the_next_pull_goes_on_by_churnzeros_own_clock(sandbox: ChurnZeroSandbox) -> None:
    """Its clock may be ten minutes off ours; a row that shows late is still found."""
    sandbox.load("Account", [account(1, BEGAN)])
    first = pull(sandbox)
    sandbox.load("Account", [account(2, BEGAN - timedelta(minutes=5)), account(3, BEGAN - timedelta(hours=5))])
    second = pull(sandbox, after=first[-1].cursor)

    assert ids(second) == {"1", "2"}


def test_what_cannot_be_read_costs_its_field_alone(sandbox: ChurnZeroSandbox) -> None:
    """A field that somebody made text must not lose the account."""
    sandbox.load("Account", [account(
        1, BEGAN, ExternalId="001", TotalContractAmount=1200.1, IsActive=True, Cf={"Employees": "about 50", "Website": "Acme.com/x"})])
    (page,) = pull(sandbox)
    (record,) = page.records
    (refusal,) = page.refusals

    assert record.values["arr"] == Money(Decimal("1200.1"), "USD")
    assert (record.values["domain"], record.values["lifecycle"], record.values["id_in.salesforce"]) == (
        "acme.com", "customer", "001")
    assert "employees" not in record.values
    assert (refusal.where, refusal.field) == ("Account 1", "employees")


def test_an_account_without_a_contract_has_no_subscription(sandbox: ChurnZeroSandbox) -> None:
    """A renewal that nobody wrote down is not known; it is not today."""
    sandbox.load("Account", [account(1, BEGAN), account(2, BEGAN, NextRenewalDate="2026-12-31T00:00:00Z")])

    assert ids(pull(sandbox, "subscriptions")) == {"2"}


def test_without_the_rest_api_it_says_what_to_set(sandbox: ChurnZeroSandbox) -> None:
    """It is an add-on that many do not have."""
    with pytest.raises(AccessDenied, match="rest"):
        pull(sandbox, rest=None)
