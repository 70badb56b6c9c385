"""Literals: "50k USD", "-30%", "14 days" in, the value that facts are compared with out. And values back to words."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from steward.engine.expression import Scalar
from steward.engine.findings import near
from steward.model.facts import FactSpec, FactType

_NUMBER = re.compile(r"([+-]?\d[\d_]*(?:\.\d+)?)\s*([kKmM](?![A-Za-z]))?\s*(%|[^\W\d_][\w ]*)?", re.ASCII)
_SCALE = {"": 1, "k": 1_000, "m": 1_000_000}
_BARE = re.compile(r"[^\W_](?:[\w./@:+-]| (?! ))*(?<! )")
_QUOTED = re.compile(r"""(["'])(?:.+?)\1(?=\s*(?:,|\Z))""", re.DOTALL)
_MOST = 2**53                               # beyond it a float no longer holds every whole number


class LiteralError(ValueError):
    """The text is no value of the fact; `code` and `help` go into the finding."""

    def __init__(self, message: str, remedy: str = "", code: str = "STW112") -> None:
        super().__init__(message)
        self.help, self.code = remedy, code


def parse_literal(text: str, spec: FactSpec) -> Scalar:
    """The value that `text` means for the fact of `spec`, checked for unit, range and known values.

    Raises:
        LiteralError: with what to write instead.
    """
    text = text.strip()
    match spec.type:
        case FactType.TEXT:
            return _word(text, spec)
        case FactType.BOOLEAN:
            if text not in ("true", "false"):
                raise LiteralError(f'"{text}" is neither true nor false', f"write: {spec.name} == true")
            return text == "true"
        case FactType.DATE:
            return _day(text)
        case _:
            return _number(text, spec)


def split_list(text: str) -> list[str]:
    """The items of "a, b" or of '"a, b", c', as written; quotes hold a comma."""
    out, rest = list[str](), text.strip()
    while rest:
        found = _QUOTED.match(rest)
        item, rest = (found[0], rest[found.end():]) if found else (rest.split(",")[0], rest[len(rest.split(",")[0]):])
        out.append(item.strip())
        rest = rest.strip()
        if rest == ",":
            out.append("")
        rest = rest[1:].strip()
    return out


def normal(values: tuple[Scalar, ...], op: str, spec: FactSpec) -> str:
    """The one way of writing the literal of a leaf: equal for equal values, and read back to the same ones.

    "60k USD", "-30%", "120", "[enterprise, smb]".
    """
    if op in ("in", "not in"):
        return f"[{', '.join(_normal(value, spec, in_list=True) for value in values)}]"
    return _normal(values[0], spec, in_list=False) if values else ""


def _normal(value: Scalar, spec: FactSpec, *, in_list: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value if _BARE.fullmatch(value) else _in_quotes(value, in_list)
    exact = Decimal(repr(value))
    match spec.type:
        case FactType.RATIO:
            return per_cent(value)
        case FactType.MONEY:
            scale = next((word for word, size in (("M", 1_000_000), ("k", 1_000)) if exact and not exact % size), "")
            return f"{_exact(exact / _SCALE[scale.lower()])}{scale} {spec.unit}".rstrip()
        case _:
            return _exact(exact)


def _in_quotes(value: str, in_list: bool) -> str:
    if not in_list:
        return f'"{value}"'
    ways = (f"{sign}{value}{sign}" for sign in "\"'")
    return next((way for way in ways if split_list(way) == [way]), value)


def _exact(number: Decimal) -> str:
    """Without exponent, without zeros that say nothing."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def per_cent(share: float) -> str:
    """0.25 as "25%", read back to the same number."""
    return f"{_exact(Decimal(repr(share)) * 100)}%"


def show(value: object, spec: FactSpec | None) -> str:
    """The value as it would be written: "58", "-31.5%", "60,000 USD"; "-" where it is not known."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if spec is None or not isinstance(value, (int, float, Decimal)):
        return " ".join(str(value).split())
    match spec.type:
        case FactType.RATIO:
            return f"{_plain(round(float(value) * 100, 1))}%"
        case FactType.MONEY:
            return f"{round(value):,} {spec.unit}".rstrip()
        case _:
            return _plain(round(float(value), 2))


def range_of(spec: FactSpec) -> str:
    """What values the fact takes, in words."""
    if spec.one_of:
        return f"it is one of: {', '.join(spec.one_of)}"
    low = f"from {show(spec.low, spec)}" if spec.low is not None else "from anything"
    return f"it goes {low} to {show(spec.high, spec)}" if spec.high is not None else f"it goes {low} upwards"


def _plain(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise LiteralError(f'"{text}" is no date', "write it as 2026-03-31") from None
    if not 1900 <= day.year <= 2200:
        raise LiteralError(f'"{text}" is in no year that we deal with', "years go from 1900 to 2200")
    return day


def _word(text: str, spec: FactSpec) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    if not text:
        example = (*spec.one_of, "something")[0]
        raise LiteralError("there is nothing to compare with", f"write: {spec.name} == {example}")
    if spec.one_of and text not in spec.one_of:
        raise LiteralError(
            f'{spec.name} is never "{text}"',
            near(text, spec.one_of) or f"it is one of: {', '.join(spec.one_of)}", "STW113")
    return text


def _number(text: str, spec: FactSpec) -> int | float:
    found = _NUMBER.fullmatch(text)
    if not found:
        raise LiteralError(f'"{text}" is no number', f"write it as {_example(spec)}")
    digits, scale, unit = found[1].replace("_", ""), (found[2] or "").lower(), (found[3] or "").strip()
    exact = Decimal(digits) * _SCALE[scale]
    _check_unit(text, exact, unit, spec)
    if spec.type is FactType.RATIO:
        exact /= 100
    if abs(exact) >= _MOST:
        raise LiteralError(f'"{text}" is too large', "no fact is ever that large")
    if (spec.low is not None and exact < Decimal(str(spec.low))) or (
        spec.high is not None and exact > Decimal(str(spec.high))):
        raise LiteralError(f"{spec.name} is never {text}", range_of(spec), "STW114")
    whole = exact == exact.to_integral_value() and spec.type in (FactType.INTEGER, FactType.DAYS)
    return int(exact) if whole else float(exact)


def _check_unit(text: str, number: Decimal, unit: str, spec: FactSpec) -> None:
    match spec.type:
        case FactType.RATIO if unit != "%":
            per_cent = number if abs(number) > 1 else number * 100
            raise LiteralError(
                f'{spec.name} is a ratio and "{text}" has no %', f'did you mean "{per_cent.normalize():f}%"?')
        case FactType.MONEY if not unit:
            raise LiteralError(
                f'{spec.name} is money and "{text}" has no currency', f'did you mean "{text} {spec.unit or "USD"}"?')
        case FactType.MONEY if spec.unit and unit != spec.unit:
            raise LiteralError(f'{spec.name} is in {spec.unit}, not in "{unit}"', f"write the amount in {spec.unit}")
        case FactType.DAYS if unit not in ("", "day", "days", "d"):
            raise LiteralError(
                f'{spec.name} is in days, not in "{unit}"', f'did you mean "{number.normalize():f} days"?')
        case FactType.NUMBER | FactType.INTEGER if unit and unit not in (spec.unit, spec.unit.removesuffix("s")):
            raise LiteralError(
                f'{spec.name} is {f"in {spec.unit}" if spec.unit else "a plain number"}, not in "{unit}"',
                f'did you mean "{number.normalize():f}"?')
        case _:
            return


def _example(spec: FactSpec) -> str:
    shown = {FactType.RATIO: "-30%", FactType.MONEY: f"50k {spec.unit or 'USD'}", FactType.DAYS: "14 days"}
    return shown.get(spec.type, "60")
