"""`pixelpair tags` against the sandbox, and against recorded answers where Meta's shapes differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.cli import main
from pixelpair.graph.product_tags import read

from ...conftest import until
from ..catalog.conftest import Shop, no_roots, sandbox_url, shop
from ..conftest import PIXEL

if TYPE_CHECKING:
    from tests.graph.meta import Meta

    from ..conftest import Ask

__all__ = ["no_roots", "sandbox_url", "shop"]  # fixtures
ACCOUNT = "17841400000000000"
IMAGE = "https://shop.example/a.jpg"


def products(shop: Shop) -> list[str]:
    found = shop.get(f"{ACCOUNT}/catalog_product_search", catalog_id=shop.catalog)["data"]
    return [str(row["product_id"]) for row in found]


def medium(shop: Shop, **more: Any) -> str:
    body = more or {"image_url": IMAGE}
    container = shop.post(f"{ACCOUNT}/media", **body)["id"]
    assert until(lambda: shop.get(container, fields="status_code")["status_code"] == "FINISHED")
    made: str = shop.post(f"{ACCOUNT}/media_publish", creation_id=container)["id"]
    return made


def tagged(shop: Shop, media: str) -> dict[str, tuple[float, float] | None]:
    found = shop.get(f"{media}/product_tags")["data"]
    return {
        str(t["product_id"]): (round(t["x"], 3), round(t["y"], 3)) if "x" in t else None
        for t in found
    }


def test_adds_beside_what_is_there_and_moves(shop: Shop, ask: Ask) -> None:
    one, two, _ = products(shop)
    media = medium(shop)
    code, told = ask("tags", "add", media, f"{one}@0.5,0.8")
    assert (code, told["sent"], tagged(shop, media)) == (0, [one], {one: (0.5, 0.8)})
    _, told = ask("tags", "add", media, f"{two}@0.1,0.1", f"{one}@0.5,0.8")
    assert told["sent"] == [two]
    _, told = ask("tags", "move", media, f"{one}@0.2,0.3")
    assert tagged(shop, media) == {one: (0.2, 0.3), two: (0.1, 0.1)}
    assert [tag["product_id"] for tag in told["tags"]] == [one, two]


def test_what_is_so_already_is_not_sent(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Meta gives 0.8 back as 0.80000001192093."""
    one, *_ = products(shop)
    media = medium(shop)
    for _ in range(2):
        assert main(["tags", "add", media, f"{one}@0.5,0.8"]) == 0
    assert "it is so already: nothing was sent" in capsys.readouterr().out


def test_lists_every_field_and_what_its_review_means(
    shop: Shop, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    one, *_ = products(shop)
    media = medium(shop)
    ask("tags", "add", media, one)
    for status in ("outdated", "", "rejected", "pending", "approved"):
        body = {"id": "SENCHA", "status": status}
        shop.http.post(f"/api/catalogs/{shop.catalog}/reviews", json=body).raise_for_status()
        _, told = ask("tags", "list", media)
        (tag,) = told["tags"]
        assert (tag["review_status"], bool(tag["review_means"])) == (status, True)
    assert (tag["name"], tag["price"], tag["x"]) == ("Sencha tea", "9.90 EUR", None)
    assert main(["tags", "list", media]) == 0
    assert "approved: shown" in capsys.readouterr().out


def test_removes_with_the_merchant_ids_that_were_read(shop: Shop, ask: Ask) -> None:
    one, two, three = products(shop)
    media = medium(shop)
    ask("tags", "add", media, one, two)
    code, told = ask("tags", "remove", media, one, three)
    assert (code, told["removed"], list(tagged(shop, media))) == (0, [one], [two])
    assert ask("tags", "remove", media, one)[1]["removed"] == []


def test_replaces_the_surplus_first(shop: Shop, ask: Ask) -> None:
    one, two, three = products(shop)
    media = medium(shop)
    ask("tags", "add", media, one, two)
    code, told = ask("tags", "replace", media, two, three, "--max-tags", "2")
    assert (code, told["removed"], told["sent"]) == (0, [one], [three])
    assert sorted(tagged(shop, media)) == sorted([two, three])


EDGE = "/v26.0/9/product_tags"
THERE = [
    {"product_id": 5, "merchant_id": 8, "x": 0.80000001192093, "y": 0},
    {"product_id": 6, "merchant_id": 8},
]


def test_what_replace_had_removed_is_told_when_the_rest_is_refused(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tags of 5 and 6 were gone, and only the refusal was told."""
    meta.say(f"GET {EDGE}", {"data": THERE})
    meta.say(f"DELETE {EDGE}", {"success": True})
    meta.refuse(f"POST {EDGE}", 100)
    assert main(["tags", "replace", "9", "7@0.5,0.5", "--json"]) == 1
    out, err = capsys.readouterr()
    back = "pixelpair tags add 9 5@0.800000,0.000000 6 --kind image"
    told = json.loads(out)
    assert (told["error"]["code"], told["put_back"]) == (100, back)
    assert [tag["product_id"] for tag in told["removed"]] == ["5", "6"]
    assert "Before that the tags of 5, 6 were removed" in err
    assert err.endswith(f"To put them back: {back}\n")


def test_what_puts_tags_back_does(shop: Shop, ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three = products(shop)
    media = medium(shop)
    ask("tags", "add", media, f"{one}@0.8,0.1", f"{two}@0.333333,1")
    before = tagged(shop, media)
    edge = {"edge": "product_tags"}
    refused = {**edge, "error": {"code": 100, "message": "no"}}
    shop.http.post("/api/faults", json=[edge, edge, refused]).raise_for_status()
    assert main(["tags", "replace", media, three]) == 1
    back = capsys.readouterr().err.strip().partition("To put them back: pixelpair ")[2]
    assert tagged(shop, media) == {}
    assert main(back.split()) == 0
    assert tagged(shop, media) == before


def test_a_replacement_without_surplus_is_refused_as_it_is(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say(f"GET {EDGE}", {"data": []})
    meta.refuse(f"POST {EDGE}", 100)
    assert main(["tags", "replace", "9", "7"]) == 2
    assert "removed" not in capsys.readouterr().err


def test_a_surplus_that_cannot_be_removed_ends_it(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say(f"GET {EDGE}", {"data": [{"product_id": 5}]})
    assert main(["tags", "replace", "9", "7"]) == 1
    assert "without the ids that its removal needs: nothing was removed" in capsys.readouterr().err
    assert [heard.method for heard in meta.heard] == ["GET"]


@pytest.mark.parametrize("words", ["add 9 7", "remove 9 5", "replace 9 7", "move 9 5@0.1,0.2"])
def test_what_cannot_be_read_again_is_told_as_done(
    meta: Meta, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    meta.say(f"GET {EDGE}", {"data": THERE}, b"<html>")
    meta.say(f"POST {EDGE}", {"success": True})
    meta.say(f"DELETE {EDGE}", {"success": True})
    assert main(["tags", *words.split(), "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (bool(told["sent"] or told["removed"]), told["tags"]) == (True, None)
    assert err.startswith("what is tagged now could not be read: ")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("7@0.1,0.1",), "product 7 is not tagged"),
        (("5",), "product 5 needs a place to move to"),
        (("5@0.1,0.1", "5@0.2,0.2"), "product 5 is named twice"),
    ],
)
def test_a_move_adds_nothing(
    meta: Meta, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    meta.say(f"GET {EDGE}", {"data": THERE})
    assert main(["tags", "move", "9", *words]) == 2
    assert why in capsys.readouterr().err
    assert meta.calls("POST") == []


def test_a_move_to_the_same_place_is_not_sent(meta: Meta, ask: Ask) -> None:
    meta.say(f"GET {EDGE}", {"data": THERE})
    code, told = ask("tags", "move", "9", "5@0.8,0")
    assert (code, told["sent"], len(meta.heard)) == (0, [], 1)


def test_what_was_not_tagged_is_told_by_remove(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say(f"GET {EDGE}", {"data": THERE}, {"data": THERE[1:]})
    meta.say(f"DELETE {EDGE}", {"success": True})
    assert main(["tags", "remove", "9", "5", "77"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "removed 1; not tagged: 77"


def test_every_field_of_a_tag_is_shown(meta: Meta, capsys: pytest.CaptureFixture[str]) -> None:
    tag = {
        "product_id": 3231775643511089,
        "merchant_id": 90010177253934,
        "name": "Gummy Bears",
        "price_string": "$3.50",
        "stripped_sale_price_string": "$2",
        "image_url": "https://shop.example/gummy.jpg",
        "product_url": "https://shop.example/gummy",
        "review_status": "withdrawn",
        "is_checkout": True,
        "x": 0.5,
        "y": 0.8,
    }
    meta.say(f"GET {EDGE}", {"data": [tag]})
    assert main(["tags", "list", "9"]) == 0
    said = capsys.readouterr().out
    shown = [str(value) for key, value in tag.items() if key not in ("x", "y", "is_checkout")]
    assert [word for word in (*shown, "0.5,0.8", "in the app") if word not in said] == []
    assert "withdrawn: a status that no document knows" in said


def test_the_cap_counts_what_is_there(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three = products(shop)
    media = medium(shop)
    assert main(["tags", "add", media, one, two, "--max-tags", "2"]) == 0
    assert main(["tags", "add", media, three, "--max-tags", "2"]) == 2
    assert "that makes 3 tags, and 2 may be on one image" in capsys.readouterr().err
    assert len(tagged(shop, media)) == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("7", "7"), "product 7 is named twice"),
        (("7@1.5,0.5",), "product 7 needs x and y from 0 to 1"),
        (("7@0.5,0.5", "--kind", "video"), "product 7 has a place, which only images have"),
        (tuple(map(str, range(21))), "that makes 21 tags, and 20 may be on one image"),
        (
            (*map(str, range(31)), "--kind", "reel"),
            "that makes 31 tags, and 30 may be on one reel",
        ),
    ],
)
def test_limits_are_kept_before_the_call(
    meta: Meta, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    assert main(["tags", "add", "9", *words]) == 2
    assert why in capsys.readouterr().err
    assert meta.heard == []


def test_a_reel_is_tagged_and_not_read(shop: Shop, ask: Ask) -> None:
    one, *_ = products(shop)
    media = medium(shop, media_type="REELS", video_url="https://shop.example/a.mp4")
    code, told = ask("tags", "add", media, one, "--kind", "reel")
    assert (code, told) == (0, {"sent": [one], "removed": [], "tags": None})


def test_a_tag_is_strict_json_with_texts_for_ids(meta: Meta, ask: Ask) -> None:
    edge = "/v26.0/9/product_tags"
    meta.say(f"GET {edge}", {"data": []})
    meta.say(f"POST {edge}", {"success": True})
    ask("tags", "add", "9", "3231775643511089@0.5,0.8", "7")
    rows = [{"product_id": "3231775643511089", "x": 0.5, "y": 0.8}, {"product_id": "7"}]
    assert meta.calls("POST") == [(edge, {"updated_tags": rows})]


def test_a_removal_travels_with_both_ids(meta: Meta, ask: Ask) -> None:
    edge = "/v26.0/9/product_tags"
    meta.say(f"GET {edge}", {"data": [{"product_id": 7, "merchant_id": 90010177253934}]})
    meta.say(f"DELETE {edge}", {"success": True})
    assert ask("tags", "remove", "9", "7")[0] == 0
    row = '[{"merchant_id":"90010177253934","product_id":"7"}]'
    assert meta.calls("DELETE") == [(edge, {"deleted_tags": row})]


def test_a_removal_that_meta_no_longer_takes_is_told_in_its_words(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newer of Meta's pages ends before this call."""
    edge = "/v26.0/9/product_tags"
    meta.say(f"GET {edge}", {"data": [{"product_id": 7, "merchant_id": 8}]})
    meta.refuse(f"DELETE {edge}", 100)
    assert main(["tags", "remove", "9", "7"]) == 2
    assert "(Meta: (#100) no)" in capsys.readouterr().err


def test_no_right_is_looked_up_before_the_call(meta: Meta, ask: Ask) -> None:
    """Meta's pages differ in what is needed: only Meta judges it."""
    edge = "/v26.0/9/product_tags"
    meta.say(f"GET {edge}", {"data": []})
    meta.say(f"POST {edge}", {"success": True})
    assert ask("tags", "add", "9", "7")[0] == 0
    calls = [(heard.method, heard.path) for heard in meta.heard]
    assert calls == [("GET", edge), ("POST", edge), ("GET", edge)]


def test_the_version_is_the_setting_in_each_call(
    meta: Meta, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sample of Meta's has two versions for one call."""
    monkeypatch.setenv("PIXELPAIR_GRAPH_VERSION", "v25.0")
    edge = "/v25.0/9/product_tags"
    meta.say(f"GET {edge}", {"data": [{"product_id": 7, "merchant_id": 8}]}, {"data": []})
    meta.say(f"DELETE {edge}", {"success": True})
    assert ask("tags", "remove", "9", "7")[0] == 0
    assert {heard.path for heard in meta.heard} == {edge}


@pytest.mark.parametrize("code", [10, 200])
def test_a_missing_right_is_told_with_all_that_is_needed(
    meta: Meta, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    meta.refuse("GET /v26.0/9/product_tags", code)
    assert main(["tags", "list", "9"]) == 2
    said = capsys.readouterr().err
    assert f"{code}: " in said
    assert "instagram_shopping_tag_products" in said
    assert "no creator account" in said


def test_both_spellings_of_the_sale_price_are_read() -> None:
    assert read({"string_sale_price_string": "$7"}).sale_price == "$7"
    assert read({"stripped_sale_price_string": "$8"}).sale_price == "$8"
    both = {"string_sale_price_string": "$7", "stripped_sale_price_string": "$8"}
    assert read(both).sale_price == "$8"


def test_ids_beyond_a_floats_numbers_stay_whole() -> None:
    assert read({"product_id": 9007199254740993, "merchant_id": "9007199254740993"}) == read(
        {"product_id": "9007199254740993", "merchant_id": 9007199254740993}
    )


# --- the shop, and publishing --------------------------------------------------------------------


def test_finds_the_products_of_a_word(shop: Shop, ask: Ask) -> None:
    code, told = ask("tags", "search", ACCOUNT, shop.catalog, "oolong")
    (row,) = told["products"]
    assert (code, row["retailer_id"], row["product_id"]) == (0, "OOLONG", products(shop)[1])
    assert ask("tags", "search", ACCOUNT, shop.catalog, "coffee") == (1, {"products": []})


def test_an_account_of_which_meta_tells_nothing_is_not_called_unfit(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say(f"GET /v26.0/{ACCOUNT}", {"id": ACCOUNT})
    assert main(["tags", "eligible", ACCOUNT]) == 1
    said = capsys.readouterr().out
    assert "is one of which Meta does not tell this token" in said
    assert "may not tag" not in said


def test_tells_whether_an_account_may_tag(shop: Shop, ask: Ask, meta: Meta) -> None:
    meta.say(f"GET /v26.0/{ACCOUNT}", {"shopping_product_tag_eligibility": False})
    assert ask("tags", "eligible", ACCOUNT) == (1, {"eligible": False, "catalogs": []})


def test_an_eligible_account_has_a_catalog(shop: Shop, ask: Ask) -> None:
    code, told = ask("tags", "eligible", ACCOUNT)
    assert (code, told["eligible"], told["catalogs"][0]["catalog_id"]) == (0, True, shop.catalog)


def test_publishes_an_image_with_its_tags(shop: Shop, ask: Ask) -> None:
    one, two, _ = products(shop)
    words = ("--image", IMAGE, f"{one}@0.5,0.8", two, "--caption", "First flush")
    code, told = ask("tags", "publish", ACCOUNT, *words)
    assert (code, told["status"]) == (0, "PUBLISHED")
    assert tagged(shop, told["media_id"]) == {one: (0.5, 0.8), two: None}


def test_publishes_a_carousel(shop: Shop, ask: Ask) -> None:
    one, two, _ = products(shop)
    words = ("--image", IMAGE, one, "--video", "https://shop.example/a.mp4", two, "--image", IMAGE)
    code, told = ask("tags", "publish", ACCOUNT, *words)
    children = shop.get(told["media_id"], fields="children")["children"]["data"]
    assert (code, len(children)) == (0, 3)
    assert list(tagged(shop, children[0]["id"])) == [one]


def test_what_a_reel_does_not_support_is_metas_to_say(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only `replace`, which would have to read, is not offered for reels at all."""
    one, *_ = products(shop)
    media = medium(shop, media_type="REELS", video_url="https://shop.example/a.mp4")
    for words in (("list", media), ("remove", media, one)):
        assert main(["tags", *words]) == 2
        assert "(Meta: not supported for REELS)" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["tags", "replace", media, one, "--kind", "reel"])
    assert (stopped.value.code, "invalid choice: 'reel'" in capsys.readouterr().err) == (2, True)


def test_help_says_that_removing_may_be_withdrawn(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["tags", "remove", "--help"])
    assert "it may be withdrawn one day" in " ".join(capsys.readouterr().out.split())


def test_what_puts_tags_back_asks_by_the_same_pixel(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    edge = "/v26.0/9/product_tags"
    meta.say(f"GET {edge}", {"data": [{"product_id": 7, "merchant_id": 8}]}, {"data": []})
    meta.say(f"DELETE {edge}", {"success": True})
    meta.refuse(f"POST {edge}", 100)
    assert main(["tags", "replace", "9", "5", "--pixel", PIXEL]) == 1
    back = f"pixelpair tags add 9 7 --kind image --pixel {PIXEL}\n"
    assert capsys.readouterr().err.endswith(back)


def test_publishes_a_reel_when_it_is_ready(shop: Shop, ask: Ask) -> None:
    one, *_ = products(shop)
    words = ("--reel", "https://shop.example/a.mp4", one)
    code, told = ask("tags", "publish", ACCOUNT, *words)
    assert (code, told["status"]) == (0, "PUBLISHED")


def test_what_meta_could_not_use_is_not_published(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say(f"POST /v26.0/{ACCOUNT}/media", {"id": "5"})
    meta.say("GET /v26.0/5", {"status_code": "ERROR"})
    assert main(["tags", "publish", ACCOUNT, "--image", IMAGE, "7"]) == 1
    assert "container 5: Meta says ERROR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--image", IMAGE), "no product is named"),
        (("--video", "https://x/", "7"), "is a reel: --reel"),
        (("--reel", "https://x/", "7", "--image", IMAGE), "a reel is a post of its own"),
        (("--reel", "https://x/", "7@0.5,0.5"), "which only images have"),
        (("--image", "a.jpg", "7"), "'a.jpg' is no address that Meta can fetch"),
        (("--image", "https:///a.jpg", "7"), "is no address that Meta can fetch"),
        (("--image", "file:///etc/passwd", "7"), "is no address that Meta can fetch"),
        (("--image", IMAGE, *map(str, range(21))), "that makes 21 tags, and 20 may be on one"),
        (("--image", IMAGE, "1", "2", "--max-tags", "1"), "that makes 2 tags, and 1 may be"),
    ],
)
def test_a_post_is_judged_before_the_call(
    meta: Meta, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    assert main(["tags", "publish", ACCOUNT, *words]) == 2
    assert why in capsys.readouterr().err
    assert meta.heard == []


def test_what_is_no_place_is_not_understood(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("add", "9", "x@1"), ("publish", ACCOUNT, "--image", IMAGE, "7@1")):
        with pytest.raises(SystemExit):
            main(["tags", *words])
        assert "is not a product's id, or ID@X,Y" in capsys.readouterr().err
