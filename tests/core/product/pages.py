"""Pages in every syntax that tells of a product, as shops write them."""

from __future__ import annotations

import html
import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

from pixelpair.core.product import Facts, Scan, read_product

URL = "https://shop.example/products/wool-blanket"
BLANKET: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Wool blanket",
    "sku": "BL-130",
    "offers": {"@type": "Offer", "price": "899.00", "priceCurrency": "SEK"},
}
SOCKS: dict[str, Any] = {
    "@type": "Product",
    "name": "Socks",
    "sku": "SO-1",
    "offers": {"@type": "Offer", "price": "49", "priceCurrency": "SEK"},
}


def page(*parts: str, body: str = "") -> bytes:
    """A page with these parts in its head."""
    head = '<meta charset="utf-8"><title>Shop</title>' + "".join(parts)
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode()


def script(data: object, kind: str = "application/ld+json") -> str:
    text = data if isinstance(data, str) else json.dumps(data)
    return f'<script type="{kind}">{text}</script>'


def metas(said: dict[str, str]) -> str:
    return "".join(
        f'<meta property="{name}" content="{html.escape(value)}">' for name, value in said.items()
    )


def read_json_ld(*data: object, url: str = URL) -> Facts:
    """The facts of a page with these scripts."""
    return read_product(page(*map(script, data)), url=url)


def values(facts: Facts) -> dict[str, object]:
    """The bare facts, amounts as text."""
    found = {name: fact.value for name, fact in facts.known.items()}
    return {k: f"{v.normalize():f}" if isinstance(v, Decimal) else v for k, v in found.items()}


def reasons(facts: Facts) -> list[tuple[str, str]]:
    return [(note.field, note.reason) for note in facts.dropped]


def scanned(data: bytes, cuts: list[int], url: str = URL, charset: str | None = None) -> Scan:
    """A scan that was fed in pieces, cut at these places."""
    scan = Scan(url, charset)
    for start, stop in pairwise([0, *sorted(cuts), len(data)]):
        scan.feed(data[start:stop])
    scan.finish()
    return scan
