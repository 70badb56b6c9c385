"""A company's own facts: what the settings say in, lines of the catalog and columns of the snapshot out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import polars as pl

from steward.facts.basis import COLUMN, Basis
from steward.facts.spec import COMPANY_CURRENCY, FRESH_WITHIN
from steward.model.company_facts import CompanyFact
from steward.model.errors import ConfigError
from steward.model.facts import FactSpec, FactType
from steward.model.records import FIELDS, FieldType, Noun
from steward.model.words import nearest

Own = Mapping[str, CompanyFact]

_NUMERIC = frozenset({FactType.NUMBER, FactType.INTEGER, FactType.RATIO, FactType.MONEY, FactType.DAYS})
_CENTURY = 36_600.0
_READS: Mapping[FieldType, frozenset[FactType]] = {
    FieldType.TEXT: frozenset({FactType.TEXT}),
    FieldType.INTEGER: frozenset({FactType.INTEGER, FactType.NUMBER, FactType.DAYS}),
    FieldType.NUMBER: frozenset({FactType.NUMBER, FactType.RATIO}),
    FieldType.BOOLEAN: frozenset({FactType.BOOLEAN}),
    FieldType.DATE: frozenset({FactType.DATE}),
    FieldType.INSTANT: frozenset({FactType.DATE}),
    FieldType.MONEY: frozenset({FactType.MONEY}),
}


def specs(own: Own, known: Mapping[str, FactSpec]) -> dict[str, FactSpec]:
    """The lines of the catalog for the facts `own`, in an order in which each can be reckoned from those before it.

    Raises:
        ConfigError: a name is taken, a fact is not known, types or units do not fit, or facts go round in a ring; the
            message names the key in steward.yaml.
    """
    for name in own:
        if name in known or name.split(".")[0] in ("contact", "opportunity", "as_of"):
            raise ConfigError(f'facts.{name}: the catalog has a fact of that name or kind. Call it "company.…"')
    found: dict[str, FactSpec] = {}
    for name in _in_order(own):
        found[name] = _spec(name, own[name], {**known, **found})
    return found


def fields(own: Own, accounts: pl.DataFrame, specs_of: Mapping[str, FactSpec], basis: Basis) -> pl.DataFrame:
    """`account_id` and the own facts that are fields of the account; a field that nobody has told of is null."""
    columns = [_field(fact.field, specs_of[name].type, accounts, basis).alias(name)
               for name, fact in own.items() if fact.field]
    return accounts.select("account_id", *columns)


def with_reckoned(snapshot: pl.DataFrame, own: Own, specs_of: Mapping[str, FactSpec]) -> pl.DataFrame:
    """The snapshot with the own facts that are reckoned from two others, and the as-of instants of mixed feeds."""
    for name in specs_of:                              # in the order of the catalog: those they need come before
        if name in own and not own[name].field:
            snapshot = snapshot.with_columns(_reckoned(own[name]).alias(name))
    mixed = sorted({fact.group for name, fact in specs_of.items() if name in own and "+" in fact.group})
    return snapshot.with_columns(_as_of(group) for group in mixed)


def _in_order(own: Own) -> list[str]:
    try:
        return list(TopologicalSorter({
            name: [each for each in fact.operands if each in own] for name, fact in own.items()
        }).static_order())
    except CycleError as error:
        ring = " -> ".join(error.args[1])
        raise ConfigError(f"facts.{error.args[1][0]}: these facts are made of one another: {ring}. "
                          "Make one of them from other facts") from None


def _spec(name: str, fact: CompanyFact, known: Mapping[str, FactSpec]) -> FactSpec:
    if fact.field:
        return _field_spec(name, fact)
    left, right = (_operand(name, each, known) for each in fact.operands)
    kind, unit, low, high = _kind(name, fact, left, right)
    group = "+".join(sorted({*left.group.split("+"), *right.group.split("+")}))
    fresh = min(each.fresh_within for each in (left, right) if each.fresh_within)
    return FactSpec(name, kind, _sentence(fact.meaning), f"{fact.way} of {left.name}, {right.name}", group, unit, low,
                    high, (), fresh)


def _field_spec(name: str, fact: CompanyFact) -> FactSpec:
    kind, field = fact.type, fact.field.removeprefix("account.")
    assert kind is not None
    known = FIELDS[Noun.ACCOUNT].get(field)
    if known is None and not (field.startswith("custom.") and len(field) > len("custom.")):
        names = [*FIELDS[Noun.ACCOUNT], "custom.…"]
        raise ConfigError(f'facts.{name}.field: an account has no field "{field}".{_near(field, names)}')
    if known is not None and kind not in _READS[known]:
        raise ConfigError(f'facts.{name}.type: the field "{field}" is {known}, so the fact is one of '
                          f"{', '.join(sorted(_READS[known]))}, not {kind}")
    unit = {FactType.DAYS: "days", FactType.MONEY: COMPANY_CURRENCY}.get(kind, fact.unit)
    low, high = (-_CENTURY, _CENTURY) if kind is FactType.DAYS else (None, None)
    return FactSpec(name, kind, _sentence(fact.meaning), f"account.{field}", "crm", unit, low, high, fact.one_of,
                    FRESH_WITHIN["crm"])


def _operand(name: str, operand: str, known: Mapping[str, FactSpec]) -> FactSpec:
    found = known.get(operand)
    if found is None or found.subject != "account":
        raise ConfigError(f'facts.{name}: there is no fact "{operand}" of an account.{_near(operand, known)}')
    if "health" in found.group.split("+"):
        raise ConfigError(f'facts.{name}: "{operand}" is made by the scorecard, which may measure facts of your own. '
                          "Use facts that are not of health")
    return found


def _kind(
    name: str, fact: CompanyFact, left: FactSpec, right: FactSpec,
) -> tuple[FactType, str, float | None, float | None]:
    """Type, unit, lowest and highest value of what is reckoned from the two."""
    if fact.way == "days_between":
        if {left.type, right.type} != {FactType.DATE}:
            raise ConfigError(f"facts.{name}.days_between: both must be of type date; {_said(left)}, {_said(right)}")
        return FactType.DAYS, "days", -_CENTURY, _CENTURY
    if not {left.type, right.type} <= _NUMERIC:
        raise ConfigError(f"facts.{name}.{fact.way}: both must be numbers; {_said(left)}, {_said(right)}")
    alike = left.unit == right.unit and (left.type is right.type or {left.type, right.type} <= {
        FactType.NUMBER, FactType.INTEGER})
    if fact.way == "ratio":
        if alike:
            return FactType.RATIO, "", None, None
        return FactType.NUMBER, f"{left.unit or 'parts'} per {right.unit or 'part'}", None, None
    if not alike:
        raise ConfigError(f"facts.{name}.{fact.way}: the two are not of one type and unit; {_said(left)}, "
                          f"{_said(right)}. Divide them with ratio instead")
    kind = left.type if left.type is right.type else FactType.NUMBER
    if kind is FactType.DAYS:
        return kind, "days", -2 * _CENTURY, 2 * _CENTURY
    low = left.low + right.low if fact.way == "sum" and left.low is not None and right.low is not None else None
    return kind, left.unit, low, None


def _reckoned(fact: CompanyFact) -> pl.Expr:
    left, right = (pl.col(each) for each in fact.operands)
    if fact.way == "sum":
        return left + right
    if fact.way == "difference":
        return left - right
    if fact.way == "days_between":
        return (right - left).dt.total_days()
    return pl.when(right != 0).then(left.cast(pl.Float64) / right)


def _as_of(group: str) -> pl.Expr:
    """The oldest of several feeds; Missing where one is."""
    parts = [pl.col(f"as_of.{part}") for part in group.split("+")]
    return pl.when(pl.all_horizontal(part.is_not_null() for part in parts)).then(pl.min_horizontal(parts)).alias(
        f"as_of.{group}")


def _field(field: str, kind: FactType, accounts: pl.DataFrame, basis: Basis) -> pl.Expr:
    name = field.removeprefix("account.")
    if name not in accounts.columns:
        return pl.lit(None, COLUMN[kind])
    if FIELDS[Noun.ACCOUNT].get(name) is FieldType.MONEY:
        return basis.money(name)
    if FIELDS[Noun.ACCOUNT].get(name) is FieldType.INSTANT:
        return basis.day(name)
    told = accounts.schema[name]
    if kind is FactType.TEXT:
        return pl.col(name).cast(pl.String)
    if kind is FactType.DATE:
        return pl.col(name).str.to_date("%Y-%m-%d", strict=False) if told == pl.String else pl.col(name).cast(
            pl.Date, strict=False)
    if kind is FactType.BOOLEAN:
        words = {"true": True, "yes": True, "false": False, "no": False}
        return pl.col(name) if told == pl.Boolean else pl.col(name).cast(pl.String).str.to_lowercase().replace_strict(
            words, default=None, return_dtype=pl.Boolean)
    number = pl.col(name).cast(pl.Float64, strict=False)
    return number.round().cast(pl.Int64, strict=False) if COLUMN[kind] is pl.Int64 else number


def _said(spec: FactSpec) -> str:
    return f'"{spec.name}" is {spec.type}' + (f" in {spec.unit}" if spec.unit else "")


def _sentence(meaning: str) -> str:
    return meaning if meaning.endswith(".") else f"{meaning}."


def _near(word: str, known: Iterable[str]) -> str:
    found = nearest(word, known)
    return f' Did you mean "{found}"?' if found else ""
