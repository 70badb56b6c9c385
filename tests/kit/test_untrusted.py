"""Foreign text made harmless for each place it is shown in."""

from __future__ import annotations

import pytest

from steward.kit import untrusted


@pytest.mark.parametrize("name", ["<!channel>", "<https://evil.example|Invoice>", "<@U123>", "&lt;!here&gt;"])
def test_a_name_can_mention_nobody_in_slack(name: str) -> None:
    """A customer called "<!channel>" must not wake everybody up."""
    shown = untrusted.for_mrkdwn(name)

    assert "<" not in shown
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == name


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil.example")', "+1+1", "-2+3", "@SUM(A1)", "  =1", "\t=1", "|cmd"])
def test_a_name_is_no_formula(name: str) -> None:
    """A list opened in Excel must not run what a customer typed."""
    assert untrusted.for_cell(name).startswith("'")


def test_an_ordinary_name_stays_as_it_is_in_a_cell() -> None:
    """Nobody wants quotes in front of every name."""
    assert untrusted.for_cell("Müller & Söhne 🚀") == "Müller & Söhne 🚀"


def test_control_and_direction_characters_go() -> None:
    """An override could make "exe.pdf" out of "fdp.exe"; a bell could make a terminal ring."""
    assert untrusted.plain("a\u202egnp\x07\x1b[31m\ud800é\n\tb") == "agnp[31mé\n\tb"
