"""The rows of the played tenant, and the questions that may be asked of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.gainsight.sandbox_objects import KINDS, Kind

Row = dict[str, Any]
MOST_ROWS = 5000
_TIMES = ("DATE", "DATETIME")


class Said(Exception):
    """Gainsight's no; `field` is the one that it does not know."""

    def __init__(self, code: str, words: str, status: int = 200, field: str = "") -> None:
        super().__init__(words)
        self.code, self.words, self.status, self.field = code, words, status, field


class Tenant:
    """Rows by object and Gsid; times are milliseconds since 1970, as Gainsight keeps them.

    `hidden` rows are still found as they were. `zone` is that in which times of filters are read that name none.
    """

    def __init__(self) -> None:
        self.fields: dict[str, dict[str, str]] = {name: dict(kind.fields) for name, kind in KINDS.items()}
        self.rows: dict[str, dict[str, Row]] = {name: {} for name in KINDS}
        self.hidden: dict[str, Row] = {}
        self.gone_ctas: dict[str, Row] = {}
        self.gone_activities: dict[str, Row] = {}
        self.zone = "UTC"

    def kind(self, name: str) -> Kind:
        found = KINDS.get(name.lower())
        if found is None or name.lower() not in self.rows:
            raise Said("OBJECT_NOT_FOUND", "Requested object not found.")
        return found

    def of(self, name: str) -> dict[str, Row]:
        return self.rows[name.lower()]

    def put(self, name: str, row: Mapping[str, Any]) -> Row:
        """Take over a row; later ones of one Gsid replace its fields."""
        kind = self.kind(name)
        key = "RecordId" if kind.name == "record_delete_log" else "Gsid"
        kept = self.of(name).setdefault(str(row[key]), {})
        kept.update({self.field(name, field): value for field, value in row.items()})
        return kept

    def field(self, name: str, field: str) -> str:
        found = next((known for known in self.fields[name.lower()] if known.lower() == field.lower()), None)
        if found is None:
            raise Said("GSOBJ_1001", f"Invalid field {field} of {name}", field=field)
        return found

    def delete(self, name: str, row_id: str, at: int) -> None:
        """Delete a row, as people do: the log and the lists of deleted rows tell of it."""
        row = self.of(name).pop(row_id)
        kind = self.kind(name)
        if kind.name == "call_to_action":
            self.gone_ctas[row_id] = {**row, "ModifiedDate": at}
        elif kind.name == "activity_timeline":
            told = {"activityId": row_id, "ExternalId": row.get("ExternalId"), "DeletedDate": at}
            self.gone_activities[row_id] = told
        else:
            name = "Company" if kind.name == "company" else kind.name
            self.of("record_delete_log")[row_id] = {"RecordId": row_id, "DeletedOn": at, "ObjectName": name}

    # ---- questions ----

    def query(self, name: str, body: Mapping[str, Any], page_size: int) -> list[Row]:
        """The rows that a question in the form of the data API is answered with."""
        kind = self.kind(name)
        if not isinstance(body.get("select"), list) or not body["select"]:
            raise Said("GSOBJ_1001", "Please provide select fields", 400)
        limit, offset = int(body.get("limit") or 1000), int(body.get("offset") or 0)
        if limit > MOST_ROWS:
            raise Said("GSOBJ_1001", f"limit must be at most {MOST_ROWS}", 400)
        rows = [row for row in self._visible(kind) if self._matches(kind.name, row, body.get("where"), "name")]
        for path, way in reversed(list((body.get("orderBy") or {}).items())):
            rows.sort(key=lambda row, path=path: _order(self.value(kind.name, row, path)), reverse=way == "desc")  # type: ignore[misc]  # mypy sees no default in a lambda
        return [self._selected(kind.name, row, body["select"]) for row in rows[offset:offset + min(limit, page_size)]]

    def listed(self, name: str, body: Mapping[str, Any], rows: Sequence[Row] | None = None) -> list[Row]:
        """As `query`, in the form of the Cockpit: numbered pages in no order, times as text."""
        kind, size = self.kind(name), int(body.get("pageSize") or 100)
        if size > 1000:
            raise Said("COCKPIT_5101", "pageSize must be at most 1000")
        try:
            found = [row for row in (self._visible(kind) if rows is None else rows)
                     if self._matches(kind.name, row, body.get("where"), "fieldName")]
            start = (int(body.get("pageNumber") or 1) - 1) * size
            page = [self._selected(kind.name, row, body.get("select") or ["Gsid"]) for row in found[start:start + size]]
        except Said as said:
            raise Said("COCKPIT_5101", f"Invalid fields in select clause - {said.field or said.words}") from None
        return [{field: self._told(kind.name, field, value) for field, value in row.items()} for row in page]

    def value(self, name: str, row: Mapping[str, Any], path: str) -> Any:
        """What a path leads to: `Csm__gr.Email` through the lookup `Csm`."""
        base, through, rest = path.partition("__gr.")
        if not through:
            return row.get(self.field(name, path))
        known = {field.lower(): field for field in self.fields[name.lower()]}
        field = known.get(base.lower()) or known.get(f"{base.lower()}__gc")
        about = self.fields[name.lower()][field].partition(":") if field else ("", "", "")
        if not field or about[0] != "LOOKUP":
            raise Said("GSOBJ_1001", f"Invalid field {path} of {name}")
        target = about[2]
        other = self.of(target).get(str(row.get(field)), {})
        return self.value(target, other, rest)

    def _visible(self, kind: Kind) -> Iterator[Row]:
        rows = self.of(kind.name)
        return (self.hidden.get(row_id, row) for row_id, row in rows.items())

    def _selected(self, name: str, row: Row, select: Sequence[str]) -> Row:
        return {path: self.value(name, row, path) for path in select}

    def _matches(self, name: str, row: Row, where: Mapping[str, Any] | None, key: str) -> bool:
        if not where or not where.get("conditions"):
            return True
        expression = str(where.get("expression") or "")
        if not expression:
            raise Said("GSOBJ_1001", "Please pass the expression for the respective conditions", 400)
        met = {str(each["alias"]): self._meets(name, row, each, str(each.get(key) or ""))
               for each in where["conditions"]}
        words = expression.split()
        joins = set(words[1::2])
        if not set(words[::2]) <= set(met) or not joins <= {"AND", "OR"} or len(joins) > 1:
            raise Said("GSOBJ_1001", "Please pass the correct conditions", 400)
        return (any if joins == {"OR"} else all)(met[alias] for alias in words[::2])

    def _meets(self, name: str, row: Row, condition: Mapping[str, Any], path: str) -> bool:
        held, operator = self.value(name, row, path), str(condition["operator"]).upper()
        if operator in ("IS_NULL", "IS_NOT_NULL"):
            return (held is None) is (operator == "IS_NULL")
        wanted = list(condition.get("value") or ())
        if "__gr." not in path and self.fields[name.lower()][self.field(name, path)] in _TIMES:
            wanted = [self._moment(each) for each in wanted]
        if held is None:
            return operator == "NE"
        return _compare(operator, held, wanted)

    def _moment(self, told: Any) -> int:
        """A time in a filter: with its offset, or in the tenant's zone."""
        try:
            if re.fullmatch(r"\d\d-\d\d-\d{4}", str(told)):
                at = datetime.strptime(str(told), "%m-%d-%Y")  # noqa: DTZ007  the zone follows
            else:
                at = datetime.fromisoformat(str(told))
        except ValueError:
            raise Said("GSOBJ_1005", f"Invalid dateTime format ({told})", 400) from None
        at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(self.zone))
        return round(at.timestamp() * 1000)

    def _told(self, name: str, path: str, value: Any) -> Any:
        kind = self.fields[name.lower()].get(path, "")
        if kind in _TIMES and isinstance(value, int):
            at = datetime.fromtimestamp(value / 1000, UTC)
            return at.date().isoformat() if kind == "DATE" else f"{at:%Y-%m-%dT%H:%M:%S}.{value % 1000:03d}Z"
        return value


def _compare(operator: str, held: Any, wanted: Sequence[Any]) -> bool:
    first = wanted[0] if wanted else None
    match operator:
        case "EQ":
            return bool(held == first)
        case "NE":
            return bool(held != first)
        case "IN" | "INCLUDES":
            return held in wanted
        case "CONTAINS":
            return str(first) in str(held)
        case "GT" | "GTE" | "LT" | "LTE":
            if operator == "GTE":
                return bool(held >= first)
            return bool(held > first if operator == "GT" else held < first if operator == "LT" else held <= first)
        case "BTW":
            return bool(wanted[0] <= held <= wanted[1])
    raise Said("GSOBJ_1001", f"Invalid fields or operator in where clause - {operator}", 400)


def _order(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


