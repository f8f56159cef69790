"""Pages that the app itself compresses, as today's browsers ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import brotli
import httpx
import pytest

from tests.conftest import PLAIN_CHROME
from tests.e2e.compressed_shops import HEAD, PAGE
from tests.e2e.visits import Shops, pairs, settled, shops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.conftest import Sandbox

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shop(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    with shops("tests.e2e.compressed_shops", running, tmp_path_factory.mktemp) as opened:
        yield opened


@pytest.mark.parametrize(("kind", "coding"), [("starlette", "br"), ("flask", "zstd")])
def test_chromium_reads_the_page_and_fires_its_pair(
    kind: str, coding: str, shop: Shops, sandbox: Sandbox, tab: Page
) -> None:
    answer = tab.goto(shop(kind))
    settled(sandbox, tab, pairs("PageView"))

    assert answer is not None
    assert answer.headers["content-encoding"] == coding
    assert tab.locator("p").count() == 200


def test_head_of_a_stream_arrives_before_the_rest_is_made(shop: Shops) -> None:
    url = shop("starlette")
    asks = {"Accept-Encoding": "br", "User-Agent": PLAIN_CHROME}
    reader, plain = brotli.Decompressor(), b""
    with httpx.stream("GET", f"{url}/slow", headers=asks, timeout=10) as answer:
        coded = answer.iter_raw()
        while b"<body>" not in plain:
            plain += reader.process(next(coded))
        assert b'id="pixelpair"' in plain
        assert httpx.get(f"{url}/go").text == "gone"
        plain += b"".join(map(reader.process, coded))

    assert reader.is_finished()
    assert plain.endswith(PAGE.removeprefix(HEAD).encode())
