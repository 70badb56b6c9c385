"""Why a playbook did or did not fire for an account, as known now or at an earlier instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from steward.engine.explain import Explanation, Standing
from steward.engine.explain import explain as explain_row
from steward.engine.gates import Gates, gate_of
from steward.engine.language import Mode, Playbook, TriggerKind
from steward.engine.load import reload
from steward.engine.step_lines import step_lines
from steward.model.enrollments import State
from steward.model.errors import ConfigError
from steward.model.records import Noun
from steward.pipeline import happenings
from steward.pipeline.calendars import calendars
from steward.pipeline.frames import OWNER, Frames, Seen
from steward.pipeline.gatekeeping import Gatekeeper, asks_work
from steward.store import enrollments as store_enrollments
from steward.store import facts as store_facts
from steward.store import identity, outbox, releases, versions
from steward.store.releases import RETIRED
from steward.views.find import NOTHING_DERIVED, find_account, name_of
from steward.views.gate_words import gates_as_then
from steward.views.standing import Way, ways
from steward.views.subjects import snapshot_of

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection as Transaction

    from steward.contracts import Connector
    from steward.engine.calendars import Calendar
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database
    from steward.store.facts import Snapshot

_IN_FLIGHT = (State.ACTIVE, State.RECOVERING)
_NOUNS = {
    "crm": (Noun.ACCOUNT, Noun.SUBSCRIPTION), "support": (Noun.TICKET,), "survey": (Noun.SURVEY_RESPONSE,),
    "onboarding": (Noun.MILESTONE,),
}


def explain(  # noqa: PLR0917  # a view takes plain parts, not the hub
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, wanted: str, now: datetime,
    *, at: datetime | None = None, connectors: Mapping[str, Connector] | None = None,
) -> tuple[Explanation, ...]:
    """Why `playbook`, which is live, did or did not fire for each of its subjects of the account that `wanted` means.

    With `at`, as known then: the facts, the enrollments and the version of that instant. `connectors` are those of
    the connections, to say what brings which facts.

    Raises:
        ConfigError: there is no such account, or several; nothing was known, or the playbook was not live then.
    """
    with db.read() as tx:
        account = _Account(tx, find_account(tx, wanted), now, at, connectors or {})
        return _one(account, playbook, catalog, settings)


def explain_all(  # noqa: PLR0917  # as above
    db: Database, playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec], settings: Settings, account_id: str,
    now: datetime, *, connectors: Mapping[str, Connector] | None = None,
) -> tuple[Explanation, ...]:
    """The same for several playbooks as it is now, with what they share read once.

    Raises:
        ConfigError: nothing is derived of the account.
    """
    with db.read() as tx:
        account = _Account(tx, account_id, now, None, connectors or {})
        return tuple(answer for each in playbooks for answer in _one(account, each, catalog, settings))


def _one(
    account: _Account, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings,
) -> tuple[Explanation, ...]:
    tx, now, at = account.tx, account.now, account.at
    live = playbook if at is None else _live_then(tx, playbook, catalog, at)
    if account.snapshot is None or account.snapshot.frame.is_empty():
        raise ConfigError(f'account "{account.id}": ' + (f"nothing was known of it at {at:%Y-%m-%d %H:%M}Z"
                                                         if at else NOTHING_DERIVED))
    frames = Frames(tx, account.snapshot.frame, (live,), catalog, at or now, [account.id])
    seen = frames.of(live.subject)
    asking = _Asking(account, live, catalog, settings, at or now, at is not None, frames)
    stood = ways(tx, live.id, account.id, at)
    return tuple(asking.about(seen, row, stood) for row in seen.frame.iter_rows(named=True)) if seen else ()


@dataclass
class _Account:
    """What all questions about one account share, each read once."""

    tx: Transaction
    id: str
    now: datetime
    at: datetime | None
    connectors: Mapping[str, Connector]

    @cached_property
    def snapshot(self) -> Snapshot | None:
        """Its facts, as known now or at `at`."""
        return snapshot_of(self.tx, [self.id], self.at)

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """What brings each group of its facts."""
        return _sources(self.tx, self.id, self.connectors)

    @cached_property
    def opened(self) -> pl.DataFrame:
        """The open enrollments of everybody."""
        return store_enrollments.open_frame(self.tx, self.now)

    @cached_property
    def open_by_owner(self) -> Mapping[str, int]:
        """How many open enrollments that ask work each owner has, of all playbooks together."""
        owned = store_facts.latest(self.tx, names=[OWNER])
        if owned is None:
            return {}
        owner_of = dict(zip(owned.frame["account_id"], owned.frame[OWNER], strict=True))
        counted: Counter[str] = Counter()
        for each in store_enrollments.work(self.tx):
            if owner := owner_of.get(each.account_id):
                counted[owner] += each.count
        return counted


@dataclass(frozen=True, slots=True)
class _Asking:
    """One question about one account: what is the same for all of its subjects."""

    account: _Account
    live: Playbook
    catalog: Mapping[str, FactSpec]
    settings: Settings
    moment: datetime
    then: bool
    frames: Frames

    @property
    def tx(self) -> Transaction:
        return self.account.tx

    def about(self, seen: Seen, row: Mapping[str, Any], stood: Mapping[str, Way]) -> Explanation:
        """The answer for the subject of `row`."""
        subject = str(row[seen.key])
        way = stood.get(subject, Way())
        playbook = self._pinned(way)
        calendar, gates = self._calendar(playbook, row), self._gates(playbook, seen, subject, way)
        standing = Standing(
            calendar, way.opened, way.closed, gates, way.entry, self.live.version,
            tuple(versions.of(self.tx, self.live.id)), "" if self.then else self._room(playbook, row),
            self._asking(playbook, subject), self._steps(playbook, way, calendar, gates))
        named = {**row, "account.name": name_of(row, self.tx, str(row["account_id"]))}
        return explain_row(playbook, named, self.catalog, self.moment, standing, sources=self.account.sources)

    def _pinned(self, way: Way) -> Playbook:
        """The version that an enrollment in flight is on, in the mode of what is live."""
        opened, live = way.opened, self.live
        if opened is None or opened.state not in _IN_FLIGHT or opened.version == live.version:
            return live
        body = versions.body(self.tx, live.id, opened.version)
        return live if body is None else reload(
            body, f"{live.id}@{opened.version}", self.catalog, mode=live.mode, ramp=live.ramp, priority=live.priority)

    def _gates(self, playbook: Playbook, seen: Seen, subject: str, way: Way) -> Gates:
        if self.then:
            line = self.frames.lineage(str(seen.accounts([subject])[subject]))
            inhibiting = {
                name: [found.opened for each in line for found in ways(self.tx, name, each, self.moment).values()
                       if found.opened is not None]
                for name in playbook.inhibited_by}
            return gates_as_then(self.tx, playbook, self.frames, seen, subject, inhibiting, self.moment)
        keeper = Gatekeeper(self.tx, self.frames, (playbook,), self.account.opened, self.moment, False)
        gates = keeper.first(playbook, seen, seen.accounts([subject]))[subject]
        reason = way.opened.reason if way.opened is not None and way.opened.state is State.BLOCKED else ""
        return replace(gates, cap=reason.removeprefix("caps: ")) if gate_of(reason) == "caps" else gates

    def _steps(self, playbook: Playbook, way: Way, calendar: Calendar, gates: Gates) -> tuple[str, ...]:
        """Where it stands in `do`; of an earlier instant nobody kept that."""
        if way.opened is None or self.then:
            return ()
        states = outbox.steps(self.tx, [way.opened.id]).get(way.opened.id, {})
        return step_lines(playbook, way.opened, states, calendar, gates.silenced)

    def _asking(self, playbook: Playbook, subject: str) -> tuple[str, ...]:
        """The events of an event's playbook that no look has used yet."""
        if playbook.trigger.kind is not TriggerKind.EVENT or self.then:
            return ()
        found = happenings.read(self.tx, playbook, (), since=releases.since(self.tx, playbook.id), now=self.moment,
                                account_ids=list(self.frames.accounts.ids))
        return tuple(f"{each.name} {each.happened_at:%Y-%m-%d %H:%M}Z" for each in found.asking.get(subject, ()))

    def _calendar(self, playbook: Playbook, row: Mapping[str, Any]) -> Calendar:
        return calendars(self.settings, self.moment)(
            playbook.calendar, row.get("account.csm_timezone"), row.get("account.timezone"))

    def _room(self, playbook: Playbook, row: Mapping[str, Any]) -> str:
        """ "owner has 11 of 15 open", of all playbooks together."""
        owner = row.get(OWNER)
        if not owner or not asks_work(playbook):
            return ""
        return f"owner has {self.account.open_by_owner.get(owner, 0)} of {playbook.caps.owner} open"


def _live_then(tx: Transaction, playbook: Playbook, catalog: Mapping[str, FactSpec], at: datetime) -> Playbook:
    """The playbook as it was live at `at`."""
    past = releases.history(tx, playbook.id)
    then = next((each for each in past if each.applied_at <= at), None)
    if then is None or then.mode == RETIRED:
        first = f"; it was first applied at {past[-1].applied_at:%Y-%m-%d %H:%M}Z" if past else ""
        raise ConfigError(f'"{playbook.id}" was not live at {at:%Y-%m-%d %H:%M}Z{first}')
    body = versions.body(tx, playbook.id, then.version)
    if body is None or then.version == playbook.version:
        return playbook
    return reload(body, f"{playbook.id}@{then.version}", catalog, mode=Mode(then.mode), ramp=then.ramp,
                  priority=then.priority)


def _sources(tx: Transaction, account_id: str, connectors: Mapping[str, Connector]) -> dict[str, str]:
    """What brings each group of facts of this account: "salesforce", "salesforce and hubspot"."""
    known_in = [name for name in connectors if name in identity.external_ids(tx, [account_id]).get(account_id, {})]
    found = {}
    for group, nouns in _NOUNS.items():
        names = [name for name in known_in if any(each.noun in nouns for each in connectors[name].streams.values())]
        if names:
            found[group] = " and ".join(names)
    return found


