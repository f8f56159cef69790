"""Facts from `<meta property>`: Open Graph's product tags, as Meta's catalogs read them."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from ..currencies import currency_code
from .facts import FROM, GUESSED, NOTHING, OPEN_GRAPH, Draft, Facts
from .prices import Amount, read_price
from .search import is_hidden
from .texts import address, availability, code, gtin, label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Metas = list[tuple[str, str]]

# From behind a tag's name. What is unclosed runs to the end, so that no byte is looked at twice.
_REST = re.compile(rb"""(?:[^>"']++|"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))*(?:>|\Z)""")
# It begins where a name does: to begin again at each letter of one took 16 s for 64 KB.
_ATTRIBUTE = re.compile(
    rb"""(?<![^\s"'<>/=])([^\s"'<>/=]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'=<>`]++))""",
)
_SAYS = re.compile(rb"product:|og:(?:title|type|url|price|brand|availability)", re.IGNORECASE)
_CANONICAL = re.compile(rb"<link\b[^>]{1,2000}", re.IGNORECASE)
MOST_METAS = 300
MOST_RETRIES = 20


def read_head(data: bytes, end: int, decode: Callable[[bytes], str]) -> tuple[Metas, str | None]:
    """The Open Graph metas of a head in their order, as text; and its canonical address."""
    end = _head_end(data, end)
    metas = [
        named
        for opened in (b"<meta", b"<META")
        for tag in _tags(opened, data, end)
        for named in _named(_attributes(tag), decode)
    ]
    return metas, _canonical(data, end, decode)


def _tags(opened: bytes, data: bytes, end: int) -> Iterator[bytes]:
    """What stands in each tag that speaks of products."""
    pos = clean = retried = read = 0
    while (start := data.find(opened, pos, end)) >= 0 and read < MOST_METAS:
        rest = _REST.match(data, start + len(opened), end)
        pos = rest.end() if rest else end
        tag = data[start + len(opened) : pos]
        if not _SAYS.search(tag):
            continue
        read += 1
        gap = data[clean:start]
        if not ((b"<!--" in gap or b"<script" in gap) and is_hidden(data, clean, start)):
            clean = pos
            yield tag
        elif b"<" in tag and retried < MOST_RETRIES:  # it was none, and swallowed what follows
            retried += 1
            pos = start + len(opened)


def _head_end(data: bytes, end: int) -> int:
    for mark in (b"</head", b"<body"):
        found = data.find(mark, 0, end)
        if found >= 0:
            return found
    return end


def _canonical(data: bytes, end: int, decode: Callable[[bytes], str]) -> str | None:
    said = data.find(b"canonical", 0, end)
    opening = data.rfind(b"<", max(0, said - 2000), said) if said >= 0 else -1
    tag = _CANONICAL.match(data, opening, end) if opening >= 0 else None
    attributes = _attributes(tag.group()) if tag else {}
    if attributes.get(b"rel", b"").lower() != b"canonical":
        return None
    return _text(attributes.get(b"href", b""), decode)


def _named(attributes: dict[bytes, bytes], decode: Callable[[bytes], str]) -> Metas:
    name = attributes.get(b"property") or attributes.get(b"name")
    if not name or b":" not in name or b"content" not in attributes:
        return []
    return [(_text(name, decode).strip().lower(), _text(attributes[b"content"], decode))]


_CHARSET = re.compile(rb"<meta[^>]{1,200}?charset\s*+=\s*+[\"']?\s*+([\w-]++)", re.IGNORECASE)


def declared_charset(data: bytes) -> str | None:
    """What a page's head says of its encoding, in the first kilobyte, where it has to stand."""
    found = _CHARSET.search(data, 0, 1024)
    return found[1].decode("ascii", "replace") if found else None


def _attributes(inside: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for match in _ATTRIBUTE.finditer(inside):
        found.setdefault(match[1].lower(), match[2] or match[3] or match[4] or b"")
    return found


def _text(value: bytes, decode: Callable[[bytes], str]) -> str:
    text = decode(value)
    return html.unescape(text) if "&" in text else text


# --- facts ---------------------------------------------------------------------------------------

# https://developers.facebook.com/docs/marketing-api/catalog/guides/microdata-tags
_FACTS: Mapping[str, tuple[str, Callable[[object], str]]] = {
    "product:retailer_item_id": ("sku", code),
    "product:item_group_id": ("group_id", code),
    "product:retailer_part_no": ("product_id", code),
    "product:mfr_part_no": ("mpn", code),
    "product:gtin": ("gtin", gtin),
    "product:ean": ("gtin", gtin),
    "product:upc": ("gtin", gtin),
    "product:isbn": ("gtin", gtin),
    "product:brand": ("brand", label),
    "og:brand": ("brand", label),
    "product:category": ("category", label),
    "product:availability": ("availability", availability),
    "og:availability": ("availability", availability),
    "og:url": ("url", address),
}
_PRICES = (
    ("product:sale_price:amount", "product:sale_price:currency"),
    ("product:price:amount", "product:price:currency"),
    ("og:price:amount", "og:price:currency"),
)
_SALE_ENDS = "product:sale_price_dates"


def read(metas: Metas) -> Facts:
    """The facts of the page's product; nothing where the tags tell of none."""
    said: dict[str, list[str]] = {}
    for name, content in metas:
        if content.strip():
            said.setdefault(name, []).append(content.strip())
    is_product = any("product" in kind for kind in said.get("og:type", ()))
    if not is_product and not any(map(_tells, said)):
        return NOTHING
    draft = Draft(OPEN_GRAPH)
    for name, values in said.items():
        if name in _FACTS:
            draft.put(_FACTS[name][0], values[0], _FACTS[name][1])
    _put_price(draft, said)
    for title in said.get("og:title", ())[:1]:
        draft.put("name", title, label, GUESSED)  # the shop's own name often stands in it
    return draft.done()


def _tells(name: str) -> bool:
    return name.startswith("product:") or name == "og:price:amount"


def _put_price(draft: Draft, said: Mapping[str, Sequence[str]]) -> None:
    for amount_name, currency_name in _PRICES:
        amounts = list(dict.fromkeys(said.get(amount_name, ())))
        if not amounts:
            continue
        if "sale" in amount_name and any(name.startswith(_SALE_ENDS) for name in said):
            draft.drop("price", "is a sale's with dates, and may be over")
            continue
        if len(amounts) > 1:
            draft.drop("price", "is said several times, each time otherwise")
            continue
        currency = _currency(draft, said.get(currency_name, ()))
        found = _amount(draft, amounts[0], currency)
        if found is not None:
            draft.put("price", found.value, lambda v: v, FROM if found.lowest else 1)
            draft.put("currency", currency or found.currency, str)
            return


def _currency(draft: Draft, given: Sequence[str]) -> str | None:
    codes = {currency_code(text) for text in given}
    if codes == {None} or len(codes) > 1:
        draft.drop("currency", "is no one ISO 4217 code")
        return None
    return codes.pop() if codes else None


def _amount(draft: Draft, text: str, currency: str | None) -> Amount | None:
    try:
        return read_price(text, currency)
    except ValueError as error:
        draft.drop("price", str(error))
        return None
