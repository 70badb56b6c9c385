"""Puts the parts together: the only module that knows the connectors and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Leases, Telling, Tools
from steward.model.errors import ConfigError, PlaybookError, StewardError, TryAgain
from steward.model.words import meant_or_all
from steward.settings import Settings, in_words, load_settings

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.engine.load import Folder
    from steward.facts.scorecard import Scorecard
    from steward.model.facts import FactSpec
    from steward.operate import Released
    from steward.pipeline.audit import AuditReport
    from steward.pipeline.deliver import DeliverReport
    from steward.pipeline.derive import DeriveReport
    from steward.pipeline.editions import Unreadable
    from steward.pipeline.evaluate import EvaluateReport
    from steward.pipeline.receive import InboxWriter, ReceiveOutcome
    from steward.pipeline.reconcile import Reconciled
    from steward.pipeline.sync import OnPage, SyncReport
    from steward.pipeline.writeback import WriteBackReport
    from steward.store.database import Database
    from steward.store.outbox import OutboxRow
    from steward.store.releases import Release

NOTHING_LIVE = ("no playbook is live: what stands in the folder decides nothing before it is applied. "
                "See what it would do, and make it live, with: steward playbook apply")


def utc_now() -> datetime:
    """The instant it is, aware, in UTC."""
    return datetime.now(UTC)


def installed() -> dict[str, Connector]:
    """Every connector in the folder `connectors`, by name."""
    import connectors
    from steward.kit.discovery import discover

    return discover(connectors)


def shipped_playbooks() -> Path:
    """The folder of the playbooks that come with Steward."""
    return Path(__file__).resolve().parent.parent / "playbooks"


@dataclass
class Hub:
    """One company's Steward. `connection` connects late: a door that needs none contacts none."""

    settings: Settings
    db: Database
    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    _connected: dict[str, Connection] = field(default_factory=dict)
    _live: Mapping[str, Release] = field(default_factory=dict)
    _playbooks: tuple[Playbook, ...] = ()
    _unreadable: tuple[Unreadable, ...] = ()

    @cached_property
    def connectors(self) -> Mapping[str, Connector]:
        """The connector of each connection in `steward.yaml`, by the connection's name."""
        import connectors
        from steward.kit.discovery import load

        return {name: load(connectors, block.connector) for name, block in self.settings.connections.items()}

    def connection(self, name: str) -> Connection:
        """The connection called `name`, made at the first asking."""
        if name not in self._connected:
            if name not in self.connectors:
                known = meant_or_all(name, self.connectors)
                raise ConfigError(f'"{self.settings.path}" has no connection "{name}"{known}')
            self._connected[name] = connect(
                self.connectors[name], name, self.settings, self.clock, self.sleep, self._leases)
        return self._connected[name]

    def may_tell(self, name: str, target_url: str) -> None:
        """Raises RecordRejected where the connection `name` would never post an event to `target_url`."""
        sink = self.connection(name).sink
        if isinstance(sink, Telling):
            sink.may_tell(target_url)

    def _leases(self, name: str, change: Callable[[str], str]) -> None:
        from steward.store import budgets

        budgets.change(self.db, name, change)

    @property
    def sockets(self) -> tuple[str, ...]:
        """The connections on which vendors call us by a line that we open."""
        found = []
        for name, connector in self.connectors.items():
            try:
                if connector.socket and self.connection(name).socket is not None:
                    found.append(name)
            except StewardError:
                continue                       # set up wrongly: `doctor` says so, and the others are heard
        return tuple(found)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The usage metrics that facts are made of."""
        from steward.facts.catalog import DEFAULT_METRICS

        return self.settings.usage_metrics or DEFAULT_METRICS

    @cached_property
    def catalog(self) -> Mapping[str, FactSpec]:
        from steward.facts.catalog import catalog

        return catalog(self.metrics, self.settings.company.currency, self.settings.facts)

    @cached_property
    def scorecard(self) -> Scorecard:
        from steward.facts.scorecard import load_scorecard

        return load_scorecard(self.settings.scorecard, self.catalog)

    @property
    def playbooks(self) -> tuple[Playbook, ...]:
        """The playbooks that are live: what was applied, whatever stands in the folder; read anew once that changes.

        One that can be read no more, as when a fact of the company's own is gone, is not among them: `unreadable`.
        """
        from steward.pipeline.editions import read_live
        from steward.store import releases, versions

        with self.db.read() as tx:
            live = releases.live(tx)
            if live == self._live:
                return self._playbooks
            bodies = versions.bodies(tx, [(each.playbook_id, each.version) for each in live.values()])
        self._playbooks, self._unreadable = read_live(live, bodies, self.catalog)
        self._live = live
        return self._playbooks

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """Those that are live and can be read no more, each with the reason: what is open of them stands still."""
        _ = self.playbooks
        return self._unreadable

    @cached_property
    def drafts(self) -> Folder:
        """What stands in the folder of the playbooks, right or wrong: a draft decides nothing before it is applied."""
        from steward.engine.load import read_folder

        return read_folder(self.settings.playbooks, self.catalog, tuple(self.settings.company.calendars))

    # ---- the verbs, with this company's parts ----

    def sync(self, name: str, on_page: OnPage | None = None) -> SyncReport:
        """Pull what changed from the connection `name`."""
        from steward.pipeline.notify import notify
        from steward.pipeline.sync import sync

        connection = self.connection(name)
        report = sync(self.db, name, self.connectors[name], connection, self.clock, self.sleep,
                      on_page=on_page, truth=self.settings.truth, order=tuple(self.connectors))
        notify(self.db, name, self.settings.routing, self.connectors, self.clock())
        return report

    def audit(self, name: str, streams: Sequence[str] | None = None, sample: int | None = None) -> AuditReport:
        """Compare what is stored of the connection `name` with what its source says now, field by field."""
        from steward.pipeline.audit import audit

        return audit(self.db, name, self.connectors[name], self.connection(name), self.sleep,
                     streams=streams, sample=sample)

    def reconcile(
        self, name: str, streams: Sequence[str] | None = None, *, confirmed: bool = False,
    ) -> Reconciled:
        """Make tombstones of what the source of the connection `name` has no more."""
        from steward.pipeline.reconcile import reconcile

        return reconcile(self.db, name, self.connectors[name], self.connection(name), self.clock, sleep=self.sleep,
                         streams=streams, confirmed=confirmed)

    def reconcile_silent(self) -> tuple[Reconciled, ...]:
        """The same of every connection whose source tells of no deletions; one that is not there stops no other."""
        from steward.pipeline.reconcile import Reconciled, StreamReconciled

        found = []
        for name, connector in self.connectors.items():
            if connector.streams and not connector.tells_deletions:
                try:
                    found.append(self.reconcile(name))
                except StewardError as error:
                    found.append(Reconciled(name, (StreamReconciled("", trouble=str(error)),)))
                except Exception as error:  # noqa: BLE001  as above; its text may hold anything, so it is not kept
                    what = f"{type(error).__name__}. This is a bug; report it."
                    found.append(Reconciled(name, (StreamReconciled("", trouble=what),)))
        return tuple(found)

    def derive(self, account_ids: Sequence[str] | None = None) -> DeriveReport:
        """Derive the facts of all accounts, or of those named."""
        from steward.pipeline.derive import derive
        from steward.pipeline.editions import awaited

        live = self.playbooks
        waited_for = {name for each in live for name in (each.trigger.event, each.revoke_on)
                      if isinstance(name, str) and name}
        with self.db.read() as tx:
            waited_for |= awaited(tx)
        return derive(self.db, self.settings, self.catalog, self.scorecard, self.clock(),
                      connectors=self.connectors, account_ids=account_ids, events=waited_for,
                      subjects={each.subject.value for each in (*live, *self.drafts.playbooks)} - {"account"})

    def evaluate(self, account_ids: Sequence[str] | None = None) -> EvaluateReport:
        """Evaluate every playbook that is live over all accounts, or over those named.

        Raises:
            ConfigError: none was ever applied.
        """
        from steward.pipeline.announce import announce
        from steward.pipeline.evaluate import evaluate

        playbooks = self.playbooks
        if not playbooks and not self._unreadable:
            raise ConfigError(NOTHING_LIVE)
        report = evaluate(self.db, playbooks, self.catalog, self.settings, self.connectors, self.clock(), account_ids,
                          self._unreadable)
        announce(self.db, self.settings, self.connectors, playbooks, self.clock())
        return report

    def write_back(self, *, dry: bool = False) -> WriteBackReport:
        """Decide which facts of the settings' `writeback` are written into other systems; `dry`: only say so."""
        from steward.pipeline.writeback import plan_write_back, write_back

        decide = plan_write_back if dry else write_back
        return decide(self.db, self.settings, self.catalog, self.connectors, self.clock())

    def draft(self, names: Sequence[str] = (), file: Path | None = None) -> tuple[Playbook, ...]:
        """The drafts called `names`, all where none is named; with `file`, the one in it and not those of the folder.

        Raises:
            PlaybookError: one of them is wrong.
            ConfigError: there is no such draft, or none at all.
        """
        from steward.engine.findings import errors_of, playbook_error
        from steward.engine.load import load_file

        if file is not None:
            calendars = tuple(self.settings.company.calendars)
            return (load_file(file, self.catalog, self.settings.playbooks, calendars),)
        known = {each.id: each for each in self.drafts.playbooks}
        wrong = errors_of(self.drafts.findings)
        unknown = [name for name in names if name not in known]
        chosen = [each for each in known.values() if not names or each.id in names]
        if wrong and (unknown or not names or {each.file for each in wrong} & {each.file for each in chosen}):
            raise playbook_error(self.drafts.findings)
        if unknown:
            raise ConfigError(f'"{self.settings.playbooks}" has no playbook "{unknown[0]}"'
                              f"{meant_or_all(unknown[0], known)}")
        if not chosen:
            raise ConfigError(f'there is no playbook in "{self.settings.playbooks}"')
        return tuple(chosen)

    def live(self, name: str) -> Playbook:
        """The playbook `name` as it is live. Raises ConfigError where it is not, or can be read no more."""
        known = {each.id: each for each in self.playbooks}
        if broken := next((each for each in self._unreadable if each.playbook_id == name), None):
            raise ConfigError(broken.why)
        if name not in known:
            raise ConfigError(f'no playbook "{name}" is live{meant_or_all(name, known)}')
        return known[name]

    def named(self, label: str) -> Playbook:
        """The version that is written as people see it, "health_drop@7c1e", by as few digits as tell it apart.

        Raises:
            ConfigError: there is no such version, or several; or it can be read no more.
        """
        from steward.model.versions import meant
        from steward.store import versions

        name, _, beginning = label.partition("@")
        with self.db.read() as tx:
            found = meant(beginning, name, versions.of(tx, name))
        playbook = self.version(name, found)
        if playbook is None:
            raise ConfigError(f'"{label}" can be read no more: a fact or a calendar that it names is gone')
        return playbook

    def version(self, name: str, version: str) -> Playbook | None:
        """A version of the playbook `name`, in the mode of what is live; None where it is not kept, or not readable."""
        from steward.engine.load import reload
        from steward.store import versions

        live = self.live(name)
        with self.db.read() as tx:
            body = versions.body(tx, name, version)
        if body is None:
            return None
        try:
            return reload(body, f"{name}@{version}", self.catalog, mode=live.mode, ramp=live.ramp,
                          priority=live.priority)
        except PlaybookError:
            return None

    def apply(self, playbooks: Sequence[Playbook], by: str, note: str = "") -> tuple[Released, ...]:
        """Make `playbooks` live as they stand."""
        from steward import operate

        return operate.apply(self.db, playbooks, by, self.clock(), note)

    def deliver(
        self, on_done: Callable[[OutboxRow, str], None] | None = None, *, publishing: bool = False,
    ) -> DeliverReport:
        """Deliver what is due: `publishing`, tables for BI tools, each within an hour; else all other actions."""
        from steward.pipeline.deliver import deliver
        from steward.pipeline.sending import PUBLISHING, USUAL

        return deliver(self.db, _Late(self), self.connectors, self.clock, self.sleep, on_done=on_done, slow=publishing,
                       pace=PUBLISHING if publishing else USUAL)


    def inbox_writer(self) -> InboxWriter:
        """What makes the calls of many vendors durable in few commits; close it in the end."""
        from steward.pipeline.receive import InboxWriter

        return InboxWriter(self.db)

    def receive(self, name: str, headers: Mapping[str, str], body: bytes, writer: InboxWriter) -> ReceiveOutcome:
        """Verify and store one call to the connection `name`; durable once this returns."""
        from steward.pipeline.receive import receive

        inbox = self.connection(name).inbox
        if inbox is None:
            raise ConfigError(f'the connection "{name}" takes no calls')
        return receive(self.db, name, inbox, headers, body, now=self.clock(), writer=writer)

    def take(self, name: str, body: bytes, writer: InboxWriter) -> ReceiveOutcome:
        """Store one call that came on the line that the connection `name` opened; durable once this returns."""
        from steward.pipeline.receive import keep

        inbox = self.connection(name).inbox
        assert inbox, f"{name} opened a line and cannot read what comes on it"
        return keep(self.db, name, inbox, body, now=self.clock(), writer=writer)

    def work_off(self) -> bool:
        """Work off some of the calls that wait: records, facts, decisions, actions; whether any waited.

        Accounts that could not be looked at, as the database was busy or the process died, are looked at the next time;
        those that a fault of ours keeps from it are left to the next sweep, so that they stop nobody else.
        """
        from steward import operate
        from steward.pipeline.drain import Identify, drain
        from steward.store import touched

        report = drain(self.db, _Late(self), self.connectors, operate.acknowledge_in, self.clock(),
                       identify=Identify(self.settings.truth, tuple(self.connectors)))
        with self.db.read() as tx:
            left = touched.list_(tx)
        if left:
            try:
                self._look_at(sorted(left))
            except TryAgain:
                raise
            except Exception:
                self._strike(left)
                raise
            self._strike(left)
        if left or report.responses:
            self.deliver()
        return bool(report.done + report.parked)

    def _look_at(self, account_ids: Sequence[str]) -> None:
        self.derive(account_ids)
        if self.playbooks or self._unreadable:
            self.evaluate(account_ids)

    def _strike(self, looked_at: Mapping[str, str]) -> None:
        from steward.store import touched

        with self.db.write() as tx:
            touched.strike(tx, looked_at)

    def ping(self) -> None:
        """Raise Unavailable unless the database answers."""
        with self.db.read():
            return

    def tidy(self) -> int:
        """Let go what nobody will ask for: thin the snapshots, forget old calls and decisions in the middle of what
        is long closed, values written back that stand no more, delete unseen files; how many."""
        from steward.store import enrollments, facts, inbox, notices, publications, written

        with self.db.write() as tx:
            facts.thin(tx, self.clock())
            now = self.clock()
            gone = inbox.forget(tx, now) + enrollments.forget(tx, now) + notices.forget(tx, now)
            gone += written.forget(tx, now)
            gone += publications.sweep(tx, self.db.data_dir, now)
            return gone + self.db.lake.sweep(tx, self.clock())


class _Late(Mapping[str, Connection]):
    """The connections of a hub, each made when it is asked for: one that is set up wrongly stops only its own."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __getitem__(self, name: str) -> Connection:
        if name not in self._hub.connectors:
            raise KeyError(name)
        return self._hub.connection(name)

    def __contains__(self, name: object) -> bool:
        return name in self._hub.connectors

    def __iter__(self) -> Iterator[str]:
        return iter(self._hub.connectors)

    def __len__(self) -> int:
        return len(self._hub.connectors)


def connect(  # noqa: PLR0917  six parts, each of another kind
    connector: Connector, name: str, settings: Settings, clock: Callable[[], datetime], sleep: Callable[[float], None],
    leases: Leases | None = None,
) -> Connection:
    """The connection `name` of `settings`.

    Raises:
        ConfigError: a setting is missing or wrong; the message names it and never quotes a value.
    """
    from pydantic import ValidationError

    from steward.kit.discovery import missing

    if lacking := missing(connector):
        raise ConfigError(f"{settings.path}: connections.{name}: {lacking}")
    try:
        own = connector.load_settings().model_validate(settings.connections[name].settings)
    except ValidationError as error:
        faults = "; ".join(
            f'"{".".join(str(part) for part in fault["loc"])}": {in_words(fault["msg"])}'
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigError(
            f"{settings.path}: connections.{name}.settings: {faults}. See connectors/{connector.name}/README.md"
        ) from None
    folder = settings.path.parent               # where relative paths of its settings start, as all others do
    paths = {field: folder / value for field, value in own if isinstance(value, Path)}
    tools = Tools(now=clock, sleep=sleep, public_url=settings.web.public_url, leases=leases)
    return connector.connect(own.model_copy(update=paths), tools)


@contextmanager
def open_hub(path: Path, clock: Callable[[], datetime] = utc_now) -> Iterator[Hub]:
    """The hub of the `steward.yaml` at `path`, with its database open."""
    from steward.store.database import Database

    settings = load_settings(path)
    db = Database.open(settings.database_url(), settings.store.data_dir)
    try:
        yield Hub(settings, db, clock)
    finally:
        db.close()
