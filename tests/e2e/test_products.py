"""A customer opens product pages in Chromium: both halves say what the page says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import BROWSER, Sandbox
from tests.e2e.product_shops import JSON_LD
from tests.e2e.visits import Shops, pairs, settled, shops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

FOUND = {
    "content_ids": ["TEA-1"],
    "content_type": "product",
    "contents": [{"id": "TEA-1", "quantity": 1, "item_price": 19.9}],
    "content_name": "Sencha",
    "value": 19.9,
    "currency": "SEK",
}


@pytest.fixture(scope="module")
def shop(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    with shops("tests.e2e.product_shops", running, tmp_path_factory.mktemp) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["plain", "streamed", "kept", "microdata"])
def test_page_tells_its_product_to_both_halves(
    shop: Shops, sandbox: Sandbox, tab: Page, kind: str
) -> None:
    tab.goto(f"{shop('starlette')}/products/{kind}")
    events = settled(sandbox, tab, pairs("PageView", "ViewContent"))
    (view,) = [event for event in events if event["name"] == "ViewContent"]
    assert view["browser"]["custom_data"] == view["server"]["custom_data"] == FOUND


def test_first_byte_of_a_stream_does_not_wait_for_the_product(shop: Shops) -> None:
    """Between its head and its product is a pause, which a busy machine may swallow twice."""
    url, json_ld = f"{shop('starlette')}/products/streamed", JSON_LD.encode()

    def first_piece() -> bytes:
        with httpx.stream("GET", url, headers=BROWSER) as answer:
            return next(answer.iter_raw())

    assert any(
        b"Sencha</title>" in (seen := first_piece()) and json_ld not in seen for _ in range(3)
    )
