"""`pixelpair catalog list`, `show`, `create`, `update`, `delete` against the sandbox."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.cli import main
from pixelpair.graph.catalog_words import CREATE, EDGES, MORE_FIELDS, SEGMENT_USE_CASES, UPDATE
from pixelpair.graph.client import appsecret_proof

from ..conftest import TOKEN
from .conftest import BUSINESS, TEAS

if TYPE_CHECKING:
    from tests.graph.meta import Meta

    from ..conftest import Ask
    from .conftest import Shop

PADDING = (
    '{"carousel_ad": {"transformation_type": "background_padding"},'
    ' "single_ad": {"transformation_type": "none"}}'
)


def test_lists_a_business_catalogs(shop: Shop, ask: Ask) -> None:
    code, told = ask("catalog", "list", BUSINESS)
    (row,) = told["catalogs"]
    assert (code, row["id"], row["name"], row["product_count"]) == (0, shop.catalog, "Tea shop", 3)
    assert ask("catalog", "list", BUSINESS, "--shared") == (0, {"catalogs": []})


def test_shows_every_field_of_the_node(
    shop: Shop, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = ask("catalog", "show", shop.catalog)
    assert (code, told["id"], told["business"]["id"]) == (0, shop.catalog, BUSINESS)
    assert (told["vertical"], told["feed_count"]) == ("commerce", 0)
    assert main(["catalog", "show", shop.catalog]) == 0
    assert "product_count       3" in capsys.readouterr().out


@pytest.mark.parametrize("case", SEGMENT_USE_CASES)
def test_a_segments_use_case_is_passed_on(shop: Shop, ask: Ask, case: str) -> None:
    assert ask("catalog", "show", shop.catalog, "--segment-use-case", case)[0] == 0


def test_a_use_case_that_one_document_lacks_travels(meta: Meta, ask: Ask) -> None:
    meta.say("GET /v26.0/9", {"id": "9"})
    assert ask("catalog", "show", "9", "--segment-use-case", "CREATORS_AS_SELLERS")[0] == 0
    assert meta.heard[0].params["segment_use_cases"] == '["CREATORS_AS_SELLERS"]'


@pytest.mark.parametrize(
    "typed", ["https://shop.example/a.png", '["https://shop.example/a.png"]'], ids=["one", "list"]
)
def test_a_fallback_image_is_one_address_or_a_list(shop: Shop, ask: Ask, typed: str) -> None:
    """Seen: the sandbox refused the address, which is what the help and Meta's SDK write."""
    assert ask("catalog", "update", shop.catalog, "--fallback-image-url", typed)[0] == 0
    _, told = ask("catalog", "show", shop.catalog)
    assert told["fallback_image_url"] == ["https://shop.example/a.png"]


@pytest.mark.parametrize("word", ["PRIMARY", "primary_feed"])
def test_an_edges_parameter_travels_letter_by_letter(meta: Meta, ask: Ask, word: str) -> None:
    meta.say("GET /v26.0/9/data_sources", {"data": []})
    given = ("--edge", "data_sources", "--with", f"ingestion_source_type={word}")
    assert ask("catalog", "show", "9", *given)[0] == 0
    assert meta.heard[0].params["ingestion_source_type"] == word


GIVEN = {
    "assigned_users": [f"business={BUSINESS}"],
    "categories": ["categorization_criteria=BRAND"],
    "check_batch_request_status": ["handle={handle}", "load_ids_of_invalid_requests=true"],
    "hotel_rooms_batch": ["handle=1"],
    "pricing_variables_batch": ["handle=1"],
    "product_sets_batch": ["handle=1"],
}


@pytest.mark.parametrize("name", [name for name in EDGES if name != "vehicles"])
def test_reads_every_edge_of_a_catalog(shop: Shop, ask: Ask, name: str) -> None:
    pairs = [pair.format(handle=shop.handle) for pair in GIVEN.get(name, [])]
    given = [word for pair in pairs for word in ("--with", pair)]
    code, told = ask("catalog", "show", shop.catalog, "--edge", name, *given)
    assert (code, told["edge"]) == (0, name)
    if name == "products":
        assert sorted(row["retailer_id"] for row in told["data"]) == sorted(TEAS)


def test_an_edges_filter_is_its_own(shop: Shop, ask: Ask) -> None:
    chosen = 'filter={"retailer_id": {"eq": "OOLONG"}}'
    _, told = ask("catalog", "show", shop.catalog, "--edge", "products", "--with", chosen)
    assert [row["retailer_id"] for row in told["data"]] == ["OOLONG"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--edge", "assigned_users"), "it needs --with business=VALUE"),
        (("--edge", "agencies", "--with", "a=1"), "it takes no a"),
        (("--with", "a=1"), "--with belongs to --edge"),
        (
            ("--edge", "agencies", "--segment-use-case", "TEST"),
            "--segment-use-case is for the catalog itself",
        ),
    ],
)
def test_what_an_edge_needs_is_said_before_the_call(
    shop: Shop, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    assert main(["catalog", "show", shop.catalog, *words]) == 2
    assert why in capsys.readouterr().err


def test_a_field_more_may_be_asked_for(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    for name in MORE_FIELDS:
        assert main(["catalog", "show", shop.catalog, "--field", name]) == 0
    assert main(["catalog", "show", shop.catalog, "--field", "nonsense"]) == 2
    assert "100: a parameter is not right" in capsys.readouterr().err


ALL = {
    "vertical": "commerce",
    "additional_vertical_option": "LOCAL_PRODUCTS",
    "business_metadata": '{"a": "b"}',
    "catalog_segment_filter": '{"brand": {"eq": "Tea"}}',
    "catalog_segment_product_set_id": "5",
    "checkout_country": "DE",
    "checkout_url": "https://shop.example/checkout",
    "da_display_settings": PADDING,
    "default_image_url": "https://shop.example/none.png",
    "destination_catalog_settings": '{"generate_items_from_pages": true}',
    "fallback_image_url": "https://shop.example/dynamic.png",
    "flight_catalog_settings": '{"generate_items_from_events": false}',
    "name": "All of it",
    "partner_integration": '{"external_access_token": "EAAC-partner", "external_merchant_id": "m"}',
    "store_catalog_settings": '{"page_id": "77"}',
}


def options(names: list[str], values: dict[str, str]) -> list[str]:
    return [w for name in names for w in (f"--{name.replace('_', '-')}", values[name])]


def sent(names: list[str], values: dict[str, str]) -> dict[str, Any]:
    return {n: json.loads(v) if (v := values[n])[0] == "{" else v for n in names}


def test_every_parameter_travels_as_it_was_given(meta: Meta, ask: Ask) -> None:
    values = {**ALL, "parent_catalog_id": "8"}
    of_create, of_update = ([parameter.name for parameter in t] for t in (CREATE, UPDATE))
    meta.say(f"POST /v26.0/{BUSINESS}/owned_product_catalogs", {"id": "9"})
    meta.say("POST /v26.0/9", {"success": True})
    made = ask("catalog", "create", BUSINESS, *options(of_create, values))
    assert made == (0, {"id": "9"})
    changed = ask("catalog", "update", "9", *options(of_update, values))
    assert changed == (0, {"changed": sorted(of_update)})
    assert [body for _, body in meta.calls("POST")] == [
        sent(of_create, values),
        sent(of_update, values),
    ]


def test_creates_and_updates(shop: Shop, ask: Ask) -> None:
    values = {**ALL, "parent_catalog_id": shop.catalog}
    names = [parameter.name for parameter in CREATE]
    code, made = ask("catalog", "create", BUSINESS, *options(names, values))
    _, shown = ask("catalog", "show", made["id"])
    assert (code, shown["name"], shown["is_catalog_segment"]) == (0, "All of it", True)
    image = options(["default_image_url"], ALL)
    assert ask("catalog", "update", made["id"], "--name", "Less", *image)[0] == 0
    _, shown = ask("catalog", "show", made["id"])
    assert (shown["name"], shown["default_image_url"]) == ("Less", ALL["default_image_url"])


def test_an_unknown_vertical_is_tried_and_said(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalog", "create", BUSINESS, "--name", "x", "--vertical", "teas"]) == 2
    said = capsys.readouterr().err
    assert "no document knows the vertical teas: tried" in said
    assert "100: " in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--da-display-settings", '{"a": 1}'), "da_display_settings.a is no parameter"),
        (("--da-display-settings", "{"), "da_display_settings is no JSON"),
        (("--additional-vertical-option", "X"), "is none of LOCAL_DA_CATALOG"),
        (("--name", ""), "name is empty"),
        (("--store-catalog-settings", "{}"), "store_catalog_settings.page_id is missing"),
    ],
)
def test_wrong_parameters_are_said_before_the_call(
    shop: Shop, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    given = words if "--name" in words else ("--name", "x", *words)
    assert main(["catalog", "create", BUSINESS, *given]) == 2
    assert why in capsys.readouterr().err


def test_a_change_of_nothing_is_no_call(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "update", shop.catalog]) == 2
    assert "nothing to change" in capsys.readouterr().err


# --- delete --------------------------------------------------------------------------------------


def names(shop: Shop) -> list[str]:
    return [row["name"] for row in shop.get(f"{BUSINESS}/owned_product_catalogs")["data"]]


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "tea shop\n"])
def test_deletes_nothing_without_its_name(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert main(["catalog", "delete", shop.catalog]) == 1
    out, err = capsys.readouterr()
    assert "Tea shop has 3 items, and nothing brings it back." in err
    assert "nothing was deleted" in err
    assert (out, names(shop)) == ("", ["Tea shop"])
    assert main(["catalog", "delete", shop.catalog, "--confirm", "x"]) == 1
    assert names(shop) == ["Tea shop"]


def test_deletes_what_was_named(shop: Shop, monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Tea shop\n"))
    assert ask("catalog", "delete", shop.catalog) == (0, {"deleted": shop.catalog})
    assert names(shop) == []


def test_a_live_product_set_needs_a_word_of_its_own(
    shop: Shop, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.post(f"{shop.catalog}/product_sets", name="Green")
    confirmed = ("catalog", "delete", shop.catalog, "--confirm", "Tea shop")
    assert main([*confirmed]) == 2
    assert "Next: where a live product set prevents it" in capsys.readouterr().err
    assert ask(*confirmed, "--with-live-product-set")[0] == 0
    assert names(shop) == []


def test_the_apps_secret_makes_proofs_and_does_not_travel(
    meta: Meta, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    monkeypatch.setenv("PIXELPAIR_APP_SECRET", "0a1b2c")
    meta.say("GET /v26.0/9", {"id": "9"})
    assert ask("catalog", "show", "9") == (0, {"id": "9"})
    (heard,) = meta.heard
    assert heard.params["appsecret_proof"] == appsecret_proof("0a1b2c", TOKEN)
    assert "0a1b2c" not in str((heard, heard.headers))


# --- refusals ------------------------------------------------------------------------------------


def test_a_wrong_id_is_one_line(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "show", "404", "--edge", "products"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("100/33: there is no such object, or this token may not see it")
    assert said.count("\n") == 1


def test_a_wrong_token_is_one_line_without_it(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.refuse("GET /v26.0/9", 190, message=f"Malformed access token {TOKEN}")
    assert main(["catalog", "show", "9"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("190: Meta refuses the access token (Meta: Malformed access token (hid")
    assert TOKEN not in said


def test_a_limit_is_told_with_its_minutes(meta: Meta, capsys: pytest.CaptureFixture[str]) -> None:
    usage = {"1": [{"type": "catalog_management", "estimated_time_to_regain_access": 17}]}
    headers = {"X_Business_Use_Case_Usage": json.dumps(usage)}
    meta.refuse("GET /v26.0/9", 80009, headers=headers)
    assert main(["catalog", "show", "9"]) == 1
    assert "in 17 min Meta lets calls through again" in capsys.readouterr().err


def test_no_token_is_a_wrong_setting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PIXELPAIR_ACCESS_TOKEN")
    assert main(["catalog", "show", shop.catalog]) == 2
    assert "no PIXELPAIR_ACCESS_TOKEN is set" in capsys.readouterr().err


@pytest.mark.parametrize("bad", ["../me", "abc", "", "1" * 33])
def test_what_is_no_id_is_not_asked_for(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["catalog", "show", bad])
    assert stopped.value.code == 2
    assert "is no id of Meta's" in capsys.readouterr().err


def test_silence_is_told_as_meta_not_answering(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[Any]
) -> None:
    monkeypatch.setenv("PIXELPAIR_GRAPH_URL", "http://127.0.0.1:9")
    assert main(["catalog", "show", "1"]) == 1
    assert "Graph cannot be reached (ConnectError)" in capsys.readouterr().err
