"""An idempotency key as a Task carries it: text that needs no escaping in a URL's path, and can be read back."""

from __future__ import annotations

import hashlib
import re

from steward.model.actions import IdempotencyKey

MOST_CHARACTERS = 255                       # of a Salesforce text field
_ESCAPED = re.compile(r"~([0-9a-f]{2})")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


def to_field(key: IdempotencyKey) -> str:
    """`key` with every byte but a-z, 0-9, "_" and "-" written as "~2f".

    Salesforce splits a path at "/" even where it is written as "%2F", takes what follows a "." for a format, and its
    unique text fields do not tell "A" from "a" unless asked to: none of these characters is left.
    A key that would be too long ends in its SHA-256 instead, and is no longer readable back.
    """
    text = "".join(chr(byte) if chr(byte) in _PLAIN else f"~{byte:02x}" for byte in key.encode())
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:180]}~~{hashlib.sha256(key.encode()).hexdigest()}"


def from_field(text: str) -> IdempotencyKey:
    """The key that `to_field` wrote; what another program wrote comes back as it is."""
    if "~~" in text or not _ESCAPED.search(text):
        return IdempotencyKey(text)
    raw = re.sub(rb"~([0-9a-f]{2})", lambda found: bytes([int(found.group(1), 16)]), text.encode())
    try:
        return IdempotencyKey(raw.decode())
    except UnicodeDecodeError:
        return IdempotencyKey(text)
