"""Facts about onboarding: how far the milestones have come and how long nothing has moved."""

from __future__ import annotations

from functools import partial

import polars as pl

from steward.facts.basis import Basis
from steward.facts.spec import spec
from steward.model.facts import FactType

_I, _D, _S = FactType.INTEGER, FactType.DAYS, "milestone"
_onboarding = partial(spec, "onboarding")
STANDARD = ("kickoff", "integration", "training", "first_value", "go_live")
"""The milestones that have facts of their own."""

SPECS = (
    _onboarding("onboarding.in_progress", FactType.BOOLEAN, "True while a milestone is not reached.", _S),
    _onboarding("onboarding.next_milestone", FactType.TEXT, "The first milestone not reached, by position; unknown "
                "where all are.", _S),
    _onboarding("onboarding.milestones_total", _I, "Milestones planned.", _S, unit="milestones", low=0),
    _onboarding("onboarding.milestones_reached", _I, "Milestones reached.", _S, unit="milestones", low=0),
    _onboarding("onboarding.progress", FactType.RATIO, "Share of the milestones that is reached; unknown without "
                "milestones.", _S, low=0, high=1),
    _onboarding("onboarding.days_overdue", _D, "Days past the due day of the milestone that is overdue longest; 0 when "
                "none is; unknown without milestones.", _S),
    _onboarding("onboarding.stalled_days", _D, "While in progress: days since a milestone was last reached, or since "
                "kickoff where none was.", _S),
    _onboarding("onboarding.days_since_kickoff", _D, "Days since the first milestone was started or the kickoff was "
                "reached, the earlier.", _S),
    _onboarding("onboarding.first_value_days", _D, "Days from kickoff to the milestone first_value; unknown until it "
                "is reached.", _S),
    _onboarding("onboarding.stage", FactType.TEXT, "Which standard milestone comes next, by position; other where the "
                "next is none of them, done where all are reached; unknown without milestones.", _S,
                one_of=(*STANDARD, "other", "done")),
    *(line for name in STANDARD for line in (
        _onboarding(f"milestone.{name}.reached", FactType.BOOLEAN, f"True once every milestone {name} is reached; "
                    "unknown where no plan has one.", _S),
        _onboarding(f"milestone.{name}.days_overdue", _D, f"Days past the due day of {name} while it is not reached; 0 "
                    "when it is not overdue; unknown where no plan has one with a due day.", _S),
        _onboarding(f"milestone.{name}.days_since", _D, f"Days since {name} was reached; unknown until then.", _S),
        _onboarding(f"milestone.{name}.days_left", _D, f"Days to the due day of {name} while it is not reached; "
                    "negative once it is overdue.", _S, low=-36600),
    )),
)
WITHOUT_RECORDS = {
    "onboarding.in_progress": False, "onboarding.milestones_total": 0, "onboarding.milestones_reached": 0,
}


def facts(milestones: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """The onboarding facts of every account that has milestones."""
    reached = (basis.days_since(pl.col("reached_on")) >= 0).fill_null(value=False)
    started = pl.when(basis.days_since(pl.col("started_on")) >= 0).then("started_on")
    kickoff = pl.min_horizontal(
        started.min(), pl.when(reached & (pl.col("name") == "kickoff")).then("reached_on").min(),
    )
    first_value = pl.when(reached & (pl.col("name") == "first_value")).then("reached_on").min()
    moved = pl.coalesce(pl.when(reached).then("reached_on").max(), kickoff)
    overdue = pl.when(~reached).then(basis.days_since(pl.col("due_on")).clip(lower_bound=0)).max()
    in_progress = ~reached.all()
    return milestones.sort(
        "account_id", "position", "due_on", "name", "external_id", nulls_last=True,
    ).group_by("account_id", maintain_order=True).agg(
        in_progress.alias("onboarding.in_progress"),
        pl.col("name").filter(~reached).first().alias("onboarding.next_milestone"),
        pl.len().alias("onboarding.milestones_total"),
        reached.sum().alias("onboarding.milestones_reached"),
        reached.mean().alias("onboarding.progress"),
        pl.when(in_progress).then(overdue).otherwise(0).alias("onboarding.days_overdue"),
        pl.when(in_progress).then(basis.days_since(moved)).alias("onboarding.stalled_days"),
        basis.days_since(kickoff).alias("onboarding.days_since_kickoff"),
        (first_value - kickoff).dt.total_days().alias("onboarding.first_value_days"),
        *(fact for name in STANDARD for fact in _of(name, reached, basis)),
    ).with_columns(_stage())


def _of(name: str, reached: pl.Expr, basis: Basis) -> tuple[pl.Expr, ...]:
    """The facts of the standard milestone `name`, out of the milestones of one account."""
    own, due = pl.col("name") == name, basis.days_since(pl.col("due_on"))
    there, all_reached = own.any(), (reached | ~own).all()
    open_since = pl.when(own & ~reached).then(due).max()
    has_due = (own & pl.col("due_on").is_not_null()).any()
    since = pl.when(own & reached).then(basis.days_since(pl.col("reached_on"))).min()
    return (
        pl.when(there).then(all_reached).alias(f"milestone.{name}.reached"),
        pl.when(there & all_reached).then(0).when(has_due).then(open_since.clip(lower_bound=0))
        .alias(f"milestone.{name}.days_overdue"),
        pl.when(there & all_reached).then(since).alias(f"milestone.{name}.days_since"),
        (-open_since).alias(f"milestone.{name}.days_left"),
    )


def _stage() -> pl.Expr:
    coming = pl.col("onboarding.next_milestone")
    named = pl.when(coming.is_in(STANDARD)).then(coming).otherwise(pl.lit("other"))
    return pl.when(pl.col("onboarding.in_progress")).then(named).otherwise(pl.lit("done")).alias("onboarding.stage")
