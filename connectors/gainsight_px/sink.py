"""Fields of accounts, written by their id."""

from __future__ import annotations

from connectors.gainsight_px.client import Client, no_account
from connectors.gainsight_px.mapping import found
from connectors.gainsight_px.shapes import CUSTOM, NUMBER, READ_ONLY, TIME, TRUTH, WHOLE, WRITABLE
from steward.contracts import Tools
from steward.kit.reading import instant, milliseconds, number, text, truth, whole
from steward.model.actions import Action, IdempotencyKey, Receipt, UpdateRecord
from steward.model.errors import RecordRejected


class GainsightPxSink:
    """Writes to one subscription. Delivery class A: PX takes no key, but writing the same value again changes nothing.

    Whether PX keeps the fields that a change leaves out is not documented, so the account is read and sent whole; what
    somebody else changes within that second is overwritten.
    """

    def __init__(self, client: Client, tools: Tools) -> None:
        self._client, self._tools = client, tools

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Write the field, unless it holds the value already.

        Raises:
            RecordRejected: there is no such account or field, or it cannot hold the value.
            OutcomeUnknown: the line broke after sending; look before it is sent again.
        """
        update = _update(action)
        path, value = self._target(update)
        account = self._client.account(update.external_id)
        if account is None:
            raise no_account(update.external_id)
        if not _holds(account, path, value):
            sent = {name: held for name, held in account.items() if name not in READ_ONLY}
            if path.startswith(f"{CUSTOM}."):
                sent[CUSTOM] = {**(account.get(CUSTOM) or {}), path.partition(".")[2]: value}
            else:
                sent[path] = value
            self._client.update(sent)
        return Receipt(external_id=update.external_id, delivered_at=self._tools.now())

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """The account, where the field holds the value."""
        update = _update(action)
        path, value = self._target(update)
        account = self._client.account(update.external_id)
        if account is None or not _holds(account, path, value):
            return None
        return Receipt(external_id=update.external_id, delivered_at=self._tools.now(), found=True)

    def _target(self, update: UpdateRecord) -> tuple[str, object]:
        """Where the value goes, and the value as PX takes it; "" empties the field."""
        name = update.field
        if name in WRITABLE:
            return name, _typed(update.value, WRITABLE[name], name)
        known = self._client.attributes()
        attribute = name.removeprefix(f"{CUSTOM}.")
        if attribute not in known:
            there = ", ".join([*sorted(WRITABLE), *(f"{CUSTOM}.{each}" for each in sorted(known))][:40])
            raise RecordRejected(
                f'gainsight_px: "{name[:60]}" is no field of accounts that can be written. There are: {there}.', name)
        return f"{CUSTOM}.{attribute}", _typed(update.value, known[attribute], name)


def _update(action: Action) -> UpdateRecord:
    if not isinstance(action, UpdateRecord):
        raise RecordRejected(f'gainsight_px cannot do "{action.kind}"; it can do update_record', "kind")
    if action.noun != "account":
        raise RecordRejected(
            f"gainsight_px: can write fields of accounts, not of a {action.noun}. Name another one in via", "noun")
    return action


def _typed(value: str, kind: str, name: str) -> object:
    if value == "":
        return None
    try:
        if kind == WHOLE:
            return whole(value)
        if kind == NUMBER:
            read = number(value)
            return int(read) if read == read.to_integral_value() else float(read)
        if kind == TRUTH:
            return truth(value)
        if kind == TIME:
            return milliseconds(instant(value))
    except ValueError as error:
        raise RecordRejected(f"gainsight_px: {name} is of type {kind}: {error}", name) from None
    return value


def _holds(account: dict[str, object], path: str, value: object) -> bool:
    held = found(account, path)
    if value is None or held is None or isinstance(value, bool) or isinstance(held, bool):
        return held == value or (value is None and held == "")
    if isinstance(value, int | float):
        try:
            return number(held) == number(value)
        except ValueError:
            return False
    return text(held) == text(value)
