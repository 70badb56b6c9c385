"""Every call that we make stands in Salesforce's own collection of calls, with the parameters and bodies it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.sandbox import SalesforceSandbox
from steward.contracts import BatchSink, Connection
from steward.kit.sandbox import Reply, Request
from steward.model.actions import IdempotencyKey

_NEAR = [each / "shared/specs/salesforce/postman-2020" for each in Path(__file__).parents[4:6]]
COLLECTION = next((each for each in _NEAR if each.exists()), _NEAR[0])

pytestmark = pytest.mark.skipif(not COLLECTION.exists(), reason="../shared/specs is not here")

# Not among Salesforce's calls of 2020, or written there otherwise; who confirms them instead.
ELSEWHERE = {
    "GET query(All)?/[^/]+": "the path that `nextRecordsUrl` names in Salesforce's own answers",
    "PATCH sobjects/[^/]+/[^/]+/[^/]+": "simple-salesforce 1.12.10: SFType.upsert",
    "PATCH composite/sobjects": "jsforce 3.10.16 sends exactly this; tests/foreign/jsforce.mjs",
    "PATCH composite/sobjects/[^/]+/[^/]+": "jsforce 3.10.16 sends exactly this; tests/foreign/jsforce.mjs",
}


@dataclass(frozen=True)
class Operation:
    """One call of the collection: its path as a pattern, the names of its parameters, the keys of its body."""

    name: str
    method: str
    path: re.Pattern[str]
    parameters: frozenset[str]
    keys: frozenset[str] | None

    def takes(self, request: Request) -> bool:
        if request.method != self.method or not self.path.fullmatch(_path(request).rstrip("/")):
            return False
        keys = set(json.loads(request.body)) if request.body else set()
        return set(request.query) <= self.parameters and (self.keys is None or keys <= self.keys)


def _operation(file: Path) -> Operation | None:
    told = json.loads(file.read_text())
    _, found, rest = str(told.get("url") or "").partition("/services/data/v{{version}}/")
    if not found:
        return None
    path, _, query = rest.partition("?")
    pattern = re.sub(r"<[^>]+>|\\?\{\\?\{.+?\\?\}\\?\}", "[^/]+", re.escape(path).replace(r"\<", "<").replace(r"\>", ">"))
    parameters = {each["key"] for each in told.get("queryParams") or ()} | set(re.findall(r"([A-Za-z]+)(?==|&|$)", query))
    body = told.get("rawModeData") or told.get("data")
    shown = re.findall(r'"([A-Za-z]+)"\s*:', body) if isinstance(body, str) else None
    keys = frozenset(shown) if shown and "field API name" not in str(body) and "Name" not in shown else None
    return Operation(file.stem, told["method"], re.compile(pattern.rstrip("/")), frozenset(parameters), keys)


def _path(request: Request) -> str:
    return request.path.split("/v67.0/")[-1]


@pytest.fixture(scope="module")
def operations() -> list[Operation]:
    found = [_operation(file) for file in sorted(COLLECTION.glob("*/*.json"))]
    return [each for each in found if each]


@pytest.fixture
def heard(sandbox: SalesforceSandbox) -> list[Request]:
    requests: list[Request] = []

    def hear(request: Request, reply: Reply) -> Reply:
        if "/services/data/" in request.path:
            requests.append(request)
        return reply

    sandbox.alter = hear
    return requests


def _work(sandbox: SalesforceSandbox, connect: Callable[..., Connection], clock: Any) -> None:
    """Everything that the connector can do, once."""
    sandbox.seed(40)
    sandbox.page_size = 15
    connection = connect(page_size=200)
    assert connection.source
    assert isinstance(connection.sink, BatchSink)
    connection.check()
    for stream in CONNECTOR.streams:
        last = list(connection.source.pull(stream, None))[-1]
        clock.move(minutes=30)
        sandbox.purge("Contact", [sandbox.rows("Contact")[-1]["Id"]])
        list(connection.source.pull(stream, last.cursor))
    bulk = connect(bulk_above=5).source
    assert bulk
    list(bulk.pull("contacts", None))
    for number, action in enumerate(sandbox.sample_actions()):
        connection.sink.deliver(action, IdempotencyKey(f"one/{number}"))
        connection.sink.find(action, IdempotencyKey(f"one/{number}"))
        connection.sink.deliver_many([(action, IdempotencyKey(f"many/{number}"))])
    sandbox.change_field("Task", "Steward_Key__c", external_id=False, unique=False)
    task = sandbox.sample_actions()[0]
    connection.sink.deliver(task, IdempotencyKey("unkeyed/1"))
    connection.sink.deliver_many([(task, IdempotencyKey("unkeyed/2"))])


def test_each_call_is_one_that_salesforce_shows(
    sandbox: SalesforceSandbox, connect: Callable[..., Connection], clock: Any, heard: list[Request],
    operations: list[Operation],
) -> None:
    """What works against our own sandbox alone would prove nothing about Salesforce."""
    _work(sandbox, connect, clock)

    unknown: Mapping[str, str] = {
        f"{each.method} {_path(each)} {sorted(each.query)}": each.body.decode()[:200] for each in heard
        if not any(operation.takes(each) for operation in operations)
        and not any(re.fullmatch(known, f"{each.method} {_path(each)}".rstrip("/")) for known in ELSEWHERE)
    }
    assert unknown == {}
    used = {operation.name for operation in operations for each in heard if operation.takes(each)}
    assert {"query", "queryall", "sobject_describe", "sobject_get_deleted", "sobject_get_updated", "limit", "sobject_create",
            "create_job_query", "get_job_info_query", "get_job_query_result", "sobject_collections_create"} <= used


def test_each_call_that_stands_elsewhere_is_made(
    sandbox: SalesforceSandbox, connect: Callable[..., Connection], clock: Any, heard: list[Request],
) -> None:
    """An exception that nobody needs hides the next mistake."""
    _work(sandbox, connect, clock)

    for known in ELSEWHERE:
        assert any(re.fullmatch(known, f"{each.method} {_path(each)}".rstrip("/")) for each in heard), known
