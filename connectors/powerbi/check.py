"""`connector check`: whether the service principal gets in, sees the workspace, and can find what it loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.powerbi.client import PowerBi
from connectors.powerbi.settings import PowerBiSettings
from connectors.powerbi.tables import PUBLICATIONS
from steward.contracts import Finding
from steward.model.errors import AccessDenied, StewardError


def check(settings: PowerBiSettings, client: PowerBi) -> Sequence[Finding]:
    """Reads only."""
    try:
        listed = client.listed("/datasets", "list the datasets")
    except AccessDenied as error:
        return [Finding("the workspace can be read", False, f"{error}\nWhere the secret is right: "
                        "let service principals use Power BI APIs (tenant settings), and make this one a Contributor "
                        "of the workspace.")]
    except StewardError as error:
        return [Finding("the workspace can be read", False, str(error))]
    datasets = {str(each["id"]): each for each in listed if each.get("id")}
    mine = next((each for each in datasets.values() if each.get("name") == settings.dataset), None)
    findings = [Finding("the workspace can be read", True)]
    if settings.refresh_dataset_id:
        findings.append(_refreshes(settings.refresh_dataset_id, datasets, client))
    if mine is None:
        return [*findings, Finding(f'the dataset "{settings.dataset}" is made with the first publication', True)]
    if mine.get("addRowsAPIEnabled") is False:
        return [*findings, Finding(f'rows can be added to "{settings.dataset}"', False,
                                   "It is no push dataset. Name another one in `dataset`.")]
    try:
        client.query(mine["id"], f"EVALUATE TOPN(1, '{PUBLICATIONS}')", "query the dataset")
    except StewardError as error:
        return [*findings, Finding("what was loaded can be found again", False, f"{error}\nSwitch on the tenant "
                                   'setting "Dataset Execute Queries REST API", and give the principal Build '
                                   "permission.")]
    return [*findings, Finding("what was loaded can be found again", True)]


def _refreshes(wanted: str, datasets: Mapping[str, object], client: PowerBi) -> Finding:
    what = "the dataset to refresh is there, and its last refresh went well"
    if wanted not in datasets:
        return Finding(what, False, "The workspace has no dataset of that id. Correct refresh_dataset_id.")
    try:
        history = client.listed(f"/datasets/{wanted}/refreshes?$top=1", "read the refresh history")
    except StewardError as error:
        return Finding(what, False, str(error))
    if history and history[0].get("status") == "Failed":
        return Finding(what, False, "Its last refresh failed; Power BI says why under Settings, Refresh history.")
    return Finding(what, True)
