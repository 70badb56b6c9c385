"""What an automation may answer about an enrollment: that somebody has it in hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from steward import operate
from steward.model.errors import StewardError, TryAgain
from steward.web.auth import Caller
from steward.web.problems import NotFoundError, documented
from steward.wiring import Hub

router = APIRouter(prefix="/api/v1/enrollments", tags=["enrollments"], responses=documented(
    s401="No token, or not one of ours.", s404="There is no such enrollment.", s422="The request does not fit.",
    s503="Something that we need is down; try again.",
))


_PLAIN = "^[^\\x00-\\x1f\\x7f]*$"                   # no line is broken by it, and every database can hold it


class InHand(BaseModel):
    """Who has it in hand."""

    model_config = ConfigDict(extra="forbid")

    enrollment_id: str = Field(min_length=1, max_length=160, pattern=_PLAIN)
    by: Annotated[str, Field(max_length=255, pattern=_PLAIN)] = ""


class AcknowledgedAnswer(BaseModel):
    """Who has it in hand since when; `changed` is false where somebody had it before, or it was closed."""

    enrollment_id: str
    changed: bool
    acknowledged_by: str | None
    acknowledged_at: datetime | None


@router.post("/acknowledge")
def acknowledge(said: InHand, request: Request, by: Caller) -> AcknowledgedAnswer:
    """Say that somebody has it in hand: the escalation stops, and the messages that went out show it."""
    hub: Hub = request.app.state.hub
    try:
        done = operate.acknowledge(hub.db, said.enrollment_id, said.by or by, hub.clock(), hub.connectors)
    except TryAgain:
        raise
    except StewardError as error:
        raise NotFoundError(str(error)) from None
    request.app.state.worker.deliver_soon()
    found = done.enrollment
    return AcknowledgedAnswer(enrollment_id=found.id, changed=done.changed, acknowledged_by=found.acknowledged_by,
                              acknowledged_at=found.acknowledged_at)
