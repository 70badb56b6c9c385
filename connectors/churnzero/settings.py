"""What the operator sets for ChurnZero: where the instance is, two keys, and what its fields are called."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from steward.model.records import FIELDS, Noun


def _address(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#]+", url.rstrip("/")):
        raise ValueError("write it as https://acme.us1app.churnzero.net, without a path")
    return url.rstrip("/")


def _nouns(fields: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    from connectors.churnzero.entities import ENTITIES

    for stream, named in fields.items():
        if stream not in ENTITIES:
            raise ValueError(f'there is no stream "{stream}"; there are {", ".join(ENTITIES)}')
        noun = ENTITIES[stream].noun
        for name in named:
            if name not in FIELDS[noun] and not name.startswith("custom.") and not (
                    noun is Noun.ACCOUNT and name.startswith("id_in.")):
                raise ValueError(f'a {noun} has no field "{name}"; name your own custom.<name>')
    return fields


class RestSettings(BaseModel):
    """The REST API (a paid add-on of ChurnZero): read only, by an address and a key of one user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: str
    api_key: SecretStr


class ChurnZeroSettings(BaseModel):
    """`rest` reads, `app_key` writes; either may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_address)] = Field(description="https://<instance>.us1app.churnzero.net")
    rest: RestSettings | None = None
    app_key: SecretStr | None = Field(None, description="Admin, Application Keys: for attributes and events")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="Of TotalContractAmount; ChurnZero names none")
    external_ids_of: str = Field(
        "salesforce", description='Whose account ids ChurnZero\'s ExternalId holds; "" where it is nobody\'s')
    fields: Annotated[dict[str, dict[str, str]], AfterValidator(_nouns)] = Field(
        default_factory=dict, description='By stream: our field -> theirs, such as accounts: {domain: Cf.Website}')
    modified: dict[str, str] = Field(
        default_factory=dict, description="By stream, the field that says when a row changed, where it is another")
    values: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="By our field, their value -> our word, as {lifecycle: {Live: customer}}")
    overlap_s: int = Field(600, ge=0, le=86_400, description="How far each pull reaches back before the last")
    cta_event: str = Field("Steward CTA", description="The event that a Play of yours turns into a task")
    touchpoint_event: str = Field("Steward touchpoint", description="The event that notes a touchpoint")
