"""Writes a new connector: a whole small one that passes the battery, to be changed into the real thing."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from steward.model.errors import ConfigError

_TEMPLATE = Path(__file__).parent / "template"
_ENDING = ".txt"                             # the template's files are no modules, so no tool takes them for such


def new_connector(folder: Path, name: str, title: str) -> list[Path]:
    """The files written for the connector `name` in `folder`; nothing that is there is changed.

    Raises:
        ConfigError: the name cannot be that of a connector, or there is one already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name) or keyword.iskeyword(name):
        raise ConfigError(f'"{name}" cannot be the name of a connector. Use small letters, digits and "_": my_crm')
    if not re.fullmatch(r"[\w .,&()/+-]{1,60}", title):
        raise ConfigError(f'"{title}" cannot be a title. Use letters, digits and spaces: My CRM')
    if not folder.is_dir():
        raise ConfigError(f'there is no folder "{folder}". Run this in the checkout, or say --folder.')
    home = folder / name
    if home.exists():
        raise ConfigError(f'there is a connector "{name}" already: "{home}". Choose another name.')
    words = {"{{name}}": name, "{{NAME}}": name.upper(), "{{title}}": title,
             "{{class}}": "".join(part.capitalize() for part in name.split("_"))}
    written = []
    for source in sorted(_TEMPLATE.rglob(f"*{_ENDING}")):
        text = source.read_text(encoding="utf-8")
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        target = home / source.relative_to(_TEMPLATE).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written
