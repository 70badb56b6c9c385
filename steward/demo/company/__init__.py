"""A company with N customers and two years of life, in the vendors' own shapes, for their sandboxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from steward.demo.company import hubspot, salesforce
from steward.demo.company.curves import Usage
from steward.demo.company.life import Life, live
from steward.demo.company.people import VP_EMAIL, people, slack_users
from steward.demo.company.stories import PLAYBOOK, Story
from steward.kit.sandbox import Sandbox

__all__ = ["VP_EMAIL", "Company", "Label", "build", "load"]

_CHUNK = 1_000                                  # accounts whose rows are in memory at a time
_CRMS = {                                       # vendor: the table of our own people, their rows, an account's rows
    "salesforce": ("User", salesforce.users, salesforce.rows), "hubspot": ("owners", hubspot.owners, hubspot.rows),
}


@dataclass(frozen=True, slots=True)
class Label:
    """What really happens to an account and who should notice. Stands in no vendor's table: for tests and figures."""

    number: int
    story: Story
    playbook: str | None                        # the one playbook that should notice, if any should
    name: str
    workspace_id: str
    salesforce_id: str | None
    hubspot_id: str | None


@dataclass(frozen=True, slots=True)
class Company:
    """`accounts` customers as of the day `as_of`. Holds no row: everything is drawn anew when asked for, and
    account i is the same however many there are."""

    accounts: int
    seed: int
    as_of: date

    def lives(self) -> Iterator[Life]:
        return (live(self.seed, number, self.as_of) for number in range(self.accounts))

    def labels(self) -> Iterator[Label]:
        for life in self.lives():
            yield Label(
                life.number, life.story, PLAYBOOK.get(life.story), life.who.name, life.workspace_id,
                salesforce.account_id(life.number) if life.in_salesforce else None,
                hubspot.company_id(life.number) if life.in_hubspot else None,
            )

    def crm(self, *vendors: str) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
        """Vendor, table and rows of `vendors` (both CRMs where none is named), some accounts' at a time; a table comes
        again and again."""
        wanted = vendors or tuple(_CRMS)
        for vendor in wanted:
            table, of_people, _ = _CRMS[vendor]
            yield vendor, table, list(of_people(people(self.seed, self.accounts), self.as_of))
        held: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for life in self.lives():
            for vendor in wanted:
                for table, row in _CRMS[vendor][2](life, self.seed, self.as_of):
                    held[vendor, table].append(row)
            if (life.number + 1) % _CHUNK == 0:
                yield from ((*place, rows) for place, rows in held.items())
                held = defaultdict(list)
        yield from ((*place, rows) for place, rows in held.items())

    def slack_users(self) -> list[dict[str, Any]]:
        """Our people as Slack's members."""
        return slack_users(self.seed, self.accounts)

    def drops(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        """Name and maker of one usage file a month; only the month that is being made stands in memory."""
        use = Usage(self.accounts, self.seed, self.as_of)
        for first, last in use.months():
            yield f"usage-{first:%Y-%m}.parquet", partial(use.parquet, first, last)


def build(accounts: int, seed: int, as_of: date) -> Company:
    """The company with that many accounts, on the day `as_of`."""
    return Company(accounts, seed, as_of)


def load(company: Company, sandboxes: Mapping[str, Sandbox]) -> None:
    """Fill each sandbox, by the name of its vendor, with what that vendor would hold."""
    crms = [name for name in _CRMS if name in sandboxes]
    for vendor, table, rows in company.crm(*crms) if crms else ():
        sandboxes[vendor].load(table, rows)
    if "usage" in sandboxes:
        for name, make in company.drops():
            sandboxes["usage"].load("drops", [{"name": name, "bytes": make()}])
    if "slack" in sandboxes:
        sandboxes["slack"].load("users", company.slack_users())
