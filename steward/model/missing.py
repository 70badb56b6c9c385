"""What is not known. Missing is never zero, never false and never the empty text."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Missing(Enum):
    """The type of `MISSING`; has that one member."""

    MISSING = "missing"

    def __bool__(self) -> bool:
        raise TypeError("Missing is neither true nor false: ask `value is MISSING`")

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING
