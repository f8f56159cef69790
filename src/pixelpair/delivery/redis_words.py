"""How events, withdrawals and verdicts are told to the outbox in Redis, and rows read from it.

Knows the shape of an event's head and of a key, and where a spool keeps its own word.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from pixelpair.core.events import Twin, Withdrawal
from pixelpair.delivery import locks
from pixelpair.delivery.ledger import (
    KEEP_PURCHASES,
    PURCHASE,
    WAITING,
    Purchase,
    purchase_of,
)
from pixelpair.delivery.outbox import Row, borne_fbp, digest, sought_fbp
from pixelpair.delivery.redis_state import IDENTITY, NOBODY, VISITOR
from pixelpair.delivery.retry import Dead, Hold, RetryAt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pixelpair.delivery.ledger import State
    from pixelpair.delivery.outbox import Key

# One script may take so much, in which Redis serves nobody else: 12 µs an event. A chunk of a
# journal fits.
RECORDS: Final = 10_000
BYTES: Final = 8 << 20
ID_FILE: Final = "spool.id"
# How long the beginning of a head is that `mark` makes.
MARK: Final = IDENTITY + 1 + VISITOR


class Found(NamedTuple):
    """What was claimed, and the head of each: all that a verdict needs."""

    rows: list[Row]
    heads: list[bytes]

    def part(self, chosen: slice) -> Found:
        return Found(self.rows[chosen], self.heads[chosen])


def key_of(number: int | str, pixel_id: str) -> str:
    """A row's key: its number alone would not say in which stream it is."""
    return f"{number}/{pixel_id}"


def number_of(key: Key) -> str:
    return str(key).partition("/")[0]


def _visitor(pixel_id: str, fbp: bytes | None) -> bytes:
    if fbp is None:
        return NOBODY
    whose = pixel_id.encode("utf-8", "surrogatepass") + b"\0" + fbp
    return hashlib.blake2b(whose, digest_size=VISITOR).digest()


def mark(twin: Twin) -> bytes:
    """How an event's head begins: its identity, whether that is kept for days, its visitor."""
    kept = b"l" if twin.lasting else b"s"
    return digest(twin)[:IDENTITY] + kept + _visitor(twin.pixel_id, borne_fbp(twin.body))


def of_twin(twin: Twin) -> tuple[str, bytes, bytes, str, bytes]:
    """Its pixel, head, record and fault, and the ledger's word of a Purchase."""
    head = mark(twin) + f"{twin.met or twin.event_time} {twin.event_name}".encode()
    told = of_purchase(twin) if twin.event_name == PURCHASE else b""
    return twin.pixel_id, head, twin.pack(), twin.fault or "", told


def of_purchase(twin: Twin) -> bytes:
    """Until when a Purchase is known, and what of it."""
    _, event_id, order_id, value, currency, at, _ = purchase_of(twin, WAITING)
    said = (event_id, order_id, None if value is None else str(value), currency, at)
    return b"%d %b" % (max(0, at + KEEP_PURCHASES), orjson.dumps(said))


def purchase_from(pixel_id: str, word: bytes) -> Purchase:
    """What the ledger in Redis has of a Purchase."""
    state, _, said = word.partition(b" ")
    event_id, order_id, value, currency, at = orjson.loads(said)
    amount = None if value is None else Decimal(value)
    told: State = state.decode()  # type: ignore[assignment]
    return Purchase(pixel_id, event_id, order_id, amount, currency, at, told)


def of_withdrawal(withdrawal: Withdrawal) -> tuple[str, bytes, int]:
    """Its pixel, visitor and time."""
    visitor = _visitor(withdrawal.pixel_id, sought_fbp(withdrawal))
    return withdrawal.pixel_id, visitor, withdrawal.time


def portions(
    records: Iterable[Twin | Withdrawal],
) -> Iterator[tuple[list[Withdrawal], list[Twin]]]:
    """What one script may take at a time. Withdrawals first: they go for all events alike."""
    records = list(records)
    withdrawals = [record for record in records if isinstance(record, Withdrawal)]
    while len(withdrawals) > RECORDS:
        yield withdrawals[:RECORDS], []
        del withdrawals[:RECORDS]
    twins: list[Twin] = []
    size = 0
    for twin in records:
        if isinstance(twin, Withdrawal):
            continue
        if twins and (len(twins) >= RECORDS or size + len(twin.body) > BYTES):
            yield withdrawals, twins
            withdrawals, twins, size = [], [], 0
        twins.append(twin)
        size += len(twin.body)
    if withdrawals or twins:
        yield withdrawals, twins


def of_delivered(events: Iterable[tuple[Key, bytes]]) -> list[object]:
    """What is said of delivered events, given by key and head, group by group."""
    groups: dict[tuple[str, bytes, bytes], tuple[list[object], ...]] = {}
    for key, head in events:
        number, _, pixel_id = str(key).partition("/")
        kind = (pixel_id, head[MARK:].partition(b" ")[2], head[IDENTITY : IDENTITY + 1])
        if (group := groups.get(kind)) is None:
            group = groups[kind] = ([], [], [])
        group[0].append(number)
        group[1].append(head[:IDENTITY])
        group[2].append(head[IDENTITY + 1 : MARK])
    told: list[object] = []
    for kind, (numbers, identities, visitors) in groups.items():
        told += (*kind, len(numbers), *numbers, *identities, *visitors)
    return told


def of_verdict(verdict: RetryAt | Hold | Dead) -> tuple[str, object, object]:
    """What it is called, and what more there is to say."""
    match verdict:
        case Dead(reason):
            return "dead", reason, 0
        case RetryAt(when, _, counted):
            return "retry", float(when), int(counted)
        case Hold():
            return "held", "", 0


def found(answer: list[bytes]) -> Found:
    """What a claim gave."""
    told, heads = answer[0].replace(b"-0", b"").split(), answer[1::2]
    kept = zip(told[::2], answer[2::2], map(int, told[1::2]), strict=True)
    return Found([_row(number, record, tries) for number, record, tries in kept], heads)


def unread(entries: list[tuple[bytes, list[bytes]]]) -> Found:
    """What came straight from a stream."""
    rows = [_row(entry[:-2], fields[3]) for entry, fields in entries]
    return Found(rows, [fields[1] for _, fields in entries])


def _row(number: bytes, record: bytes, tries: int = 0) -> Row:
    twin = Twin.unpack(record)
    return Row(f"{number.decode()}/{twin.pixel_id}", twin, tries)


def fitting(rows: Sequence[Row]) -> int:
    """How many of these one claim may give; one at the least."""
    sizes = [len(row.twin.body) for row in rows]
    if sum(sizes) <= BYTES:
        return len(rows)
    return max(1, sum([size <= BYTES for size in itertools.accumulate(sizes)]))


def spool_id(spool: Path) -> str:
    """What tells this spool's journals from those of other hosts: a word in a file beside them.

    Made once, so it moves with the folder, and is shared by all who share that.
    """
    path = spool / ID_FILE
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        spool.mkdir(mode=locks.PRIVATE_FOLDER, parents=True, exist_ok=True)
    fresh = spool / f".{ID_FILE}-{secrets.token_hex(8)}.tmp"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, locks.PRIVATE_FILE)
    try:
        os.write(fd, secrets.token_hex(8).encode())
        os.fsync(fd)
        os.link(fresh, path)
    except FileExistsError:
        pass  # another process was faster
    finally:
        os.close(fd)
        fresh.unlink()
    return path.read_text("ascii").strip()
