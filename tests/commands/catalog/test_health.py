"""`pixelpair catalog diagnostics`, `stats`, `checks`: Meta's words, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.cli import main
from pixelpair.graph.catalog_health import Match, cause

from ..conftest import PIXEL

if TYPE_CHECKING:
    from tests.graph.meta import Meta

    from ..conftest import Ask
    from .conftest import Shop


def test_finds_that_no_pixel_is_linked(shop: Shop, ask: Ask) -> None:
    chosen = ("--severity", "MUST_FIX", "--type", "EVENT_SOURCE_ISSUES")
    code, told = ask("catalog", "diagnostics", shop.catalog, *chosen)
    (found,) = told["diagnostics"]
    assert (code, found["type"]) == (1, "CATALOG_NOT_CONNECTED_TO_EVENT_SOURCE")
    ask("catalog", "link", shop.catalog)
    _, told = ask("catalog", "diagnostics", shop.catalog, "--type", "EVENT_SOURCE_ISSUES")
    types = [found["type"] for found in told["diagnostics"]]
    assert "CATALOG_NOT_CONNECTED_TO_EVENT_SOURCE" not in types


def group(severity: str, **inner: Any) -> dict[str, Any]:
    told = {"type": "IMAGE_QUALITY", "description": "d", "call_to_action": "Add images", **inner}
    return {
        "type": "IMAGE",
        "severity": severity,
        "title": "Images are missing",
        "number_of_affected_items": 12,
        "diagnostics": [told],
    }


@pytest.mark.parametrize("key", ["action_uri", "action_url"])
@pytest.mark.parametrize(
    ("severity", "code"), [("MUST_FIX", 1), ("OPPORTUNITY", 0), ("WARNING", 0), ("", 0)]
)
def test_both_names_of_the_link_and_every_severity_are_read(
    meta: Meta, capsys: pytest.CaptureFixture[str], key: str, severity: str, code: int
) -> None:
    link = {key: "https://business.facebook.com/x"}
    meta.say("GET /v26.0/9/diagnostics", {"data": [group(severity, **link)]})
    assert main(["catalog", "diagnostics", "9"]) == code
    said = capsys.readouterr().out
    assert "Images are missing: d. Add images: https://business.facebook.com/x" in said
    assert (severity or "-") in said


def test_instructions_and_some_of_the_items_are_told(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {
        "call_to_action": "",
        "instructions": ["Open the feed.", "Add an image."],
        "sample_affected_items": [{"content_id": "SENCHA"}, {"id": "77"}, {}, "x"],
    }
    meta.say("GET /v26.0/9/diagnostics", {"data": [group("MUST_FIX", **more)]})
    assert main(["catalog", "diagnostics", "9"]) == 1
    said = capsys.readouterr().out
    assert "Images are missing: d. Open the feed. Add an image (such as SENCHA, 77)" in said


def test_the_event_the_pixel_and_the_pages_are_told(
    meta: Meta, capsys: pytest.CaptureFixture[str], ask: Ask
) -> None:
    """Seen: of events without content ids, whose samples are addresses alone, none was shown."""
    more = {
        "event_name": "ViewContent",
        "event_source_type": "Pixel",
        "event_source_id": 77,
        "sample_affected_items": [{"content_url": "https://shop.example/tea", "num_events": 3}],
    }
    meta.say("GET /v26.0/9/diagnostics", {"data": [group("MUST_FIX", **more)]})
    assert main(["catalog", "diagnostics", "9"]) == 1
    said = capsys.readouterr().out
    assert "Images are missing (ViewContent of Pixel 77): d. Add images (such as https:" in said
    (told,) = ask("catalog", "diagnostics", "9")[1]["diagnostics"]
    assert (told["event"], told["source"]) == ("ViewContent", "Pixel 77")
    assert told["samples"] == ["https://shop.example/tea"]


@pytest.mark.parametrize(("severity", "told"), [("MUST_FIX", True), ("OPPORTUNITY", False)])
def test_what_must_be_fixed_has_a_next_step_even_where_meta_names_none(
    meta: Meta, capsys: pytest.CaptureFixture[str], severity: str, told: bool
) -> None:
    meta.say("GET /v26.0/9/diagnostics", {"data": [group(severity, call_to_action="")]})
    assert main(["catalog", "diagnostics", "9"]) == told
    assert ("Meta names no step: look at the catalog" in capsys.readouterr().out) is told


def test_filters_travel_as_lists(meta: Meta, ask: Ask) -> None:
    meta.say("GET /v26.0/9/diagnostics", {"data": []})
    words = (
        *("--type", "CHECKOUT", "--type", "CATEGORY", "--severity", "MUST_FIX", "--channel", "da"),
        *("--entity", "product_item", "--feature", "checkout"),
    )
    assert ask("catalog", "diagnostics", "9", *words) == (0, {"diagnostics": []})
    (heard,) = meta.heard
    del heard.params["fields"], heard.params["limit"]
    assert heard.params == {
        "types": '["CHECKOUT","CATEGORY"]',
        "severities": '["MUST_FIX"]',
        "affected_channels": '["da"]',
        "affected_entities": '["product_item"]',
        "affected_features": '["checkout"]',
    }


def row(date: str, matched: int, unmatched: int, elsewhere: int, **more: Any) -> dict[str, Any]:
    return {
        "date_start": date,
        "date_stop": date,
        "event": "ViewContent",
        "event_source": {"id": PIXEL, "source_type": "PIXEL"},
        "total_matched_content_ids": matched,
        "total_unmatched_content_ids": unmatched,
        "total_content_ids_matched_other_catalogs": elsewhere,
        **more,
    }


def test_days_are_added_up_by_event_and_source(meta: Meta, ask: Ask) -> None:
    days = [row("2026-11-01", 5, 5, 1), row("2026-11-02", 1, 4, "2")]  # type: ignore[arg-type]
    meta.say("GET /v26.0/9/event_stats", {"data": days})
    code, told = ask("catalog", "stats", "9")
    (found,) = told["stats"]
    numbers = {key: found[key] for key in ("matched", "unmatched", "elsewhere", "share")}
    assert (code, numbers) == (
        1,
        {"matched": 6, "unmatched": 9, "elsewhere": 3, "share": 0.4},
    )
    assert "variants where the feed has groups" in found["cause"]
    assert "breakdowns" not in meta.heard[0].params


def test_devices_are_asked_for_in_lower_case(meta: Meta, ask: Ask) -> None:
    days = [row("d", 1, 0, 0, device_type="desktop"), row("d", 1, 0, 0, device_type="unknown")]
    meta.say("GET /v26.0/9/event_stats", {"data": days})
    code, told = ask("catalog", "stats", "9", "--by-device")
    assert (code, [one["device"] for one in told["stats"]]) == (0, ["desktop", "unknown"])
    assert meta.heard[0].params["breakdowns"] == '["device_type"]'


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        ((10, 0, 0), ""),
        ((9, 1, 0), ""),
        ((5, 5, 0), "some ids are unknown"),
        ((0, 5, 0), "no id is known"),
        ((1, 1, 9), "another catalog"),
        ((0, 0, 0), "no content ids"),
    ],
)
def test_each_kind_of_count_suggests_a_cause(counts: tuple[int, int, int], word: str) -> None:
    said = cause(Match("ViewContent", "1", "PIXEL", "", *counts))
    assert word in said if word else said == ""


def test_no_figures_are_told_apart(shop: Shop, ask: Ask) -> None:
    code, told = ask("catalog", "stats", shop.catalog)
    assert (code, "linked to no pixel" in told["problem"]) == (1, True)
    ask("catalog", "link", shop.catalog)
    code, told = ask("catalog", "stats", shop.catalog)
    assert (code, told["stats"]) == (1, []) or told["problem"] is None


def test_checks_are_those_of_the_shops_pixel(shop: Shop, ask: Ask) -> None:
    code, told = ask("catalog", "checks")
    assert (code, told["pixel"]) == (1, PIXEL)
    assert {one["result"] for one in told["checks"]} <= {"passed", "failed", "unavailable"}
    code, told = ask("catalog", "checks", "7", "--check", "pixel_decline")
    assert [one["key"] for one in told["checks"]] == ["pixel_decline"]


def test_checks_may_be_of_one_connection(meta: Meta, ask: Ask) -> None:
    meta.say(f"GET /v26.0/{PIXEL}/da_checks", {"data": [{"key": "k", "result": "passed"}]})
    assert ask("catalog", "checks", "--connection", "SERVER")[0] == 0
    assert meta.heard[0].params["connection_method"] == "SERVER"
