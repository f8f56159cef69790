"""Product tags of an Instagram medium: what may be sent is judged before it is, as each wrong call
counts; and the shop's products are looked up.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media/product_tags
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pixelpair.errors import PixelPairError
from pixelpair.graph.errors import acted, asked
from pixelpair.graph.paging import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph

Kind = Literal["image", "video", "reel"]

# The page of 2026-04 says 20, and 30 on a reel; copies up to v22 said 5.
CAPS: Final[Mapping[Kind, int]] = {"image": 20, "video": 20, "reel": 30}
# Meta gives places back as floats of 32 bits: 0.8 returns as 0.80000001192093.
SAME_PLACE: Final = 1e-6
REVIEWS: Final[Mapping[str, str]] = {
    "approved": "shown",
    "rejected": "not shown: appeal in Commerce Manager; a rejected product cannot be tagged",
    "pending": "not shown until Meta has reviewed it",
    "outdated": "it was edited after its approval: Meta reviews it again",
    "": "not reviewed yet",
}
NEEDS: Final = (
    "a token of a user who is admin of the business that owns the Instagram account's shop; an"
    " approved shop with products; the permissions catalog_management, instagram_basic,"
    " instagram_shopping_tag_products and pages_show_list, and ads_management or"
    " business_management where the role on the page came by a business; no creator account"
)
STEPS: Final[Mapping[int, str]] = {10: f"this needs {NEEDS}", 200: f"this needs {NEEDS}"}


class TagError(PixelPairError):
    """Tags that Meta would refuse: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Place:
    """A product to tag, and where on an image: from the left and the top, 0 to 1."""

    product_id: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as Meta tells it. `sale_price` is read under either of the names that it has."""

    product_id: str
    merchant_id: str
    name: str
    price: str
    stripped_price: str
    sale_price: str
    image_url: str
    product_url: str
    review_status: str
    is_checkout: bool
    x: float | None
    y: float | None


@dataclass(frozen=True, slots=True)
class Tagged:
    """What was sent, what was taken away, and what is there now; None: that cannot be read."""

    sent: tuple[str, ...]
    removed: tuple[str, ...]
    after: tuple[Tag, ...] | None


def tags(graph: Graph, access: Access, media_id: str) -> tuple[Tag, ...]:
    """What is tagged. Of reels Meta's page says that they cannot be read."""
    return tuple(map(read, rows(graph, access.query(media_id, "product_tags"), STEPS)))


def read(row: Mapping[str, Any]) -> Tag:
    """A tag out of Meta's JSON. Ids may be numbers beyond what a float holds."""
    sale = row.get("stripped_sale_price_string") or row.get("string_sale_price_string")
    return Tag(
        product_id=_text(row.get("product_id")),
        merchant_id=_text(row.get("merchant_id")),
        name=_text(row.get("name")),
        price=_text(row.get("price_string")),
        stripped_price=_text(row.get("stripped_price_string")),
        sale_price=_text(sale),
        image_url=_text(row.get("image_url")),
        product_url=_text(row.get("product_url")),
        review_status=_text(row.get("review_status")),
        is_checkout=row.get("is_checkout") is True,
        x=_place(row.get("x")),
        y=_place(row.get("y")),
    )


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
    if not place.product_id.isdecimal():
        yield f"{place.product_id!r} is no product id: digits, as `pixelpair tags search` shows"
    if where == (None, None):
        return
    if kind != "image":
        yield f"product {place.product_id} has a place, which only images have"
    elif not all(one is not None and 0.0 <= one <= 1.0 for one in where):
        yield f"product {place.product_id} needs x and y from 0 to 1"


def add(
    graph: Graph, access: Access, media_id: str, places: Sequence[Place], kind: Kind, cap: int
) -> Tagged:
    """Tag these too; a product that is tagged moves. Not told of a reel what is there."""
    judge(places, kind, cap)
    there = () if kind == "reel" else tags(graph, access, media_id)
    judge(places, kind, cap, [tag.product_id for tag in there])
    new = [place for place in places if not _is_there(place, there)]
    if new:
        _post(graph, access, media_id, new)
    after = None if kind == "reel" else tags(graph, access, media_id) if new else there
    return Tagged(tuple(place.product_id for place in new), (), after)


def remove(graph: Graph, access: Access, media_id: str, product_ids: Sequence[str]) -> Tagged:
    """Take these tags away; the merchant ids that Meta wants are read first."""
    there = tags(graph, access, media_id)
    gone = _delete(graph, access, media_id, [t for t in there if t.product_id in product_ids])
    return Tagged((), gone, tags(graph, access, media_id) if gone else there)


def replace(
    graph: Graph, access: Access, media_id: str, places: Sequence[Place], kind: Kind, cap: int
) -> Tagged:
    """Have these tags and no others: the surplus goes first, so that the cap is never passed."""
    judge(places, kind, cap)
    there = tags(graph, access, media_id)
    wanted = {place.product_id for place in places}
    gone = _delete(graph, access, media_id, [t for t in there if t.product_id not in wanted])
    new = [place for place in places if not _is_there(place, there)]
    if new:
        _post(graph, access, media_id, new)
    after = tags(graph, access, media_id) if new or gone else there
    return Tagged(tuple(place.product_id for place in new), gone, after)


def _post(graph: Graph, access: Access, media_id: str, places: Sequence[Place]) -> None:
    body = {"updated_tags": [as_row(place) for place in places]}
    acted(graph, access.action("POST", media_id, "product_tags", body=body), STEPS)


def _delete(graph: Graph, access: Access, media_id: str, some: Sequence[Tag]) -> tuple[str, ...]:
    if some:
        told = [{"merchant_id": t.merchant_id, "product_id": t.product_id} for t in some]
        body = {"deleted_tags": told}
        acted(graph, access.action("DELETE", media_id, "product_tags", body=body), STEPS)
    return tuple(tag.product_id for tag in some)


def as_row(place: Place) -> dict[str, object]:
    """As `updated_tags` and `product_tags` want it."""
    row: dict[str, object] = {"product_id": place.product_id}
    return row if place.x is None else {**row, "x": place.x, "y": place.y}


def _is_there(place: Place, there: Sequence[Tag]) -> bool:
    tag = next((tag for tag in there if tag.product_id == place.product_id), None)
    return tag is not None and _near(place.x, tag.x) and _near(place.y, tag.y)


def _near(wanted: float | None, found: float | None) -> bool:
    """No place of one's own is content with any."""
    return wanted is None or (found is not None and abs(wanted - found) <= SAME_PLACE)


# --- the shop behind the account -----------------------------------------------------------------


def eligible(graph: Graph, access: Access, user_id: str) -> bool:
    """Whether the account may tag products."""
    field = "shopping_product_tag_eligibility"
    return asked(graph, access.query(user_id, fields=field), STEPS).get(field) is True


def available_catalogs(graph: Graph, access: Access, user_id: str) -> Iterator[Mapping[str, Any]]:
    """The catalog whose products the account may tag: one, and none that is shared for ads."""
    fields = "catalog_id,catalog_name,shop_name,product_count"
    return rows(graph, access.query(user_id, "available_catalogs", fields=fields), STEPS)


def search(
    graph: Graph, access: Access, user_id: str, catalog_id: str, words: str
) -> Iterator[Mapping[str, Any]]:
    """The catalog's products with these words; its ids are what tags want."""
    fields = (
        "product_id,merchant_id,product_name,image_url,retailer_id,review_status,"
        "is_checkout_flow,product_variants"
    )
    given = {"catalog_id": catalog_id, "q": words or None, "fields": fields}
    return rows(graph, access.query(user_id, "catalog_product_search", **given), STEPS)


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _place(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
