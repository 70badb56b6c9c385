"""`steward explain`: why a playbook did or did not fire, now or at an earlier instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steward.cli import chosen, show
from steward.cli.options import DEFAULT, Options
from steward.model.errors import ConfigError

if TYPE_CHECKING:
    from steward.engine.explain import Explanation


def explain(
    account: str, *,
    playbook: Annotated[str, Parameter(help="Only this playbook.")] = "",
    at: Annotated[str, Parameter(help="As known then: 2026-03-05T08:00Z, or a day.")] = "", options: Options = DEFAULT,
) -> int:
    """Why the playbooks that are live did or did not fire for ACCOUNT (our id, a domain or a name)."""
    from steward import views
    from steward.wiring import NOTHING_LIVE, open_hub

    answers: list[Explanation] = []
    refused: list[str] = []
    with open_hub(options.config) as hub:
        playbooks = chosen.of(hub.playbooks, (playbook,) if playbook else ())
        if not playbooks:
            raise ConfigError(NOTHING_LIVE)
        with hub.db.read() as tx:
            account_id = views.find_account(tx, account)
        for each in playbooks:
            try:
                answers += views.explain(
                    hub.db, each, hub.catalog, hub.settings, account_id, hub.clock(),
                    at=chosen.instant(at) if at else None, connectors=hub.connectors)
            except ConfigError as error:
                refused.append(str(error))
    if not answers and refused:
        raise ConfigError("\n".join(dict.fromkeys(refused)))
    if options.json:
        show.as_json({"explanations": answers, "not_live_then": refused})
        return 0
    show.line("\n\n".join(each.text() for each in answers) or f'"{account}" has no such contact or opportunity.')
    for text in refused:
        show.note(text)
    return 0
