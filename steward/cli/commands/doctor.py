"""`steward doctor`: one line a check; a failed one ends with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steward.cli import show
from steward.cli.options import DEFAULT, Options

if TYPE_CHECKING:
    from steward.contracts import Finding
    from steward.wiring import Hub

_NONE = "0 connections yet: fill in `connections` in steward.yaml"


def doctor(*, options: Options = DEFAULT) -> int:
    """Look at the settings, the database, the playbooks, the connections and what waits."""
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        found = list(_look(hub))
    if options.json:
        show.as_json({"checks": found})
    else:
        for each in found:
            show.finding(each.what, each.ok, each.remedy)
        bad = sum(not each.ok for each in found)
        first = any(each.what == _NONE for each in found)
        following = options.command("connector list" if first else "sync")
        show.line(f"{len(found)} checks passed. Next: {following}" if not bad
                  else f"{bad} of {len(found)} checks failed. Then again: {options.command('doctor')}")
    return 0 if all(each.ok for each in found) else 1


def _look(hub: Hub) -> Iterator[Finding]:
    from steward import views
    from steward.contracts import Finding
    from steward.model.errors import StewardError

    yield Finding(f'settings "{hub.settings.path}"', True)
    yield Finding(f"database {hub.db.dialect}", True)
    yield from _playbooks(hub)
    yield Finding(f"{len(hub.catalog)} facts in the catalog", True)
    yield Finding(f"{len(hub.connectors)} connections" if hub.connectors else _NONE, True)
    yield from _named(hub)
    for name in hub.connectors:
        try:
            for each in hub.connection(name).check():
                yield Finding(f"{name}: {each.what}", each.ok, each.remedy)
        except StewardError as error:
            yield Finding(f"{name}: reach it", False, str(error))
    yield from _written_back(hub)
    yield from _published(hub)
    status = views.sync_status(hub.db, hub.clock(), hub.connectors)
    for stream in status.streams:
        if stream.trouble:
            yield Finding(f"{stream.connection}: the last sync of {stream.stream}", False, stream.trouble)
    if status.refusals or status.drift:
        said = f"{len(status.refusals):,} rows refused, {len(status.drift)} changes of schema in seven days"
        yield Finding(f"syncs: {said} (steward sync status)", True)
    aside = views.count_aside(hub.db)
    yield Finding(f"webhooks: {aside} calls could not be worked off" + (" (steward calls)" if aside else ""), True)
    waiting = views.summary(hub.db)
    for state, remedy in (("failed", "steward outbox list --state failed"),
                          ("unknown", "steward outbox list --state unknown")):
        count = sum(each.get(state, 0) for each in waiting.actions.values())
        yield Finding(f"outbox: {count} {state}", not count, f"Look at them with: {remedy}")


def _playbooks(hub: Hub) -> Iterator[Finding]:
    """What is live, what stands in the folder, and whether the connections can do it."""
    from steward import views
    from steward.contracts import Finding
    from steward.engine.findings import errors_of

    drafts = hub.drafts
    wrong = errors_of(drafts.findings)
    yield Finding(f'{len(drafts.playbooks)} playbooks in "{hub.settings.playbooks}"',
                  bool(drafts.playbooks) and not wrong,
                  f"{len(wrong)} errors. See them with: steward playbook check" if wrong
                  else "Put one there, or correct `playbooks` in steward.yaml.")
    live = hub.playbooks
    for broken in hub.unreadable:
        yield Finding(f'playbook "{broken.playbook_id}" as it is live', False, broken.why)
    differ = [each.id for each in views.playbooks(hub.db, live, drafts.playbooks) if each.draft and each.differs]
    said = f"; not as in the folder: {', '.join(differ)} (steward playbook plan)" if differ else ""
    yield Finding(f"{len(live)} playbooks live{said}", True)
    yield from _able(hub)


def _named(hub: Hub) -> Iterator[Finding]:
    """What the settings call by name and is not there."""
    from steward.contracts import Finding
    from steward.model.words import meant_or_all

    settings = hub.settings
    said = [("routing.message", settings.routing.message), *(("routing.cta", name) for name in settings.routing.cta)]
    said += [(f"truth.{field}", name) for field, names in settings.truth.items() for name in names]
    for place, name in said:
        if name and name not in hub.connectors:
            yield Finding(f"{place} of steward.yaml", False, f'there is no connection "{name}"'
                          + meant_or_all(name, hub.connectors))


def _written_back(hub: Hub) -> Iterator[Finding]:
    """Whether the facts of `writeback` reach the systems that they are written into."""
    from steward.contracts import Finding

    report = hub.write_back(dry=True) if hub.settings.writeback else None
    for wrong in report.wrong if report else ():
        yield Finding("writeback of steward.yaml", False, wrong)
    for each in report.fields if report else ():
        waits = len(each.changes) + each.later + each.on_the_way
        yield Finding(
            f"write back {each.fact} to {each.connection} {each.field}: {each.unchanged} stand there, {waits} wait, "
            f"{each.unknown} not known, {each.failed} refused", not each.failed,
            "See why with: steward outbox list --state failed; then try one again with: steward outbox retry KEY")


def _published(hub: Hub) -> Iterator[Finding]:
    """Whether what `publish` names can be published, and is."""
    from steward import reports
    from steward.contracts import Finding
    from steward.model.errors import ConfigError

    if not hub.settings.publish:
        return
    try:
        waiting = reports.due(hub)
    except ConfigError as error:
        yield Finding("publish of steward.yaml", False, str(error))
        return
    for name in hub.settings.publish:
        said = "due (steward publish)" if name in waiting else "queued for its period"
        yield Finding(f"publish to {name}: {said}", True)


def _able(hub: Hub) -> Iterator[Finding]:
    """Whether the connections can do what those playbooks ask for that act; one in shadow may ask for more."""
    from steward.contracts import Finding
    from steward.engine.check import unperformable
    from steward.engine.language import Mode

    if not hub.connectors:
        return
    able = {action for known in hub.connectors.values() for action in known.actions}
    missing = {each.id: (each.mode, unperformable(each, able)) for each in (*hub.drafts.playbooks, *hub.playbooks)}
    for name, (mode, actions) in missing.items():
        for action in actions if mode in (Mode.LIVE, Mode.RAMP) else ():
            remedy = "No connection can do that. Add one to `connections`, or take the step out of the playbook."
            yield Finding(f'playbook "{name}" can perform "{action}"', False, remedy)
    asleep = sorted({action for mode, actions in missing.values() if mode not in (Mode.LIVE, Mode.RAMP)
                     for action in actions})
    if asleep:
        yield Finding(f"playbooks in shadow ask for what no connection can do yet: {', '.join(asleep)}", True)
