"""The page's view of catalogs in a real browser, with some hundred goods, on a desk and a phone."""

from __future__ import annotations

import json

import pytest

from .goods import PIXEL, Web, product

pytestmark = pytest.mark.e2e
SHOWN = "#products tbody tr"


@pytest.fixture
def catalog(sandbox) -> str:
    """Of 120 products that visitors looked at, it has 30; it is nearly right about one more."""
    made = Web(sandbox).catalog(*(product(f"p{n}") for n in range(30)), link=PIXEL)
    for at in range(5):
        names = ["P 0" if at == 0 else f"x{at}", *(f"p{n}" for n in range(at * 6, at * 6 + 6))]
        names += [f"none{n}" for n in range(at * 17, at * 17 + 17)]
        look(sandbox, str(at), names)
    return made


def look(sandbox, event_id: str, ids: list[str]) -> None:
    given = {"id": PIXEL, "ev": "ViewContent", "eid": event_id}
    named = {"cd[content_ids]": json.dumps(ids), "cd[content_type]": "product"}
    sandbox.client.get("/tr/", params={**given, **named})


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_cause_stands_beside_its_product_at_any_width(sandbox, catalog, tab, width, scheme):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)
    tab.goto(f"{sandbox.url}/#catalog")
    tab.locator("#catalog-said", has_text="30 matched, 90 unmatched, 0 in").wait_for()
    assert "(25 % matched)" in tab.inner_text("#catalog-said")
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    cause = tab.get_by_role("cell", name="The catalog calls it p0").bounding_box()
    assert cause is not None
    assert cause["x"] >= 0
    assert cause["x"] + cause["width"] <= width
    assert tab.get_by_role("row").filter(has_text="The catalog calls it p0").count() == 1


def test_a_hundred_rows_at_first_and_the_rest_on_demand(sandbox, catalog, tab):
    tab.goto(f"{sandbox.url}/#catalog")
    tab.locator(SHOWN).nth(99).wait_for()
    assert tab.locator(SHOWN).count() == 100
    tab.get_by_role("button", name="Show 20 more products").click()
    assert tab.locator(SHOWN).count() == 120
    assert tab.locator("#more-products").is_hidden()
    tab.select_option("#catalog-show", "matched")
    assert tab.locator(SHOWN).count() == 30


def test_rows_stay_as_they_are_while_nothing_changes(sandbox, catalog, tab):
    tab.goto(f"{sandbox.url}/#catalog")
    tab.locator(SHOWN).first.wait_for()
    tab.evaluate(f"document.querySelector('{SHOWN}').dataset.mine = 'yes'")
    with tab.expect_response("**/matches"):  # a PageView names no product
        sandbox.client.get("/tr/", params={"id": PIXEL, "ev": "PageView", "eid": "x"})
    assert tab.locator(f"{SHOWN}[data-mine]").count() == 1
    look(sandbox, "more", ["another"])
    tab.locator("#catalog-said", has_text="91 unmatched").wait_for()
    assert tab.locator(f"{SHOWN}[data-mine]").count() == 0


def test_the_banner_counts_a_budget_and_tells_its_end(sandbox, catalog, tab):
    tab.goto(f"{sandbox.url}/#rehearse")
    sandbox.client.post("/api/faults", json={"preset": "catalog-budget"})
    banner = tab.locator("#banner")
    banner.get_by_text("0 calls so far").wait_for()
    assert "until you end it" in banner.inner_text()
    Web(sandbox).send(catalog, [{"method": "UPDATE", "data": product("p1")}])
    banner.get_by_text("1 call so far").wait_for()
    banner.get_by_role("button", name="End it: A small budget of calls").click()
    banner.wait_for(state="hidden")
    assert sandbox.client.get("/api/faults").json()["faults"] == []
