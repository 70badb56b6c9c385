"""Who is told and who does the work: "csm", "role:vp_cs", "channel:…" in, a recipient out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steward.model.actions import Recipient
from steward.model.records import Noun
from steward.settings import Settings
from steward.store import records

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


class People:
    """Everybody of ours, and who owns which account."""

    def __init__(
        self, people: Mapping[tuple[str, str], Person], owners: Mapping[str, Sequence[Mapping[str, Any]]],
        settings: Settings,
    ) -> None:
        self._people, self._owners, self._settings = people, owners, settings

    @classmethod
    def load(cls, tx: Transaction, settings: Settings, account_ids: Sequence[str]) -> People:
        """Of the accounts named."""
        people = {
            (row["connection"], row["external_id"]): Person(
                row["email"], row["name"] or "", row["active"] is not False, row["manager_external_id"])
            for row in records.frame(tx, Noun.PERSON).iter_rows(named=True)
        }
        trusted = (*settings.truth.get("account.csm_external_id", ()), *settings.connections)
        owners: dict[str, list[Mapping[str, Any]]] = {}
        for row in records.frame(tx, Noun.ACCOUNT, account_ids).iter_rows(named=True):
            if row["account_id"] is not None:
                owners.setdefault(row["account_id"], []).append(row)
        for rows in owners.values():
            rows.sort(key=lambda row: (_rank(row["connection"], trusted), row["connection"], row["external_id"]))
        return cls(people, owners, settings)

    def first(self, account_id: str, wanted: Sequence[str]) -> Recipient | None:
        """The first of `wanted` who can be told; then the company's channel; None where nobody can."""
        for name in wanted:
            if found := self._one(account_id, name):
                return found
        channel = self._settings.routing.channel
        return Recipient(channel=channel) if channel else None

    def first_person(self, account_id: str, wanted: Sequence[str]) -> Recipient | None:
        """The first of `wanted` who is a person; None where none is."""
        found = (self._one(account_id, name) for name in wanted if not name.startswith("channel:"))
        return next((person for person in found if person), None)

    def _one(self, account_id: str, name: str) -> Recipient | None:
        kind, _, which = name.partition(":")
        if kind == "channel":
            return Recipient(channel=which)
        if kind == "role":
            email = self._settings.company.roles.get(which)
            return Recipient(email=email) if email else None
        return self._owner(account_id, kind)

    def _owner(self, account_id: str, kind: str) -> Recipient | None:
        field = _FIELDS.get(kind, "csm_external_id")
        for row in self._owners.get(account_id, ()):
            person = self._people.get((row["connection"], row[field] or ""))
            if kind == "csm_manager" and person:
                person = self._people.get((row["connection"], person.manager or ""))
            if person and person.active and person.email:
                return Recipient(email=person.email, name=person.name)
        return None


def _rank(connection: str, trusted: Sequence[str]) -> int:
    return trusted.index(connection) if connection in trusted else len(trusted)
