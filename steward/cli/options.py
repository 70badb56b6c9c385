"""The options that every command has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """Which company, and who reads the answer."""

    config: Annotated[Path, Parameter(env_var="STEWARD_CONFIG", help="The steward.yaml to work on.")] = Path(
        "steward.yaml"
    )
    json: Annotated[bool, Parameter(negative="", help="One JSON object on stdout, for machines.")] = False


DEFAULT = Options()
