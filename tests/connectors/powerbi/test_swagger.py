"""Every call that is made and every answer of the sandbox, held against Microsoft's own description of the API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connectors.powerbi.sandbox import PowerBiSandbox
from steward.contracts import Connection
from steward.kit.sandbox import Reply, Request
from steward.model.actions import IdempotencyKey, RefreshDataset

_ABOVE = [Path(__file__).resolve().parents[at] / "shared/specs/powerbi/swagger.json" for at in (4, 5)]
SPEC = next((path for path in _ABOVE if path.exists()), None)
pytestmark = pytest.mark.skipif(SPEC is None, reason="the official swagger is not beside this checkout")

USED = {
    "Datasets_GetDatasetsInGroup", "Datasets_PostDatasetInGroup", "Datasets_GetTablesInGroup", "Datasets_PutTableInGroup",
    "Datasets_PostRowsInGroup", "Datasets_DeleteRowsInGroup", "Datasets_ExecuteQueriesInGroup",
    "Datasets_RefreshDatasetInGroup", "Datasets_GetRefreshHistoryInGroup",
}


class Swagger:
    """The description, and which of its operations were seen."""

    def __init__(self) -> None:
        assert SPEC is not None
        self.spec = json.loads(SPEC.read_text())
        self.seen: dict[str, set[int]] = {}

    def hold(self, request: Request, reply: Reply) -> Reply:
        if request.path.endswith("/oauth2/v2.0/token"):
            return reply
        operation = self._operation(request)
        said = {each["name"]: each for each in operation["parameters"] if "name" in each}
        for name, value in request.query.items():
            assert name in said, f"{operation['operationId']}: the query has {name}"
            assert value in said[name].get("enum", [value])
        body = next((each["schema"] for each in said.values() if each["in"] == "body"), None)
        if body is None:
            assert not request.body, operation["operationId"]
        elif request.body or said.get("requestMessage", {}).get("required"):
            self._valid(request.json(), body, operation["operationId"])
        if 200 <= reply.status < 300:
            answer = operation["responses"][str(reply.status)]
            if "schema" in answer:
                self._valid(json.loads(reply.payload()), answer["schema"], operation["operationId"])
            else:
                assert reply.payload() == b"", operation["operationId"]
            assert {name for name in reply.headers if name.startswith("x-ms")} <= set(answer.get("headers", ()))
            self.seen.setdefault(operation["operationId"], set()).add(reply.status)
        return reply

    def _operation(self, request: Request) -> Any:
        for template, operations in self.spec["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, request.path) and request.method.lower() in operations:
                return operations[request.method.lower()]
        raise AssertionError(f"{request.method} {request.path} is in no description")

    def _valid(self, value: Any, schema: Any, where: str) -> None:
        try:
            jsonschema.Draft4Validator({**schema, "definitions": self.spec["definitions"]}).validate(value)
        except jsonschema.ValidationError as error:
            raise AssertionError(f"{where}: {error.message} at {list(error.absolute_path)}") from None


@pytest.fixture
def swagger(sandbox: PowerBiSandbox) -> Swagger:
    watching = Swagger()
    sandbox.alter = watching.hold
    return watching


def test_every_call_and_answer_is_as_described(
    swagger: Swagger, sandbox: PowerBiSandbox, connect: Callable[..., Connection], table: Any, clock: Any,
) -> None:
    """What works against our sandbox must work against Power BI."""
    faults: list[str] = []

    def watch(request: Request, reply: Reply) -> Reply:
        try:
            return swagger.hold(request, reply)
        except AssertionError as error:
            faults.append(str(error))
            return reply

    sandbox.alter = watch
    connection = connect()
    sink = connection.sink
    assert sink
    key = IdempotencyKey("publish/powerbi/dim_person/v1/1")
    sink.deliver(table("dim_person", [{"email": "ana@us.test", "name": "Ana"}]), key)
    found = next(each for each in sandbox._datasets.values() if each["push"])
    found["tables"]["dim_person"]["columns"] = found["tables"]["dim_person"]["columns"][:-1]
    sink.deliver(table("dim_person", [{"email": "ana@us.test"}]), IdempotencyKey(f"{key}/2"))
    assert sink.find(table("dim_person", []), key)
    for enhanced in (True, False):
        other = connect(enhanced=enhanced).sink
        assert other
        other.deliver(RefreshDataset(as_of=clock()), key)
    assert all(finding.ok for finding in connection.check())

    assert faults == []
    assert set(swagger.seen) == USED
    assert swagger.seen["Datasets_PostDatasetInGroup"] == {201}
    assert swagger.seen["Datasets_RefreshDatasetInGroup"] == {202}


def test_it_would_notice(swagger: Swagger) -> None:
    """A watch that sees nothing proves nothing."""
    group = "/v1.0/myorg/groups/g/datasets"
    with pytest.raises(AssertionError, match="'tables' is a required property"):
        swagger.hold(Request("POST", group, {}, {}, b'{"name": "x"}'), Reply(201, {"id": "1"}))
    with pytest.raises(AssertionError, match="is in no description"):
        swagger.hold(Request("POST", f"{group}/d/rows", {}, {}, b"{}"), Reply(200))
    with pytest.raises(AssertionError, match="the query has top"):
        swagger.hold(Request("GET", group, {"top": "1"}, {}, b""), Reply(200, {"value": []}))
    with pytest.raises(AssertionError, match="'name' is a required property"):
        swagger.hold(Request("GET", f"{group}/d/tables", {}, {}, b""), Reply(200, {"value": [{"columns": []}]}))
