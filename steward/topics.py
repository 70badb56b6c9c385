"""The five questions that the CS-ops API answers about an account: which facts and which playbooks belong to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steward.engine.language import Playbook


@dataclass(frozen=True, slots=True)
class Topic:
    """`facts` are prefixes of the catalog's names; `cta_types` the kinds of work that its playbooks ask for."""

    name: str
    facts: tuple[str, ...]
    cta_types: tuple[str, ...]

    def has_fact(self, name: str) -> bool:
        """Whether the fact called `name` belongs to this topic."""
        return name.startswith(self.facts)

    def of(self, playbooks: Sequence[Playbook]) -> tuple[Playbook, ...]:
        """The playbooks whose first step asks for work of this topic."""
        return tuple(
            each for each in playbooks
            if {step.do.type for step in each.steps() if step.do.kind in ("cta", "task")} & set(self.cta_types)
        )


TOPICS = {topic.name: topic for topic in (
    Topic("health", ("health.", "usage.", "support.", "nps.", "seats."), ("risk",)),
    Topic("retention", ("health.", "renewal.", "subscription.", "champion.", "support.", "nps.", "touchpoint.",
                        "usage.active_users."), ("risk",)),
    Topic("expansion", ("expansion.", "seats.", "subscription.", "usage.features_used_28d", "usage.active_users.",
                        "health.score"), ("expansion",)),
    Topic("onboarding", ("onboarding.", "handoff.", "subscription.days_since_start", "account.lifecycle"),
          ("onboarding", "handoff")),
    Topic("success", ("health.", "onboarding.progress", "onboarding.first_value_days", "onboarding.milestones",
                      "nps.", "touchpoint.", "seats.", "renewal.", "usage.features_used_28d",
                      "usage.active_users.change_90d"), ("risk", "onboarding", "expansion", "handoff", "lifecycle")),
)}
