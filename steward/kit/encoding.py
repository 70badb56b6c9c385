"""Which encoding a text file is in: its mark, what was declared, UTF-8, or Western European where that is plain.

What cannot be decoded comes through as lone surrogates, so that the one cell it stands in can be refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import IO

from steward.model.errors import ConfigError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Western European text holds beyond ASCII. Anything else in a file that is no UTF-8 is not guessed at: the same
# bytes are other letters in Warsaw and in Athens.
_WESTERN = re.compile(r"[\x00-\x7fäöüÄÖÜßéèêëÉÈàâáÀÁçÇñÑóòôúùûíìîïåÅæÆøØœ’‘“”„–—…€£©®™°§«»¿¡´·\xa0]*")
_UNDECODED = re.compile("[\udc80-\udcff]")
_CHUNK = 1 << 20


def encoding_of(name: str, opened: Callable[[], IO[bytes]], declared: str | None) -> str:
    """The encoding of the bytes that `opened` gives, as Python calls it; `name` names the file in errors.

    Raises:
        ConfigError: `declared` is not an encoding.
    """
    with opened() as file:
        start = file.read(_CHUNK)
    marked = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    if marked:
        return marked
    if declared:
        return _known(name, declared)
    if _looks_like_utf16(start):
        return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
    if _decodes(opened, "utf-8"):
        return "utf-8"
    return "cp1252" if _plainly_western(opened) else "utf-8"


def undecoded(text: str) -> str | None:
    """The first byte of `text` that its encoding does not know, as "0x8f"; None where it was all decoded."""
    found = None if text.isascii() else _UNDECODED.search(text)
    return f"0x{ord(found[0]) - 0xDC00:02x}" if found else None


def _known(name: str, declared: str) -> str:
    try:
        return codecs.lookup(declared).name
    except LookupError:
        raise ConfigError(
            f'{name}: there is no encoding "{declared}". Write "utf-8", "utf-16", "cp1252" or another of Python\'s.'
        ) from None


def _looks_like_utf16(start: bytes) -> bool:
    """Every other byte of the first line is zero: Western text in UTF-16 without its mark."""
    head = start[:200]
    return len(head) >= 4 and (not any(head[1::2]) or not any(head[::2]))


def _decodes(opened: Callable[[], IO[bytes]], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with opened() as file:
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _plainly_western(opened: Callable[[], IO[bytes]]) -> bool:
    """Only letters and marks of Western Europe, and no UTF-8 among them: not a file of mixed encodings."""
    with opened() as file:
        while chunk := file.read(_CHUNK):
            text = chunk.decode("cp1252", "replace")
            if not _WESTERN.fullmatch(text) or re.search(rb"[\xc3\xe2][\x80-\xbf]", chunk):
                return False
    return True
