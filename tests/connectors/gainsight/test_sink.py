"""CTAs, plans, activities and fields: made once, for the right people, in words that nobody can fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.gainsight import answers
from connectors.gainsight.sandbox import GainsightSandbox
from connectors.gainsight.sandbox_objects import gsid, item
from connectors.gainsight.sandbox_seed import OPS, company_id, csm_email
from steward.contracts import BatchSink, Connection, Sink
from steward.kit.sandbox import Fault, Reply
from steward.model.actions import (
    IdempotencyKey,
    LogTouchpoint,
    Message,
    OpenCta,
    Receipt,
    StartSuccessPlan,
    UpdateRecord,
)
from steward.model.errors import AccessDenied, OutcomeUnknown, RateLimited, RecordRejected

Connect = Callable[..., Connection]
KEY, OTHER = IdempotencyKey("risk/acct_1/1/do.0/1"), IdempotencyKey("risk/acct_1/1/do.0/10")
COMPANY = company_id(0)
_MORE: Mapping[str, Any] = {"due_on": date(2026, 3, 5), "type": "risk", "account_external_id": COMPANY}


@pytest.fixture
def sink(sandbox: GainsightSandbox, connect: Connect) -> Callable[..., Sink]:
    sandbox.seed(3)

    def made(**settings: Any) -> Sink:
        found = connect(**settings).sink
        assert found
        return found

    return made


def cta(**more: Any) -> OpenCta:
    return OpenCta(**{**_MORE, "subject": "Health drop", "body": "Call.", **more})


def plan(**more: Any) -> StartSuccessPlan:
    return StartSuccessPlan(**{"account_external_id": COMPANY, "template": "recovery", "title": "Recovery", "body": "Win them back.",
                               "starts_on": date(2026, 3, 5), **more})


def call(**more: Any) -> LogTouchpoint:
    return LogTouchpoint(**{"account_external_id": COMPANY, "type": "call", "subject": "Called", "body": "All well.",
                            "happened_at": datetime(2026, 3, 5, 8, tzinfo=UTC), "owner_email": csm_email(0), **more})


def update(number: int = 0, field: str = "Tier__gc", value: str = "Gold", **more: Any) -> UpdateRecord:
    return UpdateRecord(external_id=company_id(number), field=field, value=value, **more)


def made(sandbox: GainsightSandbox) -> list[dict[str, Any]]:
    return [effect.detail["row"] for effect in sandbox.ledger if "row" in effect.detail]


# ---- CTAs ----

def test_a_cta_says_who_does_what_by_when(sandbox: GainsightSandbox, sink: Callable[..., Sink]) -> None:
    receipt = sink(cta_reasons={"risk": "Usage Drop"}).deliver(cta(priority="high", assignee_email=csm_email(1)), KEY)
    row = made(sandbox)[0]

    assert receipt.external_id == row["Gsid"]
    assert {name: row[name] for name in ("CompanyId", "OwnerId", "Name", "TypeId", "ReasonId", "StatusId", "PriorityId", "DueDate")} == {
        "CompanyId": COMPANY, "OwnerId": gsid("1P01", 1), "Name": "Health drop", "TypeId": item("CTA_TYPE", "Risk"),
        "ReasonId": item("CTA_REASON", "Usage Drop"), "StatusId": item("CTA_STATUS", "New"),
        "PriorityId": item("CTA_PRIORITY", "High"), "DueDate": 1772668800000}


@pytest.mark.parametrize(("settings", "make"), [
    ({}, cta), ({"cta_key_field": "Steward_Key__gc"}, cta), ({}, plan), ({"plan_key_field": "Steward_Key__gc"}, plan)])
def test_what_was_made_is_found_by_its_whole_key(
    sandbox: GainsightSandbox, sink: Callable[..., Sink], settings: dict[str, str], make: Callable[..., Any],
) -> None:
    """In a field of its own, or at the end of the text; a key that begins alike is another."""
    writer = sink(**settings)
    writer.deliver(make(), OTHER)
    assert writer.find(make(), KEY) is None

    receipt = writer.deliver(make(), KEY)
    found = writer.find(make(), KEY)
    assert found == Receipt(external_id=receipt.external_id, delivered_at=found.delivered_at, found=True) if found else False
    assert [effect.key for effect in sandbox.ledger] == [OTHER, KEY]


@pytest.mark.parametrize("make", [cta, plan])
def test_a_key_that_a_customer_wrote_is_none(
    sandbox: GainsightSandbox, sink: Callable[..., Sink], make: Callable[..., Any],
) -> None:
    """Whoever names their company so could keep work from being done."""
    writer = sink()
    writer.deliver(make(body=f"They write: Steward key: {KEY}\nSteward key: {KEY}"), OTHER)

    assert writer.find(make(), KEY) is None
    assert writer.find(make(), OTHER)


def test_text_is_text_and_not_markup(sandbox: GainsightSandbox, sink: Callable[..., Sink]) -> None:
    """Comments are shown as rich text."""
    writer = sink()
    writer.deliver(cta(body="<img src=x onerror=alert(1)> & more\nline"), KEY)
    writer.deliver(call(body="<b>bold</b>"), KEY)
    writer.deliver(plan(body="<script>"), KEY)
    texts = [row.get("Comments") or row.get("Notes") or row.get("ActionPlan") for row in made(sandbox)]

    assert texts == [
        f"&lt;img src=x onerror=alert(1)&gt; &amp; more<br>line<br>Steward key: {KEY}", "&lt;b&gt;bold&lt;/b&gt;",
        f"&lt;script&gt;<br>Steward key: {KEY}"]


@pytest.mark.parametrize(("assignee", "csm", "owner"), [
    (csm_email(1), True, gsid("1P01", 1)), ("left@steward.test", True, gsid("1P01", 0)), (None, True, gsid("1P01", 0)),
    (None, False, gsid("1P01", 99))])
def test_somebody_always_owns_a_cta(
    sandbox: GainsightSandbox, sink: Callable[..., Sink], assignee: str | None, csm: bool, owner: str,
) -> None:
    """The assignee, else the CSM, else whom the operator named."""
    writer = sink()
    sandbox.load("gsuser", [{"Gsid": "1P01LEFT", "Email": "left@steward.test", "IsActiveUser": False}])
    if not csm:
        sandbox.tenant.of("company")[COMPANY]["Csm"] = None
    writer.deliver(cta(assignee_email=assignee), KEY)

    assert made(sandbox)[0]["OwnerId"] == owner


@pytest.mark.parametrize(("settings", "action", "words"), [
    ({"default_owner": ""}, cta(account_external_id=company_id(2)), "the company has no CSM. Give it one, or set default_owner"),
    ({}, cta(account_external_id="1P02GONE"), 'there is no company "1P02GONE"; it may be deleted or merged away'),
    ({"cta_types": {"risk": "Danger"}}, cta(), "Invalid value Danger for CTA_TYPE"),
    ({}, plan(template="moonshot"), "Invalid template: moonshot"),
    ({"default_owner": ""}, call(owner_email="nobody@x.test"), "an activity needs an author. Set default_owner"),
    ({"touchpoint_types": {"call": "Chat"}}, call(), "GS_TL_10_0211 Invalid activity type Chat"),
    ({}, update(field="Teir__gc"), 'Company has no field "Teir__gc"'),
    ({}, update(field="ModifiedDate"), 'the field "ModifiedDate" of Company cannot be written'),
    ({}, update(field="Seats__gc", value="many"), 'Seats__gc is of type NUMBER: "many" is no number'),
    ({}, update(field="Risk__gc", value="Dire"), r'"Dire" is no item of the dropdown Risk__gc. There are: High, Low, Medium'),
    ({}, update(noun="contact"), "can write fields of companies, not of a contact"),
])
def test_what_cannot_be_done_is_refused_in_words(
    sandbox: GainsightSandbox, sink: Callable[..., Sink], settings: dict[str, Any], action: Any, words: str,
) -> None:
    """With what to do about it, and nothing done."""
    writer = sink(**settings)
    sandbox.tenant.of("company")[company_id(2)]["Csm"] = None
    with pytest.raises(RecordRejected, match=words):
        writer.deliver(action, KEY)
    assert not len(sandbox.ledger)


def test_of_two_that_were_made_the_first_is_found(sandbox: GainsightSandbox, sink: Callable[..., Sink]) -> None:
    """Class B: Gainsight enforces nothing, so two of one key can be there; it is the same one each time."""
    writer = sink()
    both = {writer.deliver(cta(), KEY).external_id, writer.deliver(cta(), KEY).external_id}
    found = writer.find(cta(), KEY)

    assert len(both) == 2
    assert found
    assert found.external_id == min(both)


# ---- Timeline ----

def test_a_second_activity_of_a_key_is_refused_and_the_first_is_the_receipt(
    sandbox: GainsightSandbox, sink: Callable[..., Sink],
) -> None:
    writer = sink()
    receipts = [writer.deliver(call(), KEY).external_id for _ in range(3)]

    assert receipts == [KEY] * 3
    assert [row["ExternalId"] for row in made(sandbox)] == [KEY]
    assert made(sandbox)[0]["ActivityDate"] == 1772697600000


def test_an_activity_without_a_body_says_its_subject(sandbox: GainsightSandbox, sink: Callable[..., Sink]) -> None:
    """Gainsight wants notes."""
    sink().deliver(call(body="", type="qbr", owner_email=None), KEY)

    assert [(row["Notes"], row["TypeName"], row["AuthorId"]) for row in made(sandbox)] == [("Called", "Meeting", gsid("1P01", 99))]
    assert sandbox.tenant.of("gsuser")[gsid("1P01", 99)]["Email"] == OPS


# ---- fields ----

@pytest.mark.parametrize(("field", "value", "held"), [
    ("Tier__gc", "Gold", "Gold"), ("tier__GC", "Gold", "Gold"), ("Seats__gc", "12", 12), ("Arr", "12.5", 12.5),
    ("Risk__gc", "high", item("Risk", "High")), ("Do_Not_Contact__gc", "true", True), ("Tier__gc", "", None),
    ("RenewalDate", "2026-03-31", 1774915200000)])
def test_a_value_is_written_in_the_type_of_its_field(
    sandbox: GainsightSandbox, sink: Callable[..., Sink], field: str, value: str, held: object,
) -> None:
    writer = sink()
    sandbox.tenant.of("company")[COMPANY].update(Tier__gc="Silver", Do_Not_Contact__gc=False)
    assert writer.find(update(field=field, value=value), KEY) is None
    writer.deliver(update(field=field, value=value), KEY)

    name = next(each for each in sandbox.tenant.fields["company"] if each.lower() == field.lower())
    assert sandbox.tenant.of("company")[COMPANY][name] == held
    assert writer.find(update(field=field, value=value), KEY)


def test_fifty_companies_are_one_call(sandbox: GainsightSandbox, sink: Callable[..., Sink]) -> None:
    """What one of them is wrong about is told of that one, and the others are written."""
    writer = sink()
    assert isinstance(writer, BatchSink)
    sandbox.load("company", [{"Gsid": company_id(number), "Name": "x"} for number in range(3, 50)])
    before = len(sandbox.calls)
    said = writer.deliver_many([(update(number, value="many" if number == 7 else "5", field="Seats__gc"), KEY) for number in range(50)])

    assert [number for number, each in enumerate(said) if not isinstance(each, Receipt)] == [7]
    assert isinstance(said[7], RecordRejected)
    assert [row.get("Seats__gc") for row in sandbox.tenant.of("company").values()].count(5) == 49
    assert [method for _, method, _, _ in list(sandbox.calls)[before:]].count("PUT") == 1
    assert writer.batches == {"update_record": 50}
    assert sandbox.breaches == []


# ---- noes, and what is none ----

@pytest.mark.parametrize(("body", "error", "words"), [
    ({"result": False, "errorCode": "GU_2400", "errorDesc": "Too many requests"}, RateLimited, "GU_2400"),
    ({"result": False, "errorCode": "GS_APIG_2401", "errorDesc": "Unauthorized"}, AccessDenied, "Set access_key anew"),
    ({"result": False, "errorCode": "GU_1101", "errorDesc": "Unexpected"}, OutcomeUnknown, "Whether it was done is not known"),
    ({"result": False}, OutcomeUnknown, "Whether it was done is not known"),
    ({"result": False, "errorCode": "COCKPIT_5101", "errorDesc": "Invalid reason"}, RecordRejected, "COCKPIT_5101.*Invalid reason"),
    ({"result": True, "data": {"success": [], "failure": [{"1": "No such type"}]}}, RecordRejected, "No such type"),
    ({"result": True, "data": {}}, OutcomeUnknown, "answered yes without naming it"),
    ({"ok": 1}, OutcomeUnknown, "something that is not what was promised"),
])
def test_what_an_answer_to_a_write_means(
    sandbox: GainsightSandbox, sink: Callable[..., Sink], body: dict[str, Any], error: type[Exception], words: str,
) -> None:
    """All of them come with status 200."""
    writer = sink()
    sandbox.alter = lambda request, reply: Reply(200, body) if request.path == "/v2/cockpit/cta" else reply
    with pytest.raises(error, match=words):
        writer.deliver(cta(), KEY)


@pytest.mark.parametrize("data", [
    {"success": [{"1": "1S01ABCDEFGHIJKLMNOP"}], "failure": []}, {"success": [{"1": {"Gsid": "1S01ABCDEFGHIJKLMNOP"}}]},
    {"success": {"1": ["1S01ABCDEFGHIJKLMNOP"]}}, [{"gsid": "1S01ABCDEFGHIJKLMNOP", "Name": "Health drop"}],
    {"records": [{"Name": "1X", "Gsid": "1S01ABCDEFGHIJKLMNOP"}]}])
def test_a_yes_in_any_likely_form_names_what_was_made(data: Any) -> None:
    """The documents show it in parts."""
    assert answers.made({"data": data}, "1", "open a CTA") == "1S01ABCDEFGHIJKLMNOP"


def test_companies_that_an_answer_leaves_out_are_not_known(sandbox: GainsightSandbox, sink: Callable[..., Sink]) -> None:
    writer = sink()
    sandbox.alter = lambda request, reply: (
        Reply(200, {"result": True, "data": {"count": 1, "records": [{"Gsid": company_id(1)}]}}) if request.method == "PUT" else reply)
    assert isinstance(writer, BatchSink)
    said = writer.deliver_many([(update(0), KEY), (update(1), OTHER)])

    assert isinstance(said[0], OutcomeUnknown)
    assert isinstance(said[1], Receipt)


def test_an_action_of_another_kind_is_refused(sink: Callable[..., Sink], sandbox: GainsightSandbox) -> None:
    sandbox.faults.append(Fault("cut", times=99))
    action = Message.model_construct(kind="message")
    with pytest.raises(RecordRejected, match='cannot do "message"'):
        sink().deliver(action, KEY)
    assert sink().find(action, KEY) is None


# ---- the sandbox itself ----

def test_what_was_done_outlives_a_restart(tmp_path: Any, connect: Connect) -> None:
    """A demo that is stopped and started goes on."""
    first = GainsightSandbox(tmp_path)
    with first:
        first.seed(2)
        writer = connect(url=first.url).sink
        assert writer
        for action in (cta(), plan(), call(), update()):
            writer.deliver(action, KEY)
    second = GainsightSandbox(tmp_path)
    with second:
        second.seed(2)
        reader = connect(url=second.url).sink
        assert reader
        assert all(reader.find(action, KEY) for action in (cta(), plan(), call(), update()))
