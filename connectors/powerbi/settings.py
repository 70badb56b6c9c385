"""What the operator sets for Power BI."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _guid(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise ValueError("copy the id whole: it has 36 characters, as 1b2c3d4e-0000-4000-8000-123456789abc")
    return text.lower()


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+", text):
        raise ValueError("write the address with https:// and without a path")
    return text


Guid = Annotated[str, AfterValidator(_guid)]
Url = Annotated[str, AfterValidator(_url)]


class PowerBiSettings(BaseModel):
    """A service principal that is a member of one workspace."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: Guid = Field(description="Directory (tenant) ID of the app registration")
    client_id: Guid = Field(description="Application (client) ID")
    client_secret: SecretStr = Field(description="A client secret of it")
    workspace_id: Guid = Field(description="The workspace: the id after /groups/ in its address")
    dataset: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        "Steward", description="Name of the push dataset; it is made where there is none")
    refresh_dataset_id: Guid | None = Field(
        None, description="Of an import dataset that reads files or the schema reporting: the one to ask to refresh")
    enhanced: bool = Field(False, description="Ask for the enhanced refresh, which Premium, PPU and Fabric have")
    api_url: Url = Field("https://api.powerbi.com", description="Other clouds have others")
    login_url: Url = Field("https://login.microsoftonline.com", description="Other clouds have others")
    scope: str = Field("https://analysis.windows.net/powerbi/api/.default", description="Other clouds have others")
