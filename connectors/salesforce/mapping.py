"""Rows of Salesforce to records: which fields to ask for, and what each becomes; a bad value costs that field only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.salesforce import values
from connectors.salesforce.defaults import DEFAULTS, WORDS
from connectors.salesforce.key import from_field
from connectors.salesforce.settings import FieldNames, SalesforceSettings
from steward.model.errors import ConfigError
from steward.model.records import FIELDS, FieldType, Noun, Record, Refusal, Value
from steward.model.words import nearest

Row = Mapping[str, Any]
Parse = Callable[[Any], Value]

_SYSTEM = ("SystemModstamp", "IsDeleted", "MasterRecordId", "CurrencyIsoCode")
_PENDING = frozenset({"pending", "on_hold", "waiting_on_customer", "waiting_for_customer", "awaiting_customer"})
_KINDS = frozenset({"call", "meeting", "email", "qbr"})


@dataclass(frozen=True, slots=True)
class _Column:
    """One of our fields: the fields it may come from, which of them are the opposite of it, and how it is read."""

    ours: str
    names: tuple[str, ...]
    opposites: frozenset[str]
    parse: Parse
    is_money: bool


class Mapper:
    """Maps the rows of one stream. `present` are the fields that the org has and the user may see."""

    def __init__(self, stream: str, noun: Noun, settings: SalesforceSettings, present: frozenset[str]) -> None:
        self.table, self._noun, self._settings = table_of(stream, settings), noun, settings
        self._words = settings.values.get(self.table, {})
        self._columns = []
        for ours, names in wanted(stream, settings).items():
            found = tuple(name for name in names if name.removeprefix("!") in present)
            if found:
                self._columns.append(self._column(ours, found))
        system = [name for name in _SYSTEM if name in present]
        mapped = sorted({name for column in self._columns for name in column.names} - {"Id", *system})
        self.columns: tuple[str, ...] = ("Id", *system, *mapped)

    def record(self, row: Row) -> tuple[Record | None, list[Refusal]]:
        """The record of `row`, None where it has no id; and a refusal for every value that could not be read."""
        external_id, refusals = row.get("Id"), []
        if not isinstance(external_id, str) or not external_id.strip():
            return None, [Refusal(f"a row of {self.table}", "Id", "the row has no Id")]
        where = f"{self.table} {external_id}"
        modified_at = None
        try:
            modified_at = values.instant(row["SystemModstamp"]) if row.get("SystemModstamp") else None
        except ValueError as error:
            refusals.append(Refusal(where, "SystemModstamp", str(error)))
        if row.get("IsDeleted") is True:
            return deleted(self._noun, external_id, modified_at, row.get("MasterRecordId")), refusals
        known: dict[str, Value] = {}
        for column in self._columns:
            for name in column.names:
                value = row.get(name)
                if value is not None and value != "":
                    break
            else:
                continue
            try:
                parsed = self._read(column, value, name, row)
            except (ValueError, ArithmeticError) as error:
                refusals.append(Refusal(where, name, f"{column.ours}: {error}"))
                continue
            if parsed != "":
                known[column.ours] = parsed
        return Record(self._noun, external_id, known, modified_at), refusals

    def _read(self, column: _Column, value: Any, name: str, row: Row) -> Value:
        if column.is_money:
            return values.money(value, row.get("CurrencyIsoCode") or self._settings.currency)
        if name in column.opposites:
            return not values.boolean(value)
        # A closed case is closed whatever the org calls that status.
        return column.parse(True if name == "Status" and row.get("IsClosed") is True else value)

    def _column(self, ours: str, names: tuple[str, ...]) -> _Column:
        return _Column(
            ours, tuple(name.removeprefix("!") for name in names),
            frozenset(name[1:] for name in names if name.startswith("!")),
            self._parser(ours), FIELDS[self._noun].get(ours) is FieldType.MONEY,
        )

    def _parser(self, ours: str) -> Parse:
        own = {values.slug(theirs): word for theirs, word in self._words.get(ours, {}).items()}
        table = WORDS.get((self._noun, ours))
        if table is not None:
            return _word_parser({**table, **own}, sorted(set(table.values())))
        by_type = _BY_TYPE.get(FIELDS[self._noun].get(ours), _custom)
        plain = _PARSERS.get((self._noun, ours)) or _PARSERS.get((None, ours)) or by_type
        return (lambda value: own.get(values.slug(value)) or plain(value)) if own else plain


def check_settings(settings: SalesforceSettings, nouns: Mapping[str, Noun]) -> None:
    """Raise ConfigError where a setting names a stream, an object or a field of ours that there is not."""
    _known("tables", settings.tables, list(nouns))
    fields = {table: list(FIELDS[noun]) for stream, noun in nouns.items() if (table := table_of(stream, settings))}
    for setting, by_table in (("fields", settings.fields), ("values", settings.values)):
        _known(setting, by_table, list(fields))
        for table, named in by_table.items():
            _known(f"{setting}.{table}", named, fields[table])
    _known("custom_fields", settings.custom_fields, list(fields))


def _known(setting: str, given: Iterable[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            near = nearest(name, known)
            hint = f'Did you mean "{near}"?' if near else f"There are: {', '.join(known)}."
            raise ConfigError(f'salesforce: the setting "{setting}" names "{name}", which there is not. {hint}')


def table_of(stream: str, settings: SalesforceSettings) -> str:
    """The object behind `stream`; "" where there is none."""
    return settings.tables.get(stream, DEFAULTS[stream][0])


def wanted(stream: str, settings: SalesforceSettings) -> dict[str, tuple[str, ...]]:
    """Our field -> Salesforce fields for `stream`: the defaults, and over them what is set."""
    table = table_of(stream, settings)
    named: dict[str, FieldNames] = {**DEFAULTS[stream][1], **settings.fields.get(table, {})}
    named |= {f"custom.{ours}": name for ours, name in settings.custom_fields.get(table, {}).items()}
    if stream == "accounts":
        named |= {f"id_in.{connection}": name for connection, name in settings.id_fields.items()}
    if stream == "tasks":
        named["idempotency_key"] = settings.task_key_field
    return {ours: (names,) if isinstance(names, str) else tuple(names) for ours, names in named.items()}


def deleted(noun: Noun, external_id: str, at: Any, master: Any) -> Record:
    """The record of a row that was deleted, or merged into `master`."""
    merged_into = master if isinstance(master, str) and master else None
    return Record(noun, external_id, {}, at, deleted=True, merged_into=merged_into)


def _word_parser(table: Mapping[str, str], ours: list[str]) -> Parse:
    def parse(value: Any) -> str:
        found = table.get(values.slug(value))
        if found is None:
            said = f'"{values.text(value)[:60]}" is none of {", ".join(ours)}'
            raise ValueError(f'{said}; map it in the setting "values"')
        return found

    return parse


def _ticket_status(value: Any) -> str:
    if isinstance(value, bool):
        return "closed" if value else "open"
    given = values.slug(value)
    return "closed" if given == "closed" else "pending" if given in _PENDING else "open"


def _kind(value: Any) -> str:
    given = values.slug(value)
    return given if given in _KINDS else "meeting"


def _task_status(value: Any) -> str:
    if isinstance(value, bool):
        return "done" if value else "open"
    return "done" if values.slug(value) in ("completed", "done", "closed") else "open"


def _custom(value: Any) -> Value:
    """A custom field as it is: text, number or boolean."""
    if isinstance(value, bool):
        return value
    return values.text(value) if isinstance(value, str) else values.number(value)


_BY_TYPE: Mapping[FieldType | None, Parse] = {
    FieldType.TEXT: values.text, FieldType.INTEGER: values.integer, FieldType.NUMBER: values.number,
    FieldType.BOOLEAN: values.boolean, FieldType.DATE: values.day, FieldType.INSTANT: values.instant,
}
_PARSERS: Mapping[tuple[Noun | None, str], Parse] = {
    (None, "email"): values.email, (None, "timezone"): values.timezone, (Noun.ACCOUNT, "domain"): values.domain,
    (Noun.ACCOUNT, "country"): values.country, (Noun.TICKET, "status"): _ticket_status,
    (Noun.TASK, "status"): _task_status, (Noun.TASK, "idempotency_key"): lambda value: from_field(values.text(value)),
    (Noun.MILESTONE, "name"): values.slug, (Noun.TOUCHPOINT, "kind"): _kind,
}
