"""Numbers and money as people write them: decimal commas, thousands, per cent, signs and codes of currencies."""

from __future__ import annotations

import re
from decimal import Decimal

from connectors.csvfile.cells import Locale, Unreadable, shown, text
from steward.model.money import Money

_SYMBOLS = {
    "€": ("EUR",), "£": ("GBP",), "₹": ("INR",), "₩": ("KRW",), "zł": ("PLN",), "₺": ("TRY",), "us$": ("USD",),
    "r$": ("BRL",), "c$": ("CAD",), "a$": ("AUD",), "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"),
    "¥": ("JPY", "CNY"), "kr": ("SEK", "NOK", "DKK"), "fr.": ("CHF",),
}
_PLAIN = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_DIGITS = re.compile(r"(?=[.]?[0-9])[0-9]*([.][0-9]*)?([eE][+-]?[0-9]{1,3})?")
_SPACES = re.compile(r"[\s\u00a0\u202f'’]")
_AMOUNT = re.compile(
    r"(?P<sign>[-−(]?)\s*"
    r"(?P<before>[^\d\s().,+−-]+[.$]?)?\s*"
    r"(?P<digits>[-−(]?[\d.,\s\u00a0\u202f'’]+[-)]?)\s*"
    r"(?P<after>[^\d\s().,+−-]+\.?)?(?P<close>\)?)"
)


def number(cell: object, locale: Locale) -> Decimal:
    """An exact number. "25%" is 0.25, "(5)" and "5-" are -5."""
    if isinstance(cell, bool):
        raise Unreadable("yes or no is not a number")
    if isinstance(cell, int | Decimal):
        return Decimal(cell)
    if isinstance(cell, float):
        return _finite(Decimal(repr(cell)), cell)
    if isinstance(cell, str) and locale.decimal == "." and _PLAIN.fullmatch(cell):
        return Decimal(cell)
    given = text(cell)
    bare = _SPACES.sub("", given).replace("−", "-")
    percent = bare.endswith("%")
    bare = bare.removesuffix("%")
    signed = re.fullmatch(r"-(?P<a>[^-()]+)|(?P<b>[^-()]+)-|\((?P<c>[^-()]+)\)", bare)
    bare = signed["a"] or signed["b"] or signed["c"] if signed else bare.removeprefix("+")
    value = _decimal(bare, given, locale)
    value = value / 100 if percent else value
    return -value if signed else value


def whole(cell: object, locale: Locale) -> int:
    """A whole number; "12.0" is one, "12.5" is not."""
    value = number(cell, locale)
    if value != value.to_integral_value() or abs(value) > 2**62:
        raise Unreadable(f'"{shown(cell)}" is not a whole number')
    return int(value)


def money(cell: object, locale: Locale, currency: str | None) -> Money:
    """An amount; its currency stands in the cell, or is `currency`."""
    if isinstance(cell, bool) or not isinstance(cell, str):
        return Money(number(cell, locale), _currency(None, currency))
    given = text(cell)
    mark = _AMOUNT.fullmatch(given)
    if not mark or (mark["before"] and mark["after"]) or "%" in given:
        raise Unreadable(f'"{shown(cell)}" is not an amount of money')
    said = mark["before"] or mark["after"]
    return Money(number(mark["sign"] + mark["digits"] + mark["close"], locale), _currency(said, currency))


def _decimal(bare: str, given: str, locale: Locale) -> Decimal:
    point, group = (",", ".") if locale.decimal == "," else (".", ",")
    front, _, back = bare.partition(point)
    grouped = re.fullmatch(rf"\d{{1,3}}(?:{re.escape(group)}\d{{2,3}})*{re.escape(group)}\d{{3}}", front)
    if (group in front and not grouped) or group in back or point in back:
        raise Unreadable(
            f'"{given[:60]}" does not fit a decimal "{point}"; if "{group}" is the decimal mark, set "decimal" to it'
        )
    cleaned = front.replace(group, "") + ("." + back if back else "")
    if not _DIGITS.fullmatch(cleaned):
        raise Unreadable(f'"{given[:60]}" is not a number')
    return _finite(Decimal(cleaned), given)


def _finite(value: Decimal, given: object) -> Decimal:
    if not value.is_finite() or abs(value) > Decimal(10) ** 30:
        raise Unreadable(f'"{shown(given)}" is not a number')
    return value


def _currency(said: str | None, declared: str | None) -> str:
    """The code that the cell says, else the declared one; the two must not differ."""
    if said is None:
        if declared is None:
            raise Unreadable('the amount has no currency; set "currency" or "currency_column"')
        return declared
    codes: tuple[str, ...] = (said.upper(),) if re.fullmatch(r"[A-Za-z]{3}", said) else _SYMBOLS.get(said.lower(), ())
    if not codes:
        raise Unreadable(f'"{said[:20]}" is no currency that Steward knows; write a code such as USD')
    if declared is None and len(codes) > 1:
        raise Unreadable(f'"{said}" is the sign of several currencies ({", ".join(codes)}); set "currency"')
    if declared is not None and declared not in codes:
        raise Unreadable(f'the cell says "{said}" and the currency is {declared}; correct one of them')
    return declared or codes[0]
