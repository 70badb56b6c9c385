"""What an answer of Salesforce that is no success means: its status, codes and words in, errors of Steward out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.salesforce.session import Answered, Broken
from steward.kit.http import failure, retry_after_s
from steward.model.errors import (
    AccessDenied,
    OutcomeUnknown,
    RateLimited,
    RecordRejected,
    StewardError,
    Unavailable,
)

SYSTEM = "salesforce"
# A locator that died is one: the pull goes on from its cursor with a new query.
_LATER = frozenset({"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "SERVER_UNAVAILABLE", "INVALID_QUERY_LOCATOR"})
_QUOTA = frozenset({"REQUEST_LIMIT_EXCEEDED", "CONCURRENT_REQUEST_LIMIT_EXCEEDED"})

Clean = Callable[[str], str]
"""A text without secrets, on one line, and short."""


class AnswerTooLarge(Unavailable):
    """The answer is larger than is read; asked for less, Salesforce may answer with less."""


class NoSuchObject(RecordRejected):
    """The org has no such object, or the user may not see it."""


def of_answer(what: str, answer: Answered, clean: Clean, now: datetime, *, write: bool) -> StewardError:
    """The error for an answer that is not 2xx, after Salesforce's own code where that says more than the status."""
    code, said, field = said_in(answer.body)
    said = clean(said)
    if code in _QUOTA:
        wait_s = retry_after_s(answer.headers, now)
        return RateLimited(f"{SYSTEM}: {what} was refused ({said}). Steward waits and tries again.", wait_s)
    if code in _LATER and answer.status == 400:
        return Unavailable(f"{SYSTEM}: {what} was not done ({said}). Steward tries again later.")
    if answer.status == 300:
        return RecordRejected(f"{SYSTEM}: {what}: several records carry the same key. Make the key field unique, "
                              "then run: steward connector check salesforce", field)
    error = failure(SYSTEM, what, answer.status, answer.headers, said, write=write, now=now)
    if isinstance(error, RateLimited):
        return error
    if isinstance(error, RecordRejected):
        return RecordRejected(str(error), field)
    return error


def of_row(what: str, said: Mapping[str, Any], clean: Clean) -> StewardError:
    """The error of one row of a collection: under a 200, each says for itself."""
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code, fields = str(first.get("statusCode") or first.get("errorCode") or ""), first.get("fields")
    words = clean(f"{code}: {first.get('message') or ''}")
    field = str(fields[0]) if isinstance(fields, list) and fields else None
    if code in _QUOTA:
        return RateLimited(f"{SYSTEM}: {what} was refused ({words}). Steward waits and tries again.")
    if code in _LATER:
        return Unavailable(f"{SYSTEM}: {what} was not done ({words}). Steward tries again later.")
    if not code or code == "UNKNOWN_EXCEPTION":
        return OutcomeUnknown(f"{SYSTEM}: {what}: {words}. Whether it was done is not known; "
                              "Steward looks before it tries again.")
    if code.startswith("INSUFFICIENT_ACCESS"):
        return AccessDenied(f"{SYSTEM}: {what}: {words}. Grant the permission, then run: "
                            "steward connector check salesforce")
    return RecordRejected(f"{SYSTEM}: {what}: {words}", field)


def of_break(what: str, broken: Broken, *, write: bool) -> StewardError:
    """The error for a line that broke."""
    if broken.too_large and not write:
        return AnswerTooLarge(f"{SYSTEM}: {what}: {broken}. Steward tries again later; "
                              "where it stays so, map fewer fields.")
    if write and broken.sent:
        return OutcomeUnknown(f"{SYSTEM}: {what}: {broken}. Whether it was done is not known; "
                              "Steward looks before it tries again.")
    return Unavailable(f"{SYSTEM}: {what}: {broken}. Check instance_url and the network; Steward tries again later.")


def unreadable(what: str, error: Exception, *, write: bool) -> StewardError:
    """The error for a success that is not what was promised."""
    text = f"{SYSTEM}: {what} was answered with something that is not the JSON of Salesforce ({type(error).__name__})"
    if write:
        return OutcomeUnknown(f"{text}. Whether it was done is not known; Steward looks before it tries again.")
    return Unavailable(f"{text}; a proxy may be in between. Steward tries again later.")


def said_in(body: bytes) -> tuple[str, str, str | None]:
    """Salesforce's error code, its words, and the first field it names; empty where the body is not its JSON."""
    parsed = json_of(body)
    first = parsed[0] if isinstance(parsed, list) and parsed else parsed
    if not isinstance(first, dict):
        return "", "", None
    code = str(first.get("errorCode") or first.get("error") or "")
    fields = first.get("fields")
    field = str(fields[0]) if isinstance(fields, list) and fields else None
    return code, f"{code}: {first.get('message') or first.get('error_description') or ''}", field


def json_in(answer: Any) -> Any:
    """The JSON of an answer, None where it has no body. Raises ValueError where it is something else."""
    return json.loads(answer.content, parse_float=Decimal) if answer.status_code != 204 else None


def json_of(body: bytes) -> Any:
    """The JSON in `body`, None where it is something else."""
    try:
        return json.loads(body)
    except ValueError:
        return None
