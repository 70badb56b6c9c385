"""Every call of the connector and every answer of the sandbox, held against the models that HubSpot generates from its
own specification and ships in its library: names, types, what is required, and what a word may be."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from steward.kit.sandbox import Reply, Request
from steward.model.actions import IdempotencyKey, LogTouchpoint, OpenCta, UpdateRecord

OBJECTS, LINKS, OWNERS, PROPERTIES, PIPELINES = (
    f"hubspot.crm.{each}.models" for each in ("objects", "associations.v4", "owners", "properties", "pipelines"))
# path of the call -> package, model of the body that is sent, model of the answer by status
OPERATIONS: dict[str, tuple[str, str, dict[int, str]]] = {
    r"GET objects/\w+": (OBJECTS, "", {200: "CollectionResponseSimplePublicObjectWithAssociationsForwardPaging"}),
    r"POST objects/\w+/search": (
        OBJECTS, "PublicObjectSearchRequest", {200: "CollectionResponseWithTotalSimplePublicObjectForwardPaging"}),
    r"POST objects/\w+/batch/read": (OBJECTS, "BatchReadInputSimplePublicObjectId", {
        200: "BatchResponseSimplePublicObject", 207: "BatchResponseSimplePublicObjectWithErrors"}),
    r"POST objects/\w+/batch/upsert": (OBJECTS, "BatchInputSimplePublicObjectBatchInputUpsert", {
        200: "BatchResponseSimplePublicUpsertObject", 207: "BatchResponseSimplePublicUpsertObjectWithErrors"}),
    r"POST objects/\w+/batch/update": (OBJECTS, "BatchInputSimplePublicObjectBatchInput", {
        200: "BatchResponseSimplePublicObject", 207: "BatchResponseSimplePublicObjectWithErrors"}),
    r"POST associations/\w+/\w+/batch/read": (LINKS, "BatchInputPublicFetchAssociationsBatchRequest", {
        200: "BatchResponsePublicAssociationMultiWithLabel",
        207: "BatchResponsePublicAssociationMultiWithLabelWithErrors"}),
    r"POST associations/\w+/\w+/batch/associate/default": (
        LINKS, "BatchInputPublicDefaultAssociationMultiPost", {200: "BatchResponsePublicDefaultAssociation"}),
    r"GET owners": (OWNERS, "", {200: "CollectionResponsePublicOwnerForwardPaging"}),
    r"GET properties/\w+": (PROPERTIES, "", {200: "CollectionResponsePropertyNoPaging"}),
    r"GET pipelines/\w+": (PIPELINES, "", {200: "CollectionResponsePipelineNoPaging"}),
}
_PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}
# Where HubSpot itself does not keep to its specification: ids of v4 are numbers, a label may be null, and the library
# sends `sorts` as objects. A search may leave out what the specification calls required.
KNOWN = re.compile(r"toObjectId: \d+ is no str|\.sorts\[0\]: .* is no str|\.(query|after) is required")


def faults(package: str, kind: str, value: Any, at: str) -> Iterator[str]:
    """What about `value` is not of `kind`, in the terms of the generated models."""
    if part := re.fullmatch(r"list\[(.+)\]", kind):
        if not isinstance(value, list):
            yield f"{at}: {value!r} is no list"
            return
        for number, each in enumerate(value):
            yield from faults(package, part[1], each, f"{at}[{number}]")
    elif part := re.fullmatch(r"dict\[str, (.+)\]", kind):
        for name, each in value.items():
            if each is not None:
                yield from faults(package, part[1], each, f"{at}.{name}")
    elif kind == "datetime":
        try:
            datetime.fromisoformat(value)
        except (ValueError, TypeError):
            yield f"{at}: {value!r} is no datetime"
    elif kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (kind == "int" and isinstance(value, bool)):  # type: ignore[arg-type]
            yield f"{at}: {value!r} is no {kind}"
    else:
        yield from _of_model(package, kind, value, at)


def _of_model(package: str, kind: str, value: Any, at: str) -> Iterator[str]:
    model = getattr(importlib.import_module(package), kind)
    known = {theirs: ours for ours, theirs in model.attribute_map.items()}
    for name, each in value.items():
        if name not in known:
            yield f"{at}.{name} is not in {kind}"
        elif each is not None:
            yield from faults(package, model.openapi_types[known[name]], each, f"{at}.{name}")
    try:
        model(**{ours: value.get(theirs) for theirs, ours in known.items()})
    except ValueError as error:                 # required, or not one of the words that are allowed
        words = re.search(r"Invalid value for `(\w+)`, must not be `None`", str(error))
        yield f"{at}.{words[1]} is required" if words else f"{at}: {error}"


def operation(request: Request) -> str:
    parts = [part for part in request.path.split("/") if part and not re.fullmatch(r"crm|v\d|20\d\d-\d\d", part)]
    return f"{request.method} {'/'.join(parts)}"


@pytest.fixture
def heard(sandbox: HubSpotSandbox) -> list[tuple[str, int, Any, Any]]:
    """Operation, status, what was sent, what was answered; of every call."""
    calls: list[tuple[str, int, Any, Any]] = []

    def hear(request: Request, reply: Reply) -> Reply:
        calls.append((operation(request), reply.status, request.json() if request.body else None, json.loads(reply.payload())))
        return reply

    sandbox.alter = hear
    return calls


def work(sandbox: HubSpotSandbox, connection: Any) -> None:
    """Everything the connector does, the refused rows of batches too."""
    at = datetime(2026, 3, 5, tzinfo=UTC)
    for stream in ("persons", "accounts", "contacts", "opportunities", "tickets", "survey_responses", "milestones",
                   "touchpoints", "tasks", "subscriptions"):
        cursor = list(connection.source.pull(stream, None))[-1].cursor
        if stream != "persons":
            kind = {"accounts": "companies", "opportunities": "deals", "survey_responses": "feedback_submissions",
                    "touchpoints": "meetings"}.get(stream, stream if stream in sandbox.portal.shelves else f"p_{stream}")
            for each in list(sandbox.portal.shelves[kind].rows)[:3]:
                sandbox.change(kind, each, {})
            sandbox.archive(kind, list(sandbox.portal.shelves[kind].rows)[3])
        list(connection.source.pull(stream, cursor))
    for action in sandbox.sample_actions():
        many = [(action, IdempotencyKey(f"{action.kind}/{number}")) for number in range(2)]
        connection.sink.deliver_many(many)
        assert connection.sink.find(*many[0])
    gone = OpenCta(account_external_id="999", type="risk", subject="Nobody", due_on=at.date())
    connection.sink.deliver_many([(gone, IdempotencyKey("gone"))])
    connection.sink.deliver_many([
        (UpdateRecord(external_id=each, field="city", value="Köln"), IdempotencyKey(each)) for each in ("1000001", "404")])
    del sandbox.portal.properties["meetings"]["hs_meeting_title"]
    for kind in ("meeting", "email", "other"):
        told = LogTouchpoint(account_external_id="1000001", contact_external_id="2000001", type=kind, subject="Told",
                             happened_at=at + timedelta(hours=1))
        connection.sink.deliver_many([(told, IdempotencyKey(f"touch/{kind}"))])


@pytest.mark.parametrize("api", ["v3", "2026-03", "2026-09"])
def test_what_is_sent_and_what_is_answered_fit_hubspots_own_models(
    sandbox: HubSpotSandbox, connect: Any, heard: list[tuple[str, int, Any, Any]], api: str,
) -> None:
    """A sandbox of our imagination would prove nothing."""
    sandbox.seed(12)
    sandbox.page_size = 5
    work(sandbox, connect(api=api))

    wrong: set[str] = set()
    met: set[tuple[str, int]] = set()
    for named, status, sent, answered in heard:
        pattern = next((each for each in OPERATIONS if re.fullmatch(each, named)), None)
        assert pattern, f"{named} is an operation that nobody holds against a model"
        package, asks, answers = OPERATIONS[pattern]
        met.add((pattern, status))
        wrong |= {f"{named} sent{fault}" for fault in faults(package, asks, sent, "")} if asks else set()
        wrong |= {f"{named} {status}{fault}" for fault in faults(package, answers[status], answered, "")}
    assert {each for each in wrong if not KNOWN.search(each)} == set()
    assert met == {(pattern, status) for pattern, (_, _, answers) in OPERATIONS.items() for status in answers}, (
        "every operation, and every kind of answer")
