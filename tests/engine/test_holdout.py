"""Who is control: the share asked for, the same for ever, balanced in every stratum."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.engine.holdout import arm_of, assign, drawn, in_control, salt_of, stratum_of
from steward.engine.language import Holdout, Mode
from steward.model.enrollments import Arm

FAMILIES = {f"acct_{number}": "" for number in range(4000)}
BY = ("account.segment",)


def test_the_share_is_kept_and_the_draw_is_the_same_for_ever() -> None:
    """A customer who is control today and treated tomorrow measures nothing."""
    first = assign(Holdout(0.2), "it", FAMILIES, {})
    control = {each.family_id for each in first if each.arm is Arm.CONTROL}
    backwards = assign(Holdout(0.2), "it", dict(reversed(FAMILIES.items())), {})

    assert 0.17 < len(control) / len(FAMILIES) < 0.23
    assert control == {each.family_id for each in backwards if each.arm is Arm.CONTROL}
    assert [each.position for each in first] == list(range(len(FAMILIES)))


def test_a_larger_share_keeps_those_who_were_control() -> None:
    """Raising the share must not move anybody out of control: their months count."""
    small, large = ({each.family_id for each in assign(Holdout(share), "it", FAMILIES, {}) if each.arm is Arm.CONTROL}
                    for share in (0.1, 0.3))

    assert small < large


def test_another_salt_draws_another_control() -> None:
    """Two experiments do not share their unlucky ones, unless they are told to."""
    one, two = ({each.family_id for each in assign(Holdout(0.5), salt, FAMILIES, {}) if each.arm is Arm.CONTROL}
                for salt in ("a", "b"))

    assert 0.4 < len(one & two) / len(one) < 0.6


def test_a_ramp_does_not_choose_who_is_control(made: Any) -> None:
    """With one draw for both, a ramp of 20 % with a holdout of 20 % would have nobody left to act on."""
    ramp = made(mode=Mode.RAMP, ramp=0.2, holdout=Holdout(0.2))
    control = {each.family_id for each in assign(ramp.holdout, salt_of(ramp), FAMILIES, {}) if each.arm is Arm.CONTROL}
    acted_on = {each for each in FAMILIES if arm_of(ramp, each) is Arm.TREATMENT}

    assert 0.14 < len(control & acted_on) / len(acted_on) < 0.26


@given(share=st.sampled_from([0.05, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.75]), count=st.integers(1, 200))
def test_every_stratum_is_balanced_at_any_size(share: float, count: int) -> None:
    """With twenty enterprise accounts, chance alone would put eight of them or none into control."""
    found = sum(in_control(share, "it", "enterprise", position) for position in range(count))

    assert abs(found - share * count) <= 1 / min(share, 1 - share)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 50)])
def test_nobody_and_everybody(share: float, expected: int) -> None:
    """The ends of the scale."""
    assert sum(in_control(share, "it", "", position) for position in range(50)) == expected


def test_strata_are_dealt_on_where_the_last_run_stopped() -> None:
    """Families come over months; the blocks go on."""
    wanted = {f"acct_{number}": "smb" if number % 3 else "enterprise" for number in range(60)}
    first = assign(Holdout(0.25, by=BY), "it", dict(list(wanted.items())[:30]), {})
    taken = Counter(each.stratum for each in first)
    second = assign(Holdout(0.25, by=BY), "it", dict(list(wanted.items())[30:]), taken)
    control = Counter(each.stratum for each in (*first, *second) if each.arm is Arm.CONTROL)

    assert control == {"smb": 10, "enterprise": 5}
    assert len({(each.stratum, each.position) for each in (*first, *second)}) == 60


def test_a_stratum_says_what_it_is() -> None:
    """Amounts by their order of magnitude; what is not known is a stratum too."""
    row = {"account.segment": "smb", "account.arr": 42_000.0, "account.region": None}

    assert stratum_of(row, ("account.segment", "account.arr", "account.region")) == (
        "account.segment=smb, account.arr=10^4, account.region=unknown")
    assert stratum_of({}, ()) == ""
    assert stratum_of({"x": 0.0, "y": float("nan"), "z": True}, ("x", "y", "z")) == "x=0, y=unknown, z=True"


def test_control_is_only_among_those_who_would_be_acted_on(made: Any) -> None:
    """Shadow performs nothing for anybody; in a ramp, those outside of it are no control."""
    ramp = made(mode=Mode.RAMP, ramp=0.5)
    inside = next(name for name in FAMILIES if drawn("it", name) < 0.5)
    outside = next(name for name in FAMILIES if drawn("it", name) >= 0.5)

    assert arm_of(made(), "acct_1", control=True) is Arm.CONTROL
    assert arm_of(made(mode=Mode.SHADOW), "acct_1", control=True) is Arm.SHADOW
    assert (arm_of(ramp, inside, control=True), arm_of(ramp, inside), arm_of(ramp, outside, control=True)) == (
        Arm.CONTROL, Arm.TREATMENT, Arm.SHADOW)


def test_the_salt_is_the_playbooks_id_unless_it_is_told(made: Any) -> None:
    """Two playbooks of one salt keep the same families out."""
    assert salt_of(made()) == "it"
    assert salt_of(made(holdout=Holdout(0.1, salt="2026"))) == "2026"
