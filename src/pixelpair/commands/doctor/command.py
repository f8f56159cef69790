"""`pixelpair doctor`: does it work, and if not, why not and what to do. Changes nothing."""

from __future__ import annotations

import sys
import time
from collections import Counter
from copy import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from pixelpair.commands.doctor.words import Line, fail
from pixelpair.commands.screen import Grid, answer, plain
from pixelpair.commands.words import LEFT, OK, USAGE, add
from pixelpair.core.notes import Notes
from pixelpair.errors import PixelPairError, SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pixelpair.commands.doctor.http import Visitor
    from pixelpair.commands.doctor.walk import Walk
    from pixelpair.commands.words import Commands, Read
    from pixelpair.core.shop import Shop
    from pixelpair.settings import Settings

_HEADINGS: Final = ("", "check", "where", "what", "what to do")
_MARKS: Final = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}


def add_doctor(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "doctor",
        _doctor,
        "find out what keeps events from leaving, and say what to do",
        "Without URL: the settings, the token (by a test event, where PIXELPAIR_TEST_EVENT_CODE"
        " is set),\nthe spool, the outbox and who sends. With the URL of the running shop it walks"
        " through it as a\nbrowser does, in 20 requests and 3 minutes at most: home, product,"
        " search, cart, checkout. The\nshop knows its doctor by a signed header: what it does there"
        " is decided as for a customer, and no\nevent of it leaves. Run it with the settings of the"
        " shop.\n"
        "Exit code 0: nothing failed; 1: something did; 2: it could not be looked at.",
        "pixelpair doctor\npixelpair doctor https://shop.example\n"
        "pixelpair doctor https://shop.example --page /products/tea --strict --json\n"
        "PIXELPAIR_TEST_EVENT_CODE=TEST123 pixelpair doctor",
    )
    parser.add_argument("url", nargs="?", default="", metavar="URL", help="the running shop")
    parser.add_argument(
        "--page",
        action="append",
        default=[],
        metavar="PATH",
        help="look at this page too; may be given several times",
    )
    parser.add_argument(
        "--place-order",
        action="store_true",
        help="order what is in the cart, really: the shop sends, packs and mails what it likes",
    )
    parser.add_argument(
        "--host",
        default="",
        metavar="NAME",
        help="the host that the app is asked for, where a proxy tells it another than URL's",
    )
    parser.add_argument("--strict", action="store_true", help="a warning is a failure too")


def _doctor(arguments: argparse.Namespace, read: Read) -> int:
    now, stops, reached = time.time(), list[dict[str, object]](), True
    url = ""
    try:
        settings = read()
        if arguments.url:
            from pixelpair.commands.doctor.http import address

            url = address(arguments.url).start
        lines = list(_at_home(settings, url.partition("?")[0], now))
        if url:
            found, stops, reached = _in_shop(settings, arguments)
            lines += found
    except SettingsError as error:
        from pixelpair.commands.doctor.host import wrong_settings

        lines = wrong_settings(error)
    except PixelPairError as error:
        print(plain(str(error)), file=sys.stderr)
        return USAGE
    counts = Counter(str(line.status) for line in lines)
    document = {
        "at": now,
        "url": url,
        **{status: counts[status] for status in _MARKS},
        "pages": stops,
        "lines": [asdict(line) for line in lines],
    }
    answer(document, _shown(lines, counts), as_json=arguments.json)
    if not reached:
        return USAGE
    bad = counts["fail"] + (counts["warn"] if arguments.strict else 0)
    return LEFT if bad else OK


def _shown(lines: list[Line], counts: Counter[str]) -> list[Grid | str]:
    rows = [(_MARKS[i.status], i.check, i.where, i.cause, i.fix) for i in lines]
    return [Grid(rows, _HEADINGS), ", ".join(f"{counts[s]} {s}" for s in _MARKS)]


def _at_home(settings: Settings, url: str, now: float) -> Iterator[Line]:
    from pixelpair.commands.doctor.host import host_lines, spool_or_none
    from pixelpair.commands.doctor.meta import meta_lines

    yield from host_lines(settings, now)
    yield from meta_lines(settings, url, spool_or_none(settings), now)


# --- the running shop ----------------------------------------------------------------------------


def _in_shop(
    settings: Settings, arguments: argparse.Namespace
) -> tuple[list[Line], list[dict[str, object]], bool]:
    """The lines of a walk, the pages that it saw, and whether the shop answers at all."""
    from pixelpair.commands.doctor.http import Visitor
    from pixelpair.core.rehearsal import ticket
    from pixelpair.fittings import doctors

    own = _of_host(settings, arguments.url, arguments.host)
    secrets = doctors(own) if own.pixel_id else ()
    if not own.pixel_id:
        cause, fix = "no shop of these settings is at this address", "name its host with --host"
        return [fail("walk", cause, fix)], [], True
    visitor = Visitor(
        arguments.url,
        lambda host: ticket(secrets, arguments.host or host, time.time()) if secrets else "-",
        told=_progress if sys.stderr.isatty() else _silence,
    )
    try:
        return _walked(visitor, own, arguments)
    finally:
        visitor.close()


def _progress(url: str, left: int) -> None:
    print(plain(f"asking {url.partition('?')[0]}, {left} requests left"), file=sys.stderr)


def _silence(_url: str, _left: int) -> None:
    """Nobody watches."""


def _walked(
    visitor: Visitor, settings: Settings, arguments: argparse.Namespace
) -> tuple[list[Line], list[dict[str, object]], bool]:
    from pixelpair.commands.doctor.http import CHROME, MACHINE
    from pixelpair.commands.doctor.page import page_lines
    from pixelpair.commands.doctor.seen import Seen
    from pixelpair.commands.doctor.shop import absent_lines, shop_lines
    from pixelpair.commands.doctor.walk import Walk

    shop = _shop_of(settings)
    # Whoever does not know its doctor must not take it for a customer.
    visitor.agent = MACHINE
    probe = visitor.ask(visitor.start)[-1]
    if not probe.status:
        cause = f"{visitor.start.partition('?')[0]} cannot be asked: {probe.fault}"
        return [fail("walk", cause, "start the shop, or correct the address")], [], False
    visitor.settle(probe)
    # A cache may answer: what is behind it tells at an address that no cache has.
    asked = [probe, *([] if probe.report else visitor.ask(probe.url, past_caches=True))]
    known = any(answer.report is not None for answer in asked)
    visitor.agent = CHROME if known else MACHINE
    walk = Walk(visitor, shop, known=known)
    _go(walk, arguments, known=known)
    lines: list[Line] = []
    if not known:
        script = visitor.ask(f"{visitor.origin}{shop.snippet.file_path}")
        lines += absent_lines(probe, script[-1] if script else None, shop, settings)
    else:
        lines += shop_lines(walk, settings)
    for stop in walk.stops:
        lines += page_lines(Seen(stop, shop, settings, visitor.origin))
    pages: list[dict[str, object]] = [
        {
            "kind": stop.kind,
            "method": stop.first.method,
            "path": stop.first.path,
            "status": stop.first.status,
            "report": stop.first.report,
        }
        for stop in walk.stops
    ]
    return lines, pages, True


def _go(walk: Walk, arguments: argparse.Namespace, *, known: bool) -> None:
    walk.home()
    for path in arguments.page:
        walk.page(path)
    if known and walk.stops and walk.stops[0].first.is_page:
        walk.on(places=arguments.place_order)


def _of_host(settings: Settings, url: str, host: str) -> Settings:
    """The settings of the shop at this address, where a process has many."""
    if not settings.shops:
        return settings
    from urllib.parse import urlsplit

    from pixelpair.commands.doctor.http import address
    from pixelpair.shops import directory

    sys.path.append("")  # the shop's object may lie where this is run, beside its app
    try:
        found = directory(settings.shops).for_host(
            (host or urlsplit(address(url).origin).netloc).lower()
        )
    except Exception as error:  # the shop's own object
        raise PixelPairError(f"PIXELPAIR_SHOPS failed: {type(error).__name__}") from error
    return found.within(settings) if found else copy(settings)


def _shop_of(settings: Settings) -> Shop:
    """The shop as its own process makes it; this one sends nothing."""
    from pixelpair.storefront import Outlets, storefront

    nowhere = Outlets(time.time, lambda: "", lambda: 0, lambda _packed: None)
    return storefront(settings, nowhere, Notes()).shop
