"""By which of its ids a product is named to Meta, and the custom data that an event has of it.

One definition for the page, its events, the feed and the batch: a catalog that knows the product
by another id matches nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .facts import Facts

    Choice = str | Callable[[Facts], object] | None

CONTENT_IDS = ("sku", "product_id", "mpn", "gtin", "route")
"""What `PIXELPAIR_CONTENT_ID` may say, in the order that is tried where it says nothing."""
GROUP_IDS = ("group_id", *CONTENT_IDS)
"""The same of `PIXELPAIR_GROUP_ID`."""


def content_id(facts: Facts, choice: Choice = None, route_id: str | None = None) -> str | None:
    """The product's id. A choice that the page has not is None: another would match nothing."""
    if callable(choice):
        return str(choice(facts) or "") or None
    return _first(facts, (choice,) if choice else CONTENT_IDS, route_id)


def group_id(facts: Facts, choice: Choice = None, route_id: str | None = None) -> str | None:
    """The id of the group whose variants are offered; unchosen, only the group's own counts."""
    if callable(choice):
        return str(choice(facts) or "") or None
    return _first(facts, (choice or "group_id",), route_id)


def _first(facts: Facts, choices: Iterable[str], route_id: str | None) -> str | None:
    for choice in choices:
        if choice == "route":
            found = route_id
        else:
            fact = getattr(facts, choice)
            found = fact.value if fact else None
        if found:
            return str(found)
    return None


def custom_data(
    facts: Facts,
    *,
    content_choice: Choice = None,
    group_choice: Choice = None,
    route_id: str | None = None,
    currency: str | None = None,
    may_group: bool = True,
) -> dict[str, object]:
    """What ViewContent says of the product, as `clean_data` takes it; what is unknown is left out.

    `currency` is the shop's own, for a page that names none. Without any there is no value: an
    amount of nothing in particular is worse than none. AddToCart and Purchase may never name a
    group (`may_group`).
    """
    group = group_id(facts, group_choice, route_id) if facts.unchosen and may_group else None
    named = group or content_id(facts, content_choice, route_id)
    code = facts.currency.value if facts.currency else currency
    price = facts.price.value if facts.price and code else None
    data: dict[str, object] = {}
    if named:
        line: dict[str, object] = {"id": named, "quantity": 1}
        if price is not None:
            line["item_price"] = price
        data["content_ids"] = [named]
        data["content_type"] = "product_group" if group else "product"
        data["contents"] = [line]
    if facts.name:
        data["content_name"] = facts.name.value
    if facts.category:
        data["content_category"] = facts.category.value
    if price is not None:
        data["value"] = price
        data["currency"] = code
    return data


def listing_data(items: Iterable[Facts], content_choice: Choice = None) -> dict[str, object]:
    """What Search or a category page says of its list: the ids of its first products."""
    found = [named for facts in items if (named := content_id(facts, content_choice))]
    ids = list(dict.fromkeys(found))[:10]
    return {"content_ids": ids, "content_type": "product"} if ids else {}
