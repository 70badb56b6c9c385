"""`connector check churnzero` names the permission, the field and the key that are missing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.churnzero import CONNECTOR
from connectors.churnzero.sandbox import ChurnZeroSandbox
from steward.contracts import Finding, Tools
from steward.kit.sandbox import Fault


def findings(sandbox: ChurnZeroSandbox, **changed: Any) -> dict[str, Finding]:
    settings = CONNECTOR.load_settings().model_validate({**sandbox.settings(), **changed})
    made = CONNECTOR.connect(settings, Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=5.0))
    return {each.what: each for each in made.check()}


def test_all_is_well_on_the_sandbox() -> None:
    """Whoever sets it up right must see nothing to do."""
    with ChurnZeroSandbox() as sandbox:
        sandbox.seed(3)
        assert all(each.ok for each in findings(sandbox).values())
        assert not sandbox.ledger


def test_what_is_missing_is_named() -> None:
    """The person who reads it grants it."""
    with ChurnZeroSandbox() as sandbox:
        sandbox.seed(3)
        sandbox.faults = [Fault("status", on="/Task", status=403)]
        seen = findings(sandbox, app_key=None, modified={"contacts": "ChangedOn"})

        assert "Bulk Read of Task" in seen["Task may be read"].remedy
        assert "answered 403" in seen["Task may be read"].remedy
        assert "ChangedOn" in seen["Contact may be read"].remedy
        assert "app_key" in seen["app_key is set (only a write shows whether it is right)"].remedy
        assert not findings(sandbox, rest=None)["nothing is read, and whether an event is there cannot be asked"].ok
