"""What nobody has read yet of a stream, and the next of it while the last is on its way to Meta.

Knows how it is read and how long it may be kept; whose claim it is, the outbox remembers.
"""

from __future__ import annotations

import contextlib
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from pixelpair.delivery import redis_words as words

if TYPE_CHECKING:
    from pixelpair.delivery.redis_link import Link

# Read from a stream at once: a record has 1 KB, seldom 20, and what is too much is given back.
PAGE: Final = 500
# Who claims so many has more to do after them: a call's worth.
MANY: Final = 1000
# What was read ahead and not asked for in so many seconds is given back for others to send.
KEEP: Final = 10.0

_NOTHING: Final = words.Found([], [])


def unread(link: Link, stream: str, sender: str, limit: int) -> words.Found:
    """Claim what nobody has read yet, which is nearly all. Without a script: a body that goes
    through Lua takes Redis 12 µs, and 5 like this."""
    found, size = words.Found([], []), 0
    while len(found.rows) < limit and size <= words.BYTES:
        count = min(PAGE, limit - len(found.rows))
        page = words.unread(link.unread(stream, sender, count))
        found.rows.extend(page.rows)
        found.heads.extend(page.heads)
        size += sum([len(row.twin.body) for row in page.rows])
        if len(page.rows) < count:
            break
    return found


class Ahead:
    """One claim more than was asked for. Redis and this process work at the same time like this:
    while one is told of what was delivered, the other reads the next, or the other way round.

    `link` is its own: one that breaks is closed under whoever else uses it.
    """

    def __init__(self, link: Link, sender: str) -> None:
        self._link = link
        self._sender = sender
        self._thread: threading.Thread | None = None
        self._outcome: words.Found | Exception = _NOTHING
        self._until = 0.0
        self.lane: str | None = None

    def begin(self, lane: str, stream: str, limit: int, keep: float) -> None:
        """Read so many in a thread of its own; at the interpreter's end there is none."""
        read = partial(self._read, stream, limit)
        thread = threading.Thread(target=read, name="pixelpair ahead", daemon=True)
        with contextlib.suppress(RuntimeError):
            thread.start()
            self.lane, self._thread, self._until = lane, thread, time.monotonic() + keep

    @property
    def is_stale(self) -> bool:
        """Whether it has been kept for too long."""
        return self.lane is not None and time.monotonic() > self._until

    def end(self) -> words.Found:
        """What was read, of which nothing is known here any more; raises what went wrong."""
        thread, self._thread, self.lane = self._thread, None, None
        if thread is not None:
            thread.join()
        outcome, self._outcome = self._outcome, _NOTHING
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        self._link.close()

    def _read(self, stream: str, limit: int) -> None:
        read = partial(unread, self._link, stream, self._sender, limit)
        try:
            self._outcome = self._link.ask(read, twice=False)
        except Exception as error:  # raised again in the thread that claims
            self._outcome = error
