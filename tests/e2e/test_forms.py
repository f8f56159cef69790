"""A customer fills carts in Chromium, by forms and by script: the pair says the line just added."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Sandbox, free_port, server
from tests.e2e.form_shops import ADD, ROUTES, said
from tests.e2e.visits import pairs, settled, shops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

KINDS = ("flask", "starlette", "django")  # on gunicorn, uvicorn and runserver
NOTE = "Grüße, + & ="


@pytest.fixture(scope="module")
def shop(
    running: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """The address of a shop, which runs from then on."""
    settings = {"PIXELPAIR_ROUTES": ROUTES, "PIXELPAIR_CURRENCY": "SEK"}
    make = tmp_path_factory.mktemp
    with (
        ExitStack() as stack,
        shops("tests.e2e.form_shops", running, make, **settings) as opened,
    ):

        def address(kind: str) -> str:
            return opened(kind) if kind != "django" else runserver()

        urls: list[str] = []

        def runserver() -> str:
            if not urls:
                port = free_port()
                command = [sys.executable, "-m", "tests.e2e.form_shops", str(port)]
                environ = {**running.environ(make("spool")), **settings}
                stack.enter_context(server(command, port, environ))
                urls.append(f"http://127.0.0.1:{port}")
            return urls[0]

        yield address


def line(quantity: int, price: float, value: float) -> dict[str, object]:
    return {
        "content_ids": ["TEA-1"],
        "content_type": "product",
        "contents": [{"id": "TEA-1", "quantity": quantity, "item_price": price}],
        "value": value,
        "currency": "SEK",
    }


def told_of_cart(events: list[dict]) -> list[dict]:
    return [e["server"].get("custom_data", {}) for e in events if e["name"] == "AddToCart"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_makes_one_pair_with_the_line_that_was_added(
    shop: Callable[[str], str], sandbox: Sandbox, tab: Page, kind: str
) -> None:
    """Its price is the one that the product's page has shown."""
    url = shop(kind)
    tab.goto(f"{url}/products/TEA-1")
    tab.wait_for_load_state("networkidle")
    tab.click("#plain")
    tab.wait_for_url(f"**{said(NOTE, None)}")
    events = settled(sandbox, tab, pairs("PageView", "ViewContent", "AddToCart", "PageView"))
    assert told_of_cart(events) == [line(2, 19.9, 39.8)]


@pytest.mark.parametrize("size", [20_000, 200_000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_form_with_a_file_reaches_the_view_whole(
    shop: Callable[[str], str], sandbox: Sandbox, tab: Page, kind: str, size: int
) -> None:
    url, file = shop(kind), bytes(range(250)) * (size // 250)
    tab.goto(f"{url}/products/TEA-1")
    tab.wait_for_load_state("networkidle")
    tab.set_input_files(
        "[name=engraving]", {"name": "a.bin", "mimeType": "image/png", "buffer": file}
    )
    tab.click("#parts")
    tab.wait_for_url(f"**{said(NOTE, file)}")
    events = settled(sandbox, tab, pairs("PageView", "ViewContent", "AddToCart", "PageView"))
    large = size > 65_536
    assert told_of_cart(events) == ([{}] if large else [line(3, 18.5, 55.5)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_makes_one_pair_of_its_json(
    shop: Callable[[str], str], sandbox: Sandbox, tab: Page, kind: str
) -> None:
    tab.goto(f"{shop(kind)}/products/TEA-1")
    item = {"sku": "TEA-1", "qty": 4, "price": 20.25, "note": NOTE}
    assert tab.evaluate(ADD, item) == {"item": item}
    events = settled(sandbox, tab, pairs("PageView", "ViewContent", "AddToCart"))
    assert told_of_cart(events) == [line(4, 20.25, 81)]
