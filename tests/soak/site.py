"""What both shops of the soak show and do: pages as text, and the words of their views."""

from __future__ import annotations

import json
from pathlib import Path

import pixelpair

HERE = Path(__file__).parent
ROUTES = """\
ViewContent /products/{content_id}
ViewContent /kept/{content_id}
AddToCart POST /cart/add form:sku=content_id,qty=quantity,price=item_price
AddToCart POST /api/cart form:item.sku=content_id,item.qty=quantity,item.price=item_price
InitiateCheckout /checkout
Purchase /orders/{order_id}/complete
Search /search?q={search_string}
CompleteRegistration POST /register
"""
PRICE = 19.9
KEPT = {"Cache-Control": "public, max-age=60"}
_FACTS = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Sencha",
    "offers": {"@type": "Offer", "price": str(PRICE), "priceCurrency": "SEK"},
}
_FILLING = "<p>A green tea from the slopes of Uji, picked by hand.</p>\n" * 60


def page(title: str, more: str = "") -> str:
    return (
        f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1>"
        f"{more}{_FILLING}</body></html>"
    )


def product_page(sku: str) -> str:
    facts = json.dumps(_FACTS | {"sku": sku})
    return page(sku, f'<script type="application/ld+json">{facts}</script>')


def pieces(number: int) -> list[str]:
    """A page that streams: its head, then so many pieces of about 1 KB."""
    head, _, rest = page("Catalog").partition("<h1>")
    return [head, *[f"<p>{'tea ' * 250}</p>"] * number, "<h1>" + rest]


def bought() -> None:
    """What the view of a thank-you page says."""
    pixelpair.track("Purchase", value=PRICE, currency="SEK", content_ids=["TEA-1"])


def joined(email: str) -> None:
    pixelpair.identify(email=email, country="Sweden")
