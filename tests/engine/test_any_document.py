"""Whatever stands in a file, the answer is a playbook or findings: never a traceback, and nothing is ever half read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from steward.engine.case_file import read_cases
from steward.engine.document import Block, read
from steward.engine.field_table import (
    CASE_TABLE,
    CLOCK_TABLE,
    FIELD_TABLE,
    MESSAGE_TABLE,
    MODIFIER_TABLE,
    RUNG_TABLE,
    STEP_TABLE,
    TRIGGER_TABLE,
    FieldDoc,
)
from steward.engine.findings import Findings, errors_of
from steward.engine.playbook_reader import read_playbook
from steward.facts.catalog import catalog as whole_catalog
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec

FACTS: Mapping[str, FactSpec] = whole_catalog()


def words(tables: tuple[tuple[FieldDoc, ...], ...]) -> list[str]:
    """Every word that a table knows, those inside its fields too."""
    found = [doc for table in tables for doc in table]
    return sorted({doc.name for doc in found} | {inner.name for doc in found for inner in doc.fields})


KEYS = words((FIELD_TABLE, STEP_TABLE, MODIFIER_TABLE, RUNG_TABLE, TRIGGER_TABLE, MESSAGE_TABLE, CASE_TABLE, CLOCK_TABLE))
VALUES = st.one_of(
    st.sampled_from([*KEYS, "csm", "3d", "10%", "health.score < 60", "opportunity.closed_won", "2d..3d", "do[0]", "", "it",
                     "all", "any", "not", "acme", "account.arr >= ", "x in []", "x in [,]", "account.segment in ['", "²d",
                     "9" * 40, "health.score < ²", "account.since_on == 0000-00-00", "{{", "1 per ²d"]),
    st.integers(-1, 10**6), st.none(), st.booleans(), st.text(max_size=6))
ANYTHING: st.SearchStrategy[Any] = st.recursive(VALUES, lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*KEYS, "all", "any", "not", "acme", "3d"]), inner,
                                                 max_size=4)), max_leaves=12)
DOCUMENTS = st.dictionaries(st.sampled_from([doc.name for doc in FIELD_TABLE]), ANYTHING, max_size=8)


@given(DOCUMENTS)
@example({"id": "a", "title": "t", "why": "w", "when": "health.score < 1", "do": [{"wait": "²d"}], "at_most": "² per 3d"})
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_playbook_or_findings(written: dict[str, Any]) -> None:
    """A colleague's slip must never look like our bug."""
    text = json.dumps(written)
    findings = Findings("it.yaml", text)
    try:
        node = read(text, "it.yaml")
    except PlaybookError:
        return
    assert isinstance(node, Block)

    playbook = read_playbook(node, "it.yaml", FACTS, findings)

    assert playbook is not None or errors_of(findings.found)


@given(st.dictionaries(st.sampled_from(["clock", "cases"]), st.one_of(ANYTHING, st.lists(ANYTHING, max_size=2))))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cases_or_findings(written: dict[str, Any]) -> None:
    """The same for what is written beside it."""
    with contextlib.suppress(PlaybookError):
        assert isinstance(read_cases(json.dumps(written), "it.cases.yaml", FACTS).cases, tuple)
