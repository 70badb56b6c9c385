"""Facts about the people at the account and our contact with them: champions, contacts, touchpoints."""

from __future__ import annotations

from functools import partial

import polars as pl

from steward.facts.basis import Basis
from steward.facts.spec import spec
from steward.model.facts import FactType

_I, _D, _C = FactType.INTEGER, FactType.DAYS, "contact"
_crm = partial(spec, "crm")

SPECS = (
    _crm("champion.known", FactType.BOOLEAN, "True where a contact in the role of champion is still there; unknown "
         "where there are contacts and none has a role.", _C),
    _crm("champion.active_count", _I, "Champions who are still there.", _C, unit="people", low=0),
    _crm("champion.left_days", _D, "Days since a champion last left; unknown where none did.", _C),
    _crm("champion.last_seen_days", _D, "Days since a champion who is still there was last seen.", _C),
    _crm("sponsor.known", FactType.BOOLEAN, "True where a contact in the role of executive sponsor is still there; "
         "unknown where there are contacts and none has a role.", _C),
    _crm("sponsor.active_count", _I, "Executive sponsors who are still there.", _C, unit="people", low=0),
    _crm("sponsor.left_days", _D, "Days since an executive sponsor last left; unknown where none did.", _C),
    _crm("sponsor.last_seen_days", _D, "Days since an executive sponsor who is still there was last seen.", _C),
    _crm("contacts.known_count", _I, "Contacts who are still there, one for each e-mail address.", _C, unit="people",
         low=0),
    _crm("contacts.last_seen_days", _D, "Days since any contact was last seen.", _C),
    _crm("contacts.seen_28d", _I, "Contacts who are still there and were seen in the last 28 days.", _C, unit="people",
         low=0),
    _crm("contacts.left_90d", _I, "Contacts who left in the last 90 days.", _C, unit="people", low=0),
)
TOUCHPOINT_SPECS = (
    _crm("touchpoint.days_since_last", _D, "Days since the last touchpoint; unknown where there was none.",
         "touchpoint"),
    _crm("touchpoint.held_90d", _I, "Touchpoints in the last 90 days.", "touchpoint", unit="touchpoints", low=0),
    _crm("touchpoint.days_since_qbr", _D, "Days since the last business review (kind qbr); unknown where there was "
         "none.", "touchpoint"),
)
WITHOUT_CONTACTS = {
    "champion.known": False, "champion.active_count": 0, "sponsor.known": False, "sponsor.active_count": 0,
    "contacts.known_count": 0, "contacts.seen_28d": 0, "contacts.left_90d": 0,
}
PERSON = pl.coalesce(
    pl.col("email").str.strip_chars().str.to_lowercase(), pl.concat_str("connection", "external_id", separator="/"),
).alias("person")
"""Who a contact is, whatever system tells of them."""
_ROLES = ("champion", "sponsor")
WITHOUT_TOUCHPOINTS = {"touchpoint.held_90d": 0}


def facts(contacts: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """The facts about people of every account that has contacts.

    The same e-mail address in two systems is one person, who has left once either says so.
    """
    left = basis.days_since(pl.col("left_on"))
    people = contacts.group_by("account_id", PERSON).agg(
        pl.coalesce("active", ~(left >= 0), pl.lit(True)).all().alias("here"),
        *((pl.col("role") == role).any().alias(role) for role in _ROLES),
        pl.col("role").is_not_null().any().alias("role_known"),
        pl.when(left >= 0).then(left).min().alias("left_days"),
        basis.days_since(basis.day("last_seen_at")).min().clip(lower_bound=0).alias("seen_days"),
    )
    here = pl.col("here")
    return people.group_by("account_id").agg(
        *(fact for role in _ROLES for fact in _of_role(role)),
        here.sum().alias("contacts.known_count"),
        pl.col("seen_days").min().alias("contacts.last_seen_days"),
        (here & (pl.col("seen_days") < 28)).sum().alias("contacts.seen_28d"),
        (~here & (pl.col("left_days") < 90)).sum().alias("contacts.left_90d"),
    )


def _of_role(role: str) -> tuple[pl.Expr, ...]:
    """The facts of those in one role, out of one row for each person."""
    theirs, roles = pl.col(role), pl.col("role_known").any()
    still = (theirs & pl.col("here")).sum()
    return (
        pl.when(roles).then(still > 0).alias(f"{role}.known"),
        pl.when(roles).then(still).alias(f"{role}.active_count"),
        pl.when(theirs & ~pl.col("here")).then("left_days").min().alias(f"{role}.left_days"),
        pl.when(theirs & pl.col("here")).then("seen_days").min().alias(f"{role}.last_seen_days"),
    )


def touchpoint_facts(touchpoints: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """The facts about touchpoints of every account that has any; a meeting still to come is none."""
    held = basis.day("held_at")
    since = basis.days_since(held)
    return touchpoints.group_by("account_id").agg(
        pl.when(since >= 0).then(since).min().alias("touchpoint.days_since_last"),
        basis.within(held, 90).sum().alias("touchpoint.held_90d"),
        pl.when((since >= 0) & (pl.col("kind") == "qbr")).then(since).min().alias("touchpoint.days_since_qbr"),
    )
