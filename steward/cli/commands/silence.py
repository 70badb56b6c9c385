"""`steward playbook silence`: quiet for a while, with who asked and why."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from steward.cli import chosen, show
from steward.cli.chosen import By
from steward.cli.options import DEFAULT, Options
from steward.model.errors import ConfigError


def silence(
    *, until: Annotated[str, Parameter(help="Its end: 3d, 12h, or an instant as 2026-03-09T08:00Z.")],
    reason: Annotated[str, Parameter(help="Why; whoever finds nothing done reads it.")],
    playbook: Annotated[str, Parameter(help="Only this playbook.")] = "",
    account: Annotated[str, Parameter(help="Only this account: our id, a domain or a name.")] = "",
    owner: Annotated[str, Parameter(help="Only accounts of this CSM, by e-mail.")] = "",
    fact: Annotated[tuple[str, ...], Parameter(help="Only where a fact has a value: account.segment=smb.")] = (),
    by: By = chosen.ME, options: Options = DEFAULT,
) -> int:
    """Do nothing where all of what is named fits, until then: clocks run on, and nobody is dropped."""
    from steward import operate, views
    from steward.engine.durations import parse_duration
    from steward.model.words import meant
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        now = hub.clock()
        length = parse_duration(until)
        elapsed = length.elapsed() if length else None
        matchers: dict[str, Any] = {}
        if playbook:
            matchers["playbook"] = hub.live(playbook).id
        if account:
            with hub.db.read() as tx:
                matchers["account"] = views.find_account(tx, account)
        if owner:
            matchers["owner"] = owner
        for text in fact:
            name, sign, value = text.partition("=")
            if not sign or name.strip() not in hub.catalog:
                raise ConfigError(f'"{text}" is no fact with its value{meant(name.strip(), hub.catalog)} '
                                  "Write: --fact account.segment=smb")
            matchers[name.strip()] = value.strip()
        made = operate.silence(hub.db, matchers, by, now, reason=reason,
                               ends_at=now + elapsed if elapsed else chosen.instant(until))
    if options.json:
        show.as_json({"silence": made})
    else:
        show.line(f"silence {made.id[:8]} on {_about(made.matchers)} {made.text}. "
                  f"Next: {options.command('playbook silences')}")
    return 0


def silences(
    *, all_: Annotated[bool, Parameter(name="--all", negative="", help="Those that are over, too.")] = False,
    options: Options = DEFAULT,
) -> int:
    """The silences that stand."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        rows = views.silences(hub.db, None if all_ else hub.clock())
    if options.json:
        show.as_json({"silences": rows})
        return 0
    show.table(("silence", "about", "until", "by", "reason", "ended by"), [
        (each.id[:8], _about(each.matchers), f"{each.ends_at:%Y-%m-%d %H:%M}Z", each.author, each.reason,
         each.ended_by or "") for each in rows])
    following = (f"playbook unsilence {rows[0].id[:8]}" if rows
                 else "playbook silence --playbook ID --until 3d --reason WHY")
    show.line(f"{len(rows)} silences. Next: {options.command(following)}")
    return 0


def unsilence(
    silence: Annotated[str, Parameter(help="Its id, or how it begins.")], *, by: By = chosen.ME,
    options: Options = DEFAULT,
) -> int:
    """End a silence before its time."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        ended = operate.unsilence(hub.db, silence, by, hub.clock())
    if options.json:
        show.as_json({"silence": silence, "ended": ended, "by": by})
    else:
        show.line(f"silence {silence} {'ended' if ended else 'was over already'}. Next: {options.command('evaluate')}")
    return 0


def _about(matchers: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in matchers.items())
