"""SOQL as the sandbox understands it: text in, a checked query out, or the words with which Salesforce refuses it.

SELECT fields or COUNT() FROM one object, WHERE with AND, OR, NOT, comparisons, LIKE and IN, ORDER BY, LIMIT, OFFSET.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.salesforce.schema import FieldSchema, TableSchema

Row = Mapping[str, Any]
Predicate = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)|(?P<sign><=|>=|!=|<>|[=<>(),]))"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_RESERVED = frozenset({"from", "where", "order", "limit", "offset", "and", "or", "not", "select"})


class SoqlError(Exception):
    """A refusal in Salesforce's words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Compared:
    """`field op value`; texts are lower-cased and instants are aware, as SOQL compares them."""

    field: FieldSchema
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by "and", "or" or a single one negated by "not"."""

    word: str
    parts: tuple[Condition, ...]


Condition = Compared | Joined


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query; `fields` is empty for COUNT()."""

    table: str
    fields: tuple[str, ...]
    where: Condition | None
    order: tuple[tuple[str, bool], ...]      # field, descending
    limit: int | None
    offset: int


def instant(text: str) -> datetime:
    """An ISO 8601 instant with an offset, as Salesforce writes it ("…+0000") or reads it ("…Z")."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f'"{text}" has no offset')
    return value.astimezone(UTC)


def parse(text: str, schemas: Mapping[str, TableSchema]) -> Query:
    """The query that `text` asks. Raises SoqlError as Salesforce would answer it."""
    return _Parser(text, schemas).query()


def lower_bound(where: Condition | None, field: str) -> datetime | None:
    """The least value of `field` that `where` can be true for, or None where it sets no bound."""
    if isinstance(where, Compared):
        return where.value if where.field.name == field and where.op in (">", ">=", "=") else None
    if where is None or where.word == "not":
        return None
    bounds = [lower_bound(part, field) for part in where.parts]
    known = [bound for bound in bounds if bound is not None]
    if where.word == "and":
        return max(known, default=None)
    return min(known) if len(known) == len(bounds) else None


def predicate(where: Condition | None) -> Predicate:
    """A function that says of a row whether `where` holds."""
    if where is None:
        return lambda _row: True
    if isinstance(where, Compared):
        return _compare(where)
    parts = [predicate(part) for part in where.parts]
    if where.word == "and":
        return lambda row: all(part(row) for part in parts)
    if where.word == "or":
        return lambda row: any(part(row) for part in parts)
    return lambda row: not parts[0](row)


def comparable(field: FieldSchema, value: Any) -> Any:
    """`value` of a row as it is compared: text without case, ids by their first 15 characters, instants aware."""
    if value is None:
        return None
    if field.type == "datetime":
        return instant(value) if isinstance(value, str) else value
    if field.type in ("id", "reference"):
        return str(value)[:15]
    return str(value).lower() if field.textual else value


def _compare(where: Compared) -> Predicate:
    field, op, wanted = where.field, where.op, where.value
    name = field.name
    # Instants of rows are written in one form, so that they order as text: no parsing for each row.
    if field.type == "datetime" and isinstance(wanted, datetime):
        wanted = written(wanted)

        def read(row: Row) -> Any:
            return row.get(name)
    else:

        def read(row: Row) -> Any:
            return comparable(field, row.get(name))

    def greater(row: Row, test: Callable[[Any, Any], bool]) -> bool:
        value = read(row)
        return value is not None and test(value, wanted)

    tests: dict[str, Predicate] = {
        "=": lambda row: read(row) == wanted,
        "!=": lambda row: read(row) != wanted,
        "<": lambda row: greater(row, lambda a, b: a < b),
        "<=": lambda row: greater(row, lambda a, b: a <= b),
        ">": lambda row: greater(row, lambda a, b: a > b),
        ">=": lambda row: greater(row, lambda a, b: a >= b),
        "in": lambda row: read(row) in wanted,
        "not in": lambda row: read(row) not in wanted,
        "like": lambda row: read(row) is not None and wanted.fullmatch(read(row)) is not None,
    }
    return tests[op]


def written(value: datetime) -> str:
    """An instant in the one form that Salesforce's JSON has."""
    value = value.astimezone(UTC)
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}+0000"


class _Parser:
    def __init__(self, text: str, schemas: Mapping[str, TableSchema]) -> None:
        self._schemas, self._tokens, self._next = schemas, _tokens(text), 0
        self._table: TableSchema

    def query(self) -> Query:
        self._word("select")
        names = self._names()
        self._word("from")
        table = self._take("word")
        found = next((schema for name, schema in self._schemas.items() if name.lower() == table.lower()), None)
        if found is None:
            raise SoqlError("INVALID_TYPE", f"sObject type '{table}' is not supported. If you are attempting to use a "
                            "custom object, be sure to append the '__c' after the entity name.")
        self._table = found
        fields = tuple(self._field(name).name for name in names)
        where = self._any() if self._maybe("where") else None
        order = self._order() if self._maybe("order") else ()
        limit = int(self._take("number")) if self._maybe("limit") else None
        offset = int(self._take("number")) if self._maybe("offset") else 0
        if self._next < len(self._tokens):
            raise self._unexpected()
        return Query(found.name, fields, where, order, limit, offset)

    def _names(self) -> list[str]:
        names = [self._take("word")]
        if names[0].lower() == "count" and self._sign("("):
            self._expect(")")
            return []
        while self._sign(","):
            names.append(self._take("word"))
        return names

    def _order(self) -> tuple[tuple[str, bool], ...]:
        self._word("by")
        order = []
        while True:
            name = self._field(self._take("word")).name
            descending = self._maybe("desc")
            if not descending:
                self._maybe("asc")
            order.append((name, descending))
            if not self._sign(","):
                return tuple(order)

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._maybe("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._maybe("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def _one(self) -> Condition:
        if self._maybe("not"):
            return Joined("not", (self._one(),))
        if self._sign("("):
            inner = self._any()
            self._expect(")")
            return inner
        field = self._field(self._take("word"))
        op = self._operator()
        if field.type == "textarea":
            raise SoqlError("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
        if op in ("in", "not in"):
            return Compared(field, op, frozenset(self._list(field)))
        value = self._value(field)
        if op == "like":
            pattern = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in str(value))
            value = re.compile(pattern, re.DOTALL)
        return Compared(field, op, value)

    def _operator(self) -> str:
        if self._maybe("like"):
            return "like"
        if self._maybe("in"):
            return "in"
        if self._maybe("not"):
            self._word("in")
            return "not in"
        sign = self._take("sign")
        if sign in "(),":
            self._next -= 1
            raise self._unexpected()
        return {"<>": "!="}.get(sign, sign)

    def _list(self, field: FieldSchema) -> list[Any]:
        self._expect("(")
        values = [self._value(field)]
        while self._sign(","):
            values.append(self._value(field))
        self._expect(")")
        return values

    def _value(self, field: FieldSchema) -> Any:
        if self._next >= len(self._tokens):
            raise self._unexpected()
        kind, text = self._tokens[self._next]
        self._next += 1
        fits = {"text": field.textual or field.type in ("id", "reference"), "instant": field.type == "datetime",
                "date": field.type == "date", "number": field.type in ("int", "double", "currency")}
        if kind == "word" and text.lower() == "null":
            return None
        if kind == "word" and text.lower() in ("true", "false") and field.type == "boolean":
            return text.lower() == "true"
        if not fits.get(kind, False):
            raise SoqlError("INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type "
                            f"{field.type} and should {'' if field.textual else 'not '}be enclosed in quotes")
        if kind == "text":
            text = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
        return float(text) if kind == "number" else comparable(field, text)

    def _field(self, name: str) -> FieldSchema:
        if "." in name:
            relation = name.partition(".")[0]
            raise SoqlError("INVALID_FIELD", f"Didn't understand relationship '{relation}' in field path.")
        fields = self._table.fields
        found = fields.get(name) or next((each for each in fields.values() if each.name.lower() == name.lower()), None)
        if found is None:
            said = (f"No such column '{name}' on entity '{self._table.name}'. If you are attempting to use a custom "
                    "field, be sure to append the '__c' after the custom field name.")
            raise SoqlError("INVALID_FIELD", said)
        return found

    def _take(self, kind: str) -> str:
        if self._next >= len(self._tokens) or self._tokens[self._next][0] != kind:
            raise self._unexpected()
        text = self._tokens[self._next][1]
        if kind == "word" and text.lower() in _RESERVED:
            raise self._unexpected()
        self._next += 1
        return text

    def _maybe(self, word: str) -> bool:
        here = self._tokens[self._next:self._next + 1]
        if here and here[0][0] == "word" and here[0][1].lower() == word:
            self._next += 1
            return True
        return False

    def _word(self, word: str) -> None:
        if not self._maybe(word):
            raise self._unexpected()

    def _sign(self, sign: str) -> bool:
        if self._tokens[self._next:self._next + 1] == [("sign", sign)]:
            self._next += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._unexpected()

    def _unexpected(self) -> SoqlError:
        here = self._tokens[self._next][1] if self._next < len(self._tokens) else "<EOF>"
        return SoqlError("MALFORMED_QUERY", f"unexpected token: '{here}'")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    text = text.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found or found.lastgroup is None:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[position:position + 20].strip()}'")
        tokens.append((found.lastgroup, found.group(found.lastgroup)))
        position = found.end()
    return tokens
