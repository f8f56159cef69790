from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox import catalogs, item_rules
from pixelpair.sandbox.refusals import RefusedError

from .goods import World, product, update


def status(world: World, catalog: str, handle: str, **more) -> dict:
    [row] = world.call("GET", catalog, "check_batch_request_status", handle=handle, **more)["data"]
    return row


# --- the three replies -----------------------------------------------------------------------


def test_a_clean_batch_is_answered_by_a_handle_alone():
    world = World()
    catalog = world.catalog()
    assert world.send(catalog, update(product())) == {"handles": ["handle-1"]}
    assert world.items(catalog) == [product()]


def test_an_unknown_field_is_a_warning():
    world = World()
    catalog = world.catalog()
    told = world.send(catalog, update(product(colour="red")))
    warning = {"retailer_id": "SKU-1", "warnings": [{"message": "colour is not recognised"}]}
    assert told == {"handles": ["handle-1"], "validation_status": [warning]}
    row = status(world, catalog, "handle-1")
    assert row["warnings"] == [{"line": 1, "id": "SKU-1", "message": "colour is not recognised"}]
    assert (row["errors_total_count"], row["warnings_total_count"]) == (0, 1)


def test_a_batch_that_is_wrong_in_every_line_has_no_handles():
    world = World()
    catalog = world.catalog()
    told = world.send(catalog, update(product(price="19,90")))
    wrong = {"retailer_id": "SKU-1", "errors": [{"message": "price is invalid"}]}
    assert told == {"validation_status": [wrong]}
    assert world.items(catalog) == []


def test_of_a_mixed_batch_the_sound_lines_are_done():
    world = World()
    catalog = world.catalog()
    told = world.send(catalog, update(product("a", price="free"), product("b")))
    wrong = {"retailer_id": "a", "errors": [{"message": "price is invalid"}]}
    assert told == {"handles": ["handle-1"], "validation_status": [wrong]}
    assert world.items(catalog) == [product("b")]
    assert status(world, catalog, "handle-1", load_ids_of_invalid_requests=True) == {
        "handle": "handle-1",
        "status": "finished",
        "errors": [{"line": 1, "id": "a", "message": "price is invalid"}],
        "errors_total_count": 1,
        "warnings": [],
        "warnings_total_count": 0,
        "ids_of_invalid_requests": ["a"],
    }
    assert status(world, catalog, "handle-1")["ids_of_invalid_requests"] == []


# --- what a line does --------------------------------------------------------------------------


def test_a_line_that_is_nested_too_deeply_spoils_no_other():
    """orjson reads 1024 levels and writes 254: the rest of the batch was lost."""
    world = World()
    catalog = world.catalog()
    deep = []
    for _ in range(300):
        deep = [deep]
    told = world.send(catalog, update(product("A", video=deep), product("B")))
    errors = [{"message": "data is nested too deeply"}]
    assert told["validation_status"] == [{"retailer_id": "A", "errors": errors}]
    found = world.call("GET", catalog, "products", fields="retailer_id")["data"]
    assert [row["retailer_id"] for row in found] == ["B"]


def test_an_update_changes_what_it_names_and_an_empty_value_takes_away():
    world = World()
    catalog = world.catalog(product(sale_price="9.90 EUR"))
    world.send(catalog, update({"id": "SKU-1", "price": "29.90 EUR"}))
    assert world.items(catalog) == [product(sale_price="9.90 EUR", price="29.90 EUR")]
    world.send(catalog, update({"id": "SKU-1", "sale_price": ""}))
    assert world.items(catalog) == [product(price="29.90 EUR")]


def test_an_update_keeps_the_number():
    world = World()
    catalog = world.catalog(product())
    number = world.number(catalog, "SKU-1")
    world.send(catalog, update(product(title="New")))
    assert world.number(catalog, "SKU-1") == number
    assert int(number) > 2**53


@pytest.mark.parametrize(
    ("upsert", "data", "message"),
    [
        (True, {"id": "x", "price": "1.00 EUR"}, "title is required"),
        (False, product("x"), "there is no such item, and allow_upsert is false"),
        ("false", product("x"), "there is no such item, and allow_upsert is false"),
    ],
)
def test_an_update_of_an_unknown_item_fails_late(upsert, data, message):
    world = World()
    catalog = world.catalog()
    assert world.send(catalog, update(data), allow_upsert=upsert) == {"handles": ["handle-1"]}
    assert status(world, catalog, "handle-1")["errors"][0]["message"] == message
    assert world.items(catalog) == []


def test_a_deleted_item_is_gone_and_remembered():
    world = World()
    catalog = world.catalog(product("a"), product("b"))
    world.send(catalog, [{"method": "DELETE", "data": {"id": "a"}}])
    assert world.items(catalog) == [product("b")]
    items = world.catalogs.at(catalog).items
    assert (items.was_deleted("a"), items.was_deleted("b")) == (True, False)


def test_lines_of_one_id_are_done_in_order():
    world = World()
    catalog = world.catalog()
    requests = [*update(product("a")), {"method": "DELETE", "data": {"id": "a"}}]
    world.send(catalog, requests)
    assert world.items(catalog) == []


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"method": "create", "data": product(brand=None)}, "brand is required"),
        ({"method": "UPSERT", "data": product()}, "method must be one of CREATE, UPDATE, DELETE"),
        ({"method": "UPDATE", "data": "SKU-1"}, "data must be an object"),
        (
            {"method": "UPDATE", "data": product(id=None, retailer_id="a")},
            "id must be a string of 1 to 100 characters",
        ),
        (
            {"method": "UPDATE", "data": product("x" * 101)},
            "id must be a string of 1 to 100 characters",
        ),
    ],
)
def test_a_line_that_is_none(request_, message):
    world = World()
    [told] = world.send(world.catalog(), [request_])["validation_status"]
    assert told["errors"] == [{"message": message}]


def test_other_item_types_have_keys_of_their_own():
    world = World()
    catalog = world.catalog()
    requests = update({"origin_airport": "ARN", "destination_airport": "LHR", "price": "1 EUR"})
    assert world.send(catalog, requests, item_type="FLIGHT") == {"handles": ["handle-1"]}
    assert world.catalogs.at(catalog).items.get("ARN-LHR") is not None


# --- the call as a whole -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"item_type": ""}, "item_type"),
        ({"requests": {}}, "requests"),
        ({"requests": []}, "requests"),
        ({"requests": "[{"}, "requests"),
        ({"requests": update(product()) * 5001}, "5000"),
        ({"allow_upsert": "perhaps"}, "allow_upsert"),
        ({"item_sub_type": "HATS"}, "item_sub_type"),
    ],
)
def test_a_call_that_is_wrong_takes_nothing(given, word):
    world = World()
    catalog = world.catalog()
    whole = {"item_type": "PRODUCT_ITEM", "requests": update(product()), **given}
    with pytest.raises(RefusedError, match=word) as caught:
        world.call("POST", catalog, "items_batch", **whole)
    assert caught.value.rejection.error["code"] == 100
    assert world.catalogs.at(catalog).jobs.calls == 0


def test_requests_may_be_text_as_a_form_has_it():
    world = World()
    catalog = world.catalog()
    told = world.send(catalog, '[{"method": "DELETE", "data": {"id": "x"}}]')
    assert told == {"handles": ["handle-1"]}


# --- over time ---------------------------------------------------------------------------------


def test_a_batch_runs_through_its_states():
    world = World()
    catalog = world.catalog()
    world.call(
        "POST", catalog, "items_batch", item_type="PRODUCT_ITEM", requests=update(product()) * 1000
    )
    seen = []
    for seconds in (0.0, 0.01, 0.01, 0.02, 0.1):
        world.now += seconds
        seen.append(status(world, catalog, "handle-1")["status"])
    assert seen == ["scheduled", "scheduled", "dispatched", "started", "finished"]


def test_batches_wait_for_each_other():
    world = World()
    catalog = world.catalog()
    for _ in range(2):
        world.call(
            "POST", catalog, "items_batch", item_type="PRODUCT_ITEM", requests=update(product())
        )
    world.now += 0.031
    told = [status(world, catalog, handle)["status"] for handle in ("handle-1", "handle-2")]
    assert told == ["finished", "finished"]
    jobs = world.catalogs.at(catalog).jobs
    assert jobs.open == 0


@pytest.mark.parametrize(("end", "kept"), [("error", ["a"]), ("canceled", [])])
def test_a_batch_that_ends_badly_is_half_done_or_not_at_all(end, kept):
    from pixelpair.sandbox.catalog_edges import answer

    world = World()
    catalog = world.catalog()
    given = {"item_type": "PRODUCT_ITEM", "requests": update(product("a"), product("b"))}
    answer(world.catalogs, world.ask("POST", catalog, "items_batch", **given), end)
    world.now += 1
    assert status(world, catalog, "handle-1")["status"] == end
    assert [item["id"] for item in world.items(catalog)] == kept


def test_a_full_sandbox_takes_changes_but_no_new_items(monkeypatch):
    monkeypatch.setattr(catalogs, "MAX_ITEMS", 2)
    world = World()
    catalog = world.catalog(product("a"), product("b"))
    world.send(catalog, update(product("a", brand="Bolt"), product("c")))
    assert world.items(catalog) == [product("a", brand="Bolt"), product("b")]
    [error] = status(world, catalog, "handle-2")["errors"]
    assert error == {"line": 2, "id": "c", "message": "the sandbox is full"}


def test_a_sandbox_full_of_bytes_takes_no_longer_item(monkeypatch):
    monkeypatch.setattr(catalogs, "MAX_ITEM_BYTES", 600)
    world = World()
    catalog = world.catalog(product("a"), product("b", description="d" * 400))
    assert world.items(catalog) == [product("a")]
    world.send(catalog, update(product("a", brand="B"), {"id": "a", "color": "c" * 400}))
    assert world.items(catalog) == [product("a", brand="B")]
    world.send(catalog, [{"method": "DELETE", "data": {"id": "a"}}])
    world.send(catalog, update(product("b")))
    assert world.items(catalog) == [product("b")]


def test_nothing_that_is_kept_is_longer_than_anyone_can_mean():
    world = World()
    catalog = world.catalog()
    long = "x" * 131_072
    world.send(catalog, update(product("a", **{long: 1}), product(long), product("b")))
    row = status(world, catalog, "handle-1", load_ids_of_invalid_requests=True)
    assert row["ids_of_invalid_requests"] == ["a", "x" * 100]
    assert [error["message"] for error in row["errors"]] == [
        "the item is larger than 128 KB",
        "id must be a string of 1 to 100 characters",
    ]
    assert row["warnings"][0]["message"] == f"{'x' * 100} is not recognised"
    assert world.items(catalog) == [product("b")]


@pytest.mark.parametrize(("priority", "count"), [("HIGH", 0), ("MEDIUM", 1), ("LOW", 1)])
def test_fatal_problems_alone(priority, count):
    world = World()
    catalog = world.catalog()
    world.send(catalog, update(product("a", price="free"), product("b", colour="red")))
    row = status(world, catalog, "handle-1", error_priority=priority)
    assert (row["errors_total_count"], row["warnings_total_count"]) == (1, count)
    assert len(row["warnings"]) == count
    with pytest.raises(RefusedError, match="error_priority"):
        status(world, catalog, "handle-1", error_priority="TOP")


def test_an_unknown_handle_is_a_bad_parameter():
    world = World()
    catalog = world.catalog()
    with pytest.raises(RefusedError, match="handle"):
        status(world, catalog, "nobody's")


# --- the table of fields -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"availability": "In Stock"}, ["availability is invalid"]),
        ({"availability": "preorder"}, []),
        ({"condition": "cpo"}, []),
        ({"price": "9.99USD"}, ["price is invalid"]),
        ({"price": "9.99 XXQ"}, ["price is invalid"]),
        ({"price": "0 USD"}, []),
        ({"price": "-1.00 USD"}, []),
        ({"price": ""}, ["price is invalid", "price is required"]),
        ({"sale_price": ""}, []),
        ({"sale_price": "cheap"}, ["sale_price is invalid"]),
        ({"sale_price_effective_date": "2014-11-01T12:00-0300/2014-12-01T00:00-0300"}, []),
        ({"sale_price_effective_date": "2014-11-01"}, ["sale_price_effective_date is invalid"]),
        ({"link": "shop.example/p"}, ["link is invalid"]),
        ({"image_link": None}, ["image or image_link is required"]),
        ({"image_link": None, "image": [{"url": "https://s.example/1.jpg"}]}, []),
        ({"image": []}, ["image is invalid"]),
        ({"quantity_to_sell_on_facebook": -1}, ["quantity_to_sell_on_facebook is invalid"]),
        ({"custom_number_0": 4294967296}, ["custom_number_0 is invalid"]),
        ({"custom_number_0": "7"}, []),
        ({"gender": "everyone"}, ["gender is invalid"]),
        ({"item_group_id": {"a": 1}}, ["item_group_id is invalid"]),
        ({"item_group_id": 7}, []),
    ],
)
def test_field_by_field(changes, expected):
    assert item_rules.errors(product(**changes), whole=True) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "t" * 100}, []),
        ({"title": "t" * 101}, ["title is longer than 100 characters"]),
        ({"gtin": "1" * 71}, ["gtin is longer than 70 characters"]),
        ({"inventar": 5}, ["inventar is not recognised"]),
    ],
)
def test_warnings_keep_nothing_out(changes, expected):
    assert item_rules.warnings(product(**changes)) == expected
    assert item_rules.errors(product(**changes), whole=True) == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from([*item_rules.CHECKS, "id", "method", "data", "x"])


@given(st.lists(JSON | st.fixed_dictionaries({}, optional={"method": JSON, "data": JSON})))
def test_no_requests_break_it(requests):
    world = World()
    catalog = world.catalog()
    with suppress(RefusedError):
        assert set(world.send(catalog, requests)) <= {"handles", "validation_status"}
    assert world.items(catalog) == []


@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_no_data_breaks_it(data):
    world = World()
    catalog = world.catalog(product())
    requests = [{"method": method, "data": {**product("b"), **data}} for method in ("CREATE",)]
    world.send(catalog, requests)
    world.send(catalog, update({"id": "SKU-1", **data}))
    world.call("GET", catalog, "diagnostics")
    world.call("GET", catalog, "products", fields="id,name,price,image_url,errors")
