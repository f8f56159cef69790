"""A shop with two pixels: both get each event, under one id, on both channels."""

from __future__ import annotations

import re

import pytest

from pixelpair.core.consent import ConsentRule, Signals
from pixelpair.core.csp import INLINE
from pixelpair.core.events import purchase_id
from pixelpair.core.heads import Heads
from tests.core.exchanges import (
    HTML,
    IMAGE,
    JSON,
    KEY,
    PAGE,
    TYPE,
    Site,
    answer,
    blocks,
    ids,
    request,
    site,
    tracks,
)
from tests.core.visitors import snippet

PIXELS = ("111", "222")
SNIPPET = snippet(ConsentRule(), Signals(), PIXELS)
VIEW_ID, SHOWN_ID = ids(2)


def shop() -> Site:
    return site(pixels=PIXELS, snippet=SNIPPET, heads=Heads(PIXELS))


def queued(where: Site) -> list[tuple[str, str, str]]:
    return [(twin.pixel_id, twin.event_name, twin.event_id) for twin in where.accepted]


def test_each_pixel_has_a_twin_of_each_event_under_one_id() -> None:
    where = shop()
    got = answer(where, request("GET", "/products/1"))
    assert got.shown == [("PageView", VIEW_ID), ("ViewContent", SHOWN_ID)]
    assert queued(where) == [
        ("111", "PageView", VIEW_ID),
        ("222", "PageView", VIEW_ID),
        ("111", "ViewContent", SHOWN_ID),
        ("222", "ViewContent", SHOWN_ID),
    ]
    first, second = (
        [t.body for t in where.accepted if t.pixel_id == pixel_id] for pixel_id in PIXELS
    )
    assert first == second


def test_page_names_both_pixels_and_has_both_images() -> None:
    got = answer(shop())
    [block] = blocks(got.body)
    assert block["pixel"] == "111 222"
    images = re.findall(rb'src="([^"]+)"', got.body.partition(b"<noscript>")[2])
    parameters = f"&amp;ev=PageView&amp;noscript=1&amp;eid={VIEW_ID}"
    assert images == [f"{IMAGE}?id={pixel}{parameters}".encode() for pixel in PIXELS]


def test_page_has_the_script_that_knows_several_pixels() -> None:
    body, one = answer(shop()).body, answer(site()).body
    assert SNIPPET.loader(INLINE) in body
    assert SNIPPET.loader(INLINE) not in one


def test_cacheable_page_names_both_pixels() -> None:
    got = answer(shop(), headers=[TYPE, (b"etag", b'"1"')])
    assert {block["pixel"] for block in blocks(got.body)} == {"111 222"}


def test_act_has_one_pending_cookie_and_a_twin_for_each_pixel() -> None:
    where = shop()
    got = answer(where, request("POST", "/cart/add"), headers=JSON, chunks=[b"{}"])
    assert got.pending == [["AddToCart", {}, VIEW_ID]]
    assert queued(where) == [(pixel, "AddToCart", VIEW_ID) for pixel in PIXELS]


def test_order_has_one_id_for_both() -> None:
    where = shop()
    view = tracks("Purchase", value=1, currency="SEK", order_id="7")
    answer(where, request("POST", "/pay"), headers=JSON, chunks=[b"{}"], view=view)
    made = purchase_id(KEY, "111", "7")
    assert queued(where) == [(pixel, "Purchase", made) for pixel in PIXELS]


def test_fault_is_kept_for_each_and_said_once() -> None:
    where = shop()
    answer(where, request("POST", "/pay"), headers=JSON, chunks=[b"{}"], view=tracks("Purchase"))
    assert [(t.pixel_id, bool(t.fault)) for t in where.accepted] == [("111", True), ("222", True)]
    assert where.counts == {"faults": 1}


@pytest.mark.parametrize("pixel_id", PIXELS)
def test_page_that_has_either_pixel_is_left_alone(pixel_id: str) -> None:
    where = shop()
    page = PAGE.replace(b"</head>", f"<script>fbq('init', '{pixel_id}')</script></head>".encode())
    got = answer(where, headers=HTML, chunks=[page])
    assert (got.body, where.accepted) == (page, [])
