"""`connector check`: whether the token signs in, the project is seen, and the data sources can be listed."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.tableau.settings import TableauSettings
from connectors.tableau.site import Tableau
from steward.contracts import Finding
from steward.model.errors import AccessDenied, StewardError


def check(settings: TableauSettings, tableau: Tableau) -> Sequence[Finding]:
    """Reads only."""
    try:
        site = tableau.signed_in()
    except AccessDenied as error:
        return [Finding("the token signs in", False, f"{error}\nA token that was not used for 15 days is revoked: make "
                        "a new one under My Account Settings, and see that `site` is right.")]
    except StewardError as error:
        return [Finding("the token signs in", False, str(error))]
    findings = [Finding("the token signs in", True)]
    try:
        project = site.project_id()
        findings.append(Finding(f'the project "{settings.project}" is there', True))
        site.source(f"{settings.prefix}fact_account_day", project)
    except StewardError as error:
        return [*findings, Finding("project and data sources can be read", False, f"{error}\nThe token's owner needs "
                                   "the role Creator or Explorer (can publish), and Publish in the project.")]
    return [*findings, Finding("the data sources can be listed", True)]
