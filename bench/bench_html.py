"""How long the scan for a page's head and body takes, beside a plain splice of the same bytes.

Run: python bench/bench_html.py. Rounds are interleaved; medians and quartiles in microseconds.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from pixelpair.core.html import HtmlStream

if TYPE_CHECKING:
    from collections.abc import Callable

SNIPPET = b"<script>" + b"x" * 1500 + b"</script>"
ROUNDS, CALLS = 400, 20

HEAD = b"""<!DOCTYPE html>
<html lang="sv">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Wool blanket, grey - The Small Shop</title>
<meta name="description" content="A warm wool blanket, woven in Klippan. 130 x 200 cm, 1,1 kg.">
<link rel="canonical" href="https://shop.example/products/wool-blanket-grey">
<link rel="preconnect" href="https://cdn.shop.example" crossorigin>
<link rel="stylesheet" href="https://cdn.shop.example/assets/main.4f1c2d.css" media="all">
<link rel="icon" href="/favicon-32.png" sizes="32x32" type="image/png">
<meta property="og:type" content="product">
<meta property="og:title" content="Wool blanket, grey">
<meta property="og:image" content="https://cdn.shop.example/img/blanket-grey-1200.jpg">
<meta property="og:description" content="A warm wool blanket, woven in Klippan.">
<meta property="og:site_name" content="The Small Shop">
<meta name="theme-color" content="#f4efe6">
<link rel="alternate" hreflang="sv" href="https://shop.example/products/wool-blanket-grey">
<link rel="alternate" hreflang="en" href="https://shop.example/en/products/wool-blanket-grey">
<link rel="preload" href="/assets/inter.woff2" as="font" type="font/woff2" crossorigin>
<meta property="og:url" content="https://shop.example/products/wool-blanket-grey">
<meta property="product:price:amount" content="899.00">
<meta property="product:price:currency" content="SEK">
<!-- theme 4.2 -->
<style>:root{--ink:#222;--paper:#fff}body{margin:0;font:16px/1.5 system-ui;color:var(--ink)}</style>
<script>window.shop = {currency: "SEK", locale: "sv"}; if (1 < 2) shop.ready = 1;</script>
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Product",
"name": "Wool blanket, grey", "sku": "BL-130-G", "offers": {"@type": "Offer", "price": "899.00",
"priceCurrency": "SEK", "availability": "https://schema.org/InStock"}}</script>
<script src="https://cdn.shop.example/assets/app.91ab.js" defer></script>
"""
ROW = (
    b'<div class="card"><a href="/products/1">A thing, &amp; more of it</a><p>19,90 kr</p></div>\n'
)


def _page(head: bytes, size: int) -> bytes:
    start = head + b'<body class="template-product">\n<main>\n'
    return start + ROW * ((size - len(start)) // len(ROW)) + b"</main></body></html>\n"


PAGE = _page(HEAD + b"</head>\n", 50_000)
BIG_PAGE = _page(HEAD + b"</head>\n", 500_000)
HEADLESS = _page(b"<!DOCTYPE html>\n<html>\n", 500_000)
NO_HEAD_END = _page(HEAD, 500_000)


def _stream(page: bytes) -> bytes:
    stream = HtmlStream(lambda _: SNIPPET, lambda: b"")
    return stream.feed(page) + stream.finish()


def _scan_only(page: bytes) -> bytes:
    return HtmlStream(lambda _: b"", lambda: b"").feed(page)


def _splice(page: bytes) -> bytes:
    pos, view = page.find(b"</head>"), memoryview(page)
    return b"".join((view[:pos], SNIPPET, view[pos:]))


def _splice_at(page: bytes, pos: int) -> bytes:
    view = memoryview(page)
    return b"".join((view[:pos], SNIPPET, view[pos:]))


SUBJECTS: dict[str, Callable[[], bytes]] = {
    "50 KB page, head of %.1f KB: plain splice" % (len(HEAD) / 1000): lambda: _splice(PAGE),
    "50 KB page: scan only": lambda: _scan_only(PAGE),
    "50 KB page: scan and insert": lambda: _stream(PAGE),
    "500 KB page: plain splice": lambda: _splice(BIG_PAGE),
    "500 KB page: scan and insert": lambda: _stream(BIG_PAGE),
    "500 KB without </head>: plain splice": lambda: _splice_at(NO_HEAD_END, len(HEAD)),
    "500 KB without </head>: scan only": lambda: _scan_only(NO_HEAD_END),
    "500 KB without </head>: scan and insert": lambda: _stream(NO_HEAD_END),
    "500 KB without any head: scan only": lambda: _scan_only(HEADLESS),
}


def _microseconds(subject: Callable[[], bytes]) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        subject()
    return (time.perf_counter() - start) / CALLS * 1e6


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    for _ in range(ROUNDS):
        for name, subject in SUBJECTS.items():
            times[name].append(_microseconds(subject))
    for name, measured in times.items():
        low, median, high = statistics.quantiles(measured, n=4)
        print(f"{name:48} {median:8.2f} µs   (quartiles {low:.2f} … {high:.2f})")


if __name__ == "__main__":
    main()
