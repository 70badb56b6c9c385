"""Finds connectors by looking: every folder of a package that has a `CONNECTOR`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from steward.contracts import Connector
from steward.model.errors import ConfigError
from steward.model.words import meant_or_all


def names(package: ModuleType) -> list[str]:
    """The names of the connectors in `package`, in order; imports none of them."""
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg)


def load(package: ModuleType, name: str) -> Connector:
    """The manifest of the connector `name`, with the folder it stands in.

    Raises:
        ConfigError: there is no such connector, or its folder holds no `CONNECTOR`.
    """
    known = names(package)
    if name not in known:
        raise ConfigError(f'there is no connector "{name}"{meant_or_all(name, known)}')
    module = importlib.import_module(f"{package.__name__}.{name}")
    connector = getattr(module, "CONNECTOR", None)
    if not isinstance(connector, Connector):
        raise ConfigError(f'"{module.__file__}" has no CONNECTOR. Copy connectors/csvfile/__init__.py.')
    return replace(connector, folder=connector.folder or Path(str(module.__file__)).parent)


def missing(connector: Connector) -> str:
    """What must be installed before `connector` can be used, in words; "" where nothing is."""
    extras = {extra for module, extra in connector.needs.items() if importlib.util.find_spec(module) is None}
    if not extras:
        return ""
    return (f'"{connector.name}" needs what is not installed here. Run: '
            f'python -m pip install "steward-cs[{",".join(sorted(extras))}]"')


def discover(package: ModuleType) -> dict[str, Connector]:
    """Every connector in `package` by its name."""
    return {name: load(package, name) for name in names(package)}
