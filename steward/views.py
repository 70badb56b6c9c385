"""What a person may ask. The store and the engine in, frozen answers out; CLI, API and pages draw the same ones."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from steward.engine.explain import Explanation
from steward.engine.explain import explain as explain_row
from steward.engine.freshness import freshen_row, why_unknown
from steward.engine.gates import Gates
from steward.engine.literals import show
from steward.engine.plan import Plan, Today
from steward.engine.plan import plan as plan_today
from steward.engine.walk import clause_text
from steward.facts.health import contributions
from steward.model.actions import OpenCta, Recipient
from steward.model.enrollments import Clause, Decision, Enrollment, State, Verdict
from steward.model.errors import ConfigError
from steward.store import enrollments as store_enrollments
from steward.store import facts as store_facts
from steward.store import identity, incidents, receipts, records, review
from steward.store import outbox as store_outbox
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection as Transaction

    from steward.engine.language import Playbook
    from steward.facts.scorecard import Scorecard
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database

NOTHING_DERIVED = "no facts are derived yet. Run: steward sync, then: steward evaluate"


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole company in numbers; `facts` are those that are known."""

    accounts: int
    records: Mapping[str, Mapping[str, int]]
    facts: int
    enrollments: Mapping[str, Mapping[str, int]]
    actions: Mapping[str, Mapping[str, int]]
    known_at: datetime | None
    incidents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account of a list; what is not known is None."""

    id: str
    name: str
    segment: str | None
    health: float | None
    renewal_days_left: int | None
    arr: float | None
    csm: str | None


@dataclass(frozen=True, slots=True)
class FactLine:
    """One fact of an account; `why` says why it counts as unknown, "" where it does not."""

    name: str
    value: object
    text: str
    as_of: datetime | None
    group: str
    why: str


@dataclass(frozen=True, slots=True)
class ContributionLine:
    """One measure of the health score: what it gave to it (`points`; they sum to it), of how many (`weight`)."""

    measure: str
    fact: str
    points: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class EnrollmentLine:
    """One enrollment of a list; `account` is the name."""

    id: str
    playbook_id: str
    account_id: str
    account: str
    version: str
    state: str
    since: datetime
    entered_at: datetime | None
    closed_at: datetime | None
    reason: str
    arm: str
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    needs_attention: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActionLine:
    """One row of the outbox; `account` is the name, `about` the title of the card or the subject of the CTA."""

    key: str
    enrollment_id: str
    account_id: str
    account: str
    playbook_id: str
    kind: str
    about: str
    to: str
    connection: str
    connector: str
    delivery_class: str
    state: str
    attempts: int
    due_at: datetime
    done_at: datetime | None
    trouble: str | None
    external_id: str | None
    url: str | None
    to_name: str = ""


@dataclass(frozen=True, slots=True)
class AccountView:
    """All about one account."""

    id: str
    name: str
    external_ids: Mapping[str, str]
    known_at: datetime
    facts: tuple[FactLine, ...]
    contributions: tuple[ContributionLine, ...]
    enrollments: tuple[EnrollmentLine, ...]
    actions: tuple[ActionLine, ...]
    decisions: tuple[Decision, ...]

    def fact(self, name: str) -> object:
        """The value of the fact called `name`; None where it is not known or too old."""
        return next((line.value for line in self.facts if line.name == name and not line.why), None)


@dataclass(frozen=True, slots=True)
class Touched:
    """An account that something was done for: by which playbook, why (the clauses that were true), and what."""

    account_id: str
    account: str
    playbook: str
    enrollment_id: str
    clauses: tuple[Clause, ...]
    actions: tuple[ActionLine, ...]

    @property
    def why(self) -> str:
        """ "health.score < 60 (41); renewal.days_left <= 120 days (70)"."""
        return "; ".join(clause_text(each, {}) for each in self.clauses[:3])


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """Two accounts that may be one company, with the likeness in percent."""

    left_account_id: str
    right_account_id: str
    score: float
    reason: str


def summary(db: Database) -> Summary:
    """What there is of everything."""
    with db.read() as tx:
        snapshot = store_facts.latest(tx)
        known = 0
        if snapshot is not None:
            names = [name for name in snapshot.frame.columns if name != "account_id" and not name.startswith("as_of.")]
            known = snapshot.frame.height * len(names) - sum(snapshot.frame[name].null_count() for name in names)
        return Summary(
            len(identity.accounts(tx)), records.counts(tx), known, store_enrollments.counts(tx),
            store_outbox.counts(tx), snapshot.known_at if snapshot else None,
            tuple(f"{each.group}: {each.reason}" for each in incidents.list_(tx, open_only=True)))


def accounts(db: Database, search: str = "", limit: int = 50, offset: int = 0) -> list[AccountLine]:
    """The accounts whose name or domain holds `search`, those with the lowest health first, unknown last."""
    with db.read() as tx:
        snapshot = store_facts.latest(tx)
        names = _names(tx)
    if snapshot is None:
        return [AccountLine(each, name, None, None, None, None, None)
                for each, name in list(names.items())[offset:offset + limit] if search.casefold() in name.casefold()]
    lines = []
    for row in snapshot.frame.select(_present(snapshot.frame, _LISTED)).iter_rows(named=True):
        name = str(row.get("account.name") or names.get(row["account_id"], ""))
        if search.casefold() in f"{name} {row.get('account.domain') or ''}".casefold():
            lines.append(AccountLine(
                row["account_id"], name, row.get("account.segment"), row.get("health.score"),
                row.get("renewal.days_left"), row.get("account.arr"), row.get("account.csm")))
    lines.sort(key=lambda line: (line.health is None, line.health, line.id))
    return lines[offset:offset + limit]


def account(
    db: Database, catalog: Mapping[str, FactSpec], scorecard: Scorecard, wanted: str, now: datetime,
) -> AccountView:
    """All about the account that `wanted` (our id, an id elsewhere, a domain or a name) means.

    Raises:
        ConfigError: there is no such account, or several.
    """
    with db.read() as tx:
        account_id = find_account(tx, wanted)
        row, known_at = _row(tx, account_id)
        name = _name(row, tx, account_id)
        found = store_enrollments.list_(tx, account_id=account_id)
        rows = store_outbox.list_(tx, account_id=account_id)
        fresh = freshen_row(row, catalog, now)
        lines = tuple(
            FactLine(spec.name, row.get(spec.name), show(row.get(spec.name), spec), row.get(f"as_of.{spec.group}"),
                     spec.group, why_unknown(row, spec, now))
            for spec in catalog.values())
        parts = tuple(
            ContributionLine(each.title, each.fact, each.gave if each.earned is not None else None, each.share * 100)
            for each in contributions({**row, **fresh}, scorecard))
        return AccountView(
            account_id, name, identity.external_ids(tx, [account_id]).get(account_id, {}), known_at, lines, parts,
            tuple(_enrollment(each, name) for each in found), tuple(_actions(tx, rows, {account_id: name})),
            tuple(store_enrollments.decisions(tx, account_id=account_id)))


def enrollments(
    db: Database, *, playbook_id: str | None = None, account_id: str | None = None, state: str | None = None,
    limit: int = 50,
) -> list[EnrollmentLine]:
    """Enrollments; `state` "open" is every state but closed."""
    with db.read() as tx:
        found = store_enrollments.list_(tx, playbook_id=playbook_id, account_id=account_id, state=state, limit=limit)
        names = _names(tx, {each.account_id for each in found})
    return [_enrollment(each, names.get(each.account_id, "")) for each in found]


def outbox(
    db: Database, *, state: str | None = None, account_id: str | None = None, limit: int = 50,
) -> list[ActionLine]:
    """Actions, in the order in which they were decided."""
    with db.read() as tx:
        rows = store_outbox.list_(tx, state, account_id=account_id, limit=limit)
        return _actions(tx, rows, _names(tx, {row.account_id for row in rows}))


def plan(
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, now: datetime, *,
    before: Playbook | None = None,
) -> Plan:
    """Who would enter, leave and stay if `playbook` were evaluated now; performs nothing.

    With `before`, the playbook as it is live: whom the change of its conditions brings in and takes out.
    """
    with db.read() as tx:
        snapshot = store_facts.latest(tx)
        if snapshot is None:
            raise ConfigError(NOTHING_DERIVED)
        today = Today(
            snapshot.frame, catalog, now, ZoneInfo(settings.company.timezone),
            store_enrollments.open_of(tx, playbook.id), store_enrollments.last_closed(tx, playbook.id))
    return plan_today(playbook, today, before)


def explain(  # noqa: PLR0917  # a view takes plain parts, not the hub
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, wanted: str, now: datetime,
) -> Explanation:
    """Why `playbook` did or did not fire for the account that `wanted` means.

    Raises:
        ConfigError: there is no such account, or several, or nothing is derived yet.
    """
    with db.read() as tx:
        account_id = find_account(tx, wanted)
        row, _ = _row(tx, account_id)
        opened = store_enrollments.open_of(tx, playbook.id, [account_id]).get(account_id)
        closed = store_enrollments.last_closed(tx, playbook.id, [account_id]).get(account_id)
        decisions = store_enrollments.decisions(tx, enrollment_id=opened.id) if opened else []
        inhibitor = next((
            name for name in playbook.inhibited_by
            if (found := store_enrollments.open_of(tx, name, [account_id]).get(account_id))
            and found.state is not State.BLOCKED), "")
    silent = freshen_row(row, catalog, now).get("account.do_not_contact") is True
    return explain_row(
        playbook, row, catalog, now, enrollment=opened, last_closed=closed, zone=ZoneInfo(settings.company.timezone),
        gates=Gates(silent, inhibitor), entry=next((each for each in decisions if _is_entry(each)), None))


def touched(db: Database, limit: int = 40) -> list[Touched]:
    """The accounts that actions were decided for, the latest first, with what became of each."""
    with db.read() as tx:
        rows = store_outbox.list_(tx, limit=100_000)
        latest: dict[str, list[OutboxRow]] = {}
        for row in rows:
            latest.setdefault(row.enrollment_id, []).append(row)
        chosen = sorted(latest.items(), key=lambda item: (item[1][-1].created_at, item[0]), reverse=True)[:limit]
        names = _names(tx, {each[0].account_id for _, each in chosen})
        lines: dict[str, list[ActionLine]] = {}
        for line in _actions(tx, [row for _, each in chosen for row in each], names):
            lines.setdefault(line.enrollment_id, []).append(line)
        return [
            Touched(each[0].account_id, names.get(each[0].account_id, ""), each[0].playbook_id, enrollment_id,
                    _fired(tx, enrollment_id), tuple(lines[enrollment_id]))
            for enrollment_id, each in chosen]


def match_reviews(db: Database, limit: int = 50) -> list[ReviewLine]:
    """The pairs of accounts that wait for a person, the likeliest first."""
    with db.read() as tx:
        return [ReviewLine(each.left, each.right, each.score, each.reason) for each in review.list_(tx)[:limit]]


def find_account(tx: Transaction, wanted: str) -> str:
    """The account that `wanted` means: our id, an id elsewhere, a domain or a name, in this order.

    Raises:
        ConfigError: there is no such account, or several.
    """
    if current := identity.current(tx, wanted):
        return current
    word = wanted.strip().casefold()
    if theirs := identity.known_as(tx, wanted):
        if len(theirs) > 1:
            raise ConfigError(f'"{wanted}" is the id of {len(theirs)} accounts in different systems: '
                              f'{", ".join(theirs[:5])}. Say which of these')
        return theirs[0]
    snapshot = store_facts.latest(tx)
    frame = snapshot.frame.select(_present(snapshot.frame, ("account_id", "account.domain"))) if snapshot else None
    rows = frame.to_dicts() if frame is not None else []
    domains = {row["account_id"]: str(row.get("account.domain") or "") for row in rows}
    names = _names(tx)
    for known in (domains, names):
        found = [account_id for account_id, text in known.items() if text and text.casefold() == word]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(f'"{wanted}" is the name of {len(found)} accounts: {", ".join(found[:5])}. Say which id')
    written = {name.casefold(): name for name in (*domains.values(), *names.values())}
    near = difflib.get_close_matches(word, written, 1)
    hint = f' Did you mean "{" ".join(written[near[0]].split())}"?' if near else " See them with: steward accounts list"
    raise ConfigError(f'there is no account "{wanted}".{hint}')


_LISTED = ("account_id", "account.name", "account.domain", "account.segment", "health.score", "renewal.days_left",
           "account.arr", "account.csm")


def _present(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in frame.columns]


def _row(tx: Transaction, account_id: str) -> tuple[dict[str, Any], datetime]:
    snapshot = store_facts.latest(tx, [account_id])
    if snapshot is None or snapshot.frame.is_empty():
        raise ConfigError(f'account "{account_id}": {NOTHING_DERIVED}')
    return snapshot.frame.row(0, named=True), snapshot.known_at


def _name(row: Mapping[str, Any], tx: Transaction, account_id: str) -> str:
    return str(row.get("account.name") or _names(tx, {account_id}).get(account_id, ""))


def _names(tx: Transaction, account_ids: set[str] | None = None) -> dict[str, str]:
    return {each.id: each.name for each in identity.accounts(tx, account_ids).values()}


def _enrollment(found: Enrollment, name: str) -> EnrollmentLine:
    return EnrollmentLine(
        found.id, found.playbook_id, found.account_id, name, found.version, found.state.value, found.since,
        found.entered_at, found.closed_at, found.reason, found.arm.value, found.acknowledged_at,
        found.acknowledged_by, tuple(found.body.get("needs_attention", ())))


def _actions(tx: Transaction, rows: Sequence[OutboxRow], names: Mapping[str, str]) -> list[ActionLine]:
    proofs = receipts.of(tx, [row.key for row in rows])
    return [
        ActionLine(
            row.key, row.enrollment_id, row.account_id, names.get(row.account_id, ""), row.playbook_id,
            row.action.kind, *_about(row), row.connection, row.connector, row.delivery_class.value, row.state,
            row.attempts, row.due_at, row.done_at, row.trouble,
            proofs[row.key].external_id if row.key in proofs else None,
            proofs[row.key].url if row.key in proofs else None,
            to.name if isinstance(to := getattr(row.action, "to", None), Recipient) else "")
        for row in rows]


def _about(row: OutboxRow) -> tuple[str, str]:
    """What the action says, and to whom."""
    if isinstance(row.action, OpenCta):
        return row.action.subject, row.action.assignee_email or ""
    to = getattr(row.action, "to", None)
    return row.action.card.title, (to.email or to.channel or "") if isinstance(to, Recipient) else ""


def _fired(tx: Transaction, enrollment_id: str) -> tuple[Clause, ...]:
    """The true clauses with which the enrollment entered, those of `scope` last."""
    for decision in store_enrollments.decisions(tx, enrollment_id=enrollment_id):
        if _is_entry(decision):
            fired = [each for each in decision.clauses if each.verdict is Verdict.TRUE]
            return tuple(sorted(fired, key=lambda each: each.path.startswith("scope")))
    return ()


def _is_entry(decision: Decision) -> bool:
    return decision.to_state == State.ACTIVE and decision.from_state != State.RECOVERING
