"""Stands in for the trackers of a shop under test, those that are made later too.

The shop's code and settings stay as they are: each tracker plays with options of the test over its
own, and is itself again at the end.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from copy import copy
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.settings import Settings
from pixelpair.shops import directory
from pixelpair.testing.pages import Opened, Stage, play
from pixelpair.tracker import LIVING, MADE, Tracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pixelpair.core.http import Headers, Request
    from pixelpair.core.readings import Served
    from pixelpair.core.served import Answer
    from pixelpair.testing.tape import Tape

PIXEL: Final = "1234567890"  # of a shop that has none where it is tested
TOKEN: Final = "token-of-a-test"  # noqa: S105 - no shop's own token is used, whatever is set
SECRET: Final = "secret of a test"  # noqa: S105
# Test clients are no browsers, and say so or nothing: what they ask for is to be a customer's.
_CLIENTS = re.compile(
    rb"|testclient|(?:Werkzeug|python-httpx|python-requests|Python-urllib|Playwright)/.*"
)
BROWSER: Final = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    b" Chrome/138.0.0.0 Safari/537.36"
)
_OWN = ("given", "_of_door")  # what a tracker stays, whoever stands in for it


@contextmanager
def rehearsing(
    options: Mapping[str, object], prepare: Callable[[Tracker], None]
) -> Iterator[list[Tracker]]:
    """Let another tracker, with `options` over its settings, stand in for each; gives those.

    `prepare` is called with each before it plays. As soon as one shop is asked for something, those
    that this test leaves alone are out of the way: `pixelpair.send` goes by who is there.
    """
    parts: list[tuple[Tracker, dict[str, Any]]] = []
    stand_ins: list[Tracker] = []
    idle = {tracker for tracker in LIVING if not tracker.closed}
    older = list(idle)

    def asked(tracker: Tracker) -> None:
        LIVING.difference_update(idle)
        idle.discard(tracker)
        LIVING.add(tracker)

    def enter(tracker: Tracker) -> None:
        stand_in = _made(over(tracker.settings, options))
        prepare(stand_in)
        _tell_of_use(stand_in, partial(asked, tracker))
        parts.append((tracker, _part(tracker)))
        stand_ins.append(stand_in)
        vars(tracker).update(_part(stand_in))

    for tracker in older:
        enter(tracker)
    MADE.append(enter)
    try:
        yield stand_ins
    finally:
        MADE.remove(enter)
        for tracker, part in reversed(parts):
            _leave(tracker, part)
        for stand_in in stand_ins:
            stand_in.close()
        LIVING.update(older)


def _tell_of_use(tracker: Tracker, tell: Callable[[], None]) -> None:
    begin = tracker.begin

    def begun(*given: Any) -> Exchange:
        tell()
        return begin(*given)

    tracker.begin = begun


def _leave(tracker: Tracker, part: Mapping[str, Any]) -> None:
    was_closed = tracker.closed
    for name in _part(tracker).keys() - part.keys():
        delattr(tracker, name)
    vars(tracker).update(part)
    if was_closed:  # by the shop, amid the test
        tracker.close()


def _made(settings: Settings) -> Tracker:
    """A tracker that nobody is told of."""
    listeners, MADE[:] = MADE[:], []
    try:
        made = Tracker(settings)
    finally:
        MADE[:] = listeners
    LIVING.discard(made)
    return made


def _part(tracker: Tracker) -> dict[str, Any]:
    return {name: value for name, value in vars(tracker).items() if name not in _OWN}


# --- settings --------------------------------------------------------------------------------


def over(settings: Settings, options: Mapping[str, object]) -> Settings:
    """A shop's settings with the options of a test over them; its pixel, if it has one, stays."""
    if settings.shops:
        many = _changed(settings, options)
        object.__setattr__(many, "shops", _Shops(settings.shops, options))
        return many
    missing = {} if settings.pixel_id else {"pixel_id": PIXEL}
    missing |= {} if settings.secret else {"secret": SECRET}
    return _changed(settings, {**missing, **options})


def _changed(settings: Settings, options: Mapping[str, object]) -> Settings:
    said, other = Settings(**options), copy(settings)
    for name in options:
        object.__setattr__(other, name, getattr(said, name))
    return other


class _Shops:
    """The shop's own directory, with the options of a test over what it says."""

    def __init__(self, given: Any, options: Mapping[str, object]) -> None:
        self._own = cache(lambda: directory(given))  # its object may be imported late
        self._options = options

    def for_host(self, host: str) -> Settings | None:
        return self._over(self._own().for_host(host))

    def for_pixel(self, pixel_id: str) -> Settings | None:
        return self._over(self._own().for_pixel(pixel_id))

    def _over(self, found: Settings | None) -> Settings | None:
        return None if found is None else over(found, self._options)


# --- requests --------------------------------------------------------------------------------


def as_browser(request: Request) -> Request:
    """A test client's request as a browser's; one that names itself otherwise stays what it is."""
    name = request.index.get(b"user-agent", b"")
    shown = BROWSER if _CLIENTS.fullmatch(name) else name.replace(b"HeadlessChrome", b"Chrome")
    request.index = {**request.index, b"user-agent": shown}
    return request


def play_browser(tracker: Tracker) -> None:
    """Let a tracker take test clients for browsers."""
    begin = tracker.begin

    def begun(method: str, request: Callable[..., Request], *source: object) -> Exchange:
        return begin(method, lambda *given: as_browser(request(*given)), *source)

    tracker.begin = begun
    if tracker.desk is not None:
        tracker.desk = _Desk(tracker.desk)


class _Desk:
    """A desk that takes test clients for browsers."""

    def __init__(self, own: Served) -> None:
        self._own = own

    def room(self, request: Request) -> int | None:
        return self._own.room(as_browser(request))

    def inquiry(self, request: Request, source: object) -> Any:
        return self._own.inquiry(as_browser(request), source)

    def answer(self, request: Request, body: bytes, asked: Any = None) -> Answer:
        return self._own.answer(as_browser(request), body, asked)


def watch(tracker: Tracker, tape: Tape, ask: Callable[[Any], None]) -> None:
    """Let `tape` see each answer behind this tracker's door, and play it as a browser would."""
    begin, desk = tracker.begin, tracker.desk
    if desk is None:
        return
    stage = Stage(desk, tape, lambda: uuid4().hex, ask)

    def begun(method: str, request: Callable[..., Request], *source: object) -> Exchange:
        tape.requests += 1
        onlooker = _Onlooker(stage, request, source)
        exchange = begin(method, onlooker.told, *source)
        if exchange is not MUTED:  # which all inert trackers share
            onlooker.follow(exchange)
        return exchange

    tracker.begin = begun


class _Onlooker:
    """One exchange as it is seen from outside: what was asked, and what is answered."""

    def __init__(self, stage: Stage, request: Callable[..., Request], source: Any) -> None:
        self._stage = stage
        self._request = request
        self._source = source
        self._raw: Request | None = None
        self._met: Request | None = None
        self._headers: Headers = []
        self._sent: list[bytes] = []
        self._has_ended = False
        self._played: set[bytes] = set()

    def told(self, *source: object) -> Request:
        """What the door tells of the request; the core writes into it how it understands it."""
        self._met = self._request(*source)
        self._raw = copy(self._met)
        return self._met

    def follow(self, exchange: Exchange) -> None:
        """Hear what this exchange answers to its door. Clients need not read to the end."""
        respond, feed, finish = exchange.respond, exchange.feed, exchange.finish

        def responded(status: int, headers: Headers) -> Headers | None:
            fixed = respond(status, headers)
            if fixed is not None and fixed is not headers:
                self._headers = fixed
            return fixed

        def fed(chunk: bytes) -> bytes:
            self._sent.append(feed(chunk))
            return self._sent[-1]

        def finished() -> bytes:
            self._sent.append(finish())
            self._has_ended = True
            return self._sent[-1]

        vars(exchange).update(respond=responded, feed=fed, finish=finished)
        self._stage.tape.later(partial(self._seen, exchange))

    def _seen(self, exchange: Exchange) -> bool:
        if self._raw is not None and self._met is not None:  # else nothing of it was looked at
            headers, body = exchange.headers or self._headers, b"".join(self._sent)
            told = self._raw, self._met, self._source[0], headers, body
            play(self._stage, Opened(exchange._shop, *told), self._played)
        return self._has_ended
