"""The data dictionary: what each table and column means, for people; and what a version promises, for a test."""

from __future__ import annotations

from typing import Any

from steward.model.records import FieldType
from steward.model.star import Star, StarColumn, StarTable

HEADER = ("table", "column", "type", "unit", "key", "points_at", "fact", "meaning")
_RULES = ("Money is exact to the cent, in the currency that its row names. Instants are UTC, to the second; days are "
          "the company's. Empty is not known, never zero. Later versions only have more.")
_TYPES = {
    FieldType.TEXT: "text", FieldType.INTEGER: "whole number", FieldType.NUMBER: "number",
    FieldType.BOOLEAN: "true or false", FieldType.DATE: "day", FieldType.INSTANT: "instant (UTC)",
    FieldType.MONEY: "money, exact to the cent",
}


def lines(star: Star) -> list[tuple[str, ...]]:
    """One line per column, in the order of HEADER; before those of a table one that says what a row of it is."""
    found: list[tuple[str, ...]] = []
    for table in star.tables:
        found.append((table.name, "", "", "", "", "", "", f"{table.meaning} Grain: {table.grain}."))
        found += [_line(table, column) for column in table.columns]
    return found


def as_markdown(star: Star) -> str:
    """The same as a page."""
    parts = [f"# Star schema, version {star.version}", "", _RULES]
    for table in star.tables:
        parts += ["", f"## {table.name}", "", f"{table.meaning} Grain: {table.grain}.", "",
                  "| column | type | unit | points at | fact | meaning |", "|---|---|---|---|---|---|"]
        parts += [f"| `{column.name}`{' (key)' if column.name in table.key else ''} | {_TYPES[column.type]} | "
                  f"{column.unit} | {table.links.get(column.name, '')} | {column.fact} | {column.meaning} |"
                  for column in table.columns]
    return "\n".join(parts)


def promise(star: Star) -> dict[str, Any]:
    """What must never change nor vanish, as plain JSON: written once for each version."""
    return {"version": star.version, "tables": {
        table.name: {
            "key": list(table.key), "grain": table.grain, "dated_by": table.dated_by, "links": dict(table.links),
            "columns": {column.name: {"type": column.type.value, "unit": column.unit, "fact": column.fact}
                        for column in table.columns},
        } for table in star.tables
    }}


def broken(promised: dict[str, Any], star: Star) -> list[str]:
    """In what way `star` does not keep `promised`, one line each; nothing where it does."""
    now, faults = promise(star)["tables"], []
    for name, table in promised["tables"].items():
        if name not in now:
            faults.append(f'the table "{name}" is gone')
            continue
        for part in ("key", "grain", "dated_by"):
            if now[name][part] != table[part]:
                faults.append(f'{name}: its {part} was "{table[part]}" and is "{now[name][part]}"')
        columns = now[name]["columns"]
        if list(columns)[:len(table["columns"])] != list(table["columns"]):
            faults.append(f'{name}: its first columns are not {", ".join(table["columns"])}')
        faults += [f'{name}.{column} was {was} and is {columns[column]}'
                   for column, was in table["columns"].items() if column in columns and columns[column] != was]
        faults += [f'{name}.{column} pointed at "{was}"' for column, was in table["links"].items()
                   if now[name]["links"].get(column) != was]
    return faults


def _line(table: StarTable, column: StarColumn) -> tuple[str, ...]:
    return (table.name, column.name, _TYPES[column.type], column.unit, "key" if column.name in table.key else "",
            table.links.get(column.name, ""), column.fact, column.meaning)
