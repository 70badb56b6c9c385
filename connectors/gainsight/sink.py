"""The work that playbooks ask for: CTAs, Timeline activities, success plans, and fields of companies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from connectors.gainsight import answers
from connectors.gainsight.client import Client, Condition
from connectors.gainsight.mapping import MARKER, key_in
from connectors.gainsight.people import People
from connectors.gainsight.settings import GainsightSettings
from connectors.gainsight.updates import Updates
from steward.contracts import Tools
from steward.kit.reading import text
from steward.kit.untrusted import plain
from steward.model.actions import (
    Action,
    IdempotencyKey,
    LogTouchpoint,
    OpenCta,
    Receipt,
    StartSuccessPlan,
    UpdateRecord,
)
from steward.model.errors import RecordRejected, StewardError

CTA_TYPES: Mapping[str, str] = {
    "risk": "Risk", "onboarding": "Lifecycle", "expansion": "Opportunity", "handoff": "Lifecycle",
    "lifecycle": "Lifecycle",
}
TOUCHPOINT_TYPES: Mapping[str, str] = {"call": "Call", "meeting": "Meeting", "email": "Email", "qbr": "Meeting"}
PRIORITIES: Mapping[str, str] = {"low": "Low", "normal": "Medium", "high": "High"}
CTAS, PLANS, ACTIVITIES = "/v2/cockpit/cta", "/v2/successPlan", "/v1/ant/es/activity"
REASON, PLAN_TYPE = "Other", "Customer Goals"
_PLAN_TEXT = "ActionPlan"
_MOST_NAME, _MOST_TEXT = 200, 30_000
_AUTHOR = {"AuthorId": {"fields": {"Author": "Email"}, "lookupField": "Gsid", "objectName": "GsUser",
                        "multiMatchOption": "FIRSTMATCH", "onNoMatch": "ERROR"}}


class GainsightSink:
    """Writes to one tenant.

    CTAs and success plans are class B: Gainsight takes no key for them, so ours is kept in a field or in their text and
    looked for before anything is repeated. Activities are class A by their ExternalId, updates by what they say.
    """

    def __init__(self, client: Client, settings: GainsightSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools
        self._people = People(client, settings)
        self._updates = Updates(client, tools)

    @property
    def batches(self) -> Mapping[str, int]:
        return {"update_record": Updates.AT_ONCE}

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Do it; for a CTA and a plan the caller has looked first.

        Raises:
            RecordRejected: Gainsight has no such company, template or user, or refused a value.
            OutcomeUnknown: the line broke after sending; look before it is sent again.
        """
        if isinstance(action, OpenCta):
            return self._open(action, key)
        if isinstance(action, LogTouchpoint):
            return self._log(action, key)
        if isinstance(action, StartSuccessPlan):
            return self._start(action, key)
        if isinstance(action, UpdateRecord):
            return self._only(self._updates.deliver([action]))
        raise RecordRejected(
            f'gainsight cannot do "{action.kind}"; it can do open_cta, log_touchpoint, update_record and '
            "start_success_plan", "kind")

    def deliver_many(self, actions: Sequence[tuple[Action, IdempotencyKey]]) -> Sequence[Receipt | StewardError]:
        """Updates of several companies in one call."""
        updates = [action for action, _ in actions if isinstance(action, UpdateRecord)]
        assert len(updates) == len(actions), "`batches` names nothing else"
        return self._updates.deliver(updates)

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """The receipt of what `key` made before; of an update, whether the field holds the value."""
        if isinstance(action, OpenCta):
            return self._found(self._cta(action.account_external_id, key))
        if isinstance(action, StartSuccessPlan):
            return self._found(self._plan(action.account_external_id, key))
        if isinstance(action, LogTouchpoint):
            return self._found(self._activity(key))
        if isinstance(action, UpdateRecord):
            return self._found(self._updates.find(action))
        return None

    # ---- CTAs ----

    def _open(self, cta: OpenCta, key: IdempotencyKey) -> Receipt:
        company = self._people.company(cta.account_external_id)
        settings, field = self._settings, self._settings.cta_key_field
        record = {
            "referenceId": "1", "CompanyId": cta.account_external_id, "Name": _line(cta.subject),
            "OwnerId": self._people.owner(cta.assignee_email, company),
            "type": settings.cta_types.get(cta.type) or CTA_TYPES.get(cta.type, cta.type),
            "reason": settings.cta_reasons.get(cta.type) or REASON, "status": settings.cta_status,
            "priority": PRIORITIES[cta.priority], "DueDate": cta.due_on.isoformat(),
            "Comments": _text(cta.body) if field else _marked(cta.body, key), **({field: key} if field else {}),
        }
        answer = self._client.post(CTAS, {"requests": [{"record": record}]}, "open a CTA")
        return self._receipt(answers.made(answer, "1", "open a CTA"))

    def _cta(self, company: str, key: IdempotencyKey) -> str | None:
        return self._keyed(f"{CTAS}/list", self._settings.cta_key_field, "Comments", company, key)

    # ---- success plans ----

    def _start(self, plan: StartSuccessPlan, key: IdempotencyKey) -> Receipt:
        company = self._people.company(plan.account_external_id)
        settings, field = self._settings, self._settings.plan_key_field
        due_on = plan.starts_on + timedelta(days=settings.plan_days)
        record = {
            "referenceId": "1", "CompanyId": plan.account_external_id, "Name": _line(plan.title),
            "OwnerId": self._people.owner(plan.owner_email, company),
            "SuccessPlanType": settings.plan_types.get(plan.template) or settings.plan_types.get("*") or PLAN_TYPE,
            "status": settings.plan_status, "DueDate": due_on.isoformat(), "Templates": [plan.template],
            _PLAN_TEXT: _text(plan.body) if field else _marked(plan.body, key), **({field: key} if field else {}),
        }
        answer = self._client.post(PLANS, {"requests": [{"record": record}]}, "start a success plan")
        return self._receipt(answers.made(answer, "1", "start a success plan"))

    def _plan(self, company: str, key: IdempotencyKey) -> str | None:
        return self._keyed(f"{PLANS}/list", self._settings.plan_key_field, _PLAN_TEXT, company, key)

    def _keyed(self, path: str, field: str, in_text: str, company: str, key: IdempotencyKey) -> str | None:
        """The Gsid of the row with `key`: by the field that holds it, else by the text of every row of the company."""
        if field:
            conditions: list[Condition] = [(field, "EQ", [key])]
            rows = self._client.cockpit(path, ("Gsid", field), conditions)
            found = [row for row in rows if text(row.get(field)) == key]
        else:
            rows = self._client.cockpit(path, ("Gsid", in_text), [("CompanyId", "EQ", [company])])
            found = [row for row in rows if key_in(row.get(in_text)) == key]
        return min((text(row.get("Gsid")) for row in found if row.get("Gsid")), default=None)

    # ---- Timeline ----

    def _log(self, touchpoint: LogTouchpoint, key: IdempotencyKey) -> Receipt:
        """Gainsight keeps one activity for each ExternalId, and refuses a second: then the first one is the proof."""
        self._people.company(touchpoint.account_external_id)
        kinds = self._settings.touchpoint_types
        record = {
            "ExternalId": key, "ContextName": "Company", "GsCompanyId": touchpoint.account_external_id,
            "TypeName": kinds.get(touchpoint.type) or TOUCHPOINT_TYPES.get(touchpoint.type, touchpoint.type),
            "Author": self._people.author(touchpoint.owner_email), "Subject": _line(touchpoint.subject),
            "Notes": _text(touchpoint.body) or _line(touchpoint.subject),
            "ActivityDate": _moment(touchpoint.happened_at),
        }
        what = "log an activity"
        answer = self._client.post(ACTIVITIES, {"records": [record], "lookups": _AUTHOR}, what)
        refusal = answers.activity_refused(answer, key, what)
        if refusal is None:
            return self._receipt(key)
        if self._activity(key):
            return self._receipt(key)
        raise refusal

    def _activity(self, key: IdempotencyKey) -> str | None:
        """The ExternalId, by which Gainsight knows the activity too, where there is one."""
        rows = self._client.rows(
            "activity_timeline", ("Gsid", "ExternalId"), [("ExternalId", "EQ", [key])], {"LastModifiedDate": "asc"}, 1)
        return key if rows else None

    # ---- receipts ----

    def _receipt(self, external_id: str, *, found: bool = False) -> Receipt:
        return Receipt(external_id=external_id, delivered_at=self._tools.now(), found=found)

    def _found(self, external_id: str | None) -> Receipt | None:
        return self._receipt(external_id, found=True) if external_id else None

    @staticmethod
    def _only(said: Sequence[Receipt | StewardError]) -> Receipt:
        if isinstance(said[0], StewardError):
            raise said[0]
        return said[0]


def _line(told: str) -> str:
    return " ".join(plain(told).split())[:_MOST_NAME]


def _text(told: str) -> str:
    """Rich text to Gainsight, which asks callers to send no tags; ours is plain and may hold a customer's name."""
    safe = plain(told)[:_MOST_TEXT // 6].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe.replace("\n", "<br>")


def _marked(told: str, key: IdempotencyKey) -> str:
    """The text with the key at its end; a line of its own that looks like one is broken, as it may be a customer's."""
    return f"{_text(told.replace(MARKER, 'Steward-key '))}<br>{MARKER}{key}"


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


