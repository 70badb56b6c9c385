"""The one place that knows HubSpot's API version: v3/v4 through the generated client, or the dated scheme.

HubSpot ends `/crm/v4` on 2027-03-30 and v1 to v3 in September 2027; hubspot-api-client 12 has no other paths. The dated
paths go through the same client's `call_api`: its `api_request` knows no deadline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast
from urllib.parse import quote

import hubspot

from connectors.hubspot.transport import Answer, Transport

Body = Mapping[str, Any]
Query = Mapping[str, Any]


class Paths(Protocol):
    """The calls that Steward makes, whatever the version."""

    def rows(self, kind: str, query: Query) -> Answer: ...
    def search(self, kind: str, body: Body) -> Answer: ...
    def read_batch(self, kind: str, body: Body) -> Answer: ...
    def upsert_batch(self, kind: str, body: Body) -> Answer: ...
    def update_batch(self, kind: str, body: Body) -> Answer: ...
    def associations(self, kind: str, to: str, body: Body) -> Answer: ...
    def associate_batch(self, kind: str, to: str, body: Body) -> Answer: ...
    def owners(self, query: Query) -> Answer: ...
    def properties(self, kind: str) -> Answer: ...
    def pipelines(self, kind: str) -> Answer: ...


def paths(api: str, host: str, transport: Transport) -> Paths:
    """The paths of `api` ("v3", or a dated version such as "2026-03") on `host`; `transport` knows the token."""
    client = hubspot.HubSpot(host=host)
    return V3(client, transport) if api == "v3" else Dated(client, transport, api)


def _held(api: Any, transport: Transport) -> Any:
    """A generated API object with our transport. Reading it anew from the client would build a new pool each time."""
    api.api_client.rest_client = transport
    return api


class V3:
    """`/crm/v3` and `/crm/v4` through the generated client."""

    def __init__(self, client: hubspot.HubSpot, transport: Transport) -> None:
        crm = client.crm
        self._basic = _held(crm.objects.basic_api, transport)
        self._batch = _held(crm.objects.batch_api, transport)
        self._search = _held(crm.objects.search_api, transport)
        self._links = _held(crm.associations.v4.batch_api, transport)
        self._owners = _held(crm.owners.owners_api, transport)
        self._properties = _held(crm.properties.core_api, transport)
        self._pipelines = _held(crm.pipelines.pipelines_api, transport)

    def rows(self, kind: str, query: Query) -> Answer:
        return _raw(self._basic.get_page, kind, **query)

    def search(self, kind: str, body: Body) -> Answer:
        return _raw(self._search.do_search, kind, body)

    def read_batch(self, kind: str, body: Body) -> Answer:
        return _raw(self._batch.read, kind, body)

    def upsert_batch(self, kind: str, body: Body) -> Answer:
        return _raw(self._batch.upsert, kind, body)

    def update_batch(self, kind: str, body: Body) -> Answer:
        return _raw(self._batch.update, kind, body)

    def associations(self, kind: str, to: str, body: Body) -> Answer:
        return _raw(self._links.get_page, kind, to, body)

    def associate_batch(self, kind: str, to: str, body: Body) -> Answer:
        return _raw(self._links.create_default, kind, to, body)

    def owners(self, query: Query) -> Answer:
        return _raw(self._owners.get_page, **query)

    def properties(self, kind: str) -> Answer:
        return _raw(self._properties.get_all, kind)

    def pipelines(self, kind: str) -> Answer:
        return _raw(self._pipelines.get_all, kind)


class Dated:
    """The dated scheme, `/crm/objects/2026-03/…`, through the same client."""

    def __init__(self, client: hubspot.HubSpot, transport: Transport, version: str) -> None:
        self._api = _held(client.crm.objects.basic_api, transport).api_client
        self._version = version

    def rows(self, kind: str, query: Query) -> Answer:
        return self._call("GET", "objects", kind, query=query)

    def search(self, kind: str, body: Body) -> Answer:
        return self._call("POST", "objects", kind, "search", body=body)

    def read_batch(self, kind: str, body: Body) -> Answer:
        return self._call("POST", "objects", kind, "batch", "read", body=body)

    def upsert_batch(self, kind: str, body: Body) -> Answer:
        return self._call("POST", "objects", kind, "batch", "upsert", body=body)

    def update_batch(self, kind: str, body: Body) -> Answer:
        return self._call("POST", "objects", kind, "batch", "update", body=body)

    def associations(self, kind: str, to: str, body: Body) -> Answer:
        return self._call("POST", "associations", kind, to, "batch", "read", body=body)

    def associate_batch(self, kind: str, to: str, body: Body) -> Answer:
        return self._call("POST", "associations", kind, to, "batch", "associate", "default", body=body)

    def owners(self, query: Query) -> Answer:
        return self._call("GET", "owners", query=query)

    def properties(self, kind: str) -> Answer:
        return self._call("GET", "properties", kind)

    def pipelines(self, kind: str) -> Answer:
        return self._call("GET", "pipelines", kind)

    def _call(
        self, method: str, family: str, *rest: str, query: Query | None = None, body: Body | None = None,
    ) -> Answer:
        parts = "".join("/" + quote(part, safe="") for part in rest)
        pairs = [(name, _query_text(value)) for name, value in (query or {}).items()]
        return cast("Answer", self._api.call_api(
            f"/crm/{family}/{self._version}{parts}", method, {}, pairs, {"Accept": "application/json"},
            body=body, auth_settings=[], _preload_content=False,
        ))


def _raw(call: Any, *args: Any, **query: Any) -> Answer:
    return cast("Answer", call(*args, **query, _preload_content=False))


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
