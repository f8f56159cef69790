"""What an answer is and which way it goes: the verdicts themselves, and what leaves by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.core.response import Response
from pixelpair.core.snippet import BLOCK
from pixelpair.core.verdict import Verdict, judged, mode_of
from pixelpair.core.visit import Visit
from tests.core.answer_cases import (
    ADD,
    ALONE,
    BEFORE,
    BODY_END,
    EXCLUDED,
    LATER,
    LM,
    NO_STORE,
    NO_STORE_PRIVATE,
    NO_VISITOR,
    NOW_TEXT,
    PRIVATE,
    RELOCATED,
    SHOWN_AGAIN,
    TAG,
    control,
    length,
    sealed_page,
)
from tests.core.exchanges import (
    FRAGMENT,
    HTML,
    JSON,
    NOW,
    PAGE,
    TYPE,
    Answered,
    answer,
    ids,
    request,
    routes,
    site,
    tracks,
)
from tests.core.visitors import GOOGLEBOT

if TYPE_CHECKING:
    from pixelpair.core.http import Headers, Request
    from pixelpair.core.page import Mode


# --- facts in, a verdict out ---------------------------------------------------------------------

FAILED, OTHER = Verdict("leave", "failed acts"), Verdict("report", answer="other")
PREFETCH = {"sec-purpose": "prefetch"}
POST = request("POST", "/cart/add")
VERDICTS: dict[str, tuple[Request, int, Headers, Verdict]] = {
    "page": (request(), 200, HTML, Verdict("page")),
    "page_of_a_form": (POST, 422, HTML, FAILED),
    "excluded": (EXCLUDED, 500, HTML, Verdict("leave")),
    "head": (request("HEAD"), 200, HTML, Verdict("head", "failed acts")),
    "head_of_json": (request("HEAD"), 200, JSON, FAILED),
    "head_of_failure": (request("HEAD"), 404, HTML, FAILED),
    "not_modified": (request(), 304, HTML, FAILED),
    "informing": (request(), 199, HTML, FAILED),
    "moved_act": (POST, 308, RELOCATED, Verdict("tracked")),
    "moved_read": (request(), 308, RELOCATED, Verdict("report", answer="redirect")),
    "redirect": (POST, 303, RELOCATED, Verdict("report", answer="redirect")),
    "to_login": (POST, 303, [(b"location", b"/login")], Verdict("leave", "login redirects")),
    "ahead": (request(headers=PREFETCH), 200, JSON, Verdict("leave", "fetched ahead")),
    "ahead_act": (request("POST", headers=PREFETCH), 200, JSON, OTHER),
    "no_content": (POST, 204, HTML, OTHER),
    "image": (request(headers={"sec-fetch-dest": "image"}), 200, HTML,
              Verdict("leave", "no document")),
    "part": (request(), 206, HTML, Verdict("leave", "no whole body")),
    "wide": (request(), 200, [(b"content-type", b"text/html; charset=utf-16")],
             Verdict("leave", "charset")),
}  # fmt: skip


def response(asked: Request, status: int, headers: Headers, **shop: object) -> Response:
    """An answer as an Exchange tells of it."""
    own = site(**shop).shop
    html = dict(headers).get(b"content-type", b"").startswith(b"text/html")
    visit = Visit(own, asked, None, NOW)
    return Response(own, visit, asked.method, status, headers, headers, html, NOW, None)


@pytest.mark.parametrize("case", VERDICTS)
def test_first_reason_that_fits_is_the_verdict(case: str) -> None:
    asked, status, headers, expected = VERDICTS[case]
    assert judged(response(asked, status, headers)) == expected


def test_image_that_caches_keep_as_a_page_is_the_page_of_all() -> None:
    asked = request(headers={"sec-fetch-dest": "image"})
    assert judged(response(asked, 200, [TYPE, TAG])) == Verdict("page")
    assert judged(response(asked, 200, HTML, event_id="browser")) == Verdict("page")


BY_SCRIPT = {"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}
# What asks, and the mode of a page that is shown once, that caches keep, and that caches keep in a
# shop with EVENT_ID=server.
MODES: dict[str, tuple[Request, Mode, Mode, Mode]] = {
    "visitor": (request(), "server", "browser", "server"),
    "form": (POST, "server", "server", "server"),
    "ahead": (request(headers=PREFETCH), "browser", "browser", "browser"),
    "script": (request(headers=BY_SCRIPT), "fetched", "browser", "browser"),
    "script_that_acts": (request("POST", headers=BY_SCRIPT), "alone", "alone", "alone"),
    "machine": (request(headers={"user-agent": GOOGLEBOT}), "browser", "browser", "browser"),
}


@pytest.mark.parametrize("case", MODES)
def test_mode_is_of_who_asks_and_who_else_may_see_it(case: str) -> None:
    asked, *expected = MODES[case]
    once, kept = response(asked, 200, HTML), response(asked, 200, [TYPE, TAG])
    by_server = response(asked, 200, [TYPE, TAG], event_id="server")
    made = [mode_of(made, shared=made.is_shared) for made in (once, kept, by_server)]
    assert made == expected


# --- answers that are left alone -----------------------------------------------------------------


@pytest.mark.parametrize("case", ALONE)
def test_leaves_alone(case: str) -> None:
    asked, status, headers, body = ALONE[case]
    where = site()
    got = answer(where, asked, status=status, headers=headers, chunks=[body])
    assert got == Answered(headers, body, got.untouched)
    assert got.headers is headers
    assert where.accepted == []


@pytest.mark.parametrize("dest", ["", "document", "iframe"])
def test_pages_are_for_documents_and_frames(dest: str) -> None:
    headers = {"sec-fetch-dest": dest} if dest else {}
    assert [c[0] for c in answer(site(), request(headers=headers)).browser] == ["PageView"]


@pytest.mark.parametrize("encoding", [b"identity", b" Identity "])
def test_identity_is_no_encoding(encoding: bytes) -> None:
    got = answer(site(), headers=[TYPE, (b"content-encoding", encoding)])
    assert [call[0] for call in got.browser] == ["PageView"]


@pytest.mark.parametrize("content_type", [b"text/html", b"TEXT/HTML;charset=latin-1"])
def test_html_is_told_by_its_type(content_type: bytes) -> None:
    got = answer(site(), headers=[(b"content-type", content_type)])
    assert [call[0] for call in got.browser] == ["PageView"]


def test_excluded_page_hears_nothing_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    got = answer(where, EXCLUDED, view=ADD)
    assert (got.body, got.untouched, where.accepted) == (PAGE, True, [])
    assert (caplog.records, where.counts) == ([], {})


def test_door_may_say_that_a_request_is_excluded() -> None:
    got = answer(site(), request(excluded=True), view=ADD)
    assert (got.body, got.untouched) == (PAGE, True)


# --- two modes -----------------------------------------------------------------------------------

SHOWN_ONCE: dict[str, Headers] = {
    "nothing": [],
    "no_store": control(b"no-store"),
    "no_store_etag": [*control(b"no-store"), TAG, LM],
    "no_store_expires_later": [*control(b"no-store"), (b"expires", LATER)],
    "no_cache": control(b"no-cache"),
    "private": control(b"private"),
    "max_age_0": control(b"private, max-age=0"),
    "max_age_00": control(b"max-age=00, must-revalidate"),
    "max_age_0_before_expires": [*control(b"max-age=0"), (b"expires", LATER)],
    "expires_now": [(b"expires", NOW_TEXT)],
    "expires_before": [(b"expires", BEFORE)],
    "expires_0": [(b"expires", b"0")],
    "expires_minus_1": [(b"expires", b"-1")],
    "expires_garbage": [(b"expires", b"Thu, 99 Foo 2025 99:99:99 GMT\xff")],
    "surrogate_0": [(b"surrogate-control", b"max-age=0")],
    "surrogate_no_store": [(b"surrogate-control", b"no-store")],
    "cdn_no_store": [(b"cdn-cache-control", b"no-store")],
    "publicity": control(b"no-cache, x-public=1, republic"),
    "vary": [(b"vary", b"cookie")],
}


@pytest.mark.parametrize("case", SHOWN_AGAIN)
def test_page_that_may_be_shown_again_carries_no_id(case: str) -> None:
    where = site()
    asked = request(headers=NO_VISITOR)
    got = answer(where, asked, headers=[TYPE, *SHOWN_AGAIN[case]], view=ADD)
    assert got.body == sealed_page("PageView", "AddToCart")
    plain = [h for h in SHOWN_AGAIN[case] if h != TAG]
    assert [h for h in got.headers if h[0] != b"etag"] == [TYPE, *plain]
    assert where.accepted == []
    assert where.counts == {}


@pytest.mark.parametrize("case", SHOWN_ONCE)
def test_page_that_is_shown_once_carries_pairs(case: str) -> None:
    where = site()
    got = answer(where, headers=[TYPE, *SHOWN_ONCE[case]], view=ADD)
    assert [name for name, _ in got.shown] == ["PageView", "AddToCart"]
    assert where.sent == got.shown


AHEAD = {
    "sec_purpose": {"sec-purpose": "prefetch"},
    "prerender": {"sec-purpose": "prefetch;prerender"},
    "purpose": {"purpose": "prefetch"},
    "x_moz": {"x-moz": "prefetch"},
}


@pytest.mark.parametrize("case", AHEAD)
def test_page_that_was_not_asked_for_by_its_visitor_carries_no_id(case: str) -> None:
    where = site()
    got = answer(where, request(headers=AHEAD[case] | NO_VISITOR), headers=[TYPE, NO_STORE])
    assert got.sealed == [["/", [["PageView", {}]]]]
    assert got.headers == [TYPE, NO_STORE_PRIVATE]
    assert where.accepted == []


@pytest.mark.parametrize("says", ["x-varnish", "x-vinyl"])  # its name since version 9
def test_page_that_came_through_varnish_is_the_same_for_all(says: str) -> None:
    where = site()
    asked = request(headers={says: "32770"} | NO_VISITOR)
    got = answer(where, asked, headers=[TYPE, NO_STORE])
    assert (got.body, got.headers) == (sealed_page("PageView"), [TYPE, NO_STORE])
    assert where.accepted == []


def test_state_change_carries_pairs_whatever_its_headers_say() -> None:
    """Seen: a form shown again behind Varnish lost its PageView; no cache keeps a POST."""
    where = site()
    asked = request("POST", "/cart/add", headers={"x-varnish": "1"})
    got = answer(where, asked, headers=[TYPE, TAG, *control(b"public, max-age=60")])
    assert where.sent == got.shown == [("PageView", ids(1)[0])]
    assert got.headers == [TYPE, *control(b"public, max-age=60")]


def test_event_id_browser_makes_every_read_page_the_same_for_all() -> None:
    where = site(event_id="browser")
    got = answer(where, request(headers=NO_VISITOR))
    assert (got.body, got.headers) == (sealed_page("PageView"), HTML)
    form = answer(where, request("POST", "/cart/add", headers=NO_VISITOR))
    assert [name for name, _ in form.shown] == ["PageView"]
    assert where.sent == form.shown


def test_event_id_server_takes_a_page_from_the_caches() -> None:
    where = site(event_id="server")
    shared = [*control(b"public, max-age=60"), TAG, LM, (b"surrogate-control", b"max-age=60")]
    shared.append((b"netlify-cdn-cache-control", b"public"))
    got = answer(where, headers=[TYPE, *shared])
    assert where.sent == got.shown
    assert got.headers == [TYPE, (b"cache-control", b"private, no-store")]
    ahead = answer(where, request(headers={"sec-purpose": "prefetch"}), headers=HTML)
    assert (ahead.shown, ahead.sealed) == ([], [["/", [["PageView", {}]]]])


# --- pages that a script fetches -----------------------------------------------------------------

FETCHED = {
    "fetch": {"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"},
    "htmx": {"hx-request": "true"},
    "turbo_frame": {"turbo-frame": "cart"},
    "xhr": {"x-requested-with": "XMLHttpRequest"},
    "hover": {"sec-fetch-dest": "empty", "x-sec-purpose": "prefetch"},
}


@pytest.mark.parametrize("case", FETCHED)
def test_page_fetched_by_a_script_has_its_events_at_the_end_of_its_body(case: str) -> None:
    where = site()
    asked = request(headers=FETCHED[case] | NO_VISITOR)
    got = answer(where, asked, headers=[TYPE, length(PAGE)], view=ADD)
    [(_, [view, add])] = got.sealed
    assert (view, add[0]) == (["PageView", {}], "AddToCart")
    assert got.body.startswith(PAGE[:-BODY_END] + BLOCK)
    assert got.body.endswith(b"</script></body></html>")
    assert got.headers == [TYPE, length(got.body), PRIVATE]
    assert (where.accepted, where.counts) == ([], {})


@pytest.mark.parametrize("case", FETCHED)
def test_cacheable_page_is_the_same_whoever_fetches_it(case: str) -> None:
    headers = [TYPE, *control(b"public, max-age=60"), TAG]
    fetched = answer(site(), request(headers=FETCHED[case] | NO_VISITOR), headers=headers)
    assert fetched == answer(site(), headers=headers)
    assert fetched.body == sealed_page("PageView")


def test_page_fetched_by_a_script_reports_an_act_of_its_view() -> None:
    where = site()
    asked = request("POST", "/cart/add", headers={"sec-fetch-dest": "empty"})
    got = answer(where, asked, view=tracks("Lead"))
    assert got.body == PAGE
    assert where.sent == got.shown == [("Lead", ids(1)[0])]


def test_web_view_of_an_app_navigates() -> None:
    """Android's names its app where scripts say XMLHttpRequest."""
    asked = request(headers={"x-requested-with": "com.example.shop"})
    assert [call[0] for call in answer(site(), asked).browser] == ["PageView"]


def test_navigation_that_a_service_worker_passes_on_is_a_page() -> None:
    """Seen in Chromium: the fetch of its request says "empty", and still that it navigates."""
    headers = {"sec-fetch-dest": "empty", "sec-fetch-mode": "navigate"}
    assert [call[0] for call in answer(site(), request(headers=headers)).browser] == ["PageView"]
    headers["sec-fetch-mode"] = "cors"
    assert answer(site(), request(headers=headers)).browser == []


# --- acts ----------------------------------------------------------------------------------------

TO = {
    "cart": (b"/cart", True),
    "absolute": (b"https://www.shop.example/cart", True),
    "other_site": (b"https://pay.example/login", True),
    "none": (b"", True),
    "garbage": (b"http://[::1", True),
    "longer": (b"/login-help", True),
    "below": (b"/login/why", True),
    "login": (b"/login", False),
    "login_slash": (b"/login/?next=/cart", False),
    "login_query": (b"/login?next=%2Fcart", False),
    "login_fragment": (b"/signin#form", False),
    "login_absolute": (b"https://www.shop.example/accounts/login/?next=/", False),
    "login_behind_tls": (b"http://www.shop.example/login", False),
    "login_other_case": (b"https://WWW.Shop.Example/login", False),
    "login_no_scheme": (b"//www.shop.example/login", False),
    "login_relative": (b"../login?next=/cart", False),
}


@pytest.mark.parametrize("case", TO)
def test_redirect_to_a_login_discards_the_act(case: str) -> None:
    where = site()
    location, happened = TO[case]
    headers = [(b"location", location)]
    got = answer(where, request("POST", "/cart/add"), status=302, headers=headers, chunks=[])
    event = ("AddToCart", ids(1)[0])
    assert (where.sent, got.shown) == (([event], [event]) if happened else ([], []))
    assert got.untouched is not happened


@pytest.mark.parametrize(
    "location", [b"/shop/login", b"/login", b"https://www.shop.example/shop/login/"]
)
def test_login_of_a_mounted_shop(location: bytes) -> None:
    where = site()
    asked = request("POST", "/cart/add", root="/shop", raw_path=b"/shop/cart/add")
    got = answer(where, asked, status=303, headers=[(b"location", location)], chunks=[], view=ADD)
    assert (where.accepted, got.untouched) == ([], True)
    assert where.counts == {"login redirects": 1}


# method and status, headers, body; which of a rule's event and the view's own event leave
ACTS: dict[str, tuple[str, int, Headers, bytes, bool, bool]] = {
    "redirect": ("POST", 302, RELOCATED, b"", True, True),
    "redirect_with_html": ("POST", 303, [TYPE, *RELOCATED], PAGE, True, True),
    "moved": ("POST", 301, RELOCATED, b"", False, True),
    "asked_again": ("POST", 307, RELOCATED, b"", False, True),
    "slash_added": ("POST", 308, RELOCATED, b"", False, True),
    "json": ("POST", 200, JSON, b"{}", True, True),
    "created": ("POST", 201, JSON, b"{}", True, True),
    "no_content": ("POST", 204, [], b"", True, True),
    "no_content_of_flask": ("POST", 204, HTML, b"", True, True),
    "reset_content": ("POST", 205, HTML, b"", True, True),
    "fragment": ("POST", 200, HTML, FRAGMENT, True, True),
    "empty": ("POST", 200, HTML, b"", True, True),
    "page": ("POST", 200, HTML, PAGE, False, True),
    "refused": ("POST", 400, HTML, PAGE, False, False),
    "refused_json": ("POST", 422, JSON, b"{}", False, False),
    "broken": ("POST", 500, JSON, b"{}", False, False),
    "not_modified": ("POST", 304, JSON, b"", False, False),
    "read_json": ("GET", 200, JSON, b"{}", False, True),
    "read_fragment": ("GET", 200, HTML, FRAGMENT, False, True),
    "read_redirect": ("GET", 302, RELOCATED, b"", False, True),
    "read_page": ("GET", 200, HTML, PAGE, True, True),
    "read_failed": ("GET", 404, HTML, PAGE, False, False),
}


@pytest.mark.parametrize("case", ACTS)
def test_what_answer_fires_a_rule_and_a_track(case: str) -> None:
    """Seen: Flask's `return "", 204` says text/html, and the event of such an act was lost."""
    method, status, headers, body, by_rule, by_view = ACTS[case]
    table = routes(f"Lead {method} /act")
    where = site(routes=table, page_view="off")
    asked = request(method, "/act")
    got = answer(where, asked, status=status, headers=headers, chunks=[body])
    event = ("Lead", ids(1)[0])
    assert where.sent == got.shown == ([event] if by_rule else [])
    where = site(routes=routes(""), page_view="off")
    got = answer(
        where, asked, status=status, headers=headers, chunks=[body], view=tracks("Contact")
    )
    event = ("Contact", ids(1)[0])
    assert where.sent == got.shown == ([event] if by_view else [])


ON_2XX = {
    "page": (200, HTML, PAGE, True),
    "fragment": (200, HTML, FRAGMENT, True),
    "json": (201, JSON, b"{}", True),
    "redirect": (302, RELOCATED, b"", False),
    "refused": (400, HTML, PAGE, False),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("case", ON_2XX)
def test_rule_may_ask_for_any_2xx(method: str, case: str) -> None:
    status, headers, body, fires = ON_2XX[case]
    where = site(routes=routes(f"Lead {method} /act on=2xx"), page_view="off")
    got = answer(where, request(method, "/act"), status=status, headers=headers, chunks=[body])
    assert where.sent == got.shown == ([("Lead", ids(1)[0])] if fires else [])


def test_answer_fetched_ahead_reports_nothing() -> None:
    where = site()
    asked = request(headers={"x-sec-purpose": "prefetch", "sec-fetch-dest": "empty"})
    for headers, body in [(JSON, b"{}"), (HTML, FRAGMENT)]:
        assert answer(where, asked, headers=headers, chunks=[body], view=ADD).untouched
    assert (where.accepted, where.counts) == ([], {"fetched ahead": 2})
