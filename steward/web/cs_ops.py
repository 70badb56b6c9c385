"""The API `/api/v1/cs-ops/{health,retention,expansion,onboarding,success}/{customer_id}`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from steward import views
from steward.model.errors import ConfigError
from steward.topics import TOPICS, Topic
from steward.web.auth import Caller
from steward.web.problems import NotFoundError, documented
from steward.wiring import Hub

_PROBLEMS = documented(
    s401="No token, or not one of ours.", s404="There is no such customer.", s422="The request does not fit.",
    s503="Something that we need is down; try again.",
)
router = APIRouter(prefix="/api/v1/cs-ops", tags=["cs-ops"], responses=_PROBLEMS)

CustomerId = Annotated[str, Path(
    min_length=1, max_length=255, description="Our account id, an id in a connected system, a domain or a name.",
)]


class FactAnswer(BaseModel):
    """One fact. `value` is null where it is not known, and `unknown_because` says why: null is never zero."""

    value: str | float | int | bool | None
    text: str
    as_of: datetime | None
    unknown_because: str


class PlaybookAnswer(BaseModel):
    """Where the customer stands in one playbook, and the conditions that decide it. `trigger` is what must happen
    besides; "" where the conditions alone let it in. One of contacts or opportunities has an answer for each."""

    id: str
    version: str
    state: str
    verdict: str
    trigger: str
    conditions: tuple[str, ...]
    gates: str
    next: str


class ActionAnswer(BaseModel):
    """One action; `delivery_class` A and B happen once, C is labelled `unknown` where nobody can tell."""

    key: str
    about: str
    to: str
    connection: str
    delivery_class: str
    state: str
    due_at: datetime
    url: str | None


class PartAnswer(BaseModel):
    """One measure of the health score; the points of all add up to the score."""

    measure: str
    fact: str
    points: float | None
    weight: float


class Answer(BaseModel):
    """What is known about one customer on one topic."""

    customer_id: str
    account_id: str
    name: str
    topic: str
    known_at: datetime
    facts: dict[str, FactAnswer]
    playbooks: list[PlaybookAnswer]
    actions: list[ActionAnswer]


class HealthAnswer(Answer):
    """Health, with the score taken apart."""

    score: float | None
    parts: list[PartAnswer]


class Look(BaseModel):
    """How to look at the customer."""

    model_config = ConfigDict(extra="forbid")

    perform: bool = Field(default=False, description="Also enrol and queue what the playbooks decide; else only say.")


_ONLY_SAY = Look()


@router.get("/health/{customer_id}")
def health(customer_id: CustomerId, request: Request, by: Caller) -> HealthAnswer:
    """The health score, what it is made of, and the facts behind it."""
    hub: Hub = request.app.state.hub
    view = _account(hub, customer_id)
    score = view.fact("health.score")
    return HealthAnswer(
        **_answer(hub, view, customer_id, TOPICS["health"]), score=score if isinstance(score, float) else None,
        parts=[PartAnswer(measure=each.measure, fact=each.fact, points=each.points, weight=each.weight)
               for each in view.contributions],
    )


@router.post("/retention/{customer_id}")
def retention(
    customer_id: CustomerId, request: Request, by: Caller, look: Annotated[Look, Body()] = _ONLY_SAY,
) -> Answer:
    """Look at the customer anew for what puts the renewal at risk. With `perform` the playbooks that fire act."""
    return _look(request, customer_id, TOPICS["retention"], perform=look.perform)


@router.get("/expansion/{customer_id}")
def expansion(customer_id: CustomerId, request: Request, by: Caller) -> Answer:
    """Signals that the customer could grow, and what is under way."""
    hub: Hub = request.app.state.hub
    return Answer(**_answer(hub, _account(hub, customer_id), customer_id, TOPICS["expansion"]))


@router.post("/onboarding/{customer_id}")
def onboarding(
    customer_id: CustomerId, request: Request, by: Caller, look: Annotated[Look, Body()] = _ONLY_SAY,
) -> Answer:
    """Look at the customer anew for how onboarding goes. With `perform` the playbooks that fire act."""
    return _look(request, customer_id, TOPICS["onboarding"], perform=look.perform)


@router.get("/success/{customer_id}")
def success(customer_id: CustomerId, request: Request, by: Caller) -> Answer:
    """What the customer has reached with us, and everything that is open."""
    hub: Hub = request.app.state.hub
    return Answer(**_answer(hub, _account(hub, customer_id), customer_id, TOPICS["success"]))


def _look(request: Request, customer_id: str, topic: Topic, *, perform: bool) -> Answer:
    hub: Hub = request.app.state.hub
    account_id = _account(hub, customer_id).id
    hub.derive([account_id])
    if perform and hub.playbooks:
        hub.evaluate([account_id])
        request.app.state.worker.deliver_soon()
    return Answer(**_answer(hub, _account(hub, account_id), customer_id, topic))


def _account(hub: Hub, customer_id: str) -> views.AccountView:
    try:
        return views.account(hub.db, hub.catalog, hub.scorecard, customer_id, hub.clock())
    except ConfigError as error:
        raise NotFoundError(str(error)) from None


def _answer(hub: Hub, view: views.AccountView, customer_id: str, topic: Topic) -> dict[str, Any]:
    playbooks = topic.of(hub.playbooks)
    named = {each.id for each in playbooks}
    explained = views.explain_all(
        hub.db, playbooks, hub.catalog, hub.settings, view.id, hub.clock(), connectors=hub.connectors)
    return {
        "customer_id": customer_id, "account_id": view.id, "name": view.name, "topic": topic.name,
        "known_at": view.known_at,
        "facts": {
            each.name: FactAnswer(value=None if each.why else _plain(each.value), text=each.text, as_of=each.as_of,
                                  unknown_because=each.why)
            for each in view.facts if topic.has_fact(each.name)
        },
        "playbooks": [
            PlaybookAnswer(id=each.playbook_id, version=each.version, state=each.state, verdict=each.verdict.value,
                           trigger=each.trigger, conditions=each.shown, gates=each.gates, next=each.next)
            for each in explained
        ],
        "actions": [
            ActionAnswer(key=each.key, about=each.about, to=each.to, connection=each.connection,
                         delivery_class=each.delivery_class, state=each.state, due_at=each.due_at, url=each.url)
            for each in view.actions if each.playbook_id in named
        ],
    }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | float | int | bool) else str(value)
