"""`steward explain`: why a playbook did or did not fire, now or at an earlier instant."""

from __future__ import annotations

from collections import Counter
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
        if playbook and playbook not in {each.id for each in hub.playbooks} and playbook in {
                each.id for each in hub.drafts.playbooks}:
            raise ConfigError(f'"{playbook}" stands in the folder and is not live yet. Whom it would touch: '
                              f"{options.command(f'playbook plan {playbook}')}. To make it live: "
                              f"{options.command(f'playbook apply {playbook}')}")
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
    told = [each for each in answers if playbook or not _is_one_of_many(each)]
    show.line("\n\n".join(each.text() for each in told) or f'"{account}" has no such contact or opportunity.')
    idle = Counter(each.playbook_id for each in answers if each not in told)
    for name, count in idle.items():
        show.line(f"\n{name}: {count} contacts or opportunities are idle. Why: "
                  f"{options.command(f'explain {account_id} --playbook {name}')}")
    for text in refused:
        show.note(text)
    return 0


def _is_one_of_many(answer: Explanation) -> bool:
    """A contact or an opportunity for which nothing is under way: an account has dozens of those."""
    return answer.subject_id != answer.account_id and answer.state == "idle"
