"""Shadow mode: nothing changes, nothing leaves, and what was seen is told."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any

import brotli
import pytest

from pixelpair.core.consent import parse_consent
from pixelpair.core.http import Request
from pixelpair.core.policy import Policy
from pixelpair.core.shadow import MOST_BYTES, Shadow, Sight
from pixelpair.core.shadow_differences import Difference
from pixelpair.core.shop import Tracked
from pixelpair.storefront import rehearsing
from tests.zstds import zstd

from .exchanges import AGENT, HTML, JSON, PAGE, PIXEL, Site, site

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.http import Headers

HEAD = b"<!doctype html><html><head><title>Tea</title></head><body>"
BUY = (
    b"<script>fbq('init','%b');fbq('track','Purchase',{value:99,currency:'SEK',content_ids:['a']})"
    b"</script></body></html>" % PIXEL.encode()
)


def request(method: str, path: str, **more: Any) -> Request:
    index = {b"user-agent": AGENT.encode(), **more.pop("index", {})}
    raw = path.encode()
    return Request(method, "https", "shop.example", "", path, raw, "", index, "1.2.3.4", **more)


def visit(
    of: Site,
    path: str,
    *chunks: bytes,
    method: str = "GET",
    status: int = 200,
    headers: Headers = HTML,
    view: Callable[[Shadow], object] = lambda _shadow: None,
    **more: Any,
) -> list[Sight]:
    """One answer through a shadow, which must be as it came; what was seen."""
    seen: list[Sight] = []
    shop = rehearsing(of.shop)
    shadow = Shadow(seen.append, shop, method, lambda: request(method, path, **more))
    view(shadow)
    before = list(headers)
    sent = shadow.respond(status, headers)
    sent = shadow.headers if sent is None else sent
    assert sent is headers
    assert headers == before
    assert [shadow.feed(chunk) for chunk in chunks] == list(chunks)
    assert shadow.finish() == b""
    assert (of.accepted, of.withdrawn) == ([], [])
    return seen


def test_a_page_without_the_pixel_misses_it() -> None:
    assert visit(site(), "/tea/green", PAGE) == [
        Sight(
            PIXEL,
            "GET /tea/…",
            "/tea/…",
            {("PageView", "would send"): 1, ("", "pages"): 1},
            (Difference("PageView", "missing there"),),
        )
    ]


def track(**data: object) -> Callable[[Shadow], object]:
    return lambda shadow: shadow.track(Tracked("Purchase", data))


def test_a_wrong_purchase_is_told_without_its_order() -> None:
    page = HEAD + BUY
    bought = track(value=10, currency="SEK", content_ids=["a"])
    (sight,) = visit(site(), "/orders/A17/complete", page, view=bought)
    place = "/orders/{order_id}/complete"
    assert (sight.place, sight.path) == (f"GET {place}", place)
    assert sight.counts == {
        ("PageView", "would send"): 1,
        ("Purchase", "would send"): 1,
        ("Purchase", "page sends"): 1,
        ("", "pages"): 1,
    }
    assert sight.differences == (
        Difference("PageView", "missing there"),
        Difference("Purchase", "id missing"),
        Difference("Purchase", "other value", "99.00", "10.00"),
    )


def test_the_cuts_do_not_matter() -> None:
    page, seen = (
        HEAD + b"<p>Tea</p>" * 300 + BUY,
        visit(site(), "/", HEAD + b"<p>Tea</p>" * 300 + BUY),
    )
    for size in (1, 7, 100, len(HEAD), 1000):
        chunks = [page[at : at + size] for at in range(0, len(page), size)]
        assert visit(site(), "/", *chunks) == seen


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        (b"gzip", gzip.compress),
        (b"deflate", zlib.compress),
        (b"br", brotli.compress),
        (b"zstd", zstd.compress),
    ],
)
def test_a_coded_page_is_read(coding: bytes, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(HEAD + BUY)
    headers = [*HTML, (b"content-encoding", coding)]
    cut = len(packed) // 2
    assert visit(site(), "/", packed[:cut], packed[cut:], headers=headers) == visit(
        site(), "/", HEAD + BUY
    )


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"zstd", b"compress"])
def test_a_page_that_is_not_what_it_says_is_left(coding: bytes) -> None:
    headers = [*HTML, (b"content-encoding", coding)]
    assert visit(site(), "/", HEAD + BUY, headers=headers) == []


def test_a_cacheable_page_is_compared_too() -> None:
    (sight,) = visit(site(), "/", HEAD + BUY, headers=[*HTML, (b"cache-control", b"public")])
    assert sight.counts["PageView", "would send"] == 1
    assert Difference("Purchase", "missing here") in sight.differences


def test_a_long_page_is_read_to_its_bound() -> None:
    filler = b"<p>" + b" " * MOST_BYTES
    (sight,) = visit(site(), "/", HEAD, filler, BUY)
    assert sight.counts["", "not read to the end"] == 1
    assert sight.differences == ()


@pytest.mark.parametrize(
    ("policy", "agent", "reason"),
    [
        (Policy(consent=parse_consent("required")), AGENT, "no consent"),
        (Policy(), "Googlebot/2.1", "machine: crawler"),
    ],
)
def test_who_is_muted_is_counted_with_the_reason(policy: Policy, agent: str, reason: str) -> None:
    index = {b"user-agent": agent.encode()}
    (sight,) = visit(site(policy=policy), "/", PAGE, index=index)
    assert sight.counts == {("PageView", f"not sent: {reason}"): 1, ("", "pages"): 1}
    assert sight.differences == (Difference("PageView", "missing there"),)


def test_consent_of_the_view_counts_and_keeps_no_cookie() -> None:
    asks = site(policy=Policy(consent=parse_consent("required")))
    (sight,) = visit(asks, "/", PAGE, view=lambda shadow: shadow.consent(True))
    assert sight.counts["PageView", "would send"] == 1


def test_a_faulty_purchase_would_not_be_sent() -> None:
    (sight,) = visit(site(), "/orders/1/complete", PAGE)
    assert sight.counts["Purchase", "not sent: Purchase without value and currency"] == 1


def test_an_act_is_counted_and_not_compared() -> None:
    location = [(b"location", b"/cart")]
    (sight,) = visit(site(), "/cart/add/SKU-1", method="POST", status=302, headers=location)
    assert sight == Sight(
        PIXEL,
        "POST /cart/add/{content_id}",
        "/cart/add/{content_id}",
        {("AddToCart", "would send"): 1},
        (),
    )


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [("/api", 200, JSON), ("/admin", 200, HTML), ("/", 404, HTML), ("/", 304, HTML)],
)
def test_what_live_leaves_alone_is_not_looked_at(path: str, status: int, headers: Headers) -> None:
    assert visit(site(), path, PAGE, status=status, headers=headers) == []


PATHS = {
    "/products/green-tea-200": ("GET /products/{content_id}", "/products/green-tea-200"),
    "/products/anna@example.com": ("GET /products/{content_id}", "/products/(removed)"),
    "/account/anna/orders": ("GET /account/…", "/account/…"),
    "/2047113": ("GET /{id}", "/{id}"),
    "/": ("GET /", "/"),
    "/anna@example.com": ("GET /(removed)", "/(removed)"),
}


@pytest.mark.parametrize("path", PATHS)
def test_of_a_path_only_a_products_own_is_kept(path: str) -> None:
    (sight,) = visit(site(), path, PAGE)
    assert (sight.place, sight.path) == PATHS[path]


def test_a_named_route_is_the_place_and_its_parameters_are_not_kept() -> None:
    (sight,) = visit(site(), "/u/anna/o-17", PAGE, route=("orders", {"user": "anna"}))
    assert (sight.place, sight.path) == ("orders", "/u/{user}/*")


def test_a_path_with_an_order_in_it_is_none_of_a_products() -> None:
    """A thank-you page that shows more products: its address names the order."""
    views = [Tracked("ViewContent", {}), Tracked("Purchase", {"value": 1, "currency": "SEK"})]
    (sight,) = visit(
        site(),
        "/orders/A17/complete",
        PAGE,
        view=lambda shadow: [shadow.track(tracked) for tracked in views],
    )
    assert sight.path == "/orders/{order_id}/complete"


def test_parameters_of_several_parts_are_not_kept() -> None:
    (sight,) = visit(site(), "/of/anna/berg", PAGE, route=("of", {"who": "anna/berg"}))
    assert (sight.place, sight.path) == ("of", "")


def test_an_address_in_an_events_name_is_not_kept() -> None:
    page = HEAD + b"<script>fbq('trackCustom','anna@example.com')</script>"
    (sight,) = visit(site(), "/tea", page)
    assert "anna" not in repr(sight)


def test_a_coded_page_is_read_however_its_headers_are_written() -> None:
    headers = [(b"Content-Type", b"text/html"), (b"Content-Encoding", b"gzip")]
    (sight,) = visit(site(), "/tea", gzip.compress(HEAD + BUY), headers=headers)
    assert sight.counts["Purchase", "page sends"] == 1


def test_nothing_is_sealed_and_nobody_identified() -> None:
    def view(shadow: Shadow) -> None:
        shadow.identify({"email": "anna@example.com"})
        assert shadow.seal() == ""

    assert len(visit(site(), "/", PAGE, view=view)) == 1


def test_a_failure_leaves_the_answer_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    typed = "anna@example.com"

    def fails(_sight: Sight) -> None:
        raise RuntimeError(typed)

    of = site()
    shadow = Shadow(fails, rehearsing(of.shop), "GET", lambda: request("GET", "/"))
    assert shadow.respond(200, HTML) is None
    assert (shadow.feed(PAGE), shadow.finish(), shadow.headers) == (PAGE, b"", HTML)
    assert of.counts == {"failures": 1}
    assert "anna" not in caplog.text


def test_a_file_is_handed_on() -> None:
    shadow = Shadow(
        lambda _sight: None, rehearsing(site().shop), "GET", lambda: request("GET", "/")
    )
    assert shadow.respond(200, HTML) is None
    assert (shadow.abandon(), shadow.passing) == (HTML, True)
