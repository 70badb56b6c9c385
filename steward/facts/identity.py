"""Facts of the account's own master record: who it is and who owns it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import polars as pl

from steward.facts.basis import Basis
from steward.facts.spec import spec
from steward.model.facts import FactType

_crm = partial(spec, "crm")
_T, _I, _B = FactType.TEXT, FactType.INTEGER, FactType.BOOLEAN
_ACCOUNT = "account"

SPECS = (
    _crm("account.name", _T, "Name of the account. Text from outside: escape it wherever it is shown.",
         _ACCOUNT),
    _crm("account.domain", _T, "Internet domain, lower case, without scheme and www.", _ACCOUNT),
    _crm("account.segment", _T, "Size class that we serve it in.", _ACCOUNT,
         one_of=("enterprise", "mid_market", "smb")),
    _crm("account.lifecycle", _T, "Where it stands with us.", _ACCOUNT,
         one_of=("prospect", "onboarding", "customer", "churned")),
    _crm("account.industry", _T, "Industry as the CRM writes it.", _ACCOUNT),
    _crm("account.country", _T, "Country, ISO 3166 alpha-2.", _ACCOUNT),
    _crm("account.arr", FactType.MONEY, "Annual recurring revenue on the account record, in the company's "
         "currency; unknown where settings name no rate for its currency.", _ACCOUNT, low=0),
    _crm("account.employees", _I, "People who work there.", _ACCOUNT, unit="people", low=0),
    _crm("account.age_days", FactType.DAYS, "Days since the account record was created, the oldest where there "
         "are several.", _ACCOUNT),
    _crm("account.owner_known", _B, "True where a CSM is named who still works here; unknown where the named person "
         "is not among the people that were read.", "account, person"),
    _crm("account.do_not_contact", _B, "True where any system says so; unknown where none has the field.",
         _ACCOUNT),
    _crm("account.csm", _T, "Name of the CSM who owns it.", "account, person"),
    _crm("account.csm_email", _T, "E-mail of the CSM who owns it.", "account, person"),
    _crm("account.csm_timezone", _T, "Time zone of the CSM who owns it, as Europe/Berlin.", "account, person"),
    _crm("account.timezone", _T, "Time zone of the account, as Europe/Berlin.", _ACCOUNT),
    _crm("account.parent_known", _B, "True where the record names a parent account.", _ACCOUNT),
    _crm("account.parent", _T, "Our id of the account that its record names as its parent.", _ACCOUNT),
    _crm("account.family", _T, "Our id of the account at the top of its chain of parents; its own where it has no "
         "parent.", _ACCOUNT),
    _crm("account.in_crm_count", _I, "Systems that know the account.", _ACCOUNT, unit="systems", low=1),
)

_AS_IT_IS = ("name", "domain", "segment", "lifecycle", "industry", "country", "employees", "timezone")


def facts(
    accounts: pl.DataFrame, records: pl.DataFrame, people: pl.DataFrame, basis: Basis,
    parents: Mapping[str, str] = MappingProxyType({}),
) -> pl.DataFrame:
    """The master facts of every account. `accounts`: one row for each, every field from the source that is trusted for
    it, `csm_connection` being the one that `csm_external_id` is of; `records`: the account's record in each system;
    `people`: our own people, by connection and external id; `parents`: the parent of each account that has one, and
    theirs, up to the top."""
    known_by = records.group_by("account_id").agg(
        basis.days_since(basis.day("created_at")).max().alias("account.age_days"),
        pl.col("do_not_contact").any().alias("_forbidden"),
        pl.col("do_not_contact").count().alias("_asked"),
        pl.col("connection").n_unique().alias("account.in_crm_count"),
    )
    return accounts.join(known_by, on="account_id", how="left").join(
        _owners(accounts, people), on="account_id", how="left",
    ).select(
        "account_id",
        *(pl.col(name).alias(f"account.{name}") for name in _AS_IT_IS),
        basis.money("arr").alias("account.arr"),
        "account.age_days",
        pl.when(pl.col("csm_external_id").is_null()).then(pl.lit(False)).otherwise("_works_here")
        .alias("account.owner_known"),
        pl.when(pl.col("_asked") > 0).then("_forbidden").alias("account.do_not_contact"),
        "account.csm",
        "account.csm_email",
        "account.csm_timezone",
        pl.col("parent_external_id").is_not_null().alias("account.parent_known"),
        "account.in_crm_count",
    ).hstack(_families(accounts["account_id"], parents))


def top_of(account_id: str, parents: Mapping[str, str]) -> str:
    """The account at the top of the chain; where the chain is a ring, the one of it that sorts first."""
    seen = [account_id]
    while (above := parents.get(seen[-1])) is not None:
        if above in seen:
            return min(seen[seen.index(above):])
        seen.append(above)
    return seen[-1]


def _families(ids: pl.Series, parents: Mapping[str, str]) -> pl.DataFrame:
    if not parents:
        return pl.DataFrame({"account.parent": pl.Series([None] * len(ids), dtype=pl.String), "account.family": ids})
    return pl.DataFrame({
        "account.parent": pl.Series([parents.get(each) for each in ids], dtype=pl.String),
        "account.family": pl.Series([top_of(each, parents) for each in ids], dtype=pl.String),
    })


def _owners(accounts: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """The CSM of each account: the person of that id in the connection that names it."""
    here = people.select(
        pl.col("connection").alias("csm_connection"),
        pl.col("external_id").alias("csm_external_id"),
        pl.col("name").alias("account.csm"),
        pl.col("email").alias("account.csm_email"),
        pl.col("timezone").alias("account.csm_timezone"),
        pl.col("active").fill_null(value=True).alias("_works_here"),
    )
    keys = ["csm_connection", "csm_external_id"]
    return accounts.select("account_id", *keys).join(here, on=keys).drop(keys)
