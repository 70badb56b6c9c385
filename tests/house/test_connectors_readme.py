"""connectors/README.md is true: its table is what is installed, and each connector has its page."""

from __future__ import annotations

from pathlib import Path

from steward.cli.commands.connector import as_table
from steward.wiring import installed

HOME = Path(__file__).resolve().parents[2] / "connectors"


def test_its_table_is_what_is_installed() -> None:
    """A class that is promised and not kept costs a customer a second message. To write it anew: `as_table(installed())`.

    A connector of your own need not stand there: none has to edit a shared file.
    """
    shown = (HOME / "README.md").read_text().split("as_table -->\n")[1].split("\n<!-- end -->")[0].splitlines()

    assert len(shown) >= 2 + 5
    assert set(shown) <= set(as_table(installed()).splitlines())


def test_each_page_names_every_stream_and_action_with_its_class() -> None:
    """What the manifest promises stands where the operator reads it."""
    for name, connector in installed().items():
        page = (HOME / name / "README.md").read_text()

        for stream in connector.streams:
            assert stream in page.split("## Streams")[1].split("\n## ")[0], (name, stream)
        for action, promised in connector.actions.items():
            assert f"`{action}` | {promised} |" in page, (name, action)
