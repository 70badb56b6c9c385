"""The options that every command has."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

AtMost = Annotated[int, Parameter(help="At most so many.", validator=Number(gte=1))]
"""`--limit`."""


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """Which company, and who reads the answer."""

    config: Annotated[Path, Parameter(env_var="STEWARD_CONFIG", help="The steward.yaml to work on.")] = Path(
        "steward.yaml"
    )
    json: Annotated[bool, Parameter(negative="", help="One JSON object on stdout, for machines.")] = False

    def command(self, text: str) -> str:
        """`steward TEXT` as it can be typed here, for this company."""
        return command(text, self.config)


DEFAULT = Options()


def command(text: str, config: Path = DEFAULT.config) -> str:
    """`steward TEXT --config …` as it can be typed in this folder; nothing is said that goes without saying."""
    known = config in (DEFAULT.config, Path(os.environ.get("STEWARD_CONFIG", DEFAULT.config)))
    flag = "" if known else f" --config {shlex.quote(nearest(config))}"
    return f"{_program()} {text}{flag}"


def nearest(path: Path) -> str:
    """`path` as it is shortest to type from here."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)


def _program() -> str:
    """`steward`, or the path to it where no shell would find it."""
    own = Path(sys.argv[0])
    return "steward" if own.name != "steward" or shutil.which("steward") else shlex.quote(nearest(own))
