"""The outbox in a Redis that many hosts share: a stream for each pixel, one group of senders.

Knows what is asked of an outbox; how Redis keeps it is said in `redis_state`.
"""

from __future__ import annotations

import heapq
import itertools
import os
import secrets
import socket
import threading
import time
from collections import defaultdict
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import orjson

from pixelpair.delivery import redis_ahead as ahead
from pixelpair.delivery import redis_scripts as scripts
from pixelpair.delivery import redis_survey as survey
from pixelpair.delivery import redis_upkeep as upkeep
from pixelpair.delivery import redis_words as words
from pixelpair.delivery.ledger import KEEP_PURCHASES
from pixelpair.delivery.outbox import KEEP_DEAD, DeadLetter, Room, Row, Stats, Tally, Trouble
from pixelpair.delivery.redis_link import Address, Link
from pixelpair.delivery.redis_state import GROUP
from pixelpair.delivery.retry import Delivered, Hold
from pixelpair.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pixelpair.core.events import Twin, Withdrawal
    from pixelpair.delivery.ledger import Purchase
    from pixelpair.delivery.outbox import Key, Verdict
    from pixelpair.delivery.retry import Dead, RetryAt

# A claim that is so old was its sender's last: it holds one while it posts, 10 s and a call more.
IDLE: Final = 120.0
# After an outage, what others have sent meanwhile must be settled before claims are taken over;
# a sender that failed looks again after `worker.LONGEST_REST`.
GRACE: Final = 35.0
# Of keys and verdicts; and of dead letters, which are read whole.
PART: Final = 1000
SWEEP_EVERY: Final = 60.0
SWEEPS: Final = 400
# A sender that has claimed nothing for a day is gone, or will be made again.
SENDER_IDLE: Final = 86400.0


class RedisOutbox:
    """An outbox for any number of claiming processes on any number of hosts.

    `spool` is where this host's journals lie: their offsets are kept under the spool's own id.
    `idle` is how long another sender's claim is respected, in seconds.
    """

    def __init__(
        self,
        url: str,
        spool: Path,
        clock: Callable[[], float] = time.time,
        *,
        keep_dead: float = KEEP_DEAD,
        idle: float = IDLE,
    ) -> None:
        try:
            address = Address.read(url)
        except ValueError as error:
            raise SpoolError(f"the outbox {error}") from None
        self.sender = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._prefix = f"pixelpair:{{{address.name}}}:"
        self._clock, self._keep_dead, self._idle = clock, keep_dead, idle
        self._lock = threading.RLock()
        self._link = Link(address)
        self._claimed: dict[Key, bytes] = {}  # and the head of each
        self._late: list[tuple[Key, Verdict]] = []
        self._unsure = False
        self._ahead = ahead.Ahead(Link(address), self.sender)
        self._sweep_at = 0.0
        self._take_over_at = time.monotonic() + min(idle, GRACE)
        self._look_at: dict[str, float] = {}
        self._scripts: dict[str, Callable[..., Any]] = {}
        self._link.check()
        self._journals = f"read:{words.spool_id(spool)}"

    def put_many(
        self,
        records: Iterable[Twin | Withdrawal],
        source: str | None = None,
        offset: int | None = None,
    ) -> int:
        """Take events in; see `Outbox.put_many`. Beyond `RECORDS` or `BYTES` in several steps, of
        which only the last notes the offset."""
        now, new = self._clock(), 0
        portions = list(words.portions(records)) or [([], [])]
        for number, (withdrawals, twins) in enumerate(portions, 1):
            place: list[object] = ["", "", ""]
            if source is not None and offset is not None and number == len(portions):
                place = [self._journals, source, offset]
            asked = [part for w in withdrawals for part in words.of_withdrawal(w)]
            told = [part for twin in twins for part in words.of_twin(twin)]
            new += self._run(scripts.PUT, now, *place, len(withdrawals), *asked, *told)
        self._sweep(now)
        return new

    def make_room(self) -> Room:
        """Redis says itself when its memory is full."""
        return Room()

    def offset(self, source: str) -> int:
        """How far this journal has been taken in."""
        return int(self._do("hget", self._journals, source) or 0)

    def forget(self, source: str) -> None:
        """The journal is gone."""
        self._do("hdel", self._journals, source)

    def sources(self) -> list[str]:
        """The journals of this spool that an offset is kept for."""
        return [name.decode() for name in self._do("hkeys", self._journals)]

    def lanes(self) -> list[str]:
        """The pixels that events wait for, due or not."""
        with self._lock:
            self._settle(self._clock())
            return sorted(self._lanes())

    def claim(self, limit: int, now: float, pixel_id: str | None = None) -> list[Row]:
        """Due events that nobody has claimed; see `Outbox.claim`. Fewer where they are large."""
        with self._lock:
            if self._unsure or self._ahead.is_stale:
                self._drop_ahead()
            self._settle(now)
            self._give_back_unknown(now)
            lanes = self._lanes() if pixel_id is None else [pixel_id]
            if not lanes:
                return []
            self._unsure = True
            rows = self._claim(lanes, limit, now)
            self._unsure = False
            return rows

    def settle(self, verdicts: Iterable[tuple[Key, Verdict]], now: float) -> None:
        """Obey the verdicts on claimed events; those that cannot be told now are kept."""
        with self._lock:
            told = list(verdicts)
            if not all(isinstance(verdict, Delivered) for _, verdict in told):
                self._drop_ahead()
            self._late += told
            self._settle(now)

    def stats(self) -> Stats:
        """Where the events of all hosts are."""
        return Stats(*self._run(upkeep.STATS))

    def dead(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""
        return list(itertools.islice(self.letters(), limit))

    def replay(self, keys: Iterable[Key] | None = None) -> int:
        """Queue dead letters again; see `Outbox.replay`."""
        now = self._clock()
        return self._on_dead(keys, lambda part: self._run(upkeep.REPLAY, now, *part))

    def purge(self, keys: Iterable[Key] | None = None) -> int:
        """Delete dead letters (None: all) for good, and give how many."""
        return self._on_dead(keys, lambda part: self._run(upkeep.PURGE, *part))

    def tallies(self) -> list[Tally]:
        """Where the events are, by pixel and name. It looks at every event's head, a page at a
        time: 0.5 s for 100,000."""
        return survey.tallies(self._run, self._lanes(), self._do("hgetall", "sent"))

    def queued(self) -> Iterator[Row]:
        """Every queued event, oldest first, page by page."""
        pages = [survey.queued(self._do, lane) for lane in self._lanes()]
        return (row for _, row in heapq.merge(*pages, key=itemgetter(0)))

    def letters(self) -> Iterator[DeadLetter]:
        """Every dead letter, newest first, page by page."""
        return survey.letters(self._run)

    def purchases(self) -> Iterator[Purchase]:
        """The ledger, page by page; see `Outbox.purchases`."""
        pixels = sorted(pixel.decode() for pixel in self._do("smembers", "buyers"))
        return (found for pixel in pixels for found in survey.purchases(self._do, pixel))

    def purchases_since(self) -> float:
        """From when on the ledger is whole."""
        now, began = self._clock(), self._do("hget", "count", "ledger")
        return now if began is None else max(float(began), now - KEEP_PURCHASES)

    def erase(self, keys: Iterable[Key]) -> int:
        """Delete queued events unsent; see `Outbox.erase`."""
        now, lanes = self._clock(), defaultdict[str, list[str]](list)
        for key in dict.fromkeys(keys):
            number, _, pixel_id = str(key).partition("/")
            lanes[pixel_id].append(number)
        return sum(
            self._run(scripts.ERASE, now, lane, *numbers[first : first + PART])
            for lane, numbers in lanes.items()
            for first in range(0, len(numbers), PART)
        )

    def note(self, pixel_id: str, trouble: Trouble | None) -> None:
        """Remember why a pixel's events do not leave."""
        if trouble is None:
            self._do("hdel", "trouble", pixel_id)
        else:
            said = orjson.dumps([trouble.reason, trouble.since, trouble.held])
            self._do("hset", "trouble", pixel_id, said)

    def troubles(self) -> list[Trouble]:
        """What was noted, in the order of pixels."""
        found = sorted(self._do("hgetall", "trouble").items())
        return [Trouble(pixel.decode(), *orjson.loads(said)) for pixel, said in found]

    def sync(self) -> None:
        """Wait for Redis's append-only file, where it can tell (Redis 7.2) and keeps one."""
        self._link.wait_for_disk()

    def close(self) -> None:
        """Give back what is claimed, if Redis can be told; otherwise it is taken over in time."""
        with self._lock:
            try:
                self._drop_ahead()
                self._settle(self._clock())
                self._late = [(key, Hold(0.0, "closed")) for key in self._claimed]
                self._settle(self._clock())
            except SpoolError:
                pass  # another sender takes over what was claimed, in its time
            finally:
                self._claimed.clear()
                self._link.close()
                self._ahead.close()

    # --- claims ----------------------------------------------------------------------------

    def _claim(self, lanes: list[str], limit: int, now: float) -> list[Row]:
        lane, queue, found = lanes[0], f"{self._prefix}queue:{lanes[0]}", words.Found([], [])
        if len(lanes) == 1 and self._ahead.lane == lane and limit >= ahead.MANY:
            found = self._ask(self._ahead.end, twice=False)
        plain = len(lanes) == 1 and not self._run(scripts.BESIDE, now, lane)
        if plain and not self._shall_look(lanes):
            if not found.rows:
                read = partial(ahead.unread, self._link, queue, self.sender, limit)
                found = self._ask(read, twice=False)
            if len(found.rows) == limit >= ahead.MANY and self._ahead.lane is None:
                self._ahead.begin(lane, queue, limit, min(ahead.KEEP, self._idle / 4))
        elif not found.rows:
            asked = (self.sender, now, limit, words.BYTES, self._take_over_after(lanes), *lanes)
            return self._keep(words.found(self._run(scripts.CLAIM, *asked, twice=False)))
        return self._fit(lane, found, now)

    def _fit(self, lane: str, found: words.Found, now: float) -> list[Row]:
        """Keep what one claim may give, and give back the rest."""
        fitting = words.fitting(found.rows)
        rows = self._keep(found.part(slice(fitting)))
        if surplus := [words.number_of(row.key) for row in found.rows[fitting:]]:
            self._give_back(lane, surplus, now)
        return rows

    def _drop_ahead(self) -> None:
        """Let others have what was read ahead."""
        if self._ahead.lane is None:
            return
        try:
            rows = self._keep(self._ahead.end())
        except SpoolError:
            self._unsure = True
        else:
            self._late += [(row.key, Hold(0.0, "not tried")) for row in rows]

    def _keep(self, found: words.Found) -> list[Row]:
        self._claimed.update(zip([row.key for row in found.rows], found.heads, strict=True))
        return found.rows

    def _settle(self, now: float) -> None:
        # What Redis could not be told is kept and told before the next claim: an event whose
        # delivery was forgotten would be sent again.
        while part := self._late[:PART]:
            self._settle_now(part, now)
            for key, _ in part:
                self._claimed.pop(key, None)
            del self._late[: len(part)]

    def _settle_now(self, verdicts: Sequence[tuple[Key, Verdict]], now: float) -> None:
        delivered: dict[Key, bytes] = {}
        others: dict[tuple[str, RetryAt | Hold | Dead], dict[str, None]] = {}
        for key, verdict in verdicts:
            if (head := self._claimed.get(key)) is None:
                continue
            if isinstance(verdict, Delivered):
                delivered[key] = head
            else:
                number, _, pixel_id = str(key).partition("/")
                others.setdefault((pixel_id, verdict), {})[number] = None
        if delivered:
            self._run(scripts.DELIVERED, now, *words.of_delivered(delivered.items()))
        told: list[object] = []
        for (pixel_id, verdict), numbers in others.items():
            told += (pixel_id, *words.of_verdict(verdict), " ".join(numbers))
        if told:
            self._run(scripts.SETTLE, self.sender, now, *told)

    def _give_back_unknown(self, now: float) -> None:
        """Free what a claim took whose answer never came."""
        if not self._unsure:
            return
        for lane in self._lanes():
            every = (GROUP, "-", "+", words.RECORDS, self.sender)
            pending = self._do("xpending_range", f"queue:{lane}", *every)
            numbers = [found["message_id"].partition(b"-")[0].decode() for found in pending]
            mine = {n for n in numbers if words.key_of(n, lane) not in self._claimed}
            self._give_back(lane, mine, now)
        self._unsure = False

    def _give_back(self, lane: str, numbers: Iterable[str], now: float) -> None:
        left = list(numbers)
        for first in range(0, len(left), PART):
            part = " ".join(left[first : first + PART])
            self._run(scripts.SETTLE, self.sender, now, lane, "held", "", 0, part)

    def _shall_look(self, lanes: list[str]) -> bool:
        """Whether it is time to look for claims whose senders are gone."""
        least = min(self._look_at.get(lane, 0.0) for lane in lanes)
        return time.monotonic() >= max(self._take_over_at, least)

    def _take_over_after(self, lanes: list[str]) -> int:
        """The idle time of claims to take over, in milliseconds; 0: it is not time to look."""
        if not self._shall_look(lanes):
            return 0
        self._look_at |= dict.fromkeys(lanes, time.monotonic() + self._idle / 4)
        return max(1, int(self._idle * 1000))

    # --- Redis -----------------------------------------------------------------------------

    def _do(self, command: str, key: str, *words: object) -> Any:
        return self._ask(lambda: getattr(self._link.client, command)(self._prefix + key, *words))

    def _run(self, text: str, *words: object, twice: bool = True) -> Any:
        if text not in self._scripts:
            self._scripts[text] = self._link.script(text)
        script = self._scripts[text]
        return self._ask(lambda: script(keys=[self._prefix], args=words), twice=twice)

    def _ask(self, work: Callable[[], Any], *, twice: bool = True) -> Any:
        with self._lock:
            try:
                return self._link.ask(work, twice=twice)
            except SpoolError:
                self._take_over_at = time.monotonic() + min(self._idle, GRACE)
                raise

    def _lanes(self) -> list[str]:
        return [lane.decode() for lane in self._do("smembers", "lanes")]

    def _on_dead(
        self, keys: Iterable[Key] | None, work: Callable[[list[Any]], tuple[int, int]]
    ) -> int:
        """Work on these letters (None: all, oldest first), and give what it made of them."""
        if keys is not None:
            named = list(dict.fromkeys(str(key) for key in keys))
            parts = [named[first : first + PART] for first in range(0, len(named), PART)]
            return sum(work(part)[1] for part in parts)
        stayed = done = 0
        while part := self._do("zrange", "dead", stayed, stayed + PART - 1):
            gone, made = work(part)
            stayed += len(part) - gone
            done += made
        return done

    def _sweep(self, now: float) -> None:
        if now < self._sweep_at:
            return
        self._sweep_at = now + SWEEP_EVERY
        self._link.check()
        for _ in range(SWEEPS):
            if not self._run(upkeep.SWEEP, now, now - self._keep_dead, int(SENDER_IDLE * 1000)):
                break
