"""Daily product use, computed a month at a time: from a few numbers for each account to whole counts for each day.

Noise is a hash of (seed, account, day), so any month of any account can be had alone and is always the same.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from steward.demo.company.life import chance_of, size_of, term_of, workspace_id
from steward.demo.company.stories import Story, story_of

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Array = np.ndarray[Any, Any]

METRICS = ("active_users", "logins", "reports", "dashboards", "automations", "api_calls", "exports", "integrations",
           "gate_hits")
HISTORY_DAYS = 730
ACCOUNT_COLUMN, DAY_COLUMN = "account_external_id", "day"
NOBODYS = "ws-internal-qa"                      # a workspace that no CRM knows

_NEVER = 10**6                                  # a day far away, as an ordinal
_LOW_HIGH = {                                   # for each user who comes: least and most use, and who adopts it
    "reports": (0.1, 0.9, 0.95), "dashboards": (0.3, 2.0, 0.97), "automations": (0.05, 0.6, 0.75),
    "api_calls": (3.0, 40.0, 0.6), "exports": (0.02, 0.3, 0.85), "integrations": (0.1, 1.5, 0.6),
}
_ALWAYS_KEPT = 2                                # features that stay in use to the end


@dataclass(frozen=True, slots=True)
class Curve:
    """The numbers behind one account's use; days are ordinals, shares and rates floats."""

    level: float                                # people on a working day, today, were nothing special
    weekend: float                              # share of them at weekends
    starts: float
    ends: float
    ramp_days: float                            # from the start to the full level
    growth: float                               # a day, as an exponent
    declines_from: float
    decline: float                              # a day, as an exponent
    bump_from: float
    bump_to: float
    bump: float                                 # factor between them
    drops_from: float                           # from here only `keeps` features are used
    keeps: float
    adopts: float                               # the place of a feature that is used only from `adopts_from` on
    adopts_from: float
    gate_hits: float                            # for each user who comes: features met that the plan does not hold
    logins: float
    reports: float
    dashboards: float
    automations: float
    api_calls: float
    exports: float
    integrations: float


def curve_of(seed: int, number: int, as_of: date) -> Curve | None:
    """The curve of account `number`; None where it never used the product."""
    story, chance = story_of(seed, number), chance_of(seed, number, "use")
    started, ended = term_of(seed, number, as_of)
    if not (started and ended):
        return None
    seats, today = size_of(seed, number)[1], as_of.toordinal()
    told: dict[str, float] = {
        "level": seats * chance.triangular(0.3, 0.88, 0.7), "weekend": chance.uniform(0.05, 0.35),
        "starts": started.toordinal() + 1, "ends": _NEVER, "ramp_days": chance.uniform(20, 45),
        "growth": chance.uniform(-0.05, 0.35) / 365, "declines_from": _NEVER, "decline": 0.0,
        "bump_from": _NEVER, "bump_to": _NEVER, "bump": 1.0, "drops_from": _NEVER, "keeps": 6,
        "adopts": -1, "adopts_from": _NEVER, "gate_hits": 0.0,
        "logins": chance.uniform(1.3, 2.2),
    }
    told |= {
        metric: chance.uniform(low, high) * (chance.random() < adopted)
        for metric, (low, high, adopted) in _LOW_HIGH.items()
    }
    if not sum(told[metric] > 0 for metric in _LOW_HIGH) > _ALWAYS_KEPT:
        told |= {"reports": 0.4, "dashboards": 0.8, "exports": 0.1}
    if story is Story.QUIET_DECLINE:
        told |= {"level": seats * chance.uniform(0.35, 0.6), "declines_from": today - chance.uniform(58, 90),
                 "decline": chance.uniform(0.017, 0.026), "drops_from": today - chance.uniform(30, 50), "keeps": 2,
                 "growth": 0.0}
    elif story is Story.CHAMPION_LEFT:
        told |= {"level": seats * chance.uniform(0.45, 0.65), "declines_from": today - chance.uniform(45, 56),
                 "decline": chance.uniform(0.012, 0.016), "drops_from": today - chance.uniform(29, 35), "keeps": 3,
                 "growth": 0.0}
    elif story is Story.CHURNED:
        told |= {"declines_from": ended.toordinal() - chance.uniform(70, 130), "decline": chance.uniform(0.014, 0.03),
                 "drops_from": ended.toordinal() - chance.uniform(20, 60), "keeps": 2,
                 "ends": ended.toordinal() + chance.randint(0, 6)}
    elif story in (Story.SEAT_PRESSURE, Story.PRESSURE_WITH_DEAL):
        told |= {"level": seats * chance.uniform(1.05, 1.12), "weekend": chance.uniform(0.82, 0.95),
                 "growth": chance.uniform(0.8, 1.2) / 365}
    elif story is Story.HOLIDAY_DIP:
        told |= {"bump_from": today - chance.uniform(8, 12), "bump_to": today - chance.uniform(1, 3), "bump": 0.25}
    elif story is Story.ONE_OFF_SPIKE:
        spike = today - chance.uniform(38, 48)
        told |= {"bump_from": spike, "bump_to": spike + chance.uniform(6, 9), "bump": chance.uniform(2.6, 3.6)}
    elif story is Story.ONBOARDING_STALLED:
        told |= {"level": seats * chance.uniform(0.1, 0.2)}
    told |= _turned(story, chance_of(seed, number, "use/turn"), today)
    return Curve(**told)


def _turned(story: Story, chance: random.Random, today: int) -> dict[str, float]:
    """What a turn adds; out of a stream of its own, so that the rest of the curve stays as it is."""
    if story is Story.GATE_HITS:
        return {"gate_hits": chance.uniform(0.15, 0.5)}
    if story is Story.NEW_USE_CASE:
        metric = chance.choice(("automations", "api_calls"))
        low, high, _ = _LOW_HIGH[metric]
        return {metric: chance.uniform(low, high), "adopts": list(_LOW_HIGH).index(metric),
                "adopts_from": today - chance.uniform(10, 22)}
    return {"gate_hits": 0.0005} if chance.random() < 0.3 else {}


class Usage:
    """The use of accounts 0 to `accounts` - 1 over the two years before `as_of`."""

    def __init__(self, accounts: int, seed: int, as_of: date) -> None:
        import numpy as np

        curves = [(number, curve) for number in range(accounts) if (curve := curve_of(seed, number, as_of))]
        self._seed, self._as_of = seed, as_of
        self._numbers = np.array([number for number, _ in curves], np.uint64)
        self._table = np.array([astuple(curve) for _, curve in curves], float).reshape(len(curves), -1)

    def months(self) -> Iterator[tuple[date, date]]:
        """First and last day of each month of the history, oldest first; the last ends yesterday."""
        day = self._as_of - timedelta(days=HISTORY_DAYS)
        while day < self._as_of:
            following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            yield day, min(following, self._as_of) - timedelta(days=1)
            day = following

    def frame(self, first: date, last: date) -> pl.DataFrame:
        """One row for each account and day on which anybody came: account_external_id, day and the metrics."""
        import numpy as np
        import polars as pl

        days = np.arange(first.toordinal(), last.toordinal() + 1)
        counts = _counts(self._table, self._numbers, days, self._seed, self._as_of.toordinal())
        rows, columns = np.nonzero(counts["active_users"] + counts["api_calls"])
        names = pl.Series(ACCOUNT_COLUMN, [workspace_id(int(number)) for number in self._numbers], pl.String)
        ordinals = days - date(1970, 1, 1).toordinal()
        frame = pl.DataFrame([
            names.gather(rows.astype(np.uint32)),
            pl.Series(DAY_COLUMN, ordinals[columns].astype(np.int32)).cast(pl.Date),
            *(pl.Series(metric, values[rows, columns]) for metric, values in counts.items()),
        ])
        return pl.concat([frame, _nobodys(first, last)])

    def parquet(self, first: date, last: date) -> bytes:
        """That frame as a Parquet file."""
        held = io.BytesIO()
        self.frame(first, last).write_parquet(held, compression="zstd", statistics=False)
        return held.getvalue()


def _counts(table: Array, numbers: Array, days: Array, seed: int, today: int) -> dict[str, Array]:
    """For each metric a whole number for each account and day."""
    import numpy as np

    of = {name: table[:, place, None] for place, name in enumerate(Curve.__dataclass_fields__)}
    day = days[None, :].astype(float)
    with np.errstate(over="ignore"):            # 64-bit numbers wrap round: that is how the hash works
        own = _mix(numbers + np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15))
        mixed = own[:, None] + days.astype(np.uint64)[None, :]
        noise, rounding = _mix(mixed), _mix(mixed ^ np.uint64(0xA5A5A5A5A5A5A5A5))
    people = of["level"] * np.clip((day - of["starts"] + 1) / of["ramp_days"], 0.15, 1)
    people *= np.exp(of["growth"] * (day - today) - of["decline"] * np.clip(day - of["declines_from"], 0, None))
    people *= np.where((day >= of["bump_from"]) & (day < of["bump_to"]), of["bump"], 1)
    people *= np.where(((days - 1) % 7 >= 5)[None, :], of["weekend"], 1)
    people *= (day >= of["starts"]) & (day <= of["ends"])
    here = _whole(people, 0.12, noise, rounding, 0)
    found = {"active_users": here, "logins": _whole(here * of["logins"], 0.15, noise, rounding, 1)}
    kept = np.cumsum(table[:, -len(_LOW_HIGH):] > 0, axis=1)  # the how-manieth adopted feature each is
    for place, metric in enumerate(_LOW_HIGH):
        used = (day < of["drops_from"]) | (kept[:, place, None] <= of["keeps"])
        used &= (of["adopts"] != place) | (day >= of["adopts_from"])
        found[metric] = _whole(here * of[metric] * used, 0.2, noise, rounding, place + 2)
    with np.errstate(over="ignore"):
        more = _mix(rounding ^ np.uint64(0x3C3C3C3C3C3C3C3C))
    return {**found, "gate_hits": _whole(here * of["gate_hits"], 0.2, noise, more, 0)}


def _whole(expected: Array, spread: float, noise: Array, rounding: Array, place: int) -> Array:
    """Whole numbers around `expected`; byte `place` of the hashes gives the noise and which way to round."""
    import numpy as np

    shift = np.uint64(8 * place)
    around = ((noise >> shift) & np.uint64(255)).astype(float) / 127.5 - 1
    up = ((rounding >> shift) & np.uint64(255)).astype(float) / 256
    return np.floor(expected * (1 + spread * around) + up).astype(np.int32)


def _mix(value: Array) -> Array:
    """The finaliser of SplitMix64: neighbouring numbers give unrelated ones."""
    import numpy as np

    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = value ^ (value >> np.uint64(31))
    return mixed


def _nobodys(first: date, last: date) -> pl.DataFrame:
    """Our own test workspace: in the feed, in no CRM."""
    import polars as pl

    days = pl.date_range(first, last, eager=True)
    return pl.DataFrame({
        ACCOUNT_COLUMN: pl.Series([NOBODYS] * len(days), dtype=pl.String), DAY_COLUMN: days,
        **{metric: pl.Series([3] * len(days), dtype=pl.Int32) for metric in METRICS},
    })
