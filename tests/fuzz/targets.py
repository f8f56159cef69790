"""The table of all that is fuzzed: name, target, and what it promises of any bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from . import deliveries, meta, pages, shops, visitors
from .pieces import pumped

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = Path(__file__).parent / "corpus"
# 128 KB take a second at most; instrumented and on a busy machine, five times that.
MOST_SECONDS = 10.0
PUMP_EVERY = 512


class TooSlow(AssertionError):  # noqa: N818 - says what is wrong
    """An input took more time than any input may."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that reads what strangers write.

    `words` are what its language is made of, for who makes inputs. A target that is `pumped` is
    given long inputs too, made from the short ones.
    """

    name: str
    run: Callable[[bytes], None]
    promises: str
    words: tuple[str, ...] = ()
    longest: int = 2048
    pumped: bool = True

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    @property
    def seeds(self) -> list[Path]:
        """The inputs that are kept, smallest first."""
        files = [path for path in self.corpus.iterdir() if path.is_file()]
        return sorted(files, key=lambda path: (path.stat().st_size, path.name))

    def check(self, data: bytes, *, long_too: bool = False) -> None:
        """Raises where a promise is broken: by the input, and now and then by a long one of it."""
        self._in_time(data)
        if self.pumped and (long_too or crc32(data) % PUMP_EVERY == 0):
            self._in_time(pumped(data))

    def _in_time(self, data: bytes) -> None:
        start = time.thread_time()
        self.run(data)
        took = time.thread_time() - start
        if took > MOST_SECONDS:
            raise TooSlow(f"{self.name} took {took:.1f} s for {len(data)} bytes")


_TAGS = (
    *("<!doctype html>", "<html>", "<head>", "</head>", "<body>", "</body>", "</html>", "<title>"),
    *("</title>", "<script>", "</script>", "<style>", "</style>", "<!--", "-->", "--!>", "<!-->"),
    *("<noscript>", "</noscript>", "<svg>", "</svg>", "<select>", "<textarea>", "</textarea>"),
    *("<meta ", "<link>", "<p ", "='", '="', "/>", "<![CDATA[", "]]>", "<template>", "<table>"),
)
_MARKUP = (
    *('<script type="application/ld+json">', "</script>", '"@type":"Product"', '"offers":{'),
    *('"price":"', '"priceCurrency":"EUR"', '"@graph":[', '"@id":"', '"hasVariant":', "itemscope"),
    *('itemtype="https://schema.org/Product"', 'itemprop="price"', '<meta property="og:'),
    *("product:price:amount", "dataLayer.push(", "view_item", "ecommerce:{items:[", "1.234,56"),
    *('"sku":"', "ItemList", '"ProductGroup"', "charset=", "]]>", "&amp;", "\\u00", "<!--"),
)
_POLICY = (
    *("content-security-policy: ", "script-src ", "'nonce-", "'unsafe-inline'", "'strict-dynamic'"),
    *("'self'", "'none'", "default-src ", "sandbox ", "require-trusted-types-for 'script'"),
    *('<meta http-equiv="Content-Security-Policy" content="', "'sha256-", "https:", "*."),
)
_RESPONSE = (
    *("content-type: text/html\n", "content-length: ", "content-encoding: gzip\n", "etag: "),
    *("cache-control: ", "no-store", "max-age=9", "set-cookie: ", "location: /", "\n\n"),
    *("charset=", "content-disposition: attachment\n", "transfer-encoding: chunked\n"),
)
_COOKIES = (
    *("_fbp=fb.1.1750000000000.1116446470", "_fbc=fb.1.1.AbC", "; ", "_pp_consent=1.1760000000"),
    *("fbclid=", "CookieConsent=", "euconsent-v2=", "cookieyes-consent=", "%22", "klaro=", "true"),
    *("OptanonConsent=", "groups=", "C0004:1", "cookie_consent=", "_pixelpair_", "%u0041"),
)
_HEADERS = (
    *("cookie: ", "\nuser-agent: ", "\nx-forwarded-for: ", "\nforwarded: for=", "\nreferer: "),
    *("\nsec-gpc: 1", "\norigin: ", "\nsec-fetch-dest: ", "\nhost: ", "\nclient: ", "\n\n"),
    *("\nx-forwarded-host: ", "\ncf-connecting-ip: ", "proto=https", "[2001:db8::1]:80", "unix:"),
)
_REPORT = (
    *('"url":"https://www.shop.example/tea"', '"sealed":["/tea",[["PageView",{}]]]', '"ids":["'),
    *('"made":[["Search",{},"', '"referrer":"', '"revoked":1', '"twice":1', "a" * 32, '"value":'),
)
_RULES = (
    *("AddToCart ", "Purchase ", "POST ", "/{sku}", "{id:int}", "{p:path}", "?q={search_string}"),
    *("name:shop:cart", " on=2xx", "form:", "sku=content_id", ";", "\n\nGET ", "{x:float}", "%s"),
)
_CATALOG = (
    *("id,title,price", "<rss><channel><item>", "<g:id>", "</item>", '{"id":"', "<entry>", '"'),
    *("9.99 EUR", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>", "&b;", "<![CDATA["),
    *("additional_image_link[0]", "availability", "in stock", "\r\n", "\t", "<?xml version='1.0'"),
)
_GRAPH = (
    *('{"error":{"code":', '"error_subcode":', '"error_data":', '"blame_field_specs":[[', "\n\n"),
    *('"events_received":', "retry-after: ", "x-business-use-case-usage: ", "date: ", '"data":['),
    *('"paging":{"cursors":{"after":"', '"next":"', '"handles":["', '"validation_status":[', "1e9"),
    *('"status":"finished"', '"errors_total_count":', "estimated_time_to_regain_access", "NaN"),
)
_FORMS = (
    *("multipart/form-data; boundary=b", "--b\r\n", "--b--", "application/json", "charset=utf-16"),
    *('Content-Disposition: form-data; name="name"', "\r\n\r\n", "name=", "&", "%", "sku", '{"a":'),
    *("application/x-www-form-urlencoded", "filename=", "items"),
)
_PERSON = tuple(f"\n{name}: " for name in visitors.FIELDS)
_SETTINGS = (
    *("PIXEL_ID=", "ACCESS_TOKEN=EAAB", "ROUTES=", "TRUSTED_PROXIES=", "CONSENT=", "SECRET="),
    *("GRAPH_URL=https://", "SPOOL=/", "LDU=", "STAFF=", "CURRENCY=", "SPOOL_LIMIT=", "\n", "true"),
)
_SAFE = "never raises; takes no time"

TARGETS = (
    Target(
        *("html", pages.html),
        "any cut gives the same bytes; what is put in is an element, in no comment, script or"
        " attribute; the rest stays byte for byte; linear time",
        _TAGS,
    ),
    Target("body_end", pages.body_end, "the same, where the body ends", _TAGS),
    Target(
        *("response", pages.response),
        "never fails; any cut gives the same answer; the length fits; the rest stays",
        (*_TAGS, *_RESPONSE),
    ),
    Target("csp", pages.csp, f"{_SAFE}; a nonce is one word", _POLICY),
    Target("product", pages.product, f"{_SAFE}; any cut gives the same facts", _MARKUP, 8192),
    Target("cookies", visitors.cookies, f"{_SAFE}; what is written again is safe", _COOKIES),
    Target("consent", visitors.consent, "RuleError or a rule; no pattern is slow", _COOKIES),
    Target("proxies", visitors.proxies, "an address that may be a visitor's, or none", _HEADERS),
    Target("forms", visitors.forms, f"{_SAFE}; any cut gives the same values", _FORMS),
    Target("person", visitors.person, f"{_SAFE}; hashes only", _PERSON),
    Target(
        *("request", visitors.request),
        "never fails; no header breaks out; the page stays",
        (*_HEADERS, *_COOKIES),
    ),
    Target(
        *("report", visitors.report),
        "never fails; an answer below 500, with little in it; no header breaks out",
        (*_HEADERS, *_REPORT),
    ),
    Target("routes", shops.routes, "each bad rule has its line; no path is slow", _RULES),
    Target("settings", shops.settings, "SettingsError or settings; no token is told", _SETTINGS),
    Target("catalog", shops.catalog, "rows, faults or SourceError; items are JSON", _CATALOG, 4096),
    Target("frames", deliveries.frames, "any cut gives the same records; all else is skipped"),
    Target(
        *("journal", deliveries.journal),
        "what stands before the damage is read; nothing is read that was not written",
        longest=16,
        pumped=False,
    ),
    Target("graph", meta.graph, "a typed reply, whatever answered; no token is told", _GRAPH),
    Target("seals", deliveries.seals, "what was not issued is not accepted", pumped=False),
)
BY_NAME = {target.name: target for target in TARGETS}
