"""A page as its visitor's browser would play it: its events fired, its signed ones reported.

Reads an answer behind our own door; knows what pixel.js does with a block, and runs no script.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from pixelpair.core.answers import is_ahead
from pixelpair.core.codings import coding_of, unpacker
from pixelpair.core.events import PAGE_VIEW
from pixelpair.core.http import Request, header_value
from pixelpair.core.machines import machine
from pixelpair.core.snippet import BLOCK, PENDING_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pixelpair.core.http import Headers
    from pixelpair.core.readings import Served
    from pixelpair.core.shop import Shop
    from pixelpair.testing.tape import Tape

_BLOCK = re.compile(re.escape(BLOCK) + rb"(.*?)</script>", re.DOTALL)
_SET = re.compile(rb"\s*([^=;]+)=([^;]*)(.*)", re.DOTALL)
_ENDED = re.compile(rb";\s*max-age=0\s*(?:;|\Z)", re.IGNORECASE)
_OF_PAGE = (b"if-none-match", b"if-modified-since", b"sec-fetch-dest", b"sec-fetch-mode")
_LONGEST = 999  # characters of an address in a report, as the script cuts it


@dataclass(frozen=True, slots=True)
class Stage:
    """Where pages are played: who answers their reports, who writes down, and two sources."""

    desk: Served
    tape: Tape
    new_id: Callable[[], str]
    ask: Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer as its visitor has it: `raw` is the request as the door told it, `met` as the
    core understood it, `source` what the door made it of."""

    shop: Shop
    raw: Request
    met: Request
    source: object
    headers: Headers
    body: bytes

    @property
    def cookies(self) -> bytes:
        """The Cookie header of the visitor's next request."""
        kept = dict(_pairs(self.met.cookies))
        for name, value, ended in _set_cookies(self.headers):
            if ended:
                kept.pop(name, None)
            else:
                kept[name] = value
        return b"; ".join(b"%b=%b" % pair for pair in kept.items())

    @property
    def agreed(self) -> bool:
        """Whether the page script may tell of anything: by cookies and signals, as it asks them."""
        policy = self.shop.policy
        state = policy.consent.decide(self.cookies)
        return policy.signals.apply(state, self.met.index).state == "granted"


def play(stage: Stage, opened: Opened, done: set[bytes]) -> None:
    """Do with this answer what a browser does, but for what is in `done`.

    A machine runs no script.
    """
    met = opened.met
    if is_ahead(met) or machine(met.index.get(b"user-agent", b"")):
        return
    for cookie in _pending(opened.headers):
        if _is_new(cookie, done):
            _fire(stage, opened, opened.shop.pixels, [_carried(cookie)], "cookie")
    blocks = [orjson.loads(text) for text in _blocks(opened)]
    # The first one starts the pixel, for all: without "src" a policy blocks Meta's script.
    is_blocked = bool(blocks) and "src" not in blocks[0]
    pixels = () if is_blocked or not blocks else blocks[0]["pixel"].split()
    stage.tape.blocked += is_blocked
    for block in blocks:
        if "events" not in block and _is_new(block["signed"].encode(), done):  # often there twice
            _report(stage, opened, block, pixels)
        elif "events" in block and _is_new(orjson.dumps(block), done):
            _fire(stage, opened, pixels, block["events"], "page")


def _is_new(what: bytes, done: set[bytes]) -> bool:
    known = what in done
    done.add(what)
    return not known


def _fire(
    stage: Stage, opened: Opened, pixels: Iterable[str], calls: list[list[Any]], by: str
) -> None:
    alone = opened.shop.page_view == "browser"
    for call in calls:
        for pixel_id in pixels:
            stage.tape.fired(pixel_id, call, by, alone=alone and call[0] == PAGE_VIEW)


def _report(stage: Stage, opened: Opened, block: Mapping[str, Any], pixels: Iterable[str]) -> None:
    """The page makes its ids, fires, and reports: asked of the shop's own desk."""
    text = block["signed"].rpartition(".")[0]
    calls = [_with_id(call, stage.new_id) for call in orjson.loads(text)[1]]
    if not opened.agreed:
        stage.tape.hold("no consent", len(calls))
        return
    _fire(stage, opened, pixels, calls, "report")
    told = {"signed": block["signed"], "ids": [call[2] for call in calls]}
    told |= {"url": opened.met.url[:_LONGEST], "referrer": opened.met.referrer[:_LONGEST]}
    request = _request(opened, block, stage.new_id)
    if stage.desk.room(request) is None:
        return  # nobody answers there: the halves stay alone
    inquiry = stage.desk.inquiry(request, opened.source)
    if inquiry is not None:
        stage.ask(inquiry)
    stage.desk.answer(request, json.dumps(told).encode(), inquiry)


def _with_id(call: list[Any], new_id: Callable[[], str]) -> list[Any]:
    name, data, *rest = call
    return [name, data, (rest[0] if rest else "") or new_id()]


def _request(opened: Opened, block: Mapping[str, Any], new_id: Callable[[], str]) -> Request:
    """The report's own request, as the shop's door would tell of it."""
    raw, met = opened.raw, opened.met
    index = {name: value for name, value in raw.index.items() if name not in _OF_PAGE}
    index[b"cookie"] = _with_fbp(opened.cookies, block.get("cookie"), new_id)
    index[b"origin"] = f"{met.scheme}://{met.host}".encode()
    index[b"sec-fetch-site"] = b"same-origin"
    index[b"referer"] = met.url.encode()
    path = unquote(block["to"])
    below = path.removeprefix(raw.root)
    return replace(
        raw,
        method="POST",
        path=below,
        raw_path=block["to"].encode(),
        query="",
        index=index,
        route=None,
        excluded=False,
        nonce="",
    )


def _with_fbp(cookies: bytes, terms: Any, new_id: Callable[[], str]) -> bytes:
    """The page mints `_fbp` before it reports."""
    if terms is None or b"_fbp=" in cookies:
        return cookies
    minted = f"_fbp{terms[0]}1700000000000.{int(new_id()[:8], 16)}".encode()
    return b"; ".join(filter(None, (cookies, minted)))


# --- reading an answer -----------------------------------------------------------------------


def _blocks(opened: Opened) -> Iterator[bytes]:
    coding = coding_of(header_value(opened.headers, b"content-encoding"))
    body = opened.body
    if coding is not None and coding != "plain":
        reader = unpacker(coding)
        reader.push(body)
        body = b"".join(iter(reader.take, b""))
    for found in _BLOCK.finditer(body):
        yield found[1]


def _pending(headers: Headers) -> Iterator[bytes]:
    """The cookies in which browser halves ride to the visitor's next page."""
    for name, value, ended in _set_cookies(headers):
        if name.startswith(PENDING_PREFIX.encode()) and not ended:
            yield value


def _carried(cookie: bytes) -> list[Any]:
    call: list[Any] = orjson.loads(urlsafe_b64decode(cookie + b"=" * (-len(cookie) % 4)))["e"]
    return call


def _set_cookies(headers: Headers) -> Iterator[tuple[bytes, bytes, bool]]:
    for name, value in headers:
        found = _SET.match(value) if name.lower() == b"set-cookie" else None
        if found:
            yield found[1], found[2], bool(_ENDED.search(found[3]))


def _pairs(cookies: bytes) -> Iterator[tuple[bytes, bytes]]:
    for pair in cookies.split(b";"):
        name, equals, value = pair.strip().partition(b"=")
        if equals:
            yield name, value
