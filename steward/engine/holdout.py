"""Who is acted on: the share of a ramp, and the control arm of an experiment, the same for ever for one family. Pure.

Without strata, control is whom the hash of salt and family puts below the share. With strata, each stratum is dealt in
permuted blocks: of every block a fixed number is control, at places that the salt decides, so that arms stay balanced
however few there are. What was assigned is kept by the caller and never drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from math import floor, log10
from typing import Any

from steward.engine.language import Holdout, Mode, Playbook
from steward.model.enrollments import Arm

MOST_BLOCK = 100                            # finer shares than 1 % are rounded where strata are dealt in blocks
MOST_STRATUM = 255


@dataclass(frozen=True, slots=True)
class Assigned:
    """The arm of one family: its place in its stratum is counted from 0."""

    family_id: str
    arm: Arm
    stratum: str
    position: int


def arm_of(playbook: Playbook, account_id: str, control: bool = False) -> Arm:
    """What the playbook's mode lets this account's enrollment do; the same account gets the same answer for ever.

    `control`: its family is in the control arm, which counts for those that would be acted on.
    """
    live = playbook.mode is Mode.LIVE or (
        playbook.mode is Mode.RAMP and drawn(playbook.id, account_id) < playbook.ramp)
    if not live:
        return Arm.SHADOW
    return Arm.CONTROL if control else Arm.TREATMENT


def salt_of(playbook: Playbook) -> str:
    """What the draw is salted with: two playbooks of one salt have the same families in control."""
    return playbook.holdout.salt or playbook.id


def assign(
    holdout: Holdout, salt: str, wanted: Mapping[str, str], taken: Mapping[str, int],
) -> tuple[Assigned, ...]:
    """Arms for the families of `wanted`, family id to stratum, that have none yet.

    `taken`: how many places of each stratum are given away. Families that come together are dealt in the order of
    their hash, so that no order of theirs can choose an arm. It is another draw than that of a ramp: else the first
    accounts that a ramp takes would all be control.
    """
    salt, nexts, out = f"holdout/{salt}", dict(taken), list[Assigned]()
    for family_id in sorted(wanted, key=lambda family: (drawn(salt, family), family)):
        stratum = wanted[family_id]
        position = nexts.get(stratum, 0)
        nexts[stratum] = position + 1
        control = (in_control(holdout.share, salt, stratum, position) if holdout.by
                   else drawn(salt, family_id) < holdout.share)
        out.append(Assigned(family_id, Arm.CONTROL if control else Arm.TREATMENT, stratum, position))
    return tuple(out)


def in_control(share: float, salt: str, stratum: str, position: int) -> bool:
    """Whether the place is control: of each block as many as the share asks, at places drawn by the salt."""
    exact = Fraction(share).limit_denominator(MOST_BLOCK)
    block, place = divmod(position, exact.denominator)
    return place in _dealt(salt, f"{stratum}/{block}", exact.denominator)[:exact.numerator]


@lru_cache(maxsize=1024)                    # whoever comes together sits in the same few blocks
def _dealt(salt: str, block: str, size: int) -> tuple[int, ...]:
    return tuple(sorted(range(size), key=lambda each: drawn(salt, f"{block}/{each}")))


def stratum_of(row: Mapping[str, Any], by: Sequence[str]) -> str:
    """ "account.segment=smb, account.arr=10^4": amounts count by their order of magnitude, "" without strata."""
    return ", ".join(f"{name}={_level(row.get(name))}" for name in by)[:MOST_STRATUM]


def drawn(salt: str, name: str) -> float:
    """A number from 0 to 1 that is the same for ever."""
    return int.from_bytes(sha256(f"{salt}/{name}".encode()).digest()[:8], "big") / 2**64


def _level(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  # only NaN differs from itself
        return "unknown"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value).replace(",", " ")
    return f"10^{floor(log10(value))}" if value > 0 else "0"
