"""The pages about playbooks and connectors, kept true: a README.md in, the same with every table made anew out.

    python -m steward.handbook          write it (make docs)

Between `<!-- made by NAME -->` and `<!-- end -->` stands what the code and the library say; all other lines are prose
that people write in the page itself.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from steward.contracts import Connector
from steward.engine import field_table as words
from steward.engine import moments
from steward.engine.expression import ALWAYS, All, Any, Expression, Leaf, Not
from steward.engine.field_table import FieldDoc
from steward.engine.language import (
    Act,
    Branch,
    CtaStep,
    EmailDraftStep,
    MessageStep,
    OpportunityStep,
    Playbook,
    Step,
    SuccessPlanStep,
    TouchpointStep,
    TriggerKind,
    UpdateStep,
    Wait,
    WebhookStep,
)
from steward.engine.load import load_folder
from steward.facts.catalog import as_table, catalog
from steward.model.events import EVENTS
from steward.model.facts import FactSpec
from steward.wiring import installed, shipped_playbooks

PAGE, VOLUMES = "README.md", "volumes.json"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Health and renewal": (
        "health_drop", "usage_cliff", "ticket_storm", "nps_detractor", "champion_left", "executive_sponsor_missing",
        "payment_overdue", "renewal_approaching", "opportunity_slipping", "gone_quiet", "executive_escalation",
    ),
    "Onboarding": ("onboarding_stall", "onboarding_step_late", "first_value_late", "success_to_celebrate"),
    "Expansion": ("expansion_seats", "feature_gate_hits", "new_use_case", "multi_product_fit", "win_back"),
    "Sales handoff": ("sales_handoff", "handoff_incomplete", "kickoff_not_held"),
    "Data": ("stale_feed",),
}
"""The shipped playbooks, each under what it is for."""

_PLACE = re.compile(r"(<!-- made by ([\w.]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def refreshed(page: str, folder: Path) -> str:
    """`page` with every made part anew; `folder` holds the playbooks and what volume is expected of each."""
    known = catalog()
    made: Mapping[str, Callable[[], str]] = {
        "steward.handbook.library": partial(library, folder, known),
        "steward.handbook.fields": partial(fields, words.FIELD_TABLE),
        "steward.handbook.triggers": partial(fields, words.TRIGGER_TABLE),
        "steward.handbook.steps": partial(fields, words.STEP_TABLE),
        "steward.handbook.modifiers": partial(fields, words.MODIFIER_TABLE),
        "steward.handbook.rungs": partial(fields, words.RUNG_TABLE),
        "steward.handbook.recipients": partial(fields, words.RECIPIENT_TABLE),
        "steward.handbook.messages": partial(fields, words.MESSAGE_TABLE),
        "steward.handbook.cases": partial(fields, words.CASE_TABLE),
        "steward.handbook.clock": partial(fields, words.CLOCK_TABLE),
        "steward.handbook.moments": partial(moments_table, known),
        "steward.handbook.events": events,
        "steward.facts.catalog.as_table": partial(as_table, known),
    }
    return _filled(page, made)


def refreshed_connectors(page: str, connectors: Mapping[str, Connector]) -> str:
    """connectors/README.md with its tables anew."""
    return _filled(page, {
        "steward.handbook.connectors_table": partial(connectors_table, connectors),
        "steward.handbook.confirmed_table": partial(confirmed_table, connectors),
    })


def _filled(page: str, made: Mapping[str, Callable[[], str]]) -> str:
    return _PLACE.sub(lambda place: f"{place[1]}{made[place[2]]()}{place[3]}", page)


def main() -> int:
    """Write the pages anew; says whether they were out of date."""
    import connectors

    playbooks = shipped_playbooks()
    for file, anew in (
        (playbooks / PAGE, partial(refreshed, folder=playbooks)),
        (Path(connectors.__path__[0]) / PAGE, partial(refreshed_connectors, connectors=installed())),
    ):
        before = file.read_text(encoding="utf-8")
        after = anew(before)
        file.write_text(after, encoding="utf-8")
        sys.stdout.write(f"{file}: {'was true already' if after == before else 'written anew'}\n")
    return 0


# ---- the connectors ----

def connectors_table(connectors: Mapping[str, Connector]) -> str:
    """What each reads, does and takes."""
    rows = [
        f"| [`{name}`]({name}/README.md) | {each.title} | {', '.join(f'`{stream}`' for stream in each.streams)} | "
        f"{', '.join(f'`{kind}` ({how})' for kind, how in each.actions.items())} | {'yes' if each.inbox else ''} |"
        for name, each in connectors.items()
    ]
    return "\n".join((
        "| connector | for | reads | does (delivery class) | webhooks |", "|---|---|---|---|---|", *rows))


def confirmed_table(connectors: Mapping[str, Connector]) -> str:
    """What each relies on at its vendor, and who says that it is so."""
    rows = [f"| `{name}` | {_cell(fact)} | {_cell(by)} |" for name, each in connectors.items()
            for fact, by in each.confirmed.items()]
    return "\n".join(("| connector | we rely on | confirmed by |", "|---|---|---|", *rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# ---- the library ----

def library(folder: Path, known: Mapping[str, FactSpec]) -> str:
    """Every playbook in `folder`: why, for whom, what it does, and how many the demo company has."""
    playbooks = {each.id: each for each in load_folder(folder, known)}
    volumes = json.loads((folder / VOLUMES).read_text(encoding="utf-8"))
    out = []
    for group, ids in GROUPS.items():
        out += [f"### {group}", "", "| playbook | for whom | what is done | in the demo |", "|---|---|---|---|"]
        out += [_line(playbooks[name], volumes[name]) for name in ids]
        out.append("")
    return "\n".join(out[:-1])


def _line(playbook: Playbook, volume: list[int]) -> str:
    low, high = volume
    number = f"{low} to {high}" if high > low else str(low)
    cells = (
        f"[`{playbook.id}`]({playbook.id}.yaml)<br>**{playbook.title}.** {playbook.why}", for_whom(playbook),
        "; ".join(said(step) for step in playbook.do) + _and_then(playbook), f"{number}<br>{playbook.mode}",
    )
    return f"| {' | '.join(cells)} |"


def for_whom(playbook: Playbook) -> str:
    """Whom it enrols, in words: "accounts: `health.score < 60`, for 3d"."""
    plural = {"account": "accounts", "contact": "contacts", "opportunity": "opportunities"}[playbook.subject]
    trigger, asked = playbook.trigger, playbook.asked or playbook.when
    opening = {
        TriggerKind.EVENT: f"at `{trigger.event}`",
        TriggerKind.DATE: f"{trigger.by} before `{trigger.before}`",
        TriggerKind.DEADLINE: f"`{trigger.expect}` not within {trigger.within} of `{trigger.of}`",
        TriggerKind.MANUAL: "those whom a person enrols",
    }.get(trigger.kind, "")
    has_own = asked != ALWAYS and (playbook.comes_by_itself or trigger.kind is TriggerKind.EVENT)
    if trigger.kind in (TriggerKind.DATE, TriggerKind.DEADLINE) and playbook.asked is None:
        has_own = False
    parts = [part for part in (opening, in_words(asked) if has_own else "") if part]
    if playbook.scope is not None:
        parts.append(f"of those with {in_words(playbook.scope)}")
    if playbook.for_.amount:
        parts.append(f"for {playbook.for_}")
    if playbook.inhibited_by:
        parts.append(f"not while {_listed(playbook.inhibited_by)} is open")
    return f"{plural}: {'; '.join(parts)}"


def in_words(condition: Expression, inside: bool = False) -> str:
    """The condition as a sentence has it: "`health.score < 60` and (`a` or `b`)"."""
    match condition:
        case Leaf():
            return f"`{condition.text}`"
        case Not(child):
            return f"not {in_words(child, inside=True)}"
        case All(children) | Any(children):
            between = " and " if isinstance(condition, All) else " or "
            text = between.join(in_words(child, inside=True) for child in children)
            return f"({text})" if inside and len(children) > 1 else text


def said(step: Step) -> str:
    """What the step does, in few words."""
    condition = f" if {in_words(step.only_if)}" if step.only_if is not None else ""
    asked = f", after a yes of {_first(step.approve)}" if step.approve else ""
    return f"{_does(step.do)}{condition}{asked}"


def _does(do: Act | Wait | Branch) -> str:
    match do:
        case CtaStep():
            return f"{'CTA' if do.kind == 'cta' else 'task'} for {_first(do.assign)} in {do.due}"
        case MessageStep():
            return f"message to {_first(do.to)}{' in the digest' if do.send == 'digest' else ''}"
        case TouchpointStep():
            return f"note the {do.type}"
        case UpdateStep():
            return f"write `{do.field}`"
        case OpportunityStep():
            return f"{do.type} opportunity for {_first(do.assign)}"
        case SuccessPlanStep():
            return f"success plan `{do.template}`"
        case WebhookStep():
            return f"webhook `{do.via}`"
        case EmailDraftStep():
            return f"draft for {_first(do.assign)} to their `{do.to}`"
        case Wait():
            return f"wait {do.length}"
        case Branch():
            return "; ".join(
                f"{'else' if arm.when is None else 'where ' + in_words(arm.when)}: "
                f"{' and '.join(said(step) for step in arm.do)}" for arm in do.arms)


def _and_then(playbook: Playbook) -> str:
    rungs = [f"{_first(rung.to)} after {rung.after}" for rung in playbook.escalate]
    undone = [f"undone at {_undoing(playbook.revoke_on)}: {' and '.join(said(step) for step in playbook.compensate)}"
              ] if playbook.compensate and playbook.revoke_on is not None else []
    return "".join(f"; {part}" for part in (*rungs, *undone))


def _undoing(revoke_on: str | Expression) -> str:
    return f"`{revoke_on}`" if isinstance(revoke_on, str) else in_words(revoke_on)


def _first(people: tuple[str, ...]) -> str:
    return f"`{people[0]}`"


def _listed(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


# ---- the words of the language ----

def fields(table: tuple[FieldDoc, ...]) -> str:
    """A table of fields as Markdown; those inside a field stand under it."""
    with_default = any(each.default for each in table) or any(each.fields for each in table)
    head = ("field", "meaning", "default", "example") if with_default else ("word", "meaning", "example")
    rows = []
    for each in table:
        rows.append(_row(f"`{each.name}`", each, with_default))
        rows += [_row(f"· `{inner.name}`", inner, with_default) for inner in each.fields if each.name != "trigger"]
    return "\n".join((f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows))


def _row(name: str, field: FieldDoc, with_default: bool) -> str:
    cells = [name, field.meaning, *([_code_or_words(field.default)] if with_default else []), f"`{field.shape}`"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code_or_words(default: str) -> str:
    return f"`{default}`" if re.fullmatch(r"[\w%]+", default) and default not in ("none", "needed", "always", "nobody",
                                                                              "everyone", "everywhere") else default


def moments_table(known: Mapping[str, FactSpec]) -> str:
    """The moments that triggers may name, and the facts that tell them."""
    rows = [f"| `before` | `{name}` | `{fact}` |" for name, fact in moments.COMING.items() if fact in known]
    rows += [f"| `of` | `{name}` | `{fact}` |" for name, fact in moments.PAST.items() if fact in known]
    names = ", ".join(f"`{name}`" for name in moments.expected(known))
    rows += [
        "| `before`, `of` | `milestone.x`, one of those below | `milestone.x.days_left`, `milestone.x.days_since` |",
        f"| `expect` | {names} | `….reached`, `….complete` |",
    ]
    return "\n".join(("| under | moment | counted by |", "|---|---|---|", *rows))


def events() -> str:
    """The events that a trigger may name."""
    rows = [f"| `{name}` | {each.meaning} |" for name, each in EVENTS.items()]
    return "\n".join(("| event | happens when |", "|---|---|", *rows))


if __name__ == "__main__":
    raise SystemExit(main())
