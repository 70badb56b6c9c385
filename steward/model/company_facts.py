"""A company's own fact as its settings write it: a field of the account, or two facts reckoned together."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from steward.model.facts import FactType

WAYS = ("field", "sum", "difference", "ratio", "days_between")


class CompanyFact(BaseModel):
    """Exactly one of the five ways. `type` is needed for `field` alone; else it follows from the two facts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meaning: str = Field(min_length=5)
    field: str = ""                                        # "custom.tier", or a field of the account
    sum: tuple[str, str] | None = None
    difference: tuple[str, str] | None = None              # the first less the second
    ratio: tuple[str, str] | None = None                   # the first divided by the second; by zero is unknown
    days_between: tuple[str, str] | None = None            # from the first to the second; negative where it is earlier
    type: FactType | None = None
    unit: str = ""
    one_of: tuple[str, ...] = ()

    @property
    def way(self) -> str:
        """Which of the five it is."""
        return next(way for way in WAYS if getattr(self, way))

    @property
    def operands(self) -> tuple[str, ...]:
        """The facts that it is reckoned from; none for a field."""
        return () if self.field else getattr(self, self.way)

    @model_validator(mode="after")
    def _must_say_one_thing(self) -> Self:
        given = [way for way in WAYS if getattr(self, way)]
        if len(given) != 1:
            raise ValueError(f"write exactly one of {', '.join(WAYS)}")
        if self.field and self.type is None:
            raise ValueError(f"a field needs its type: one of {', '.join(FactType)}")
        if not self.field and (self.type or self.unit or self.one_of):
            raise ValueError(f"type, unit and one_of follow from the two facts of {given[0]}; leave them out")
        if self.one_of and self.type is not FactType.TEXT:
            raise ValueError("only a fact of type text has one_of")
        if self.type in (FactType.NUMBER, FactType.INTEGER) and not self.unit:
            raise ValueError('a number needs its unit, such as "people"; or give it the type ratio, money or days')
        return self
