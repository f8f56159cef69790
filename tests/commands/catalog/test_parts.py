"""`pixelpair catalog sets`, `users`, `vehicles` against the sandbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pixelpair.cli import main
from pixelpair.graph.catalog_vehicles import VEHICLE
from pixelpair.graph.catalog_words import TASKS

from .conftest import BUSINESS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.graph.meta import Meta

    from ..conftest import Ask
    from .conftest import Shop

CAR: dict[str, Any] = {
    "address": {
        "city": "Kyoto",
        "city_id": "1",
        "country": "JP",
        "latitude": 35.0,
        "longitude": 135.7,
        "neighborhoods": ["Uji"],
        "postal_code": "600",
        "region": "Kyoto",
        "street_address": "Tea street 1",
    },
    "applinks": {"web": {"url": "https://shop.example/"}},
    "availability": "AVAILABLE",
    "body_style": "VAN",
    "condition": "GOOD",
    "currency": "EUR",
    "date_first_on_lot": "2026-01-01",
    "dealer_id": "d",
    "dealer_name": "Tea cars",
    "dealer_phone": "1",
    "description": "A van for tea",
    "drivetrain": "AWD",
    "exterior_color": "green",
    "fb_page_id": "77",
    "fuel_type": "ELECTRIC",
    "images": [{"image_url": "https://shop.example/van.jpg", "tags": ["front"]}],
    "interior_color": "black",
    "make": "Tea",
    "mileage": {"unit": "KILOMETERS", "value": 12},
    "model": "T1",
    "price": 1990000,
    "state_of_vehicle": "USED",
    "title": "Tea van",
    "transmission": "AUTOMATIC",
    "trim": "L",
    "url": "https://shop.example/van",
    "vehicle_id": "V1",
    "vehicle_type": "CAR_TRUCK",
    "vin": "1FTEW1E41KFA00001",
    "year": 2024,
}


def test_the_sample_has_every_parameter() -> None:
    assert list(CAR) == [parameter.name for parameter in VEHICLE]


def test_makes_and_lists_product_sets(shop: Shop, ask: Ask) -> None:
    chosen = ("--filter", '{"brand": {"eq": "Tea"}}', "--retailer-id", "green")
    code, made = ask("catalog", "sets", "create", shop.catalog, "--name", "Green", *chosen)
    _, told = ask("catalog", "sets", "list", shop.catalog)
    (row,) = told["sets"]
    assert (code, row["id"], row["name"], row["retailer_id"]) == (0, made["id"], "Green", "green")


def test_no_set_is_said(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "sets", "list", shop.catalog]) == 0
    assert capsys.readouterr().out == "no product set\n"


def test_lets_a_user_work_and_stop(shop: Shop, ask: Ask) -> None:
    tasks = [word for task in (*TASKS, "MANAGE") for word in ("--task", task)]
    code, told = ask("catalog", "users", "add", shop.catalog, "55", *tasks)
    assert (code, told) == (0, {"user": "55", "tasks": list(TASKS)})

    def users() -> list[str]:
        edge = ("--edge", "assigned_users", "--with", f"business={BUSINESS}")
        return [row["id"] for row in ask("catalog", "show", shop.catalog, *edge)[1]["data"]]

    assert users() == ["55"]
    assert ask("catalog", "users", "remove", shop.catalog, "55")[0] == 0
    assert users() == []


def test_letting_a_user_work_makes_no_catalog(shop: Shop, meta: Meta, ask: Ask) -> None:
    """Meta's page says that this POST makes one."""
    meta.say("POST /v26.0/9/assigned_users", {"success": True, "id": "1"})
    told = ask("catalog", "users", "add", "9", "55", "--task", "MANAGE")
    assert told == (0, {"user": "55", "tasks": ["MANAGE"]})
    shop.post(f"{shop.catalog}/assigned_users", user="55", tasks=["MANAGE"])
    found = shop.get(f"{BUSINESS}/owned_product_catalogs")["data"]
    assert [row["id"] for row in found] == [shop.catalog]


def lot(shop: Shop) -> str:
    made: str = shop.post(f"{BUSINESS}/owned_product_catalogs", name="Cars", vertical="vehicles")[
        "id"
    ]
    return made


def test_good_vehicles_go_and_bad_lines_are_told(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cars.jsonl"
    bad = {**CAR, "vehicle_id": "V2", "body_style": "TANK", "mileage": {"value": "12"}}
    del bad["vin"]
    lines = [json.dumps(CAR), "{", json.dumps(bad), "", json.dumps({**CAR, "vehicle_id": "V3"})]
    file.write_text("\n".join(lines))
    catalog = lot(shop)
    assert main(["catalog", "vehicles", "add", catalog, str(file), "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert [(one["line"], one["vehicle_id"]) for one in told["added"]] == [(1, "V1"), (5, "V3")]
    assert all(one["id"].isdecimal() for one in told["added"])
    assert err.splitlines()[0] == "line 2: it is no JSON object"
    assert "line 3: body_style is none of CONVERTIBLE" in err
    assert "mileage.value is no whole" in err
    assert "vin is missing" in err
    rows = shop.get(f"{catalog}/vehicles", fields="vehicle_id")["data"]
    assert sorted(row["vehicle_id"] for row in rows) == ["V1", "V3"]


def test_the_edge_of_vehicles_is_read(shop: Shop, tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "cars.jsonl").write_text(json.dumps(CAR))
    catalog = lot(shop)
    assert ask("catalog", "vehicles", "add", catalog, str(tmp_path / "cars.jsonl"))[0] == 0
    _, told = ask("catalog", "show", catalog, "--edge", "vehicles")
    assert [row["vehicle_id"] for row in told["data"]] == ["V1"]


def test_a_dry_run_adds_nothing(shop: Shop, tmp_path: Path, ask: Ask) -> None:
    file = tmp_path / "cars.jsonl"
    file.write_text(json.dumps(CAR))
    catalog = lot(shop)
    code, told = ask("catalog", "vehicles", "add", catalog, str(file), "--dry-run")
    assert (code, told) == (0, {"added": [], "fitting": 1, "wrong": []})
    assert shop.get(f"{catalog}/vehicles")["data"] == []


def test_what_meta_refuses_is_told_by_its_line(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cars.jsonl"
    file.write_text(json.dumps(CAR))
    assert main(["catalog", "vehicles", "add", "404", str(file)]) == 1
    assert "line 1: 100" in capsys.readouterr().err


def test_a_file_without_vehicles_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cars.jsonl"
    file.write_text("\n")
    assert main(["catalog", "vehicles", "add", "1", str(file)]) == 2
    assert "holds no vehicle" in capsys.readouterr().err
    assert main(["catalog", "vehicles", "add", "1", str(tmp_path / "none")]) == 2
