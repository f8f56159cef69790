"""Products to tag, and where on an image: judged before they go, as each wrong call counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pixelpair.errors import PixelPairError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Kind = Literal["image", "video", "reel"]

# The page of 2026-04 says 20, and 30 on a reel; copies up to v22 said 5.
CAPS: Final[Mapping[Kind, int]] = {"image": 20, "video": 20, "reel": 30}


class TagError(PixelPairError):
    """Tags that Meta would refuse: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Place:
    """A product to tag, and where on an image: from the left and the top, 0 to 1."""

    product_id: str
    x: float | None = None
    y: float | None = None


def judge(places: Sequence[Place], kind: Kind, cap: int, there: Sequence[str] = ()) -> None:
    """Raises TagError with every reason why Meta would refuse these."""
    ids = [place.product_id for place in places]
    wrong = [
        f"product {one} is named twice" for one in sorted({i for i in ids if ids.count(i) > 1})
    ]
    for place in places:
        wrong += _misplaced(place, kind)
    total = len(set(ids) | set(there))
    if total > cap:
        wrong.append(
            f"that makes {total} tags, and {cap} may be on one {kind} (--max-tags changes it)"
        )
    if not places:
        wrong.append("no product is named")
    if wrong:
        raise TagError("; ".join(wrong) + ". Nothing was sent")


def _misplaced(place: Place, kind: Kind) -> Iterator[str]:
    where = (place.x, place.y)
    if not (place.product_id.isascii() and place.product_id.isdecimal()):
        yield f"{place.product_id!r} is no product id: digits, as `pixelpair tags search` shows"
    if where == (None, None):
        return
    if kind != "image":
        yield f"product {place.product_id} has a place, which only images have"
    elif not all(one is not None and 0.0 <= one <= 1.0 for one in where):
        yield f"product {place.product_id} needs x and y from 0 to 1"


def as_row(place: Place) -> dict[str, object]:
    """As `updated_tags` and `product_tags` want it."""
    row: dict[str, object] = {"product_id": place.product_id}
    return row if place.x is None else {**row, "x": place.x, "y": place.y}
