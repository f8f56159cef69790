from __future__ import annotations

import pytest

from pixelpair.sandbox.media import VIDEO_SECONDS
from pixelpair.sandbox.refusals import RefusedError

from .goods import World, product

ACCOUNT = "17841400000000000"
IMAGE = {"image_url": "https://shop.example/1.jpg"}
REEL = {"media_type": "REELS", "video_url": "https://shop.example/1.mp4"}


class Studio(World):
    """A shop of thirty-five products, and an account that posts them."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = self.catalog(*(product(f"p{n}") for n in range(35)))
        self.merchant = self.catalogs.at(self.shop).merchant

    def product(self, n: int) -> str:
        return self.number(self.shop, f"p{n}")

    def container(self, **given) -> str:
        return self.call("POST", ACCOUNT, "media", **given)["id"]

    def post(self, **given) -> str:
        made = self.container(**given)
        self.now += 1
        return self.call("POST", ACCOUNT, "media_publish", creation_id=made)["id"]

    def tag(self, medium: str, *tags, **given) -> dict:
        return self.call("POST", medium, "product_tags", updated_tags=list(tags), **given)

    def places(self, medium: str) -> list[tuple]:
        found = self.call("GET", medium, "product_tags", fields="product_id,x,y")["data"]
        return [(str(tag["product_id"]), tag.get("x"), tag.get("y")) for tag in found]

    def refuses(self, *call, **given) -> str:
        with pytest.raises(RefusedError) as caught:
            self.call(*call, **given)
        assert caught.value.rejection.error["code"] == 100
        return str(caught.value)


def test_tags_are_added_and_moved():
    studio = Studio()
    medium = studio.post(**IMAGE)
    first, second = studio.product(0), studio.product(1)
    assert studio.tag(medium, {"product_id": first, "x": 0.25, "y": 0.5}) == {"success": True}
    studio.tag(medium, {"product_id": int(second)})
    studio.tag(medium, {"product_id": first, "x": 0.8, "y": 1})
    assert studio.places(medium) == [(first, 0.800000011920929, 1.0), (second, None, None)]


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ([{"product_id": "1"}], "no product"),
        ([{}], "product_id"),
        (["5"], "object"),
        ([], "empty"),
        ([{"product_id": "P", "x": 1.5}], "x must"),
        ([{"product_id": "P", "y": "0.5"}], "y must"),
        ([{"product_id": "P", "x": True}], "x must"),
        ([{"product_id": "P"}, {"product_id": "P"}], "unique"),
    ],
)
def test_wrong_tags_change_nothing(tags, word):
    studio = Studio()
    medium, one = studio.post(**IMAGE), studio.product(0)
    given = [
        {k: one if v == "P" else v for k, v in tag.items()} if isinstance(tag, dict) else tag
        for tag in tags
    ]
    assert word in studio.refuses("POST", medium, "product_tags", updated_tags=given)
    assert studio.places(medium) == []


@pytest.mark.parametrize(("kind", "cap"), [(IMAGE, 20), (REEL, 30)])
def test_no_more_tags_than_the_cap(kind, cap):
    studio = Studio()
    medium = studio.post(**kind)
    for n in range(cap):
        studio.tag(medium, {"product_id": studio.product(n)})
    one_more = [{"product_id": studio.product(cap)}]
    assert str(cap) in studio.refuses("POST", medium, "product_tags", updated_tags=one_more)
    studio.tag(medium, {"product_id": studio.product(0)})


def test_a_reel_is_tagged_without_places_and_not_read():
    studio = Studio()
    medium, one = studio.post(**REEL), studio.product(0)
    placed = [{"product_id": one, "x": 0.1}]
    assert "images only" in studio.refuses("POST", medium, "product_tags", updated_tags=placed)
    studio.tag(medium, {"product_id": one})
    gone = [{"product_id": one, "merchant_id": studio.merchant}]
    assert "REELS" in studio.refuses("GET", medium, "product_tags")
    assert "REELS" in studio.refuses("DELETE", medium, "product_tags", deleted_tags=gone)


def test_a_tag_is_removed_by_both_of_its_ids():
    studio = Studio()
    medium, one, two = studio.post(**IMAGE), studio.product(0), studio.product(1)
    studio.tag(medium, {"product_id": one}, {"product_id": two})
    for wrong in (
        {"product_id": one},
        {"product_id": one, "merchant_id": 5},
        {"product_id": studio.product(2), "merchant_id": studio.merchant},
    ):
        studio.refuses("DELETE", medium, "product_tags", deleted_tags=[wrong])
    right = {"product_id": one, "merchant_id": str(studio.merchant)}
    assert studio.call("DELETE", medium, "product_tags", deleted_tags=[right]) == {"success": True}
    assert studio.places(medium) == [(two, None, None)]


def test_a_rejected_product_cannot_be_tagged_until_it_appeals():
    studio = Studio()
    medium, one = studio.post(**IMAGE), studio.product(0)
    item = studio.catalogs.at(studio.shop).items.get("p0")
    item.review = "rejected"
    given = [{"product_id": one}]
    assert "rejected" in studio.refuses("POST", medium, "product_tags", updated_tags=given)
    [row] = studio.call("GET", ACCOUNT, "product_appeal", product_id=one)["data"]
    assert (row["review_status"], row["eligible_for_appeal"]) == ("rejected", True)
    studio.call("POST", ACCOUNT, "product_appeal", product_id=one, appeal_reason="It is a mistake.")
    studio.tag(medium, *given)
    [tag] = studio.call("GET", medium, "product_tags")["data"]
    assert tag["review_status"] == "pending"


def test_products_are_searched_by_name_and_id():
    studio = Studio()
    fields = "retailer_id,product_name"
    found = studio.call(
        "GET",
        ACCOUNT,
        "catalog_product_search",
        catalog_id=studio.shop,
        q="PRODUCT p34",
        fields=fields,
    )
    assert found["data"] == [{"retailer_id": "p34", "product_name": "Product p34"}]
    studio.refuses("GET", ACCOUNT, "catalog_product_search", catalog_id="5")


def test_an_account_tells_its_catalog_and_its_right():
    studio = Studio()
    eligible = "shopping_product_tag_eligibility"
    assert studio.call("GET", ACCOUNT, fields=eligible) == {"id": ACCOUNT, eligible: True}
    assert studio.call("GET", ACCOUNT, "available_catalogs")["data"] == [
        {
            "catalog_id": studio.shop,
            "catalog_name": "Shop",
            "shop_name": "Sandbox shop",
            "product_count": 35,
        }
    ]


# --- publishing --------------------------------------------------------------------------------


def test_a_post_takes_the_tags_of_its_container():
    studio = Studio()
    tags = [{"product_id": studio.product(0), "x": 0.5, "y": 0.5}]
    assert studio.places(studio.post(**IMAGE, product_tags=tags)) == [
        (tags[0]["product_id"], 0.5, 0.5)
    ]


def test_a_carousel_is_tagged_child_by_child():
    studio = Studio()
    one = studio.product(0)
    tags = [{"product_id": one}]
    plain = studio.container(**IMAGE, is_carousel_item=True)
    tagged = studio.container(**IMAGE, is_carousel_item=True, product_tags=tags)
    medium = studio.post(media_type="CAROUSEL", children=f"{plain},{tagged}")
    rows = studio.call("GET", medium, fields="media_type,children")
    children = [row["id"] for row in rows["children"]["data"]]
    assert [studio.places(child) for child in children] == [[], [(one, None, None)]]
    studio.tag(medium, {"product_id": one}, child_index=0)
    assert studio.places(children[0]) == [(one, None, None)]
    studio.refuses("POST", medium, "product_tags", updated_tags=tags, child_index=2)


def test_a_video_takes_a_moment():
    studio = Studio()
    made = studio.container(**REEL)
    fields = {"fields": "status_code"}
    assert studio.call("GET", made, **fields) == {"id": made, "status_code": "IN_PROGRESS"}
    assert "IN_PROGRESS" in studio.refuses("POST", ACCOUNT, "media_publish", creation_id=made)
    studio.now += VIDEO_SECONDS
    assert studio.call("GET", made, **fields)["status_code"] == "FINISHED"
    studio.call("POST", ACCOUNT, "media_publish", creation_id=made)
    assert studio.call("GET", made, **fields)["status_code"] == "PUBLISHED"
    assert "PUBLISHED" in studio.refuses("POST", ACCOUNT, "media_publish", creation_id=made)


def test_twenty_five_tagged_posts_a_day():
    studio = Studio()
    tags = [{"product_id": studio.product(0)}]
    for _ in range(25):
        studio.post(**IMAGE, product_tags=tags)
    studio.post(**IMAGE)
    made = studio.container(**IMAGE, product_tags=tags)
    assert "25" in studio.refuses("POST", ACCOUNT, "media_publish", creation_id=made)
    studio.now += 86_400
    studio.call("POST", ACCOUNT, "media_publish", creation_id=made)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"media_type": "PAINTING", **IMAGE},
        {"media_type": "CAROUSEL"},
        {"media_type": "CAROUSEL", "children": ["5"]},
        {"media_type": "REELS", **IMAGE},
        {**IMAGE, "product_tags": [{"product_id": "5"}]},
    ],
)
def test_no_container_is_made_of_wrong_parameters(given):
    Studio().refuses("POST", ACCOUNT, "media", **given)


def test_a_carousel_has_ten_children_of_its_own_account():
    studio = Studio()
    own = [studio.container(**IMAGE, is_carousel_item=True) for _ in range(11)]
    foreign = studio.call("POST", "99", "media", **IMAGE, is_carousel_item=True)["id"]
    plain, carousel = studio.container(**IMAGE), {"media_type": "CAROUSEL"}
    assert studio.container(**carousel, children=own[:10])
    for wrong in (own, [*own[:2], foreign], [*own[:2], plain], [*own[:2], studio.shop]):
        assert "children" in studio.refuses("POST", ACCOUNT, "media", **carousel, children=wrong)
    assert "account" in studio.refuses("POST", "99", "media_publish", creation_id=own[0])
