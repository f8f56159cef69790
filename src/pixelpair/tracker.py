"""The Tracker: the one object with a life. Owns the settings, the journal and the worker.

Doors ask it for an Exchange per request; it gives the core its clock, its ids and its outlets.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import re
import stat
import tempfile
import time
import weakref
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from publicsuffixlist import PublicSuffixList

from pixelpair.core.cookies import CookieDomains
from pixelpair.core.csp import INLINE
from pixelpair.core.desk import Desk
from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.core.heads import Heads
from pixelpair.core.notes import Notes
from pixelpair.core.seals import Seal
from pixelpair.core.snippet import Snippet
from pixelpair.core.user_data import customer_information
from pixelpair.core.visit import Shop
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.delivery.worker import Worker
from pixelpair.errors import Problem, SettingsError, SpoolError
from pixelpair.graph.client import Graph, Reply
from pixelpair.graph.conversions import call
from pixelpair.settings import Settings, temporary_spool

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from pixelpair.core.events import Twin

_LOG = logging.getLogger("pixelpair")
NOTES = Notes()  # for what belongs to no tracker: mistakes in settings, calls outside requests
_CLOSE_SECONDS = 2.0  # a stop of the shop waits no longer; the spool holds the rest
LIVING: weakref.WeakSet[Tracker] = weakref.WeakSet()
_FOREIGN = (
    "the spool holds events of pixel {theirs}, and this process sends for pixel {ours} only: give"
    " each pixel a PIXELPAIR_SPOOL of its own; `pixelpair drain` with the settings of pixel"
    " {theirs} delivers these while nothing else sends from this spool"
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
        self.settings = settings
        self.notes = Notes()
        self.closed = False
        self._of_door = False
        self._clock = clock
        self._new_id = new_id
        self._new_random = new_random
        self._seal = Seal(settings.signing_secrets, settings.pixel_id)
        self._shop = self._make_shop() if settings.active else None
        # Our own addresses, and what is in the path of each; no path has a NUL where there is none.
        self.desk = self._make_desk(self._shop) if self._shop else None
        self.mark = f"{settings.path}/" if self.desk else "\0"
        # An exchange for one request; the muted one where pixelpair is inert. No method: JSON
        # routes pay for each call between them and the server.
        self.begin: Callable[..., Exchange] = (
            partial(Exchange, self._shop) if self._shop else _muted
        )
        if self._shop and self._shop.sends:
            self.spool = self._spool()
            self.journal = Journal(self.spool)
            self._worker = open_worker(settings, self.spool, self.journal, clock)
            atexit.register(self.close)
        LIVING.add(self)

    @classmethod
    def for_door(
        cls,
        settings: Settings | None,
        *,
        sees_names: bool = True,
        framework_secret: object = None,
        given: Mapping[str, object] | None = None,
    ) -> Tracker:
        """The tracker of a door: mistakes are logged, never raised into the shop's start.

        `given` options (Django's dict) go before the environment. The framework's own secret
        serves where PIXELPAIR_SECRET is not set.
        """
        try:
            settings = settings or Settings.from_env(given=given)
            settings = settings.with_default_secret(framework_secret)
            if not sees_names and settings.routes.uses_names:
                expected = "name: rules need the Flask, Django or Starlette middleware"
                raise SettingsError([Problem("PIXELPAIR_ROUTES", "name:…", expected)])
        except SettingsError as error:
            NOTES.once(str(error), logging.ERROR, "%s\npixelpair is switched off", error)
            settings = Settings(enabled=False)
        _say_what_is_missing(settings)
        for tracker in LIVING:  # Django makes a middleware for each handler, tests an app for each
            if tracker._of_door and not tracker.closed and tracker.settings == settings:
                return tracker
        try:
            tracker = cls(settings)
            tracker._of_door = True
            return tracker
        except Exception:  # a shop must start, whatever is wrong with us
            NOTES.once("start", logging.ERROR, "pixelpair is switched off", exc_info=True)
            return cls(Settings(enabled=False))

    # --- the request path ------------------------------------------------------------------

    def _queue(self, record: bytes) -> None:
        self.journal.append(record)
        if self.settings.sender == "thread":
            self._worker.notify()

    @property
    def counts(self) -> Counter[str]:
        """What did not leave, by reason."""
        return self.notes.counts

    # --- a life ----------------------------------------------------------------------------

    def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        """Send what can be sent within `timeout` seconds; the spool keeps the rest."""
        atexit.unregister(self.close)
        self.closed = True
        if self._shop and self._shop.sends:
            self._worker.close(timeout)
            self.journal.close()

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

    def _make_shop(self) -> Shop:
        settings = self.settings
        snippet = Snippet(
            settings.pixel_id,
            settings.pixel_script_url,
            settings.pixel_image_url,
            path=settings.path,
            page_view=settings.page_view,
            auto_config=settings.auto_config,
            names=settings.page_events,
        )
        if settings.advanced_matching:
            self._hashed({"phone": "+46701234567"})  # loads phonenumbers (27 ms) now, not then
        return Shop(
            pixel_id=settings.pixel_id,
            sends=bool(settings.access_token),
            page_view=settings.page_view,
            event_id=settings.event_id,
            advanced_matching=settings.advanced_matching,
            currency=settings.currency or None,
            login_paths=frozenset(settings.login_paths),
            excludes=_pattern(settings.exclude).match,
            routes=settings.routes,
            id_key=settings.key,
            snippet=snippet,
            seal=self._seal.seal,
            version=_version(settings, snippet),
            heads=Heads(settings.pixel_id),
            # 35 ms of reading, here and not in the first request.
            domains=CookieDomains(PublicSuffixList().privatesuffix),
            clock=self._clock,
            new_id=self._new_id,
            new_random=self._new_random,
            hashed=self._hashed,
            queue=self._queue,
            notes=self.notes,
        )

    def _make_desk(self, shop: Shop) -> Desk:
        settings = self.settings
        return Desk(
            shop,
            self._seal,
            shop.snippet.served,
            path=settings.path,
            origins=settings.origins,
            page_events=settings.page_events,
            report_rate=settings.report_rate,
        )

    def _hashed(self, given: Mapping[str, object]) -> dict[str, list[str]]:
        hashed, dropped = customer_information(
            given,
            phone_country=self.settings.phone_country or None,
            year=time.gmtime(self._clock()).tm_year,
        )
        for field in dropped:
            self.notes.once(
                ("identify", field),
                logging.WARNING,
                "identify(): %s cannot be read; it was dropped",
                field,
            )
        return hashed


def open_worker(
    settings: Settings,
    spool: Path,
    journal: Journal,
    clock: Callable[[], float] = time.time,
) -> Worker:
    """The sender of a shop's events; it starts nothing and opens nothing yet."""
    outbox = settings.outbox or spool / "outbox.sqlite3"
    graph = Graph()
    return Worker(
        spool,
        partial(SqliteOutbox, outbox, clock),
        journal,
        partial(_send, graph, settings),
        clock=clock,
        on_close=graph.close,
    )


def _send(graph: Graph, settings: Settings, twins: list[Twin]) -> Reply:
    """Post twins of one pixel with that pixel's token, and with no other's."""
    if twins[0].pixel_id != settings.pixel_id:
        # As Graph would refuse them, with this token: they are kept for one that may.
        detail = _FOREIGN.format(theirs=twins[0].pixel_id, ours=settings.pixel_id)
        return Reply("refused", code=100, subcode=33, detail=detail)
    return graph.send(
        call(
            twins,
            pixel_id=settings.pixel_id,
            token=settings.access_token,
            graph_url=settings.graph_url,
            version=settings.graph_version,
            test_event_code=settings.test_event_code or None,
        )
    )


def _say_what_is_missing(settings: Settings) -> None:
    if not settings.enabled:
        return
    if not settings.pixel_id:
        NOTES.once("inert", logging.WARNING, "no PIXELPAIR_PIXEL_ID: pixelpair is inert")
    elif not settings.access_token:
        text = "no PIXELPAIR_ACCESS_TOKEN: only the browser halves of events leave"
        NOTES.once("no token", logging.WARNING, text)
    elif not settings.secret:
        NOTES.once(
            "secret",
            logging.WARNING,
            "no PIXELPAIR_SECRET: Purchase ids are derived from the access token and hold only "
            "until it changes",
        )


def _version(settings: Settings, snippet: Snippet) -> bytes:
    """Eight digits that change with whatever a cacheable page holds of ours."""
    # Not the rules' own repr: their convertors have addresses, another in each process.
    rules = [
        (
            r.event_name,
            r.method,
            r.pattern and r.pattern.pattern,
            r.route_name,
            r.query,
            r.on,
            *sorted(r.renames.items()),
        )
        for r in settings.routes.rules
    ]
    said = (settings.path, rules, settings.currency, settings.event_id, settings.signing_secrets)
    code = snippet.served + snippet.loader(INLINE)
    return sha256(code + repr(said).encode()).hexdigest()[:8].encode()


def _pattern(paths: tuple[str, ...]) -> re.Pattern[str]:
    """Each path and what lies below it; `*` stands for anything within a segment."""
    if not paths:
        return re.compile(r"(?!)")
    inner = ("[^/]*".join(map(re.escape, path.split("*"))) for path in paths)
    return re.compile(rf"(?:{'|'.join(inner)})(?:/|\Z)")


def spool_of(settings: Settings) -> Path:
    """The folder where this shop's events wait.

    Raises SpoolError where it would lie in a temporary folder that somebody else prepared.
    """
    folder = settings.spool_folder
    if settings.spool is None and folder == temporary_spool(settings.pixel_id):
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
