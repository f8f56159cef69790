"""The rules that choose items: a product set's, or the `filter` of the products edge. Pure.

Documented are `eq` and `is_any`; the others are customary in product sets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .refusals import bad_parameter

if TYPE_CHECKING:
    from .items import Item

Test = Callable[["Item"], bool]
MAX_DEPTH = 5

OPERATORS: dict[str, Callable[[str, Any], bool]] = {
    "eq": lambda have, want: have == str(want),
    "neq": lambda have, want: have != str(want),
    "is_any": lambda have, want: have in map(str, want),
    "is_not_any": lambda have, want: have not in map(str, want),
    "contains": lambda have, want: str(want) in have,
    "i_contains": lambda have, want: str(want).lower() in have.lower(),
}
LISTS = ("is_any", "is_not_any")
# The edge's own words for what items_batch calls otherwise.
NAMES = {"name": "title", "url": "link", "image_url": "image_link"}


def compiled(rule: dict[str, Any], depth: int = 0) -> Test:
    """The test that a rule makes; of no rule, one that all items pass."""
    if depth > MAX_DEPTH:
        raise bad_parameter("filter is nested too deeply")
    tests = [_part(key, value, depth) for key, value in rule.items()]
    return lambda item: all(test(item) for test in tests)


def _part(key: str, value: Any, depth: int) -> Test:
    if key in ("and", "or") and isinstance(value, list):
        parts = [compiled(one if isinstance(one, dict) else {}, depth + 1) for one in value]
        which = all if key == "and" else any
        return lambda item: which(part(item) for part in parts)
    if not isinstance(value, dict) or not value:
        raise bad_parameter(f"filter: {key} needs an operator and a value")
    tests = [_compare(key, operator, want) for operator, want in value.items()]
    return lambda item: all(test(item) for test in tests)


def _compare(key: str, operator: str, want: Any) -> Test:
    if operator not in OPERATORS:
        raise bad_parameter(f"filter: {operator} is none of {', '.join(OPERATORS)}")
    if (operator in LISTS) is not isinstance(want, list):
        raise bad_parameter(f"filter: {operator} has a wrong value")
    judge = OPERATORS[operator]
    return lambda item: judge(_value(item, key), want)


def _value(item: Item, key: str) -> str:
    if key == "retailer_id":
        return item.id
    if key in ("product_item_id", "id"):
        return str(item.number)
    if key == "retailer_product_group_id":
        return item.group
    return str(item.read().get(NAMES.get(key, key), ""))
