"""What the operator may set: `steward.yaml`, with `${NAME}` taken from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from steward.model.company_facts import CompanyFact
from steward.model.errors import ConfigError
from steward.model.words import nearest
from steward.model.working_time import WEEKDAYS, WorkingTime, public_holidays

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WORDS = {"Input should be a valid dictionary": "write keys with values below it",
          "Input should be a valid tuple": "write a list, as [a, b]",
          "Input should be a valid list": "write a list, as [a, b]"}
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


def _weekday(text: str) -> str:
    if text not in WEEKDAYS:
        raise ValueError(f"write a day as one of {', '.join(WEEKDAYS)}")
    return text


def _hours(text: str) -> str:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d) ?- ?([01]\d|2[0-3]):([0-5]\d)", text)
    if not found or (found[1], found[2]) >= (found[3], found[4]):
        raise ValueError('write the hours of one day as "09:00-17:00", opening before closing')
    return f"{found[1]}:{found[2]}-{found[3]}:{found[4]}"


def _is_a_calendars_name(text: str) -> str:
    if text in ("owner", "account") or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", text):
        raise ValueError("name a calendar in small letters, digits and _, not owner and not account")
    return text


def _is_a_facts_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", text) or len(text) > 100:
        raise ValueError('a fact is named in small letters with a dot, such as "company.tier"')
    return text


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Holidays(_Block):
    """Which days are off: those of a country, or of a part of it, and `extra` days of our own."""

    country: str = ""                                      # ISO 3166 alpha-2, "DE"
    subdiv: str = ""                                       # ISO 3166-2 without the country, "BE"
    extra: tuple[date, ...] = ()

    @model_validator(mode="after")
    def _must_be_known(self) -> Self:
        if self.subdiv and not self.country:
            raise ValueError("a part of a country needs the country")
        public_holidays(self.country, self.subdiv, ())
        return self


class CalendarBlock(_Block):
    """When business is done; `zone` "" is that of whom the calendar is about, else the company's."""

    workdays: tuple[Annotated[str, AfterValidator(_weekday)], ...] = Field(default=WEEKDAYS[:5], min_length=1)
    hours: Annotated[str, AfterValidator(_hours)] = "09:00-17:00"
    holidays: Holidays = Holidays()
    zone: Annotated[str, AfterValidator(lambda text: _zone(text) if text else text)] = ""


class Absence(_Block):
    """First and last day that somebody is away."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _must_not_end_before_it_begins(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"ends on {self.last}, before it begins on {self.first}")
        return self


class Company(_Block):
    """Who we are."""

    name: str = "My company"
    currency: Annotated[str, AfterValidator(_currency)] = "USD"
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"  # IANA; owners without one of their own
    roles: dict[str, str] = Field(default_factory=dict)    # "vp_cs" -> e-mail; `role:vp_cs` in a playbook
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)  # 1 EUR = 1.08 of `currency`
    calendar: CalendarBlock = CalendarBlock()
    calendars: dict[Annotated[str, AfterValidator(_is_a_calendars_name)], CalendarBlock] = Field(default_factory=dict)
    queues: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)  # -> e-mails
    out_of_office: dict[str, Absence] = Field(default_factory=dict)  # by e-mail, in small letters

    @model_validator(mode="before")
    @classmethod
    def _addresses_in_small_letters(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("out_of_office"), dict):
            return {**given, "out_of_office": {str(who).lower(): away for who, away in given["out_of_office"].items()}}
        return given

    def is_away(self, email: str, day: date) -> bool:
        """Whether `email` is out of office on `day`."""
        away = self.out_of_office.get(email.lower())
        return away is not None and away.first <= day <= away.last


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


class WriteBack(_Block):
    """Where one of our facts is written on the account in another system; the name of the `field` alone will do.

    What is not known is left as it stands there; with `empty`, what we wrote before is emptied. `digits` after the
    point: finer changes are not written. `percent`: a ratio of 0.25 is written as 25.
    """

    field: str = Field(min_length=1, max_length=100)
    empty: bool = False
    digits: Annotated[int, Field(ge=0, le=6)] | None = None
    percent: bool = False


def _write_back(written: object) -> object:
    return {"field": written} if isinstance(written, str) else written


class PublishBlock(_Block):
    """What a connection gets of the tables that reports read, and how often."""

    tables: tuple[str, ...] = ()                           # (): all of them; steward export --dictionary names them
    days: Annotated[int, Field(ge=1)] | None = None        # of dated tables only the last so many
    every: Annotated[timedelta, BeforeValidator(_interval)] = timedelta(days=1)
    refresh: bool = False                                  # send no rows: ask the target to load anew by itself


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
    publish: dict[str, PublishBlock] = Field(default_factory=dict)  # by the connection that gets it
    writeback: dict[str, dict[str, Annotated[WriteBack, BeforeValidator(_write_back)]]] = Field(default_factory=dict)
    playbooks: Path = Path("playbooks")
    scorecard: Path | None = None                          # None: the one that comes with Steward
    usage_metrics: tuple[str, ...] = ()                    # () : every metric that the usage feeds bring
    facts: dict[Annotated[str, AfterValidator(_is_a_facts_name)], CompanyFact] = Field(default_factory=dict)  # our own
    web: Web = Web()
    path: Path = Path("steward.yaml")                      # where this was read from

    def database_url(self) -> str:
        """The SQLAlchemy URL; may hold a password."""
        given = self.store.url.get_secret_value()
        return given or f"sqlite:///{self.store.data_dir / 'steward.db'}"

    def calendar_for(self, name: str, zone: str | None, years: Sequence[int]) -> WorkingTime:
        """The calendar called `name` ("owner", "account", or one of `company.calendars`) with its holidays in `years`.

        `zone`: where the owner or the account is; None is the company's. A named calendar's own zone goes before it.

        Raises:
            ConfigError: no calendar has this name.
        """
        named = self.company.calendars
        if name not in ("owner", "account", *named):
            known = ", ".join(("owner", "account", *named))
            raise ConfigError(f'there is no calendar "{name}". Write one of {known}, or add it to company.calendars')
        block = named.get(name, self.company.calendar)
        opens, closes = (time.fromisoformat(text) for text in block.hours.split("-"))
        off = block.holidays
        return WorkingTime(
            block.zone or zone or self.company.timezone, frozenset(WEEKDAYS.index(day) for day in block.workdays),
            opens, closes, public_holidays(off.country, off.subdiv, tuple(sorted(set(years)))) | frozenset(off.extra),
        )


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
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        place = ".".join(str(part) for part in fault["loc"] if part != "[key]")
        if fault["type"] == "extra_forbidden":
            known = _keys_beside(fault["loc"])
            near = nearest(str(fault["loc"][-1]), known)
            hint = f' Did you mean "{near}"?' if near else f" Known there: {', '.join(known)}."
            lines.append(f'{path}: unknown key "{place}".{hint}')
        else:
            lines.append(f'{path}: "{place}": {in_words(fault["msg"])}')
    return "\n".join(lines)


def in_words(said: str) -> str:
    """What pydantic says of a setting, for somebody who knows YAML and no Python."""
    said = said.removeprefix("Value error, ").replace(" items after validation", " characters")
    for theirs, ours in _WORDS.items():
        said = said.replace(theirs, ours)
    return said


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where the unknown one of `place` stands."""
    blocks: dict[str, type[BaseModel]] = {
        "company": Company, "store": StoreBlock, "routing": Routing, "web": Web, "connections": ConnectionBlock,
        "facts": CompanyFact, "calendar": CalendarBlock, "calendars": CalendarBlock, "holidays": Holidays,
        "out_of_office": Absence, "publish": PublishBlock, "writeback": WriteBack,
    }
    above = [blocks[str(part)] for part in place[:-1] if str(part) in blocks]
    block = above[-1] if above else Settings
    return [field.alias or name for name, field in block.model_fields.items() if name != "path"]
