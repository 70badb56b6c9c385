"""The hub that the flows of this process work on: `STEWARD_CONFIG` names its `steward.yaml`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from steward.model.errors import ConfigError
from steward.wiring import Hub, open_hub

Answer = TypeVar("Answer")


def config_path() -> Path:
    """Where `steward.yaml` is; raises ConfigError where `STEWARD_CONFIG` does not say."""
    given = os.environ.get("STEWARD_CONFIG")
    if not given:
        raise ConfigError("STEWARD_CONFIG is not set. Set it to the path of your steward.yaml.")
    return Path(given)


async def with_hub(verb: Callable[[Hub], Answer]) -> Answer:
    """Run one synchronous verb in a thread, so that the flow's heartbeat goes on.

    A sync `@flow` costs a second more a run than an async one (a heartbeat thread is joined).
    """

    def call() -> Answer:
        with open_hub(config_path()) as hub:
            return verb(hub)

    return await asyncio.to_thread(call)
