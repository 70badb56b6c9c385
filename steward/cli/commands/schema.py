"""`steward schema`: the JSON Schema of playbooks, for editors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import show
from steward.cli.options import DEFAULT, Options, nearest
from steward.model.errors import ConfigError

if TYPE_CHECKING:
    from steward.model.facts import FactSpec


def schema(
    *, out: Annotated[Path | None, Parameter(help="Write it into this file instead of to stdout.")] = None,
    options: Options = DEFAULT,
) -> int:
    """The JSON Schema of playbooks: an editor then completes, explains and checks while you write.

    Write it once, and name it in the first line of each playbook:

        steward schema --out playbooks/playbook.schema.json
        # yaml-language-server: $schema=playbook.schema.json

    It names the facts of this company; write it again when they change.
    """
    from steward.engine.editor_schema import USAGE, playbook_schema

    text = json.dumps(playbook_schema(_catalog(options)), indent=2, ensure_ascii=False)
    if out is None:
        show.line(text)
        return 0
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f'"{out}" cannot be written: {error.strerror}. Name a file in a folder of yours.') from None
    if options.json:
        show.as_json({"written": str(out), "first_line": f"{USAGE}{out.name}"})
        return 0
    show.line(f"wrote {nearest(out)}. First line of each playbook beside it: {USAGE}{out.name}")
    return 0


def _catalog(options: Options) -> Mapping[str, FactSpec]:
    """The facts of the company; without a steward.yaml the usual ones."""
    from steward.facts.catalog import catalog
    from steward.wiring import open_hub

    if options.config == DEFAULT.config and not os.path.exists(options.config):
        return catalog()
    with open_hub(options.config) as hub:
        return hub.catalog
