"""Bulk API 2.0 as a source uses it: a query job, waited for, and its rows part by part, a page of them in memory.

What Salesforce says about a job that is of no use any more (gone, failed, aborted, of another version) is `None`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from urllib.parse import quote

from connectors.salesforce.client import AnswerTooLarge, Client
from connectors.salesforce.settings import SalesforceSettings
from steward.contracts import Tools
from steward.model.errors import AccessDenied, GiveUp, Unavailable

SYSTEM = "salesforce"
LAST = "null"                               # the locator after the last part, in Salesforce's own word
_FIRST_WAIT_S, _LONGEST_WAIT_S, _PATIENCE_S = 1.0, 30.0, 600.0
_CELLS_A_PART = 1_000_000
_FEWEST = 50                                # rows of a part; fewer are not asked for
_AT_WORK = ("Open", "UploadComplete", "InProgress")
_NUMBERS = frozenset({"int", "double", "currency", "percent", "long"})

Row = dict[str, Any]


class JobGone(Exception):
    """The job cannot be read any more, or never will be; never leaves the connector."""


class Bulk:
    """The query jobs of one org. `kinds` of a field are those that `describe` tells."""

    def __init__(self, client: Client, settings: SalesforceSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools

    def begin(self, soql: str, *, deleted: bool) -> str:
        """Begin a job and give its id. Raises GiveUp where the org does not let Steward use Bulk for this query."""
        body = {"operation": "queryAll" if deleted else "query", "query": soql}
        told = self._client.ask("begin of a bulk query", "POST", "jobs/query", body)
        job = told.get("id") if isinstance(told, dict) else None
        if not isinstance(job, str) or not job.isalnum():
            raise Unavailable(f"{SYSTEM}: a bulk query was begun, but answered without an id. "
                              "Steward tries again later.")
        return job

    def wait(self, job: str) -> None:
        """Return once the job is complete.

        Raises:
            JobGone: it failed, was aborted, or is not there any more.
            Unavailable: it is still at work; the same job is asked for the next time.
        """
        waited, pause = 0.0, _FIRST_WAIT_S
        while True:
            told = self._asked(lambda: self._client.ask("state of a bulk query", "GET", f"jobs/query/{job}"))
            state = told.get("state") if isinstance(told, dict) else None
            if state == "JobComplete":
                return
            if state not in _AT_WORK:
                said = str(told.get("errorMessage") or "") if isinstance(told, dict) else ""
                raise JobGone(f"it is {state}{f': {said[:200]}' if said else ''}")
            if waited >= _PATIENCE_S:
                raise Unavailable(f"{SYSTEM}: a bulk query ({job}) is still at work after {waited:.0f} s. "
                                  "Steward goes on with the same one the next time.")
            self._tools.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _LONGEST_WAIT_S)

    def part(
        self, job: str, locator: str, columns: Sequence[str], kinds: Mapping[str, str],
    ) -> tuple[Iterator[Row], str]:
        """The rows of a part ("" is the first) in the types that the JSON of a query has, read one after the other, and
        the next part's locator.

        Raises:
            JobGone: as `wait`.
            Unavailable: also while the rows are read, before the last of them: the part was cut short.
        """
        most = max(200, min(self._settings.bulk_page_size, _CELLS_A_PART // max(len(columns), 1)))
        while True:
            path = f"jobs/query/{job}/results?maxRecords={most}"
            path += f"&locator={quote(locator, safe='')}" if locator else ""
            try:
                headers, text = self._asked(partial(self._client.text, "part of a bulk query", path))
            except AnswerTooLarge:
                if most < _FEWEST:
                    raise
                most //= 8
                continue
            return _counted(_rows(text, columns, kinds), headers), headers.get("Sforce-Locator") or LAST

    def _asked(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except AccessDenied:
            raise
        except GiveUp as error:             # 404 gone, 409 of another version, 412 not complete any more
            raise JobGone(str(error)) from None


def _counted(rows: Iterator[Row], headers: Mapping[str, str]) -> Iterator[Row]:
    count, promised = 0, headers.get("Sforce-NumberOfRecords", "")
    for row in rows:
        count += 1
        yield row
    if promised.isdigit() and int(promised) != count:
        raise Unavailable(f"{SYSTEM}: a part of a bulk query has {count} rows of {promised} that were promised. "
                          "Steward tries again later.")


def _rows(text: str, columns: Sequence[str], kinds: Mapping[str, str]) -> Iterator[Row]:
    """The rows of a part. Whether a later part begins with the names of the columns is not documented: both will do."""
    names, read = list(columns), [_reader(kinds.get(name, "")) for name in columns]
    for place, values in enumerate(csv.reader(io.StringIO(text, newline=""))):
        if place == 0 and values and values[0].lower() == "id":
            by_lower = {name.lower(): name for name in columns}
            names = [by_lower.get(name.lower(), name) for name in values]
            read = [_reader(kinds.get(name, "")) for name in names]
            continue
        if not values:
            continue
        if len(values) != len(names):
            raise Unavailable(f"{SYSTEM}: a row of a bulk query has {len(values)} values for {len(names)} columns. "
                              "Steward tries again later.")
        yield {name: (reads(value) if reads else value) if value else None
               for name, value, reads in zip(names, values, read, strict=True)}


def _reader(kind: str) -> Callable[[str], Any] | None:
    if kind == "boolean":
        return _boolean
    return _number if kind in _NUMBERS else None


def _boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.lower(), text)


def _number(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text                          # the mapping says what is wrong with it
