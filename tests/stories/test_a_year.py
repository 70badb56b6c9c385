"""A year of looks through the whole way: facts, evaluation, outbox, Slack. What is done does not hang on when one looks."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.slack.sandbox import SlackSandbox
from steward.store import enrollments, facts, identity, incidents, outbox
from steward.wiring import Hub, open_hub

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CONFIG = """\
company: {name: Rows, currency: EUR, timezone: Europe/Berlin}
connections:
  files:
    connector: csvfile
    settings:
      folder: exports
      files: [{path: accounts.csv, noun: account, external_id: Id, columns: {name: Name, lifecycle: {constant: customer}}}]
  slack: {connector: slack, settings: %(slack)s}
store: {data_dir: %(data)s, url: %(url)s}
playbooks: playbooks
routing: {message: slack, channel: cs-alerts}
"""
PLAYBOOKS = {
    "dip": """\
id: dip
title: The health dips
why: A call in time saves most.
mode: live
limit: 1000
when: health.score < 60
until: health.score >= 70
for: 3d
keep_for: 2d
again_after: 7d
timeout: 366d
do:
  - message: {to: channel:cs-alerts}
  - wait: 2bd
  - message: {to: channel:cs-alerts}
escalate:
  - {after: 5d, unless: acknowledged, to: channel:cs-alerts}
""",
    "usage": """\
id: usage
title: Fewer use it
why: Who stops using stops paying.
mode: live
limit: 1000
when: usage.active_users.change_28d <= -30%
until: usage.active_users.change_28d >= -10%
for: 2d
keep_for: 2d
do:
  - message: {to: channel:cs-alerts}
""",
}
DATABASES = pytest.mark.parametrize("database_url", [
    "sqlite", *([pytest.param("postgresql", marks=pytest.mark.postgres)] if os.environ.get("STEWARD_TORTURE") else []),
], indirect=True)


class Year:
    """A company whose clock and facts are in our hands; everything else is as it is for its users."""

    def __init__(self, home: Path, url: str, accounts: Sequence[str], playbook: str, cleanup: ExitStack) -> None:
        for folder in ("exports", "playbooks"):
            (home / folder).mkdir(parents=True)
        lines = ("Id,Name", *(f"{name},{name}" for name in accounts))
        (home / "exports/accounts.csv").write_text("\n".join(lines) + "\n")
        (home / "playbooks" / f"{playbook}.yaml").write_text(PLAYBOOKS[playbook])
        self.slack = cleanup.enter_context(SlackSandbox())
        config = home / "steward.yaml"
        config.write_text(CONFIG % {"slack": json.dumps(self.slack.settings()), "data": "data", "url": json.dumps(url)})
        self.now = datetime(2026, 1, 5, 8, tzinfo=UTC)
        self.hub, self.other = (cleanup.enter_context(open_hub(config, clock=lambda: self.now)) for _ in range(2))
        self.hub.sleep = self._sleep
        assert not self.hub.sync("files").troubles
        with self.hub.db.read() as tx:
            self.ids = {names["files"]: account_id for account_id, names in identity.external_ids(tx).items()}
        self.hub.apply(self.hub.draft(), "test")

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def know(self, fact: str, values: Mapping[str, float | None], told: datetime | None = None) -> None:
        """What is known now of `fact`, by account; of the usage feed, as it was at `told`."""
        frame = pl.DataFrame({
            "account_id": [self.ids[name] for name in values], "account.name": list(values),
            "account.lifecycle": ["customer"] * len(values), fact: pl.Series(list(values.values()), dtype=pl.Float64),
            **{f"as_of.{group}": [at] * len(values) for group, at in (
                ("crm", self.now), ("health", self.now), ("usage", told or self.now))},
        }, schema_overrides={f"as_of.{group}": pl.Datetime("us", "UTC") for group in ("crm", "health", "usage")})
        facts.save_snapshot(self.hub.db, frame, self.now)

    def look(self, at: datetime | None = None, by: int = 1) -> None:
        """Evaluate, so many at once and as if it were `at`, and deliver what is due."""
        right, self.now = self.now, at or self.now
        if by == 1:
            acted = self.hub.evaluate().actions
        else:
            with ThreadPoolExecutor(by) as pool:
                acted = sum(each.actions for each in pool.map(Hub.evaluate, [self.hub, self.other] * (by // 2)))
        if acted:
            self.hub.deliver()
        self.now = right

    def keys(self) -> dict[str, str]:
        """What became of each action."""
        with self.hub.db.read() as tx:
            return {row.key: row.state for row in outbox.list_(tx, limit=10_000)}

    def entries(self) -> Counter[str]:
        """How often each account was enrolled, by its name."""
        names = {account_id: name for name, account_id in self.ids.items()}
        with self.hub.db.read() as tx:
            return Counter(names[each.account_id] for each in enrollments.list_(tx, limit=10_000) if each.entered_at)

    def states(self) -> dict[str, str]:
        """Where the last enrollment of each account stands, or why it was closed."""
        names = {account_id: name for name, account_id in self.ids.items()}
        with self.hub.db.read() as tx:
            found = sorted(enrollments.list_(tx, limit=10_000), key=lambda each: each.number)
        return {names[each.account_id]: each.reason if each.state == "closed" else each.state.value for each in found}

    def posts(self) -> Counter[str]:
        """How often Slack got what, by key."""
        return Counter(effect.key for effect in self.slack.ledger if effect.key)


@pytest.fixture
def year(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Year]]:
    """Makes the company with these accounts, on the database under test."""
    with ExitStack() as cleanup:
        yield lambda accounts, playbook: Year(tmp_path / "home", database_url, accounts, playbook, cleanup)


# ---- a year of noise ----

NOISE: Mapping[str, Callable[[int], float]] = {
    "never": lambda day: (59.0, 61.0)[day % 2],                               # never below for three days
    "in pairs": lambda day: (59.0, 59.0, 61.0)[day % 3],
    "one dip": lambda day: 59.0 if day < 5 else (59.0, 61.0)[day % 2],        # and never well again
    "in fives": lambda day: 59.0 if day % 10 < 5 else 61.0,
    "well": lambda day: 90.0,
}


@DATABASES
def test_twelve_months_between_59_and_61_are_one_enrollment_or_none(year: Any) -> None:
    """Noise is not news: a CSM who is called every second week about the same customer switches us off."""
    us = year(list(NOISE), "dip")
    start = us.now
    for day in range(365):
        us.now = start + day * DAY
        us.know("health.score", {name: score(day) for name, score in NOISE.items()})
        us.look()

    assert us.entries() == {"one dip": 1, "in fives": 1}
    assert us.states() == {"one dip": "active", "in fives": "active", "never": "pending", "in pairs": "pending"}
    done = us.keys()
    assert us.posts() == Counter(dict.fromkeys(done, 1))
    assert sorted(key.split("/", 2)[2] for key in done) == sorted(2 * ["1/do.0/1", "1/do.2/1", "1/escalate.0/1"])


# ---- a feed that is off ----

CHANGES: Mapping[str, Sequence[float]] = {                     # day 0 to 13; the feed is off on 5 and 6
    "falls": [0.0] * 4 + [-0.4] * 10,                          # its clock had run for a day
    "seemed": [0.0] * 5 + [-0.9] * 2 + [0.0] * 7,              # what a broken feed would have said, had it spoken
    "climbs": [-0.4] * 4 + [0.0] * 10,                         # had begun to recover
    "stays": [-0.4] * 5 + [0.0] * 2 + [-0.4] * 7,
}


@DATABASES
def test_a_usage_feed_that_is_off_for_two_days_is_one_incident_and_nobody_s_fault(year: Any) -> None:
    """The file did not come: nobody is called for it, nobody is declared well, one person is told, once."""
    us = year(list(CHANGES), "usage")
    start, seen = us.now, {}
    for quarter in range(14 * 4):
        day = quarter // 4
        us.now = start + quarter * DAY / 4
        told = 4 if day in (5, 6) else day
        us.know("usage.active_users.change_28d", {name: each[told] for name, each in CHANGES.items()},
                start + told * DAY - 3 * HOUR)
        us.look()
        seen[day] = (dict(us.states()), dict(us.entries()))
    with us.hub.db.read() as tx:
        raised = incidents.list_(tx)

    assert seen[4] == ({"falls": "pending", "climbs": "recovering", "stays": "active"}, {"climbs": 1, "stays": 1})
    assert [(each.group, each.playbooks) for each in raised] == [("usage", ("usage",))]
    assert start + 6 * DAY - 3 * HOUR < raised[0].opened_at < start + 7 * DAY, "two days old at the second night"
    assert start + 7 * DAY <= raised[0].closed_at < start + 7 * DAY + 6 * HOUR, "with the first look after its return"
    assert us.entries() == {"falls": 1, "climbs": 1, "stays": 1}
    assert us.states() == {"falls": "active", "climbs": "cleared", "stays": "active"}
    assert us.posts() == Counter(dict.fromkeys(us.keys(), 1))
    assert len(us.posts()) == 3


# ---- looks that come too early, too late, twice, or not at all ----

BEGIN, DAYS = datetime(2026, 10, 6, 6, tzinfo=UTC), 44           # the night of 25 October has an hour twice in Berlin
WINTER = datetime(2026, 10, 24, 21, tzinfo=UTC)
LIVES: Mapping[str, Sequence[tuple[int, float]]] = {             # from which day on, which score
    # Never more than five messages in one run: those would come as one digest, another one after a missed day.
    **{f"falls {day}": [(0, 90.0), (day, 40.0)] for day in (8, 16, 19)},
    **{f"is well {day}": [(0, 40.0), (day, 90.0)] for day in (17, 19)},
    "falls twice": [(0, 65.0), (1, 40.0), (14, 90.0), (26, 40.0)],
    "noise": [(day, (59.0, 61.0)[day % 2]) for day in range(DAYS)],
    "between": [(0, 65.0)],
}


def _score(name: str, day: int) -> float:
    return [score for since, score in LIVES[name] if since <= day][-1]


def _clean(at: int, us: Year) -> None:
    us.look()


def _two_at_once(at: int, us: Year) -> None:
    us.look(by=2)


def _jumps(at: int, us: Year) -> None:
    """Another server, or this one before its clock is set right: hours or days ahead, days or weeks behind."""
    us.look()
    us.look(us.now - (1 + at % 5) * DAY)
    us.look(us.now + (at % 12) * HOUR)
    us.look(us.now + (3 if at % 7 == 3 else -40) * DAY)
    us.look()


def _through_the_night(at: int, us: Year) -> None:
    """Every half hour from before the night on which clocks change to after it; else as always."""
    us.look()
    for half in range(24 if timedelta(0) <= WINTER - us.now < DAY else 0):
        us.look(WINTER + half * HOUR / 2)


def _missed(at: int, us: Year) -> None:
    """The machine was off: one day of four, and the day after the clocks changed."""
    if at % 4 != 2 and us.now.date() != WINTER.date() + DAY:
        us.look()


def _all_of_it(at: int, us: Year) -> None:
    for disturbed in (_missed, _through_the_night, _jumps, _two_at_once):
        if at % 4 != 2:
            disturbed(at, us)


def _live(us: Year, looks: Callable[[int, Year], None]) -> Iterable[str]:
    """What is done in these weeks when one looks so; the last day is a quiet look."""
    for day in range(DAYS):
        us.now = BEGIN + day * DAY
        us.know("health.score", {name: _score(name, day) for name in LIVES})
        looks(day, us)
    us.look()
    keys = us.keys()
    assert set(keys.values()) == {"delivered"}
    assert us.posts() == Counter(dict.fromkeys(keys, 1)), "each once"
    return set(keys)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterable[str]:
    """What one clean run does, a look a day, on SQLite."""
    with ExitStack() as cleanup:
        home = tmp_path_factory.mktemp("clean") / "home"
        return _live(Year(home, "", list(LIVES), "dip", cleanup), _clean)


@DATABASES
@pytest.mark.parametrize("looks", [_two_at_once, _jumps, _through_the_night, _missed, _all_of_it])
def test_however_one_looks_the_same_is_done_once(
    undisturbed: Iterable[str], year: Any, looks: Callable[[int, Year], None],
) -> None:
    """Schedulers fire twice, clocks are set, machines sleep: the customer's CSM must not notice."""
    done = _live(year(list(LIVES), "dip"), looks)

    assert done == undisturbed
    assert len(undisturbed) == 21
