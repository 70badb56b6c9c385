"""How many, how often, how carefully: nodes under mode, limit, at_most, caps, holdout, calendar … in, values out."""

from __future__ import annotations

import re
from decimal import Decimal

from steward.engine.document import Block, Node, Scalar
from steward.engine.durations import parse_duration
from steward.engine.field_table import FIELD_TABLE, inside
from steward.engine.fields import Fields, listed
from steward.engine.findings import near
from steward.engine.language import AtMost, Caps, Holdout, Limit, Mode, OnUpdate, Step
from steward.model.facts import FactType

_LIMIT = re.compile(r"(?:(\d{1,6})(?![\d.]*\s*%))?(?:\s*(?:or)?\s*(\d{1,3}(?:\.\d{1,6})?)\s*%)?")
_AT_MOST = re.compile(r"(\d{1,4})\s+per\s+(.+)")
_PATH = re.compile(r"(?:do|compensate)\[\d{1,4}\](?:\.branch\[\d{1,4}\]\.(?:do|else)\[\d{1,4}\])*")


def read_mode(node: Node | None, fields: Fields) -> tuple[Mode, float] | None:
    """ "shadow", "live", "paused" or {ramp: 25%}."""
    if node is None:
        return None
    if isinstance(node, Block):
        fields.known_only(node, ("ramp",), " in mode")
        share = fields.share(fields.needed(node, "ramp", '"mode"', "mode: {ramp: 25%}"))
        return None if share is None else (Mode.RAMP, share)
    if isinstance(node, Scalar) and node.text in (Mode.SHADOW, Mode.LIVE, Mode.PAUSED):
        return Mode(node.text), 0.0
    word = node.text if isinstance(node, Scalar) else ""
    fields.wrong(node.mark, f'"{word}" is no mode' if word else "this is no mode",
                 near(word, [mode.value for mode in Mode]) or "write shadow, live, paused or {ramp: 25%}")
    return None


def read_limit(node: Node | None, fields: Fields) -> Limit | None:
    """ "25", "5%", "25 or 5%"."""
    if node is None:
        return None
    found = _LIMIT.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    if not found or not (found[1] or found[2]) or Decimal(found[2] or 0) > 100:
        fields.wrong(node.mark, "this is no limit", "write it as 25, 5% or 25 or 5%")
        return None
    return Limit(int(found[1] or 0), float(Decimal(found[2] or 0) / 100))


def read_at_most(node: Node | None, fields: Fields) -> AtMost | None:
    """ "3 per 365d"."""
    if node is None:
        return None
    found = _AT_MOST.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    within = parse_duration(found[2]) if found else None
    if not found or within is None or not int(found[1]) or not within.amount:
        fields.wrong(node.mark, "this says not how many in which time", "write it as 3 per 365d")
        return None
    return AtMost(int(found[1]), within)


def read_caps(node: Node | None, fields: Fields) -> Caps | None:
    """{account: 2, owner: 15}."""
    if node is None:
        return None
    body = fields.block(node, inside(FIELD_TABLE, "caps"), '"caps"', "caps: {account: 2, owner: 15}")
    if body is None:
        return None
    account, owner = fields.whole(body.get("account"), 1, 1000), fields.whole(body.get("owner"), 1, 10_000)
    usual = Caps()
    return Caps(account or usual.account, owner or usual.owner)


def read_holdout(node: Node | None, fields: Fields) -> Holdout | None:
    """ "10%", or {share: 10%, salt: spring, by: [account.segment]}."""
    if node is None:
        return None
    if not isinstance(node, Block):
        share = fields.share(node)
        return None if share is None else Holdout(share)
    fields.known_only(node, inside(FIELD_TABLE, "holdout"), " in holdout")
    share = fields.share(fields.needed(node, "share", '"holdout"', "holdout: {share: 10%, by: [account.segment]}"))
    salt, by = fields.text(node.get("salt"), 48), node.get("by")
    strata = tuple(fact for item in listed(by) if (fact := _stratum(item, fields))) if by is not None else ()
    return None if share is None else Holdout(share, salt or "", strata)


def _stratum(node: Node, fields: Fields) -> str | None:
    fact = fields.fact(node)
    if fact and fields.conditions.catalog[fact].type is FactType.DATE:
        fields.wrong(node.mark, f'"{fact}" is a date; every day would be a stratum of its own',
                     "name facts of few values, as account.segment; amounts count by their magnitude", "STW115")
        return None
    return fact


def read_calendar(node: Node | None, fields: Fields) -> str | None:
    """ "owner", "account", or the name of one of the company's."""
    name = fields.ident(node)
    if name is None or node is None or name in ("owner", "account"):
        return name
    if fields.calendars is not None and name not in fields.calendars:
        known = ("owner", "account", *fields.calendars)
        fields.wrong(node.mark, f'there is no calendar "{name}"',
                     near(name, known) or f"one of: {', '.join(known)}; others under company.calendars of steward.yaml",
                     "STW117")
    return name


def read_on_update(
    node: Node | None, steps: tuple[Step, ...], fields: Fields,
) -> tuple[OnUpdate, tuple[tuple[str, str], ...]] | None:
    """ "pin", "migrate", or {migrate: {"do[1]": "do[2]"}}: paths of the version before to paths or ids of this."""
    if node is None:
        return None
    if not isinstance(node, Block):
        word = fields.one_of(node, OnUpdate)
        return (OnUpdate(word), ()) if word else None
    fields.known_only(node, inside(FIELD_TABLE, "on_update"), " in on_update")
    table = node.get("migrate")
    if not isinstance(table, Block):
        fields.wrong(node.mark, '"migrate" maps steps to steps', 'write: migrate: {"do[1]": "do[2]"}')
        return None
    known = {step.path: step.path for step in steps} | {step.id: step.path for step in steps if step.id}
    out = []
    for old, new in table.entries:
        word = new.text if isinstance(new, Scalar) else ""
        if not _PATH.fullmatch(old.text) or len(old.text) > 500:
            fields.wrong(old.mark, f'"{old.text}" addresses no step', 'write it as "do[1]" or "do[1].branch[0].do[0]"')
        elif word not in known:
            fields.wrong(new.mark, f'there is no step "{word}"', near(word, known) or f"one of: {', '.join(known)}",
                         "STW119")
        else:
            out.append((old.text, known[word]))
    return OnUpdate.MIGRATE, tuple(out)
