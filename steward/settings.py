"""What the operator may set: `steward.yaml`, with `${NAME}` taken from the environment."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from steward.model.errors import ConfigError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError("a currency has three capital letters, as USD")
    return text


def _zone(text: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise ValueError("no time zone has this name; they read Europe/Berlin") from None
    return text


def _interval(written: object) -> object:
    if not isinstance(written, str):
        return written
    found = re.fullmatch(r"([1-9]\d{0,5}) ?([smhd])", written)
    if not found:
        raise ValueError("write how often as 30s, 5m, 1h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Company(_Block):
    """Who we are."""

    name: str = "My company"
    currency: Annotated[str, AfterValidator(_currency)] = "USD"
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"  # IANA; owners without one of their own
    roles: dict[str, str] = Field(default_factory=dict)    # "vp_cs" -> e-mail; `role:vp_cs` in a playbook
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)  # 1 EUR = 1.08 of `currency`


class StoreBlock(_Block):
    """Where state lives."""

    url: SecretStr = SecretStr("")                         # "" is SQLite in `data_dir`
    data_dir: Path = Path(".steward")


class ConnectionBlock(_Block):
    """One connector with this company's settings, and how often to pull it."""

    connector: str
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)  # holds secrets, not yet typed as such
    every: Annotated[timedelta, BeforeValidator(_interval)] = timedelta(minutes=15)  # `python -m flows live` pulls so


class Routing(_Block):
    """Which connection performs what: of `cta`, the first that knows the account."""

    message: str = ""
    cta: tuple[str, ...] = ()
    channel: str = ""                                      # where a message goes whose recipient is not found


class Web(_Block):
    """The door for HTTP."""

    host: str = "127.0.0.1"
    port: int = 8700
    public_url: str = ""                                   # as callers see us; signatures are checked against it
    tokens: dict[str, SecretStr] = Field(default_factory=dict)  # name -> API token


class Settings(_Block):
    """The whole of `steward.yaml`."""

    company: Company = Company()
    store: StoreBlock = StoreBlock()
    connections: dict[str, ConnectionBlock] = Field(default_factory=dict)
    truth: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # "account.name" -> connections, best first
    routing: Routing = Routing()
    playbooks: Path = Path("playbooks")
    scorecard: Path | None = None                          # None: the one that comes with Steward
    usage_metrics: tuple[str, ...] = ()                    # () : every metric that the usage feeds bring
    web: Web = Web()
    path: Path = Path("steward.yaml")                      # where this was read from

    def database_url(self) -> str:
        """The SQLAlchemy URL; may hold a password."""
        given = self.store.url.get_secret_value()
        return given or f"sqlite:///{self.store.data_dir / 'steward.db'}"


def load_settings(path: Path) -> Settings:
    """The settings in `path`; relative paths in it are relative to its folder.

    Raises:
        ConfigError: the file is missing, not YAML, names an unset variable, or has a key that is not known.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not path.exists():
        raise ConfigError(f'there is no "{path}". Write one with: steward init {path.parent}')
    try:
        raw = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) or {}
    except UnicodeDecodeError:
        raise ConfigError(f'"{path}" is not UTF-8 text. Save it as UTF-8.') from None
    except YAMLError as error:
        raise ConfigError(_not_yaml(path, error)) from None
    except OSError as error:
        raise ConfigError(f'"{path}" cannot be read: {error.strerror}. Give the path of a steward.yaml.') from None
    if not isinstance(raw, dict):
        raise ConfigError(f'"{path}" holds no settings. Begin with: company:')
    try:
        settings = Settings.model_validate({**_expand(raw, path), "path": path.resolve()})
    except ValidationError as error:
        raise ConfigError(_in_words(path, error)) from None
    home = path.resolve().parent
    return settings.model_copy(update={
        "store": settings.store.model_copy(update={"data_dir": home / settings.store.data_dir}),
        "playbooks": home / settings.playbooks,
        "scorecard": home / settings.scorecard if settings.scorecard else None,
    })


def _expand(node: Any, path: Path) -> Any:
    if isinstance(node, dict):
        return {key: _expand(value, path) for key, value in node.items()}
    if isinstance(node, list):
        return [_expand(value, path) for value in node]
    if not isinstance(node, str):
        return node
    for name in _VARIABLE.findall(node):
        if name not in os.environ:
            raise ConfigError(f'"{path}" asks for the environment variable "{name}", which is not set. Set it.')
    return _VARIABLE.sub(lambda found: os.environ[found.group(1)], node)


def _not_yaml(path: Path, error: Exception) -> str:
    """Where it stops being YAML. Nothing is quoted but the name of a key: a value may be a secret."""
    mark, problem = getattr(error, "problem_mark", None), str(getattr(error, "problem", "") or "it cannot be read")
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    return f"{path}{place}: not YAML: {problem.partition(' with value ')[0]}. Correct it there, or in the line above."


def _in_words(path: Path, error: ValidationError) -> str:
    import difflib

    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        place = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            known = _keys_beside(fault["loc"])
            near = difflib.get_close_matches(str(fault["loc"][-1]), known, 1)
            hint = f' Did you mean "{near[0]}"?' if near else f" Known there: {', '.join(known)}."
            lines.append(f'{path}: unknown key "{place}".{hint}')
        else:
            lines.append(f'{path}: "{place}": {fault["msg"].removeprefix("Value error, ")}')
    return "\n".join(lines)


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where the unknown one of `place` stands."""
    blocks: dict[str, type[_Block]] = {
        "company": Company, "store": StoreBlock, "routing": Routing, "web": Web, "connections": ConnectionBlock,
    }
    block = blocks.get(str(place[0]), Settings) if len(place) > 1 else Settings
    return [name for name in block.model_fields if name != "path"]
