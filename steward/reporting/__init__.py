"""The star schema: what every report reads, wherever it reads it (files, Tableau, Power BI, the schema `reporting`).

A published version never changes: a new table or column raises `STAR.version` and is added at the end, and
`versions/<number>.json` keeps what was promised (`steward.reporting.dictionary.promise` writes it).
"""

from __future__ import annotations

from collections.abc import Sequence

from steward.model.errors import ConfigError
from steward.model.star import Star, StarTable
from steward.model.words import meant_or_all
from steward.reporting.dimensions import DIMENSIONS
from steward.reporting.happenings import HAPPENINGS

__all__ = ["STAR", "chosen"]

STAR = Star(1, (*DIMENSIONS, *HAPPENINGS))


def chosen(names: Sequence[str]) -> list[StarTable]:
    """The tables called `names`, all where none is. Raises ConfigError where there is no such table."""
    for name in names:
        if name not in STAR.names:
            raise ConfigError(f'there is no table "{name}"{meant_or_all(name, STAR.names)}')
    return [table for table in STAR.tables if not names or table.name in names]
