"""Cases play made-up accounts through a playbook, day by day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from steward.engine.case_file import read_cases
from steward.engine.cases import run_cases
from steward.engine.language import Playbook
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog as whole_catalog
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec

DESCRIPTION = Path(__file__).resolve().parents[3] / "shared/playbook-language.md"

# Word for word from the top of the language's description.
PLAYBOOK_AS_DESCRIBED = """\
id: health_drop
title: Health drop before renewal
why: A call before day 60 saves most accounts that lose users; after it, few.
when:
  all:
    - health.score < 60
    - renewal.days_left <= 120
    - any:
        - usage.active_users.change_28d <= -30%
        - support.open_urgent >= 1
until: health.score >= 70
for: 3d
again_after: 30d
do:
  - cta: {type: risk, due: 3bd, assign: csm}
  - message: {to: csm, template: health_drop}
escalate:
  - {after: 2bd, unless: acknowledged, to: csm_manager}
  - {after: 5bd, unless: acknowledged, to: role:vp_cs, only_if: account.arr >= 100k USD}
"""

# Word for word from "Cases" of the language's description.
AS_DESCRIBED = """\
clock: {start: 2026-03-02T08:00:00Z, tick: 1d}
cases:
  - name: fires after three sustained days, not on the dip that recovers
    given: {account.segment: mid_market, renewal.days_left: 90, support.open_urgent: 1, account.arr: 60000 USD}
    series:
      acme: {health.score: "72 58x6 64x3 71x4"}     # 58x6 = 58, then six more
      blip: {health.score: "72 58 58 63 72x10"}
    expect:
      - {at: 3d, acme: pending, blip: idle}
      - {at: 4d, acme: active, actions: {acme: [cta, message]}}
      - {at: 11d, acme: active}                      # 64 is neither < 60 nor >= 70
  - name: missing data neither fires nor clears
    series:
      gap: {health.score: "55 55 _ _ _ 55 55 55"}    # _ = no value
    expect:
      - {at: 4d, gap: pending}
      - {at: 6d, gap: active}
"""


def differences(playbook: Playbook, text: str, catalog: Mapping[str, FactSpec]) -> list[str]:
    outcomes = run_cases(playbook, read_cases(text, "it.cases.yaml", catalog), catalog)
    return [line for outcome in outcomes for line in outcome.differences]


def test_the_cases_of_the_description_hold(example: Playbook, catalog: Mapping[str, FactSpec]) -> None:
    """What the language says about itself is so."""
    outcomes = run_cases(example, read_cases(AS_DESCRIBED, "it.cases.yaml", catalog), catalog)

    assert [(outcome.passed, outcome.differences) for outcome in outcomes] == [(True, ()), (True, ())]


def test_they_hold_with_every_fact_that_we_ship() -> None:
    """The same with the real catalog: its ranges and its ages must let the description be true."""
    facts = whole_catalog()
    playbook = load_playbook(PLAYBOOK_AS_DESCRIBED, "health_drop.yaml", facts)

    assert [outcome.differences for outcome in run_cases(playbook, read_cases(AS_DESCRIBED, "it.yaml", facts), facts)] == [
        (), ()]


def test_the_playbook_of_the_other_tests_is_the_described_one(example_text: str) -> None:
    """What the tests hold is held of what people read."""
    assert example_text == PLAYBOOK_AS_DESCRIBED


@pytest.mark.skipif(not DESCRIPTION.exists(), reason="the language's description lies beside a checkout only")
@pytest.mark.parametrize("text", ["PLAYBOOK_AS_DESCRIBED", "AS_DESCRIBED"])
def test_the_texts_are_those_of_the_description(text: str) -> None:
    """Word for word, so that the description cannot drift from what is tested."""
    assert f"```yaml\n{globals()[text]}```" in DESCRIPTION.read_text(encoding="utf-8")


def test_a_case_that_does_not_hold_says_what_was_instead(example: Playbook, catalog: Mapping[str, FactSpec]) -> None:
    """The author sees at once which day went otherwise."""
    text = AS_DESCRIBED.replace("{at: 3d, acme: pending", "{at: 3d, acme: active").replace("[cta, message]", "[task]")

    assert differences(example, text, catalog) == [
        "at 3d: acme is pending, expected active",
        "at 4d: done for acme: ['cta', 'message'], expected ['task']",
    ]


def test_a_gate_that_says_no_is_named(example: Playbook, catalog: Mapping[str, FactSpec]) -> None:
    """Do-not-contact blocks, and the case shows why."""
    text = """\
clock: {start: 2026-03-02T08:00:00Z, tick: 1d}
cases:
  - name: silent
    given: {renewal.days_left: 90, support.open_urgent: 1, account.do_not_contact: "true"}
    series: {acme: {health.score: "50"}}
    expect:
      - {at: 4d, acme: active}
"""

    assert differences(example, text, catalog) == [
        "at 4d: acme is blocked (do_not_contact: the account asked for it), expected active"]


@pytest.mark.parametrize(("was", "becomes", "message"), [
    ("acme: pending", "acme: pendign", 'did you mean "pending"?'),
    ("blip: idle", "blup: idle", 'did you mean "blip"?'),
    ("72 58x6", "72 x6 abc", 'is no number'),
    ("{at: 3d", "{at: 3h", "no whole number of ticks"),
    ("series:", "serie:", 'did you mean "series"?'),
    ("renewal.days_left: 90", "renewal.dayz_left: 90", 'did you mean "renewal.days_left"?'),
    ("60000 USD", "60000", 'did you mean "60000 USD"?'),
    ("[cta, message]", "[cat, message]", '"cat" is no action'),
])
def test_a_typo_in_a_case_is_shown_at_its_place(
    catalog: Mapping[str, FactSpec], was: str, becomes: str, message: str,
) -> None:
    """A case that tests nothing because of a typo is worse than none."""
    with pytest.raises(PlaybookError, match=r"it\.cases\.yaml:") as caught:
        read_cases(AS_DESCRIBED.replace(was, becomes, 1), "it.cases.yaml", catalog)

    assert message in str(caught.value)


def test_acknowledging_stops_the_ladder(load: Callable[[str], Playbook], catalog: Mapping[str, FactSpec]) -> None:
    """Who answers is not escalated over."""
    playbook = load("""\
id: it
title: It
why: Because.
when: health.score < 60
until: health.score >= 70
do: [{message: {to: csm}}]
escalate:
  - {after: 2bd, unless: acknowledged, to: csm_manager}
  - {after: 3d, unless: resolved, to: channel:cs}
""")
    text = """\
clock: {start: 2026-03-06T08:00:00Z, tick: 1d}
cases:
  - name: ladder
    series: {quiet: {health.score: "50"}, answered: {health.score: "50"}}
    acknowledged: {answered: 1d}
    expect:
      - {at: 2d, actions: {quiet: [message], answered: [message]}}
      - {at: 3d, actions: {quiet: [escalate], answered: [escalate]}}
      - {at: 4d, actions: {quiet: [escalate], answered: []}}
      - {at: 90d, quiet: expired, actions: {quiet: [], answered: []}}
"""

    assert differences(playbook, text, catalog) == []


def test_a_unit_in_a_series_belongs_to_the_number_before_it(catalog: Mapping[str, FactSpec]) -> None:
    """Money is written as in a condition; the space before its currency does not begin the next day."""
    text = "cases:\n  - series:\n      acme: {account.arr: \"10k USD 60000 USDx2 _\", renewal.days_left: \"9 days 8\"}\n    expect: []\n"

    [case] = read_cases(text, "it.cases.yaml", catalog).cases

    assert case.series["acme"] == {"account.arr": (10000.0, 60000.0, 60000.0, 60000.0, None), "renewal.days_left": (9, 8)}
