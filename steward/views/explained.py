"""Why a playbook did or did not fire for an account, as known now or at an earlier instant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from steward.engine.calendars import Calendar
from steward.engine.explain import Explanation, Standing
from steward.engine.explain import explain as explain_row
from steward.engine.freshness import freshen_row
from steward.engine.language import Mode, Playbook
from steward.engine.load import reload
from steward.model.enrollments import State
from steward.model.errors import ConfigError
from steward.model.records import Noun
from steward.store import enrollments as store_enrollments
from steward.store import facts as store_facts
from steward.store import identity, releases, versions
from steward.store.releases import RETIRED
from steward.views.find import NOTHING_DERIVED, find_account, name_of
from steward.views.standing import Way, gates_of, ways
from steward.views.subjects import seen

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.contracts import Connector
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database

_IN_FLIGHT = (State.ACTIVE, State.RECOVERING)
_NOUNS = {
    "crm": (Noun.ACCOUNT, Noun.SUBSCRIPTION), "support": (Noun.TICKET,), "survey": (Noun.SURVEY_RESPONSE,),
    "onboarding": (Noun.MILESTONE,),
}


def explain(  # noqa: PLR0917  # a view takes plain parts, not the hub
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, wanted: str, now: datetime,
    *, at: datetime | None = None, connectors: Mapping[str, Connector] | None = None,
) -> tuple[Explanation, ...]:
    """Why `playbook`, which is live, did or did not fire for each of its subjects of the account that `wanted` means.

    With `at`, as known then: the facts, the enrollments and the version of that instant. `connectors` are those of
    the connections, to say what brings which facts.

    Raises:
        ConfigError: there is no such account, or several; nothing was known, or the playbook was not live then.
    """
    with db.read() as tx:
        account_id = find_account(tx, wanted)
        live = playbook if at is None else _live_then(tx, playbook, catalog, at)
        found = seen(tx, live, [account_id], at)
        if found is None or (found.frame.is_empty() and live.subject == "account"):
            when = f" at {at:%Y-%m-%d %H:%M}Z" if at else ""
            raise ConfigError(f'account "{account_id}"{when}: '
                              + ("nothing was known of it then" if at else NOTHING_DERIVED))
        stood = ways(tx, live.id, account_id, at)
        sources = _sources(tx, account_id, connectors or {})
        out = []
        for row in found.frame.iter_rows(named=True):
            named = {**row, "account.name": row.get("account.name") or name_of(row, tx, account_id)}
            way = stood.get(str(row.get("subject_id") or account_id), Way())
            out.append(_explained(tx, live, catalog, settings, named, way, at or now, then=at is not None,
                                  sources=sources))
        return tuple(out)


def _explained(  # noqa: PLR0917  one subject with all that is known of it
    tx: Transaction, live: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, row: Mapping[str, Any],
    way: Way, moment: datetime, *, then: bool, sources: Mapping[str, str],
) -> Explanation:
    opened, playbook = way.opened, live
    if opened is not None and opened.state in _IN_FLIGHT and opened.version != live.version:
        playbook = _version(tx, live, opened.version, catalog) or live
    fresh = {**freshen_row(row, catalog, moment), "subject_id": row.get("subject_id")}
    gates = gates_of(tx, playbook, fresh, moment, then=then)
    standing = Standing(
        _calendar(settings, playbook, row, moment), opened, way.closed, gates, way.entry, live.version,
        "" if then else _room(tx, playbook, row))
    return explain_row(playbook, row, catalog, moment, standing, sources=sources)


def _live_then(tx: Transaction, playbook: Playbook, catalog: Mapping[str, FactSpec], at: datetime) -> Playbook:
    """The playbook as it was live at `at`."""
    past = releases.history(tx, playbook.id)
    then = next((each for each in past if each.applied_at <= at), None)
    if then is None or then.mode == RETIRED:
        first = f"; it was first applied at {past[-1].applied_at:%Y-%m-%d %H:%M}Z" if past else ""
        raise ConfigError(f'"{playbook.id}" was not live at {at:%Y-%m-%d %H:%M}Z{first}')
    body = versions.body(tx, playbook.id, then.version)
    if body is None or then.version == playbook.version:
        return playbook
    return reload(body, f"{playbook.id}@{then.version}", catalog, mode=Mode(then.mode), ramp=then.ramp,
                  priority=then.priority)


def _version(tx: Transaction, live: Playbook, version: str, catalog: Mapping[str, FactSpec]) -> Playbook | None:
    """The version that an enrollment in flight is pinned to, in the mode of what is live."""
    body = versions.body(tx, live.id, version)
    if body is None:
        return None
    return reload(body, f"{live.id}@{version}", catalog, mode=live.mode, ramp=live.ramp, priority=live.priority)


def _calendar(settings: Settings, playbook: Playbook, row: Mapping[str, Any], moment: datetime) -> Calendar:
    from steward.pipeline.calendars import calendars

    return calendars(settings, moment)(playbook.calendar, row.get("account.csm_timezone"), row.get("account.timezone"))


def _room(tx: Transaction, playbook: Playbook, row: Mapping[str, Any]) -> str:
    """ "owner has 11 of 15 open", of all playbooks together."""
    owner = row.get("account.csm_email")
    owned = store_facts.latest(tx, names=["account.csm_email"])
    if not owner or owned is None:
        return ""
    theirs = {row["account_id"] for row in owned.frame.iter_rows(named=True) if row["account.csm_email"] == owner}
    count = sum(each.count for each in store_enrollments.work(tx) if each.account_id in theirs)
    return f"owner has {count} of {playbook.caps.owner} open"


def _sources(tx: Transaction, account_id: str, connectors: Mapping[str, Connector]) -> dict[str, str]:
    """What brings each group of facts of this account: "salesforce", "salesforce and hubspot"."""
    known_in = [name for name in connectors if name in identity.external_ids(tx, [account_id]).get(account_id, {})]
    found = {}
    for group, nouns in _NOUNS.items():
        names = [name for name in known_in if any(each.noun in nouns for each in connectors[name].streams.values())]
        if names:
            found[group] = " and ".join(names)
    return found


