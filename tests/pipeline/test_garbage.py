"""The collector rests while a run lasts, and works again after the last one, whatever became of it."""

from __future__ import annotations

import gc

import pytest

from steward.pipeline.garbage import looked_for_later


def test_the_collector_works_again_after_the_last_run() -> None:
    """A server that evaluates for weeks must not lose its collector to one run, not to one that fails either."""
    with looked_for_later():
        with pytest.raises(ValueError, match="broken"), looked_for_later():
            raise ValueError("broken")
        assert not gc.isenabled()

    assert gc.isenabled()


def test_who_switched_the_collector_off_finds_it_off() -> None:
    """A process that does its own collecting keeps its way."""
    gc.disable()
    try:
        with looked_for_later():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
