"""From a shop's settings to what sends its events: the spool, its journal, outbox and worker."""

from __future__ import annotations

import logging
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pixelpair.delivery import forks
from pixelpair.delivery.carried import Contents
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.locks import is_there
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.delivery.worker import Worker
from pixelpair.errors import Problem, SettingsError, SpoolError
from pixelpair.graph.client import Graph, Reply
from pixelpair.graph.conversions import call
from pixelpair.shops import Shops
from pixelpair.spool import make_private, temporary_spool
from pixelpair.start import NOTES
from pixelpair.storefront import Outlets

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.events import Twin
    from pixelpair.core.notes import Notes
    from pixelpair.delivery.meters import Meters
    from pixelpair.delivery.outbox import Outbox
    from pixelpair.settings import Settings

_FOREIGN = (
    "the spool holds events of pixel {theirs}, and this process sends for pixel {ours} only: give"
    " each pixel a PIXELPAIR_SPOOL of its own; `pixelpair drain` with the settings of pixel"
    " {theirs} delivers these while nothing else sends from this spool"
)
_UNKNOWN = (
    "the spool holds events of pixel {theirs}, which is none of PIXELPAIR_SHOPS: they wait until it"
    " is"
)
_CODE_ENDED = (
    "the test event code %s has ended, as PIXELPAIR_TEST_EVENT_CODE says: events are sent without"
    " it; remove it"
)


def spool_of(settings: Settings) -> Path:
    """The folder where this shop's events wait.

    Raises SpoolError where it would lie in a temporary folder that somebody else prepared.
    """
    folder = settings.spool_folder
    if settings.spool is None and folder.parent == temporary_spool("").parent:
        make_private(folder.parent)
    return folder


def some_spool(settings: Settings, notes: Notes) -> Path:
    """As `spool_of`, or a new temporary folder where that raises; said if a reboot may empty it."""
    try:
        folder = spool_of(settings)
    except SpoolError:
        folder = Path(tempfile.mkdtemp(prefix="pixelpair-"))
    if settings.spool is None and folder.is_relative_to(tempfile.gettempdir()):
        notes.once(
            "spool",
            logging.WARNING,
            "no state folder: events wait in %s, which a reboot may empty; "
            "set PIXELPAIR_SPOOL to a folder on a local disk",
            folder,
        )
    return folder


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
    with forks.importing():
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
    there = file is None or is_there(file)
    return open_outbox(settings, spool, clock, mends=False) if there else None


def _finder(settings: Settings, clock: Callable[[], float]) -> Callable[[str], Settings | None]:
    if settings.shops:
        nowhere = Outlets(clock, str, int, lambda _record: None)
        return Shops(settings, nowhere, NOTES).settings_of
    return lambda pixel_id: settings if pixel_id in settings.pixels else None


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
    with forks.importing():
        graph.load()
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
