"""What can be learned on this machine: the settings, the spool, the outbox, and who sends."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pixelpair.commands.doctor.words import Line, fail, ok, warn
from pixelpair.commands.spools import opened
from pixelpair.commands.words import span
from pixelpair.core.events import Twin
from pixelpair.delivery import locks
from pixelpair.delivery.leader import LOCK_FILE
from pixelpair.delivery.mounts import refuse_network
from pixelpair.errors import PixelPairError, SettingsError, SpoolError
from pixelpair.readers import LOOPBACK
from pixelpair.sending import spool_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelpair.commands.spools import Opened
    from pixelpair.settings import Settings

META: Final = "graph.facebook.com"
# An event of a minute ago is on its way; of an hour ago something holds it.
LATE, STUCK = 300.0, 3600.0
LITTLE, LEAST = 1_000_000_000, 100_000_000  # bytes that are free
SLOW: Final = 0.1  # seconds that a disk needs for one block
_OWN: Final = "run this as the user that the shop runs as"


def wrong_settings(error: SettingsError) -> list[Line]:
    """Every mistake at once."""
    return [
        fail("settings", f"{problem.key}={problem.value}", f"expected {problem.expected}")
        for problem in error.problems
    ]


def host_lines(settings: Settings, now: float) -> Iterator[Line]:
    """All but Meta's end and the shop's pages."""
    yield from _settings(settings, now)
    try:
        spool = spool_of(settings)
    except SpoolError as error:
        yield fail("spool", str(error), "name a folder of the shop's own in PIXELPAIR_SPOOL")
        return
    yield from _spool(settings, spool)
    yield from _outbox(settings, spool, now)


def spool_or_none(settings: Settings) -> Path | None:
    """Where the spool is, if that can be said."""
    with suppress(SpoolError):
        return spool_of(settings)
    return None


# --- settings ------------------------------------------------------------------------------------


def _settings(settings: Settings, now: float) -> Iterator[Line]:
    found = [*_missing(settings), *_aims(settings, now)]
    yield from found or [ok("settings", f"pixel {settings.pixel_id or 'by shop'}, complete")]


def _missing(settings: Settings) -> Iterator[Line]:
    if settings.mode != "live":
        cause = f"PIXELPAIR_MODE={settings.mode}: nothing is sent"
        yield warn("settings", cause, "set PIXELPAIR_MODE=live when the shop is to be counted")
    if settings.shops:
        return
    if not settings.pixel_id:
        fix = "set PIXELPAIR_PIXEL_ID to the id that Events Manager shows"
        yield fail("settings", "there is no pixel id: pages stay as they are", fix)
    if not settings.access_token:
        cause = "there is no access token: only the browser halves of events leave"
        yield fail("settings", cause, "set PIXELPAIR_ACCESS_TOKEN (Events Manager > Settings)")
    elif not settings.secret:
        cause = "there is no secret: Purchase ids change with the access token"
        yield warn("settings", cause, "set PIXELPAIR_SECRET to a long random word, and keep it")


def _aims(settings: Settings, now: float) -> Iterator[Line]:
    host = urlsplit(settings.graph_url).hostname or ""
    if host != META:
        where = "the sandbox" if host in LOOPBACK else "another host"
        cause = f"events go to {where} at {settings.graph_url}, and not to Meta"
        yield warn("settings", cause, "leave PIXELPAIR_GRAPH_URL out where customers buy")
    code = settings.test_event_code
    if code.ended(now):
        cause = f"the test event code {code.code} has ended"
        yield warn("settings", cause, "remove PIXELPAIR_TEST_EVENT_CODE")
    elif code.code and host == META:
        cause = f"all events carry the test event code {code.code}: customers mix with tests"
        yield warn("settings", cause, "remove PIXELPAIR_TEST_EVENT_CODE where customers buy")


# --- the spool -----------------------------------------------------------------------------------


def _spool(settings: Settings, spool: Path) -> Iterator[Line]:
    try:
        found = spool.stat()
    except FileNotFoundError:
        yield from _unmade(spool)
        return
    except OSError as error:
        yield _unreadable(spool, error)
        return
    if not stat.S_ISDIR(found.st_mode):
        yield fail("spool", f"{spool} is no folder", "name a folder in PIXELPAIR_SPOOL")
        return
    yield from _rights(spool, found)
    yield from _place(settings, spool)
    yield from _disk(spool)


def _unmade(spool: Path) -> Iterator[Line]:
    above = next((p for p in spool.parents if p.exists()), None)
    if above is None or not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        fix = "name a folder in PIXELPAIR_SPOOL that the shop's user may write to"
        yield fail("spool", f"{spool} is not there and cannot be made", fix)
    else:
        yield ok("spool", f"{spool} is made with the first event")


def _unreadable(spool: Path, error: OSError) -> Line:
    why = error.strerror or type(error).__name__
    fix = _OWN if isinstance(error, PermissionError) else "name another folder in PIXELPAIR_SPOOL"
    return fail("spool", f"{spool} cannot be used: {why}", fix)


def _rights(spool: Path, found: os.stat_result) -> Iterator[Line]:
    if not hasattr(os, "getuid"):
        return
    if found.st_mode & 0o077:
        cause = f"others may look into {spool} ({stat.filemode(found.st_mode)})"
        yield fail("spool rights", cause, f"chmod 700 {spool}")
    files = [file for file in spool.iterdir() if file.is_file()]
    open_files = [file for file in files if file.stat().st_mode & 0o077]
    if open_files:
        cause = f"others may read {open_files[0].name} ({len(open_files)} such files)"
        yield fail("spool rights", cause, f"chmod 600 {spool}/*")
    if found.st_uid != os.getuid():
        yield warn("spool rights", f"{spool} is user {found.st_uid}'s, and not yours", _OWN)
    if not (found.st_mode & 0o077 or open_files):
        yield ok("spool rights", "the folder and its files are their user's alone")


def _place(settings: Settings, spool: Path) -> Iterator[Line]:
    try:
        refuse_network(spool)
    except SpoolError as error:
        grade = warn if isinstance(settings.outbox, str) else fail
        yield grade("spool", str(error), "move the spool to a local disk, or the outbox to Redis")
    if settings.spool is None and spool.is_relative_to(tempfile.gettempdir()):
        cause = f"{spool} is temporary: a reboot may empty it"
        yield warn("spool", cause, "set PIXELPAIR_SPOOL to a folder on a local disk")


def _disk(spool: Path) -> Iterator[Line]:
    free = shutil.disk_usage(spool).free
    if free < LITTLE:
        grade = fail if free < LEAST else warn
        cause = f"{free / 1e6:,.0f} MB are free where the spool is"
        yield grade("disk", cause, "make room: events that cannot be written are lost")
    began = time.monotonic()
    try:
        with tempfile.NamedTemporaryFile(dir=spool, prefix="doctor-") as file:
            file.write(b"\0" * 4096)
            file.flush()
            locks.datasync(file.fileno())
    except OSError as error:
        yield fail("spool", f"nothing can be written to {spool}: {error.strerror}", _OWN)
        return
    took = time.monotonic() - began
    said = f"{free / 1e9:,.0f} GB free, a block is on the disk after {took * 1000:.1f} ms"
    fix = "put the spool on a faster disk"
    yield ok("disk", said) if took < SLOW else warn("disk", said, fix)


# --- the outbox, and who sends -------------------------------------------------------------------


def _outbox(settings: Settings, spool: Path, now: float) -> Iterator[Line]:
    if isinstance(settings.outbox, str):
        line = _redis(settings.outbox)
        yield line
        if line.status == "fail":
            return
    try:
        with opened(settings) as found:
            yield from _waiting(settings, found, spool, now)
    except PixelPairError as error:
        yield fail("outbox", str(error), _OWN)


def _redis(url: str) -> Line:
    """Whether it answers, is new enough and evicts nothing."""
    from pixelpair.delivery.redis_link import Address, Link  # its extra may be missing

    try:
        link = Link(Address.read(url))
        try:
            link.check()
            if link.ask(lambda: link.client.info("persistence")).get("aof_enabled") != 1:
                cause = f"{link.address} keeps no append-only file: events die with it"
                return warn("outbox", cause, "set appendonly yes in Redis")
            return ok("outbox", f"{link.address} answers, and evicts nothing")
        finally:
            link.close()
    except (SpoolError, ValueError) as error:
        cause, _, fix = str(error).rpartition(": ")
        return fail("outbox", cause or str(error), fix if cause else "check PIXELPAIR_OUTBOX")


def _waiting(settings: Settings, found: Opened, spool: Path, now: float) -> Iterator[Line]:
    times = [twin.event_time for twin in found.intake.waiting() if isinstance(twin, Twin)]
    stats, troubles = found.outbox.stats(), found.outbox.troubles()
    times += [stats.oldest] if stats.oldest is not None else []
    lag = max(0.0, now - min(times)) if times else 0.0
    leads, _ = locks.holder(spool / LOCK_FILE)
    yield _worker(settings, leads, lag)
    for trouble in troubles:
        cause, _, fix = trouble.reason.rpartition(": ")
        grade = fail if trouble.held else warn
        held = f"events of pixel {trouble.pixel_id} wait for {span(now - trouble.since)}"
        yield grade("delivery", f"{held}: {cause or fix}", fix)
    if lag > LATE:
        grade = fail if lag > STUCK else warn
        yield grade("delivery", f"the oldest event waits for {span(lag)}", "see `pixelpair status`")
    if stats.dead:
        fix = "see why with `pixelpair dead list`"
        yield warn("delivery", f"{stats.dead} events were refused for good", fix)
    if not (troubles or lag > LATE or stats.dead):
        yield ok("delivery", f"{stats.delivered} events delivered, none is late")


def _worker(settings: Settings, leads: bool | None, lag: float) -> Line:
    if leads:
        return ok("worker", "a process of this host sends")
    if leads is None:
        fix = "let one process only send: PIXELPAIR_SENDER=none in all others"
        return warn("worker", "nobody can tell who sends: there are no file locks here", fix)
    if settings.sender == "none":
        fix = "run `pixelpair worker` beside the shop, or leave PIXELPAIR_SENDER out"
        return fail("worker", "PIXELPAIR_SENDER=none, and no `pixelpair worker` runs", fix)
    if lag > LATE:
        fix = "start the shop, or deliver what waits with `pixelpair drain`"
        return fail("worker", "events wait, and no process of the shop sends", fix)
    return ok("worker", "none yet: the shop's processes start it with their first event")
