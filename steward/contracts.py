"""What a connector is. A connector holds no state between calls, writes no file, reads no environment,
and raises only the errors of `steward.model.errors`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NewType, Protocol, runtime_checkable

from steward.model.actions import Action, DeliveryClass, IdempotencyKey, Receipt
from steward.model.errors import StewardError
from steward.model.records import Noun, Record, Refusal

if TYPE_CHECKING:
    from pathlib import Path

    import polars
    from pydantic import BaseModel

    from steward.kit.sandbox import Sandbox

Cursor = NewType("Cursor", str)
"""Where to resume a stream; only the connector that wrote it can read it."""


BY_CONTENT = "content:"
"""How the name of a delivery begins that is made of all that the delivery says."""


Leases = Callable[[str, Callable[[str], str]], None]
"""`leases(name, change)`: what is kept under `name` ("" at first) becomes what `change` makes of it, one process at
a time; `change` may be called again where the first try came to nothing."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a connector may use of the outside world besides its own target.

    `now` gives an aware UTC instant, `sleep` waits for seconds, `deadline_s` is the most that one
    HTTP call may take from connect to last byte. `public_url` is where callers reach us, for signatures.
    `leases` is where the budgets of calls (`steward.kit.budget`) are kept for all processes of the install; None:
    each process keeps its own.
    """

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    deadline_s: float = 30.0
    public_url: str = ""
    leases: Leases | None = None


@dataclass(frozen=True, slots=True)
class SourceField:
    """A field as the source describes it: `kind` in its own words ("picklist"), `values` where it lists all of them."""

    kind: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a stream, and the cursor that may be stored once they are.

    `usage` is a polars frame with the columns `account_external_id` (text), `day` (date) and one numeric
    column for each usage metric; a day that is sent again replaces that day. `watermark`: every change
    in the source before it is in this page or an earlier one; set on the last page of a pull.
    `progress` is the share of this pull that is done, 0 to 1, where it is known. `anew`: a file that is read from
    its beginning with this page ("accounts.csv"); what was refused in it before ("accounts.csv row 17") is over
    once the pull has ended. `schema`: by the source's own names, all fields that its objects or files have now
    ({"Account": {"Name": …}}), mapped or not; what changed of them since is noticed. Once in a pull is enough; an
    object that is not named is not judged.
    """

    records: Sequence[Record]
    cursor: Cursor
    refusals: Sequence[Refusal] = ()
    usage: polars.DataFrame | None = None
    watermark: datetime | None = None
    progress: float | None = None
    anew: str = ""
    schema: Mapping[str, Mapping[str, SourceField]] = field(default_factory=dict)


class Source(Protocol):
    """Reads records."""

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        """Every page of `stream` that changed since `after`; all of them when None.

        Stopping after any page and pulling again from its cursor loses nothing.
        """
        ...


@runtime_checkable
class Refetch(Protocol):
    """A source that can be asked for single records again: those that were refused, or that a person doubts."""

    def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
        """Those of the records as they are now, deleted ones as such where the source still knows of them; an id that
        is not there any more is left out.

        The pages' cursors and watermarks say nothing. Raises what `pull` raises.
        """
        ...


class Sink(Protocol):
    """Delivers actions."""

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Make the change, or (class A) return the receipt of the one that `key` already made."""
        ...

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """The receipt of what `key` made before, None where it provably made nothing.

        Raises:
            OutcomeUnknown: the target cannot tell (delivery class C).
        """
        ...


@runtime_checkable
class BatchSink(Sink, Protocol):
    """A sink whose target takes many changes in one call and answers for each. One without it is asked one by one."""

    @property
    def batches(self) -> Mapping[str, int]:
        """By kind of action, how many at most in one `deliver_many`; a kind that is not here goes one by one."""
        ...

    def deliver_many(self, actions: Sequence[tuple[Action, IdempotencyKey]]) -> Sequence[Receipt | StewardError]:
        """What became of each, in the order given; all are of one kind, and no key is there twice.

        What `deliver` would raise for one of them stands in its place. Raised is only what holds for all of them:
        the target is down, the access is denied. RecordRejected may be raised too where the target refuses the whole
        for the sake of one and nothing was done: then each is delivered alone.
        """
        ...


class Inbox(Protocol):
    """Takes calls that the vendor makes to us."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise SignatureRejected unless the vendor made this call. `headers` have lower-case names;
        `:method` and `:url` hold the method and the public URL that was called."""
        ...

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        """The name of this delivery: the same when the vendor sends it again.

        Two bodies under one name are kept both, and a person must compare them. Where the vendor writes something
        of its own into a body that it sends again, the name is `BY_CONTENT` and a hash of all the rest: then what
        has the same name is the same.
        """
        ...

    def parse(self, body: bytes) -> Sequence[Record]:
        """The records in a verified body; raises RecordRejected where it is not what was promised.

        A body may be read long after it came, and again: parts of a record that have no `modified_at`, and a response
        without `responded_at`, are of the moment in which the call was received.
        """
        ...


@runtime_checkable
class Asking(Protocol):
    """An inbox whose calls people make, by a link: its page asks once more, as whatever previews a link opens it."""

    def question(self, query: Mapping[str, str]) -> str:
        """What the link with this query would say, as a question. Raises SignatureRejected where it is none of ours."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A sink of `tell_listener` that knows, before anything happens, which addresses it would refuse."""

    def may_tell(self, target_url: str) -> None:
        """Raises RecordRejected where an event would never be posted to `target_url`; contacts nobody."""
        ...


class Socket(Protocol):
    """A line that we open, on which the vendor calls us: for installs that nothing outside can reach."""

    def listen(self, take: Callable[[bytes], None], stopping: threading.Event) -> None:
        """Hand the body of each call to `take`, as `Inbox.parse` reads it, and say yes to the vendor once that returns.

        Returns once `stopping` is set; opens the line again whenever it breaks.

        Raises:
            AccessDenied: the vendor lets nobody in with these settings.
        """
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `connector check`: what was looked at, whether it is well, and what to do if not."""

    what: str
    ok: bool
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connector with one company's settings. The parts it has; `check` makes harmless calls only."""

    source: Source | None = None
    sink: Sink | None = None
    inbox: Inbox | None = None
    socket: Socket | None = None            # besides the inbox, which reads what comes on it
    check: Callable[[], Sequence[Finding]] = field(default=lambda: ())


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record that a source can pull; `usage` streams give frames instead of records."""

    noun: Noun | None
    meaning: str
    usage: bool = False


@dataclass(frozen=True, slots=True)
class Connector:
    """The manifest. `load_*` are called late so that listing connectors imports no vendor library.

    `streams` are pulled in their order: what others point at comes first. `waivers` exempt the connector
    from a rule of the battery, with the reason. `confirmed`: what we rely on at the vendor ("Retry-After is
    in seconds"), and who says so: "official spec …", "client library …", "third party …", else "UNCONFIRMED".
    `needs`: by module, the extra of Steward that brings it, where the connector cannot do without.
    """

    name: str
    title: str
    load_settings: Callable[[], type[BaseModel]]
    connect: Callable[[Any, Tools], Connection]
    load_sandbox: Callable[[], type[Sandbox]]
    streams: Mapping[str, Stream] = field(default_factory=dict)
    actions: Mapping[str, DeliveryClass] = field(default_factory=dict)
    tells_deletions: bool = True            # else the nightly round compares ids, for which the source is a Refetch
    inbox: bool = False
    socket: bool = False                    # it can also be called on a line that we open
    folder: Path | None = None
    waivers: Mapping[str, str] = field(default_factory=dict)
    confirmed: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
