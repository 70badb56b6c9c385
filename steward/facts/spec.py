"""How a line of the catalog is written: `spec` fills in what all facts of a group share."""

from __future__ import annotations

from datetime import timedelta

from steward.model.facts import FactSpec, FactType

# A fact is unknown once its group's as-of instant is older than this. Usage: a day ends at midnight, arrives in the
# morning and is replaced the next morning, so a healthy daily feed is up to 30 hours old; a late one may take 48.
FRESH_WITHIN = {
    "crm": timedelta(hours=26),
    "usage": timedelta(hours=48),
    "support": timedelta(hours=26),
    "survey": timedelta(hours=26),
    "onboarding": timedelta(hours=26),
    "health": timedelta(hours=48),
    "feed": timedelta(hours=26),                             # what is known of the feeds themselves
}
GROUPS = tuple(FRESH_WITHIN)
COMPANY_CURRENCY = "company currency"
"""Stands as the unit of money facts until `catalog` puts the company's own currency there."""

_WHOLE_YEARS = 100 * 366.0


def spec(
    group: str, name: str, kind: FactType, meaning: str, source: str, *,
    unit: str = "", low: float | None = None, high: float | None = None, one_of: tuple[str, ...] = (),
) -> FactSpec:
    """The fact `name` of `group`; days and money get their unit and days a range of a century by themselves."""
    if kind is FactType.DAYS:
        unit, low, high = "days", 0.0 if low is None else low, _WHOLE_YEARS if high is None else high
    if kind is FactType.MONEY:
        unit = COMPANY_CURRENCY
    return FactSpec(name, kind, meaning, source, group, unit, low, high, one_of, FRESH_WITHIN[group])
