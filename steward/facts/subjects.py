"""Facts about what playbooks enrol besides accounts: each contact, and each opportunity.

One row for each subject: `account_id`, `subject_id`, `connection`, `external_id` and its facts. Who is in two systems
by one e-mail address is one contact: of the system that is trusted first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from steward.facts.basis import COLUMN, Basis
from steward.facts.relationship import PERSON
from steward.facts.spec import spec
from steward.model.facts import FactSpec, FactType
from steward.model.records import Noun
from steward.model.subjects import subject_id

KINDS = ("contact", "opportunity")
ROLES = ("champion", "sponsor", "admin", "user", "billing")
NOUNS: Mapping[str, tuple[Noun, ...]] = {
    "contact": (Noun.CONTACT, Noun.SURVEY_RESPONSE), "opportunity": (Noun.OPPORTUNITY, Noun.PERSON),
}
KEYS = ("account_id", "subject_id", "connection", "external_id")

_B, _D, _I, _N, _T = FactType.BOOLEAN, FactType.DAYS, FactType.INTEGER, FactType.NUMBER, FactType.TEXT
_CENTURY = 36_600
_CLOSED_DAYS = 400                              # an opportunity that was closed longer ago is no subject any more
_crm, _survey = partial(spec, "crm"), partial(spec, "survey")
_C, _O, _A = "contact", "opportunity", "survey_response"
_ESCAPE = " Text from outside: escape it wherever it is shown."

CONTACT_SPECS = (
    _crm("contact.name", _T, "Name of the contact." + _ESCAPE, _C),
    _crm("contact.title", _T, "Title of the contact at the customer." + _ESCAPE, _C),
    _crm("contact.role", _T, "Role of the contact towards us.", _C, one_of=ROLES),
    _crm("contact.email_known", _B, "True where an e-mail address of the contact is known.", _C),
    _crm("contact.active", _B, "True while the contact is still there.", _C),
    _crm("contact.left_days", _D, "Days since the contact left; unknown while they are there.", _C),
    _crm("contact.last_seen_days", _D, "Days since the contact was last seen.", _C),
    _survey("contact.nps_last_score", _N, "The contact's own latest answer to \"would you recommend us\".", _A,
            unit="points", low=0, high=10),
    _survey("contact.nps_days_since", _D, "Days since that answer.", _A),
    _survey("contact.nps_answers_365d", _I, "The contact's own answers in the last 365 days.", _A, unit="answers",
            low=0),
)
OPPORTUNITY_SPECS = (
    _crm("opportunity.name", _T, "Name of the opportunity." + _ESCAPE, _O),
    _crm("opportunity.kind", _T, "What is sold: a first term, the next one, or more.", _O,
         one_of=("new", "renewal", "expansion")),
    _crm("opportunity.stage", _T, "Stage as the CRM writes it." + _ESCAPE, _O),
    _crm("opportunity.amount", FactType.MONEY, "Amount, in the company's currency.", _O, low=0),
    _crm("opportunity.close_on", FactType.DATE, "The day on which it was, or is planned to be, closed.", _O),
    _crm("opportunity.days_to_close", _D, "Days to the planned closing day of an open opportunity; negative once it is "
         "overdue; unknown once it is closed.", _O, low=-_CENTURY),
    _crm("opportunity.age_days", _D, "Days since the opportunity was created.", _O),
    _crm("opportunity.is_closed", _B, "True once it is won or lost.", _O),
    _crm("opportunity.is_won", _B, "True once it is won.", _O),
    _crm("opportunity.days_since_won", _D, "Days since it was won; unknown where it was not.", _O),
    _crm("opportunity.handoff_complete", _B, "True once what sales promised is written down.", _O),
    _crm("opportunity.owner", _T, "Name of who owns it." + _ESCAPE, "opportunity, person"),
    _crm("opportunity.owner_email", _T, "E-mail of who owns it.", "opportunity, person"),
    _crm("opportunity.owner_known", _B, "True where its owner is named and still works here.", "opportunity, person"),
)
SPECS = tuple(replace(line, subject=kind) for kind, lines in zip(KINDS, (CONTACT_SPECS, OPPORTUNITY_SPECS), strict=True)
              for line in lines)


def facts(
    kind: str, records: Mapping[Noun, pl.DataFrame], first: Mapping[Noun, Sequence[str]], basis: Basis,
) -> pl.DataFrame:
    """One row for each subject of `kind`, sorted by account and subject; without bounds and types yet.

    `records`: whole frames of the nouns of `NOUNS[kind]`; `first`: as in `steward.facts.derive.Known`.
    """
    if kind == "contact":
        found = _contacts(records[Noun.CONTACT], records[Noun.SURVEY_RESPONSE], first.get(Noun.CONTACT, ()), basis)
    else:
        found = _opportunities(
            records[Noun.OPPORTUNITY], records[Noun.PERSON], first.get(Noun.OPPORTUNITY, ()), basis)
    ids = [subject_id(kind, *key) for key in found.select("connection", "external_id").iter_rows()]
    return found.with_columns(pl.Series("subject_id", ids, dtype=pl.String)).sort("account_id", "subject_id")


def columns_of(kind: str, specs: Mapping[str, FactSpec]) -> dict[str, type[pl.DataType]]:
    """The facts of `kind` in the catalog `specs`, and the types of their columns."""
    return {name: COLUMN[fact.type] for name, fact in specs.items() if fact.subject == kind}


def rank_of(order: Sequence[str]) -> pl.Expr:
    """The place of a row's connection in `order`; those that are not in it come after, alike."""
    places = {name: place for place, name in enumerate(order)}
    return pl.col("connection").replace_strict(places, default=len(places), return_dtype=pl.Int64)


def _contacts(contacts: pl.DataFrame, responses: pl.DataFrame, order: Sequence[str], basis: Basis) -> pl.DataFrame:
    left = basis.days_since(pl.col("left_on"))
    known = contacts.with_columns(PERSON, rank_of(order).alias("rank"))
    best = known.filter(pl.col("rank") == pl.col("rank").min().over("account_id"))
    people = best.sort("rank", "connection", "external_id").group_by("account_id", "person").agg(
        pl.col("connection", "external_id").first(),
        *(pl.col(name).drop_nulls().first().alias(f"contact.{name}") for name in ("name", "title", "role")),
        pl.col("email").is_not_null().any().alias("contact.email_known"),
        pl.coalesce("active", ~(left >= 0), pl.lit(value=True)).all().alias("contact.active"),
        pl.when(left >= 0).then(left).min().alias("left"),
        basis.days_since(basis.day("last_seen_at")).min().clip(lower_bound=0).alias("contact.last_seen_days"),
    ).with_columns(pl.when(~pl.col("contact.active")).then("left").alias("contact.left_days"))
    return people.join(_said(known, responses, basis), on=["account_id", "person"], how="left").with_columns(
        pl.col("contact.nps_answers_365d").fill_null(0),
    ).drop("person", "left")


def _said(contacts: pl.DataFrame, responses: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """What each person answered, whichever system's record of them the answer names."""
    since, score = basis.days_since(basis.day("answered_at")), pl.col("score")
    counts = ((pl.col("kind") == "nps") & score.is_between(0, 10) & (since >= 0)).fill_null(value=False)
    who = contacts.select("account_id", "connection", pl.col("external_id").alias("contact_external_id"), "person")
    return responses.filter(counts).join(who, on=["account_id", "connection", "contact_external_id"]).sort(
        "answered_at", "connection", "external_id",
    ).group_by("account_id", "person", maintain_order=True).agg(
        score.last().alias("contact.nps_last_score"),
        since.min().alias("contact.nps_days_since"),
        since.is_between(0, 364).sum().alias("contact.nps_answers_365d"),
    )


def _opportunities(deals: pl.DataFrame, people: pl.DataFrame, order: Sequence[str], basis: Basis) -> pl.DataFrame:
    rank = rank_of(order)
    since = basis.days_since(pl.col("close_on"))
    closed = pl.when(pl.col("is_won")).then(pl.lit(value=True)).otherwise("is_closed")
    recent = ~closed.fill_null(value=False) | (since <= _CLOSED_DAYS).fill_null(value=True)
    owners = people.select(
        "connection", pl.col("external_id").alias("owner_external_id"), pl.col("name").alias("opportunity.owner"),
        pl.col("email").alias("opportunity.owner_email"), pl.col("active").fill_null(value=True).alias("works_here"),
    )
    ours = deals.filter(recent).filter(rank == rank.min().over("account_id")) if order else deals.filter(recent)
    return ours.join(owners, on=["connection", "owner_external_id"], how="left").select(
        "account_id", "connection", "external_id",
        *(pl.col(name).alias(f"opportunity.{name}")
          for name in ("name", "kind", "stage", "close_on", "is_won", "handoff_complete")),
        closed.alias("opportunity.is_closed"),
        basis.money("amount").alias("opportunity.amount"),
        pl.when(~closed.fill_null(value=False)).then(-since).alias("opportunity.days_to_close"),
        basis.days_since(basis.day("created_at")).alias("opportunity.age_days"),
        pl.when(pl.col("is_won") & (since >= 0)).then(since).alias("opportunity.days_since_won"),
        "opportunity.owner", "opportunity.owner_email",
        pl.when(pl.col("owner_external_id").is_null()).then(pl.lit(value=False)).otherwise("works_here")
        .alias("opportunity.owner_known"),
    )
