"""What is wrong with an item that was taken all the same: a bit for each diagnosis. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .item_rules import amount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Flag:
    """A diagnosis of single items, in the words of Meta's enumerations where there are some."""

    name: str
    type: str
    severity: str
    title: str
    hint: str
    applies: Callable[[Mapping[str, Any]], bool]

    @property
    def priority(self) -> str:
        """As the products edge and the status of a batch call it."""
        return "HIGH" if self.severity == "MUST_FIX" else "LOW"


# As Meta's SDK calls them; none is any.
PRIORITIES = ("", "HIGH", "MEDIUM", "LOW")


def _price(data: Mapping[str, Any]) -> float:
    found = amount(data.get("price"))
    return 1.0 if found is None else found


def _sold_out(data: Mapping[str, Any]) -> bool:
    return (
        data.get("availability") == "in stock"
        and str(data.get("quantity_to_sell_on_facebook", "")) == "0"
    )


FLAGS: tuple[Flag, ...] = (
    Flag(
        "ITEM_PRICE_NOT_POSITIVE",
        "ATTRIBUTES_INVALID",
        "MUST_FIX",
        "Price is zero",
        "Give the item its price",
        lambda data: _price(data) == 0,
    ),
    Flag(
        "NEGATIVE_PRICE",
        "ATTRIBUTES_INVALID",
        "MUST_FIX",
        "Price is negative",
        "Give the item its price",
        lambda data: _price(data) < 0,
    ),
    Flag(
        "INVENTORY_ZERO_AVAILABILITY_IN_STOCK",
        "DA_VISIBILITY_ISSUES",
        "OPPORTUNITY",
        "In stock with an inventory of zero",
        "Say out of stock, or how many there are",
        _sold_out,
    ),
    Flag(
        "MISSING_IDENTIFIER",
        "ATTRIBUTES_MISSING",
        "OPPORTUNITY",
        "No GTIN and no MPN",
        "Add gtin or mpn beside the brand",
        lambda data: not (data.get("gtin") or data.get("mpn")),
    ),
    Flag(
        "LONG_TITLE",
        "LOW_QUALITY_TITLE_AND_DESCRIPTION",
        "OPPORTUNITY",
        "Title is too long",
        "Keep the title within 100 characters",
        lambda data: len(str(data.get("title", ""))) > 100,
    ),
)


def flags_of(data: Mapping[str, Any]) -> int:
    """Bit n is FLAGS[n]. Items of other types than products have none of these fields."""
    if "price" not in data and "title" not in data:
        return 0
    return sum(1 << at for at, flag in enumerate(FLAGS) if flag.applies(data))


def flagged(bits: int) -> list[Flag]:
    return [flag for at, flag in enumerate(FLAGS) if bits >> at & 1]
