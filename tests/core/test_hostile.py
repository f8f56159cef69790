"""Whatever a visitor sends to an Exchange or to the desk: nothing fails, nothing breaks out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelpair.core.consent import Signals, parse_consent
from pixelpair.core.csp import INLINE
from pixelpair.core.exchange import Exchange
from pixelpair.core.http import Request
from pixelpair.core.notes import Notes
from pixelpair.core.proxies import parse_trust
from pixelpair.fittings import arrival_of
from tests.core.exchanges import FBP, HTML, JSON, PAGE, TYPE, answer, every, request
from tests.core.test_desk import OWN, VIEW, desk, report
from tests.core.test_person import kept
from tests.core.visitors import NO, REQUIRED, YES, asking, hashed, known, snippet

if TYPE_CHECKING:
    from pixelpair.core.http import Headers
    from tests.core.exchanges import Site, View

KNOWN = kept(hashed({"email": "a@b.example", "city": "paris"}))
WORDS = [YES, NO, KNOWN, f"_fbp={FBP}", "_fbc=fb.1.1.AbC", "_pixelpair_0a1b2c3d=e", "staff=1"]
TCF = "euconsent-v2=CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
EVIL = [
    b"</script><script>alert(1)//",
    b"\r\nset-cookie: evil=1",
    b"\n\n<script>",
    b"\x00\xff\xfe\x85",
    b'"><img src=x>',
    b"%0d%0aset-cookie:%20evil=1",
    b"; Domain=evil.example",
    b"\xe2\x80\xa8",
    b"${jndi}",
]
RAW = st.binary(max_size=40) | st.sampled_from(EVIL)
CUT = st.builds(
    lambda word, at, more: word.encode()[: at % (len(word) + 1)] + more,
    st.sampled_from([*WORDS, TCF]),
    st.integers(0, 500),
    st.just(b"") | RAW,
)
COOKIES = st.one_of(
    st.lists(st.sampled_from(WORDS).map(str.encode) | CUT | RAW, max_size=8).map(b"; ".join),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(
        lambda words: "; ".join(words * 350).encode()
    ),
    st.sampled_from([b"_fb", b"_pp_id=", b"_pp_consent=", b"_pixelpair_", b"=", b";", b"_fbp=fb."])
    .map(lambda piece: piece * 10_000),
)  # fmt: skip
VALUES = st.one_of(
    RAW,
    RAW.map(lambda raw: raw * 1000),
    st.builds(bytes.__add__, st.sampled_from([b"https://a.example/", b"for=", b"1"]), RAW),
)
NAMED = st.dictionaries(
    st.sampled_from(
        [b"user-agent", b"referer", b"sec-gpc", b"dnt", b"x-forwarded-for", b"forwarded",
         b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"cf-connecting-ip",
         b"sec-fetch-dest", b"hx-request", b"x-requested-with", b"origin", b"purpose"]
    ),
    VALUES,
    max_size=5,
)  # fmt: skip
AGENT = st.sampled_from([b"Mozilla/5.0 (X11; Linux x86_64)", b"", b"curl/8"])
TEXT = st.text(max_size=20) | st.sampled_from(
    [raw.decode("latin-1") for raw in EVIL] + ["www.shop.example", "a" * 5000]
)
SITES: list[tuple[Any, Any]] = [
    (rule, trust)
    for rule in ("required", "granted", "tcf", "cookieyes", "cookie:staff=1")
    for trust in ("none", 1, "10.0.0.0/8", "cloudflare 10.0.0.0/8")
]
ANSWERS: list[tuple[str, int, Headers, bytes]] = [
    ("GET", 200, HTML, PAGE),
    ("GET", 200, [TYPE, (b"cache-control", b"max-age=60")], PAGE),
    ("POST", 303, [(b"location", b"/")], b""),
    ("POST", 200, JSON, b"{}"),
    ("POST", 400, HTML, PAGE),
]
GIVEN = {"email": "a@b.example"}
VIEWS: list[View] = [
    lambda exchange: None,
    lambda exchange: exchange.consent(True),
    lambda exchange: exchange.consent(False),
    lambda exchange: exchange.identify(None),
    every(lambda exchange: exchange.consent(True), lambda exchange: exchange.identify(GIVEN)),
]


def shop(rule: str, trust: object, **changes: Any) -> Site:
    consent, signals = parse_consent(rule), Signals(dnt=True)
    return asking(
        policy=known(consent=consent, signals=signals, anonymous=True),
        snippet=snippet(consent, signals),
        arrive=arrival_of(parse_trust(trust), Notes()),
        **changes,
    )


def assert_nothing_breaks_out(where: Site, headers: Headers) -> None:
    assert "failures" not in where.counts
    for name, value in headers:
        assert re.fullmatch(rb"[a-z-]+", name)
        assert not re.search(rb"[\x00-\x1f\x7f-\xff]", value), value
        if name == b"set-cookie":
            assert re.fullmatch(_SET_COOKIE, value), value
    for row in where.rows:
        assert row["user_data"].keys() <= _USER_DATA
        assert str(row).isprintable()


def bare(where: Site, body: bytes) -> bytes:
    """The page without what we put into it."""
    body = body.replace(where.shop.snippet.loader(INLINE), b"")
    body = re.sub(rb'<script type="application/json" id="pixelpair">[^<>&]*</script>', b"", body)
    return re.sub(rb"<noscript>(<img [^<>]*>)+</noscript>", b"", body)


_SET_COOKIE = (
    rb"(_fb[pc]|_pp_id|_pp_consent|_pixelpair_[0-9A-Za-z]+)=[A-Za-z0-9_.-]*"
    rb"(; Max-Age=[0-9]+)?(; Domain=[a-z0-9_.-]+)?; Path=/(; HttpOnly)?; SameSite=Lax(; Secure)?"
)
_USER_DATA = {
    *("client_ip_address", "client_user_agent", "fbp", "fbc", "em", "ct", "external_id"),
}


def hostile(
    method: str, cookie: bytes, headers: dict[bytes, bytes], texts: tuple[str, ...], agent: bytes
) -> Request:
    host, path, query, client = texts
    return Request(
        method=method,
        scheme="https",
        host=host,
        root="",
        path=f"/{path}",
        raw_path=f"/{path}".encode("utf-8", "surrogateescape"),
        query=query,
        index={b"user-agent": agent, **headers, b"cookie": cookie},
        client=client,
    )


TEXTS = st.tuples(
    st.just("www.shop.example") | TEXT,
    st.just("products/1") | TEXT,
    st.just("q=1") | TEXT.map("fbclid=".__add__),
    st.sampled_from(["203.0.113.7", "10.0.0.1", "", "\r\n"]),
)


@settings(max_examples=150)
@given(
    st.sampled_from(SITES),
    st.sampled_from(ANSWERS),
    st.sampled_from(VIEWS),
    COOKIES,
    NAMED,
    TEXTS,
    AGENT,
)
def test_answer_stays_whole_whatever_its_visitor_sends(
    where_: tuple[str, object],
    answered: tuple[str, int, Headers, bytes],
    view: View,
    cookie: bytes,
    headers: dict[bytes, bytes],
    texts: tuple[str, ...],
    agent: bytes,
) -> None:
    where = shop(*where_)
    method, status, given_headers, body = answered
    asked = hostile(method, cookie, headers, texts, agent)
    got = answer(where, asked, view=view, status=status, headers=given_headers, chunks=[body])
    assert_nothing_breaks_out(where, got.headers)
    assert bare(where, got.body) == body
    assert got.body.isascii()


@settings(max_examples=100)
@given(st.sampled_from(SITES), COOKIES, NAMED, TEXTS, AGENT, st.booleans(), TEXT)
def test_report_is_answered_whatever_its_visitor_sends(
    where_: tuple[str, object],
    cookie: bytes,
    headers: dict[bytes, bytes],
    texts: tuple[str, ...],
    agent: bytes,
    revoked: bool,
    referrer: str,
) -> None:
    where = shop(*where_)
    own = {name.encode(): value.encode() for name, value in OWN.items()}
    host, _, query, client = texts
    asked = hostile("POST", cookie, headers | own, (host, "", "", client), agent)
    asked.path = "/_pixelpair/events"
    more = {"revoked": 1} if revoked else {}
    body = report(VIEW, url=f"https://www.shop.example/tea?{query}", referrer=referrer, **more)
    got = desk(where).answer(asked, body)
    assert got.status in (204, 400, 403, 413)
    assert_nothing_breaks_out(where, got.headers)


@pytest.mark.parametrize("most", [10, 100, 1000])
def test_thousand_cookies_are_read_for_the_first_of_each(most: int) -> None:
    where = shop("required", "none")
    cookie = "; ".join([f"c{n}={n}" for n in range(most)] + [YES, f"_fbp={FBP}", "_fbp=bad"])
    got = answer(where, request(headers={"cookie": cookie}))
    assert [row["user_data"]["fbp"] for row in where.rows] == [FBP]
    assert got.values(b"set-cookie") == []


def test_refusal_with_a_thousand_waiting_events_is_an_answer_that_proxies_take() -> None:
    """nginx refuses an answer with more than 4 KB of headers, and gunicorn a request of 8 KB."""
    where = asking()
    names = [f"_pixelpair_{n:08x}=x" for n in range(1000)]
    cookie = "; ".join([NO, f"_fbp={FBP}", *names])
    got = answer(where, request(headers={"cookie": cookie}))
    assert sum(len(name) + len(value) + 4 for name, value in got.headers) < 4096
    assert "failures" not in where.counts


@pytest.mark.parametrize("granted", [True, False])
def test_name_of_a_waiting_event_is_no_longer_than_ours(granted: bool) -> None:
    where = asking(snippet=snippet(REQUIRED, Signals()))
    cookie = f"{YES if granted else NO}; _pixelpair_{'a' * 50_000}=x; _fbp={FBP}"
    asked = request(headers={"cookie": cookie})
    exchange = Exchange(where.shop, "GET", lambda: asked)
    assert exchange.respond(200, HTML) is None
    exchange.feed(PAGE)
    exchange.finish()
    assert exchange.headers is not None
    assert max(len(value) for _, value in exchange.headers) < 200
