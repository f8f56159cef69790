"""The doctor as a visitor: asks one shop a few times, as a browser does, and never another host.

Knows HTTP, cookies and bounds; what the answers mean is not said here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.metadata import version
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import httpx

from pixelpair.commands.doctor.reports import read_report
from pixelpair.errors import PixelPairError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MOST_ASKED: Final = 20
MOST_BYTES: Final = 2_000_000
READ, PATIENCE = 10.0, 30.0  # seconds without a byte, and for a whole answer
MOST_HOPS: Final = 5
MOST_TIME: Final = 180.0  # seconds that a whole walk may take
# Something that no cache has: what a link from elsewhere brings, and no shop knows.
PAST_CACHES: Final = "pixelpair-doctor"
# No shop notices it; a walk takes two seconds longer.
PAUSE: Final = 0.1
CHROME: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/150.0.0.0 Safari/537.36"
)
# With "compatible;", as crawlers say it: what this one sees is counted for nobody.
MACHINE: Final = f"Mozilla/5.0 (compatible; pixelpair-doctor/{version('pixelpair')})"
REPORT: Final = "pixelpair-report"
# What is asked for once to learn whether the app compresses so before we see its pages.
BROTLI: Final = "br, zstd"
_PLAIN: Final = "gzip, deflate"  # what can be read here whatever is installed
_HEADERS: Final = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
}
_MOVES: Final = frozenset({301, 302, 303, 307, 308})
_KEEPS: Final = frozenset({307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request. `fault`: how its body broke off, or ""; status 0: nothing
    came, and `fault` is why."""

    method: str
    url: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    fault: str = ""

    def values(self, name: str) -> list[str]:
        """Every header of this name."""
        return [value for key, value in self.headers if key == name]

    def value(self, name: str) -> str:
        """Repeated headers as one list; "" where there is none."""
        return ", ".join(self.values(name))

    @property
    def path(self) -> str:
        return urlsplit(self.url).path or "/"

    @property
    def query(self) -> str:
        return urlsplit(self.url).query

    @property
    def is_page(self) -> bool:
        """Whether it is an HTML page that a visitor is shown."""
        return self.status == 200 and self.value("content-type").lower().startswith("text/html")

    @property
    def report(self) -> dict[str, Any] | None:
        """What the shop's pixelpair tells its doctor."""
        found = [read_report(text) for text in self.values(REPORT)]
        return found[-1] if found else None


class Visitor:
    """One browser: its cookies, and all that it may ask. `ticket` makes the header that says who
    it is."""

    def __init__(
        self,
        url: str,
        ticket: Callable[[str], str],
        *,
        most: int = MOST_ASKED,
        pause: float | None = None,
        told: Callable[[str, int], None] = lambda _url, _left: None,
    ) -> None:
        self.origin, self.start, self._login = address(url)
        self._told = told
        self._end = time.monotonic() + MOST_TIME
        self.agent = CHROME
        self.left = most
        self._ticket = ticket
        self._pause = PAUSE if pause is None else pause
        self._client = self._opened()

    def close(self) -> None:
        self._client.close()

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc

    def is_ours(self, url: str) -> bool:
        """Whether this is an address of the shop."""
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}" == self.origin

    def ask(
        self,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        fresh: bool = False,
        past_caches: bool = False,
        referrer: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> list[Answer]:
        """Ask, and follow where it leads within the shop: all answers, none where no request is
        left. `fresh`: as somebody who was never here; `past_caches`: by an address that nobody
        asked for yet."""
        if past_caches:
            url += f"{'&' if urlsplit(url).query else '?'}{PAST_CACHES}={token_hex(4)}"
        client = self._opened() if fresh else self._client
        try:
            return list(self._followed(client, url, data, referrer, headers or {}))
        finally:
            if fresh:
                client.close()

    def settle(self, answer: Answer) -> None:
        """Take the shop's own address, where its first page is at another (www., https)."""
        parts = urlsplit(answer.url)
        self.origin = f"{parts.scheme}://{parts.netloc}"

    def _followed(
        self,
        client: httpx.Client,
        url: str,
        data: Mapping[str, str] | None,
        referrer: str,
        more: Mapping[str, str],
    ) -> Iterator[Answer]:
        for _ in range(MOST_HOPS + 1):
            if not self.left or time.monotonic() > self._end:
                return
            answer = self._asked(client, url, data, referrer, more)
            if answer.status == 429:  # it wants to be left alone
                self.left = 0
            yield answer
            place = answer.value("location")
            if answer.status not in _MOVES or not place:
                return
            referrer, url = answer.url, urljoin(answer.url, place)
            if not (self.is_ours(url) or self._is_start(url)):
                return
            data = data if answer.status in _KEEPS else None

    def _is_start(self, url: str) -> bool:
        """Whether a first redirect leads to the same shop: to https, or to or from www."""
        here, there = urlsplit(self.origin), urlsplit(url)
        names = [(part.hostname or "").removeprefix("www.") for part in (here, there)]
        return names[0] == names[1] and here.port == there.port

    def _asked(
        self,
        client: httpx.Client,
        url: str,
        data: Mapping[str, str] | None,
        referrer: str,
        more: Mapping[str, str],
    ) -> Answer:
        self.left -= 1
        self._told(url, self.left)
        time.sleep(self._pause)
        method = "GET" if data is None else "POST"
        headers = {**_HEADERS, "User-Agent": self.agent, "Accept-Encoding": _PLAIN}
        headers |= {"Sec-Fetch-Site": "same-origin" if referrer else "none"}
        headers |= {"Referer": referrer} if referrer else {}
        headers |= {"Origin": self.origin} if data is not None else {}
        headers |= {"Pixelpair-Doctor": self._ticket(urlsplit(url).netloc), **more}
        try:
            with client.stream(method, url, headers=headers, data=data) as response:
                body, fault = _body(response)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return Answer(method, url, 0, fault=_why(error))
        pairs = [
            (k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in response.headers.raw
        ]
        return Answer(method, url, response.status_code, tuple(pairs), body, fault)

    def _opened(self) -> httpx.Client:
        return httpx.Client(timeout=READ, follow_redirects=False, auth=self._login)


def _body(response: httpx.Response) -> tuple[bytes, str]:
    """The plain bytes, as far as they came, and what broke them off."""
    end, body = time.monotonic() + PATIENCE, bytearray()
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MOST_BYTES or time.monotonic() > end:
                return bytes(body), "long"
    except httpx.ReadTimeout:
        return bytes(body), "slow"
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return bytes(body), "length"
    except httpx.DecodingError:
        return bytes(body), "encoding"
    return bytes(body), ""


def _why(error: Exception) -> str:
    """Why nothing came, in words that a stranger can use."""
    said = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        detail = said.rpartition("failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not trusted ({detail}): name its authority in SSL_CERT_FILE"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in {READ:g} s ({type(error).__name__})"
    return said or type(error).__name__


class Address(NamedTuple):
    """Where a walk begins, and the name and password that the address held."""

    origin: str
    start: str
    login: tuple[str, str] | None


def address(url: str) -> Address:
    """Raises PixelPairError for what is no address of a shop."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) < 1:
            raise ValueError
    except ValueError:
        shown = _without_login(url)
        said = f"{shown} is no address: it begins with https:// and a host"
        raise PixelPairError(said) from None
    login = (unquote(parts.username or ""), unquote(parts.password or ""))
    host = parts.netloc.rpartition("@")[2].lower()
    clean = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
    return Address(f"{parts.scheme}://{host}", clean, login if any(login) else None)


def _without_login(url: str) -> str:
    """An address as it may be shown."""
    start, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{start}{mark}{place.rpartition('@')[2]}{slash}{path}"
