"""What we post is what the standard says: others' libraries accept it, and nothing private is ever called."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.webhook import CONNECTOR
from connectors.webhook.sandbox import WebhookSandbox
from steward.contracts import Connection, Tools
from steward.kit.addresses import is_public
from steward.kit.receiver import SECRET
from steward.kit.sandbox import Reply, Request
from steward.kit.webhooks import webhook_id
from steward.model.actions import IdempotencyKey
from steward.model.errors import ConfigError, GiveUp, RateLimited, StewardError

KEY = IdempotencyKey("health_drop/acct_1/1/do.2/1")
OTHER = "whsec_YW5vdGhlci1zZWNyZXQtb2YtbW9yZS10aGFuLTI0LWJ5dGVz"


@pytest.fixture
def sandbox() -> Iterator[WebhookSandbox]:
    with WebhookSandbox() as started:
        yield started


@pytest.fixture
def seen(sandbox: WebhookSandbox) -> list[Request]:
    """What arrived, as it arrived."""
    arrived: list[Request] = []

    def note(request: Request, reply: Reply) -> Reply:
        arrived.append(request)
        return reply

    sandbox.alter = note
    return arrived


def connect(sandbox: WebhookSandbox, **changed: Any) -> Connection:
    settings = CONNECTOR.load_settings().model_validate({**sandbox.settings(), **changed})
    return CONNECTOR.connect(settings, Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=5.0))


def send(sandbox: WebhookSandbox, key: IdempotencyKey = KEY, **changed: Any) -> None:
    sink = connect(sandbox, **changed).sink
    assert sink
    sink.deliver(sandbox.sample_actions()[0], key)


def test_the_libraries_of_receivers_accept_it(sandbox: WebhookSandbox, seen: list[Request]) -> None:
    """Receivers verify with a library that they did not write either."""
    import svix.webhooks

    send(sandbox)

    (call,) = seen
    changed = call.body.replace(b"Acme", b"Acne")
    for library, refusal in ((Webhook(SECRET), WebhookVerificationError),
                             (svix.webhooks.Webhook(SECRET), svix.webhooks.WebhookVerificationError)):
        library.verify(call.body, dict(call.headers))
        with pytest.raises(refusal):
            library.verify(changed, dict(call.headers))


def test_both_secrets_sign_while_one_replaces_the_other(sandbox: WebhookSandbox, seen: list[Request]) -> None:
    """Nobody can change two sides at one instant."""
    send(sandbox, signing_secret=OTHER, previous_signing_secret=SECRET)

    (call,) = seen
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(call.body, dict(call.headers))


def test_the_same_key_has_the_same_id_and_is_one_event(sandbox: WebhookSandbox, seen: list[Request]) -> None:
    """The id is how a receiver drops what comes twice."""
    send(sandbox)
    send(sandbox)

    assert [call.headers["webhook-id"] for call in seen] == [webhook_id(KEY)] * 2
    assert len(sandbox.ledger.of(KEY)) == 1


def test_what_is_not_known_is_null_and_never_zero(sandbox: WebhookSandbox, seen: list[Request]) -> None:
    """A Zap that writes 0 for an unknown ARR lies to somebody."""
    send(sandbox)

    event = json.loads(seen[0].body)
    assert event["data"]["facts"]["account.arr"]["value"] is None
    assert (event["id"], event["type"]) == (webhook_id(KEY), "playbook.step")


def test_a_receiver_that_is_gone_is_given_up(sandbox: WebhookSandbox) -> None:
    """410 means that the Zap was switched off."""
    sandbox.gone = True

    with pytest.raises(GiveUp, match="410"):
        send(sandbox)


def test_retry_after_is_kept(sandbox: WebhookSandbox) -> None:
    """Zapier takes 30 a second and says when to come again."""
    sandbox.alter = lambda _, __: Reply(429, {}, {"Retry-After": "7"})

    with pytest.raises(RateLimited) as limited:
        send(sandbox)
    assert limited.value.retry_after_s == 7


def test_our_own_headers_cannot_be_set_over(sandbox: WebhookSandbox, seen: list[Request]) -> None:
    """A setting must not be able to take the signature's place."""
    send(sandbox, headers={"x-make-apikey": "k", "Webhook-Id": "msg_forged", "Webhook-Signature": "v1,forged"})

    assert seen[0].headers["x-make-apikey"] == "k"
    assert seen[0].headers["webhook-id"] == webhook_id(KEY)
    assert "forged" not in seen[0].headers["webhook-signature"]


def test_a_listener_is_not_told_the_secrets_of_the_receiver(sandbox: WebhookSandbox, seen: list[Request]) -> None:
    """Its address was named by whoever has a token of the API, who need not know what the operator's system asks for."""
    sink = connect(sandbox, headers={"Authorization": "Bearer inner"}).sink
    assert sink
    step, told = sandbox.sample_actions()
    for action in (step, told, told.model_copy(update={"target_url": sandbox.settings()["url"]})):
        sink.deliver(action, KEY)

    assert [call.headers.get("authorization") for call in seen] == ["Bearer inner", None, "Bearer inner"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_nothing_private_is_called(sandbox: WebhookSandbox, host: str) -> None:
    """Who may set an address must not read our network, nor a cloud's metadata, with it."""
    port = sandbox.url.rpartition(":")[2]

    with pytest.raises(StewardError) as refused:
        send(sandbox, allow_private=False, url=f"http://{host}:{port}/hooks/catch/1/abc")
    assert isinstance(refused.value, ConfigError) or "looked up" in str(refused.value)
    assert not sandbox.calls


@pytest.mark.parametrize(("address", "public"), [
    ("8.8.8.8", True), ("10.0.0.1", False), ("172.16.3.4", False), ("192.168.1.1", False), ("169.254.169.254", False),
    ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False),
    ("fe80::1%eth0", False), ("fc00::1", False), ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False),
    ("2002:7f00:1::", False), ("2606:4700:4700::1111", True), ("192.0.2.1", False), ("198.18.0.1", False),
    ("fec0::1", False), ("::7f00:1", False), ("::a9fe:a9fe", False), ("::ffff:0:7f00:1", False), ("3fff::1", False),
    ("5f00::1", False), ("64:ff9b:1::a00:1", False), ("192.88.99.1", False), ("192.0.0.8", False), ("100:0:0:1::1", False),
    ("64:ff9b::808:808", True), ("2a00:1450:4001::1", True),
])
def test_which_addresses_are_public(address: str, public: bool) -> None:
    """IPv6 can wrap a private IPv4 address in several ways."""
    assert is_public(address) is public


def test_a_redirect_is_not_followed(sandbox: WebhookSandbox, seen: list[Request]) -> None:
    """It would lead wherever the receiver likes."""
    sandbox.alter = lambda _, __: Reply(302, None, {"Location": "http://169.254.169.254/"})

    with pytest.raises(GiveUp):
        send(sandbox)


@pytest.mark.parametrize(("changed", "words"), [
    ({"url": "zapier.com/hook"}, "begins with https"), ({"signing_secret": "short"}, "make one"),
    ({"signing_secret": "whsec_" + "A" * 8}, "make one"),
])
def test_wrong_settings_say_what_to_do_and_not_the_secret(sandbox: WebhookSandbox, changed: dict[str, str], words: str) -> None:
    """Settings errors end in terminals that others read."""
    with pytest.raises(ValueError, match=words):
        connect(sandbox, **changed)


def test_check_posts_nothing(sandbox: WebhookSandbox) -> None:
    """A receiver takes any request for an event."""
    findings = connect(sandbox).check()

    assert [finding.ok for finding in findings] == [True, True]
    assert not sandbox.calls
