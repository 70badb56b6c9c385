"""The star schema: what every report reads, wherever it reads it (files, Tableau, Power BI, the schema `reporting`).

A published version never changes: a new table or column raises `STAR.version` and is added at the end, and
`versions/<number>.json` keeps what was promised (`steward.reporting.dictionary.promise` writes it).
"""

from __future__ import annotations

from steward.model.star import Star
from steward.reporting.dimensions import DIMENSIONS
from steward.reporting.happenings import HAPPENINGS

__all__ = ["STAR"]

STAR = Star(1, (*DIMENSIONS, *HAPPENINGS))
