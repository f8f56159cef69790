"""What leaves of each kind of visitor with each kind of answer, on which channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.core.consent import Signals
from pixelpair.core.exchange import Exchange
from tests.core.exchanges import (
    FBP,
    FRAGMENT,
    HTML,
    JSON,
    NOW,
    PAGE,
    PIXEL,
    TYPE,
    answer,
    blocks,
    every,
    is_pending,
    request,
    tracks,
)
from tests.core.visitors import (
    DENYING,
    GONE,
    META,
    NO,
    VISITORS,
    YES,
    asking,
    known,
    policy,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelpair.core.http import Headers
    from tests.core.exchanges import Answered, Site, View
    from tests.core.visitors import Visitor

KEPT = (b"cache-control", b"max-age=60")
NEVER = (b"content-security-policy", b"script-src 'none'")
FETCH = {"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}
VIEWED = ["PageView", "ViewContent"]
LDU = {
    "data_processing_options": ["LDU"],
    "data_processing_options_country": 0,
    "data_processing_options_state": 0,
}


@dataclass(frozen=True)
class Left:
    """The names of the events that left, or may leave later, and what was counted."""

    server: list[str] = field(default_factory=list)
    page: list[str] = field(default_factory=list)
    riding: list[str] = field(default_factory=list)
    sealed: list[list[str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """An answer: what leaves with it, is sealed in it otherwise, and is counted as muted.

    `unsaid` are events that only consent keeps from leaving: a page holds them, an act drops them.
    """

    method: str = "GET"
    path: str = "/products/1"
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    given: Headers = field(default_factory=lambda: HTML)
    chunks: tuple[bytes, ...] = (PAGE,)
    view: View | None = None
    left: Left = field(default_factory=Left)
    sealed: list[list[str]] = field(default_factory=list)
    muted: int = 1
    unsaid: int = 0
    staff_sees: bool = False
    forgets: bool = True  # who refuses loses the cookies with this very answer


ACT: dict[str, Any] = {
    "method": "POST",
    "path": "/cart/add",
    "left": Left(["AddToCart"], riding=["AddToCart"]),
    "unsaid": 1,
}
SHARED: dict[str, Any] = {
    "given": [TYPE, KEPT],
    "left": Left(sealed=[VIEWED, VIEWED]),
    "sealed": [VIEWED, VIEWED],
    "staff_sees": True,
    "forgets": False,
}
ALONE = Left(VIEWED, counts={"server half alone": 2})
CASES = {
    "private_page": Case(left=Left(VIEWED, VIEWED), sealed=[VIEWED]),
    "cacheable_page": Case(**SHARED),
    "cacheable_page_fetched": Case(headers=FETCH, **SHARED),
    "cacheable_page_by_htmx": Case(headers={"hx-request": "true"}, **SHARED),
    "cacheable_page_ahead": Case(headers={"sec-purpose": "prefetch"}, **SHARED),
    "redirect": Case(status=302, given=[(b"location", b"/cart")], chunks=(), **ACT),
    "json": Case(given=JSON, chunks=(b"{}",), **ACT),
    "htmx": Case(headers={"hx-request": "true"}, chunks=(FRAGMENT,), **ACT),
    "fetched_fragment": Case(
        headers=FETCH,
        chunks=(FRAGMENT,),
        view=tracks("Lead"),
        left=Left(["Lead"], riding=["Lead"]),
        unsaid=1,
    ),
    "fetched_page": Case(headers=FETCH, left=Left(sealed=[VIEWED]), sealed=[VIEWED]),
    "prefetch": Case(
        headers={"sec-purpose": "prefetch;prerender"}, left=Left(sealed=[VIEWED]), sealed=[VIEWED]
    ),
    "head": Case(method="HEAD", chunks=(), muted=0, forgets=False),
    "page_without_scripts": Case(given=[TYPE, NEVER], left=ALONE, muted=2, unsaid=2, forgets=False),
    "cacheable_page_without_scripts": Case(
        given=[TYPE, NEVER, KEPT], left=ALONE, muted=2, unsaid=2, forgets=False
    ),
}


def ask(where: Site, case: Case, visitor: Visitor, **changes: Any) -> Answered:
    asked = request(case.method, case.path, headers={**visitor.headers, **case.headers}, **changes)
    return answer(
        where, asked, view=case.view, status=case.status, headers=case.given, chunks=case.chunks
    )


def what_left(where: Site, got: Answered) -> Left:
    names = [[call[0] for call in calls] for _, calls in got.sealed]
    page, riding = ([call[0] for call in calls] for calls in (got.browser, got.pending))
    return Left([t.event_name for t in where.accepted], page, riding, names, where.counts)


def expected(case: Case, visitor: Visitor) -> Left:
    if not visitor.muted:
        return case.left
    staff, waits = visitor.muted == "staff", visitor.muted == "no consent"
    number = case.unsaid if waits else case.muted
    if staff and case.given == [TYPE, NEVER]:
        number = 1  # the page is left alone unread
    counts = {visitor.muted: number} if number else {}
    return Left(sealed=[] if staff and not case.staff_sees else case.sealed, counts=counts)


BOTH = [("ldu", kind, VISITORS[kind]) for kind in VISITORS]
BOTH += [("deny", kind, DENYING[kind]) for kind in DENYING]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("gpc", "visitor"), [(g, v) for g, _, v in BOTH], ids=[
    f"{gpc}-{kind}" for gpc, kind, _ in BOTH
])  # fmt: skip
def test_what_leaves(case: str, gpc: str, visitor: Visitor) -> None:
    where, one = asking(gpc), CASES[case]
    got = ask(where, one, visitor)
    assert what_left(where, got) == expected(one, visitor)
    assert [(t.event_name, t.consent) for t in where.accepted] == [
        (name, "granted") for name in what_left(where, got).server
    ]
    assert all(("data_processing_options" in row) is visitor.ldu for row in where.rows)
    assert got.body.count(b"<noscript>") == bool(got.browser)
    ours = [value.decode() for value in got.values(b"set-cookie") if not is_pending(value)]
    ended = visitor.denies and one.forgets
    assert ours == (GONE if ended else [])
    assert where.withdrawn == ([(PIXEL, FBP, int(NOW))] if ended else [])


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("cacheable")])
@pytest.mark.parametrize("gpc", ["ldu", "deny", "ignore"])
def test_cacheable_page_is_the_same_for_everybody(case: str, gpc: str) -> None:
    nobody = request("GET", "/products/1", headers={"cookie": ""})
    pages = [answer(asking(gpc), nobody, headers=CASES[case].given)]
    pages += [ask(asking(gpc), CASES[case], visitor) for visitor in VISITORS.values()]
    assert pages == [pages[0]] * len(pages)
    assert not pages[0].values(b"set-cookie")


def test_cacheable_pages_by_whatever_way_they_are_asked_for_are_one() -> None:
    """Caches keep the first form that comes, and hand it to all."""
    cases = [CASES[c] for c in CASES if c.startswith("cacheable_page") and "scripts" not in c]
    pages = [ask(asking(), case, v) for case in cases for v in VISITORS.values()]
    assert pages == [pages[0]] * len(pages)


SAYINGS: dict[str, View] = {
    "agrees": lambda exchange: exchange.consent(True),
    "refuses": lambda exchange: exchange.consent(False),
    "is_known": lambda exchange: exchange.identify({"email": "jane@shop.example"}),
    "is_nobody": lambda exchange: exchange.identify(None),
}


@pytest.mark.parametrize("saying", SAYINGS)
@pytest.mark.parametrize("visitor", VISITORS.values(), ids=VISITORS)
@pytest.mark.parametrize("event_id", ["auto", "browser"])
@pytest.mark.parametrize("csp", [(), (NEVER,)])
def test_cacheable_page_sets_no_cookie_whatever_its_view_says(
    saying: str, visitor: Visitor, event_id: str, csp: Headers
) -> None:
    """With EVENT_ID=browser a proxy keeps pages without a word on caches, on its own terms."""
    where = asking(event_id=event_id, policy=known())
    headers = [TYPE, *csp] if event_id == "browser" else [TYPE, *csp, KEPT]
    asked = request("GET", "/products/1", headers=visitor.headers)
    got = answer(where, asked, headers=headers, view=SAYINGS[saying])
    silent = answer(asking(event_id=event_id, policy=known()), asked, headers=headers)
    assert (got.headers, got.body) == (silent.headers, silent.body)
    assert not got.values(b"set-cookie")


# --- limits on use -------------------------------------------------------------------------------


def test_private_page_of_who_sends_the_signal_limits_both_channels() -> None:
    where = asking()
    got = ask(where, CASES["private_page"], VISITORS["ldu"])
    [block] = blocks(got.body)
    assert (block["ldu"], "gpc" in block) == ([0, 0], False)
    assert all(row.items() >= LDU.items() for row in where.rows)
    assert got.body.count(b"&amp;dpo=LDU&amp;dpoco=0&amp;dpost=0") == 2


def test_cacheable_page_lets_the_browser_say_whether_it_limits() -> None:
    block = blocks(ask(asking(), CASES["cacheable_page"], VISITORS["granted"]).body)[0]
    assert (block["ldu"], block["gpc"]) == ([0, 0], 1)


def test_shop_that_limits_all_limits_both_channels() -> None:
    signals = Signals(ldu=(1, 1000))
    where = asking(policy=policy(signals=signals))
    got = ask(where, CASES["private_page"], VISITORS["granted"])
    assert blocks(got.body)[0]["ldu"] == [1, 1000]
    assert {row["data_processing_options_state"] for row in where.rows} == {1000}


# --- the visitor's word --------------------------------------------------------------------------

AGAIN = {
    "page": ("GET", 200, HTML, (PAGE,)),
    "fragment": ("GET", 200, HTML, (FRAGMENT,)),
    "json": ("POST", 200, JSON, (b"{}",)),
    "bad_request": ("POST", 400, HTML, (PAGE,)),
    "bad_form": ("POST", 422, JSON, (b"{}",)),
    "nothing": ("POST", 204, HTML, ()),
    "nothing_read": ("GET", 204, JSON, ()),
    "error": ("POST", 500, HTML, (PAGE,)),
    "redirect": ("POST", 303, [(b"location", b"/")], ()),
    "moved": ("POST", 307, [(b"location", b"/")], ()),
    "login": ("POST", 302, [(b"location", b"/login")], ()),
    "image": ("GET", 200, [(b"content-type", b"image/gif")], (b"GIF89a",)),
    "no_scripts": ("GET", 200, [TYPE, NEVER], (PAGE,)),
    "no_head": ("GET", 200, HTML, (b"",)),
    "utf_16": ("GET", 200, HTML, (b"\xff\xfe<\0",)),
    "encoded": ("GET", 200, [TYPE, (b"content-encoding", b"compress")], (b"?",)),
    "attachment": ("GET", 200, [TYPE, (b"content-disposition", b"attachment")], (PAGE,)),
    "excluded": ("POST", 200, HTML, (PAGE,)),
}


@pytest.mark.parametrize("case", AGAIN)
def test_word_of_a_visitor_is_kept_whatever_the_answer_is(case: str) -> None:
    method, status, headers, chunks = AGAIN[case]
    path = "/admin/x" if case == "excluded" else "/choice"
    for visitor, says, cookies in (
        ("pending", True, [f"{YES}; Max-Age=15724800{META}"]),
        ("granted", False, [f"{NO}; Max-Age=15724800{META}", *GONE]),
        ("denied", False, GONE),
        ("granted", True, []),
    ):
        where, word = asking(), lambda exchange, says=says: exchange.consent(says)
        asked = request(method, path, headers=VISITORS[visitor].headers)
        got = answer(where, asked, view=word, status=status, headers=headers, chunks=chunks)
        assert [value.decode() for value in got.values(b"set-cookie")] == cookies
        assert len(where.withdrawn) == (says is False)
        assert "failures" not in where.counts


def test_word_is_kept_where_the_server_sends_a_file() -> None:
    where = asking()
    asked = request(headers=VISITORS["granted"].headers)
    exchange = Exchange(where.shop, "GET", lambda: asked)
    exchange.consent(False)
    assert exchange.respond(200, HTML) is None
    cookies = [value.decode() for name, value in exchange.abandon() if name == b"set-cookie"]
    assert cookies == [f"{NO}; Max-Age=15724800{META}", *GONE]


def full(_record: bytes) -> None:
    raise OSError("disk full")


@pytest.mark.parametrize("case", AGAIN)
def test_withdrawal_that_cannot_be_queued_still_ends_the_cookies(case: str) -> None:
    """A full disk kept the consent cookie at yes, and _fbp alive."""
    method, status, headers, chunks = AGAIN[case]
    where = asking(queue=full)
    asked = request(method, headers=VISITORS["granted"].headers)
    view: View = lambda exchange: exchange.consent(False)  # noqa: E731
    got = answer(where, asked, view=view, status=status, headers=headers, chunks=chunks)
    cookies = [value.decode() for value in got.values(b"set-cookie")]
    assert cookies == [f"{NO}; Max-Age=15724800{META}", *GONE]
    assert where.counts["failures"] == 1


def test_file_is_sent_where_a_withdrawal_cannot_be_queued() -> None:
    where = asking(queue=full)
    asked = request(headers=VISITORS["granted"].headers)
    exchange = Exchange(where.shop, "GET", lambda: asked)
    exchange.consent(False)
    assert exchange.respond(200, HTML) is None
    assert exchange.abandon()[0] == TYPE
    assert where.counts == {"failures": 1}


def says(granted: bool, *more: View) -> View:
    return every(lambda exchange: exchange.consent(granted), *more)


def test_event_leaves_with_the_answer_in_which_its_visitor_agrees() -> None:
    where = asking()
    asked = request("POST", "/cart/add", headers=VISITORS["pending"].headers)
    got = answer(where, asked, view=says(True), headers=JSON, chunks=[b"{}"])
    assert what_left(where, got) == Left(["AddToCart"], riding=["AddToCart"])


def test_event_does_not_leave_with_the_answer_in_which_its_visitor_refuses() -> None:
    where = asking()
    asked = request("POST", "/cart/add", headers=VISITORS["granted"].headers)
    got = answer(where, asked, view=says(False), headers=JSON, chunks=[b"{}"])
    assert what_left(where, got) == Left(counts={"no consent": 1})


def test_signal_that_refuses_goes_before_the_word_of_a_view() -> None:
    where = asking("deny")
    asked = request("POST", "/cart/add", headers=VISITORS["ldu"].headers)
    got = answer(where, asked, view=says(True), headers=JSON, chunks=[b"{}"])
    assert what_left(where, got) == Left(counts={"no consent": 1})


@pytest.mark.parametrize("cut", [True, False])
def test_late_event_behind_a_refusal_does_not_leave(cut: bool) -> None:
    """A streaming view: the page was on its way as one that may carry events."""
    where = asking()
    asked = request("GET", "/about", headers=VISITORS["granted"].headers)
    exchange = Exchange(where.shop, "GET", lambda: asked)
    assert exchange.respond(200, HTML) is None
    out = exchange.feed(PAGE[:70] if cut else PAGE)
    exchange.consent(False)
    tracks("Lead")(exchange)
    out += exchange.feed(PAGE[70:] if cut else b"") + exchange.finish()
    assert [twin.event_name for twin in where.accepted] == ["PageView"]
    assert b'"Lead"' not in out


def names(values: Iterable[bytes]) -> list[bytes]:
    return [value.partition(b"=")[0] for value in values]


def test_refusal_ends_all_cookies_in_one_answer() -> None:
    where = asking(policy=known())
    cookie = f"{YES}; _fbp={FBP}; _fbc=fb.1.1.AbC; _pixelpair_0a1b2c3d=e; _pixelpair_1=f; _pp_id=x"
    asked = request("POST", "/choice", headers={"cookie": cookie})
    got = answer(where, asked, view=says(False), status=303, headers=[(b"location", b"/")])
    ended = [b"_fbp", b"_fbp", b"_fbc", b"_fbc", b"_pixelpair_0a1b2c3d", b"_pixelpair_1", b"_pp_id"]
    cookies = got.values(b"set-cookie")
    assert names(cookies) == [b"_pp_consent", *ended]
    assert all(b"=; Max-Age=0; " in cookie for cookie in cookies[1:])
    assert [b"Domain=shop.example" in cookie for cookie in cookies] == [
        *[True, False, True, False, True],
        *[False] * 3,
    ]
