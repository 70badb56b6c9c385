"""connectors/README.md is true: its table is what is installed, and each connector has its page."""

from __future__ import annotations

from pathlib import Path

from steward.handbook import confirmed_table, connectors_table
from steward.wiring import installed

HOME = Path(__file__).resolve().parents[2] / "connectors"


def test_its_table_is_what_is_installed() -> None:
    """A class that is promised and not kept costs a customer a second message. To write it anew: make docs.

    A connector of your own need not stand there: none has to edit a shared file.
    """
    shown = _made("connectors_table")

    assert len(shown) >= 2 + 5
    assert set(shown) <= set(connectors_table(installed()).splitlines())


def test_what_it_calls_confirmed_is_what_the_manifests_say() -> None:
    """Who plans on a vendor's promise must know whose promise it is."""
    assert set(_made("confirmed_table")) <= set(confirmed_table(installed()).splitlines())


def test_every_fact_says_who_confirms_it() -> None:
    """A source that cannot be looked up confirms nothing."""
    for name, connector in installed().items():
        for fact, by in connector.confirmed.items():
            assert by.startswith(("official spec ", "client library ", "third party ", "UNCONFIRMED")), (name, fact, by)


def test_each_page_names_every_stream_and_action_with_its_class() -> None:
    """What the manifest promises stands where the operator reads it."""
    for name, connector in installed().items():
        page = (HOME / name / "README.md").read_text()

        for stream in connector.streams:
            assert stream in page.split("## Streams")[1].split("\n## ")[0], (name, stream)
        for action, promised in connector.actions.items():
            assert f"`{action}` | {promised} |" in page, (name, action)


def _made(name: str) -> list[str]:
    """The lines of a table of the page."""
    page = (HOME / "README.md").read_text()
    return page.split(f"<!-- made by steward.handbook.{name} -->\n")[1].split("\n<!-- end -->")[0].splitlines()
