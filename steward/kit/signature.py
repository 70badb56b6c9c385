"""Who made a call to us: comparing a keyed hash of the raw body with the one that came with it."""

from __future__ import annotations

import hashlib
import hmac

from steward.model.errors import SignatureRejected


def hex_hmac(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    """The lower-case hexadecimal HMAC of `body`."""
    return hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()


def require(system: str, expected: str, given: str | None) -> None:
    """Return where `given` is `expected`, in time that does not tell how much of it is right.

    Raises:
        SignatureRejected: it is absent or another one.
    """
    if not given:
        raise SignatureRejected(f"{system}: the call is not signed. Check the signing secret at the sender.")
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass")):
        raise SignatureRejected(
            f"{system}: the signature of the call is wrong. Make the signing secret the same here and at the sender."
        )
