"""What lies on the disk and what is signed: damaged or changed, it is never taken for another."""

from __future__ import annotations

from functools import cache

from pixelpair.core import sealed
from pixelpair.core.events import Twin, Withdrawal
from pixelpair.core.identity import Keepsake
from pixelpair.core.rehearsal import admits, ticket
from pixelpair.core.seals import Seal, page_text
from pixelpair.delivery.frames import frame, read_frames
from pixelpair.delivery.sources import opened, unpack
from tests.core.test_sealed import visitor

from . import scratch
from .pieces import cut, drawn

MOST_EDITS = 3  # more could by and by write a frame of their own, and its sum


def frames(data: bytes) -> None:
    """Any bytes as a journal, read whole and as they come; what is no frame is stepped over."""
    whole = read_frames(data, final=True)
    assert whole.consumed == len(data)
    assert whole.skipped == len(data) - sum(len(frame(found)) for found in whole.payloads)
    at = 0
    for payload in whole.payloads:
        at = data.index(frame(payload), at) + len(frame(payload))
    draw = drawn(data)
    payloads, start = [], 0
    for stop in [*sorted(draw.randint(0, len(data)) for _ in range(4)), None]:
        found = read_frames(data[start:stop], stop is None)
        payloads += found.payloads
        start += found.consumed
    assert payloads == whole.payloads
    for record in unpack(whole.payloads):
        assert isinstance(record.pixel_id, str)
    for line in data.split(b"\n\n"):
        unpack([line])
        unpack([line, line])


def _twin(number: int) -> Twin:
    body = b'{"event_name":"Purchase","event_id":"%032x","user_data":{}}' % number
    return Twin("1234567890", "Purchase", f"{number:032x}", 1_760_000_000, body)


RECORDS = [
    _twin(1),
    _twin(2)._replace(lasting=True, consent="granted", met=1_750_000_000),
    Withdrawal("1234567890", "fb.1.1750000000000.1116446470", 1_760_000_000),
    _twin(3)._replace(fault="has no currency"),
    _twin(4),
]
FRAMES = [frame(record.pack()) for record in RECORDS]
JOURNAL = b"".join(FRAMES)


def journal(data: bytes) -> None:
    """Edits of a good journal, four bytes each: what, where, how much."""
    damaged, first = JOURNAL, len(JOURNAL)
    for edit in cut(data, range(4, len(data), 4))[:MOST_EDITS]:
        what, *where, much = edit.ljust(4, b"\0")
        at = int.from_bytes(where) % (len(damaged) + 1)
        damaged = _edited(damaged, what % 5, at, much)
        first = min(first, at)
    path = scratch.folder() / "journal-1-1.pxj"
    path.write_bytes(damaged)
    with opened(path, 0) as source:
        found = [record for chunk in source.chunks() for record in chunk.records]
        assert source.read_up
    stood = [n for n in range(len(FRAMES)) if sum(map(len, FRAMES[: n + 1])) <= first]
    assert found[: len(stood)] == RECORDS[: len(stood)]
    assert all(record in RECORDS for record in found), found


def _edited(data: bytes, what: int, at: int, much: int) -> bytes:
    before, after = data[:at], data[at:]
    if what == 0:
        return before + bytes([much]) + after[1:]
    if what == 1:
        return before + after[much:]
    if what == 2:
        return before + b"\0" * much + after
    if what == 3:
        return before
    return before + data[at : at + much * 4] + after


# --- what is signed ------------------------------------------------------------------------------

SECRETS = (b"the newest secret of these tests", b"the oldest")
NOW = 1_760_000_000
HOST = "www.shop.example"
PAGES = Seal(SECRETS, "1234567890")
KEPT = Keepsake(SECRETS, "1234567890")


@cache
def issued() -> frozenset[bytes]:
    """All that was ever signed with these secrets, but for the cookie."""
    pages = [page_text("/tea", [["PageView", {}]]), page_text("/", [])]
    texts = [PAGES.seal(page) for page in pages]
    texts += [sealed.seal(visitor(), SECRETS, NOW), ticket(SECRETS, HOST, NOW)]
    texts += [ticket(SECRETS[1:], HOST, NOW)]
    return frozenset(text.encode() for text in texts)


@cache
def cookie() -> bytes:
    """The one cookie that was ever signed with them."""
    return KEPT.sealed({"em": ["ab" * 32]}).encode()


def seals(data: bytes) -> None:
    """Anything in the place of a seal of a page or an order, a ticket, a visitor's cookie."""
    text = data.decode("latin-1")
    accepted = (
        PAGES.opened(text) is not None,
        isinstance(sealed.opened(text, SECRETS, NOW), sealed.Checkout),
        admits(SECRETS, data, HOST, NOW),
    )
    assert sum(accepted) == (data in issued()), data
    header = b"_pp_id=" + data  # a header of cookies: blanks and semicolons are none of a value
    values = [each.strip(b" ").removeprefix(b"_pp_id=") for each in header.split(b";")]
    assert not KEPT.opened(header) or cookie() in values, data
    assert data != cookie() or KEPT.opened(header), data
