"""`steward identity`: which records are the same account; a person has the last word."""

from __future__ import annotations

import os

from steward.cli import show
from steward.cli.options import DEFAULT, AtMost, Options

_ME = os.environ.get("USER") or "cli"


def review(*, limit: AtMost = 50, options: Options = DEFAULT) -> int:
    """The pairs that look alike and wait for a person, the likeliest first."""
    from steward import views
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        pairs = views.match_reviews(hub.db, limit=limit)
    if options.json:
        show.as_json({"pairs": pairs})
        return 0
    if not pairs:
        show.line(f"no pair waits for a person. Next: {options.command('accounts')}")
        return 0
    show.table(("left", "right", "score", "reason"), [
        (each.left_account_id, each.right_account_id, round(each.score), each.reason) for each in pairs
    ])
    pair = f"{pairs[0].left_account_id} {pairs[0].right_account_id}"
    show.line(f"{len(pairs)} pairs. Next: {options.command(f'identity merge {pair}')}\n"
              f"{'':>{len(str(len(pairs)))}}    or else: {options.command(f'identity apart {pair}')}")
    return 0


def merge(left: str, right: str, *, options: Options = DEFAULT) -> int:
    """LEFT and RIGHT are one account; it keeps the id LEFT."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        operate.merge(hub.db, left, right, by=_ME, now=hub.clock())
    _said(options, left, right,
          f"{right} is part of {left} now. Undo: {options.command(f'identity apart {left} {right}')}\n"
          f"Next: {options.command('evaluate')}")
    return 0


def apart(left: str, right: str, *, options: Options = DEFAULT) -> int:
    """LEFT and RIGHT are two accounts; a merge of them is undone and stays undone."""
    from steward import operate
    from steward.wiring import open_hub

    with open_hub(options.config) as hub:
        operate.keep_apart(hub.db, left, right, by=_ME, now=hub.clock())
    _said(options, left, right, f"{left} and {right} are two accounts, and stay two. "
          f"Next: {options.command('evaluate')}")
    return 0


def _said(options: Options, left: str, right: str, text: str) -> None:
    if options.json:
        show.as_json({"left": left, "right": right, "said": text})
    else:
        show.line(text)
