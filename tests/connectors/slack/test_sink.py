"""Messages: they reach the right person, once, and every refusal says what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from connectors.slack.sandbox import SlackSandbox
from connectors.slack.sandbox_shapes import CARD, direct_id, make_id
from steward.contracts import Connection
from steward.kit.sandbox import Fault
from steward.model.actions import IdempotencyKey, Message, Recipient, UpdateMessage
from steward.model.errors import AccessDenied, OutcomeUnknown, RateLimited, RecordRejected, Unavailable

KEY = IdempotencyKey("health_drop/acme/1/0/1")
TO_ANA = Message(to=Recipient(email="ana@sandbox.example", name="Ana"), card=CARD, enrollment_id="health_drop/acme/1")
Connect = Callable[..., Connection]


def _sink(connection: Connection):  # type: ignore[no-untyped-def]  # the sink, known to be there
    assert connection.sink
    return connection.sink


def test_a_person_gets_a_direct_message(connect: Connect, sandbox: SlackSandbox) -> None:
    """The CSM sees it where they work."""
    receipt = _sink(connect()).deliver(TO_ANA, KEY)

    [effect] = sandbox.ledger.of(KEY)
    assert effect.kind == "message"
    assert effect.detail["channel"] == direct_id(make_id("U", "ana"))
    assert receipt.external_id == f'{effect.detail["channel"]}:{effect.detail["ts"]}'
    assert effect.detail["client_msg_id"]


def test_a_person_is_looked_up_once_for_many_messages(connect: Connect, sandbox: SlackSandbox) -> None:
    """Slack allows 50 look-ups a minute; a morning with a hundred messages must not wait for that."""
    sink = _sink(connect())
    for number in range(3):
        sink.deliver(TO_ANA, f"{KEY}/{number}")

    asked = [path.rsplit("/", 1)[-1] for _, _, path, _ in sandbox.calls]
    assert asked.count("users.lookupByEmail") == asked.count("conversations.open") == 1
    assert asked.count("chat.postMessage") == 3


@pytest.mark.parametrize("email", ["left@sandbox.example", "nobody@sandbox.example"])
def test_a_message_for_nobody_goes_to_the_channel_and_says_for_whom(
    connect: Connect, sandbox: SlackSandbox, email: str,
) -> None:
    """A CSM who left must not take the alert with them."""
    action = TO_ANA.model_copy(update={"to": Recipient(email=email, name="Bo")})
    _sink(connect()).deliver(action, KEY)

    [effect] = sandbox.ledger.of(KEY)
    assert effect.detail["channel"] == make_id("C", "cs-alerts")
    assert f"For Bo ({email})" in str(effect.detail["blocks"])


def test_without_a_default_channel_a_message_for_nobody_is_refused(connect: Connect, sandbox: SlackSandbox) -> None:
    """It parks visibly, with the setting that would help."""
    action = TO_ANA.model_copy(update={"to": Recipient(email="nobody@sandbox.example")})
    with pytest.raises(RecordRejected, match="default_channel") as refused:
        _sink(connect(default_channel="")).deliver(action, KEY)

    assert refused.value.field == "to"
    assert not sandbox.ledger.of(KEY)


def test_an_update_redraws_the_message(connect: Connect, sandbox: SlackSandbox) -> None:
    """One message per alert, always showing how things stand."""
    sink = _sink(connect())
    posted = sink.deliver(TO_ANA, KEY)
    done = CARD.model_copy(update={"title": "Done: Acme Ltd", "tone": "done"})
    sink.deliver(UpdateMessage(message_id=posted.external_id, card=done), IdempotencyKey(f"{KEY}/done"))

    standing = next(message for message in sandbox.messages() if message["text"] == CARD.sentence)
    assert standing["blocks"][0]["text"]["text"] == "✅ Done: Acme Ltd"
    assert [effect.kind for effect in sandbox.ledger] == ["message", "update"]


def test_an_answer_stands_in_the_thread(connect: Connect, sandbox: SlackSandbox) -> None:
    """An escalation is read together with what it escalates."""
    sink = _sink(connect())
    posted = sink.deliver(TO_ANA, KEY)
    sink.deliver(TO_ANA.model_copy(update={"thread": posted.external_id}), IdempotencyKey("other"))

    assert sandbox.ledger.of("other")[0].detail["thread_ts"] == posted.external_id.partition(":")[2]


def test_a_cut_line_is_never_sent_again(connect: Connect, sandbox: SlackSandbox) -> None:
    """slack_sdk would post twice after a reset; the person would read it twice (api-facts.md 6)."""
    sandbox.faults = [Fault("cut", on="chat.postMessage")]
    with pytest.raises(OutcomeUnknown):
        _sink(connect()).deliver(TO_ANA, KEY)

    assert len(sandbox.ledger.of(KEY)) == 1
    assert sum("chat.postMessage" in call[2] for call in sandbox.calls) == 1


def test_a_proxy_of_the_environment_is_not_used(
    connect: Connect, sandbox: SlackSandbox, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The token must go to Slack and to nobody else."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    _sink(connect()).deliver(TO_ANA, KEY)

    assert len(sandbox.ledger.of(KEY)) == 1


def test_a_missing_scope_is_named(connect: Connect, sandbox: SlackSandbox) -> None:
    """The operator adds exactly that scope instead of guessing."""
    sandbox.scopes -= {"users:read.email"}
    with pytest.raises(AccessDenied, match=r"users:read\.email"):
        _sink(connect()).deliver(TO_ANA, KEY)


def test_an_unknown_channel_is_refused_by_name(connect: Connect) -> None:
    """A typo in a playbook parks that action alone."""
    action = TO_ANA.model_copy(update={"to": Recipient(channel="#nowhere")})
    with pytest.raises(RecordRejected, match="channel_not_found") as refused:
        _sink(connect()).deliver(action, KEY)

    assert refused.value.field == "to"


def test_a_second_message_within_a_second_waits(connect: Connect, sandbox: SlackSandbox) -> None:
    """Slack takes one message a second in a channel; the outbox must hear for how long to wait."""
    sandbox.per_channel_s = 30
    sink = _sink(connect())
    sink.deliver(TO_ANA, KEY)
    with pytest.raises(RateLimited) as slower:
        sink.deliver(TO_ANA, IdempotencyKey("other"))

    assert slower.value.retry_after_s == 1
    assert not sandbox.ledger.of("other")


def test_trouble_while_looking_for_the_person_can_be_tried_again(connect: Connect, sandbox: SlackSandbox) -> None:
    """Nothing was posted yet, so nobody has to look first."""
    sandbox.faults = [Fault("cut", on="conversations.open")]
    with pytest.raises(Unavailable):
        _sink(connect()).deliver(TO_ANA, KEY)


def test_what_stood_before_a_restart_of_slack_can_be_redrawn(tmp_path, connect: Connect) -> None:  # type: ignore[no-untyped-def]
    """The sandbox keeps what it applied, as Slack would."""
    first = SlackSandbox(tmp_path)
    first.seed(5)
    with first:
        settings = first.settings()
        posted = _sink(connect(base_url=settings["base_url"])).deliver(TO_ANA, KEY)
    second = SlackSandbox(tmp_path)
    second.seed(5)
    with second:
        update = UpdateMessage(message_id=posted.external_id, card=CARD)
        _sink(connect(base_url=second.settings()["base_url"])).deliver(update, IdempotencyKey("u"))

    assert [effect.kind for effect in second.ledger] == ["message", "update"]


def test_nothing_of_slack_sdk_is_logged(
    connect: Connect, sandbox: SlackSandbox, caplog: pytest.LogCaptureFixture,
) -> None:
    """Its log lines hold whole answers, with people's e-mails in them."""
    caplog.set_level(logging.DEBUG)
    sandbox.faults = [Fault("html", on="chat.postMessage", status=502)]
    with pytest.raises(OutcomeUnknown):
        _sink(connect()).deliver(TO_ANA, KEY)

    assert not caplog.records
