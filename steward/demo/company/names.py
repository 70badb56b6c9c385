"""Names of accounts and people, the clean ones and those that a CRM really holds."""

from __future__ import annotations

import random
from dataclasses import dataclass

_STARTS = ("Al", "Bra", "Ca", "Dor", "El", "Fa", "Gri", "Hal", "In", "Jo", "Kel", "Lu", "Mar", "Nor", "Or", "Pel",
           "Qui",
           "Ro", "Sa", "Tor", "Ul", "Vel", "Wes", "Xan", "Yo", "Zan", "Ber", "Cro", "Den", "Er", "Flo", "Gal", "Hun",
           "Is",
           "Kas", "Li", "Mon", "Nim", "Os", "Pra", "Ri", "Ste", "Tha", "Vi", "Wil", "Bo", "Che")
_MIDDLES = ("ba", "cen", "do", "fi", "gan", "hu", "ki", "lo", "men", "na", "pe", "ri", "so", "tan", "u", "ve", "wi",
            "xi",
            "ya", "zo", "bri", "cla", "dri", "fra", "gle", "kro", "ma", "nu", "pla", "ste", "tri")
_ENDS = ("con", "da", "fex", "gro", "jet", "kor", "lan", "mix", "nex", "pax", "quor", "ria", "sen", "tek", "vant",
         "wen", "zia",
         "bit", "cor", "dyn", "lio", "mer", "nova", "phor", "rix", "syn", "tis", "vo", "well")
_TRADES = ("Robotics", "Logistics", "Health", "Foods", "Energy", "Media", "Software", "Bank", "Retail", "Insurance",
           "Labs",
           "Travel", "Motors", "Pharma", "Telecom", "Learning")
_FORMS = {"US": "Inc.", "DE": "GmbH", "GB": "Ltd", "FR": "SAS", "IN": "Pvt Ltd", "BR": "Ltda", "JP": "K.K.",
          "AU": "Pty Ltd",
          "AE": "LLC", "SE": "AB"}
_PLACES = (                                     # country, its share, its zones
    ("US", 38, ("America/New_York", "America/Chicago", "America/Los_Angeles")), ("DE", 14, ("Europe/Berlin",)),
    ("GB", 14, ("Europe/London",)), ("FR", 8, ("Europe/Paris",)), ("IN", 7, ("Asia/Kolkata",)),
    ("BR", 5, ("America/Sao_Paulo",)), ("JP", 4, ("Asia/Tokyo",)), ("AU", 4, ("Australia/Sydney",)),
    ("AE", 3, ("Asia/Dubai",)), ("SE", 3, ("Europe/Stockholm",)),
)
CURRENCIES = {"DE": "EUR", "FR": "EUR", "GB": "GBP"}
COUNTRY_NAMES = {"US": "United States", "DE": "Germany", "GB": "United Kingdom", "FR": "France", "IN": "India",
                 "BR": "Brazil",
                 "JP": "Japan", "AU": "Australia", "AE": "United Arab Emirates", "SE": "Sweden"}
_FIRST = ("Ana", "Bo", "Chidi", "Dee", "Emre", "Fatima", "Goran", "Hana", "Ivan", "Jun", "Karin", "Liam", "Mei", "Noor",
          "Oscar", "Priya", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Vera", "Wes", "Ximena", "Yara", "Zoë")
_LAST = ("Ruiz", "Okafor", "Meyer", "Tanaka", "Silva", "Novak", "Khan", "Dubois", "Larsson", "Rossi", "Haddad",
         "Patel", "Kim",
         "O'Brien", "Schäfer", "García", "Nguyen", "Kowalski", "Mensah", "Ivanov", "Smith", "de la Cruz", "Öztürk",
         "Lee",
         "Müller-Lüdenscheidt")

HOSTILE = (                                     # what people, imports and attackers put into a name field
    "<!channel>", '=HYPERLINK("http://evil","x")', "שלום עולם בע\"מ", "🚀 Rocket & Söhne <GmbH>",
    "<@U0STEWARD> Holdings",
    "\u202egnp.eciovni\u202c Trading", "{{ account.arr }} {{7*7}}", "<https://evil.example|Acme>",
    "Robert'); DROP TABLE accounts;--", "<script>alert(1)</script>", "@SUM(1+1)*cmd|' /C calc'!A0", "مجموعة النور",
    "Null", "  Leading and trailing  ", "-2+3 Consulting", "The " + "Very " * 40 + "Long Name Company",
)
_HOSTILE_EVERY, _HOSTILE_AT = 23, 5


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an account is: `name` as it would like to be written, `core` its coined word, `domain` always its own."""

    name: str
    core: str
    domain: str
    form: str
    country: str
    timezone: str
    hostile: bool


def identity(seed: int, number: int, chance: random.Random) -> Identity:
    """The identity of account `number`; no two share a domain."""
    country, timezone = _place(chance)
    core, trade = _coined(seed, number), chance.choice(_TRADES)
    hostile = number % _HOSTILE_EVERY == _HOSTILE_AT
    name = HOSTILE[(number // _HOSTILE_EVERY) % len(HOSTILE)] if hostile else f"{core} {trade}"
    return Identity(name, core, f"{core.lower()}.example", _FORMS[country], country, timezone, hostile)


def variant(who: Identity, chance: random.Random) -> str:
    """The name as somebody else typed it."""
    if who.hostile:
        return who.name
    return chance.choice((
        f"{who.name}, {who.form}", f"{who.name} {who.form}".upper(), f"{who.name.lower()} ", who.core,
        f"{who.name} ({who.country})", f"The {who.name} {who.form}",
    ))


def person(chance: random.Random) -> tuple[str, str]:
    """First and last name."""
    return chance.choice(_FIRST), chance.choice(_LAST)


def email(first: str, last: str, domain: str, number: int) -> str:
    """An address of letters, digits and dots; `number` keeps namesakes apart."""
    local = "".join(each for each in f"{first}.{last}".lower() if each.isascii() and (each.isalnum() or each == "."))
    return f"{local}{number or ''}@{domain}"


def _coined(seed: int, number: int) -> str:
    """A word for each number: a walk over all combinations that meets none twice."""
    whole = len(_STARTS) * len(_MIDDLES) * len(_ENDS)        # 47 x 31 x 29, all prime, so any step is coprime
    place = (number * 15_485_863 + seed * 7_919) % whole
    place, start = divmod(place, len(_STARTS))
    end, middle = divmod(place, len(_MIDDLES))
    word = _STARTS[start] + _MIDDLES[middle] + _ENDS[end]
    return word if number < whole else f"{word}{number // whole + 1}"


def _place(chance: random.Random) -> tuple[str, str]:
    country, _, zones = chance.choices(_PLACES, [share for _, share, _ in _PLACES])[0]
    return country, chance.choice(zones)
