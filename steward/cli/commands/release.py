"""`steward playbook apply, rollback, pause, resume, retire, migrate, enroll`: what is live, and who is in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import chosen, show
from steward.cli.chosen import By, Note, Yes
from steward.cli.commands.plan import plans_of, tell, with_sums
from steward.cli.options import DEFAULT, Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steward.engine.language import Playbook
    from steward.operate import Moved, Released
    from steward.views.releases import Short
    from steward.wiring import Hub


def apply(
    *playbooks: str,
    file: Annotated[Path | None, Parameter(help="Apply this file instead of what is in the folder.")] = None,
    yes: Yes = False, by: By = chosen.ME, note: Note = "", options: Options = DEFAULT,
) -> int:
    """Make the drafts of PLAYBOOKS live, all that differ where none is named: shows the plan first, and asks."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        drafts = [each for each in hub.draft(playbooks, file) if _differs(hub, each)]
        plans = plans_of(hub, drafts) if drafts and _is_derived(hub) else []
        if not options.json:
            tell(plans, views.short_versions(hub.db))
            _warn(hub, drafts, options)
        again = options.command(" ".join(("playbook apply", *playbooks, *(("--file", str(file)) if file else ()),
                                          "--yes")))
        if drafts and not chosen.agreed(f"Make {_count(len(drafts), 'playbook')} live?", yes, again):
            show.line("Nothing was applied.")
            return 0
        done = hub.apply(drafts, by, note)
        short = views.short_versions(hub.db)
    if options.json:
        show.as_json({"applied": done, "plans": [with_sums(each) for each in plans]})
        return 0
    for each in done:
        name = each.now.playbook_id
        was = f", before {short(name, each.before.version)} {each.before.mode}" if each.before else ""
        anew = f"; {each.closed} that were in shadow may begin anew" if each.closed else ""
        show.line(f"{name}@{short(name, each.now.version)} is {_mode(each)}{was}{anew}")
    what = f"applied {_count(len(done), 'playbook')}" if done else "nothing differs from what is live"
    show.line(f"{what}. Next: {options.command('evaluate' if done else 'playbook list')}")
    return 0


def _warn(hub: Hub, drafts: Sequence[Playbook], options: Options) -> None:
    """What works, but hardly as meant."""
    files = {each.file for each in drafts}
    count = sum(each.file in files for each in hub.drafts.findings)
    if count:
        show.line(f"{_count(count, 'warning')}; see: {options.command('playbook check')}")


def _differs(hub: Hub, draft: Playbook) -> bool:
    live = next((each for each in hub.playbooks if each.id == draft.id), None)
    told = [(each.version, each.mode, each.ramp, each.priority) for each in (live, draft) if each is not None]
    return len(told) < 2 or told[0] != told[1]


def _is_derived(hub: Hub) -> bool:
    """Whether there are facts to plan with; before the first sync a playbook may be applied all the same."""
    from steward import views

    return views.summary(hub.db).known_at is not None


def rollback(playbook: str, *, by: By = chosen.ME, note: Note = "", options: Options = DEFAULT) -> int:
    """Make the version of PLAYBOOK live again that was live before, or that is named, as ID@7c1e; in its mode then."""
    from steward import operate, views
    from steward.wiring import open_hub

    name, _, to = playbook.partition("@")
    with open_hub(options.config) as hub:
        done = operate.rollback(hub.db, name, by, hub.clock(), note, to=to)
        short = views.short_versions(hub.db)
    said = f"{name}@{short(name, done.now.version)} is {_mode(done)}"
    if done.changed:
        said += f" again, in place of {short(name, done.before.version) if done.before else 'nothing'}"
    return _told(done, options, said, "evaluate")


def pause(playbook: str, *, by: By = chosen.ME, note: Note = "", options: Options = DEFAULT) -> int:
    """Stop everything of PLAYBOOK: nobody enters, nothing is performed, all clocks stand."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        done = operate.pause(hub.db, playbook, by, hub.clock(), note)
    return _told(done, options, f"{playbook} is paused", f"playbook resume {playbook}")


def resume(playbook: str, *, by: By = chosen.ME, note: Note = "", options: Options = DEFAULT) -> int:
    """Let PLAYBOOK go on in the mode that it had before it was paused."""
    from steward import operate, views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        done = operate.resume(hub.db, playbook, by, hub.clock(), note)
        version = views.short_versions(hub.db)(playbook, done.now.version)
    return _told(done, options, f"{playbook}@{version} is {_mode(done)}", "evaluate")


def retire(
    playbook: str, *, yes: Yes = False, by: By = chosen.ME, note: Note = "", options: Options = DEFAULT,
) -> int:
    """Take PLAYBOOK out of use: nobody enters, what is open is closed as cancelled. Asks first."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        if playbook not in [each.playbook_id for each in hub.unreadable]:
            hub.live(playbook)
        if not chosen.agreed(f"Retire {playbook}, and close what is open?", yes,
                             options.command(f"playbook retire {playbook} --yes")):
            return 0
        done = operate.retire(hub.db, playbook, by, hub.clock(), note)
    return _told(done, options, f"{playbook} is retired; {done.closed} enrollments were closed", "playbook list")


def enroll(playbook: str, account: str, *, by: By = chosen.ME, options: Options = DEFAULT) -> int:
    """Enrol ACCOUNT (our id, a domain or a name) by hand into PLAYBOOK, whose trigger is manual."""
    from steward import operate, views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        live = hub.live(playbook)
        with hub.db.read() as tx:
            account_id = views.find_account(tx, account)
        done = operate.enroll(hub.db, live, account_id, by, hub.clock())
    if options.json:
        show.as_json({"enrollment": done.enrollment, "changed": done.changed})
    elif done.changed:
        show.line(f"{done.enrollment.id} waits for the next look. Next: {options.command('evaluate')}")
    else:
        show.line(f"nothing to do: {done.enrollment.id} is {done.enrollment.state.value} since "
                  f"{done.enrollment.since:%Y-%m-%d %H:%M}Z. "
                  f"Next: {options.command(f'explain {account_id} --playbook {playbook}')}")
    return 0


def migrate(playbook: str, *, yes: Yes = False, by: By = chosen.ME, options: Options = DEFAULT) -> int:
    """Let those in flight on older versions of PLAYBOOK go on with the live one: shows the map, and asks."""
    from steward import operate, views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        live, shown = hub.live(playbook), views.short_versions(hub.db)
        now, older = hub.clock(), (lambda version: hub.version(playbook, version))
        to = shown(playbook, live.version)
        moves = operate.migrate(hub.db, live, older, by, now, perform=False)
        before = {found.was for found in moves if found.path is None}
        if not options.json:
            _map(hub, live, moves, shown)
        going = sum(each.path is not None for each in moves)
        if going and not chosen.agreed(f"Let {going} go on with {to}?", yes,
                                       options.command(f"playbook migrate {playbook} --yes")):
            return 0
        done = operate.migrate(hub.db, live, older, by, now) if going else moves
    if options.json:
        show.as_json({"playbook": playbook, "to": live.version, "enrollments": [
            {"enrollment": each.enrollment.id, "at": each.path, "trouble": each.trouble} for each in done]})
        return 0
    left = ", ".join(shown(playbook, each) for each in sorted(before))
    stays = f", {len(done) - going} stay on {left}" if going < len(done) else ""
    show.line(f"{going} go on with {to}{stays}. Next: "
              f"{options.command('evaluate' if going else f'enrollments --playbook {playbook}')}")
    return 0


def _map(hub: Hub, live: Playbook, moves: Sequence[Moved], short: Short) -> None:
    """Each older version: which step leads where, and how many stand where."""
    from steward.engine.migrate import step_images

    for version, count in sorted(Counter(each.was for each in moves).items()):
        old = hub.version(live.id, version)
        show.line(f"{live.id}@{short(live.id, version)} -> {short(live.id, live.version)}: {count} in flight")
        for path, image in step_images(old, live) if old else ():
            show.line(f"  {path} -> {image or 'no step: who stands there stays behind'}")
    at = Counter(each.path or "stays" for each in moves)
    for path, count in sorted(at.items()):
        show.line(f"  {count} {'stay' if path == 'stays' else f'go on at {path}'}")


def _told(done: Released, options: Options, said: str, following: str) -> int:
    if options.json:
        show.as_json({"release": done.now, "before": done.before, "changed": done.changed, "closed": done.closed})
    else:
        show.line(f"{said}{'' if done.changed else ' already'}. Next: {options.command(following)}")
    return 0


def _mode(done: Released) -> str:
    return f"live for {done.now.ramp:.0%}" if done.now.mode == "ramp" else done.now.mode


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
