"""Many shops in one process: which of them a host is, and whose token sends for a pixel.

The shop's own object may ask a database; what it says holds for a minute, so that new shops and
rotated tokens need no restart. Tokens stay in here: no outbox holds one.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.core.notes import Notes
from pixelpair.core.served import Answer
from pixelpair.storefront import Storefront, storefront

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from pixelpair.core.http import Request
    from pixelpair.core.inquiry import Inquiry
    from pixelpair.settings import Settings
    from pixelpair.storefront import Outlets

T = TypeVar("T")
SECONDS: Final = 60.0
MEANWHILE: Final = 5.0  # while one asks again, the others take what was said last
LONGEST_HOST: Final = 260  # of a domain name and its port
MOST_HOSTS: Final = 2000  # a Host header says whatever its sender likes
MOST_FRONTS: Final = 20  # of one pixel: its countries, and what they were before a change
_LABEL = "[^.]+"


class Directory(Protocol):
    """What knows the shops of a process; None where a host or a pixel is none of theirs."""

    def for_host(self, host: str) -> Settings | None:
        """The shop at a lower-case host, which has its port where that is not the scheme's."""

    def for_pixel(self, pixel_id: str) -> Settings | None:
        """The shop whose pixel this is."""


class Table:
    """A directory of host patterns: `shop.example`, `*.shop.example`, `*`; the first that fits."""

    def __init__(self, shops: Mapping[str, Settings]) -> None:
        self._shops = [(_pattern(host), settings) for host, settings in shops.items()]

    def for_host(self, host: str) -> Settings | None:
        """A pattern without a port fits every port."""
        bare = host.rpartition(":")[0] if re.search(r":[0-9]+\Z", host) else host
        fitting = (s for p, s in self._shops if p.fullmatch(host) or p.fullmatch(bare))
        return next(fitting, None)

    def for_pixel(self, pixel_id: str) -> Settings | None:
        """The first shop that has it."""
        return next((s for _, s in self._shops if pixel_id in s.pixels), None)


def _pattern(host: str) -> re.Pattern[str]:
    if host == "*":
        return re.compile(r".*")
    return re.compile(_LABEL.join(map(re.escape, host.split("*"))))


def directory(given: Any) -> Directory:
    """The directory that PIXELPAIR_SHOPS names: a table, an object, or an object's dotted path.

    Raises what the import of that path raises.
    """
    if isinstance(given, dict):
        return Table(given)
    if not isinstance(given, str):
        return given  # type: ignore[no-any-return]
    module, _, name = given.rpartition(".")
    found = getattr(import_module(module), name)
    return found() if isinstance(found, type) else found  # type: ignore[no-any-return]


class Shops:
    """The storefronts of a process, made when they are first asked for."""

    def __init__(self, process: Settings, outlets: Outlets, notes: Notes) -> None:
        self._process = process
        self._directory: Directory | None = None
        self._outlets = outlets
        self._notes = notes
        self._hosts: dict[str, tuple[float, Storefront | None]] = {}
        self._pixels: dict[str, tuple[float, Settings | None]] = {}
        self._made: dict[tuple[str, ...], list[Storefront]] = {}  # of each pixel, the latest first

    def at(self, host: str) -> Storefront | None:
        """The shop at a host; None where it is none of ours, or cannot be known now."""
        if len(host) > LONGEST_HOST:
            return None
        return self._remembered(self._hosts, host.lower(), self._found_at)

    async def ask_ahead(self, host: str, *, in_django: bool = False) -> None:
        """Under ASGI: ask in a thread what `at` would ask in the event loop."""
        from pixelpair.asking_async import in_thread  # asyncio, which a WSGI shop need not load

        until, _ = self._hosts.get(host.lower(), (0.0, None))
        if self._outlets.clock() >= until and len(host) <= LONGEST_HOST:
            await in_thread(self.at, host, in_django=in_django)

    def settings_of(self, pixel_id: str) -> Settings | None:
        """Whose token sends for this pixel."""
        return self._remembered(self._pixels, pixel_id, lambda it: self._asked().for_pixel(it))

    def front_of(self, pixel_id: str) -> Storefront | None:
        """The shop that has this pixel, whatever its hosts."""
        settings = self.settings_of(pixel_id)
        return None if settings is None else self._front(settings)

    @property
    def counts(self) -> dict[tuple[str, ...], Counter[str]]:
        """What did not leave, by pixels and reason."""
        return {pixels: fronts[0].shop.notes.counts for pixels, fronts in self._made.items()}

    def _asked(self) -> Directory:
        if self._directory is None:
            self._directory = directory(self._process.shops)
        return self._directory

    def _remembered(
        self, known: dict[str, tuple[float, T | None]], key: str, find: Callable[[str], T | None]
    ) -> T | None:
        until, found = known.get(key, (0.0, None))
        now = self._outlets.clock()
        if now < until:
            return found
        if key in known:
            known[key] = now + MEANWHILE, found
        try:
            found = find(key)
        except Exception:  # a directory that is out keeps what it said last
            self._notes.say("directory", exc_info=True)
        if key not in known and len(known) >= MOST_HOSTS:
            _forget_strangers(known)
        known[key] = now + SECONDS, found
        return found

    def _found_at(self, host: str) -> Storefront | None:
        settings = self._asked().for_host(host)
        return None if settings is None else self._front(settings)

    def _front(self, settings: Settings) -> Storefront | None:
        if settings.mode == "off" or not settings.pixels:
            return None
        settings = settings.within(self._process)
        fronts = self._made.get(settings.pixels, [])
        front = next((front for front in fronts if front.settings == settings), None)
        if front is None:
            notes = fronts[0].shop.notes if fronts else Notes(f"pixel {settings.pixel_id}")
            front = storefront(settings, self._outlets, notes, among=True)
            self._made[settings.pixels] = [front, *fronts][:MOST_FRONTS]
        return front


def _forget_strangers(known: dict[str, tuple[float, T | None]]) -> None:
    """Make room: whoever makes hosts up must not cost the shops their place."""
    strangers = [key for key, (_, found) in known.items() if found is None]
    for key in strangers or list(known):
        del known[key]


class Desks:
    """The desk of whichever shop is asked; has what a door wants of one Desk."""

    def __init__(self, shops: Shops, place: Callable[[Request], str]) -> None:
        self._shops = shops
        self._place = place

    def room(self, request: Request) -> int | None:
        """How many bytes of the body to read; None where the app answers."""
        front = self._shops.at(self._place(request))
        return front.desk.room(request) if front and front.desk else None

    def inquiry(self, request: Request, source: object) -> Inquiry | None:
        """What a door asks the shop before the answer to a report; None: nothing."""
        front = self._shops.at(self._place(request))
        return front.desk.inquiry(request, source) if front and front.desk else None

    def answer(self, request: Request, body: bytes, asked: Inquiry | None = None) -> Answer:
        """The whole answer to a request that `room` claims; `asked` is its inquiry, if any."""
        front = self._shops.at(self._place(request))
        # Its shop may be gone since `room`.
        desk = front.desk if front else None
        return Answer(204) if desk is None else desk.answer(request, body, asked)


def begins(shops: Shops, place: Callable[[Request], str], notes: Notes) -> Callable[..., Exchange]:
    """What begins an exchange with the shop that a request is for."""

    def begin(method: str, request: Callable[..., Request], *source: object) -> Exchange:
        try:
            front = shops.at(place(request(*source)))
        except Exception:
            notes.say("failed", exc_info=True)
            front = None
        return MUTED if front is None else front.begin(method, request, *source)

    return begin
