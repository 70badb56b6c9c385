"""Weather: trouble that the calls to a sandbox meet, by seed; what was planned, and what of it came."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steward.kit.sandbox_calls import Fault, Request

if TYPE_CHECKING:
    from steward.kit.sandbox import Sandbox

KINDS: Mapping[str, str] = {
    "429": "too fast, with Retry-After",
    "429_bare": "too fast, without Retry-After",
    "429_absurd": "too fast, with a Retry-After of a day, of less than nothing, or of nonsense",
    "5xx": "500, 502, 503 or 504",
    "error_in_200": "200 with the vendor's error body; of vendors that do that",
    "html": "a proxy's page with 502 or 503",
    "html_200": "a proxy's page with 200, as hotels have them; nothing applied",
    "truncated": "applied; the line is cut within the body of the answer",
    "drip": "applied; the answer comes a byte at a time",
    "cut": "applied; the line is cut before the answer",
    "tokens": "every token is expired as the call arrives",
    "quota": "the day's quota is gone for some calls; of vendors that have one",
}
_ABSURD = ("86400", "999999999999", "-1", "soon", "1e999", "Thu, 01 Jan 1970 00:00:00 GMT")


@dataclass(slots=True)
class Weather:
    """Each kind of trouble comes `times` times, in an order that `seed` decides; a call meets one by the `share` of 1.

    `on` is searched in "METHOD path", as a fault's. Left out are kinds that the vendor does not know. `fired` counts
    what came, by kind; it is quiet once `left` is 0.
    """

    seed: int
    share: float = 0.2
    times: int = 1
    kinds: Sequence[str] = tuple(KINDS)
    on: str = "."
    fired: Counter[str] = field(default_factory=Counter)
    _deck: list[str] | None = None
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(KINDS)
        if unknown:
            raise ValueError(f'there is no weather "{min(unknown)}"; there is {", ".join(KINDS)}')
        self._chance = random.Random(self.seed)  # noqa: S311  reproducible on purpose

    def planned(self, sandbox: Sandbox) -> Counter[str]:
        """How often each kind comes in all."""
        return Counter({kind: self.times for kind in self.kinds if _can(sandbox, kind)})

    def left(self, sandbox: Sandbox) -> int:
        """How many are still to come."""
        return self.planned(sandbox).total() - self.fired.total()

    def meet(self, sandbox: Sandbox, request: Request) -> Fault | None:
        """What the call meets, used up by the asking. What happens at the vendor itself (tokens, quota) has then
        happened, and the call meets its consequence."""
        if self._deck is None:
            self._deck = sorted(self.planned(sandbox).elements())
            self._chance.shuffle(self._deck)
        if not self._deck or self._chance.random() >= self.share:
            return None
        kind = self._deck.pop()
        self.fired[kind] += 1
        if kind == "tokens":
            sandbox.expire_tokens()
        elif kind == "quota":
            sandbox.exhaust_quota(self._chance.randint(1, 4))
        else:
            return self._fault(kind)
        return None

    def _fault(self, kind: str) -> Fault:
        match kind:
            case "429":
                return Fault("status", status=429, retry_after=self._chance.choice(("0", "1", "2")))
            case "429_bare":
                return Fault("status", status=429)
            case "429_absurd":
                return Fault("status", status=429, retry_after=self._chance.choice(_ABSURD))
            case "5xx":
                return Fault("status", status=self._chance.choice((500, 502, 503, 504)))
            case "html":
                return Fault("html", status=self._chance.choice((502, 503)))
            case "html_200":
                return Fault("html", status=200)
        return Fault(kind)


def as_report(weather: Weather | None, sandbox: Sandbox) -> dict[str, Any]:
    """What was planned and what came, for those who look from outside."""
    return {
        "planned": dict(weather.planned(sandbox)) if weather else {}, "fired": dict(weather.fired) if weather else {},
        "left": weather.left(sandbox) if weather else 0, "breaches": list(sandbox.breaches),
        "skew_s": sandbox.skew.total_seconds(),
    }


def _can(sandbox: Sandbox, kind: str) -> bool:
    """Whether the vendor knows that trouble: its sandbox has the hook for it."""
    from steward.kit.sandbox import Sandbox as Plain

    own = type(sandbox)
    if kind == "tokens":
        return own.expire_tokens is not Plain.expire_tokens
    if kind == "quota":
        return own.exhaust_quota is not Plain.exhaust_quota
    return kind != "error_in_200" or sandbox.error_in_200() is not None
