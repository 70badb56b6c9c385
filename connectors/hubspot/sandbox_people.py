"""What people and processes do to the sandbox's portal between two calls: one thing at a time, by chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from connectors.hubspot.sandbox_portal import Portal
from connectors.hubspot.sandbox_shelf import Row, Shelf

_EDITS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "companies": {
        "numberofemployees": ("7", "480", "1200"), "segment": ("smb", "enterprise"), "arr": ("900.10", "12000"),
        "lifecyclestage": ("customer", "onboarding", "churned"), "do_not_contact": ("true", "false", ""),
    },
    "contacts": {"jobtitle": ("CIO", "Head of IT", ""), "hs_buying_role": ("CHAMPION", "END_USER")},
    "deals": {"amount": ("100.00", "250.5", ""), "dealstage": ("closedwon", "contractsent")},
    "tickets": {"hs_pipeline_stage": ("1", "2", "4"), "hs_ticket_priority": ("LOW", "URGENT")},
    "p_subscriptions": {"seats": ("5", "50"), "status": ("active", "cancelled")},
    "meetings": {"hs_meeting_outcome": ("COMPLETED", "NO_SHOW"), "hs_meeting_title": ("Review", "Kickoff")},
    "calls": {"hs_call_status": ("COMPLETED", "NO_ANSWER"), "hs_call_title": ("Call", "Call back")},
    "tasks": {"hs_task_status": ("NOT_STARTED", "COMPLETED")},
}
_NEW_ID = 90_000_000_000

Stir = Callable[["People"], str | None]


class People:
    """Everybody who works in the portal; `now` is HubSpot's time in milliseconds since 1970."""

    def __init__(self, portal: Portal, chance: random.Random, now: int) -> None:
        self.portal, self.chance, self.now = portal, chance, now

    def do_something(self) -> str | None:
        """What was done, in words; None where the portal is empty."""
        for deed in self.chance.sample(_DEEDS, len(_DEEDS)):
            done = deed(self)
            if done:
                return done
        return None

    # ---- deeds ----

    def edit(self) -> str | None:
        kind, row = self._any()
        if row is None:
            return None
        name = self.chance.choice(sorted(_EDITS[kind]))
        value = self.chance.choice(_EDITS[kind][name])
        self._put(kind, row, {name: value})
        return f'{kind} {row.id}: "{name}" became "{value}"'

    def edit_many_at_once(self) -> str | None:
        """An import stamps all of its rows with one instant."""
        kind, row = self._any()
        rows = self._live(kind)
        if row is None or len(rows) < 2:
            return None
        name = self.chance.choice(sorted(_EDITS[kind]))
        some = self.chance.sample(rows, self.chance.randint(2, min(len(rows), 9)))
        for each in some:
            self._put(kind, each, {name: self.chance.choice(_EDITS[kind][name])})
        return f'{kind}: "{name}" of {len(some)} rows was imported in one instant'

    def edit_late(self) -> str | None:
        """A change of some seconds ago that the search's index learns of only after the next search or two."""
        kind, row = self._any()
        if row is None:
            return None
        name = self.chance.choice(sorted(_EDITS[kind]))
        at = max(row.updated + 1, self.now - self.chance.randint(1, 20_000))
        self._put(kind, row, {name: self.chance.choice(_EDITS[kind][name])}, min(at, self.now))
        self.portal.shelves[kind].late[row.id] = self.chance.randint(1, 2)
        return f'{kind} {row.id}: "{name}" was changed {(self.now - at) / 1000:.1f} s ago, and no search shows it yet'

    def make(self) -> str | None:
        company = self._new("companies", {"name": "New & Co", "domain": "new.example.com", "lifecyclestage": "lead"})
        person = {"firstname": "Nia", "lastname": "New", "email": f"nia.{company}@example.com"}
        contact = self._new("contacts", person)
        self.portal.link("contacts", contact, "companies", company)
        return f"company {company} and its contact {contact} were made"

    def archive(self) -> str | None:
        kind = self.chance.choice(("contacts", "deals", "tickets", "meetings", "calls", "tasks"))
        rows = [row for row in self._live(kind) if not self._answered(kind, row)]
        if len(rows) < 3:
            return None
        row = self.chance.choice(rows)
        self.portal.shelves[kind].put(replace(row, archived=self.now))
        return f"{kind} {row.id} was deleted"

    def restore(self) -> str | None:
        for kind in self.chance.sample(sorted(_EDITS), len(_EDITS)):
            shelf = self.portal.shelves[kind]
            gone = sorted((row for row in shelf if row.archived is not None), key=lambda row: row.id)
            if gone:
                row = self.chance.choice(gone)
                shelf.put(replace(row, archived=None, updated=self.now))
                return f"{kind} {row.id} was restored"
        return None

    def merge(self) -> str | None:
        rows = self._live("companies")
        if len(rows) < 3:
            return None
        survivor, loser = self.chance.sample(rows, 2)
        merge(self.portal, "companies", survivor, loser, self.now)
        return f"company {loser.id} was merged into {survivor.id}"

    def move(self) -> str | None:
        contacts = [row for row in self._live("contacts") if not self._answered("contacts", row)]
        companies = self._live("companies")
        if not contacts or not companies:
            return None
        contact, company = self.chance.choice(contacts), self.chance.choice(companies)
        self.portal.links["contacts", contact.id, "companies"] = [company.id]
        self._put("contacts", contact, {})
        return f"contact {contact.id} went over to company {company.id}"

    def add_a_property(self) -> str | None:
        kind, row = self._any()
        name = f"added_{self.chance.randint(1, 99)}"
        if row is None or name in self.portal.properties[kind]:
            return None
        self.portal.declare({"objectType": kind, "name": name, "type": "string"})
        self._put(kind, row, {name: "new"})
        return f'{kind} have a new property "{name}"'

    def use_a_new_word(self) -> str | None:
        rows = self._live("companies")
        if not rows:
            return None
        row = self.chance.choice(rows)
        self._put("companies", row, {"segment": "strategic"})
        return f'company {row.id}: "segment" has the new option "strategic"'

    def change_a_type(self) -> str | None:
        rows = self._live("companies")
        if not rows:
            return None
        row, name = self.chance.choice(rows), "numberofemployees"
        self.portal.properties["companies"][name]["type"] = "string"
        self._put("companies", row, {name: "about a hundred"})
        return f'"{name}" of companies is text now; company {row.id} has "about a hundred"'

    # ---- the inside ----

    def _any(self) -> tuple[str, Row | None]:
        kinds = [kind for kind in sorted(_EDITS) if self._live(kind)]
        if not kinds:
            return "companies", None
        kind = self.chance.choice(kinds)
        return kind, self.chance.choice(self._live(kind))

    def _answered(self, kind: str, row: Row) -> bool:
        """Whether a survey's answer hangs on it: HubSpot stamps no answer anew when its contact goes elsewhere."""
        return bool(self.portal.links.get((kind, row.id, "feedback_submissions")))

    def _live(self, kind: str) -> list[Row]:
        shelf: Shelf = self.portal.shelves[kind]
        return sorted((row for row in shelf if shelf.get(row.id)), key=lambda row: row.id)

    def _new(self, kind: str, properties: Mapping[str, str]) -> int:
        shelf = self.portal.shelves[kind]
        row_id = max([_NEW_ID, *shelf.rows]) + 1
        shelf.put(Row(row_id, dict(properties), self.now, self.now))
        return row_id

    def _put(self, kind: str, row: Row, told: Mapping[str, str], at: int | None = None) -> None:
        shelf = self.portal.shelves[kind]
        current = shelf.rows[row.id]
        updated = max(at if at is not None else self.now, current.updated)
        shelf.put(replace(current, properties={**current.properties, **told}, updated=updated))


def merge(portal: Portal, kind: str, survivor: Row, loser: Row, now: int) -> None:
    """Merge `loser` away: what was tied to it is tied to the survivor, and counts as changed."""
    shelf = portal.shelves[kind]
    known = survivor.properties.get("hs_merged_object_ids", "")
    losers = ";".join(filter(None, (known, loser.properties.get("hs_merged_object_ids", ""), str(loser.id))))
    shelf.put(replace(survivor, properties={**survivor.properties, "hs_merged_object_ids": losers}, updated=now))
    for (of, row_id, to), ids in list(portal.links.items()):
        if to == kind and loser.id in ids:
            kept = [survivor.id if each == loser.id else each for each in ids]
            portal.links[of, row_id, to] = list(dict.fromkeys(kept))
            _stamp(portal, of, row_id, now)
            for answer in portal.links.get((of, row_id, "feedback_submissions"), ()):
                _stamp(portal, "feedback_submissions", answer, now)


def _stamp(portal: Portal, kind: str, row_id: int, now: int) -> None:
    row = portal.shelves[kind].rows.get(row_id)
    if row:
        portal.shelves[kind].put(replace(row, updated=max(now, row.updated)))


_DEEDS: list[Stir] = [
    People.edit, People.edit, People.edit_many_at_once, People.edit_late, People.make, People.archive, People.restore,
    People.merge, People.move, People.add_a_property, People.use_a_new_word, People.change_a_type,
]
