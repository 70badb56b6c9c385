"""The rules that every connector keeps, run against its own sandbox on loopback.

`tests/connectors/test_battery.py` runs `RULES` over everything that `steward.kit.discovery` finds. Which rules
apply is decided by the manifest; `Connector.waivers` exempts from a rule (or `a_read_that_meets_*`), with a reason.
"""

from __future__ import annotations

from steward.contracts import Connector
from steward.kit.battery import batches, inboxes, manifest, reads, writes
from steward.kit.battery.bench import Bench, Rule
from steward.kit.battery.manifest import HEADINGS, waiver

__all__ = ["HEADINGS", "RULES", "Bench", "Rule", "rules_for", "run", "waiver"]

RULES: dict[str, Rule] = {
    rule.name: rule for module in (manifest, reads, writes, batches, inboxes) for rule in module.RULES
}


def rules_for(connector: Connector) -> list[str]:
    """The names of the rules that apply to `connector`, waived ones too."""
    return [name for name, rule in RULES.items() if rule.applies(connector)]


def run(connector: Connector, name: str) -> None:
    """Hold `connector` to the rule `name`.

    Raises:
        AssertionError: what was promised, and what was seen instead.
    """
    with Bench(connector) as bench:
        RULES[name].check(bench)
        bench.no_secret_was_told()
