"""JSON-LD to paste into a shop's template: what is known filled in, what is not as {{ names }}.

A placeholder that is left as it is is not believed by any reader of ours.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pixelpair.core.product import Facts

_KEY_OF: Final = {"product_id": "productID", "mpn": "mpn", "gtin": "gtin"}


def product(facts: Facts, choice: str, address: str) -> str:
    """A script that tells of the product all that an event needs; `choice` is the id to name."""
    return _script(_group(facts, address) if facts.unchosen else _product(facts, choice, address))


def listing() -> str:
    """A script that tells of a list of products."""
    item = {"@type": "Product", "name": "{{ name }}", "sku": "{{ sku }}", "url": "{{ url }}"}
    lines = [{"@type": "ListItem", "position": 1, "item": item}]
    return _script({"@type": "ItemList", "itemListElement": lines})


def _product(facts: Facts, choice: str, address: str) -> dict[str, Any]:
    told = {"@type": "Product", "name": _or_blank(facts, "name")}
    if facts.sku or not facts.has_id or choice == "sku":
        told["sku"] = _or_blank(facts, "sku")
    for name, key in _KEY_OF.items():
        if name in facts.known or name == choice:
            told[key] = _or_blank(facts, name)
    return told | _common(facts, address) | {"offers": _offer(facts)}


def _group(facts: Facts, address: str) -> dict[str, Any]:
    variant = {"@type": "Product", "sku": _or_blank(facts, "sku"), "offers": _offer(facts)}
    told = {
        "@type": "ProductGroup",
        "name": _or_blank(facts, "name"),
        "productGroupID": _or_blank(facts, "group_id"),
    }
    return told | _common(facts, address) | {"hasVariant": [variant]}


def _common(facts: Facts, address: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if facts.url or address:
        told["url"] = facts.url.value if facts.url else address.partition("?")[0]
    if facts.brand:
        told["brand"] = {"@type": "Brand", "name": facts.brand.value}
    if facts.category:
        told["category"] = facts.category.value
    return told


def _offer(facts: Facts) -> dict[str, Any]:
    told = {
        "@type": "Offer",
        "price": _or_blank(facts, "price"),
        "priceCurrency": _or_blank(facts, "currency"),
    }
    if facts.availability:
        told["availability"] = f"https://schema.org/{facts.availability.value}"
    return told


def _or_blank(facts: Facts, name: str) -> str:
    fact = facts.known.get(name)
    return f"{{{{ {name} }}}}" if fact is None else str(fact.value)


def _script(told: dict[str, Any]) -> str:
    text = json.dumps({"@context": "https://schema.org", **told}, indent=2, ensure_ascii=False)
    safe = "".join(map(_safe, text))
    return f'<script type="application/ld+json">\n{safe}\n</script>'


def _safe(char: str) -> str:
    """No text of a page may end the script, or move a cursor."""
    if char in "<>&":
        return f"\\u{ord(char):04x}"
    return char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1]
