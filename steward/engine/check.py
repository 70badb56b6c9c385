"""Checks files of playbooks: paths in, findings out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from steward.engine.findings import Finding
from steward.engine.language import Playbook
from steward.engine.load import MESSAGES, examine, messages_beside, read_text
from steward.engine.messages import read_messages
from steward.engine.reasoning import check_folder
from steward.model.actions import ACTION_KINDS
from steward.model.facts import FactSpec


def check_files(paths: Sequence[Path], catalog: Mapping[str, FactSpec]) -> tuple[Finding, ...]:
    """The findings of the playbooks and message templates at `paths`, each alone and together; cases are passed over.

    Raises:
        PlaybookError: a file cannot be read.
    """
    found: list[Finding] = []
    playbooks: dict[str, Playbook] = {}
    for path in paths:
        if path.name.endswith(".cases.yaml"):
            continue
        if path.name == MESSAGES:
            found += read_messages(read_text(path), str(path), catalog)[1]
        else:
            playbook, findings = examine(read_text(path), str(path), catalog, messages_beside(path, catalog))
            found += findings
            if playbook is not None:
                playbooks.setdefault(playbook.id, playbook)
    return (*found, *check_folder(tuple(playbooks.values()), catalog))


def unperformable(playbook: Playbook, actions: Collection[str]) -> tuple[str, ...]:
    """The kinds of action that `playbook` needs and none of `actions`, what the connections can do, performs."""
    needed = {ACTION_KINDS[step.do.kind] for step in playbook.steps() if step.do.kind in ACTION_KINDS}
    if playbook.escalate:
        needed.add("message")
    return tuple(sorted(needed - set(actions)))
