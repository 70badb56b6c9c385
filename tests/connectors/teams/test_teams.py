"""Cards in Teams: inert, valid, small enough, and answered over links that only we can make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connectors.teams import CONNECTOR
from connectors.teams.card import MOST_BYTES, draw, size
from connectors.teams.sandbox import TeamsSandbox
from steward.contracts import Connection, Tools
from steward.model.actions import Button, Card, CardField, IdempotencyKey, Message, Recipient
from steward.model.errors import ConfigError, OutcomeUnknown, RateLimited, RecordRejected, SignatureRejected

SCHEMAS = Path(__file__).resolve().parents[4] / "shared" / "specs" / "adaptivecards"
KEY = IdempotencyKey("health_drop/acct_1/1/do.1/1")
HOSTILE = ("[press](javascript:alert(1))", "<at>everyone</at>", "**bold** _it_", "A\nB\u202e", "x" * 9_000, "{{DATE(1)}}")


@pytest.fixture
def sandbox() -> Iterator[TeamsSandbox]:
    with TeamsSandbox() as started:
        started.seed(1)
        yield started


def connect(sandbox: TeamsSandbox, later: timedelta = timedelta(0), **changed: Any) -> Connection:
    settings = CONNECTOR.load_settings().model_validate({**sandbox.settings(), **changed})
    return CONNECTOR.connect(settings, Tools(now=lambda: datetime.now(UTC) + later, sleep=lambda _: None, deadline_s=5.0))


def message(channel: str | None = "cs-alerts", email: str | None = None, name: str = "Acme") -> Message:
    card = Card(sentence=f"{name} dropped.", title=f"Health drop: {name}", tone="risk",
                fields=(CardField(label="ARR", value=name),), changes=(name,), next_step=f"Call {name}.",
                buttons=(Button(label="Acknowledge", answer="acknowledge"),), context=(name,))
    return Message(to=Recipient(channel=channel, email=email, name="Ana"), card=card, enrollment_id="health_drop/acct_1/1")


def link(sandbox: TeamsSandbox) -> str:
    return str(next(iter(sandbox.ledger)).detail["card"]["actions"][0]["url"])


def form(sandbox: TeamsSandbox) -> bytes:
    return urlencode({"t": parse_qs(urlsplit(link(sandbox)).query)["t"][0], "by": "ana@us.test"}).encode()


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("version", ["1.4.0", "1.5.0", "1.6.0"])
def test_the_official_schema_accepts_every_card(name: str, version: str) -> None:
    """Teams draws nothing of a card that it does not understand."""
    if not SCHEMAS.exists():
        pytest.skip("Microsoft's schemas are not beside this checkout")
    import jsonschema

    drawn = draw(message(name=name).card, lambda _: "https://steward.example.com/hooks/teams?t=x")

    schema = json.loads((SCHEMAS / f"adaptive-card-{version}.json").read_text())
    jsonschema.validators.validator_for(schema)(schema).validate(drawn)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_customers_name_stands_in_text_runs_only(name: str) -> None:
    """A text block would make a link of it that a CSM presses."""
    drawn = draw(message(name=name).card, lambda _: "")

    assert {block["type"] for block in drawn["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in drawn["body"] for run in block["inlines"]} == {"TextRun"}
    assert "\u202e" not in json.dumps(drawn, ensure_ascii=False)


def test_the_longest_card_is_shortened_and_says_so() -> None:
    """Teams refuses a message over 28 KB whole."""
    long = "é" * 5_000
    card = Card(sentence=long, title=long, fields=tuple(CardField(label=long, value=long) for _ in range(12)),
                changes=(long,) * 3, next_step=long, context=(long,) * 9)

    drawn = draw(card, lambda _: "")

    assert size(drawn) <= MOST_BYTES
    assert "Shortened" in drawn["body"][-1]["inlines"][0]["text"]


def test_what_is_for_a_person_goes_to_the_default_channel_and_says_for_whom(sandbox: TeamsSandbox) -> None:
    """A webhook cannot write to a person; nobody must miss it all the same."""
    sink = connect(sandbox).sink
    assert sink

    sink.deliver(message(channel=None, email="ana@us.test"), KEY)

    effect = next(iter(sandbox.ledger))
    assert (effect.key, effect.detail["channel"]) == (KEY, "cs-alerts")
    assert "For Ana (ana@us.test)." in json.dumps(effect.detail["card"])


def test_a_channel_that_is_not_set_is_refused_with_the_remedy(sandbox: TeamsSandbox) -> None:
    """No message goes somewhere else than was said."""
    sink = connect(sandbox).sink
    assert sink

    with pytest.raises(RecordRejected, match="Add it to channels"):
        sink.deliver(message(channel="sales"), KEY)
    assert not len(sandbox.ledger)


def test_no_error_shows_the_secret_address(sandbox: TeamsSandbox) -> None:
    """Who has the URL can post; errors end in logs."""
    settings = {**sandbox.settings(), "channels": {"cs-alerts": sandbox.url + "/workflows/none/triggers/manual/paths/invoke?sig=s3cret"}}
    sink = connect(sandbox, **settings).sink
    assert sink

    with pytest.raises(RecordRejected) as refused:
        sink.deliver(message(), KEY)
    assert "s3cret" not in str(refused.value)
    assert "none" not in str(refused.value)
    with pytest.raises(ConfigError) as wrong:
        connect(sandbox, channels={"cs-alerts": "s3cret"})
    assert "s3cret" not in str(wrong.value)


def test_too_many_at_once_wait(sandbox: TeamsSandbox) -> None:
    """Four a second is what a workflow takes."""
    sandbox.per_second = 1
    sink = connect(sandbox).sink
    assert sink
    sink.deliver(message(), KEY)

    with pytest.raises(RateLimited):
        sink.deliver(message(), IdempotencyKey(f"{KEY}/2"))


@pytest.mark.parametrize(("body", "error"), [
    (b"1", None), (b"Microsoft Teams endpoint returned HTTP error 429", RateLimited), (b"Webhook failed", OutcomeUnknown),
])
def test_the_old_connectors_200_is_read(sandbox: TeamsSandbox, body: bytes, error: type[Exception] | None) -> None:
    """It told its throttling in the body of a 200; a message lost that way is never sent again."""
    from steward.kit.sandbox import Reply

    sandbox.alter = lambda _, __: Reply(200, body, content_type="text/plain")
    sink = connect(sandbox).sink
    assert sink

    if error is None:
        assert sink.deliver(message(), KEY).external_id
    else:
        with pytest.raises(error):
            sink.deliver(message(), KEY)


def test_a_pressed_link_answers_for_the_enrollment(sandbox: TeamsSandbox) -> None:
    """The button must do what it says."""
    connection = connect(sandbox)
    assert connection.sink
    assert connection.inbox
    connection.sink.deliver(message(), KEY)

    connection.inbox.verify({}, form(sandbox))
    record = connection.inbox.parse(form(sandbox))[0]

    assert link(sandbox).startswith("https://steward.example.com/hooks/teams?t=")
    assert (record.values["enrollment_id"], record.values["answer"], record.values["by"]) == (
        "health_drop/acct_1/1", "acknowledge", "ana@us.test")


@pytest.mark.parametrize("spoil", ["first", "middle", "last", "signature", "none", "long", "not_ascii"])
def test_a_link_that_we_did_not_make_is_refused(sandbox: TeamsSandbox, spoil: str) -> None:
    """Else anybody could close anybody's alert."""
    connection = connect(sandbox)
    assert connection.sink
    assert connection.inbox
    connection.sink.deliver(message(), KEY)
    made = parse_qs(form(sandbox).decode())["t"][0]
    body, _, signature = made.partition(".")
    flip = {"A": "B"}
    spoilt = {
        "first": flip.get(made[0], "A") + made[1:], "middle": made[:20] + flip.get(made[20], "A") + made[21:],
        "last": made[:-2] + flip.get(made[-2], "A") + made[-1], "signature": f"{body}.{signature[::-1]}", "none": "",
        "long": made + "x" * 2_000, "not_ascii": made + "é",
    }[spoil]

    with pytest.raises(SignatureRejected):
        connection.inbox.verify({}, urlencode({"t": spoilt}).encode())


def test_an_old_link_is_refused_and_another_companys_too(sandbox: TeamsSandbox) -> None:
    """A link in a channel is read by whoever scrolls up."""
    sink = connect(sandbox).sink
    assert sink
    sink.deliver(message(), KEY)
    late = connect(sandbox, later=timedelta(days=8)).inbox
    other = connect(sandbox, link_secret="another-secret-of-16+").inbox
    assert late
    assert other

    for inbox in (late, other):
        with pytest.raises(SignatureRejected):
            inbox.verify({}, form(sandbox))


def test_the_same_link_twice_is_one_delivery(sandbox: TeamsSandbox) -> None:
    """One-time: pressing again changes nothing."""
    connection = connect(sandbox)
    assert connection.sink
    assert connection.inbox
    connection.sink.deliver(message(), KEY)
    again = form(sandbox).replace(b"ana%40us.test", b"bob%40us.test")

    assert connection.inbox.delivery_id({}, form(sandbox)) == connection.inbox.delivery_id({}, again)
