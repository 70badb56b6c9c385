"""The published vector of Standard Webhooks, verified and signed; everything that is nearly it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from steward.contracts import BY_CONTENT, Tools
from steward.kit.webhooks import Guard, signing_key
from steward.model.errors import SignatureRejected

# The test vector of the Standard Webhooks libraries.
SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def guard(now: datetime = AT, token: str = "") -> Guard:
    return Guard("it", Tools(now=lambda: now, sleep=lambda _: None), (SECRET,), SecretStr(token) if token else None)


def test_the_published_vector_is_taken() -> None:
    """What every library of the standard signs so, we take."""
    guard().verify(SIGNED, BODY)
    guard().verify({**SIGNED, "webhook-signature": f"v1,AAAA v1a,x {SIGNED['webhook-signature']}"}, BODY)

    assert Webhook(SECRET.get_secret_value()).sign(SIGNED["webhook-id"], AT, BODY.decode()) == SIGNED["webhook-signature"]
    assert guard().delivery_id(SIGNED, BODY) == SIGNED["webhook-id"]
    assert guard().delivery_id({}, BODY).startswith(BY_CONTENT)


@pytest.mark.parametrize("changed", [
    {"webhook-id": "msg_other"}, {"webhook-id": ""}, {"webhook-timestamp": "1614265331"}, {"webhook-timestamp": ""},
    {"webhook-timestamp": "1614265330.0"}, {"webhook-timestamp": "１６１４２６５３３０"}, {"webhook-timestamp": "nan"},
    {"webhook-signature": ""}, {"webhook-signature": "v1"}, {"webhook-signature": "v1,"},
    {"webhook-signature": SIGNED["webhook-signature"].replace("v1,", "v2,")},
    {"webhook-signature": SIGNED["webhook-signature"][:-1]}, {"webhook-signature": "\ud800"},
])
def test_what_is_nearly_it_is_refused(changed: Mapping[str, str]) -> None:
    """None of them may pass, and none may be an accident."""
    with pytest.raises(SignatureRejected):
        guard().verify({**SIGNED, **changed}, BODY)


@pytest.mark.parametrize("late", [-301, 301])
def test_another_time_is_refused(late: int) -> None:
    """Who recorded a call must not be able to play it again."""
    with pytest.raises(SignatureRejected, match="five minutes"):
        guard(AT + timedelta(seconds=late)).verify(SIGNED, BODY)
    guard(AT + timedelta(seconds=late // abs(late) * 299)).verify(SIGNED, BODY)


@pytest.mark.parametrize("bit", range(0, 8 * len(BODY), 7))
def test_a_flipped_bit_is_refused(bit: int) -> None:
    """The body is what was signed."""
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(SignatureRejected):
        guard().verify(SIGNED, bytes(changed))


@given(some.dictionaries(some.sampled_from([*SIGNED, "x-steward-token"]), some.text(), max_size=4), some.binary())
def test_whatever_comes_is_refused_in_words(headers: Mapping[str, str], body: bytes) -> None:
    """A verifier that stumbles answers 500, and the sender tries for days."""
    with pytest.raises(SignatureRejected):
        guard(token="t" * 24).verify(headers, body)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "not base64!", f"whsec_{'A' * 100}"])
def test_a_weak_secret_is_refused_with_how_to_make_one(secret: str) -> None:
    """The standard asks for 24 to 64 bytes."""
    with pytest.raises(ValueError, match="token_bytes"):
        signing_key(SecretStr(secret))
