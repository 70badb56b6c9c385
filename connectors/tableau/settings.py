"""What the operator sets for Tableau."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _server(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", text):
        raise ValueError("write the address of the server with https://, as https://10ax.online.tableau.com")
    return text.rstrip("/")


def _version(text: str) -> str:
    found = re.fullmatch(r"3\.(\d{1,2})", text)
    if not found or int(found[1]) < 13:
        raise ValueError("data can be updated since version 3.13 of the REST API; write it as 3.21")
    return text


class TableauSettings(BaseModel):
    """A personal access token of somebody who may publish into one project."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: Annotated[str, AfterValidator(_server)] = Field(description="Of the server, or of the pod in Cloud")
    site: str = Field("", description="Content URL of the site: after /site/ in its address; empty is the default site")
    token_name: str = Field(description="Name of the personal access token")
    token_secret: SecretStr = Field(description="Its secret")
    project: str = Field("default", description="Where the data sources are published")
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.-]{0,60}$")] = Field(
        "Steward ", description="What the names of the data sources begin with")
    api_version: Annotated[str, AfterValidator(_version)] = Field("3.21", description="Of the REST API; 3.13 or later")
    chunk_mb: Annotated[int, Field(ge=1, le=64)] = Field(8, description="Size of the pieces that files go up in")
    job_patience_s: Annotated[int, Field(ge=1, le=3_000)] = Field(
        900, description="How long a job is waited for before it is looked at again later")
