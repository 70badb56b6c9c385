"""What the commands about playbooks share: who acts, which playbooks are meant, whether a person agrees."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.model.errors import ConfigError
from steward.model.words import meant_or_all

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.wiring import Hub

ME = os.environ.get("USER") or "cli"
By = Annotated[str, Parameter(help="Who does it; the audit keeps the name.")]
Yes = Annotated[bool, Parameter(negative="", help="Do it without asking, as machines must.")]
Note = Annotated[str, Parameter(help="Why; stands in the history.")]


def of(playbooks: Sequence[Playbook], names: Sequence[str]) -> list[Playbook]:
    """Those called `names`, all where none is named."""
    known = {each.id: each for each in playbooks}
    for name in names:
        if name not in known:
            raise ConfigError(f'there is no playbook "{name}"{meant_or_all(name, known)}')
    return [each for each in playbooks if not names or each.id in names]


def versions(hub: Hub) -> Callable[[str, str], Playbook | None]:
    """Any version of any playbook that is live."""
    return hub.version


def agreed(question: str, yes: bool, again: str) -> bool:
    """Whether a person says yes; `again` is the command that needs no person.

    Raises:
        ConfigError: nobody sits at the terminal, and --yes was not said.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigError(f"nothing was done, as nobody can be asked here. To do it: {again}")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def instant(text: str) -> datetime:
    """ "2026-03-05T08:00Z" or "2026-03-05" (its midnight, UTC).

    Raises:
        ConfigError: it is neither.
    """
    from datetime import UTC

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f'"{text}" is no instant. Write 2026-03-05T08:00Z, or a day as 2026-03-05') from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
