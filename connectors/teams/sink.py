"""Actions to Teams: post a card to a channel over its workflow."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote, urlsplit

from connectors.teams.card import draw
from connectors.teams.links import Answer, token
from connectors.teams.settings import TeamsSettings
from steward.contracts import Tools
from steward.kit.client import Answer as HttpAnswer
from steward.kit.client import Client
from steward.model.actions import Action, Button, Card, IdempotencyKey, Message, Receipt
from steward.model.errors import ConfigError, OutcomeUnknown, RateLimited, RecordRejected

ACCEPTED = 202
CARD = "application/vnd.microsoft.card.adaptive"


class TeamsSink:
    """Delivery class C: a workflow knows no idempotency key, and names no message that it posted."""

    def __init__(self, settings: TeamsSettings, tools: Tools) -> None:
        self._settings, self._tools = settings, tools
        self._channels = {name: _split(name, url.get_secret_value()) for name, url in settings.channels.items()}
        self._clients: dict[str, Client] = {}

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Post the card.

        Raises:
            RecordRejected: no such channel is set, or the message is for a person and there is no default channel.
            OutcomeUnknown: the line broke after sending; the message may stand there.
        """
        if not isinstance(action, Message):
            raise RecordRejected(f'teams cannot do "{action.kind}"; it can do message', "kind")
        channel, card = self._place(action)
        origin, path = self._channels[channel]
        client = self._clients.setdefault(origin, Client("teams", origin, self._tools))
        drawn = draw(card, lambda button: self._link(button, action.enrollment_id))
        message = {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": drawn}]}
        answer = client.post(path, f'post to "{channel}"', message, {"x-steward-key": quote(key)})
        _look_at(answer, channel)
        return Receipt(external_id=f"{channel}:{key}", delivered_at=self._tools.now())

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """Raises OutcomeUnknown: Teams offers a webhook no way to look."""
        raise OutcomeUnknown(f'teams: cannot tell whether the message of "{key}" was posted. Look in the channel, then '
                             "resend or close it: steward outbox list --state unknown")

    def _place(self, action: Message) -> tuple[str, Card]:
        wanted = (action.to.channel or "").lstrip("#")
        if wanted in self._channels:
            return wanted, action.card
        if action.to.channel:
            raise RecordRejected(f'teams: no channel "{wanted}" is set. Add it to channels of the connection in '
                                 "steward.yaml, with the URL of its workflow.", "to")
        if self._settings.default_channel not in self._channels:
            raise RecordRejected("teams: a webhook cannot write to a person, and no default_channel is set. Set it in "
                                 "steward.yaml to one of channels.", "to")
        who = f"{action.to.name} ({action.to.email})" if action.to.name else str(action.to.email)
        card = action.card.model_copy(update={"context": (f"For {who}.", *action.card.context)})
        return self._settings.default_channel, card

    def _link(self, button: Button, enrollment_id: str) -> str:
        secret = self._settings.link_secret
        if not (secret and self._settings.answers_url and enrollment_id and button.answer):
            return ""
        until = self._tools.now() + timedelta(days=self._settings.link_days)
        signed = token(Answer(enrollment_id, button.answer, until), secret.get_secret_value())
        return f"{self._settings.answers_url}?t={signed}"


def _look_at(answer: HttpAnswer, channel: str) -> None:
    """202 is a workflow's yes. 200 with "1" is the old connector's, which also told its 429 in the body of a 200."""
    said = answer.body[:500].decode("utf-8", "replace").strip()
    if answer.status == ACCEPTED or said == "1":
        return
    if "error 429" in said:
        raise RateLimited(f'teams: "{channel}" takes no more for now. Steward waits and tries again.', None)
    raise OutcomeUnknown(f'teams: "{channel}" was answered {answer.status} with something else than a yes; the message '
                         "may have been posted.")


def _split(name: str, url: str) -> tuple[str, str]:
    """Origin and path with query. The URL is a secret: no error shows it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f'teams: the URL of channel "{name}" is no address. Copy "HTTP POST URL" of the workflow.')
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path}{'?' if parts.query else ''}{parts.query}"
