"""What can be written to the sandbox's portal, under both schemes of paths; a batch is answered row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.hubspot import sandbox_properties as given
from connectors.hubspot.sandbox_access import inputs_of
from connectors.hubspot.sandbox_portal import kind_of, problem_of
from connectors.hubspot.sandbox_reading import Reading
from connectors.hubspot.sandbox_shelf import Row
from steward.kit.sandbox import Reply, Request, route

Told = dict[str, Any]


class Writing(Reading):
    """Creating, updating, upserting, archiving and associating."""

    @route("POST", "/crm/v3/objects/{kind}/batch/upsert")
    @route("POST", "/crm/objects/{version}/{kind}/batch/upsert")
    def upsert_batch(self, request: Request) -> Reply:
        kind, results, errors = self._kind(request), [], []
        for each in inputs_of(request.json()):
            by, value = each.get("idProperty") or "", str(each["id"])
            if not self.portal.properties[kind].get(by, {}).get("hasUniqueValue"):
                message = f'idProperty "{by}" is not a unique property of {kind}'
                errors.append(_of(each, problem_of("VALIDATION_ERROR", message, {"propertyName": [by]})))
                continue
            told = {**each.get("properties", {}), by: value}
            row = self.portal.shelves[kind].with_value(by, value)
            problem = self.portal.wrong(kind, told, new=row is None)
            if problem:
                errors.append(_of(each, problem))
                continue
            kept = self.portal.write(kind, told, row, f"{given.SINGULAR[kind]} upsert", value)
            results.append(_of(each, {**self.portal.json(kind, kept, tuple(told)), "new": row is None}))
        return self._batch(results, errors)

    @route("POST", "/crm/v3/objects/{kind}/batch/create")
    @route("POST", "/crm/objects/{version}/{kind}/batch/create")
    def create_batch(self, request: Request) -> Reply:
        kind = self._kind(request)
        results: list[Told] = []
        errors: list[Told] = []
        for each in inputs_of(request.json()):
            made = self.portal.create(kind, each)
            (errors if "category" in made else results).append(_of(each, made))
        return self._batch(results, errors, 201)

    @route("POST", "/crm/v3/objects/{kind}/batch/update")
    @route("POST", "/crm/objects/{version}/{kind}/batch/update")
    def update_batch(self, request: Request) -> Reply:
        kind = self._kind(request)
        results: list[Told] = []
        errors: list[Told] = []
        for each in inputs_of(request.json()):
            row = self.portal.by(kind, each.get("idProperty") or "", str(each["id"]))
            if row is None:
                message = f"Could not find {given.SINGULAR[kind].upper()} {each['id']}."
                errors.append(_of(each, problem_of("OBJECT_NOT_FOUND", message, {"ids": [str(each["id"])]})))
                continue
            done = self._updated(kind, row, each["properties"])
            (errors if "category" in done else results).append(_of(each, done))
        return self._batch(results, errors)

    @route("POST", "/crm/v3/objects/{kind}")
    @route("POST", "/crm/objects/{version}/{kind}")
    def create(self, request: Request) -> Reply:
        made = self.portal.create(self._kind(request), request.json())
        status = 409 if made.get("category") == "CONFLICT" else 400
        return Reply(status if "category" in made else 201, made)

    @route("PATCH", "/crm/v3/objects/{kind}/{id}")
    @route("PATCH", "/crm/objects/{version}/{kind}/{id}")
    def update(self, request: Request) -> Reply:
        kind = self._kind(request)
        row = self.portal.by(kind, request.query.get("idProperty", ""), request.params["id"])
        if row is None:
            return self.error(404)
        done = self._updated(kind, row, request.json()["properties"])
        return Reply(400 if "category" in done else 200, done)

    @route("DELETE", "/crm/v3/objects/{kind}/{id}")
    @route("DELETE", "/crm/objects/{version}/{kind}/{id}")
    def archive_row(self, request: Request) -> Reply:
        self._archive(self._kind(request), request.params["id"])
        return Reply(204)                   # also where there is none, as HubSpot does

    @route("POST", "/crm/v3/objects/{kind}/batch/archive")
    @route("POST", "/crm/objects/{version}/{kind}/batch/archive")
    def archive_batch(self, request: Request) -> Reply:
        for each in inputs_of(request.json()):
            self._archive(self._kind(request), str(each["id"]))
        return Reply(204)

    # ---- associations ----

    @route("PUT", "/crm/v4/objects/{kind}/{id}/associations/default/{to}/{to_id}")
    @route("PUT", "/crm/objects/{version}/{kind}/{id}/associations/default/{to}/{to_id}")
    def associate(self, request: Request) -> Reply:
        kind, to = self._kind(request), kind_of(request.params["to"])
        made = self._tie(kind, request.params["id"], to, request.params["to_id"])
        return self.error(404) if "category" in made else self._batch([made], [])

    @route("POST", "/crm/v4/associations/{kind}/{to}/batch/associate/default")
    @route("POST", "/crm/associations/{version}/{kind}/{to}/batch/associate/default")
    def associate_batch(self, request: Request) -> Reply:
        kind, to = self._kind(request), kind_of(request.params["to"])
        results: list[Told] = []
        errors: list[Told] = []
        for each in inputs_of(request.json(), 2000):
            made = self._tie(kind, str(each["from"]["id"]), to, str(each["to"]["id"]))
            (errors if "category" in made else results).append(made)
        return self._batch(results, errors)

    # ---- the inside ----

    def _updated(self, kind: str, row: Row, told: Mapping[str, Any]) -> Told:
        problem = self.portal.wrong(kind, told, new=False)
        if problem:
            return problem
        return self.portal.json(kind, self.portal.write(kind, told, row, "", ""), tuple(told))

    def _archive(self, kind: str, row_id: str) -> None:
        row = self.portal.shelves[kind].get(row_id)
        if row:
            self.portal.archive(kind, row)

    def _tie(self, kind: str, row_id: str, to: str, to_id: str) -> Told:
        row, other = self.portal.shelves[kind].get(row_id), self.portal.shelves[to].get(to_id)
        if row is None or other is None:
            message = f"One or both of {kind} {row_id} and {to} {to_id} do not exist."
            return problem_of("OBJECT_NOT_FOUND", message, {"fromObjectId": [row_id], "toObjectId": [to_id]})
        if other.id not in self.portal.links.get((kind, row.id, to), ()):
            self.portal.tie(kind, row.id, to, other.id)
        type_id = given.TO_COMPANY.get(kind, (0, 9000))[1] if to == "companies" else 9000
        spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
        return {"from": {"id": str(row.id)}, "to": {"id": str(other.id)}, "associationSpec": spec}


def _of(asked: Mapping[str, Any], answer: Told) -> Told:
    """The answer with what its asker called it."""
    trace = asked.get("objectWriteTraceId")
    if not trace:
        return answer
    if "category" in answer:
        return {**answer, "context": {**answer["context"], "objectWriteTraceId": [str(trace)]}}
    return {**answer, "objectWriteTraceId": str(trace)}
