"""The queue between the journals and Meta: what every outbox promises.

An outbox knows which events wait, which are dead and which were delivered lately; it knows
neither Graph nor journals, only how far each journal has been taken in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

import orjson

from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pixelpair.core.events import Twin, Withdrawal
    from pixelpair.delivery.ledger import Purchase

Key = int | str | bytes
Verdict = Delivered | RetryAt | Hold | Dead

# A webhook or a second device repeats a derived or given id within Meta's own 7 days; any other
# id can only come again from a record that was read twice.
REMEMBER_LASTING: Final = 8 * 86400.0
REMEMBER: Final = 3600.0
# For so long an event of a visitor who withdrew may still come: an order that was sealed before is
# paid (`core/sealed.py`). Of 100 bytes each; beyond that number the oldest are forgotten.
REMEMBER_WITHDRAWAL: Final = 90 * 86400.0
WITHDRAWALS: Final = 100_000
# Dead letters wait so long for somebody to look.
KEEP_DEAD: Final = 30 * 86400.0

# How a body, which orjson wrote, begins to tell its visitor's `_fbp`. In a text it would read \".
FBP_KEY: Final = b'"fbp":"'


class Row(NamedTuple):
    """One queued event, and how many counted tries it has behind it."""

    key: Key
    twin: Twin  # a thousand of them a call: a frozen dataclass takes three times as long
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that will not be delivered, why, and since when."""

    key: Key
    twin: Twin
    reason: str
    died: float


@dataclass(frozen=True, slots=True)
class Stats:
    """Where the events are; `oldest` is the event_time of the one that is queued longest.

    `withdrawn` counts the events that their visitor called back before they had left, and those
    that were erased. `in_flight` of the queued ones are being sent; None: only the sender knows.
    """

    queued: int = 0
    dead: int = 0
    delivered: int = 0
    oldest: int | None = None
    withdrawn: int = 0
    in_flight: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many events of one pixel and name are where.

    `oldest` is the least event_time of the queued ones; None where there are none, or where the
    outbox would have to read them all.
    """

    pixel_id: str
    event_name: str
    queued: int = 0
    dead: int = 0
    delivered: int = 0
    oldest: int | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pixel's events do not leave, and since when. `held`: a person has to act."""

    pixel_id: str
    reason: str
    since: float
    held: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """Whether an outbox has room for more, and how many dead letters were deleted for that."""

    enough: bool = True
    dropped: int = 0


class Queue(Protocol):
    """What events are sent from."""

    def lanes(self) -> list[str]:
        """The pixels that events wait for, due or not."""

    def claim(self, limit: int, now: float, pixel_id: str | None = None) -> list[Row]:
        """Due events, oldest first, of this pixel (None: of all); given again only after
        `settle` or when the outbox is opened anew, as after a crash."""

    def settle(self, verdicts: Iterable[tuple[Key, Verdict]], now: float) -> None:
        """Obey the verdicts on claimed events; one that is gone meanwhile stays away."""

    def note(self, pixel_id: str, trouble: Trouble | None) -> None:
        """Remember why a pixel's events do not leave, in place of what was noted before; None:
        they do."""


class Outbox(Queue, Protocol):
    """At least once, and once as far as ids can tell.

    An event is known by (pixel, name, id). While one waits, and for a while after its delivery,
    another of the same identity is not taken in. One with a `fault` becomes a dead letter at
    once; of the dead letters of one identity the newest is kept, and none longer than was said
    when the outbox was made.
    """

    def put_many(
        self,
        records: Iterable[Twin | Withdrawal],
        source: str | None = None,
        offset: int | None = None,
    ) -> int:
        """Take events in, and note in the same transaction how far `source` has been read.

        A withdrawal deletes what waits of its visitor up to its time, dead letters too, and for
        a while more of that is not taken in, whatever it is read from. What is claimed already
        may arrive, but does not come back. Gives how many events were new."""

    def make_room(self) -> Room:
        """Whether there is room for more, which otherwise has to wait where it is; the oldest
        dead letters are deleted for it."""

    def offset(self, source: str) -> int:
        """How far this journal has been taken in."""

    def forget(self, source: str) -> None:
        """The journal is gone."""

    def sources(self) -> list[str]:
        """The journals that an offset is kept for."""

    def stats(self) -> Stats: ...

    def dead(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""

    def replay(self, keys: Iterable[Key] | None = None) -> int:
        """Queue dead letters (None: all) again, and give how many. One that carries a fault
        stays dead, one that was delivered meanwhile is let go."""

    def purge(self, keys: Iterable[Key] | None = None) -> int:
        """Delete dead letters (None: all) for good, and give how many."""

    def tallies(self) -> list[Tally]:
        """Where the events are, by pixel and name in this order; `delivered` since the outbox
        began. A pixel and name of which nothing was ever counted has no tally."""

    def queued(self) -> Iterator[Row]:
        """Every queued event, claimed or not, oldest first, read page by page: what comes or goes
        meanwhile may be in it or not."""

    def letters(self) -> Iterator[DeadLetter]:
        """Every dead letter, newest first, read page by page like `queued`."""

    def purchases(self) -> Iterator[Purchase]:
        """The ledger: every Purchase that was ever put, and what became of it, in no order, read
        page by page. Kept for KEEP_PURCHASES after the event's time; outlives the event, also where
        that was withdrawn, erased or purged."""

    def purchases_since(self) -> float:
        """From when on the ledger is whole: a Purchase before may be unknown."""

    def erase(self, keys: Iterable[Key]) -> int:
        """Delete queued events, claimed or not, and give how many. They count as withdrawn and
        are remembered like delivered ones: the same event is not taken in again for a while."""

    def troubles(self) -> list[Trouble]:
        """What was noted, in the order of pixels."""

    def sync(self) -> None:
        """What was put or settled survives a power cut from here on."""

    def close(self) -> None: ...


@runtime_checkable
class Bypass(Protocol):
    """What an outbox promises beside, if events may be sent before it has them."""

    def known(self, twins: Sequence[Twin], digests: Sequence[bytes]) -> set[bytes]:
        """The identities of those that `put_many` would not take in: they wait, were delivered
        lately, or their visitor withdrew."""

    def settle_new(
        self, sent: Sequence[Row], kept: Sequence[tuple[Row, RetryAt | Dead]], now: float
    ) -> None:
        """Events that were never put, whose keys are their identities, were delivered, or kept
        for a reason: it is as if all had been put, claimed and settled."""


def digest(twin: Twin) -> bytes:
    """An event's identity in 16 bytes."""
    identity = f"{twin.pixel_id}\0{twin.event_name}\0{twin.event_id}"
    return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def digests(twins: Sequence[Twin]) -> list[bytes]:
    """The identities of many."""
    return [
        hashlib.blake2b(
            f"{pixel_id}\0{name}\0{event_id}".encode("utf-8", "surrogatepass"), digest_size=16
        ).digest()
        for pixel_id, name, event_id, *_ in twins
    ]


def remember_for(lasting: bool) -> float:
    """How long a delivered event's identity is kept, in seconds."""
    return REMEMBER_LASTING if lasting else REMEMBER


def borne_fbp(body: bytes) -> bytes | None:
    """The visitor's `_fbp` as it stands in an event's body."""
    _, key, rest = body.partition(FBP_KEY)
    return rest.partition(b'"')[0] if key else None


def sought_fbp(withdrawal: Withdrawal) -> bytes:
    """The withdrawn `_fbp` as it would stand in an event's body."""
    return orjson.dumps(withdrawal.fbp)[1:-1]
