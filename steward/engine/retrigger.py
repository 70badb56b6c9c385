"""Whether a field that a step writes feeds a fact: names are compared, as no vendor's schema is known here."""

from __future__ import annotations

import re

from steward.engine.expression import Scalar
from steward.engine.language import UpdateStep
from steward.engine.literals import LiteralError, parse_literal
from steward.model.facts import FactSpec

_WORDS = re.compile(r"[\w.]+")
_CUSTOM = re.compile(r"__c$")


def feeds(field: str, spec: FactSpec) -> bool:
    """Whether `field`, as the target names it ("CS_Risk__c"), is named by the fact's source, or is its own name."""
    wanted = _plain(field)
    own = {_plain(spec.name), _plain(spec.name.rsplit(".", 1)[-1])}
    sources = {_plain(part) for word in _WORDS.findall(spec.source) for part in (word, word.rsplit(".", 1)[-1])}
    return wanted in own | sources


def value_written(update: UpdateStep, spec: FactSpec) -> Scalar | None:
    """What the fact will be once the step has written a constant; None where a template decides, or it does not fit."""
    if "{{" in update.value:
        return None
    try:
        return parse_literal(update.value, spec)
    except LiteralError:
        return None


def _plain(name: str) -> str:
    return _CUSTOM.sub("", name).lower().replace("_", "").replace(".", "")
