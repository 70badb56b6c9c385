"""What a sandbox can do to a caller by seed: each kind of trouble comes as often as planned, and is what it says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from steward.kit.sandbox import Fault, Reply, Request, Sandbox, Weather, route
from steward.kit.weather import KINDS

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class Shop(Sandbox):
    """A vendor with tokens, a quota and errors in 200."""

    name = "shop"

    def __init__(self) -> None:
        super().__init__(now=lambda: NOW)
        self.applied, self.expired, self.quota = 0, 0, 0

    @route("POST", "/orders")
    def order(self, _: Request) -> Reply:
        self.applied += 1
        return Reply(200, {"said": "yes"})    # short: a drip takes a fifth of a second a byte

    def error_in_200(self) -> Reply:
        return Reply(200, {"ok": False})

    def expire_tokens(self) -> None:
        self.expired += 1

    def exhaust_quota(self, calls: int) -> None:
        self.quota += calls

    def stir(self, chance: random.Random) -> str:
        return f"order {chance.randint(1, 9)} was changed"


class Kiosk(Sandbox):
    """A vendor with none of that."""

    name = "kiosk"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as sandbox:
        yield sandbox


def _call(sandbox: Sandbox) -> str:
    try:
        answer = httpx.post(f"{sandbox.url}/orders", timeout=0.5, trust_env=False)
    except httpx.TimeoutException:
        return "drip"
    except httpx.HTTPError as error:
        return type(error).__name__
    return f"{answer.status_code} {answer.headers.get('Retry-After', '')}".strip()


def test_each_kind_comes_as_often_as_planned_and_then_it_is_quiet(shop: Shop) -> None:
    """A storm that did not come proves nothing."""
    shop.weather = Weather(seed=3, share=0.9, times=2)
    calls = 0
    while shop.weather.left(shop):
        _call(shop)
        calls += 1
        assert calls < 200

    assert shop.weather.fired == dict.fromkeys(KINDS, 2)
    assert (shop.expired, shop.quota > 0) == (2, True)
    assert _call(shop) == "200"


def test_the_seed_decides(shop: Shop) -> None:
    """What a seed found can be looked at again."""
    seen = []
    for seed in (5, 5, 6):
        shop.weather = Weather(seed=seed, share=0.5, times=1, kinds=["429", "429_absurd", "5xx", "html", "cut"])
        seen.append([_call(shop) for _ in range(20)])

    assert seen[0] == seen[1] != seen[2]


def test_a_vendor_meets_only_what_it_knows() -> None:
    """A vendor without tokens cannot expire them; the plan says so beforehand."""
    with Kiosk() as kiosk:
        planned = Weather(seed=1).planned(kiosk)

    assert set(planned) == set(KINDS) - {"error_in_200", "tokens", "quota"}


def test_a_truncated_answer_was_applied_and_comes_half(shop: Shop) -> None:
    """The head promises more than comes: who believes the head, believes half a page."""
    shop.faults.append(Fault("truncated"))

    with pytest.raises(httpx.RemoteProtocolError, match="closed connection"):
        httpx.post(f"{shop.url}/orders", trust_env=False)
    assert shop.applied == 1


def test_the_vendor_s_clock_may_run_apart_from_ours(shop: Shop) -> None:
    """Its `Date`, and all that it writes, are by its own clock."""
    shop.skew = timedelta(minutes=-10)

    answer = httpx.post(f"{shop.url}/orders", trust_env=False)

    assert shop.now() == NOW - timedelta(minutes=10)
    assert parsedate_to_datetime(answer.headers["Date"]) == NOW - timedelta(minutes=10)


def test_it_is_made_from_outside_too(shop: Shop) -> None:
    """Programs that nobody here wrote meet the same weather."""
    door = f"{shop.url}/_sandbox"

    def ask(method: str, what: str, **body: Any) -> httpx.Response:
        return httpx.request(method, f"{door}/{what}", json=body or None, trust_env=False)

    assert ask("POST", "weather", seed=1, share=1.0, kinds=["5xx"], skew_s=600).json()["planned"] == {"5xx": 1}
    assert _call(shop).startswith("5")
    assert ask("GET", "weather").json() | {"breaches": []} == {
        "planned": {"5xx": 1}, "fired": {"5xx": 1}, "left": 0, "breaches": [], "skew_s": 600.0}
    assert ask("POST", "weather", seed=1, kinds=["snow"]).status_code == 400
    assert ask("DELETE", "weather").json()["planned"] == {}
    assert "was changed" in ask("POST", "stir", seed=4).json()["stirred"]
