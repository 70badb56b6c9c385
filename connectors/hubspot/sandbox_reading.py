"""What can be read of the sandbox's portal, under both schemes of paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from connectors.hubspot import sandbox_properties as given
from connectors.hubspot.sandbox_access import MOST_IN_A_FILTER, Access, TooMuch, inputs_of
from connectors.hubspot.sandbox_portal import Portal, kind_of, problem_of
from connectors.hubspot.sandbox_shelf import Invalid, instant
from steward.kit.sandbox import Reply, Request, route

VERSIONS = ("2026-03", "2026-09")


class Reading(Access):
    """`search_cap`: the most results of one search."""

    def __init__(self, state_dir: Path | None = None, **settings: Any) -> None:
        super().__init__(state_dir, **settings)
        self.search_cap = 10_000
        self.portal = Portal(self.ledger, self.now)

    @route("GET", "/crm/v3/objects/{kind}")
    @route("GET", "/crm/objects/{version}/{kind}")
    def list_rows(self, request: Request) -> Reply:
        kind, limit = self._kind(request), int(request.query.get("limit", "10"))
        if limit > 100:
            raise TooMuch(f"limit={limit}; a page has at most 100 rows")
        archived = request.query.get("archived", "false").lower() == "true"
        rows, after = self.portal.shelves[kind].listed(
            int(request.query.get("after") or 0), min(limit, self.page_size), archived)
        wanted, to = _listed(request, "properties"), _listed(request, "associations")
        return Reply(200, {"results": [self.portal.json(kind, row, wanted, to) for row in rows], **_paging(after)})

    @route("GET", "/crm/v3/objects/{kind}/{id}")
    @route("GET", "/crm/objects/{version}/{kind}/{id}")
    def one_row(self, request: Request) -> Reply:
        kind = self._kind(request)
        row = self.portal.by(kind, request.query.get("idProperty", ""), request.params["id"])
        if row is None:
            return self.error(404)
        return Reply(200, self.portal.json(kind, row, _listed(request, "properties"), _listed(request, "associations")))

    @route("POST", "/crm/v3/objects/{kind}/search")
    @route("POST", "/crm/objects/{version}/{kind}/search")
    def search(self, request: Request) -> Reply:
        kind, body = self._kind(request), request.json()
        after, limit = int(body.get("after") or 0), int(body.get("limit") or 10)
        if limit > 200:
            raise TooMuch(f"limit={limit}; a search gives at most 200 rows a page")
        limit = min(limit, self.page_size)
        if after + limit > self.search_cap:
            raise TooMuch(f"after={after}; a search gives {self.search_cap} results in all")
        if len(orjson.dumps(body.get("filterGroups") or [])) > MOST_IN_A_FILTER:
            raise TooMuch(f"the filters of a search have more than {MOST_IN_A_FILTER} characters")
        for each in (one for group in body.get("filterGroups") or () for one in group.get("filters") or ()):
            if each.get("propertyName") not in self.portal.properties[kind]:
                raise Invalid(f'Property "{each.get("propertyName")}" does not exist')
        total, rows = self.portal.shelves[kind].search(body, after, limit)
        more = after + limit if after + limit < total else None
        return Reply(200, {
            "total": total, "results": [self.portal.json(kind, row, body.get("properties") or ()) for row in rows],
            **_paging(more),
        })

    @route("POST", "/crm/v3/objects/{kind}/batch/read")
    @route("POST", "/crm/objects/{version}/{kind}/batch/read")
    def read_batch(self, request: Request) -> Reply:
        kind, body = self._kind(request), request.json()
        by = body.get("idProperty") or ""
        if by and not self.portal.properties[kind].get(by, {}).get("hasUniqueValue"):
            raise Invalid(f'idProperty "{by}" is not a unique property of {kind}')
        results, missing = [], []
        for each in inputs_of(body):
            row = self.portal.by(kind, by, str(each["id"]))
            if row is None:
                missing.append(str(each["id"]))
            else:
                results.append(self.portal.json(kind, row, body.get("properties") or ()))
        message = f"Could not get some {given.SINGULAR[kind].upper()} objects, they may be deleted or not exist."
        return self._batch(results, [problem_of("OBJECT_NOT_FOUND", message, {"ids": missing})] if missing else [])

    # ---- owners, properties, pipelines, schemas ----

    @route("GET", "/crm/v3/owners")
    @route("GET", "/crm/owners/{version}")
    def owners(self, request: Request) -> Reply:
        archived, email = request.query.get("archived", "false").lower() == "true", request.query.get("email", "")
        limit = int(request.query.get("limit", "100"))
        if limit > 500:
            raise TooMuch(f"limit={limit}; a page has at most 500 owners")
        rows = sorted((each for each in self.portal.owners.values() if bool(each["archived"]) is archived
                       and (not email or str(each.get("email", "")).lower() == email.lower())),
                      key=lambda each: int(each["id"]))
        rows = [each for each in rows if int(each["id"]) > int(request.query.get("after") or 0)]
        limit = min(limit, self.page_size)
        page = rows[:limit]
        return Reply(200, {"results": page, **_paging(int(page[-1]["id"]) if len(rows) > limit else None)})

    @route("GET", "/crm/v3/owners/{id}")
    @route("GET", "/crm/owners/{version}/{id}")
    def one_owner(self, request: Request) -> Reply:
        owner = self.portal.owners.get(request.params["id"])
        return Reply(200, owner) if owner else self.error(404)

    @route("GET", "/crm/v3/properties/{kind}")
    @route("GET", "/crm/properties/{version}/{kind}")
    def properties(self, request: Request) -> Reply:
        return Reply(200, {"results": list(self.portal.properties[self._kind(request)].values())})

    @route("GET", "/crm/v3/properties/{kind}/{name}")
    @route("GET", "/crm/properties/{version}/{kind}/{name}")
    def one_property(self, request: Request) -> Reply:
        found = self.portal.properties[self._kind(request)].get(request.params["name"])
        return Reply(200, found) if found else self.error(404)

    @route("POST", "/crm/v3/properties/{kind}")
    @route("POST", "/crm/properties/{version}/{kind}")
    def make_property(self, request: Request) -> Reply:
        kind, told = self._kind(request), request.json()
        if told["name"] in self.portal.properties[kind]:
            return self._no(409, "CONFLICT", f'A property named "{told["name"]}" already exists.')
        with self.lock:
            self.portal.declare({**told, "objectType": kind})
        return Reply(201, self.portal.properties[kind][told["name"]])

    @route("GET", "/crm/v3/pipelines/{kind}")
    @route("GET", "/crm/pipelines/{version}/{kind}")
    def pipelines(self, request: Request) -> Reply:
        return Reply(200, {"results": [_whole(each) for each in self.portal.pipelines.get(self._kind(request), [])]})

    @route("GET", "/crm/v3/pipelines/{kind}/{id}")
    @route("GET", "/crm/pipelines/{version}/{kind}/{id}")
    def one_pipeline(self, request: Request) -> Reply:
        known = self.portal.pipelines.get(self._kind(request), [])
        found = [each for each in known if each["id"] == request.params["id"]]
        return Reply(200, _whole(found[0])) if found else self.error(404)

    @route("GET", "/crm/v3/schemas")
    @route("GET", "/crm-object-schemas/v3/schemas")
    def schemas(self, _: Request) -> Reply:
        own = [(f"2-{number}", kind) for number, kind in enumerate(sorted(given.CUSTOM), 100_001)]
        return Reply(200, {"results": [{
            "id": number, "objectTypeId": number, "name": kind.removeprefix("p_"), "fullyQualifiedName": kind,
            "labels": {"singular": given.SINGULAR[kind], "plural": kind}, "requiredProperties": [],
            "properties": list(self.portal.properties[kind].values()), "associations": [],
        } for number, kind in own]})

    # ---- associations ----

    @route("GET", "/crm/v4/objects/{kind}/{id}/associations/{to}")
    @route("GET", "/crm/objects/{version}/{kind}/{id}/associations/{to}")
    def list_associations(self, request: Request) -> Reply:
        kind, to = self._kind(request), kind_of(request.params["to"])
        if int(request.query.get("limit", "500")) > 500:
            raise TooMuch(f"limit={request.query['limit']}; a page has at most 500 associations")
        return Reply(200, {"results": self._links(request, kind, int(request.params["id"]), to)})

    @route("POST", "/crm/v4/associations/{kind}/{to}/batch/read")
    @route("POST", "/crm/associations/{version}/{kind}/{to}/batch/read")
    def read_associations(self, request: Request) -> Reply:
        kind, to = self._kind(request), kind_of(request.params["to"])
        results, errors = [], []
        for each in inputs_of(request.json(), 1000):
            links = self._links(request, kind, int(each["id"]), to)
            if links:
                results.append({"from": {"id": str(each["id"])}, "to": links})
            else:
                problem = problem_of("OBJECT_NOT_FOUND", f"No {to} is associated with {kind} {each['id']}.",
                                     {"fromObjectId": [str(each["id"])]})
                errors.append({**problem, "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"})
        return self._batch(results, errors)

    # ---- the inside ----

    def _links(self, request: Request, kind: str, row_id: int, to: str) -> list[dict[str, Any]]:
        """An id is a number in v4, and text in the dated scheme."""
        links = self.portal.linked(kind, row_id, to)
        as_text = "version" in request.params
        return [{**each, "toObjectId": str(each["toObjectId"])} for each in links] if as_text else links

    def _kind(self, request: Request) -> str:
        if request.params.get("version", VERSIONS[0]) not in VERSIONS:
            raise Invalid(f'"{request.params["version"]}" is not a version of this API')
        return kind_of(request.params["kind"])

    def _batch(self, results: list[Any], errors: list[Any], status: int = 200) -> Reply:
        at = instant(self._at(None))
        body = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
        if not errors:
            return Reply(status, body)
        told = [{"errors": [], "links": {}, **{name: value for name, value in each.items() if name != "correlationId"}}
                for each in errors]
        return Reply(207, {**body, "errors": told, "numErrors": len(told)})


def _whole(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """A pipeline with all that HubSpot says of one."""
    made = {"createdAt": "2024-01-01T00:00:00.000Z", "updatedAt": "2024-01-01T00:00:00.000Z", "archived": False}
    stage = {**made, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT"}
    return {**made, "displayOrder": 0, **pipeline, "stages": [
        {**stage, "displayOrder": number, **each} for number, each in enumerate(pipeline.get("stages") or ())]}


def _listed(request: Request, name: str) -> list[str]:
    """A list in the query: its name again for each, or commas between them."""
    return [part for key, value in request.pairs if key == name for part in value.split(",") if part]


def _paging(after: int | None) -> Mapping[str, Any]:
    return {"paging": {"next": {"after": str(after), "link": f"?after={after}"}}} if after is not None else {}
