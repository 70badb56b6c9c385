"""Money: an exact amount and the currency it is in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in `currency`, an ISO 4217 code such as "EUR".

    Raises:
        ValueError: the currency is not three capital letters, or the amount is not finite.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f'"{self.currency}" is no currency; write an ISO 4217 code such as "USD"')
        if not self.amount.is_finite():
            raise ValueError(f'"{self.amount}" is no amount of money')

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
