"""What finding the places for our elements costs, beside a plain splice of the same bytes.

Run: python bench/bench_html.py. Only the scanners; bench_request.py has the whole middleware.
"""

from __future__ import annotations

import tracemalloc
from itertools import cycle
from typing import TYPE_CHECKING

from side_by_side import measure, say

from pixelpair.core.body_end import BodyEnd
from pixelpair.core.heads import Heads
from pixelpair.core.html import HtmlStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SNIPPET = b"<script>" + b"x" * 1500 + b"</script>"
ROUNDS, CALLS = 200, 20
CHUNK = 64 * 1024

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
STREAMED = _page(HEAD + b"</head>\n", 1_000_000)
NO_HEAD_END = _page(HEAD, 500_000)
HEADLESS = _page(b"<!DOCTYPE html>\n<html>\n", 500_000)
# More than are remembered, so that each is read as if for the first time.
NEW_PAGES = [NO_HEAD_END.replace(b"<title>", b"<title>%d " % n) for n in range(1, 600)]


def _splice(page: bytes, pos: int | None = None) -> bytes:
    """The least that any middleware does: find the place, and copy."""
    pos, view = page.find(b"</head>") if pos is None else pos, memoryview(page)
    return b"".join((view[:pos], SNIPPET, view[pos:]))


def _stream(page: bytes) -> bytes:
    stream = HtmlStream(lambda _: SNIPPET, lambda: b"")
    return stream.feed(page) + stream.finish()


def _insert(heads: Heads, page: bytes) -> bytes:
    """As an Exchange does with a page that comes in one piece."""
    found = heads.find(page)
    if found is None:
        return _stream(page)
    head_end, body_start = found[:2]
    view = memoryview(page)
    return b"".join((view[:head_end], SNIPPET, view[head_end:body_start], b"", view[body_start:]))


def _chunks() -> Iterator[bytes]:
    """As an app makes them: each is new."""
    return (STREAMED[start : start + CHUNK] for start in range(0, len(STREAMED), CHUNK))


def _consume(chunks: Iterable[bytes]) -> None:
    """As a server does: each is copied on."""
    out = bytearray()
    for chunk in chunks:
        out[:] = chunk


def _streamed() -> Iterator[bytes]:
    stream = HtmlStream(lambda _: SNIPPET, lambda: b"")
    yield from map(stream.feed, _chunks())
    yield stream.finish()


def _fetched() -> Iterator[bytes]:
    head, end = HtmlStream(lambda _: b"", lambda: b""), BodyEnd(lambda: SNIPPET)
    yield from (end.feed(head.feed(chunk)) for chunk in _chunks())
    yield end.feed(head.finish()) + end.finish()


def _peak(chunks: Callable[[], Iterator[bytes]]) -> int:
    """The most memory, in bytes, that was taken at once."""
    tracemalloc.start()
    _consume(chunks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def _often(subject: Callable[[], object]) -> Callable[[int], None]:
    def calls(number: int) -> None:
        for _ in range(number):
            subject()

    return calls


HEADS = Heads(["1234567890"])
FIRST_MET, BARE = cycle(NEW_PAGES), cycle(NEW_PAGES)
SUBJECTS: dict[str, Callable[[], object]] = {
    "50 KB, head of %.1f KB: plain splice" % (len(HEAD) / 1000): lambda: _splice(PAGE),
    "50 KB: insert, head met before": lambda: _insert(HEADS, PAGE),
    "50 KB: insert, unremembered": lambda: _stream(PAGE),
    "50 KB: end of the body": lambda: BodyEnd(lambda: SNIPPET).feed(PAGE),
    "500 KB: plain splice": lambda: _splice(BIG_PAGE),
    "500 KB: insert, head met before": lambda: _insert(HEADS, BIG_PAGE),
    "500 KB without </head>: splice": lambda: _splice(next(BARE), len(HEAD)),
    "500 KB without </head>: insert": lambda: _insert(HEADS, next(FIRST_MET)),
    "500 KB without </head>: insert, as a stream": lambda: _stream(next(FIRST_MET)),
    "500 KB without any head: splice": lambda: _splice(HEADLESS, 0),
    "500 KB without any head: insert": lambda: _stream(HEADLESS),
    "1 MB in 64 KB chunks: bare": lambda: _consume(_chunks()),
    "1 MB in 64 KB chunks: insert": lambda: _consume(_streamed()),
    "1 MB in 64 KB chunks: end of the body": lambda: _consume(_fetched()),
}


def main() -> None:
    subjects = {name: _often(subject) for name, subject in SUBJECTS.items()}
    took = measure(subjects, rounds=ROUNDS, calls=CALLS)
    median = [timing.median for timing in took.values()]
    bare, insert, end = map(_peak, (_chunks, _streamed, _fetched))
    print()
    say("50 KB, head met before: insert / plain splice", median[1] / median[0], 1.15)
    say("500 KB without </head>: µs added", median[7] - median[6], 30)
    say("the same as a stream: µs added", median[8] - median[6], 30)
    say("1 MB in 64 KB chunks: insert / bare", median[12] / median[11], 1.5)
    say("KB held of it", (insert - bare) / 1024, 128)
    print(f"  KB taken for the end of the body, with two copies {(end - bare) / 1024:8.0f}")


if __name__ == "__main__":
    main()
