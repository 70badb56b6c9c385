"""Answers to cards: the form of the confirm page, with the token of the link that led there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs

from connectors.teams.links import read
from connectors.teams.settings import TeamsSettings
from steward.contracts import Tools
from steward.model.errors import RecordRejected, SignatureRejected
from steward.model.records import Noun, Record


class TeamsInbox:
    """A POST of the form `t=<token>&by=<who>`. The token is good once: the same one again is the same delivery."""

    def __init__(self, settings: TeamsSettings, tools: Tools) -> None:
        self._secret = settings.link_secret.get_secret_value() if settings.link_secret else ""
        self._now = tools.now

    def question(self, query: Mapping[str, str]) -> str:
        """ "Say of health_drop/acct_17/1: acknowledge?"; raises SignatureRejected where the token is none of ours."""
        answer = read(query.get("t", ""), self._secret, self._now())
        return f"Say of {answer.enrollment_id}: {answer.answer}?"

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise SignatureRejected unless the token in the form is one of ours and its time is not over."""
        read(_field(body, "t"), self._secret, self._now())

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        """The token's hash."""
        return hashlib.sha256(_field(body, "t").encode()).hexdigest()

    def parse(self, body: bytes) -> Sequence[Record]:
        """The response. Its time was looked at when it came in; it may be worked off later."""
        try:
            answer = read(_field(body, "t"), self._secret, datetime.min.replace(tzinfo=UTC))
        except SignatureRejected:
            raise RecordRejected("teams: the form holds no token of ours", "t") from None
        by = _field(body, "by") or "somebody in Teams"
        return (Record(Noun.RESPONSE, hashlib.sha256(_field(body, "t").encode()).hexdigest(), {
            "enrollment_id": answer.enrollment_id, "answer": answer.answer, "by": by[:255],
        }),)


def _field(body: bytes, name: str) -> str:
    try:
        return parse_qs(body.decode("utf-8"), max_num_fields=10).get(name, [""])[0]
    except ValueError:
        return ""
