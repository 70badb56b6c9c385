"""Findings: what is wrong in a playbook, at which place, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from steward.model.errors import PlaybookError
from steward.model.words import nearest

_FRAME_WIDTH = 160


class Mark(NamedTuple):                     # one for each value: a frozen dataclass takes twice as long to make
    """A place in a file: `line` and `column` count from 1, `length` is in characters."""

    line: int = 1
    column: int = 1
    length: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `code` is for ever; `help` says what to do."""

    code: str                               # "STW103"
    file: str
    line: int
    column: int
    length: int
    message: str
    help: str
    severity: Literal["error", "warning"]
    source: str                             # the line that it is in

    def text(self) -> str:
        """As people read it: code, place, the line with carets under the place, help."""
        return _render(self)


class Findings:
    """Collects the findings of one file, whose whole text is `text`."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.found: list[Finding] = []
        self._lines = text.splitlines()

    def error(self, code: str, mark: Mark, message: str, remedy: str = "") -> None:
        """Note what makes the playbook unusable."""
        self._note(code, mark, message, remedy, "error")

    def warning(self, code: str, mark: Mark, message: str, remedy: str = "") -> None:
        """Note what works, but hardly as meant."""
        self._note(code, mark, message, remedy, "warning")

    def _note(self, code: str, mark: Mark, message: str, remedy: str, severity: Literal["error", "warning"]) -> None:
        source = self._lines[mark.line - 1] if 0 < mark.line <= len(self._lines) else ""
        self.found.append(
            Finding(code, self.file, mark.line, mark.column, mark.length, message, remedy, severity, source))


def errors_of(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those which make a playbook unusable."""
    return tuple(finding for finding in findings if finding.severity == "error")


def playbook_error(findings: Iterable[Finding]) -> PlaybookError:
    """The error that carries `findings`; its text shows every one of them."""
    found = tuple(sorted(findings, key=lambda finding: (finding.file, finding.line, finding.column)))
    errors = len(errors_of(found))
    shown = [finding.text() for finding in found]
    return PlaybookError("\n\n".join([*shown, f"Found {errors} error{'' if errors == 1 else 's'}."]), found)


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean "x"?`, or "" where nothing known is near."""
    found = nearest(word, known)
    return f'did you mean "{found}"?' if found else ""


def _render(finding: Finding) -> str:
    source = "".join(sign if sign.isprintable() else (" " if sign == "\t" else "?") for sign in finding.source)
    cut = max(0, finding.column - 1 - _FRAME_WIDTH // 2) if len(source) > _FRAME_WIDTH else 0
    shown, at = source[cut:cut + _FRAME_WIDTH], finding.column - 1 - cut
    margin = " " * len(str(finding.line))
    out = [
        f"{finding.severity}[{finding.code}] {finding.message}",
        f"{margin}--> {finding.file}:{finding.line}:{finding.column}",
        f"{margin} |",
        f"{finding.line} | {shown}".rstrip(),
        f"{margin} | {' ' * at}{'^' * max(1, min(finding.length, len(shown) - at))}",
    ]
    if finding.help:
        out.append(f"help: {finding.help}")
    return "\n".join(out)
