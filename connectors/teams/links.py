"""Links behind buttons: what they answer, until when, and the proof that we made them.

A link leads to a page that asks once more: programs that preview links open them, and opening must not answer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from steward.model.errors import SignatureRejected

_REFUSED = ("teams: a link was not made by this Steward, or is too old. Open the account in Steward and answer there; "
            "if every link is refused, check link_secret of the connection.")
MOST_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What pressing the button says: `answer` for the enrollment, good until `until`."""

    enrollment_id: str
    answer: str
    until: datetime


def token(answer: Answer, secret: str) -> str:
    """The answer as text for a URL, with its signature."""
    said = json.dumps([answer.enrollment_id, answer.answer, int(answer.until.timestamp())]).encode()
    body = urlsafe_b64encode(said).rstrip(b"=")
    return f"{body.decode()}.{_signature(body, secret)}"


def read(text: str, secret: str, now: datetime) -> Answer:
    """The answer in `text`.

    Raises:
        SignatureRejected: it was not made with `secret`, or its time is over.
    """
    body, _, signature = text.partition(".")
    if len(text) > MOST_CHARACTERS or not text.isascii():
        raise SignatureRejected(_REFUSED)
    if not hmac.compare_digest(_signature(body.encode(), secret).encode(), signature.encode()):
        raise SignatureRejected(_REFUSED)
    enrollment_id, answer, until = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    found = Answer(enrollment_id, answer, datetime.fromtimestamp(until, UTC))
    if found.until <= now:
        raise SignatureRejected(_REFUSED)
    return found


def _signature(body: bytes, secret: str) -> str:
    made = hmac.new(secret.encode(), b"teams-link:" + body, hashlib.sha256).digest()
    return urlsafe_b64encode(made).rstrip(b"=").decode()
