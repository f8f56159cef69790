"""The Tracker: the one object with a life. Owns the settings, the journal and the worker.

Doors ask it for an Exchange per request; it gives the core its clock, its ids and its outlets.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import time
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from pixelpair import logs
from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.core.http import WANTED, by_environ
from pixelpair.core.notes import Notes
from pixelpair.core.orders import send_later
from pixelpair.core.proxies import arrivals
from pixelpair.core.readings import Window
from pixelpair.delivery.meters import Meters
from pixelpair.metrics.board import Board
from pixelpair.metrics.figures import of_notes
from pixelpair.metrics.offer import offer, reading
from pixelpair.sending import look_into, open_journal, open_worker, some_spool
from pixelpair.settings import Settings
from pixelpair.shops import Desks, Shops, begins
from pixelpair.start import NOTES, say_debug, say_what_is_missing, settings_of_door
from pixelpair.storefront import Outlets, storefront

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from pixelpair.core.http import Request
    from pixelpair.core.orders import Later
    from pixelpair.core.proxies import Trust
    from pixelpair.core.readings import Served
    from pixelpair.core.shadow import Sight
    from pixelpair.delivery.sightings import Sightings
    from pixelpair.storefront import Storefront

_LOG = logging.getLogger("pixelpair")
_CLOSE_SECONDS = 2.0  # a stop of the shop waits no longer; the spool holds the rest
_PURCHASE = b'"Purchase"'  # sent at once; its name stands behind the pixel's id in a record
_HEAD = 48
LIVING: weakref.WeakSet[Tracker] = weakref.WeakSet()
# Told of each tracker that is made: by `pixelpair.testing`, and by nobody where a shop runs.
MADE: list[Callable[[Tracker], None]] = []
NO_SHOP = "pixel_id must name a pixel of this process's shops"
_NO_TOKEN = "pixelpair has no PIXELPAIR_ACCESS_TOKEN here, or is switched off"  # noqa: S105


def _muted(*_request: object) -> Exchange:
    return MUTED


def _new_id() -> str:
    return os.urandom(16).hex()


def _new_random() -> int:
    return random.getrandbits(31)


class Tracker:
    """A shop's pixelpair in this process. Nothing runs before the first event is queued.

    `clock` (Unix seconds), `new_id` and `new_random` are for tests.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = _new_id,
        new_random: Callable[[], int] = _new_random,
    ) -> None:
        logs.watch()
        self.settings = self.given = settings
        self.notes = Notes()
        self.closed = False
        self._of_door = False
        self._clock = clock
        outlets = Outlets(clock, new_id, new_random, self._queue, self._see)
        # Our own addresses, and what is in the path of each; no path has a NUL where there is none.
        self.desk: Served | None = None
        is_live = settings.active and settings.mode == "live"
        self.mark = f"{settings.path}/" if is_live else "\0"
        # An exchange for one request; the muted one where pixelpair is inert. No method: JSON
        # routes pay for each call between them and the server.
        self.begin: Callable[..., Exchange] = _muted
        self.shops: Shops | None = None
        self._front: Storefront | None = None
        trust = settings.trusted_proxies
        self.wanted = WANTED | by_environ(*(n.decode() for n in (trust.headers if trust else ())))
        self.sends = is_live and bool(settings.access_token or settings.shops)
        self._sightings: Sightings | None = None
        self._has_thread = settings.sender == "thread"
        if settings.shops and settings.active:
            self._open_many(outlets, trust)
        elif settings.active:
            front = self._front = storefront(settings, outlets, self.notes)
            self.desk, self.begin = front.desk, front.begin
        if self.sends:
            self.spool = some_spool(self.settings, self.notes)
            self.meters = Meters(self.spool, clock=clock)
            self.journal = open_journal(settings, self.spool)
            self.meters.follow(self.journal.counts, inherited=False)
            find = self.shops.settings_of if self.shops else None
            self._worker = open_worker(settings, self.spool, self.journal, clock, find, self.meters)
            self._show_figures()
            atexit.register(self.close)
        LIVING.add(self)
        for told in MADE:
            told(self)

    @classmethod
    def for_door(
        cls,
        settings: Settings | None,
        *,
        sees_names: bool = True,
        framework_secret: object = None,
        given: Mapping[str, object] | None = None,
        debug: bool = False,
    ) -> Tracker:
        """The tracker of a door: mistakes are logged, never raised into the shop's start.

        `given` options (Django's dict) go before the environment. The framework's own secret
        serves where PIXELPAIR_SECRET is not set. `debug` says that the framework is run by a
        developer.
        """
        settings = settings_of_door(
            settings, sees_names=sees_names, framework_secret=framework_secret, given=given
        )
        say_what_is_missing(settings)
        if debug:
            say_debug(settings)
        for tracker in LIVING:  # Django makes a middleware for each handler, tests an app for each
            if tracker._of_door and not tracker.closed and tracker.given == settings:
                return tracker
        try:
            tracker = cls(settings)
            tracker._of_door = True
            return tracker
        except Exception:  # a shop must start, whatever is wrong with us
            NOTES.once("start", logging.ERROR, "pixelpair is switched off", exc_info=True)
            return cls(Settings(mode="off"))

    def say_debug(self) -> None:
        """Say that a developer's clicks would count, as `for_door(debug=True)` does."""
        say_debug(self.settings)

    def _show_figures(self) -> None:
        """What is counted here is offered to the shop's own figures, and at an address of ours."""
        settings, spool = self.settings, self.spool
        outbox = partial(look_into, settings, spool, self._clock)
        pixels = settings.pixels if not settings.shops else ()
        version = settings.graph_version
        board = Board(self.meters, outbox, lambda: self._worker.leads, pixels, version, self._clock)
        self.board = board
        self.meters.follow(self._noted)
        offer(board)
        if settings.metrics_token and self.desk is not None:
            path, token, read = settings.path, settings.metrics_token, partial(reading, board)
            self.desk = Window(self.desk, path=path, token=token, read=read)

    def _noted(self) -> dict[tuple[str, str], int]:
        counts = self.counts
        for own in self.shops.counts.values() if self.shops else ():
            counts = counts + own
        return of_notes(counts)

    def _open_many(self, outlets: Outlets, trust: Trust | None) -> None:
        shops, read = Shops(self.settings, outlets, self.notes), arrivals(trust)

        def place(request: Request) -> str:
            return read(request.index, request.client, request.scheme, request.host).host

        self._place = place
        self.shops, self.desk = shops, Desks(shops, place)
        self.begin = begins(shops, place, self.notes)

    # --- the request path ------------------------------------------------------------------

    async def ask_ahead(
        self, request: Callable[..., Request], *source: object, in_django: bool = False
    ) -> None:
        """Under ASGI, where there are `shops`: ask whose host this is before `begin` and the desk.

        The shop's object may ask a database, which the event loop must not wait for.
        """
        with suppress(Exception):  # `begin` meets it again, and says it
            if self.shops is not None:
                await self.shops.ask_ahead(self._place(request(*source)), in_django=in_django)

    def _queue(self, record: bytes) -> None:
        self.journal.append(record)
        if self._has_thread:
            self._worker.notify(urgent=record.find(_PURCHASE, 0, _HEAD) > 0)
        else:
            self.meters.tick()

    def _see(self, sight: Sight) -> None:
        if self._sightings is None:
            from pixelpair.delivery.sightings import Sightings

            spool = self.spool if self.sends else some_spool(self.settings, self.notes)
            self._sightings = Sightings(spool, clock=self._clock)
            atexit.register(self._sightings.close)
        self._sightings.add(sight)

    def send(self, later: Later) -> bool:
        """Queue an event of a sealed visitor; whether it was. The log says why not."""
        front = self._front_of(later.pixel_id)
        if front is not None and front.shop.rehearses:
            self.notes.once("send", logging.INFO, "send(): in shadow mode nothing is sent")
            return False
        if not self.sends or front is None:
            why = NO_SHOP if self.sends else _NO_TOKEN
            self.notes.once(("send", why), logging.ERROR, "send(): %s; nothing was sent", why)
            return False
        return send_later(front.shop, later, self._clock())

    def has(self, pixel_id: str | None) -> bool:
        """Whether an event of this pixel (None: of the only shop) is this tracker's to send."""
        return self.sends and self._front_of(pixel_id) is not None

    def _front_of(self, pixel_id: str | None) -> Storefront | None:
        """The shop that has this pixel; without one, the only shop that there is."""
        if self.shops is not None:
            return None if pixel_id is None else self.shops.front_of(pixel_id)
        front = self._front
        return front if front and pixel_id in (None, *front.shop.pixels) else None

    @property
    def counts(self) -> Counter[str]:
        """What did not leave, by reason."""
        return self.notes.counts

    # --- a life ----------------------------------------------------------------------------

    def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        """Send what can be sent within `timeout` seconds; the spool keeps the rest."""
        atexit.unregister(self.close)
        self.closed = True
        if self._sightings is not None:
            atexit.unregister(self._sightings.close)
            self._sightings.close()
        if self.sends:
            self._worker.close(timeout)
            self.journal.close()

    def halt(self, timeout: float = _CLOSE_SECONDS) -> None:
        """As `close`, but another event starts the sending again: others may share this tracker."""
        if self.sends and not self.closed:
            self._worker.halt(timeout)

    def flush(self, timeout: float = _CLOSE_SECONDS) -> int:
        """Send what waits in this process's spool within `timeout` seconds; how much is left."""
        return self._worker.flush(timeout) if self.sends else 0
