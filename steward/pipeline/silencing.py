"""Who is silenced: the silences that stand and what is known of some subjects in, the words of the silence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from steward.pipeline.frames import NOBODY, Frames, Seen
from steward.store.silences import Silence

_OURS = ("playbook", "account", "owner")


def silenced(
    standing: Sequence[Silence], playbook_id: str, subjects: Mapping[str, str], seen: Seen, frames: Frames,
) -> dict[str, str]:
    """By subject, the silence that holds it. `subjects`: id of the subject to that of its account."""
    mine = [each for each in standing if each.matchers.get("playbook", playbook_id) == playbook_id]
    if not mine or not subjects:
        return {}
    facts = {name for each in mine for name in each.matchers if name not in _OURS}
    rows = seen.stored(subjects) if facts else {}
    owners = frames.briefs(subjects.values())
    found: dict[str, str] = {}
    for subject_id, account_id in subjects.items():
        owner = owners.get(account_id, NOBODY).owner
        for each in mine:
            if _holds(each.matchers, account_id, owner, rows.get(subject_id, {})):
                found[subject_id] = each.text
                break
    return found


def _holds(matchers: Mapping[str, Any], account_id: str, owner: str | None, row: Mapping[str, Any]) -> bool:
    for name, wanted in matchers.items():
        if name == "playbook":
            continue
        if name == "account":
            fits = wanted == account_id
        elif name == "owner":
            fits = owner is not None and str(wanted).lower() == owner.lower()
        else:
            fits = _same(row.get(name), wanted)
        if not fits:
            return False
    return True


def _same(value: Any, wanted: Any) -> bool:
    """Whether a fact has the value that a silence names; what is not known has none."""
    if value is None:
        return False
    if isinstance(value, bool) or isinstance(wanted, bool):
        return str(value).lower() == str(wanted).lower()
    if isinstance(value, date):
        return value.isoformat() == str(wanted)
    return bool(value == wanted) or str(value) == str(wanted)
