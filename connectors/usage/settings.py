"""What the operator sets for usage: where drops lie, how their columns are called, and who may post events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Metric = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Columns(BaseModel):
    """How the drops call what every drop has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str = "account_external_id"
    day: str = "day"


class UsageSettings(BaseModel):
    """`url` or `folder` for drops; for events `signing_secret` (Segment's webhooks) or `write_key` (its SDKs)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = ""
    token: SecretStr = SecretStr("")
    folder: Path | None = None
    columns: Columns = Columns()
    metrics: dict[Metric, str] = Field(default_factory=dict)
    most_bytes: int = Field(256 * 1024 * 1024, gt=0)
    signing_secret: SecretStr | None = None
    write_key: SecretStr | None = Field(None, min_length=16)  # of Segment's own SDKs, pointed at us
    batches: bool = False                    # trust events of a batch that Segment does not sign: all but the first
    events: dict[str, Metric] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.url and self.folder:
            raise ValueError("set url or folder, not both")
        if not (self.url or self.folder or self.signing_secret or self.write_key):
            raise ValueError("set url or folder for drops, or signing_secret or write_key for events")
        return self
