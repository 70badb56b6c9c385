"""Everything Steward raises on purpose: what happened, to which thing, what to do.

    StewardError
    ├── ConfigError            the operator must change a setting                    exit 2
    ├── PlaybookError          file:line:column, expected, found, did you mean       exit 2
    ├── TryAgain               it did not happen; the same call may work later
    │   ├── RateLimited        after retry_after_s
    │   └── Unavailable        could not connect, 503; any 5xx on a read
    ├── GiveUp                 it did not happen and will not, until a person acts
    │   ├── AccessDenied  RecordRejected(field)  SignatureRejected
    │   └── ReceiverGone       it wants nothing more, ever (410)
    └── LookFirst              it may have happened
        └── OutcomeUnknown     the line broke after sending, or 500/502/504 answered a write
"""

from __future__ import annotations

from steward.model.words import storable


class StewardError(Exception):
    """Anything that Steward says in words; `str(error)` is the whole message and holds no secret.

    It may quote a vendor: what no database can hold (NUL, half a character) is replaced.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(storable(message))


class ConfigError(StewardError):
    """The operator must change a setting."""


class PlaybookError(StewardError):
    """A playbook cannot be used.

    `findings` are the single faults; `str(error)` prints them all as `file:line:column: …`.
    """

    def __init__(self, message: str, findings: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings


class TryAgain(StewardError):
    """It did not happen; the same call may work later."""


class RateLimited(TryAgain):
    """The target asked us to slow down; `retry_after_s` is its own word, or None where it gave none."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(TryAgain):
    """Could not connect, or the target is down."""


class GiveUp(StewardError):
    """It did not happen and will not, until a person acts."""


class AccessDenied(GiveUp):
    """The credentials are wrong, expired or lack a permission."""


class RecordRejected(GiveUp):
    """The target refused this record; `field` names what it refused, where it said so."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ReceiverGone(GiveUp):
    """The receiver said that it is gone for good (410): nothing more is sent to it."""


class SignatureRejected(GiveUp):
    """A call to us was not signed by who it says it is from."""


class LookFirst(StewardError):
    """It may have happened."""


class OutcomeUnknown(LookFirst):
    """The line broke after sending, or 500, 502 or 504 answered a write; call `find` first."""
