"""What the operator may set for a Salesforce connection."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NAME = re.compile(r"!?[A-Za-z][A-Za-z0-9_]{0,79}")

FieldName = str
FieldNames = FieldName | tuple[FieldName, ...]


class Auth(BaseModel):
    """How Steward signs in: client credentials (`client_secret`) or JWT bearer (`username` and `private_key`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str
    client_secret: SecretStr = SecretStr("")
    username: str = ""
    private_key: SecretStr = SecretStr("")                 # PEM, RSA
    audience: str = "login"                                # of the JWT: "login", or "test" for a Salesforce sandbox org

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_secret, by_key = bool(self.client_secret.get_secret_value()), bool(self.private_key.get_secret_value())
        if by_secret == by_key:
            raise ValueError('give either "client_secret", or "username" and "private_key"')
        if by_key and not self.username:
            raise ValueError('"private_key" needs "username": the user that the JWT speaks for')
        if self.audience not in ("login", "test"):
            raise ValueError('"audience" is "login" or "test"')
        return self


class SalesforceSettings(BaseModel):
    """One org. README.md says what each setting does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instance_url: str                                      # https://acme.my.salesforce.com
    auth: Auth
    version: str = Field(default="v67.0", pattern=r"^v?\d{2,3}\.0$")
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    tables: dict[str, FieldName] = Field(default_factory=dict)
    fields: dict[str, dict[str, FieldNames]] = Field(default_factory=dict)
    custom_fields: dict[str, dict[str, FieldName]] = Field(default_factory=dict)
    id_fields: dict[str, FieldName] = Field(
        default_factory=lambda: {"hubspot": "HubSpot_Company_Id__c", "usage": "Product_Account_Id__c"},
    )
    values: dict[str, dict[str, dict[str, str]]] = Field(default_factory=dict)
    task_key_field: FieldName = "Steward_Key__c"           # of Activity: Task and Event
    opportunity_key_field: FieldName = "Steward_Key__c"
    opportunity_stage: str = "Prospecting"                 # of an opportunity that Steward opens
    opportunity_types: dict[str, str] = Field(
        default_factory=lambda: {"expansion": "Existing Customer - Upgrade", "renewal": "Renewal"},
    )
    touchpoints_as: Literal["Event", "Task"] = "Event"
    bulk_above: Annotated[int, Field(ge=0)] = 10_000       # a pull of more rows goes through Bulk API 2.0
    bulk_page_size: Annotated[int, Field(ge=200, le=250_000)] = 50_000
    reserve_calls: Annotated[float, Field(ge=0, le=0.95)] = 0.1  # share of the day's calls that is kept for people
    overlap_s: Annotated[int, Field(ge=0, le=86_400)] = 600
    page_size: Annotated[int, Field(ge=200, le=2000)] = 2000

    @field_validator("instance_url")
    @classmethod
    def _salesforce_or_loopback(cls, value: str) -> str:
        parts = urlsplit(value)
        host = parts.hostname or ""
        plain = not parts.username and not parts.password and parts.path in ("", "/") and not parts.query
        is_org = host.endswith(".salesforce.com") and host not in ("login.salesforce.com", "test.salesforce.com")
        if plain and parts.scheme == "https" and is_org and parts.port in (None, 443):
            return f"https://{host}"
        if plain and parts.scheme == "http" and host in LOOPBACK:
            return value.rstrip("/")
        raise ValueError('write the My Domain URL, "https://acme.my.salesforce.com" (http only to 127.0.0.1)')

    @field_validator("tables", "fields", "custom_fields", "id_fields", "task_key_field", "opportunity_key_field")
    @classmethod
    def _api_names(cls, value: object) -> object:
        # Names go into SOQL as they are, so nothing but a name may pass.
        for name in _names(value):
            if not _NAME.fullmatch(name):
                raise ValueError(f'"{name}" is no API name of a Salesforce object or field, such as "Segment__c"')
        return value

    @property
    def is_loopback(self) -> bool:
        """Whether this points at a sandbox on this machine, over plain HTTP."""
        return self.instance_url.startswith("http://")

    @property
    def login_domain(self) -> str:
        """The part of the host that simple-salesforce puts before ".salesforce.com"."""
        host = urlsplit(self.instance_url).hostname or ""
        return "sandbox.my" if self.is_loopback else host.removesuffix(".salesforce.com")


def _names(node: object) -> list[str]:
    if isinstance(node, dict):
        return [name for value in node.values() for name in _names(value)]
    if isinstance(node, tuple):
        return [name for value in node for name in _names(value)]
    return [str(node)]
