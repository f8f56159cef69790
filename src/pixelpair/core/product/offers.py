"""What a product costs: the offer that is meant, and of its prices the one that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..currencies import currency_code
from .facts import FROM
from .json_ld import types
from .pages import ELSEWHERE
from .prices import Amount, read_price
from .texts import availability, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .facts import Draft
    from .json_ld import Graph, Node
    from .pages import Page

_IDS = ("sku", "productID", "mpn", "gtin", "gtin13", "gtin14", "gtin12", "gtin8")
# https://schema.org/PriceTypeEnumeration; what stands crossed out, or is nobody's price here.
_NOT_ASKED = {"listprice", "strikethroughprice", "msrp", "srp", "invoiceprice",
              "minimumadvertisedprice"}  # fmt: skip
_NOT_PRICES = {"deliverychargespecification", "paymentchargespecification",
               "compoundpricespecification"}  # fmt: skip
_NOT_SOLD = ("leaseout", "buy", "dispose", "maintain", "repair", "providesservice")
_EACH = ("C62", "EA", "H87", "PCE")  # UN/CEFACT: one piece
_IN_STOCK = {"InStock", "LimitedAvailability", "OnlineOnly", "InStoreOnly", "PreOrder",
             "BackOrder", "MadeToOrder", "PreSale"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One offer, read: what is asked for the product on its terms."""

    node: Node
    amount: Amount | None
    currency: str | None
    availability: str | None


def asks(product: Node, graph: Graph, draft: Draft) -> list[Ask]:
    """The product's offers to a buyer of one new piece."""
    read = [ask for offer in _offers(product, graph) if (ask := _ask(offer, graph, draft))]
    new = [ask for ask in read if not _is_used(ask.node)]
    return new or read


def _offers(product: Node, graph: Graph) -> Iterator[Node]:
    for offer in graph.each(product.get("offers")):
        inner = list(graph.each(offer.get("offers")))
        if inner and any("price" in one or "priceSpecification" in one for one in inner):
            yield from (_inheriting(one, offer) for one in inner)
        else:
            yield offer


def _inheriting(offer: Node, whole: Node) -> Node:
    kept = {key: whole[key] for key in ("priceCurrency",) if key in whole}
    return {**kept, **offer}


def _ask(offer: Node, graph: Graph, draft: Draft) -> Ask | None:
    function = _word(offer.get("businessFunction"))
    if function.endswith(_NOT_SOLD):
        return None
    currency = _currency(offer.get("priceCurrency"), draft)
    amount = None
    for price, code in _prices(offer, graph, draft):
        code = _currency(code, draft) if code is not None else currency
        try:
            amount = _read(price, code)
        except ValueError as error:
            draft.drop("price", str(error))
            continue
        currency = code or amount.currency
        break
    found = None
    if "availability" in offer:
        try:
            found = availability(offer["availability"])
        except ValueError as error:
            draft.drop("availability", str(error))
    return Ask(offer, amount, currency, found)


def _currency(value: object, draft: Draft) -> str | None:
    if value is None:
        return None
    try:
        text = plain(value)
    except ValueError as error:
        draft.drop("currency", str(error))
        return None
    code = currency_code(text)
    if code is None:
        draft.drop("currency", "is no ISO 4217 code")
    return code


def _read(price: object, currency: str | None) -> Amount:
    if isinstance(price, tuple):
        low = read_price(price[0], currency)
        try:
            high = read_price(price[1], currency).value
        except ValueError:
            high = low.value
        return low._replace(lowest=low.value != high)
    if isinstance(price, list):
        amounts = {read_price(one, currency) for one in price[:20]}
        if len(amounts) != 1:
            raise ValueError("has several amounts")
        return amounts.pop()
    return read_price(price, currency)


def _prices(offer: Node, graph: Graph, draft: Draft) -> Iterator[tuple[object, object]]:
    """The prices to try, the one that is asked first: a sale's, the offer's own, a specified."""
    specified = list(_specified(offer, graph, draft))
    yield from ((price, code) for sale, price, code in specified if sale)
    price = offer.get("price")
    if isinstance(price, dict) and "value" in price:  # a MonetaryAmount
        yield price["value"], price.get("currency")
    elif price is not None:
        yield price, None
    yield from ((price, code) for sale, price, code in specified if not sale)
    if offer.get("lowPrice") is not None:
        yield (offer["lowPrice"], offer.get("highPrice", offer["lowPrice"])), None


def _specified(offer: Node, graph: Graph, draft: Draft) -> Iterator[tuple[bool, object, object]]:
    nodes = list(graph.each(offer.get("priceSpecification")))
    kept = []
    for node in nodes:
        reason = _not_asked(node)
        if reason:
            draft.drop("price", reason)
        else:
            kept.append(node)
    kept.sort(key=lambda node: (_is_false(node.get("valueAddedTaxIncluded")), _regular(node)))
    for node in kept:
        price = node.get("price")
        if price is None and node.get("minPrice") is not None:
            price = (node["minPrice"], node.get("maxPrice", node["minPrice"]))
        if price is not None:
            yield _word(node.get("priceType")).endswith("saleprice"), price, _code(node)


def _code(node: Node) -> object:
    return node.get("priceCurrency")


def _regular(node: Node) -> bool:
    return _word(node.get("priceType")).endswith("regularprice")


def _not_asked(node: Node) -> str | None:
    """Why a price specification is not what one piece costs anybody, or None."""
    kind = _word(node.get("priceType"))
    if kind.rpartition("/")[2] in _NOT_ASKED:
        return "is a list price, or crossed out"
    if types(node) & _NOT_PRICES:
        return "is a charge of another kind"
    quantity = node.get("referenceQuantity")
    if isinstance(quantity, dict) and not _is_one(quantity):
        return "is a price per unit"
    if any(node.get(key) for key in ("validForMemberTier", "membershipPointsEarned")):
        return "is a price for members"
    if any(node.get(key) for key in ("billingDuration", "billingIncrement")):
        return "is an instalment"
    least = node.get("eligibleQuantity")
    number = least.get("minValue", least.get("value")) if isinstance(least, dict) else None
    if number is not None and str(number) not in ("0", "1", "1.0"):
        return "is a price for several"
    return None


def _is_one(quantity: Node) -> bool:
    value, unit = quantity.get("value", 1), quantity.get("unitCode", "C62")
    return str(value) in ("1", "1.0") and str(unit) in _EACH


def _is_false(value: object) -> bool:
    return value is False or _word(value) == "false"


def _is_used(offer: Node) -> bool:
    return _word(offer.get("itemCondition")).endswith(
        ("usedcondition", "refurbishedcondition", "damagedcondition")
    )


def _word(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("@id")
    return value.strip().lower() if isinstance(value, str) else ""


# --- of several offers ---------------------------------------------------------------------------


def ids_of(node: Node) -> set[str]:
    """The ids by which a URL may ask for it."""
    return {str(node[key]).strip() for key in _IDS if isinstance(node.get(key), str | int)} - {""}


def chosen(nodes: list[Node], page: Page) -> Node | None:
    """The one of several variants or offers that the page's URL asks for."""
    if len(nodes) == 1:
        return nodes[0]
    near = [node for node in nodes if page.nearness(address_of(node)) != ELSEWHERE]
    if len(near) == 1:
        return near[0]
    asked = [node for node in nodes if page.asks_for(ids_of(node))]
    return asked[0] if len(asked) == 1 else None


def address_of(node: Node) -> object:
    """The URL that a node gives itself, or its only offer."""
    if isinstance(url := node.get("url"), str):
        return url
    offers = node.get("offers")
    if isinstance(offers, list) and len(offers) == 1:
        offers = offers[0]
    if isinstance(offers, dict) and isinstance(offers.get("url"), str):
        return offers["url"]
    name = node.get("@id")
    return name if isinstance(name, str) and name.startswith(("http", "/")) else None


def put_money(found: list[Ask], draft: Draft, sure: float = 1.0) -> None:
    """The price, its currency and the availability that these offers have in common."""
    in_stock = [ask for ask in found if ask.availability in _IN_STOCK]
    stocks = {ask.availability for ask in found} - {None}
    if len(stocks) == 1 or in_stock:
        stock = in_stock[0].availability if in_stock else stocks.pop()
        draft.put("availability", stock, str, sure)
    priced = [ask for ask in in_stock if ask.amount] or [ask for ask in found if ask.amount]
    if not priced:
        codes = {ask.currency for ask in found} - {None}
        if len(codes) == 1:
            draft.put("currency", codes.pop(), str, sure)
        return
    if len({ask.currency for ask in priced}) > 1:
        draft.drop("price", "has several currencies")
        return
    amounts = [ask.amount for ask in priced if ask.amount]
    low = min(amounts)
    lowest = low.lowest or any(amount.value != low.value for amount in amounts)
    draft.put("price", low.value, _same, sure * FROM if lowest else sure)
    draft.put("currency", priced[0].currency, str, sure)


def _same(value: object) -> object:
    return value
