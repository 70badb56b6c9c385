"""A planned step becomes an action: for the right person, in the right system, in plain words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from steward.contracts import Connector
from steward.engine.calendars import Calendar
from steward.engine.language import Playbook
from steward.engine.lifecycle import advance
from steward.engine.load import load_playbook
from steward.engine.look import Look, Planned, Verdicts
from steward.engine.messages import read_messages
from steward.engine.walk import clauses_of
from steward.facts.catalog import catalog as real_catalog
from steward.model.actions import DeliveryClass, Message, OpenCta, Recipient
from steward.pipeline.actions import actions_of
from steward.pipeline.calendars import calendars
from steward.pipeline.cards import Cause
from steward.pipeline.desk import Desk
from steward.pipeline.people import People, Person, Whom
from steward.settings import Company, Routing, Settings
from steward.store.outbox import OutboxRow

NOW = datetime(2026, 11, 5, 23, 30, tzinfo=UTC)           # Thursday; Friday already in Berlin
CATALOG = real_catalog()
WORDS = """\
it:
  tone: risk
  title: "{{ account.name }} is at {{ health.score }}"
  sentence: "{{ account.name }} needs you."
  fields: {ARR: "{{ account.arr | money }}", Renewal: "{{ renewal.days_left | days }}"}
  changes: ["Tickets: {{ support.open_urgent }}", "Seats: {{ seats.utilization }}"]
  next_step: "Call {{ account.name }}."
"""
TEXT = """\
id: it
title: Health drop
why: A call in time saves most.
mode: live
when: health.score < 60
until: health.score >= 70
do:
  - cta: {{type: risk, due: 3bd, assign: [{assign}], priority: high}}
  - message: {{to: [{to}], template: it}}
escalate:
  - {{after: 2bd, unless: acknowledged, to: {rung}}}
"""
PEOPLE = {
    ("crm", "ana"): Person("ana@us.test", "Ana", True, "dee"), ("crm", "dee"): Person("dee@us.test", "Dee", True, None),
    ("crm", "bo"): Person("bo@us.test", "Bo", True, "gone"), ("crm", "gone"): Person("g@us.test", "Gone", False, "dee"),
    ("crm", "mute"): Person(None, "Mute", True, None),
}


def settings(**routing: Any) -> Settings:
    return Settings(company=Company(timezone="Europe/Berlin", roles={"vp_cs": "vp@us.test"}),
                    routing=Routing(**{"message": "slack", "cta": ("crm",), "channel": "#cs", **routing}))


def people(csm: str | None, account_manager: str | None = None, said: Settings | None = None) -> People:
    row = {"connection": "crm", "csm_external_id": csm, "account_manager_external_id": account_manager}
    return People(PEOPLE, {"acct_1": [row]}, said or settings())


@pytest.mark.parametrize(("csm", "manager", "wanted", "expected"), [
    ("ana", None, ["csm"], Recipient(email="ana@us.test", name="Ana")),
    ("gone", "bo", ["csm", "account_manager"], Recipient(email="bo@us.test", name="Bo")),
    ("gone", None, ["csm_manager"], Recipient(email="dee@us.test", name="Dee")),
    ("bo", None, ["csm_manager", "role:vp_cs"], Recipient(email="vp@us.test")),
    ("mute", None, ["csm"], Recipient(channel="#cs")),
    (None, None, ["csm", "channel:#risk"], Recipient(channel="#risk")),
    ("ana", None, ["role:nobody", "csm"], Recipient(email="ana@us.test", name="Ana")),
    ("stranger", None, ["csm"], Recipient(channel="#cs")),
])
def test_the_first_who_can_be_told_is_told(
    csm: str | None, manager: str | None, wanted: list[str], expected: Recipient,
) -> None:
    """People leave; the message must still reach somebody."""
    assert people(csm, manager).first(Whom("acct_1"), wanted) == expected


def test_without_a_channel_nobody_may_be_left() -> None:
    """Then it is said, not swallowed."""
    assert people("gone", said=settings(channel="")).first(Whom("acct_1"), ["csm"]) is None


def connectors() -> dict[str, Connector]:
    def absent(*_: object) -> Any:
        raise AssertionError("deciding connects to nothing")

    return {
        "crm": Connector("salesforce", "S", absent, absent, absent, actions={"open_cta": DeliveryClass.A}),
        "slack": Connector("slack", "S", absent, absent, absent, actions={"message": DeliveryClass.C})}


def playbook(assign: str = "csm", to: str = "csm", rung: str = "csm_manager") -> Playbook:
    words, faults = read_messages(WORDS, "messages.yaml", CATALOG)
    assert not faults
    return load_playbook(TEXT.format(assign=assign, to=to, rung=rung), "it.yaml", CATALOG, words)


def made(part: str, position: int, name: str = "Acme", book: Playbook | None = None, **routing: Any) -> OutboxRow | str:
    book = book or playbook()
    row = {
        "account_id": "acct_1", "account.name": name, "account.arr": 60000.0, "health.score": 42.0,
        "renewal.days_left": None, "support.open_urgent": 2, "as_of.health": NOW - timedelta(hours=5)}
    entered = advance(Look(book, "acct_1", Verdicts({"when": True, "until": False}), NOW, Calendar()), None, None)
    assert entered.enrollment is not None
    said = settings(**routing)
    desk = Desk(said, connectors(), CATALOG, people("ana", said=said), {"acct_1": {"crm": "001A"}}, NOW,
                calendars(said, NOW))
    cause = Cause(book, entered.enrollment, row, clauses_of(book.when, row, CATALOG, NOW))
    key = f"it/acct_1/1/{part}.{position}/1"
    found = actions_of(desk, cause, Planned(part, f"{part}[{position}]", key))  # type: ignore[arg-type]  # the test's own words
    if isinstance(found, str):
        return found
    [decided] = found
    return decided.row


def test_a_cta_goes_where_the_account_is_known() -> None:
    """Due in the company's business days, for its CSM, with the reason in it."""
    row = made("do", 0)

    assert isinstance(row, OutboxRow)
    assert isinstance(row.action, OpenCta)
    assert (row.connection, row.connector, row.delivery_class) == ("crm", "salesforce", DeliveryClass.A)
    assert row.action.due_on == date(2026, 11, 11)
    assert (row.action.subject, row.action.assignee_email, row.action.priority) == (
        "Health drop: Acme", "ana@us.test", "high")
    assert "- health.score < 60 (42)" in row.action.body
    assert "Call Acme." in row.action.body


def test_a_card_says_what_why_and_how_old() -> None:
    """Facts unknown are said to be; a line that would say nothing is left out."""
    row = made("do", 1)

    assert isinstance(row, OutboxRow)
    assert isinstance(row.action, Message)
    card = row.action.card
    assert (card.title, card.tone, card.next_step) == ("Acme is at 42", "risk", "Call Acme.")
    assert [(field.label, field.value) for field in card.fields] == [("ARR", "60,000 USD"), ("Renewal", "not known")]
    assert card.changes == ("Tickets: 2",)
    assert card.context == (f"it@{playbook().version} · health.score < 60 (42)", "Data: health 5h old")
    assert [button.answer for button in card.buttons] == ["acknowledge"]
    assert row.action.enrollment_id == "it/acct_1/1"


def test_an_escalation_says_that_nobody_answered() -> None:
    """Sent again where nobody can tell: better two than none."""
    row = made("escalate", 0)

    assert isinstance(row, OutboxRow)
    assert isinstance(row.action, Message)
    assert (row.on_unknown, row.action.to.email) == ("resend", "dee@us.test")
    assert row.action.card.title == "Escalation: Acme is at 42"
    assert row.action.card.context[-1] == "You get this because nobody has acknowledged it for 2bd."


@pytest.mark.parametrize("name", ["<!channel>", "=HYPERLINK(1)", "{{ account.arr }}", "A\nB\u202e", "x" * 5000])
def test_a_hostile_name_is_plain_text(name: str) -> None:
    """It is neither read as a template nor can it flood; escaping is the sink's part."""
    for row in (made("do", 0, name), made("do", 1, name)):
        assert isinstance(row, OutboxRow)
        shown = row.action.subject if isinstance(row.action, OpenCta) else row.action.card.title  # type: ignore[union-attr]  # one of the two
        assert len(shown) <= 300
        assert "\n" not in shown
        assert "60,000" not in shown


@pytest.mark.parametrize(("position", "routing", "words"), [
    (0, {"cta": ("hubspot",)}, "no connection that opens CTAs knows the account"),
    (1, {"message": "teams"}, "no connection sends messages"),
])
def test_what_cannot_be_performed_is_said_with_the_remedy(position: int, routing: dict[str, Any], words: str) -> None:
    """Visible on the enrollment, with the setting to change."""
    found = made("do", position, **routing)

    assert isinstance(found, str)
    assert words in found
    assert "Set routing." in found


# ---- people ----

@pytest.mark.parametrize(("away", "wanted", "expected"), [
    ("ana@us.test", ["csm", "csm_manager"], "dee@us.test"), ("vp@us.test", ["role:vp_cs"], None),
    ("other@us.test", ["csm"], "ana@us.test")])
def test_who_is_out_of_office_is_passed_over(away: str, wanted: list[str], expected: str | None) -> None:
    """A risk that waits in the mailbox of somebody on a beach is lost."""
    said = settings(channel="")
    company = Company.model_validate({
        **said.company.model_dump(), "out_of_office": {away.upper(): {"from": NOW.date(), "to": NOW.date()}}})
    said = said.model_copy(update={"company": company})
    row = {"connection": "crm", "csm_external_id": "ana", "account_manager_external_id": None}
    found = People(PEOPLE, {"acct_1": [row]}, said, NOW.date()).first(Whom("acct_1"), wanted)

    assert (found.email if found else None) == expected


def test_a_queue_gives_to_whom_has_least_and_stays_with_them() -> None:
    """Work is shared out evenly; one customer is not passed around."""
    said = settings().model_copy(update={"company": Company(queues={"risk": ("ana@us.test", "dee@us.test", "g@us.test")})})
    us = People(PEOPLE, {}, said, busy=lambda: {"ana@us.test": 2})
    first, chosen = Whom("acct_1"), [us.first(Whom(f"acct_{at}"), ["queue:risk"]) for at in range(2, 5)]

    assert [each.email for each in chosen if each] == ["dee@us.test", "dee@us.test", "ana@us.test"]
    one, two = us.first(first, ["queue:risk"]), us.first(first, ["queue:risk"])
    assert one == two
    assert first.chosen == {"queue:risk": one.email if one else ""}


# ---- the other kinds of step ----

MORE = """\
id: it
title: Health drop
why: A call in time saves most.
when: health.score < 60
until: health.score >= 70
do:
  - touchpoint: {type: call}
  - update: {field: CS_Risk__c, value: "{{ health.score }}"}
  - opportunity: {type: expansion, amount: account.arr, closes: 30d}
  - success_plan: {template: rescue}
  - webhook: {via: hook, facts: [health.score, renewal.days_left]}
  - email_draft: {to: champion}
"""
KINDS = ("log_touchpoint", "update_record", "open_opportunity", "start_success_plan", "call_webhook", "draft_email")


def more(position: int, able: bool) -> Any:
    def absent(*_: object) -> Any:
        raise AssertionError("deciding connects to nothing")

    book = load_playbook(MORE, "it.yaml", CATALOG)
    row = {"account_id": "acct_1", "account.name": "Acme", "account.arr": 60000.0, "health.score": 42.0,
           "renewal.days_left": None, "as_of.health": NOW}
    entered = advance(Look(book, "acct_1", Verdicts({"when": True, "until": False}), NOW, Calendar()), None, None)
    assert entered.enrollment is not None
    actions = dict.fromkeys(KINDS, DeliveryClass.B) if able else {}
    ours = {name: Connector(name, name, absent, absent, absent, actions=actions) for name in ("crm", "hook")}
    at = Desk(settings(), ours, CATALOG, people("ana"), {"acct_1": {"crm": "001A"}}, NOW, calendars(settings(), NOW),
              lambda _: {"champion": ("cy@acme.test", "Cy")})
    cause = Cause(book, entered.enrollment, row, clauses_of(book.when, row, CATALOG, NOW))
    return actions_of(at, cause, Planned("do", f"do[{position}]", f"it/acct_1/1/do.{position}/1"))  # type: ignore[arg-type]  # a plain text


@pytest.mark.parametrize(("position", "said"), [
    (0, {"account_external_id": "001A", "type": "call", "subject": "Health drop: Acme", "owner_email": "ana@us.test"}),
    (1, {"noun": "account", "external_id": "001A", "field": "CS_Risk__c", "value": "42"}),
    (2, {"type": "expansion", "amount": 60000, "currency": "USD", "closes_on": date(2026, 12, 6)}),
    (3, {"template": "rescue", "title": "Health drop: Acme", "starts_on": date(2026, 11, 6)}),
    (4, {"account_name": "Acme", "playbook_id": "it", "reasons": ("health.score < 60 (42)",)}),
    (5, {"owner_email": "ana@us.test", "to_email": "cy@acme.test", "account_external_id": "001A"}),
])
def test_every_kind_of_step_says_what_its_target_needs(position: int, said: dict[str, Any]) -> None:
    """The connector only has to do it; it asks nothing more."""
    [decided] = more(position, able=True)

    assert decided.row.action.kind == KINDS[position]
    assert {name: getattr(decided.row.action, name) for name in said} == said


@pytest.mark.parametrize("position", range(6))
def test_what_no_connection_can_do_is_said(position: int) -> None:
    """It stands on the enrollment until somebody adds the connection."""
    assert isinstance(more(position, able=False), str)
