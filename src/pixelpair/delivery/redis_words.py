"""How events, withdrawals and verdicts are told to the outbox in Redis, and rows read from it.

Knows the shape of an event's head and of a key, and where a spool keeps its own word.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from decimal import Decimal
from typing import TYPE_CHECKING, Final

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
from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pixelpair.delivery.ledger import State
    from pixelpair.delivery.outbox import Key, Verdict

# One script may take so much, in which Redis serves nobody else: 12 µs an event. A chunk of a
# journal fits.
RECORDS: Final = 10_000
BYTES: Final = 8 << 20
ID_FILE: Final = "spool.id"


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


def of_verdict(verdict: Verdict, twins: Iterable[Twin], name: str) -> tuple[str, object, object]:
    """What it is called, and what more there is to say."""
    match verdict:
        case Delivered():
            return "delivered", b"".join(map(mark, twins)), name
        case Dead(reason):
            return "dead", reason, 0
        case RetryAt(when, _, counted):
            return "retry", float(when), int(counted)
        case Hold():
            return "held", "", 0


def rows_of(answer: list[bytes]) -> list[Row]:
    """What a claim gave."""
    words = answer[0].replace(b"-0", b"").split()
    rows = []
    for number, tries, record in zip(words[::2], words[1::2], answer[1:], strict=True):
        twin = Twin.unpack(record)
        rows.append(Row(key_of(int(number), twin.pixel_id), twin, int(tries)))
    return rows


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
