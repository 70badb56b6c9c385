"""The catalog: every fact that Steward knows about an account, with its meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from steward.facts import (
    company,
    expansion,
    feeds,
    health,
    identity,
    onboarding,
    relationship,
    renewal,
    sentiment,
    subjects,
    support,
    usage,
)
from steward.facts.spec import COMPANY_CURRENCY
from steward.model.errors import ConfigError
from steward.model.facts import FactSpec

DEFAULT_METRICS = (
    "active_users", "logins", "reports", "dashboards", "automations", "api_calls", "exports", "integrations",
    "gate_hits",
)
"""The usage metrics that facts are derived for where the settings name none. gate_hits: how often somebody met a
feature that the plan does not hold."""

_METRIC = re.compile(r"[a-z][a-z0-9_]{0,63}")


def catalog(
    metrics: Sequence[str] = DEFAULT_METRICS, currency: str = "USD", own: company.Own = MappingProxyType({}),
) -> Mapping[str, FactSpec]:
    """Every fact by name, in reading order: of accounts, then of contacts and opportunities, then the company's `own`.
    `metrics` are the usage metrics, `currency` is the company's.

    Raises:
        ConfigError: a metric's name cannot stand in the name of a fact, or a fact of the company's own has a fault.
    """
    for metric in metrics:
        if not _METRIC.fullmatch(metric):
            raise ConfigError(
                f'usage metric "{metric}" cannot be part of the name of a fact. Use small letters, digits and _ in '
                'usage_metrics and in the mapping of the usage feed, such as "active_users"'
            )
    lines = (
        *identity.SPECS, *renewal.SPECS, *usage.specs(tuple(dict.fromkeys(metrics))), *support.SPECS, *sentiment.SPECS,
        *relationship.SPECS, *relationship.TOUCHPOINT_SPECS, *onboarding.SPECS, *expansion.SPECS, *feeds.SPECS,
        *health.SPECS, *subjects.SPECS,
    )
    found = {line.name: line for line in lines}
    found |= company.specs(own, found)
    return MappingProxyType({
        name: replace(line, unit=line.unit.replace(COMPANY_CURRENCY, currency)) for name, line in found.items()
    })


def of_subject(facts: Mapping[str, FactSpec], kind: str = "account") -> dict[str, FactSpec]:
    """The facts of `facts` that are about accounts, contacts or opportunities."""
    return {name: fact for name, fact in facts.items() if fact.subject == kind}


def metrics_of(facts: Mapping[str, FactSpec]) -> tuple[str, ...]:
    """The usage metrics that `facts`, a catalog, was made with."""
    suffix = ".sum_7d"
    return tuple(name.removeprefix("usage.").removesuffix(suffix) for name in facts if name.endswith(suffix))


def as_table(facts: Mapping[str, FactSpec]) -> str:
    """The catalog as a Markdown table; the facts of all metrics stand once, under "usage.<metric>"."""
    metrics = metrics_of(facts)
    rows = []
    for name, fact in facts.items():
        metric = next((metric for metric in metrics if name.startswith(f"usage.{metric}.")), None)
        if metric and metric != metrics[0]:
            continue
        shown, unit, meaning = (
            text.replace(metric, "<metric>") if metric else text for text in (name, fact.unit, fact.meaning)
        )
        rows.append(f"| `{shown}` | {fact.type} | {unit} | {_values(fact)} | {fact.group} | {meaning} |")
    return "\n".join(("| fact | type | unit | values | feed | meaning |", "|---|---|---|---|---|---|", *rows))


def _values(fact: FactSpec) -> str:
    if fact.one_of:
        return ", ".join(fact.one_of)
    if fact.low is None and fact.high is None:
        return ""
    low, high = (f"{end:g}" if end is not None else "" for end in (fact.low, fact.high))
    return f"{low} to {high}" if high else f"from {low}"
