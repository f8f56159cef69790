"""What it costs to change a coded page, beside coding it once; and a bomb of 1 GB.

Run: python bench/bench_codings.py [bomb]. Rounds are interleaved; medians and quartiles in
microseconds.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
import zlib
from typing import TYPE_CHECKING

import brotli
from bench_html import HEAD, PAGE, SNIPPET

from pixelpair.core import coded_brotli, coded_zstd
from pixelpair.core.coded_zlib import LEVEL
from pixelpair.core.codings import Recoded
from pixelpair.core.html import HtmlStream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.codings import Coded

GZIP = 31
ROUNDS = 100
CHUNK = 64 * 1024


def _varied(size: int) -> bytes:
    """A page whose rows differ, as names and prices do: PAGE repeats one row, far too easy."""
    rng = random.Random(7)
    words = [
        bytes(rng.choices(b"abcdefghijklmnoprstuvy", k=rng.randint(2, 9))) for _ in range(1500)
    ]
    page = HEAD + b"</head>\n<body>\n"
    while len(page) < size:
        number, text = rng.randint(1000, 99999), b" ".join(rng.choices(words, k=30))
        page += b'<article><a href="/products/%d"><h3>%s</h3></a><p>%s</p></article>\n' % (
            number,
            text[:20],
            text,
        )
    return page


def _gzip(page: bytes, level: int) -> bytes:
    deflate = zlib.compressobj(level, wbits=GZIP)
    return deflate.compress(page) + deflate.flush()


def _brotli(page: bytes, quality: int, window: int = coded_brotli.WINDOW) -> bytes:
    compressor = brotli.Compressor(quality=quality, lgwin=window)
    return compressor.process(page) + compressor.finish()


def _zstd(page: bytes, level: int, window: int = coded_zstd.WINDOW_LOG) -> bytes:
    names = zstd.CompressionParameter
    compressor = zstd.ZstdCompressor(
        options={names.compression_level: level, names.window_log: window}
    )
    return compressor.compress(page) + compressor.flush()


def _recode(coded: bytes, snippet: bytes, coding: Coded = "gzip") -> bytes:
    html = HtmlStream(lambda _: snippet, lambda: b"")
    recoded = Recoded(coding, html.feed, lambda: bool(snippet) if html.done else None)
    return recoded.feed(coded) + recoded.finish(html.finish())


VARIED = _varied(50_000)
REPEATED, CODED = _gzip(PAGE, 6), _gzip(VARIED, 6)
BROTLI, ZSTD = _brotli(VARIED, 4, 22), zstd.compress(VARIED, 3)  # as the middlewares do it

SUBJECTS: dict[str, Callable[[], bytes]] = {
    "50 KB of one row: gzip alone, level 6": lambda: _gzip(PAGE, 6),
    f"50 KB of one row: gzip alone, level {LEVEL}": lambda: _gzip(PAGE, LEVEL),
    "50 KB of one row: recoded": lambda: _recode(REPEATED, SNIPPET),
    "50 KB, varied: gunzip alone": lambda: zlib.decompress(CODED, GZIP),
    **{
        f"50 KB, varied: gzip alone, level {level} ({len(_gzip(VARIED, level))} B)": (
            lambda level=level: _gzip(VARIED, level)
        )
        for level in range(1, 10)
    },
    "50 KB, varied: recoded": lambda: _recode(CODED, SNIPPET),
    "50 KB, varied: left alone": lambda: _recode(CODED, b""),
    "50 KB, varied: Brotli undone": lambda: brotli.decompress(BROTLI),
    **{
        f"50 KB, varied: Brotli, quality {quality} ({len(_brotli(VARIED, quality))} B)": (
            lambda quality=quality: _brotli(VARIED, quality)
        )
        for quality in range(8)
    },
    "50 KB, varied: Brotli recoded": lambda: _recode(BROTLI, SNIPPET, "br"),
    "50 KB, varied: Brotli left alone": lambda: _recode(BROTLI, b"", "br"),
    "50 KB, varied: zstd undone": lambda: zstd.decompress(ZSTD),
    **{
        f"50 KB, varied: zstd, level {level} ({len(_zstd(VARIED, level))} B)": (
            lambda level=level: _zstd(VARIED, level)
        )
        for level in range(1, 9)
    },
    "50 KB, varied: zstd recoded": lambda: _recode(ZSTD, SNIPPET, "zstd"),
    "50 KB, varied: zstd left alone": lambda: _recode(ZSTD, b"", "zstd"),
}


def _microseconds(subject: Callable[[], bytes]) -> float:
    start = time.perf_counter()
    subject()
    return (time.perf_counter() - start) * 1e6


def _resident() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * 4


def _bomb() -> None:
    """A gzip of 1 GB of zeros behind a page, in chunks of 64 KB."""
    deflate = zlib.compressobj(9, wbits=GZIP)
    coded = [deflate.compress(PAGE), *(deflate.compress(bytes(1 << 20)) for _ in range(1024))]
    bomb = b"".join(coded) + deflate.flush()
    html = HtmlStream(lambda _: SNIPPET, lambda: b"")
    recoded = Recoded("gzip", html.feed, lambda: True if html.done else None)
    before, start, most, slowest, size = _resident(), time.perf_counter(), 0, 0.0, 0
    for at in range(0, len(bomb), CHUNK):
        begun = time.perf_counter()
        size += len(recoded.feed(bomb[at : at + CHUNK]))
        slowest = max(slowest, time.perf_counter() - begun)
        most = max(most, _resident() - before)
    size += len(recoded.finish(html.finish()))
    taken = time.perf_counter() - start
    print(f"1 GB of zeros: {len(bomb)} B came, {size} B left in {taken:.1f} s ({recoded.state}),")
    print(f"  the slowest chunk {slowest:.2f} s, resident memory grew by {most} KB at most")


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    for _ in range(ROUNDS):
        for name, subject in SUBJECTS.items():
            times[name].append(_microseconds(subject))
    for name, measured in times.items():
        low, median, high = statistics.quantiles(measured, n=4)
        print(f"{name:52} {median:8.0f} µs   (quartiles {low:.0f} … {high:.0f})")
    if "bomb" in sys.argv:
        _bomb()


if __name__ == "__main__":
    main()
