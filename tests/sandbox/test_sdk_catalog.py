"""Meta's own SDK as the judge of the catalog's edges: what it asks is answered in full."""

from __future__ import annotations

import json
import time

import pytest

from .goods import PIXEL, product, update

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:facebook_business")

BUSINESS, ACCOUNT = "1", "17841400000000000"
# A value that is no list is warned of by its checker, which Meta's own samples trip over too.
CHECKER = pytest.mark.filterwarnings("ignore:value of")


@pytest.fixture
def sdk(sandbox, monkeypatch):
    """The SDK, pointed at the sandbox."""
    from facebook_business import session
    from facebook_business.api import FacebookAdsApi

    monkeypatch.setattr(session.FacebookSession, "GRAPH", sandbox.url)
    api = FacebookAdsApi.init(access_token="sandbox-token", crash_log=False)
    yield api
    api._session.requests.close()
    FacebookAdsApi.set_default_api(None)


@pytest.fixture
def catalog(sdk):
    from facebook_business.adobjects.business import Business

    made = Business(BUSINESS).create_owned_product_catalog(params={"name": "Shop"})
    assert type(made).__name__ == "ProductCatalog"
    return made


def send(catalog, *requests, **params):
    given = {"item_type": "PRODUCT_ITEM", "requests": list(requests), **params}
    return catalog.create_items_batch(params=given)


def ended(catalog, handle: str):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        params = {"handle": handle, "load_ids_of_invalid_requests": True}
        [row] = catalog.get_check_batch_request_status(params=params)
        if row["status"] == "finished":
            return row
    raise AssertionError("the batch never ended")


def stock(catalog, *goods) -> list[str]:
    """Meta's ids of the goods."""
    ended(catalog, send(catalog, *update(*goods))["handles"][0])
    found = {row["retailer_id"]: row["id"] for row in catalog.get_products(fields=["retailer_id"])}
    return [found[one["id"]] for one in goods]


@CHECKER
def test_items_batch_and_its_status(catalog):
    told = send(catalog, *update(product("a"), product("b", price="free")))
    wrong = {"retailer_id": "b", "errors": [{"message": "price is invalid"}]}
    assert told.export_all_data()["validation_status"] == [wrong]
    [handle] = told["handles"]
    assert ended(catalog, handle).export_all_data() == {
        "handle": handle,
        "status": "finished",
        "errors": [{"line": 2, "id": "b", "message": "price is invalid"}],
        "errors_total_count": 1,
        "warnings": [],
        "warnings_total_count": 0,
        "ids_of_invalid_requests": ["b"],
    }
    rejected = send(catalog, *update(product("c", price="free"))).export_all_data()
    assert list(rejected) == ["validation_status"]
    [row] = catalog.get_products(fields=["retailer_id", "name", "price", "url", "availability"])
    assert row.export_all_data() == {
        "id": row["id"],
        "retailer_id": "a",
        "name": "Product a",
        "price": "19.90 EUR",
        "url": "https://shop.example/p/a",
        "availability": "in stock",
    }


@CHECKER
def test_its_cursor_reads_every_page(catalog):
    stock(catalog, *(product(f"p{n:03}") for n in range(60)))
    seen = [row["retailer_id"] for row in catalog.get_products(fields=["retailer_id"])]
    assert seen == [f"p{n:03}" for n in range(60)]


@CHECKER
def test_external_event_sources(catalog):
    params = {"external_event_sources": [PIXEL, "99"]}
    catalog.create_external_event_source(params=params)
    catalog.create_external_event_source(params={"external_event_sources": [PIXEL]})
    found = [row.export_all_data() for row in catalog.get_external_event_sources()]
    assert found == [
        {"id": PIXEL, "name": f"Pixel {PIXEL}", "source_type": "PIXEL"},
        {"id": "99", "name": "Pixel 99", "source_type": "PIXEL"},
    ]
    catalog.delete_external_event_sources(params={"external_event_sources": ["99"]})
    assert [row["id"] for row in catalog.get_external_event_sources()] == [PIXEL]


@CHECKER
def test_diagnostics_and_event_stats(catalog, sandbox):
    stock(catalog, product("a", gtin=None))
    catalog.create_external_event_source(params={"external_event_sources": [PIXEL]})
    for one in ("a", "b"):
        given = {"id": PIXEL, "ev": "ViewContent", "eid": one, "cd[content_ids]": f'["{one}"]'}
        sandbox.client.get("/tr/", params=given)
    groups = list(catalog.get_diagnostics())
    assert [(group["type"], group["severity"], group["title"]) for group in groups] == [
        ("ATTRIBUTES_MISSING", "OPPORTUNITY", "No GTIN and no MPN"),
        (
            "EVENT_SOURCE_ISSUES",
            "MUST_FIX",
            "Events name products that this catalog does not have",
        ),
        ("EVENT_SOURCE_ISSUES", "MUST_FIX", "No purchase within seven days"),
    ]
    inner = {
        "type": "INVALID_CONTENT_ID",
        "description": "Events name products that this catalog does not have",
        "call_to_action": "Send the ids of the catalog, or add the products",
        "action_uri": f"https://business.facebook.com/commerce/catalogs/{catalog['id']}/",
        "number_of_affected_items": 1,
        "sample_affected_items": [{"content_id": "b", "num_events": 1}],
        "event_source_id": PIXEL,
        "event_source_type": "Pixel",
    }
    assert groups[1].export_all_data() == {
        "type": "EVENT_SOURCE_ISSUES",
        "severity": "MUST_FIX",
        "title": inner["description"],
        "subtitle": inner["call_to_action"],
        "number_of_affected_items": 1,
        "number_of_affected_entities": 1,
        "affected_channels": ["da"],
        "affected_entity": "product_event",
        "affected_features": [],
        "diagnostics": [inner],
    }
    only = list(catalog.get_diagnostics(params={"severities": ["OPPORTUNITY"]}))
    assert [group["number_of_affected_items"] for group in only] == [1]
    [row] = catalog.get_event_stats()
    today = time.strftime("%Y-%m-%d", time.gmtime())
    told = row.export_all_data()
    assert {told.pop("date_start"), told.pop("date_stop")} == {today}
    assert told == {
        "event": "ViewContent",
        "event_source": {"id": PIXEL, "name": f"Pixel {PIXEL}", "source_type": "PIXEL"},
        "total_matched_content_ids": 1,
        "total_unmatched_content_ids": 1,
        "total_content_ids_matched_other_catalogs": 0,
        "unique_matched_content_ids": 1,
        "unique_unmatched_content_ids": 1,
        "unique_content_ids_matched_other_catalogs": 0,
    }


@CHECKER
def test_product_tags(catalog):
    from facebook_business.adobjects.igmedia import IGMedia
    from facebook_business.adobjects.iguser import IGUser

    [product_id] = stock(catalog, product("a", sale_price="9.90 EUR"))
    user = IGUser(ACCOUNT)
    [found] = user.get_catalog_product_search(params={"catalog_id": catalog["id"], "q": "product"})
    assert (str(found["product_id"]), found["retailer_id"]) == (product_id, "a")
    made = user.create_media(params={"image_url": "https://shop.example/1.jpg"})
    posted = user.create_media_publish(params={"creation_id": int(made["id"])})
    medium = IGMedia(posted["id"])
    medium.create_product_tag(
        params={"updated_tags": [{"product_id": product_id, "x": 0.8, "y": 0.5}]}
    )
    [tag] = medium.get_product_tags()
    assert tag.export_all_data() == {
        "product_id": int(product_id),
        "merchant_id": found["merchant_id"],
        "name": "Product a",
        "price_string": "19.90 EUR",
        "image_url": "https://shop.example/i/a.jpg",
        "review_status": "approved",
        "is_checkout": False,
        "stripped_price_string": "19.90 EUR",
        "stripped_sale_price_string": "9.90 EUR",
        "product_url": "https://shop.example/p/a",
        "x": pytest.approx(0.8),
        "y": 0.5,
    }


@CHECKER
def test_a_tag_is_taken_away(catalog, sdk):
    """Its own IGMedia has no such method: the edge is called by its path."""
    from facebook_business.adobjects.igmedia import IGMedia
    from facebook_business.adobjects.iguser import IGUser

    first, second = stock(catalog, product("a"), product("b"))
    tags = [{"product_id": one} for one in (first, second)]
    user = IGUser(ACCOUNT)
    params = {"image_url": "https://shop.example/1.jpg", "product_tags": tags}
    made = user.create_media(params=params)
    medium = user.create_media_publish(params={"creation_id": int(made["id"])})["id"]
    merchant = next(iter(IGMedia(medium).get_product_tags()))["merchant_id"]
    gone = json.dumps([{"product_id": first, "merchant_id": str(merchant)}])
    told = sdk.call("DELETE", (medium, "product_tags"), {"deleted_tags": gone})
    assert told.json() == {"success": True}
    assert [str(tag["product_id"]) for tag in IGMedia(medium).get_product_tags()] == [second]


@CHECKER
def test_fields_that_only_the_sdk_knows_are_no_error(catalog):
    from facebook_business.adobjects.productitem import ProductItem

    stock(catalog, product("a", item_group_id="g"))
    [row] = catalog.get_products(fields=["id", "inventory", "visibility", "retailer_id"])
    assert row["retailer_id"] == "a"
    fields = [ProductItem.Field.status, ProductItem.Field.review_rejection_reasons]
    assert ProductItem(row["id"]).api_get(fields=fields).export_all_data() == {"id": row["id"]}
    [group] = catalog.get_product_groups(fields=["retailer_id", "variants"])
    assert group["retailer_id"] == "g"


def test_the_node_is_read_changed_and_deleted(catalog):
    from facebook_business.exceptions import FacebookRequestError

    catalog.api_update(params={"name": "New", "default_image_url": "https://shop.example/0.png"})
    fields = ["name", "vertical", "product_count", "business", "default_image_url"]
    assert catalog.api_get(fields=fields).export_all_data() == {
        "id": catalog["id"],
        "name": "New",
        "vertical": "commerce",
        "product_count": 0,
        "business": {"id": BUSINESS, "name": "Business 1"},
        "default_image_url": "https://shop.example/0.png",
    }
    catalog.create_product_set(params={"name": "Green", "filter": {"color": {"eq": "green"}}})
    with pytest.raises(FacebookRequestError) as caught:
        catalog.api_delete()
    assert caught.value.api_error_code() == 801
    catalog.api_delete(params={"allow_delete_catalog_with_live_product_set": True})
    with pytest.raises(FacebookRequestError) as caught:
        catalog.api_get(fields=["name"])
    error = caught.value
    assert (error.api_error_code(), error.api_error_subcode()) == (100, 33)


def test_a_batch_of_calls(catalog, sdk):
    from facebook_business.adobjects.productcatalog import ProductCatalog

    told = []
    batch = sdk.new_batch()
    for one in (catalog, ProductCatalog("5")):
        one.api_get(
            fields=["name"],
            batch=batch,
            success=lambda answer: told.append(answer.json()["name"]),
            failure=lambda answer: told.append(json.loads(answer.body())["error"]["code"]),
        )
    assert batch.execute() is None
    assert told == ["Shop", 100]
