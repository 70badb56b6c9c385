"""Checks files of playbooks: paths in, findings out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from steward.engine.findings import Finding
from steward.engine.language import Playbook
from steward.engine.load import MESSAGES, examine_file, examine_messages, messages_beside
from steward.engine.reasoning import check_folder
from steward.model.actions import ACTION_KINDS
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec


def check_files(
    paths: Sequence[Path], catalog: Mapping[str, FactSpec], calendars: Collection[str] | None = None,
) -> tuple[Finding, ...]:
    """The findings of the playbooks and message templates at `paths`, each alone and together; cases are passed over.

    That a file cannot be read is one finding, and the others are looked at all the same.

    Raises:
        PlaybookError: there is no such file.
    """
    found: list[Finding] = []
    playbooks: dict[str, Playbook] = {}
    for path in paths:
        if path.name.endswith(".cases.yaml"):
            continue
        if not path.exists() and not path.is_symlink():
            raise PlaybookError(f'"{path}" cannot be read: there is no such file')
        if path.name == MESSAGES:
            found += examine_messages(path, catalog)[1]
        else:
            playbook, findings = examine_file(path, catalog, messages_beside(path, catalog), calendars)
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
