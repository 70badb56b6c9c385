"""Checks files of playbooks: paths in, findings out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from steward.engine.findings import Finding
from steward.engine.language import MessageStep, Playbook
from steward.engine.load import MESSAGES, examine, messages_beside, read_text
from steward.engine.messages import read_messages
from steward.model.facts import FactSpec


def check_files(paths: Sequence[Path], catalog: Mapping[str, FactSpec]) -> tuple[Finding, ...]:
    """The findings of the playbooks and message templates at `paths`; cases are passed over.

    Raises:
        PlaybookError: a file cannot be read.
    """
    found: list[Finding] = []
    for path in paths:
        if path.name.endswith(".cases.yaml"):
            continue
        if path.name == MESSAGES:
            found += read_messages(read_text(path), str(path), catalog)[1]
        else:
            found += examine(read_text(path), str(path), catalog, messages_beside(path, catalog))[1]
    return tuple(found)


def unperformable(playbook: Playbook, actions: Collection[str]) -> tuple[str, ...]:
    """The kinds of action that `playbook` needs and none of `actions`, what the connections can do, performs."""
    needed = {"message" if isinstance(step.do, MessageStep) else "open_cta" for step in playbook.steps()}
    if playbook.escalate:
        needed.add("message")
    return tuple(sorted(needed - set(actions)))
