"""How people see and name a playbook's version: by as few of its digits as tell it from the others, as git does."""

from __future__ import annotations

from collections.abc import Iterable

from steward.model.errors import ConfigError

LEAST_DIGITS = 4


def short(version: str, known: Iterable[str]) -> str:
    """The shortest beginning of `version`, four digits at least, with which no other of the playbook's begins."""
    others = [each for each in known if each != version]
    digits = LEAST_DIGITS
    while digits < len(version) and any(each.startswith(version[:digits]) for each in others):
        digits += 1
    return version[:digits]


def meant(beginning: str, playbook_id: str, known: Iterable[str]) -> str:
    """The one of the playbook's versions `known` that begins so.

    Raises:
        ConfigError: none does, or several do.
    """
    there = sorted(set(known))
    found = [each for each in there if beginning and each.startswith(beginning.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f'"{playbook_id}@{beginning}" is more than one version: {_listed(found, there)}. '
                          "Write more of its digits.")
    raise ConfigError(f'"{playbook_id}" has no version "{beginning}". There are: {_listed(there, there) or "none"}.')


def _listed(versions: list[str], known: list[str]) -> str:
    return ", ".join(short(each, known) for each in versions)
