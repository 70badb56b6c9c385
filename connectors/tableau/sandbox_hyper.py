"""What Tableau does with uploaded .hyper files: reads them, and applies a batch of actions as one transaction."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.tableau.hyper import ROWS, SCHEMA

if TYPE_CHECKING:
    import polars as pl

Tables = dict[tuple[str, str], "pl.DataFrame"]


class Failed(Exception):
    """The job fails; what it says."""


def read(content: bytes, names: Collection[tuple[str, str]] = ((SCHEMA, ROWS),)) -> Tables:
    """The tables `names` (schema and name) of the file, read back by pantab. Raises Failed where one is not in it."""
    import pantab

    with tempfile.TemporaryDirectory(prefix="steward-tableau-sandbox-") as folder:
        file = Path(folder) / "it.hyper"
        file.write_bytes(content)
        try:
            return {name: pantab.frame_from_hyper(file, table=name, return_type="polars")
                    for name in names}
        except (RuntimeError, OSError) as error:
            raise Failed(f"the file is no Hyper database with these tables: {str(error)[:80]}") from None


def keep(folder: Path, sources: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the data sources down, so that a restart finds them."""
    told = {}
    for name, source in sources.items():
        source["tables"][SCHEMA, ROWS].write_parquet(folder / f"{name}.parquet")
        told[name] = {each: value.isoformat() if isinstance(value, datetime) else value
                      for each, value in source.items() if each != "tables"}
    (folder / "sources.json").write_text(json.dumps(told))


def kept(folder: Path) -> dict[str, dict[str, Any]]:
    """What `keep` wrote."""
    import polars as pl

    if not (folder / "sources.json").exists():
        return {}
    told: dict[str, dict[str, Any]] = json.loads((folder / "sources.json").read_text())
    for name, source in told.items():
        source |= {each: datetime.fromisoformat(source[each]) for each in ("created_at", "updated_at")}
        source["tables"] = {(SCHEMA, ROWS): pl.read_parquet(folder / f"{name}.parquet")}
    return told


def apply(actions: Sequence[Mapping[str, Any]], target: Tables, content: bytes) -> Tables:
    """The tables after all actions with the uploaded file, or none: raises Failed where one cannot be done."""
    payload = read(content, sorted({_name(action, "source") for action in actions}))
    after = dict(target)
    for action in actions:
        name = _name(action, "target")
        if name not in after:
            raise Failed(f"there is no table {name}")
        after[name] = _one(action, after[name], payload)
    return after


def _one(action: Mapping[str, Any], target: pl.DataFrame, payload: Tables) -> pl.DataFrame:
    import polars as pl

    source = payload[_name(action, "source")]
    kind = action["action"]
    if kind in ("replace", "insert"):
        if source.schema != target.schema:
            raise Failed("the columns of source and target do not match")
        return source if kind == "replace" else pl.concat([target, source])
    if kind == "delete":
        condition = action["condition"]
        if condition.get("op") != "eq" or set(source.columns) != {condition["source-col"]}:
            raise Failed("the source has columns that the condition does not name")
        return target.join(source, left_on=condition["target-col"], right_on=condition["source-col"], how="anti")
    raise Failed(f'there is no action "{kind}"')


def _name(action: Mapping[str, Any], side: str) -> tuple[str, str]:
    return action.get(f"{side}-schema", SCHEMA), action[f"{side}-table"]
