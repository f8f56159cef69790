"""Data-layer pushes, and the literals they are written in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.product import read_listing, read_product
from pixelpair.core.product.literals import MOST_TOKENS, UNREADABLE, read_items

from .pages import BLANKET, URL, page, reasons, script, values

ITEM = {"item_id": "BL-130", "item_name": "Wool blanket", "item_brand": "Klippan",
        "item_category": "Home", "item_category2": "Wool", "price": 899}  # fmt: skip
EVENT = {"event": "view_item", "ecommerce": {"currency": "SEK", "value": 899, "items": [ITEM]}}
READ = {"product_id": "BL-130", "name": "Wool blanket", "brand": "Klippan",
        "category": "Home > Wool", "price": "899", "currency": "SEK"}  # fmt: skip


def pushing(text: str) -> bytes:
    return page(f"<script>{text}</script>")


def read(text: str) -> dict[str, object]:
    return values(read_product(pushing(text), url=URL))


JSON = json.dumps(EVENT)
LOOSE = """{ // what is viewed
  event: 'view_item', /* GA4 */
  ecommerce: {
    'currency': "SEK", value: 899.00,
    items: [{item_id: 'BL-130', item_name: 'Wool blanket', item_brand: `Klippan`,
             item_category: "Home", item_category2: 'Wo\\u006fl', price: parseFloat('899.00'),
             index: i + 1, list: lists[0], f() { return 1; }, [key]: 2, ...rest, }, ],
  },
}"""
WRITINGS = {
    "a push": f"dataLayer.push({JSON});",
    "on the window": f"window.dataLayer = window.dataLayer || [];\nwindow.dataLayer.push({JSON})",
    "behind others": f"dataLayer.push({{ecommerce: null}}); dataLayer.push({JSON});",
    "several at once": f"dataLayer.push({{a: 1}}, {JSON});",
    "the first array": f"dataLayer = [{{user: 'guest'}}, {JSON}];",
    "the first array or none": f"window.dataLayer = window.dataLayer || [{JSON}];",
    "gtag": f"gtag('config', 'G-1'); gtag('event', 'view_item', {json.dumps(EVENT['ecommerce'])});",
    "loose": f"dataLayer.push({LOOSE});",
    "in a function": f"(function() {{ var a = b || {{}}; dataLayer.push({LOOSE}); }})();",
}


@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS.keys())
def test_reads_the_item_viewed_in(writing: str) -> None:
    assert read(writing) == READ


def changed(**item: object) -> str:
    items = [{**ITEM, **item}]
    event = {**EVENT, "ecommerce": {"currency": "SEK", "items": items}}
    return f"dataLayer.push({json.dumps(event)})"


CHANGES: list[tuple[str, dict[str, object]]] = [
    (changed(price="1.299,00"), {"price": "1299"}),
    (changed(price=0), {"price": None}),
    (changed(price=None, quantity=2), {"price": None}),
    (changed(currency="EUR"), {"currency": "EUR"}),
    (changed(currency="kr"), {"currency": None}),
    (changed(item_id=4711), {"product_id": "4711"}),
    (changed(item_id="undefined"), {"product_id": None}),
]


@pytest.mark.parametrize(("writing", "change"), CHANGES)
def test_reads_an_item_otherwise(writing: str, change: dict[str, object]) -> None:
    assert read(writing) == {k: v for k, v in {**READ, **change}.items() if v is not None}


NO_VIEWS = [
    "dataLayer.push({event: 'add_to_cart', view_item: 1, ecommerce: {items: [{item_id: 'A'}]}})",
    "dataLayer.push({event: name('view_item'), ecommerce: {items: [{item_id: 'A'}]}})",
    "dataLayer.push({event: 'view_item', ecommerce: shop.product})",
    "dataLayer.push({event: 'view_item', ecommerce: {items: products.map(view)}})",
    "dataLayer.push({event: 'view_item', ecommerce: {items: []}})",
    "dataLayer.push('view_item')",
    "gtag('event', 'view_item')",
    "// view_item",
    "dataLayer.push({event: 'view_item', ecommerce: {items: [{item_id: 'A'",
]


@pytest.mark.parametrize("text", NO_VIEWS)
def test_reads_nothing_from(text: str) -> None:
    assert {k: v for k, v in read(text).items() if k != "product_id" or v != "A"} == {}


def test_a_script_is_not_run() -> None:
    text = "dataLayer.push({event: 'view_item', ecommerce: {items: [{item_id: __import__('os')}]}})"
    assert read(text) == {}


def test_several_items_are_none() -> None:
    two = {"event": "view_item", "ecommerce": {"items": [ITEM, {"item_id": "SO-1"}]}}
    facts = read_product(pushing(f"dataLayer.push({json.dumps(two)})"), url=URL)
    assert facts.known == {}
    assert reasons(facts) == [("product_id", "view_item has several items")]


def test_fills_what_json_ld_leaves_open() -> None:
    bare = {key: value for key, value in BLANKET.items() if key != "offers"}
    data = page(script(bare), script(f"dataLayer.push({JSON})", ""))
    assert values(read_product(data, url=URL)) == {**READ, "sku": "BL-130"}


def test_is_not_looked_for_where_json_ld_has_all() -> None:
    assert "product_id" not in values(
        read_product(page(script(BLANKET), script(f"dataLayer.push({JSON})", "")), url=URL)
    )


@pytest.mark.parametrize("event", ["view_item_list", "view_search_results"])
def test_reads_a_list(event: str) -> None:
    items = [{"item_id": n, "price": n + 1} for n in range(30)]
    text = f"gtag('event', '{event}', {json.dumps({'currency': 'SEK', 'items': items})})"
    text += ";gtag('event', 'view_item', {items: []})"
    found = read_listing(pushing(text), url=URL)
    assert found is not None
    assert found.source == "data layer"
    ids = [facts.product_id and facts.product_id.value for facts in found.items]
    assert ids == [str(n) for n in range(1, 11)]  # "0" is no id


# --- literals ------------------------------------------------------------------------------------


def literal(text: str) -> Any:
    values, _, _ = read_items(f"({text})", 1, ")", MOST_TOKENS)
    return values


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(VALUES)
def test_json_is_a_literal(value: object) -> None:
    assert literal(json.dumps(value)) == [value]


@given(VALUES)
def test_json_is_a_literal_among_what_is_none(value: object) -> None:
    """The slow way, where C cannot read the whole."""
    text = f"{{a: [[{{b: f(1), c: {json.dumps(value)}, d: x => {{}},}}, y]]}}"
    assert literal(text) == [{"a": [[{"c": value}, UNREADABLE]]}]


SPELLINGS = [
    ("'it\\'s'", ["it's"]),
    ('"\\x41\\u0042\\u{43}\\n"', ["ABC\n"]),
    ("`a`, `${b}`", ["a", UNREADABLE]),
    ("-1.5e3, .5, 5., 0", [-1500.0, 0.5, 5.0, 0]),
    ("undefined, null, true, false", [None, None, True, False]),
    ("'a' + 'b', c.d, !e, f(g, {h: 1}), new I()", [UNREADABLE] * 5),
    ("Number('12'), String(5), parseInt(x)", ["12", 5, UNREADABLE]),
    ("[1,,2,]", [[1, 2]]),
    ("{a: 1 /* ) */, // }\n b: 2}", [{"a": 1, "b": 2}]),
    ("{a: b ? {c: 1} : 2, d: 3}", [{"d": 3}]),
    ("{a, b: 1}", [{"b": 1}]),
    ("{1: 'a', 'b c': 2}", [{"1": "a", "b c": 2}]),
    ("/re)gex/, 1", [UNREADABLE]),
]


@pytest.mark.parametrize(("text", "read"), SPELLINGS)
def test_reads_a_literal(text: str, read: list[object]) -> None:
    assert literal(text) == read


@given(st.text("{}[]():,'\"`/*\\ \n.ab1-+", max_size=60))
def test_any_text_is_read_to_its_end(text: str) -> None:
    _, end, left = read_items(text, 0, ")", MOST_TOKENS)
    assert 0 <= end <= len(text)
    assert left >= MOST_TOKENS - 3 * len(text) - 3


@pytest.mark.parametrize("text", ["[" * 10_000, "{a:" * 10_000, "1," * 10_000, "f(" * 10_000])
def test_what_takes_long_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"long|deep"):
        literal(text)
