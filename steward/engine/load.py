"""Loads playbooks: YAML text in, a checked `Playbook` out, or every finding at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from steward.engine.document import Block, read, read_json
from steward.engine.findings import Finding, Findings, Mark, errors_of, near, playbook_error
from steward.engine.language import Mode, Playbook
from steward.engine.messages import read_messages
from steward.engine.playbook_reader import FIELDS, read_playbook
from steward.engine.reasoning import warn_about
from steward.engine.template import MessageTemplate
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec

__all__ = [
    "FIELDS", "MESSAGES", "Folder", "examine", "examine_file", "examine_messages", "load_file",
    "load_folder", "load_playbook", "messages_beside", "playbook_files", "read_folder", "read_text", "reload",
]

MESSAGES = "messages.yaml"


@dataclass(frozen=True, slots=True)
class Folder:
    """What stands in a folder: the playbooks that can be used, and all findings."""

    playbooks: tuple[Playbook, ...]
    findings: tuple[Finding, ...]


def load_playbook(
    text: str, file: str, catalog: Mapping[str, FactSpec], messages: Mapping[str, MessageTemplate] | None = None,
    calendars: Collection[str] | None = None,
) -> Playbook:
    """The playbook in `text`. `messages` are the templates that it may name besides its own, `calendars` the company's
    by name; None where they do not matter.

    Raises:
        PlaybookError: `findings` say what is wrong, with line, column and what to write instead.
    """
    playbook, findings = examine(text, file, catalog, messages, calendars)
    if playbook is None:
        raise playbook_error(findings)
    return playbook


def reload(
    body: str, label: str, catalog: Mapping[str, FactSpec], *,
    mode: Mode = Mode.SHADOW, ramp: float = 0.0, priority: int = 50,
) -> Playbook:
    """The playbook whose canonical form is `body`, in the mode and priority of its release. `label` names it in errors.

    Raises:
        PlaybookError: it can be read no more, as when a fact is gone from the catalog.
    """
    findings = Findings(label, body)
    node = read_json(body, label)
    if not isinstance(node, Block):
        findings.error("STW106", Mark(), "not what was stored: no playbook", "apply the playbook again")
        raise playbook_error(findings.found)
    playbook = read_playbook(node, label, catalog, findings)
    if playbook is None or errors_of(findings.found):
        raise playbook_error(findings.found)
    return replace(playbook, mode=mode, ramp=ramp, priority=priority)


def load_file(
    path: Path, catalog: Mapping[str, FactSpec], folder: Path | None = None, calendars: Collection[str] | None = None,
) -> Playbook:
    """The playbook in the file at `path`, with the templates of the `messages.yaml` beside it, else in `folder`.

    Raises:
        PlaybookError: the file cannot be read, or is wrong.
    """
    beside = folder / path.name if folder and not (path.parent / MESSAGES).exists() else path
    return load_playbook(read_text(path), str(path), catalog, messages_beside(beside, catalog), calendars)


def messages_beside(path: Path, catalog: Mapping[str, FactSpec]) -> Mapping[str, MessageTemplate]:
    """The templates of the `messages.yaml` in the folder of the playbook at `path`, those that can be used."""
    return examine_messages(path.parent / MESSAGES, catalog)[0]


def load_folder(
    folder: Path, catalog: Mapping[str, FactSpec], calendars: Collection[str] | None = None,
) -> tuple[Playbook, ...]:
    """Every playbook in `folder`, by id.

    Raises:
        PlaybookError: one of them is wrong; the findings are those of all of them.
    """
    found = read_folder(folder, catalog, calendars)
    if errors_of(found.findings):
        raise playbook_error(found.findings)
    return found.playbooks


def read_folder(
    folder: Path, catalog: Mapping[str, FactSpec], calendars: Collection[str] | None = None,
) -> Folder:
    """Every playbook in `folder` that can be used, and the findings of all files."""
    messages, findings = examine_messages(folder / MESSAGES, catalog)
    playbooks: dict[str, Playbook] = {}
    for path in playbook_files(folder):
        playbook, found = examine_file(path, catalog, messages, calendars)
        findings += found
        if playbook is None:
            continue
        if playbook.id in playbooks:
            findings += _again(playbook, playbooks[playbook.id].file)
            continue
        playbooks[playbook.id] = playbook
    findings += _inhibitions(playbooks)
    return Folder(tuple(playbooks[name] for name in sorted(playbooks)), findings)


def playbook_files(folder: Path) -> tuple[Path, ...]:
    """The files in `folder` that are playbooks."""
    return tuple(sorted(
        path for path in folder.glob("*.yaml") if path.name != MESSAGES and not path.name.endswith(".cases.yaml")))


def examine(
    text: str, file: str, catalog: Mapping[str, FactSpec], messages: Mapping[str, MessageTemplate] | None = None,
    calendars: Collection[str] | None = None,
) -> tuple[Playbook | None, tuple[Finding, ...]]:
    """The playbook, None where it cannot be used, and all findings."""
    try:
        node = read(text, file)
    except PlaybookError as error:
        return None, _of(error)
    findings = Findings(file, text)
    if not isinstance(node, Block):
        findings.error("STW106", node.mark, "a playbook is a list of fields", "begin with: id: health_drop")
        return None, tuple(findings.found)
    playbook = read_playbook(node, file, catalog, findings, messages=messages, calendars=calendars)
    if playbook is not None:
        warn_about(playbook, catalog, findings)
    usable = playbook is not None and not errors_of(findings.found)
    return playbook if usable else None, tuple(findings.found)


def examine_file(
    path: Path, catalog: Mapping[str, FactSpec], messages: Mapping[str, MessageTemplate] | None = None,
    calendars: Collection[str] | None = None,
) -> tuple[Playbook | None, tuple[Finding, ...]]:
    """`examine` of the file at `path`; that it cannot be read is a finding too."""
    try:
        text = read_text(path)
    except PlaybookError as error:
        return None, _of(error)
    return examine(text, str(path), catalog, messages, calendars)


def examine_messages(
    path: Path, catalog: Mapping[str, FactSpec],
) -> tuple[dict[str, MessageTemplate], tuple[Finding, ...]]:
    """The templates in the file at `path` that can be used, and all findings; none of both where there is no file."""
    if not path.exists():
        return {}, ()
    try:
        text = read_text(path)
    except PlaybookError as error:
        return {}, _of(error)
    return read_messages(text, str(path), catalog)


def read_text(path: Path) -> str:
    """The whole text of a file of ours.

    Raises:
        PlaybookError: it cannot be read, or is not UTF-8; `findings` say so.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        raise _unreadable(path, message, "look at its path and rights", Mark(), "") from None
    except UnicodeDecodeError as error:
        shown = error.object.decode("utf-8", "replace")
        before = error.object[:error.start].decode("utf-8", "replace").rpartition("\n")
        mark = Mark(before[0].count("\n") + bool(before[1]) + 1, len(before[2]) + 1)
        raise _unreadable(path, "the file is not UTF-8 text", "save it as UTF-8", mark, shown) from None


def _unreadable(path: Path, message: str, remedy: str, mark: Mark, text: str) -> PlaybookError:
    findings = Findings(str(path), text)
    findings.error("STW101", mark, message, remedy)
    return playbook_error(findings.found)


def _of(error: PlaybookError) -> tuple[Finding, ...]:
    return tuple(finding for finding in error.findings if isinstance(finding, Finding))


def _inhibitions(playbooks: Mapping[str, Playbook]) -> tuple[Finding, ...]:
    out: list[Finding] = []
    for playbook in playbooks.values():
        for name in playbook.inhibited_by:
            if name not in playbooks:
                message = f'there is no playbook "{name}"'
                out += _noted(playbook, "STW127", "inhibited_by", message, near(name, playbooks))
    return tuple(out)


def _again(playbook: Playbook, other: str) -> tuple[Finding, ...]:
    return _noted(playbook, "STW128", "id", f'the id "{playbook.id}" is taken',
                  f'"{other}" has it; ids are for ever, choose another')


def _noted(playbook: Playbook, code: str, field: str, message: str, remedy: str) -> tuple[Finding, ...]:
    findings = Findings(playbook.file, read_text(Path(playbook.file)))
    findings.error(code, playbook.marks.get(field, Mark()), message, remedy)
    return tuple(findings.found)
