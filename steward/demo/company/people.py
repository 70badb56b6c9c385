"""Our own people: CSMs and who leads them, sales, and some who have left; and what Slack knows of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from steward.demo.company.life import ACCOUNTS_PER_CSM, chance_of
from steward.demo.company.names import email, person

DOMAIN = "steward-demo.example"
CSMS_PER_MANAGER = 8
_LEFT_EVERY = 5                                 # among CSMs that the CRM names, every fifth post was another's before
_WITHOUT_SLACK = 7                              # one in so many sales people never made a Slack account
VP_EMAIL = f"vp.cs@{DOMAIN}"                    # where the last rung of an escalation goes, whatever the seed
_ZONES = ("America/New_York", "Europe/London", "Europe/Berlin", "America/Los_Angeles")


@dataclass(frozen=True, slots=True)
class Person:
    """`key` names one of us in every system: "csm-3", "manager-0", "vp", "sales-1", "left-0"."""

    key: str
    first: str
    last: str
    email: str
    title: str
    manager: str
    timezone: str
    active: bool = True
    in_slack: bool = True


def people(seed: int, accounts: int) -> Iterator[Person]:
    """Everybody whom a company with so many accounts has; more accounts add people and change none."""
    csms = -(-accounts // ACCOUNTS_PER_CSM)
    yield _person(seed, "vp", 0, title="VP Customer Success", manager="", offset=0)
    for number in range(-(-csms // CSMS_PER_MANAGER)):
        yield _person(seed, f"manager-{number}", number, title="Manager Customer Success", manager="vp", offset=1000)
    for number in range(csms):
        manager = f"manager-{number // CSMS_PER_MANAGER}"
        yield _person(seed, f"csm-{number}", number, title="Customer Success Manager", manager=manager, offset=2000)
        if number % _LEFT_EVERY == 0:
            yield _person(seed, f"left-{number}", number, title="Customer Success Manager", manager=manager,
                          offset=3000, active=False)
    for number in range(-(-csms // 2)):
        yield _person(seed, f"sales-{number}", number, title="Account Executive", manager="", offset=4000)


def leaver_before(csm: int) -> str:
    """Who looked after the accounts of a CSM's team before, and is still named here and there."""
    return f"left-{csm - csm % _LEFT_EVERY}"


def slack_users(seed: int, accounts: int) -> list[dict[str, Any]]:
    """The members of the workspace, in Slack's shape; who has left is deactivated, one or another is missing."""
    return [
        {
            "id": f"U{index:08d}", "name": each.email.partition("@")[0], "real_name": f"{each.first} {each.last}",
            "deleted": not each.active, "tz": each.timezone,
            "profile": {"email": each.email, "real_name": f"{each.first} {each.last}", "title": each.title},
        }
        for index, each in enumerate(people(seed, accounts), start=1) if each.in_slack
    ]


def _person(
    seed: int, key: str, number: int, *, title: str, manager: str, offset: int, active: bool = True,
) -> Person:
    chance = chance_of(seed, number, f"person/{key}")
    first, last = person(chance)
    in_slack = not (key.startswith("sales") and number % _WITHOUT_SLACK == 1)
    address = VP_EMAIL if key == "vp" else email(first, last, DOMAIN, offset + number)
    return Person(key, first, last, address, title, manager, chance.choice(_ZONES), active, in_slack)
