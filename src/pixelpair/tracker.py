"""The Tracker: the one object with a life. Owns the settings, the journal and the worker.

Doors ask it for an Exchange per request; it gives the core its clock, its ids and its outlets.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import stat
import sys
import tempfile
import time
import weakref
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pixelpair import logs
from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.core.http import WANTED, by_environ
from pixelpair.core.notes import Notes
from pixelpair.core.orders import Later, NotSent, twins_of
from pixelpair.core.proxies import arrivals
from pixelpair.core.readings import Window
from pixelpair.delivery.carried import Contents
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.meters import Meters
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.delivery.worker import Worker
from pixelpair.errors import Problem, SettingsError, SpoolError
from pixelpair.graph.client import Graph, Reply
from pixelpair.graph.conversions import call
from pixelpair.metrics.board import Board
from pixelpair.metrics.figures import of_notes
from pixelpair.metrics.offer import offer, reading
from pixelpair.readers import LOOPBACK
from pixelpair.settings import Settings, temporary_spool
from pixelpair.shops import Desks, Shops, begins
from pixelpair.storefront import Outlets, storefront

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from pixelpair.core.events import Twin
    from pixelpair.core.http import Request
    from pixelpair.core.proxies import Trust
    from pixelpair.core.readings import Served
    from pixelpair.core.shadow import Sight
    from pixelpair.delivery.outbox import Outbox
    from pixelpair.delivery.sightings import Sightings
    from pixelpair.storefront import Storefront

_LOG = logging.getLogger("pixelpair")
NOTES = Notes()  # for what belongs to no tracker: mistakes in settings, calls outside requests
_CLOSE_SECONDS = 2.0  # a stop of the shop waits no longer; the spool holds the rest
_PURCHASE = b'"Purchase"'  # sent at once; its name stands behind the pixel's id in a record
_HEAD = 48
LIVING: weakref.WeakSet[Tracker] = weakref.WeakSet()
# Told of each tracker that is made: by `pixelpair.testing`, and by nobody where a shop runs.
MADE: list[Callable[[Tracker], None]] = []
_FOREIGN = (
    "the spool holds events of pixel {theirs}, and this process sends for pixel {ours} only: give"
    " each pixel a PIXELPAIR_SPOOL of its own; `pixelpair drain` with the settings of pixel"
    " {theirs} delivers these while nothing else sends from this spool"
)
_UNKNOWN = (
    "the spool holds events of pixel {theirs}, which is none of PIXELPAIR_SHOPS: they wait until it"
    " is"
)


_UNLASTING = (
    "no PIXELPAIR_SECRET: Purchase ids are derived from the access token and hold only until it"
    " changes"
)
NO_SHOP = "pixel_id must name a pixel of this process's shops"
_NO_TOKEN = "pixelpair has no PIXELPAIR_ACCESS_TOKEN here, or is switched off"  # noqa: S105
_CODE_ENDED = (
    "the test event code %s has ended, as PIXELPAIR_TEST_EVENT_CODE says: events are sent without"
    " it; remove it"
)
_DEBUG = (
    "the framework runs in debug mode, and events go to Meta itself WITHOUT a test event code: each"
    " of your clicks counts as a customer's. Set PIXELPAIR_TEST_EVENT_CODE, point"
    " PIXELPAIR_GRAPH_URL at the sandbox, or set PIXELPAIR_MODE=off"
)


_SHADOW = (
    "PIXELPAIR_MODE=shadow: pages stay as they are and nothing is sent; `pixelpair shadow` shows"
    " what would be"
)


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
            self.spool = self._spool()
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
        try:
            settings = settings or Settings.from_env(given=given)
            settings = settings.with_default_secret(framework_secret)
            if not sees_names and settings.routes.uses_names:
                expected = "name: rules need the Flask, Django or Starlette middleware"
                raise SettingsError([Problem("PIXELPAIR_ROUTES", "name:…", expected)])
        except SettingsError as error:
            NOTES.once(str(error), logging.ERROR, "%s\npixelpair is switched off", error)
            settings = Settings(mode="off")
        _say_what_is_missing(settings)
        if debug:
            _say_debug(settings)
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
        _say_debug(self.settings)

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

            spool = self.spool if self.sends else self._spool()
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
        shop = front.shop
        try:
            found = twins_of(shop, later, self._clock())
            if isinstance(found, NotSent):
                shop.notes.count(found.reason)
                level = logging.INFO if found.reason == "no seal" else logging.ERROR
                shop.notes.once(("send", found.text), level, "send(): %s", found.text)
                return False
            for twin in found:
                shop.queue(twin.pack())
        except Exception:  # a webhook that fails is sent again, and the order with it
            shop.notes.count("failures")
            shop.notes.say("failed", exc_info=True)
            return False
        return True

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

    def _spool(self) -> Path:
        try:
            folder = spool_of(self.settings)
        except SpoolError:
            folder = Path(tempfile.mkdtemp(prefix="pixelpair-"))
        if self.settings.spool is None and folder.is_relative_to(tempfile.gettempdir()):
            self.notes.once(
                "spool",
                logging.WARNING,
                "no state folder: events wait in %s, which a reboot may empty; "
                "set PIXELPAIR_SPOOL to a folder on a local disk",
                folder,
            )
        return folder


_homes: list[Tracker] = []  # keeps it alive: nobody else holds it


def home() -> Tracker:
    """The tracker of a process that serves no page: by the environment, or a Django project's."""
    if _homes and not _homes[0].closed:
        return _homes[0]
    tracker = None
    if "django.conf" in sys.modules:
        with suppress(Exception):  # Django may be there without a project
            tracker = import_module("pixelpair.django.middleware").project_tracker()
    _homes[:] = [tracker or Tracker.for_door(None)]
    return _homes[0]


def _finder(settings: Settings, clock: Callable[[], float]) -> Callable[[str], Settings | None]:
    if settings.shops:
        nowhere = Outlets(clock, _new_id, _new_random, lambda _record: None)
        return Shops(settings, nowhere, NOTES).settings_of
    return lambda pixel_id: settings if pixel_id in settings.pixels else None


def open_journal(settings: Settings, spool: Path) -> Journal:
    """The acceptor of a process's events; it makes no file yet."""
    return Journal(spool, limit=settings.journal_limit, full=settings.spool_full)


def open_worker(
    settings: Settings,
    spool: Path,
    journal: Journal,
    clock: Callable[[], float] = time.time,
    find: Callable[[str], Settings | None] | None = None,
    meters: Meters | None = None,
) -> Worker:
    """The sender of a process's events; it starts nothing and opens nothing yet.

    `find` gives the settings of the shop that has a pixel; `meters` count what is done.
    """
    graph, ours = Graph(), "" if settings.shops else settings.pixel_id
    post = partial(_send, graph, find or _finder(settings, clock), clock, ours)
    contents = Contents(spool, clock=clock)

    def close() -> None:
        contents.save()
        graph.close()

    return Worker(
        spool,
        partial(open_outbox, settings, spool, clock),
        journal,
        partial(contents.counting, post),
        clock=clock,
        sync_every=settings.fsync_ms / 1000,
        meters=meters,
        on_close=close,
    )


def outbox_file(settings: Settings, spool: Path) -> Path | None:
    """Where the outbox of this shop lies, made already or not; None where it is a Redis."""
    place = settings.outbox or spool / "outbox.sqlite3"
    return place if isinstance(place, Path) else None


def open_outbox(
    settings: Settings, spool: Path, clock: Callable[[], float] = time.time, *, mends: bool = True
) -> Outbox:
    """The outbox of this shop. Raises SpoolError, or SettingsError for a Redis named wrongly."""
    file, keep = outbox_file(settings, spool), settings.keep_dead * 86400.0
    if file is not None:
        limit = settings.spool_limit // 2
        return SqliteOutbox(file, clock, keep_dead=keep, limit=limit, mends=mends)
    from pixelpair.delivery.redis import RedisOutbox  # its extra may be missing

    try:
        return RedisOutbox(str(settings.outbox), spool, clock, keep_dead=keep)
    except ValueError as error:
        problem = Problem("PIXELPAIR_OUTBOX", "(hidden)", str(error))
        raise SettingsError([problem]) from None


def look_into(
    settings: Settings, spool: Path, clock: Callable[[], float] = time.time
) -> Outbox | None:
    """The outbox of this shop, to be looked at only; None where there is none yet."""
    file = outbox_file(settings, spool)
    there = file is None or file.exists()
    return open_outbox(settings, spool, clock, mends=False) if there else None


def _send(
    graph: Graph,
    find: Callable[[str], Settings | None],
    clock: Callable[[], float],
    ours: str,
    twins: list[Twin],
) -> Reply:
    """Post twins of one pixel with that pixel's token, and with no other's."""
    pixel_id = twins[0].pixel_id
    settings = find(pixel_id)
    if settings is None:
        # As Graph would refuse them, with this token: they are kept for one that may.
        detail = (_FOREIGN if ours else _UNKNOWN).format(theirs=pixel_id, ours=ours)
        return Reply("refused", code=100, subcode=33, detail=detail)
    code, now = settings.test_event_code, clock()
    if code.ended(now):
        NOTES.once(("test code", pixel_id), logging.WARNING, _CODE_ENDED, code.code)
    return graph.send(
        call(
            twins,
            pixel_id=pixel_id,
            token=settings.token_of(pixel_id),
            graph_url=settings.graph_url,
            version=settings.graph_version,
            test_event_code=code.at(now) or None,
            partner_agent=settings.partner_agent or None,
        )
    )


def _say_debug(settings: Settings) -> None:
    """A developer's clicks count as customers' unless somebody said where they go."""
    shops = settings.shops.values() if isinstance(settings.shops, dict) else [settings]
    if settings.active and settings.mode == "live" and any(map(_reaches_meta, shops)):
        NOTES.once("debug", logging.WARNING, _DEBUG)


def _reaches_meta(shop: Settings) -> bool:
    real = urlsplit(shop.graph_url).hostname not in LOOPBACK
    sends = shop.mode == "live" and bool(shop.access_token)
    return real and sends and not shop.test_event_code.code


def _say_what_is_missing(settings: Settings) -> None:
    if settings.mode == "off":
        return
    if settings.mode == "shadow":
        NOTES.once("shadow", logging.WARNING, _SHADOW)
    if settings.shops:
        shops = settings.shops.values() if isinstance(settings.shops, dict) else [settings]
        if not all(shop.secret for shop in shops):
            NOTES.once("secret", logging.WARNING, _UNLASTING)
    elif not settings.pixel_id:
        NOTES.once("inert", logging.WARNING, "no PIXELPAIR_PIXEL_ID: pixelpair is inert")
    elif not settings.access_token:
        text = "no PIXELPAIR_ACCESS_TOKEN: only the browser halves of events leave"
        NOTES.once("no token", logging.WARNING, text)
    elif not settings.secret:
        NOTES.once("secret", logging.WARNING, _UNLASTING)


def spool_of(settings: Settings) -> Path:
    """The folder where this shop's events wait.

    Raises SpoolError where it would lie in a temporary folder that somebody else prepared.
    """
    folder = settings.spool_folder
    if settings.spool is None and folder.parent == temporary_spool("").parent:
        _make_private(folder.parent)
    return folder


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SpoolError(f"{folder}: {error.strerror}: set PIXELPAIR_SPOOL") from None
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not (stat.S_ISDIR(found.st_mode) and mine and not found.st_mode & 0o077):
        raise SpoolError(f"{folder} is not this user's alone: set PIXELPAIR_SPOOL")
