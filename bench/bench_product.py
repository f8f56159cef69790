"""What reading a page's product costs, and how often it is right.

Run: python bench/bench_product.py speed
     python bench/bench_product.py accuracy FOLDER

FOLDER has gzipped pages and a truth.json: a list of {file, url, encoding, has_product_markup,
truth: {price: [...], currency: [...], ...}}. BeautifulSoup (with lxml) and extruct are measured
beside it where they are installed.
"""

from __future__ import annotations

import gzip
import json
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_html import HEAD, _page
from price_parser import Price
from selectolax.lexbor import LexborHTMLParser
from side_by_side import measure, say, say_least

from pixelpair.core.currencies import MINOR_UNITS
from pixelpair.core.product import Scan, read_product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

try:
    import bs4
except ImportError:
    bs4 = None
try:
    import extruct
except ImportError:
    extruct = None

URL = "https://shop.example/products/wool-blanket-grey"
SLICE = 256 * 1024
ROUNDS, CALLS = 30, 20

# --- speed ---------------------------------------------------------------------------------------

LD_START = HEAD.index(b'<script type="application/ld+json"')
LD_STOP = HEAD.index(b"</script>", LD_START) + len(b"</script>\n")
SCRIPT = HEAD[LD_START:LD_STOP]
NO_PRICE = HEAD.replace(b"product:price", b"product:weight")
BARE = NO_PRICE[:LD_START] + NO_PRICE[LD_STOP:].lstrip()
BARE = BARE.replace(SCRIPT, b"")
OPEN_GRAPH = HEAD.replace(SCRIPT, b"").replace(
    b"</title>", b'</title><meta property="product:retailer_item_id" content="BL-130-G">'
)
MICRODATA = b"""<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Wool
blanket, grey</h1><meta itemprop="sku" content="BL-130-G"><p itemprop="brand">Klippan</p>
<div itemprop="offers" itemscope itemtype="https://schema.org/Offer"><b itemprop="price"
content="899.00">899 kr</b><meta itemprop="priceCurrency" content="SEK"><link
itemprop="availability" href="https://schema.org/InStock"></div></div>"""


def _with(head: bytes, size: int, middle: bytes = b"") -> bytes:
    """A page of this size; `middle` stands behind its first 100 KB."""
    data = _page(head + b"</head>\n", size - len(middle))
    cut = data.index(b"<div", 100_000)
    return data[:cut] + middle + data[cut:]


PAGES = {
    "JSON-LD in the head": _with(HEAD, 500_000),
    "JSON-LD behind 100 KB": _with(BARE, 500_000, SCRIPT),
    "Open Graph": _with(OPEN_GRAPH, 500_000),
}
MICRO = _with(BARE, 500_000, MICRODATA)
PLAIN = _with(BARE, 1_100_000)


def _scan(page: bytes) -> Scan:
    scan = Scan(URL, "utf-8")
    scan.feed(page)
    scan.finish()
    return scan


def _often(subject: Callable[[], object]) -> Callable[[int], None]:
    def calls(number: int) -> None:
        for _ in range(number):
            subject()

    return calls


def speed() -> None:
    """Each beside a parser that does nothing but parse."""
    for name, page in PAGES.items():
        facts = read_product(page, "utf-8", URL)
        assert facts.complete, name
        subjects: dict[str, Callable[[], object]] = {
            f"500 KB, {name}": lambda page=page: _scan(page),
            "  Lexbor, the whole page": lambda page=page: LexborHTMLParser(page),
        }
        took = [timing.median for timing in _measured(subjects)]
        say("ours / Lexbor", took[0] / took[1], 1 / 20)
        cold = _once(lambda page=page: _scan(page), 20, lambda page=page: LexborHTMLParser(page))
        print(f"  the first scan behind a parse, which has emptied the caches: {cold:.0f} µs")
        if bs4 is not None:
            soup = _once(lambda page=page: bs4.BeautifulSoup(page, "lxml"))
            say("ours / BeautifulSoup(lxml)", took[0] / soup, 1 / 500)
    scan = _scan(MICRO)
    assert scan.needs_microdata
    assert scan.read_microdata().complete
    took = [
        timing.median
        for timing in _measured(
            {
                "500 KB, microdata only: both steps": lambda: _scan(MICRO).read_microdata(),
                "  its first step alone": lambda: _scan(MICRO),
                "  Lexbor, the first 256 KB": lambda: LexborHTMLParser(MICRO[:SLICE]),
                "1.1 MB without any product": lambda: _scan(PLAIN),
            }
        )
    ]
    say("both steps / Lexbor on 256 KB", took[0] / took[2], 1.2)
    say("1.1 MB without any product: ms", took[3] / 1000, 2)


def _measured(subjects: dict[str, Callable[[], object]]) -> list[Any]:
    often = {name: _often(subject) for name, subject in subjects.items()}
    return list(measure(often, rounds=ROUNDS, calls=CALLS).values())


def _once(
    subject: Callable[[], object], rounds: int = 5, before: Callable[[], object] = lambda: None
) -> float:
    """Microseconds of one call, each behind another subject's."""
    took = []
    for _ in range(rounds):
        before()
        start = time.perf_counter()
        subject()
        took.append((time.perf_counter() - start) * 1e6)
    return statistics.median(took)


# --- accuracy ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Truth:
    """A page, and what a person saw on it."""

    file: str
    data: bytes
    encoding: str
    url: str
    said: dict[str, list[str]]

    def is_right(self, price: Decimal, currency: str | None) -> bool:
        """Whether a person saw this amount.

        Some wrote "24.990" pesos down as 24.99: there the thousands count too.
        """
        for text in self.said["price"]:
            try:
                seen = Decimal(text.strip())
            except InvalidOperation:
                continue
            grouped = MINOR_UNITS.get(currency or "", 2) == 0 or text.strip()[-4:-3] == "."
            if price == seen or (grouped and price == seen * 1000):
                return True
        return False


def truths(folder: Path) -> Iterator[Truth]:
    """The pages with markup whose price is known."""
    for row in json.loads((folder / "truth.json").read_text()):
        if row["has_product_markup"] and row["truth"].get("price"):
            data = gzip.decompress((folder / row["file"]).read_bytes())
            yield Truth(row["file"], data, row["encoding"], row["url"], row["truth"])


Price_ = tuple[Decimal | None, str | None]


def ours(truth: Truth) -> Price_:
    """The price that we read."""
    facts = read_product(truth.data, truth.encoding, truth.url)
    code = facts.currency.value if facts.currency else None
    return (facts.price.value if facts.price else None), code


def first_offer(truth: Truth) -> Price_:
    """What extruct reads, and the first offer of the first product in it."""
    text = truth.data.decode(truth.encoding, "replace")
    found = extruct.extract(text, syntaxes=["json-ld", "microdata", "opengraph"], uniform=True)
    for node in [*found["json-ld"], *found["microdata"], *found["opengraph"]]:
        if "Product" not in str(node.get("@type")):
            continue
        offers = node.get("offers") or {}
        offer = offers[0] if isinstance(offers, list) and offers else offers
        if isinstance(offer, dict):
            price = offer.get("price") or offer.get("lowPrice")
            amount = Price.fromstring(str(price)).amount if price else None
            if amount is not None:
                return amount, offer.get("priceCurrency")
    return None, None


def accuracy(folder: Path) -> None:
    """How many prices are right, wrong and not read; each wrong one by name."""
    readers: dict[str, Callable[[Truth], Price_]] = {"pixelpair": ours}
    if extruct is not None:
        readers["extruct, first offer"] = first_offer
    pages = list(truths(folder))
    for name, reader in readers.items():
        verdicts: Counter[str] = Counter()
        for truth in pages:
            try:
                price, currency = reader(truth)
            except Exception as error:  # theirs
                print(f"  {truth.file} {name}: {type(error).__name__}")
                price = currency = None
            verdict = _verdict(truth, price, currency)
            verdicts[verdict] += 1
            if verdict != "right":
                print(
                    f"  {truth.file} {name}: {verdict}: {price} {currency}, {truth.said['price']}"
                )
        print(f"{name}: {len(pages)} pages with markup, {dict(verdicts)}")
        say_least(f"{name}: right", verdicts["right"] / len(pages), 0.90)
        say(f"{name}: wrong", verdicts["wrong"] / len(pages), 0.01)


def _verdict(truth: Truth, price: Decimal | None, currency: str | None) -> str:
    if price is None:
        return "missing"
    return "right" if truth.is_right(price, currency) else "wrong"


def main(arguments: list[str]) -> None:
    """speed, or accuracy FOLDER."""
    match arguments:
        case ["accuracy", folder]:
            accuracy(Path(folder))
        case ["speed"] | []:
            speed()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
