"""Makes tasks, touchpoints and deals, each once for its key, and writes fields; a hundred take as many calls as one.

What is made is upserted by a property whose values are unique. The upsert takes no association, so a row is tied to its
company in a call after it; where that was not reached, delivering again does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from connectors.hubspot.calls import Row, as_dict
from connectors.hubspot.client import MOST_PER_BATCH, Client, Done
from connectors.hubspot.made import Made, made_of
from connectors.hubspot.settings import HubSpotSettings
from steward.contracts import Tools
from steward.model.actions import Action, IdempotencyKey, Receipt, UpdateRecord
from steward.model.errors import OutcomeUnknown, RecordRejected, StewardError

Said = Receipt | StewardError

# In the address of a record's page.
_PAGE = {
    "tasks": "0-27", "calls": "0-48", "emails": "0-49", "meetings": "0-47", "notes": "0-46", "deals": "0-3",
    "companies": "0-2", "contacts": "0-1",
}
_OBJECT = {"account": "companies", "contact": "contacts", "opportunity": "deals"}


@dataclass(frozen=True, slots=True)
class _Known:
    """A row that stands in HubSpot, and the companies it is tied to."""

    id: str
    companies: set[str]


class HubSpotSink:
    """Writes to one portal."""

    def __init__(self, client: Client, settings: HubSpotSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools

    @property
    def batches(self) -> Mapping[str, int]:
        kinds = ("open_cta", "log_touchpoint", "open_opportunity", "update_record")
        return dict.fromkeys(kinds, MOST_PER_BATCH)

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Make or write it, or return the receipt of what `key` already made, as people have left it.

        Raises:
            RecordRejected: there is no such record, or HubSpot refused a value.
            OutcomeUnknown: the line broke after sending; the same call again is safe.
        """
        (said,) = self.deliver_many([(action, key)])
        if isinstance(said, StewardError):
            raise said
        return said

    def deliver_many(self, actions: Sequence[tuple[Action, IdempotencyKey]]) -> Sequence[Said]:
        """What became of each, in the order given; at most 100, of one kind."""
        said: dict[IdempotencyKey, Said] = {}
        of_kind: dict[str, dict[IdempotencyKey, Made]] = {}
        updates = {key: action for action, key in actions if isinstance(action, UpdateRecord)}
        for action, key in actions:
            if key not in updates:
                try:
                    made = made_of(action, self._settings)
                except RecordRejected as error:
                    said[key] = error
                    continue
                of_kind.setdefault(made.kind, {})[key] = made
        for kind, rows in of_kind.items():
            said |= self._make(kind, rows)
        if updates:
            said |= self._update(updates)
        return [said[key] for _, key in actions]

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """What `key` made, or the record that has the value; None as well where what was made is not tied to its
        company yet, which delivering mends."""
        if isinstance(action, UpdateRecord):
            return self._has(action)
        made = made_of(action, self._settings)
        known = self._made_before(made.kind, [key]).get(key)
        return self._receipt(made.kind, known.id, found=True) if known and made.company in known.companies else None

    # ---- making ----

    def _make(self, kind: str, rows: Mapping[IdempotencyKey, Made]) -> dict[IdempotencyKey, Said]:
        before = self._made_before(kind, list(rows))
        said: dict[IdempotencyKey, Said] = {
            key: self._receipt(kind, known.id, found=True)
            for key, known in before.items() if rows[key].company in known.companies
        }
        new = {key: made for key, made in rows.items() if key not in before}
        companies = self._existing("companies", [made.company for made in new.values()])
        said |= {key: _no_company(made) for key, made in new.items() if made.company not in companies}
        ids = {key: known.id for key, known in before.items() if key not in said}
        for key, done in self._upserted(kind, {key: made for key, made in new.items() if key not in said}).items():
            if isinstance(done, StewardError):
                said[key] = done
            elif not done.get("id"):
                said[key] = OutcomeUnknown(f"hubspot: upsert {kind} was answered without an id. Steward looks first.")
            else:
                ids[key] = str(done["id"])
        return said | self._tied(kind, {key: (row_id, rows[key]) for key, row_id in ids.items()})

    def _upserted(self, kind: str, new: Mapping[IdempotencyKey, Made]) -> dict[IdempotencyKey, Done]:
        if not new:
            return {}
        owners = self._owners({made.owner_email.lower() for made in new.values()} - {""})
        told = {
            str(key): {**made.properties, **({"hubspot_owner_id": owner} if owner else {})}
            for key, made in new.items() for owner in [owners.get(made.owner_email.lower(), "")]
        }
        done = self._client.upsert(kind, self._settings.key_property, told)
        return {key: done[str(key)] for key in new}

    def _tied(self, kind: str, rows: Mapping[IdempotencyKey, tuple[str, Made]]) -> dict[IdempotencyKey, Said]:
        """Each tied to its contact, where HubSpot knows it, and then to its company: that it is done."""
        if not rows:
            return {}
        contacts = self._existing("contacts", [made.contact for _, made in rows.values() if made.contact])
        with_whom = {row_id: made.contact for row_id, made in rows.values() if made.contact in contacts}
        failed: dict[str, Done] = {}
        if with_whom:
            answers = self._client.associate(kind, "contacts", with_whom)
            failed = {row_id: answer for row_id, answer in answers.items() if isinstance(answer, StewardError)}
        left = {row_id: made.company for row_id, made in rows.values() if row_id not in failed}
        done = (self._client.associate(kind, "companies", left) if left else {}) | failed
        said: dict[IdempotencyKey, Said] = {}
        for key, (row_id, _) in rows.items():
            answer = done[row_id]
            said[key] = answer if isinstance(answer, StewardError) else self._receipt(kind, row_id)
        return said

    def _made_before(self, kind: str, keys: Sequence[IdempotencyKey]) -> dict[IdempotencyKey, _Known]:
        name, wanted = self._settings.key_property, {str(key).lower(): key for key in keys}
        rows = self._client.read_batch(kind, list(map(str, keys)), [name], name)
        ids: dict[IdempotencyKey, str] = {}
        for row in rows:
            key = wanted.get(_value(row, name).lower(), keys[0] if len(keys) == 1 else None)
            if key is not None and row.get("id"):
                ids[key] = str(row["id"])
        tied = self._client.all_linked(kind, list(ids.values()), "companies") if ids else {}
        return {key: _Known(row_id, tied[row_id]) for key, row_id in ids.items()}

    def _existing(self, kind: str, ids: Sequence[str]) -> set[str]:
        asked = sorted({each for each in ids if each.isdecimal() and each.isascii()})
        rows = self._client.read_batch(kind, asked, ["hs_object_id"]) if asked else ()
        return {str(row.get("id")) for row in rows}

    def _owners(self, emails: set[str]) -> dict[str, str]:
        """The owner with each address, where HubSpot has one."""
        only = next(iter(emails)) if len(emails) == 1 else ""
        found: dict[str, str] = {}
        after: str | None = None
        while emails:
            rows, after = self._client.owners(after, email=only)
            found |= {str(row.get("email")).lower(): str(row["id"]) for row in rows
                      if row.get("id") and not row.get("archived")}
            if after is None or emails <= found.keys():
                break
        return {email: owner for email, owner in found.items() if email in emails}

    # ---- writing fields ----

    def _update(self, updates: Mapping[IdempotencyKey, UpdateRecord]) -> dict[IdempotencyKey, Said]:
        said: dict[IdempotencyKey, Said] = {}
        told: dict[str, dict[str, dict[str, str]]] = {}
        for key, update in updates.items():
            if update.external_id.isdecimal() and update.external_id.isascii():
                row = told.setdefault(_OBJECT[update.noun], {}).setdefault(update.external_id, {})
                row[update.field] = update.value
            else:
                said[key] = RecordRejected(
                    f'hubspot: "{update.external_id[:40]}" is no id of a HubSpot record. Sync the connection and try '
                    "again.", "external_id")
        done = {kind: self._client.update(kind, rows) for kind, rows in told.items()}
        for key, update in updates.items():
            if key not in said:
                answer = done[_OBJECT[update.noun]][update.external_id]
                failed = isinstance(answer, StewardError)
                said[key] = answer if failed else self._receipt(_OBJECT[update.noun], update.external_id)  # type: ignore[assignment]  # a Row is no error
        return said

    def _has(self, update: UpdateRecord) -> Receipt | None:
        if not update.external_id.isdecimal():
            return None
        kind = _OBJECT[update.noun]
        rows = self._client.read_batch(kind, [update.external_id], [update.field])
        has = rows and _same(_value(rows[0], update.field), update.value)
        return self._receipt(kind, update.external_id, found=True) if has else None

    def _receipt(self, kind: str, row_id: str, *, found: bool = False) -> Receipt:
        portal, url = self._settings.portal_id, None
        if portal:
            url = f"{self._settings.app_url}/contacts/{portal}/record/{_PAGE[kind]}/{row_id}"
        return Receipt(external_id=row_id, url=url, delivered_at=self._tools.now(), found=found)


def _no_company(made: Made) -> RecordRejected:
    return RecordRejected(
        f'hubspot: there is no company "{made.company[:40]}" to make one of its {made.kind} for; it may be deleted or '
        "merged away. Sync the connection and try again.", "account_external_id")


def _value(row: Row, name: str) -> str:
    given = as_dict(row.get("properties")).get(name)
    return "" if given is None else str(given)


def _same(stands: str, wanted: str) -> bool:
    """HubSpot writes numbers its own way: "41.0" comes back as "41"."""
    if stands == wanted:
        return True
    try:
        return Decimal(stands) == Decimal(wanted)
    except InvalidOperation:
        return False
