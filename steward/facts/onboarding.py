"""Facts about onboarding: how far the milestones have come and how long nothing has moved."""

from __future__ import annotations

from steward.facts.spec import spec
from steward.model.facts import FactType

_I, _D, _S = FactType.INTEGER, FactType.DAYS, "milestone"

SPECS = (
    spec("onboarding", "onboarding.in_progress", FactType.BOOLEAN, "True while a milestone is not reached.", _S),
    spec("onboarding", "onboarding.next_milestone", FactType.TEXT, "The first milestone not reached, by position; unknown "
         "where all are.", _S),
    spec("onboarding", "onboarding.milestones_total", _I, "Milestones planned.", _S, unit="milestones", low=0),
    spec("onboarding", "onboarding.milestones_reached", _I, "Milestones reached.", _S, unit="milestones", low=0),
    spec("onboarding", "onboarding.progress", FactType.RATIO, "Share of the milestones that is reached; unknown without "
         "milestones.", _S, low=0, high=1),
    spec("onboarding", "onboarding.days_overdue", _D, "Days past the due day of the milestone that is overdue longest; 0 "
         "when none is; unknown without milestones.", _S),
    spec("onboarding", "onboarding.stalled_days", _D, "While in progress: days since a milestone was last reached, or "
         "since kickoff where none was.", _S),
    spec("onboarding", "onboarding.days_since_kickoff", _D, "Days since the first milestone was started or the kickoff "
         "was reached, the earlier.", _S),
    spec("onboarding", "onboarding.first_value_days", _D, "Days from kickoff to the milestone first_value; unknown until "
         "it is reached.", _S),
)
