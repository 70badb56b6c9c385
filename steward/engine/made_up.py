"""A made-up subject of a case: its facts, its events and what people do at a tick in, where it stands then out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from steward.engine.calendars import Calendar
from steward.engine.case_file import Case, Cases
from steward.engine.freshness import freshen_row
from steward.engine.gates import Gates, gate_of
from steward.engine.language import Playbook, Step, Subject
from steward.engine.lifecycle import advance
from steward.engine.look import Look, Planned, Verdicts
from steward.engine.moves import cooldown_from
from steward.engine.sweep import closures_of
from steward.model.enrollments import Arm, Enrollment, State, Verdict
from steward.model.facts import FactSpec

EVENTS_WAIT = timedelta(days=7)             # so long an event asks for entry while `when` is unknown
CSM_ZONE, ACCOUNT_ZONE = "account.csm_timezone", "account.timezone"


@dataclass(frozen=True, slots=True)
class World:
    """What all subjects of a case share."""

    playbook: Playbook
    cases: Cases
    case: Case
    catalog: Mapping[str, FactSpec]

    def now(self, tick: int) -> datetime:
        """The instant of `tick`."""
        return self.cases.start + tick * self.cases.tick

    def row(self, name: str, tick: int) -> dict[str, Any]:
        """The facts of `name` as they are known at `tick`; a feed that stands still brings old ones."""
        case, seen = self.case, dict[str, Any]()
        given = {fact: (value,) for fact, value in case.given.items()}
        brought = {spec.group: self._brought(spec.group, tick) for spec in self.catalog.values()}
        for fact, values in {**given, **case.series[name]}.items():
            seen[fact] = values[min(brought[self.catalog[fact].group], len(values) - 1)]
        dates = {f"as_of.{group}": self.now(at) for group, at in brought.items()}
        return {**freshen_row({**seen, **dates}, self.catalog, self.now(tick)), "account_id": name}

    def _brought(self, feed: str, tick: int) -> int:
        """The tick of the last data of `feed`; before the first one it had already brought some."""
        span = next((span for span in self.case.stale.get(feed, ()) if span.holds(tick)), None)
        return max(0, span.first - 1) if span else tick


@dataclass
class MadeUp:
    """One subject and its way through the playbook."""

    name: str
    open: Enrollment | None = None
    closed: Enrollment | None = None
    done: list[str] = field(default_factory=list)           # kinds of steps, since the expectation before
    entered: list[datetime] = field(default_factory=list)
    asks: list[tuple[str, datetime]] = field(default_factory=list)      # causes that wait for entry
    sent: dict[str, tuple[str, int]] = field(default_factory=dict)      # whole key -> path, tick

    def look(self, world: World, tick: int) -> None:
        """What happens at `tick`."""
        switched_on = world.case.switched_on
        self._people(world, tick)
        revoked = self._events(world, tick)
        if switched_on is not None and tick < switched_on:
            return
        row, now = world.row(self.name, tick), world.now(tick)
        seen = Verdicts({path: ask(row) for path, ask in closures_of(world.playbook).items()})
        delivered, failed = self._receipts(world, tick)
        look = Look(
            world.playbook, self.name, seen, now, calendar_of(world, row), self._gates(world, tick, row),
            subject_id="" if world.playbook.subject is Subject.ACCOUNT else self.name, revoked=revoked,
            delivered=delivered, failed=failed, switched_on=switched_on == tick,
            true_since=self._true_since(world, tick) if switched_on == tick else None,
            cause=self._cause(seen, now))
        step = advance(look, self.open, self.closed)
        after = step.enrollment
        if look.cause and after is not None:
            self.asks = [ask for ask in self.asks if ask[0] != look.cause]
        if step.enters:
            self.entered.append(now)
        if after is not None and after.arm is Arm.TREATMENT:
            self.done += [kind_of(world.playbook, planned) for planned in step.planned]
            self.sent.update({planned.key: (planned.path, tick) for planned in step.planned})
        self.open = after
        if after is not None and after.state is State.CLOSED:
            self.open, self.closed = None, after

    def labels(self, playbook: Playbook, now: datetime, calendar: Calendar) -> tuple[str, ...]:
        """What may be said of where it stands, the usual word first."""
        if self.open is not None:
            state, gate = self.open.state.value, gate_of(self.open.reason)
            more = (f"{state}:{gate}",) if gate else ()
            held = ("needs_attention",) if self.open.body.get("needs_attention") else ()
            return (state, *more, *held, self.open.arm.value)
        if self.closed is None:
            return ("idle",)
        since = cooldown_from(self.closed)
        cooling = since is not None and playbook.again_after.after(since, calendar) > now
        return ("cooldown" if cooling else "idle", self.closed.reason, State.CLOSED.value)

    def _people(self, world: World, tick: int) -> None:
        """Who is taken in hand, approved or enrolled by hand at this tick."""
        case, now = world.case, world.now(tick)
        if case.enrolled.get(self.name) == tick:
            self.asks.append((f"manual:case@{now.isoformat()}", now))
        if self.open is None:
            return
        if case.acknowledged.get(self.name, tick + 1) <= tick and not self.open.acknowledged_at:
            self.open = replace(self.open, acknowledged_at=now, acknowledged_by="case")
        said = [word for at, words in case.approved.get(self.name, {}).items() if at <= tick for word in words]
        if not said:
            return
        body = dict(self.open.body)
        if "" in said and self.open.state is State.AWAITING_APPROVAL:
            body["approved_by"] = "case"
        yes = {step.key: "case" for step in world.playbook.steps() if step.approve and (
            "" in said or step.path in said or (step.id and step.id in said))}
        if yes:
            body["approvals"] = {**body.get("approvals", {}), **yes}
        self.open = replace(self.open, body=body)

    def _events(self, world: World, tick: int) -> bool:
        """Note what happens; whether it undoes what began the open enrollment."""
        happened = world.case.events.get(self.name, {}).get(tick, ())
        trigger, undoes = world.playbook.trigger.event, world.playbook.revoke_on
        for event in happened:
            if trigger and _same(event, trigger) and self.open is None:
                self.asks.append((f"event:{event}@{tick}", world.now(tick)))
        return self.open is not None and isinstance(undoes, str) and any(_same(event, undoes) for event in happened)

    def _cause(self, seen: Verdicts, now: datetime) -> str | None:
        """What asks for entry now. FALSE consumes it, and so does an open enrollment; UNKNOWN lets it wait."""
        verdicts = (seen.of("when"), seen.of("scope"))
        if self.open is not None or Verdict.FALSE in verdicts:
            self.asks.clear()
        self.asks = [(cause, at) for cause, at in self.asks if now - at <= EVENTS_WAIT]
        return self.asks[0][0] if self.asks else None

    def _gates(self, world: World, tick: int, row: Mapping[str, Any]) -> Gates:
        def on(spans: Mapping[str, Any]) -> bool:
            return any(span.holds(tick) for span in spans.get(self.name, ()))

        case, playbook = world.case, world.playbook
        return Gates(
            do_not_contact=row.get("account.do_not_contact") is True,
            inhibited_by=next(iter(playbook.inhibited_by), "another") if on(case.inhibited) else "",
            over_limit=playbook.limit.count if on(case.over_limit) else None,
            silenced="by the case" if on(case.silenced) else "", entered_at=tuple(self.entered),
            cap="by the case" if on(case.capped) else "", control=self.name in case.control)

    def _receipts(self, world: World, tick: int) -> tuple[frozenset[str], frozenset[str]]:
        """The keys of what is delivered by now, and of what was given up."""
        delivered, failed = set[str](), set[str]()
        late = world.case.delivered.get(self.name, {})
        given_up = world.case.failed.get(self.name, ())
        for key, (path, planned_at) in self.sent.items():
            names = {path, next((step.id for step in world.playbook.steps() if step.path == path), "")} - {""}
            if names & set(given_up):
                if tick > planned_at:
                    failed.add(key)
            elif tick >= max((late[name] for name in names if name in late), default=planned_at + 1):
                delivered.add(key)
        return frozenset(delivered), frozenset(failed)

    def _true_since(self, world: World, tick: int) -> datetime | None:
        """Since when `when` is true without a break, as snapshots of the ticks before say."""
        ask, first = closures_of(world.playbook)["when"], None
        for before in range(tick, -1, -1):
            if ask(world.row(self.name, before)) is not True:
                break
            first = before
        return None if first is None else world.now(first)


def calendar_of(world: World, row: Mapping[str, Any]) -> Calendar:
    """The clock's calendar, in the zone of the owner or the account where their facts say it."""
    usual = world.cases.calendar
    zone = row.get(ACCOUNT_ZONE if world.playbook.calendar == "account" else CSM_ZONE)
    try:
        return replace(usual, zone=ZoneInfo(zone)) if zone else usual
    except (ValueError, OSError, KeyError):
        return usual


def kind_of(playbook: Playbook, planned: Planned) -> str:
    """ "cta", "message" or "escalate": what a case calls it."""
    return "escalate" if planned.part == "escalate" else step_at(playbook, planned.path).do.kind


def step_at(playbook: Playbook, path: str) -> Step:
    """The step that stands at `path`."""
    return next(each for each in playbook.steps() if each.path == path)


def _same(event: str, asked: str) -> bool:
    """Whether an event is one that is asked for; where one of both names no connection, any will do."""
    return event == asked or event.partition(".")[2] == asked or asked.partition(".")[2] == event
