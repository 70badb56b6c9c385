"""The company that `evaluate_verb` evaluates: 50 playbooks that use every gate, and some days of its life.

Each day the same share of the accounts changes, so that on the measured day somebody is at every place: waiting for
`for`, let in by it, held by a gate, in an arm, in flight, recovering.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import conditions as made
from steward.contracts import Connector
from steward.engine.canonical import canonical
from steward.engine.language import Playbook
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog
from steward.model.actions import DeliveryClass
from steward.model.records import Noun, Record
from steward.pipeline.evaluate import evaluate
from steward.settings import Routing, Settings
from steward.store import bulk, facts, records, releases, silences, versions
from steward.store.database import Database
from steward.store.instants import to_text
from steward.store.releases import Release
from steward.store.schema import account, identity

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
BEFORE = tuple(NOW - timedelta(days=days) for days in (8, 2, 1))
"""When it was evaluated before: long ago with everybody new to it; who has waited for two days gets in at NOW."""
CHANGED = 0.02
QUIET = "p3@us.test"
ACCOUNTS_OF_AN_OWNER = 40
RARE = ("usage.exports.sum_28d", "usage.reports.sum_28d", "usage.api_calls.sum_28d", "usage.logins.sum_28d")
FEW_OF_400 = 12                             # so that a playbook is about some 1 % of the accounts
WORDS = {
    1: ("for: 2d",), 2: ("holdout: 10%",), 3: ("inhibited_by: [p0]",), 4: ("at_most: 2 per 90d",), 5: ("keep_for: 1d",),
    6: ("scope: account.arr >= 5k USD", "goal: {when: health.score >= 95, within: 30d}"),
    7: ("for: 2d", "holdout: {share: 10%, by: [account.segment]}"),
}
"""What every eighth playbook says besides; the first of eight says nothing."""
TEXT = """\
id: p{at}
title: Playbook {at}
why: The benchmark asks for it.
mode: live
when: {{all: [{condition}, {rare} < {few}]}}
caps: {{account: 20, owner: 500}}
again_after: 14d
{words}
do:
  - cta: {{type: risk, due: 3bd, assign: csm}}
  - message: {{to: csm}}
escalate:
  - {{after: 2bd, unless: acknowledged, to: csm_manager}}
"""


def prepare(home: Path, accounts: int) -> None:
    """A company evaluated at each instant of BEFORE; and the snapshot of NOW, in which some have changed since."""
    home.mkdir(parents=True)
    ids = [f"acct_{at:010d}" for at in range(accounts)]
    owners = [f"p{at // ACCOUNTS_OF_AN_OWNER}" for at in range(accounts)]
    db = Database.open(f"sqlite:///{home / 'steward.db'}", home)
    try:
        _people(db, ids, owners)
        _apply(db)
        for at, frame in _days(ids, owners):
            facts.save_snapshot(db, _dated(frame, at), at)
            if at != NOW:
                run(db, at)
                with db.write() as tx:          # what was decided on one day was sent by the next
                    bulk.change(tx, "UPDATE outbox SET state = ?", "delivered")
    finally:
        db.close()


def run(db: Database, at: datetime, books: Sequence[Playbook] | None = None) -> Any:
    """The verb that is measured."""
    def absent(*_: object) -> Any:
        raise AssertionError("evaluating connects to nothing")

    connectors = {
        "crm": Connector("salesforce", "S", absent, absent, absent, actions={"open_cta": DeliveryClass.A}),
        "slack": Connector("slack", "S", absent, absent, absent, actions={"message": DeliveryClass.C})}
    settings = Settings(routing=Routing(message="slack", cta=("crm",), channel="#cs"))
    return evaluate(db, books or playbooks(), catalog(), settings, connectors, at)


def playbooks() -> list[Playbook]:
    """Each about some 1 % of the accounts."""
    known = catalog()
    return [load_playbook(_text(at, condition), f"p{at}.yaml", known) for at, condition in enumerate(made.TEXTS)]


def _text(at: int, condition: str) -> str:
    plain = made._LIST.sub(r'"\1"', condition)
    words = "\n".join(WORDS.get(at % 8, ()))
    return TEXT.format(at=at, condition=plain, rare=RARE[at % len(RARE)], few=FEW_OF_400, words=words)


def _days(ids: Sequence[str], owners: Sequence[str]) -> Iterator[tuple[datetime, pl.DataFrame]]:
    frame = _facts(ids, owners, 7)
    yield BEFORE[0], frame
    for seed, at in enumerate((*BEFORE[1:], NOW), 8):
        other = _facts(ids, owners, seed)
        changed = pl.Series(np.random.default_rng(seed + 1000).random(len(ids)) < CHANGED)
        frame = pl.DataFrame([frame[name].zip_with(~changed, other[name]) for name in frame.columns])
        yield at, frame


def _facts(ids: Sequence[str], owners: Sequence[str], seed: int) -> pl.DataFrame:
    frame = made.accounts(len(ids), seed)
    parents = {each: ids[at - 1] for at, each in enumerate(ids) if at % 10 == 1}
    return frame.with_columns(
        pl.Series("account_id", ids), pl.Series("account.csm_email", [f"{each}@us.test" for each in owners]),
        pl.Series("account.name", [f"Customer {each[5:]}" for each in ids]),
        pl.Series("account.parent", [parents.get(each) for each in ids]),
        pl.Series("account.family", [parents.get(each, each) for each in ids]),
        pl.Series("account.do_not_contact", np.random.default_rng(99).random(len(ids)) < 0.005),
        *(pl.Series(name, np.random.default_rng(seed * 100 + at).integers(0, 400, len(ids)))
          for at, name in enumerate(RARE)))


def _dated(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    groups = sorted({spec.group for spec in catalog().values()})
    return frame.with_columns(pl.lit(at - timedelta(hours=1)).dt.cast_time_unit("us").alias(f"as_of.{each}")
                              for each in groups)


def _people(db: Database, ids: Sequence[str], owners: Sequence[str]) -> None:
    began = BEFORE[0]
    with db.write() as tx:
        silences.add(tx, {"owner": QUIET}, author="ana", reason="they migrate", starts_at=began,
                     ends_at=NOW + timedelta(days=9), now=began)
        bulk.upsert(tx, account, [(each, f"Customer {each[5:]}", to_text(began), None, None) for each in ids], "")
        bulk.upsert(tx, identity, [("crm", f"x{each}", each, "new", to_text(began)) for each in ids], "")
        records.upsert(tx, "crm", "people", [Record(Noun.PERSON, "boss", {
            "name": "Boss", "email": "boss@us.test", "active": True})] + [Record(Noun.PERSON, each, {
                "name": each, "email": f"{each}@us.test", "active": True, "manager_external_id": "boss"})
                for each in dict.fromkeys(owners)], began)
        for start in range(0, len(ids), 20_000):
            records.upsert(tx, "crm", "accounts", [
                Record(Noun.ACCOUNT, f"x{each}", {"name": f"Customer {each[5:]}", "csm_external_id": owner})
                for each, owner in zip(ids[start:start + 20_000], owners[start:start + 20_000], strict=True)], began)


def _apply(db: Database) -> None:
    with db.write() as tx:
        for each in playbooks():
            versions.keep(tx, each.id, each.version, body=canonical(each), mode=each.mode.value, now=BEFORE[0])
            releases.apply(tx, Release(each.id, each.version, each.mode.value, BEFORE[0], "bench"))
