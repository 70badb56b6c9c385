"""Large pulls through Bulk API 2.0: the same records with few calls, and what becomes of jobs that come to nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.sandbox import SalesforceSandbox
from steward.contracts import Connection, Cursor, Page
from steward.kit import battery
from steward.kit.sandbox import Fault, Reply, Request
from steward.model.errors import StewardError, Unavailable
from steward.model.records import Record

Pull = Callable[..., list[Page]]
ACCOUNTS = 450


@pytest.fixture
def org(sandbox: SalesforceSandbox) -> SalesforceSandbox:
    sandbox.seed(ACCOUNTS)
    sandbox.page_size, sandbox.most_results = 200, 150
    return sandbox


def _records(pages: Sequence[Page]) -> dict[str, Record]:
    return {record.external_id: record for page in pages for record in page.records}


def _paths(sandbox: SalesforceSandbox) -> list[str]:
    return [f"{method} {path.split('/v67.0/')[-1]}" for _, method, path, _ in sandbox.calls]


@pytest.mark.parametrize("header_once", [False, True])
@pytest.mark.parametrize("stream", ["accounts", "contacts", "subscriptions", "tickets", "milestones", "tasks", "touchpoints"])
def test_bulk_brings_what_queries_bring(org: SalesforceSandbox, pull: Pull, stream: str, header_once: bool) -> None:
    """The first load of a large org must not differ from a small one's, in a value or in a type; with the row of
    names in every part or only in the first, for nobody documents which."""
    org.header_once = header_once
    org.load("Account", [{"Id": org.make_id("Account", 7), "Name": '"quoted", and\r\ntwo lines', "Website": None}])
    org.delete("Contact", [org.make_id("Contact", 10)])

    by_bulk = pull(stream, bulk_above=100, page_size=200)
    assert any("jobs/query" in path for path in _paths(org))
    by_query = pull(stream, bulk_above=10**9)

    assert _records(by_bulk) == _records(by_query)
    assert by_bulk[-1].watermark == by_query[-1].watermark is not None


def test_a_first_load_costs_few_calls(org: SalesforceSandbox, pull: Pull) -> None:
    """A hundred thousand accounts are a dozen calls, not fifty pages; people need the day's calls."""
    org.most_results = 250_000
    pull("accounts", bulk_above=100, page_size=200)

    assert sum("jobs/query" in path for path in _paths(org)) <= 5, "begin, asked twice, one part"
    assert len(org.calls) <= 9


def test_below_the_threshold_there_is_no_job(org: SalesforceSandbox, pull: Pull) -> None:
    """A job takes minutes to begin with; forty changed rows are one query."""
    pull("accounts")

    assert not any("jobs" in path for path in _paths(org))


def test_a_pull_resumes_after_any_page_of_a_job(org: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """A process may die anywhere in a first load of hours: nothing is lost, and the same job is read on."""
    def pages(after: Cursor | None) -> Any:
        source = connect(bulk_above=100, page_size=200).source
        assert source
        return source.pull("contacts", after)

    whole = _records(list(pages(None)))
    parts = list(islice(pages(None), 2))   # a page of a query, and the job that reads the rest
    while parts[-1].watermark is None:
        parts.append(next(pages(parts[-1].cursor)))

    assert _records(parts) == whole
    assert len(org.jobs) == 2, "one for each of the two pulls, however often it was resumed"
    assert sum(len(page.records) for page in parts) == len(whole), "and no row was read twice"


@pytest.mark.parametrize("how", ["forgotten", "aborted", "week", "version"])
def test_a_job_that_is_gone_begins_anew_from_where_it_began(
    org: SalesforceSandbox, connect: Callable[..., Connection], clock: Any, how: str,
) -> None:
    """An administrator deletes jobs, they end after a week, or the setting `version` was changed in between."""
    def pages(after: Cursor | None, **more: Any) -> Any:
        source = connect(bulk_above=100, page_size=200, **more).source
        assert source
        return source.pull("contacts", after)

    whole = _records(list(pages(None)))
    begun = list(islice(pages(None), 3))
    if how == "forgotten":
        org.forget_jobs()
    elif how == "aborted":
        for job in org.jobs.values():
            job.state = "Aborted"
    elif how == "week":
        clock.move(days=8)
    rest = list(pages(begun[-1].cursor, **({"version": "v66.0"} if how == "version" else {})))

    assert _records([*begun, *rest]) == whole
    assert rest[-1].watermark


def test_a_job_that_fails_is_said_with_salesforce_s_reason(org: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Bulk queries fail at night; the next pull begins another one, and the words are there."""
    source = connect(bulk_above=100, page_size=200).source
    assert source
    org.job_fails = ["InternalServerError : out of luck"]
    seen: list[Page] = []

    with pytest.raises(Unavailable, match="out of luck"):
        seen.extend(source.pull("contacts", None))
    for page in source.pull("contacts", None):
        seen.append(page)

    assert len(_records(seen)) == 2 * ACCOUNTS


def test_a_job_that_takes_long_is_asked_for_again(org: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Ten minutes of waiting are enough for one pull; the job goes on, and is not begun twice."""
    org.job_polls = 100
    source = connect(bulk_above=100, page_size=200).source
    assert source
    pages = source.pull("contacts", None)
    seen = list(islice(pages, 2))
    with pytest.raises(Unavailable, match="still at work"):
        next(pages)
    for job in org.jobs.values():
        job.polls = 0
    seen += list(source.pull("contacts", seen[-1].cursor))

    assert len(org.jobs) == 1
    assert len(_records(seen)) == 2 * ACCOUNTS


def test_where_bulk_is_not_allowed_queries_go_on(org: SalesforceSandbox, pull: Pull) -> None:
    """Not every profile may use Bulk; the pull only costs more calls."""
    org.faults = [Fault("status", "POST .*/jobs/query", status=403, times=9)]

    assert len(_records(pull("contacts", bulk_above=100, page_size=200))) == 2 * ACCOUNTS


def test_a_part_that_is_cut_short_is_not_believed(org: SalesforceSandbox, pull: Pull) -> None:
    """A proxy that ends an answer early must not look like an org with fewer customers."""
    def short(request: Request, reply: Reply) -> Reply:
        if not request.path.endswith("/results"):
            return reply
        return replace(reply, body=b"".join(reply.body.splitlines(keepends=True)[:-1]))

    org.alter = short
    with pytest.raises(Unavailable, match=r"149 rows of 150"):
        pull("contacts", bulk_above=100, page_size=200)


def test_a_part_that_is_too_large_is_asked_for_in_smaller_ones(
    org: SalesforceSandbox, pull: Pull, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Long texts in many fields: a part must not take the memory of the machine, nor end the load for ever."""
    org.most_results = 250_000
    monkeypatch.setattr("connectors.salesforce.session.MOST_BODY_BYTES", 100_000)

    assert len(_records(pull("contacts", bulk_above=100, page_size=200))) == 2 * ACCOUNTS
    assert sum(path.endswith("results") for path in _paths(org)) > 3


@pytest.mark.parametrize("kind", ["cut", "html", "empty", "status"])
def test_any_trouble_with_a_job_ends_in_words(org: SalesforceSandbox, pull: Pull, kind: str) -> None:
    """Of every call of a job."""
    for door in ("POST .*/jobs/query", "GET .*/jobs/query/[^/]+$", "GET .*/results"):
        org.faults = [Fault(kind, door, status=500 if kind == "status" else 200, times=99)]
        with pytest.raises(StewardError, match="salesforce: "):
            pull("contacts", bulk_above=100, page_size=200)


def test_a_token_that_dies_at_a_part_is_renewed(org: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """simple-salesforce never renews it for bulk calls (its issue #619)."""
    source = connect(bulk_above=100, page_size=200).source
    assert source
    seen = []
    for page in source.pull("contacts", None):
        seen.append(page)
        org.expire_tokens()

    assert len(_records(seen)) == 2 * ACCOUNTS


class _Small(SalesforceSandbox):
    """An org of the battery's size, read by jobs whose results come in many parts."""

    most_results, job_polls = 7, 0

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "bulk_above": 10}


_BY_BULK = replace(CONNECTOR, load_sandbox=lambda: _Small)
_READS = [name for name in battery.rules_for(_BY_BULK)
          if name in ("a_pull_ends_with_a_watermark", "a_pull_resumes_after_any_page", "a_second_pull_brings_less",
                      "a_second_pull_brings_only_what_was_there", "values_are_typed_and_never_empty",
                      "unknown_fields_are_ignored", "what_is_fetched_by_id_is_what_is_pulled",
                      "a_read_that_meets_cut", "a_read_that_meets_html", "a_read_that_meets_429")]


@pytest.mark.parametrize("rule", _READS)
def test_the_battery_holds_of_bulk_too(rule: str) -> None:
    """A promise about pulls is one about every way of pulling."""
    battery.run(_BY_BULK, rule)
