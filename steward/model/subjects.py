"""Ids of the subjects that playbooks enrol besides accounts: contacts and opportunities."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

_NAMESPACE = uuid5(NAMESPACE_URL, "steward/subject")


def subject_id(kind: str, connection: str, external_id: str) -> str:
    """ "con_5f3a…" of a contact, "opp_…" of an opportunity: the same record has the same id for ever."""
    return f"{kind[:3]}_{uuid5(_NAMESPACE, f'{kind}/{connection}/{external_id}').hex[:20]}"
