"""Who is told and who does the work: "csm", "role:vp_cs", "queue:renewals", "channel:…" in, a recipient out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from steward.model.actions import Recipient
from steward.model.records import Noun
from steward.model.subjects import subject_id
from steward.settings import Settings
from steward.store import account_records, records
from steward.store.account_records import Known

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_FIELDS = {"csm": "csm_external_id", "account_manager": "account_manager_external_id"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of ours, as one connection knows them."""

    email: str | None
    name: str
    active: bool
    manager: str | None                     # external id in the same connection
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Whom:
    """What recipients are looked up for; `chosen`: who was taken from queues, by "queue:…", which grows here."""

    account_id: str
    subject_id: str = ""
    chosen: dict[str, str] = field(default_factory=dict)


class People:
    """Everybody of ours, and who owns what. Who has left or is out of office on `today` is passed over."""

    def __init__(  # noqa: PLR0917  # `load` makes it; a test gives the parts by hand
        self, people: Mapping[tuple[str, str], Person], owners: Mapping[str, Sequence[Mapping[str, Any]]],
        settings: Settings, today: date = date.min, deals: Mapping[str, tuple[str, str]] | None = None,
        busy: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._people, self._owners, self._settings, self._today = people, owners, settings, today
        self._deals, self._busy = deals or {}, busy
        self._by_email = {each.email.lower(): each for each in people.values() if each.email}
        self._load: dict[str, int] | None = None
        self._heard: dict[int, Recipient | None] = {}       # by person, as they are told of many accounts
        self.zones = {email: each.zone for email, each in self._by_email.items()}

    @classmethod
    def load(
        cls, tx: Transaction, settings: Settings, known: Mapping[str, Sequence[Known]], *, today: date,
        busy: Callable[[], Mapping[str, int]], deals: bool = False,
    ) -> People:
        """Of the accounts whose records are `known`. `busy`: open enrollments by owner's e-mail; `deals`: owners of
        opportunities too."""
        people = {(each.connection, each.external_id): _person(each.body) for each in account_records.people(tx)}
        trusted = (*settings.truth.get("account.csm_external_id", ()), *settings.connections)
        owners: dict[str, list[Mapping[str, Any]]] = {}
        for account_id, theirs in known.items():
            ranked = sorted((each for each in theirs if each.body), key=lambda each: (
                _rank(each.connection, trusted), each.connection, each.external_id))
            owners[account_id] = [{**each.body, "connection": each.connection} for each in ranked]
        return cls(people, owners, settings, today, _deals(tx, list(known)) if deals else None, busy)

    def first(self, whom: Whom, wanted: Sequence[str]) -> Recipient | None:
        """The first of `wanted` who can be told; then the company's channel; None where nobody can."""
        for name in wanted:
            if found := self._one(whom, name):
                return found
        channel = self._settings.routing.channel
        return Recipient(channel=channel) if channel else None

    def first_person(self, whom: Whom, wanted: Sequence[str]) -> Recipient | None:
        """The first of `wanted` who is a person; None where none is."""
        found = (self._one(whom, name) for name in wanted if not name.startswith("channel:"))
        return next((person for person in found if person), None)

    def _one(self, whom: Whom, name: str) -> Recipient | None:
        kind, _, which = name.partition(":")
        if kind == "channel":
            return Recipient(channel=which)
        if kind == "role":
            return self._if_here(self._settings.company.roles.get(which))
        if kind == "queue":
            return self._of_queue(whom, name, self._settings.company.queues.get(which, ()))
        if kind == "owner":
            person = self._people.get(self._deals.get(whom.subject_id, ("", "")))
            return self._told(person)
        return self._owner(whom.account_id, kind)

    def _owner(self, account_id: str, kind: str) -> Recipient | None:
        field_ = _FIELDS.get(kind, "csm_external_id")
        for row in self._owners.get(account_id, ()):
            person = self._people.get((row["connection"], row.get(field_) or ""))
            if kind == "csm_manager" and person:
                person = self._people.get((row["connection"], person.manager or ""))
            if found := self._told(person):
                return found
        return None

    def _of_queue(self, whom: Whom, name: str, members: Sequence[str]) -> Recipient | None:
        """Who of the queue has least to do; within one enrollment always the same while that one is here."""
        if before := whom.chosen.get(name):
            found = self._if_here(before)
            if found is not None:
                return found
        if self._load is None:
            self._load = {email.lower(): count for email, count in self._busy().items()}
        here = [each for each in members if self._if_here(each)]
        if not here:
            return None
        least = min(here, key=lambda email: (self._load or {}).get(email.lower(), 0))
        self._load[least.lower()] = self._load.get(least.lower(), 0) + 1
        whom.chosen[name] = least
        return self._if_here(least)

    def _if_here(self, email: str | None) -> Recipient | None:
        """Somebody who is named by address: unless our records say that they have left, or they are away."""
        if not email or self._settings.company.is_away(email, self._today):
            return None
        known = self._by_email.get(email.lower())
        if known is not None and not known.active:
            return None
        return Recipient(email=email, name=known.name if known else "")

    def _told(self, person: Person | None) -> Recipient | None:
        if person is None:
            return None
        if id(person) not in self._heard:
            self._heard[id(person)] = self._recipient(person)
        return self._heard[id(person)]

    def _recipient(self, person: Person) -> Recipient | None:
        if not person.active or not person.email:
            return None
        if self._settings.company.is_away(person.email, self._today):
            return None
        return Recipient(email=person.email, name=person.name)


def _person(body: Mapping[str, Any]) -> Person:
    return Person(body.get("email"), body.get("name") or "", body.get("active") is not False,
                  body.get("manager_external_id"), body.get("timezone"))


def _deals(tx: Transaction, account_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """By our id of the opportunity, who owns it: connection and external id of the person."""
    return {
        subject_id("opportunity", row["connection"], row["external_id"]):
            (row["connection"], row["owner_external_id"] or "")
        for row in records.frame(tx, Noun.OPPORTUNITY, account_ids).iter_rows(named=True)
    }


def _rank(connection: str, trusted: Sequence[str]) -> int:
    return trusted.index(connection) if connection in trusted else len(trusted)
