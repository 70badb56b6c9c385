"""What is live beside what stands in the folder: versions, modes, who applied them and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from steward.model.versions import short
from steward.store import enrollments as store_enrollments
from steward.store import releases, versions
from steward.store import silences as store_silences

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.store.database import Database
    from steward.store.releases import Release
    from steward.store.silences import Silence

Short = Callable[[str, str], str]          # (playbook id, version) in, the version as it is shown out


@dataclass(frozen=True, slots=True)
class PlaybookLine:
    """One playbook of a list. `version` and `mode` are what is live, "" where nothing is.

    `draft`: the version in the folder, "" where there is no file of it. `differs` says in what the draft differs.
    """

    id: str
    title: str
    version: str
    mode: str
    draft: str
    differs: str
    since: datetime | None
    by: str
    enrollments: Mapping[str, int]

    @property
    def open(self) -> int:
        """How many enrollments are open."""
        return sum(count for state, count in self.enrollments.items() if state != "closed")


def playbooks(db: Database, live: Sequence[Playbook], drafts: Sequence[Playbook]) -> list[PlaybookLine]:
    """Every playbook that is live or stands in the folder, by id; with what is live and can be read no more."""
    with db.read() as tx:
        counted = store_enrollments.counts(tx)
        released = releases.live(tx)
    here, there = {each.id: each for each in live}, {each.id: each for each in drafts}
    lines = []
    for name in sorted({*here, *there, *released}):
        playbook = here.get(name) or there.get(name)
        found, draft = released.get(name), there.get(name)
        lost = found is not None and name not in here
        lines.append(PlaybookLine(
            name, playbook.title if playbook else name, found.version if found else "",
            "unreadable" if lost else _mode(here.get(name)), draft.version if draft else "",
            _differs(here.get(name), draft), found.applied_at if found else None, found.by if found else "",
            counted.get(name, {})))
    return lines


def history(db: Database, playbook_id: str) -> list[Release]:
    """Every release of the playbook, the newest first."""
    with db.read() as tx:
        return releases.history(tx, playbook_id)


def short_versions(db: Database) -> Short:
    """How a version of a playbook, (id, version), is shown to people: its first digits, as many as tell it apart."""
    by_playbook = defaultdict[str, list[str]](list)
    with db.read() as tx:
        for playbook_id, version in versions.known(tx):
            by_playbook[playbook_id].append(version)
    return lambda playbook_id, version: short(version, by_playbook[playbook_id])


def silences(db: Database, now: datetime | None = None) -> list[Silence]:
    """All silences; with `now`, those that are not over. The one that ends last comes first."""
    with db.read() as tx:
        return store_silences.list_(tx, now)


def _mode(playbook: Playbook | None) -> str:
    if playbook is None:
        return ""
    return f"ramp {playbook.ramp:.0%}" if playbook.mode == "ramp" else playbook.mode.value


def _differs(live: Playbook | None, draft: Playbook | None) -> str:
    """In what the draft differs from what is live; "" where it does not."""
    if live is None:
        return "not applied"
    if draft is None:
        return "no file"
    if draft.version != live.version:
        return "edited"
    if _mode(draft) != _mode(live):
        return f"mode {_mode(draft)}"
    return f"priority {draft.priority}" if draft.priority != live.priority else ""
