"""Why a content id of an event is no item of the feed: compared offline, each with a cause.

https://developers.facebook.com/documentation/ads-commerce/marketing-api/audiences/guides/dynamic-product-audiences
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pixelpair.catalog.items import Item

_SEPARATED: Final = re.compile(r"(?<=[_:\-.])")
_NUMBER: Final = re.compile(r"(?=[0-9])0*+([0-9]*+)(?:\.0+)?", re.ASCII)
# Of these Meta wants the variant that was chosen: never a group.
_CHOSEN: Final = frozenset({"AddToCart", "Purchase"})
GROUP: Final = "product_group"
# An id has 100 characters at most: of longer texts no suffix is looked at, there are too many.
_LONGEST: Final = 200


class Counted(NamedTuple):
    """A content id as this shop's events carried it, and how often."""

    event: str
    content_type: str
    id: str
    times: int


class Cause(NamedTuple):
    """Whether Meta finds it, what is the matter, and what to do about it."""

    matches: bool
    meaning: str
    fix: str


_ONE_FUNCTION: Final = "let one function of the shop make the id for pages, events and the feed"
CAUSES: Final[Mapping[str, Cause]] = {
    "exact": Cause(True, "an item of the feed", ""),
    "group": Cause(True, "a group of the feed, told as one", ""),
    "group id": Cause(
        False,
        "the feed has it as an item_group_id",
        "send the id of the variant, or, where none is chosen yet and only in ViewContent,"
        " content_type product_group",
    ),
    "group chosen": Cause(
        False,
        "a group, in an event that needs the variant",
        "send the id of the variant with AddToCart and Purchase",
    ),
    "item as group": Cause(
        False,
        "the feed has it as an item, and the event says product_group",
        "send content_type product",
    ),
    "space": Cause(False, "the feed has it with other spaces", "strip the id on both sides"),
    "case": Cause(
        False,
        "the feed has it in other letters, large or small",
        "ids are compared exactly: " + _ONE_FUNCTION,
    ),
    "number": Cause(
        False,
        "the feed has the same number, written otherwise",
        "write it as text, without leading zeros or a decimal point, on both sides",
    ),
    "prefix": Cause(
        False,
        "one side has a prefix that the other has not",
        "take the prefix away, or add it on the other side: " + _ONE_FUNCTION,
    ),
    "unknown": Cause(
        False,
        "nothing in the feed resembles it",
        "is the product in the feed, and is this the feed of the catalog that the pixel is linked"
        " to? If so, the ids come from different columns: " + _ONE_FUNCTION,
    ),
}


@dataclass(frozen=True, slots=True)
class Match:
    """One content id of one event: the cause, and what the feed has instead."""

    counted: Counted
    cause: str
    there: str = ""


class FeedIds:
    """The ids of a feed and of its groups, to be asked about others."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.ids: set[str] = set()
        self.groups: set[str] = set()
        self._alike: dict[tuple[str, str], str] = {}
        for item in items:
            self.ids.add(item.id)
            self._note(item.id)
            if group := item.data.get("item_group_id"):
                self.groups.add(str(group))

    def _note(self, item_id: str) -> None:
        for cause, form in _forms(item_id):
            self._alike.setdefault((cause, form), item_id)
        for form in _suffixes(item_id):
            self._alike.setdefault(("prefix", form), item_id)

    def match(self, counted: Counted) -> Match:
        """What the feed makes of a content id."""
        told_as_group, is_group = counted.content_type == GROUP, counted.id in self.groups
        if told_as_group and is_group:
            return Match(counted, "group chosen" if counted.event in _CHOSEN else "group")
        if counted.id in self.ids:
            return Match(counted, "item as group" if told_as_group else "exact", counted.id)
        return Match(counted, "group id", counted.id) if is_group else self._alike_of(counted)

    def _alike_of(self, counted: Counted) -> Match:
        for cause, form in _forms(counted.id):
            if there := self._alike.get((cause, form)):
                return Match(counted, cause, there)
        if there := self._alike.get(("prefix", counted.id)):
            return Match(counted, "prefix", there)
        for form in _suffixes(counted.id):
            if form in self.ids:
                return Match(counted, "prefix", form)
        return Match(counted, "unknown")


def _forms(text: str) -> list[tuple[str, str]]:
    """What an id looks like to who does not look closely."""
    bare = "".join(text.split())
    found = [("space", bare), ("case", bare.casefold())]
    number = _NUMBER.fullmatch(bare)
    return [*found, ("number", number[1] or "0")] if number else found


def _suffixes(text: str) -> list[str]:
    """What is left without a prefix, which has a letter in it: 12-34 is no 34 with a prefix."""
    if len(text) > _LONGEST:
        return []
    cuts = [found.start() for found in _SEPARATED.finditer(text)]
    return [text[cut:] for cut in cuts if cut < len(text) and any(map(str.isalpha, text[:cut]))]
