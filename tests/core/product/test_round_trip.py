"""A product, written in each syntax, is read back as the same facts."""

from __future__ import annotations

import html
import json
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from pixelpair.core.currencies import MINOR_UNITS
from pixelpair.core.product import read_product
from pixelpair.core.product.texts import code, label

from .pages import URL, metas, page, script, values


class Product(NamedTuple):
    id: str
    name: str
    brand: str
    category: str
    coins: int
    currency: str
    stock: str

    @property
    def price(self) -> str:
        return f"{Decimal(self.coins).scaleb(-MINOR_UNITS[self.currency]):f}"


def holds(check: Any) -> Any:
    def is_kept(text: str) -> bool:
        try:
            return bool(check(text) == text)
        except ValueError:
            return False

    return is_kept


CHARS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn"))
NAMES = st.text(CHARS, min_size=1, max_size=30).map(lambda s: " ".join(s.split()))
LABELS = NAMES.filter(holds(label))
IDS = NAMES.filter(holds(code))
PRODUCTS = st.builds(
    Product,
    IDS,
    LABELS,
    LABELS,
    LABELS,
    st.integers(1, 10**8),
    st.sampled_from(["SEK", "EUR", "JPY", "KWD", "USD", "CLP"]),
    st.sampled_from(["InStock", "OutOfStock", "PreOrder"]),
)


def expected(product: Product, **other: str) -> dict[str, object]:
    price = f"{Decimal(product.price).normalize():f}"
    return {"name": product.name, "brand": product.brand, "category": product.category,
            "price": price, "currency": product.currency, "availability": product.stock,
            "sku": product.id, **other}  # fmt: skip


def node(product: Product) -> dict[str, Any]:
    return {
        "@context": "https://schema.org", "@type": "Product", "name": product.name,
        "sku": product.id, "brand": {"@type": "Brand", "name": product.brand},
        "category": product.category,
        "offers": {"@type": "Offer", "price": product.price, "priceCurrency": product.currency,
                   "availability": f"https://schema.org/{product.stock}"},
    }  # fmt: skip


def safe(text: str) -> str:
    """As a template must, within a script."""
    return text.replace("<", "\\u003c")


def commented(text: str) -> str:
    return f"/*<![CDATA[*/ {text[0]}/* a */{text[1:-1]},\n}} /*]]>*/"


SHAPES: list[Any] = [
    lambda n: json.dumps(n),
    lambda n: json.dumps(n, ensure_ascii=False, indent=2),
    lambda n: json.dumps([{"@type": "WebSite", "name": "Shop"}, n]),
    lambda n: json.dumps({"@graph": [{"@type": "WebPage", "mainEntity": n}]}),
    lambda n: json.dumps({**n, "offers": [n["offers"]]}),
    lambda n: json.dumps(
        {**n, "offers": {**n["offers"], "price": None, "priceSpecification": [
            {"price": n["offers"]["price"], "priceCurrency": n["offers"]["priceCurrency"]}]}}
    ),
    lambda n: commented(json.dumps(n)),
]  # fmt: skip


@given(PRODUCTS, st.sampled_from(SHAPES))
@settings(max_examples=150)
def test_json_ld(product: Product, shape: Any) -> None:
    data = page(script(safe(shape(node(product)))))
    assert values(read_product(data, "utf-8", URL)) == expected(product)


@given(PRODUCTS)
def test_open_graph(product: Product) -> None:
    said = {
        "og:type": "product", "og:title": product.name, "product:retailer_item_id": product.id,
        "product:brand": product.brand, "product:category": product.category,
        "product:availability": product.stock, "product:price:amount": product.price,
        "product:price:currency": product.currency.lower(),
    }  # fmt: skip
    assert values(read_product(page(metas(said)), "utf-8", URL)) == expected(product)


def item(product: Product) -> str:
    name, brand, kind, sku = map(
        html.escape, (product.name, product.brand, product.category, product.id)
    )
    return f"""
    <main itemscope itemtype="https://schema.org/Product">
      <h1 itemprop="name">{name}</h1> <meta itemprop="sku" content="{sku}">
      <p itemprop="brand" itemscope itemtype="https://schema.org/Brand">
        <b itemprop="name">{brand}</b></p>
      <span itemprop="category">{kind}</span>
      <div itemprop="offers" itemscope itemtype="https://schema.org/Offer">
        <data itemprop="price" value="{product.price}">x</data>
        <meta itemprop="priceCurrency" content="{product.currency}">
        <link itemprop="availability" href="https://schema.org/{product.stock}"></div>
    </main>"""


@given(PRODUCTS)
def test_microdata(product: Product) -> None:
    assert values(read_product(page(body=item(product)), "utf-8", URL)) == expected(product)


def pushed(product: Product) -> dict[str, Any]:
    return {
        "currency": product.currency,
        "items": [{"item_id": product.id, "item_name": product.name, "item_brand": product.brand,
                   "item_category": product.category, "price": product.price}],
    }  # fmt: skip


PUSHES: list[Any] = [
    lambda data: f"dataLayer.push({{event: 'view_item', ecommerce: {data}}});",
    lambda data: f"gtag('event', \"view_item\", {data});",
    lambda data: f"window.dataLayer = [{{'ecommerce': {data}, 'event': `view_item`, x: y()}},];",
]


@given(PRODUCTS, st.sampled_from(PUSHES), st.booleans())
def test_data_layer(product: Product, push: Any, quoted: bool) -> None:
    data = json.dumps(pushed(product), ensure_ascii=quoted)
    text = push(safe(data))
    read = values(read_product(page(f"<script>{text}</script>"), "utf-8", URL))
    wanted = expected(product, product_id=product.id)
    del wanted["sku"], wanted["availability"]
    assert read == wanted
