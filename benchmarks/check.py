"""A folder of playbooks parsed, typed and checked, each alone and all together: ours beside ruamel's bare parsing.

One playbook in fifty can never be true; exactly those must be found.
"""

from __future__ import annotations

import argparse
from typing import Any

from ruamel.yaml import YAML

from benchmarks import conditions as made
from benchmarks.measure import figures, grown, interleaved, peak_mb, show
from steward.engine.findings import Finding
from steward.engine.load import examine
from steward.engine.reasoning import check_folder

IMPOSSIBLE = 50
_TEMPLATE = """\
id: made_{at}
title: Made up number {at}
why: A call before day 60 saves most accounts that lose users; after it, few.
owner: cs-ops
scope:
  any:
    - account.lifecycle == customer
    - account.lifecycle is unknown
when:
  all:
    - health.score < {score}
    - renewal.days_left <= {days} days
    - account.arr >= {arr} USD
    - any:
        - usage.active_users.change_28d <= -{drop}%
        - support.open_urgent >= {urgent}{impossible}
until: health.score >= {clear}
for: 3d
again_after: 30d
priority: {priority}
do:
  - cta: {{type: risk, due: 3bd, assign: [csm, account_manager]}}
  - message: {{to: [csm, account_manager]}}
escalate:
  - {{after: 2bd, unless: acknowledged, to: csm_manager}}
  - {{after: 5bd, unless: acknowledged, to: "role:vp_cs", only_if: account.segment == enterprise}}
goal: {{when: health.score >= {goal}, within: 60d}}
exit:
  churned: account.lifecycle == churned
"""


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--playbooks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without peers; for the growth")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    if chosen.alone:
        before, texts = peak_mb(), playbooks(chosen.playbooks)
        took = interleaved({"ours": lambda: check(texts)}, chosen.rounds)
        show({"ours_s": took["ours"], "peak_mb": peak_mb(), "before_mb": before}, chosen.json)
        return
    growth = grown("benchmarks.check", (max(10, chosen.playbooks // 10), chosen.playbooks), "--playbooks")
    show({**measure(chosen.playbooks, chosen.rounds), "growth": growth}, chosen.json)


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Both, in turns."""
    texts = playbooks(count)
    took = interleaved({"ours": lambda: check(texts), "ruamel_parse": lambda: parse(texts)}, rounds)
    never = {finding.file for finding in check(texts) if finding.code == "STW120"}
    equal = never == {f"made_{at}.yaml" for at in range(count) if at % IMPOSSIBLE == 7}
    return figures("check", took.pop("ours"), took, equal, playbooks=count, rounds=rounds)


def check(texts: list[str]) -> tuple[Finding, ...]:
    """The findings of all."""
    catalog, found, usable = made.facts(), list[Finding](), []
    for at, text in enumerate(texts):
        playbook, findings = examine(text, f"made_{at}.yaml", catalog)
        found += findings
        if playbook is not None:
            usable.append(playbook)
    return (*found, *check_folder(usable, catalog))


def parse(texts: list[str]) -> int:
    """The events of all, counted."""
    return sum(1 for text in texts for _ in YAML(typ="rt", pure=True).parse(text))


def playbooks(count: int) -> list[str]:
    """The texts; like ones differ in their thresholds."""
    return [_TEMPLATE.format(
        at=at, score=20 + at % 40, clear=62 + at % 17, goal=80 + at % 11, days=30 + at % 97, arr=1000 * (at % 89),
        drop=5 + at % 61, urgent=1 + at % 7, priority=at % 101,
        impossible=f"\n    - health.score > {60 + at % 40}" if at % IMPOSSIBLE == 7 else "") for at in range(count)]


if __name__ == "__main__":
    main()
