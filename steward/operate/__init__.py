"""What a person may do: each in one transaction with its line in the audit, and the same again changes nothing."""

from steward.operate.answers import Acknowledged, acknowledge, acknowledge_in, acknowledged_card, retry, retry_call
from steward.operate.enrollments import Enrolled, Moved, approve, approve_step, enroll, migrate
from steward.operate.identity import keep_apart, merge
from steward.operate.listeners import listen, unlisten
from steward.operate.playbooks import Released, apply, pause, resume, retire, rollback
from steward.operate.silences import silence, unsilence

__all__ = [
    "Acknowledged", "Enrolled", "Moved", "Released", "acknowledge", "acknowledge_in", "acknowledged_card", "apply",
    "approve", "approve_step", "enroll", "keep_apart", "listen", "merge", "migrate", "pause", "resume", "retire",
    "retry", "retry_call", "rollback", "silence", "unlisten", "unsilence",
]
