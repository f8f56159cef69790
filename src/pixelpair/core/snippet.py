"""The page's part as safe bytes: a JSON block, a static script, a `<noscript>` image, and the
cookie that carries an event to the next page. Knows the pixel; knows no request.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import orjson

from pixelpair.core.consent import GRANTED, Consent, ConsentRule, Signals
from pixelpair.core.events import PAGE_VIEW, Event
from pixelpair.core.served import version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pixelpair.core.csp import Permission
    from pixelpair.core.events import Ldu

BLOCK = b'<script type="application/json" id="pixelpair">'
NOTHING = "(?!)"
PENDING_PREFIX = "_pixelpair_"
PENDING_SECONDS = 600
# Bytes of such cookies: (an answer, a visitor). Beyond them one holds name and id only, and beyond
# the second there is none: nginx refuses an answer with 4 KB of headers, and it and gunicorn a
# request with 8 KB.
PENDING_ROOM, PENDING_MOST = (1800, 3000), (2500, 4000)
PENDING = re.compile(rb"_pixelpair_[0-9A-Za-z]+=[^;]*")
PENDING_LIMIT = 600  # bytes of one cookie: three of 1.5 KB in one answer made nginx say 502
_SLIM = ("content_ids", "content_type", "value", "currency")
_MONEY = ("value", "currency")  # what a Purchase may never lack; always short enough
PENDING_AROUND = len("=; Max-Age=600; Path=/; SameSite=Lax; Secure")
_MADE = re.compile(r"[0-9a-f]{32}")
_ONLY_IN = re.compile(r" *(?:/\* (?:by URL|full) \*/)+\Z")
# Lazy: htmx puts a page back with scripting off in its parser, and the image would load again. A
# lazy one that is not displayed loads where scripting is off for good, and nowhere else (Chromium).
_IMAGE = '<img height="1" width="1" style="display:none" alt="" loading="lazy" src='
_IMAGE_END = b'"></noscript>'
_IMAGE_LIMIT = 2000  # a GET address; a longer cart travels by the server half alone


@cache
def _inline(name: str) -> bytes:
    """What stands in pages: made from pixel.js by `make pixel.min.js`."""
    return files("pixelpair.core").joinpath(name).read_bytes().strip()


@cache
def _file() -> bytes:
    """The whole script; what it has beside the inline one is for pages that we do not serve."""
    source = files("pixelpair.core").joinpath("pixel.js").read_text("ascii")
    lines = (_ONLY_IN.sub("", line.strip()) for line in source.splitlines())
    return " ".join(line for line in lines if line and not line.startswith("//")).encode()


def safe_json(value: object) -> bytes:
    """JSON that can stand inside any `<script>` of any ASCII-compatible charset."""
    text = orjson.dumps(value)
    if not text.isascii():  # the page may be latin-1: escape what its charset could change
        text = json.dumps(orjson.loads(text), separators=(",", ":")).encode()
    return text.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")


class Snippet:
    """The bytes for one pixel on the pages below one mount. Made once: most of them never change.

    `page_view` and `names` are settings that the page must know: PAGE_VIEW and PAGE_EVENTS.
    """

    __slots__ = (
        "_external",
        "_image_start",
        "_image_urls",
        "_inline",
        "_limits",
        "_src",
        "_start",
        "_usual_end",
        "below",
        "file_path",
        "hashes",
        "script_url",
        "served",
    )

    def __init__(
        self,
        pixels: Sequence[str],
        script_url: str,
        image_url: str,
        *,
        path: str = "/_pixelpair",
        page_view: str = "both",
        auto_config: bool = False,
        names: Sequence[str] = (),
        hidden: Callable[[str], str] = lambda _root: NOTHING,
        rule: ConsentRule | None = None,
        signals: Signals | None = None,
        root: str = "",
    ) -> None:
        rule, signals = rule or ConsentRule(), signals or Signals()
        config: dict[str, object] = {"pixel": " ".join(pixels), "src": script_url}
        config |= {"hide": hidden(root)}  # addresses that no script of a page may tell of
        config |= {"consent": rule.in_page()} if rule.cookie else {}
        config |= {"view": page_view} if page_view != "both" else {}
        config |= {"auto": 1} if auto_config else {}
        config |= {"names": list(names)} if names else {}
        limits = signals.in_page()
        # Most shops need no consent in their pages, and save its reader there.
        full = bool(rule.cookie or len(pixels) > 1 or limits.keys() & {"deny", "dnt"})
        code, file = _inline("pixel.full.min.js" if full else "pixel.min.js"), _file()
        # The file finds the reports' address beside its own.
        served = safe_json(config | limits | {"to": "events"})
        self.served = file.removesuffix(b");") + b", %b);\n" % served
        version = version_of(self.served)
        address = quote(root) + path
        self.script_url = script_url
        self._src = b'"src":%b,' % safe_json(script_url)
        self.file_path = f"{address}/pixel.js"
        self.hashes = frozenset({b64encode(sha256(code).digest()).decode()})
        self._external = escape(f"{self.file_path}?v={version}").encode()
        self._inline = code
        self._start = BLOCK + safe_json(config | {"to": f"{address}/events"})[:-1]
        self._usual_end = b"]}</script><script>" + code + b"</script>"
        self._limits = safe_json(limits)[1:-1] + b"," if limits else b""
        self._image_urls = [f"{escape(image_url)}?id={pixel_id}" for pixel_id in pixels]
        page_view_image = f"{self._image_urls[0]}&amp;ev=PageView&amp;noscript=1&amp;eid="
        self._image_start = f'<noscript>{_IMAGE}"{page_view_image}'.encode()
        # The same below another mount; a process has one or two.
        self.below = lru_cache(16)(
            lambda mount: (
                self
                if mount == root
                else Snippet(
                    pixels,
                    script_url,
                    image_url,
                    path=path,
                    page_view=page_view,
                    auto_config=auto_config,
                    names=names,
                    hidden=hidden,
                    rule=rule,
                    signals=signals,
                    root=mount,
                )
            )
        )

    def loader(self, how: Permission) -> bytes:
        """The script as the page's policies permit it; b"" where they do not."""
        nonce = b' nonce="%b"' % how.nonce if how.nonce else b""
        if how.way == "inline":
            return b"<script%b>%b</script>" % (nonce, self._inline)
        if how.way == "external":
            return b'<script src="%b" async%b></script>' % (self._external, nonce)
        return b""

    def events(
        self,
        events: Iterable[Event],
        *,
        match: Mapping[str, str] | None = None,
        ldu: Ldu | None = None,
        cookies: tuple[str, str] | None = None,
    ) -> bytes:
        """The data block of events with their ids, for this visitor alone.

        `match` is customer information for init; `cookies`, as in `signed`, is for a page that
        may keep its visitor's decision.
        """
        calls = b",".join([_call(event) for event in events])
        known = b',"match":' + safe_json(match) if match else b""
        known += b',"ldu":' + safe_json(ldu) if ldu is not None else b""
        known += b',"cookie":' + safe_json(cookies) if cookies else b""
        return b'%b%b,"events":[%b]}</script>' % (self._start, known, calls)

    def signed(self, sealed: str, cookies: tuple[str, str]) -> bytes:
        """The data block of a page that makes its own ids: a sealed text for all visitors.

        `cookies` is what stands before and behind the time and value of `_fbp` and `_fbc`.
        """
        given = self._start, self._limits, safe_json(cookies), safe_json(sealed)
        return b'%b,%b"cookie":%b,"signed":%b}</script>' % given

    def without_pixel(self, block: bytes) -> bytes:
        """The same block where a policy blocks Meta's script: nobody asks for it in vain."""
        return block.replace(self._src, b"", 1)

    def view(self, event_id: bytes) -> tuple[bytes, bytes]:
        """Block, script and image of a PageView whose id was made here (letters and digits)."""
        script = b'%b,"events":[["PageView",{},"%b"]%b' % (self._start, event_id, self._usual_end)
        return script, b"%b%b%b" % (self._image_start, event_id, _IMAGE_END)

    def images(self, events: Iterable[Event], consent: Consent = GRANTED) -> bytes:
        """The `<noscript>` images of the events, for visitors without scripts."""
        urls = [url + escape(consent.image) for url in self._image_urls]
        images = "".join([_image(url, event) for event in events for url in urls])
        return f"<noscript>{images}</noscript>".encode() if images else b""


def _image(url: str, event: Event) -> str:
    name, event_id = event.name, event.id
    if not (name.isalnum() and event_id.isalnum()):  # nearly all are
        name, event_id = quote(name), quote(event_id)
    source = f"{url}&amp;ev={name}&amp;noscript=1&amp;eid={event_id}"
    if event.data:
        data = {f"cd[{key}]": _parameter(value) for key, value in event.data.items()}
        query = escape(urlencode(data, quote_via=quote))
        source += f"&amp;{query}" if len(query) <= _IMAGE_LIMIT else ""
    return f'{_IMAGE}"{source}">'


def _call(event: Event) -> bytes:
    name, event_id, _, data, _ = event
    if not data and name == PAGE_VIEW and event_id.isalnum() and event_id.isascii():
        return b'["PageView",{},"%b"]' % event_id.encode()  # every page has one
    return safe_json(event.call())


def _parameter(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def pending_cookie(event: Event, ms: int, *, bare: bool = False) -> tuple[str, str]:
    """Name and value of the cookie that carries a browser half to the next page.

    A slim copy: what is too long for 600 bytes is left to the server half. A `bare` one has name
    and id only; a Purchase keeps its money.
    """
    # Given ids may begin alike (order-1001, order-1002), or serve two events: then of their hash.
    made = not event.lasting and _MADE.fullmatch(event.id)
    digest = sha256(f"{event.name} {event.id}".encode()).hexdigest()
    name = PENDING_PREFIX + (event.id if made else digest)[:8]
    least = _MONEY if event.name == "Purchase" else ()
    for keys in (least,) if bare else (event.data, _SLIM, _MONEY):
        data = {key: event.data[key] for key in keys if key in event.data}
        call = Event(event.name, event.id, event.time, data).call()
        value = urlsafe_b64encode(_ascii({"t": ms, "e": call})).rstrip(b"=").decode()
        if len(name) + len(value) <= PENDING_LIMIT - PENDING_AROUND:
            break
    return name, value


def _ascii(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
