"""Product tags of an Instagram medium: read, added, moved, taken away; and the shop's products are
looked up.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media/product_tags
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pixelpair.errors import PixelPairError
from pixelpair.graph.catalog import done, strange, whole
from pixelpair.graph.errors import GraphError, acted, asked
from pixelpair.graph.paging import rows
from pixelpair.graph.product_places import TagError, as_row, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph
    from pixelpair.graph.product_places import Kind, Place

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
# 200 to 299 are permissions, by Graph's overview of errors.
STEPS: Final[Mapping[int, str]] = dict.fromkeys((10, *range(200, 300)), f"this needs {NEEDS}")


class ReplaceError(PixelPairError):
    """The surplus is gone, and Meta did not take what was to stand there. `removed` are the tags
    that are gone, `cause` is what Meta said."""

    def __init__(self, removed: Sequence[Tag], cause: GraphError) -> None:
        self.removed = tuple(removed)
        self.cause = cause
        ids = ", ".join(tag.product_id for tag in removed)
        super().__init__(f"{cause}. Before that the tags of {ids} were removed")


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
    """What was sent, what was taken away, and what is there now; None: that cannot be read, of a
    reel by Meta's page, else for the reason in `unread`."""

    sent: tuple[str, ...]
    removed: tuple[str, ...]
    after: tuple[Tag, ...] | None
    unread: str = ""


def tags(graph: Graph, access: Access, media_id: str) -> tuple[Tag, ...]:
    """What is tagged. Of reels Meta's page says that they cannot be read."""
    return tuple(map(read, whole(graph, access.query(media_id, "product_tags"), STEPS)))


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


def add(
    graph: Graph, access: Access, media_id: str, places: Sequence[Place], kind: Kind, cap: int
) -> Tagged:
    """Tag these too; a product that is tagged moves. Not told of a reel what is there."""
    judge(places, kind, cap)
    there = () if kind == "reel" else tags(graph, access, media_id)
    judge(places, kind, cap, [tag.product_id for tag in there])
    new = [place for place in places if not _is_there(place, there)]
    if not new:
        return Tagged((), (), there)
    _post(graph, access, media_id, new)
    sent = tuple(place.product_id for place in new)
    if kind == "reel":
        return Tagged(sent, (), None)
    return _read_again(graph, access, media_id, sent, ())


def move(graph: Graph, access: Access, media_id: str, places: Sequence[Place]) -> Tagged:
    """Move tags of an image. To Meta it is the same as adding: what is not tagged is no move."""
    judge(places, "image", len(places))
    there = tags(graph, access, media_id)
    known = {tag.product_id for tag in there}
    wrong = [f"product {p.product_id} needs a place to move to" for p in places if p.x is None]
    wrong += [f"product {p.product_id} is not tagged" for p in places if p.product_id not in known]
    if wrong:
        raise TagError("; ".join(wrong) + ". Nothing was sent")
    new = [place for place in places if not _is_there(place, there)]
    if not new:
        return Tagged((), (), there)
    _post(graph, access, media_id, new)
    return _read_again(graph, access, media_id, tuple(place.product_id for place in new), ())


def remove(graph: Graph, access: Access, media_id: str, product_ids: Sequence[str]) -> Tagged:
    """Take these tags away; the merchant ids that Meta wants are read first."""
    there = tags(graph, access, media_id)
    surplus = [tag for tag in there if tag.product_id in product_ids]
    if not surplus:
        return Tagged((), (), there)
    return _read_again(graph, access, media_id, (), _delete(graph, access, media_id, surplus))


def replace(
    graph: Graph, access: Access, media_id: str, places: Sequence[Place], kind: Kind, cap: int
) -> Tagged:
    """Have these tags and no others: the surplus goes first, so that the cap is never passed.
    Raises ReplaceError where Meta then takes nothing."""
    judge(places, kind, cap)
    there = tags(graph, access, media_id)
    wanted = {place.product_id for place in places}
    surplus = [tag for tag in there if tag.product_id not in wanted]
    new = [place for place in places if not _is_there(place, there)]
    if not surplus and not new:
        return Tagged((), (), there)
    gone = _delete(graph, access, media_id, surplus)
    try:
        _post(graph, access, media_id, new)
    except GraphError as error:
        if not gone:
            raise
        raise ReplaceError(surplus, error) from error
    return _read_again(graph, access, media_id, tuple(place.product_id for place in new), gone)


def _read_again(
    graph: Graph, access: Access, media_id: str, sent: tuple[str, ...], gone: tuple[str, ...]
) -> Tagged:
    """It is done: that it cannot be looked at is no reason to say that it is not."""
    try:
        return Tagged(sent, gone, tags(graph, access, media_id))
    except GraphError as error:
        return Tagged(sent, gone, None, str(error))


def _post(graph: Graph, access: Access, media_id: str, places: Sequence[Place]) -> None:
    if places:
        body = {"updated_tags": [as_row(place) for place in places]}
        done(acted(graph, access.action("POST", media_id, "product_tags", body=body), STEPS))


def _delete(graph: Graph, access: Access, media_id: str, some: Sequence[Tag]) -> tuple[str, ...]:
    if some:
        told = [{"merchant_id": t.merchant_id, "product_id": t.product_id} for t in some]
        if not all(all(row.values()) for row in told):
            raise strange("a tag without the ids that its removal needs: nothing was removed")
        body = {"deleted_tags": told}
        done(acted(graph, access.action("DELETE", media_id, "product_tags", body=body), STEPS))
    return tuple(tag.product_id for tag in some)


def _is_there(place: Place, there: Sequence[Tag]) -> bool:
    tag = next((tag for tag in there if tag.product_id == place.product_id), None)
    return tag is not None and _near(place.x, tag.x) and _near(place.y, tag.y)


def _near(wanted: float | None, found: float | None) -> bool:
    """No place of one's own is content with any."""
    return wanted is None or (found is not None and abs(wanted - found) <= SAME_PLACE)


# --- the shop behind the account -----------------------------------------------------------------


def eligible(graph: Graph, access: Access, user_id: str) -> bool | None:
    """Whether the account may tag products; None where Meta does not tell."""
    field = "shopping_product_tag_eligibility"
    told = asked(graph, access.query(user_id, fields=field), STEPS).get(field)
    return told if isinstance(told, bool) else None


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
