"""What Gainsight says about each row of a write: the documents show it in parts, so every likely form is taken.

Read in two independent transcriptions of the documents: CTAs and plans `{"success": [{reference: gsid}], "failure":
[{reference: words}]}`, activities `{"success": {externalId: [{"activityId"}]}, "failures": {externalId: [{"errorCode",
"message"}]}}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.gainsight.client import Row
from steward.model.errors import OutcomeUnknown, RecordRejected

_GSID = re.compile(r"1[A-Z0-9]{15,60}")
_FAILED = ("failure", "failures", "failed", "errors", "error")


def made(answer: Row, reference: str, what: str) -> str:
    """The Gsid of what was made for `reference`.

    Raises:
        RecordRejected: it was refused, by Gainsight's words.
        OutcomeUnknown: the answer says yes and names nothing.
    """
    data = answer.get("data")
    refused = _refusal(data, reference)
    if refused:
        raise RecordRejected(f"gainsight: {what} was refused: {refused}")
    succeeded = data.get("success", data) if isinstance(data, dict) else data
    named = [*_under(succeeded, reference), succeeded]
    found = next((gsid for each in named for gsid in _gsids(each)), "")
    if not found:
        raise OutcomeUnknown(
            f"gainsight: {what} was answered yes without naming it. Steward looks before it tries again.")
    return found


def activity_refused(answer: Row, external_id: str, what: str) -> RecordRejected | None:
    """Why the activity was refused, None where it was kept.

    Raises:
        OutcomeUnknown: the answer speaks of neither.
    """
    data = answer.get("data")
    refused = _refusal(data, external_id)
    if refused:
        return RecordRejected(f"gainsight: {what} was refused: {refused}")
    succeeded = data.get("success") if isinstance(data, dict) else data
    if not succeeded:
        raise OutcomeUnknown(f"gainsight: {what} was answered without a result. Steward looks before it tries again.")
    return None


def updated(answer: Row) -> set[str] | None:
    """The Gsids of the companies that were updated; None where the answer does not list them."""
    data = answer.get("data")
    rows = data.get("records") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        return None
    named = {str(value) for row in rows if isinstance(row, dict)
             for name, value in row.items() if name.lower() == "gsid"}
    return named - {"", "None"} or None


def _refusal(data: Any, reference: str) -> str:
    if not isinstance(data, dict):
        return ""
    failed = [data[name] for name in _FAILED if data.get(name)]
    words = [word for each in failed for found in (*_under(each, reference), each) for word in _words(found)]
    return "; ".join(dict.fromkeys(words))[:300] if failed else ""


def _under(node: Any, name: str) -> list[Any]:
    """What stands under `name` in an object, or in the objects of a list."""
    nodes = node if isinstance(node, list) else [node]
    return [each[name] for each in nodes if isinstance(each, dict) and name in each]


def _gsids(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        if _GSID.fullmatch(node):
            yield node
    elif isinstance(node, Mapping):
        for name in sorted(node, key=lambda each: each.lower() not in ("gsid", "id")):
            yield from _gsids(node[name])
    elif isinstance(node, list):
        for each in node:
            yield from _gsids(each)


def _words(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node[:200]
    elif isinstance(node, Mapping):
        told = [str(node[name]) for name in ("errorCode", "errorDesc", "message", "error") if node.get(name)]
        yield " ".join(told)[:200] if told else json.dumps(node)[:200]
    elif isinstance(node, list):
        for each in node:
            yield from _words(each)
