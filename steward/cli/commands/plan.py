"""`steward playbook plan`: whom a playbook would touch, beside what is live. Performs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, AtMost, Options

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.engine.plan import Move, Plan
    from steward.views.releases import Short
    from steward.wiring import Hub

_SHOWN = 20
_MOST_FACTS = 4


def plan(
    *playbooks: str,
    file: Annotated[Path | None, Parameter(help="Plan this file instead of what is in the folder.")] = None,
    against: Annotated[str, Parameter(
        help="Compare with this file, or with a version as ID@7c1e, instead of what is live.")] = "",
    limit: AtMost = _SHOWN, options: Options = DEFAULT,
) -> int:
    """Who would enter, leave, stay or be held if the drafts of PLAYBOOKS were live, with the deciding clause.

    Compares with what is live; where the draft is what is live, with who is enrolled. Performs nothing.
    """
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        drafts = hub.draft(playbooks, file)
        plans = plans_of(hub, drafts, _other(hub, against) if against else None)
        short = views.short_versions(hub.db)
    if options.json:
        show.as_json({"plans": [with_sums(each) for each in plans]})
        return 0
    tell(plans, short, limit)
    names = "".join(f" {name}" for name in playbooks)
    following = f"playbook apply{f' --file {file}' if file else names}"
    show.line(f"Nothing was performed. Next: {options.command(following)}")
    return 0


def _other(hub: Hub, against: str) -> Playbook:
    """The playbook in the file `against`, or the version that is called so."""
    if "@" in against and not Path(against).exists():
        return hub.named(against)
    return hub.draft((), Path(against))[0]


def plans_of(hub: Hub, drafts: Sequence[Playbook], before: Playbook | None = None) -> list[Plan]:
    """The plan of each draft, against `before`, else against what is live and differs from it."""
    from steward import views

    live = {each.id: each for each in hub.playbooks}
    out = []
    for each in drafts:
        other = before or live.get(each.id)
        other = None if other is not None and other.version == each.version and before is None else other
        out.append(views.plan(hub.db, each, hub.catalog, hub.settings, hub.clock(), hub.playbooks, before=other))
    return out


def with_sums(plan: Plan) -> dict[str, object]:
    """The plan as plain values, with the sums that are worked out from it."""
    plain: dict[str, object] = show.plain(plan)
    return {**plain, "arr_entering": plan.arr_entering, "arr_leaving": plan.arr_leaving}


def tell(plans: Iterable[Plan], short: Short, limit: int = _SHOWN) -> None:
    """Say what each plan would do, at most `limit` accounts of a kind; `short` gives a version as it is shown."""
    for each in plans:
        beside = f" beside {short(each.playbook_id, each.before)}" if each.before else ""
        show.line(f"{each.playbook_id}@{short(each.playbook_id, each.version)}, mode {each.mode}{beside}")
        for sign, moves in (("+", each.enters), ("-", each.leaves), ("!", each.held)):
            _moves(sign, moves, limit)
        show.line(f"  {len(each.enters)} enter ({_money(each.arr_entering)} ARR), {len(each.leaves)} leave "
                  f"({_money(each.arr_leaving)} ARR), {each.stays} stay, {len(each.held)} held by a gate, "
                  f"{each.unknown} wait for data.")
        _waits(each)
        _owners(each)
        if each.over_limit is not None:
            show.line(f"  {len(each.enters)} are more than the {each.over_limit} that may enter in one run: "
                      "all of them would wait for approval.")
        _in_flight(each, short)
        if each.enters and each.mode in ("shadow", "paused"):
            show.line(f"  In mode {each.mode} nobody is contacted.")


def _moves(sign: str, moves: Sequence[Move], limit: int) -> None:
    for move in moves[:limit]:
        subject = f" {move.subject_id}" if move.subject_id not in ("", move.account_id) else ""
        show.line(f"  {sign} {move.account_id}{subject}  {show.word(move.name)}   {show.word(move.clause)}")
    if len(moves) > limit:
        show.line(f"  {sign} and {len(moves) - limit} more: --limit {len(moves)}")


def _waits(plan: Plan) -> None:
    """What is missing of those that wait for data; and what a plan cannot know."""
    if plan.lacking:
        named = ", ".join(f"{name} of {count}" for name, count in plan.lacking[:_MOST_FACTS])
        more = f", and {len(plan.lacking) - _MOST_FACTS} more facts" if len(plan.lacking) > _MOST_FACTS else ""
        show.line(f"  not known: {named}{more}")
    if plan.begins == "manual":
        show.line("  A person begins it: steward playbook enroll ID ACCOUNT.")
    elif plan.begins:
        show.line(f"  An event begins it, {plan.begins}: who enters is seen as one comes in, not here.")


def _owners(plan: Plan) -> None:
    told = [f"{show.word(line.owner) or 'nobody'} {line.enters} in{f', {line.leaves} out' if line.leaves else ''}"
            for line in plan.owners if line.enters or line.leaves]
    if told:
        more = f"; and {len(told) - 8} others" if len(told) > 8 else ""
        show.line(f"  by owner: {'; '.join(told[:8])}{more}")


def _in_flight(plan: Plan, short: Short) -> None:
    """What becomes of those that entered with another version."""
    said = {"pin": "end on it", "migrate": "go on with this one"}
    for each in plan.in_flight:
        if each.becomes in said:
            show.line(f"  {each.count} in flight on {short(plan.playbook_id, each.version)} {said[each.becomes]}.")
    if any(each.becomes == "migrate" for each in plan.in_flight):
        ways = ", ".join(f"{path} -> {image or 'stays behind'}" for path, image in plan.step_map)
        show.line(f"  steps: {ways}")


def _money(amount: float) -> str:
    return f"{amount / 1000:,.0f}k" if amount >= 10_000 else f"{amount:,.0f}"
