"""REST hooks at `/api/v1/listeners`: an automation asks to be told what happens, and asks no more when it is off."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from steward import operate, views
from steward.model.errors import StewardError, TryAgain
from steward.web.auth import Caller
from steward.web.problems import NotFoundError, documented, unfit
from steward.wiring import Hub

_PROBLEMS = documented(
    s401="No token, or not one of ours.", s404="There is no such listener.", s422="The request does not fit.",
    s503="Something that we need is down; try again.",
)
router = APIRouter(prefix="/api/v1/listeners", tags=["listeners"], responses=_PROBLEMS)

Event = Literal["enrollment.entered", "enrollment.closed"]
Playbook = Annotated[str, Query(max_length=64, description="Only of this playbook.")]


class Wish(BaseModel):
    """What an automation asks for. Asked again for the same, it is the same listener."""

    model_config = ConfigDict(extra="forbid")

    target_url: str = Field(max_length=2000, description="Where to post each event as JSON.")
    event: Event
    playbook_id: str = Field("", max_length=64, description="Only of this playbook; empty: of every one.")
    connection: str = Field("", max_length=64, description="Through which connection; empty: Zapier's, else the first.")


class ListenerAnswer(BaseModel):
    """One listener; of its address only the host is told."""

    id: str
    connection: str
    event: str
    host: str
    playbook_id: str
    asked_by: str
    asked_at: datetime


@router.post("", status_code=201)
def listen(wish: Wish, request: Request, by: Caller) -> ListenerAnswer:
    """Begin to be told: every event from now on is posted to `target_url`, signed where the connection signs.

    An answer of 410 ends it, as `DELETE` does.
    """
    hub: Hub = request.app.state.hub
    try:
        made = operate.listen(hub.db, hub.connectors, wish.target_url, wish.event, by=by, now=hub.clock(),
                              playbook_id=wish.playbook_id, connection=wish.connection, may_tell=hub.may_tell)
    except TryAgain:
        raise
    except StewardError as error:
        raise unfit("wish", str(error)) from None
    return next(_answer(each) for each in views.listeners(hub.db) if each.id == made.id)


@router.delete("/{listener_id}", status_code=204)
def unlisten(listener_id: Annotated[str, Path(max_length=64)], request: Request, by: Caller) -> Response:
    """Be told nothing more; what waits is not sent. Asked again, nothing changes."""
    hub: Hub = request.app.state.hub
    try:
        operate.unlisten(hub.db, listener_id, by, hub.clock())
    except TryAgain:
        raise
    except StewardError as error:
        raise NotFoundError(str(error)) from None
    return Response(status_code=204)


@router.get("")
def listeners(request: Request, by: Caller) -> list[ListenerAnswer]:
    """Who listens."""
    hub: Hub = request.app.state.hub
    return [_answer(each) for each in views.listeners(hub.db)]


@router.get("/sample")
def sample(event: Event, request: Request, by: Caller, playbook_id: Playbook = "") -> list[dict[str, Any]]:
    """The newest events, the latest first, in just the shape that is posted; one is made up where none happened yet."""
    hub: Hub = request.app.state.hub
    return views.sample(hub.db, hub.settings, hub.playbooks, event, now=hub.clock(),
                        playbook_id=playbook_id)


def _answer(each: views.ListenerLine) -> ListenerAnswer:
    return ListenerAnswer(id=each.id, connection=each.connection, event=each.event, host=each.host,
                          playbook_id=each.playbook_id, asked_by=each.asked_by, asked_at=each.asked_at)
