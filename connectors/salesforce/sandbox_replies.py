"""What the sandbox answers with: Salesforce's error bodies, what it says about objects, and fast pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.salesforce.schema import TableSchema
from steward.kit.sandbox import Reply

DATA = "/services/data/{version}"


class Fast(Reply):
    """A reply whose body is written by orjson: a page of 2,000 rows in a few milliseconds."""

    def payload(self) -> bytes:
        import orjson

        return orjson.dumps(self.body) if isinstance(self.body, dict | list) else Reply.payload(self)


def refusal(code: str, message: str, fields: Sequence[str] = (), status: int = 400) -> Reply:
    """Salesforce's error body."""
    said: dict[str, Any] = {"message": message, "errorCode": code}
    return Reply(404 if code == "NOT_FOUND" else status, [said | {"fields": list(fields)} if fields else said])


def about(schema: TableSchema) -> dict[str, Any]:
    """An object in `describe` and in the list of objects."""
    return {"name": schema.name, "label": schema.name.removesuffix("__c").replace("_", " "), "keyPrefix": schema.prefix,
            "custom": schema.name.endswith("__c"), "queryable": True, "createable": True, "updateable": True,
            "deletable": schema.name != "User", "replicateable": True, "retrieveable": True}
