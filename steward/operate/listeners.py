"""Who may ask to be told what happens: an address, through a connection that tells listeners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from steward.contracts import Connector
from steward.model.errors import StewardError
from steward.model.words import meant, meant_or_all
from steward.store import audit, listeners, releases
from steward.store.database import Database
from steward.store.listeners import EVENTS, Listener

_LONGEST_URL = 2_000


def listen(
    db: Database, connectors: Mapping[str, Connector], target_url: str, event: str, *, by: str, now: datetime,
    playbook_id: str = "", connection: str = "", may_tell: Callable[[str, str], None] | None = None,
) -> Listener:
    """From now on `target_url` is told of `event`; asked again, it is the same listener.

    `may_tell` takes the connection and the address, and raises where that connection would never call it.

    Raises:
        StewardError: no such event, playbook or connection, or the address is none; the message says what there is.
    """
    chosen = _connection(connectors, connection)
    if event not in EVENTS:
        raise StewardError(f'there is no event "{event}"{meant_or_all(event, EVENTS)}')
    host = _host(target_url)
    if not host:
        raise StewardError("target_url must be a whole address that begins with https://")
    if may_tell is not None:
        may_tell(chosen, target_url)
    with db.write() as tx:
        live = releases.live(tx)
        if playbook_id and playbook_id not in live:
            raise StewardError(f'no playbook "{playbook_id}" is live{meant_or_all(playbook_id, live)}')
        before = {each.id for each in listeners.list_(tx)}
        made = listeners.add(tx, connection=chosen, event=event, target_url=target_url, playbook_id=playbook_id,
                             by=by, now=now)
        if made.id not in before:
            audit.write(tx, now, by, "listen", made.id,
                        {"event": event, "host": host, "playbook": playbook_id})
        return made


def unlisten(db: Database, listener_id: str, by: str, now: datetime) -> bool:
    """Tell it nothing more; False where it had ended.

    Raises:
        StewardError: there is no such listener.
    """
    with db.write() as tx:
        if listeners.one(tx, listener_id) is None:
            known = [each.id for each in listeners.list_(tx)]
            raise StewardError(f'there is no listener "{listener_id}"{meant(listener_id, known)}')
        ended = listeners.end(tx, listener_id, now, f"{by} asked for it")
        if ended:
            audit.write(tx, now, by, "unlisten", listener_id, {})
        return ended


def _host(url: str) -> str:
    """Whose address it is; "" where it is none that can be called, or kept."""
    try:
        parts = urlsplit(url)
        well = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return ""
    return (parts.hostname or "") if well and url.isprintable() and " " not in url and len(url) <= _LONGEST_URL else ""


def _connection(connectors: Mapping[str, Connector], wanted: str) -> str:
    able = sorted(name for name, each in connectors.items() if "tell_listener" in each.actions)
    if wanted:
        if wanted not in able:
            raise StewardError(f'the connection "{wanted}" tells no listeners{meant_or_all(wanted, able)}')
        return wanted
    if not able:
        raise StewardError("no connection tells listeners: add one of the connectors zapier, make or webhook")
    return next((name for name in able if connectors[name].name == "zapier"), able[0])
