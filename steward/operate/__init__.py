"""What a person may do: each in one transaction with its line in the audit, and the same again changes nothing."""

from steward.operate.answers import Acknowledged, acknowledge, acknowledge_in, acknowledged_card, retry, retry_call
from steward.operate.enrollments import Enrolled, approve, approve_step, enroll
from steward.operate.identity import keep_apart, merge
from steward.operate.playbooks import Released, apply, pause, resume, retire, rollback

__all__ = [
    "Acknowledged", "Enrolled", "Released", "acknowledge", "acknowledge_in", "acknowledged_card", "apply", "approve",
    "approve_step", "enroll", "keep_apart", "merge", "pause", "resume", "retire", "retry", "retry_call", "rollback",
]
