"""Names and domains of companies, brought to a form in which equal ones are equal."""

from __future__ import annotations

import re
import unicodedata

# Everybody may have an address here: sharing one of these says nothing about two companies.
_EVERYBODYS = frozenset((
    "gmail", "googlemail", "outlook", "hotmail", "live", "msn", "yahoo", "ymail", "icloud", "me", "mac", "aol",
    "gmx", "web", "mail", "yandex", "proton", "protonmail", "qq", "163", "126", "sina", "naver", "daum", "t-online",
    "freenet", "orange", "wanadoo", "free", "laposte", "libero", "virgilio", "rediffmail", "zoho", "fastmail",
    "hey", "inbox", "comcast", "verizon", "att", "btinternet", "sky", "bluewin", "telenet", "wp", "o2", "onet",
    "seznam",
))
_EVERYBODYS_SITES = frozenset((
    "linkedin.com", "facebook.com", "instagram.com", "twitter.com", "x.com", "github.com", "google.com",
    "sites.google.com", "wordpress.com",
))
_LEGAL = frozenset((
    "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "llc", "llp", "lp", "plc",
    "gmbh", "mbh", "ag", "kg", "ug", "se", "sa", "sas", "sarl", "srl", "spa", "bv", "nv", "oy", "oyj", "ab", "as",
    "asa", "aps", "sl", "slu", "pty", "pvt", "pte", "kk", "sro", "zoo", "the", "and",
))
_NO_LETTER = re.compile("[^a-z0-9]+")
_PLAIN_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def normal_domain(said: object) -> str | None:
    """ "acme.com" of "https://www.Acme.com/about"; None where it is no domain or one that everybody may have."""
    if not isinstance(said, str):
        return None
    host = said.strip().lower()
    if not _PLAIN_HOST.fullmatch(host):
        host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", host)
        host = re.split(r"[/?#:\s]", host, maxsplit=1)[0].rsplit("@", 1)[-1].strip(".")
    host = host.removeprefix("www.")
    if "." not in host or len(host) > 253:
        return None
    labels = host.split(".")
    short = len(labels) == 2 or (len(labels) == 3 and labels[1] in ("co", "com"))
    return None if host in _EVERYBODYS_SITES or (short and labels[0] in _EVERYBODYS) else host


def normal_name(said: str) -> str:
    """Words in lower case without accents, punctuation and legal forms; "" where no letter is left."""
    if said.isascii():
        letters = _NO_LETTER.sub(" ", said.lower())
    else:
        plain = unicodedata.normalize("NFKD", said).casefold()
        letters = "".join(
            letter if letter.isalnum() else " " for letter in plain if not unicodedata.combining(letter))
    words = letters.split()
    telling = [word for word in words if word not in _LEGAL]
    return " ".join(telling or words)
