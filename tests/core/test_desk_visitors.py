"""Reports of each kind of visitor: what is queued, and which cookies follow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.core.consent import SIX_MONTHS, Signals
from pixelpair.core.notes import Notes
from pixelpair.core.policy import Question
from pixelpair.core.proxies import parse_trust
from pixelpair.core.sensitive import sensitive
from pixelpair.core.staff import parse_staff
from pixelpair.fittings import arrival_of
from tests.core.exchanges import AGENT, FBP, NOW, PIXEL, digest
from tests.core.test_desk import (
    AROUND,
    OWN,
    SHOWN,
    URL,
    VIEW,
    A,
    B,
    asked,
    cookies,
    desk,
    report,
)
from tests.core.test_person import ENDED, kept
from tests.core.visitors import (
    BANNER,
    DENYING,
    GONE,
    KEEPSAKE,
    META,
    NO,
    VISITORS,
    asking,
    hashed,
    known,
    policy,
)

if TYPE_CHECKING:
    from pixelpair.core.desk import Desk
    from pixelpair.core.http import Request
    from pixelpair.core.served import Answer
    from tests.core.exchanges import Site
    from tests.core.visitors import Visitor

AGAIN = f"_fbp={FBP}{AROUND}"
NOW_S = int(NOW)
REVOKED = json.dumps({"url": URL, "referrer": "", "revoked": 1}).encode()


def by(cookie: str, **headers: str) -> Request:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return asked(OWN | {"cookie": cookie} | more)


def told(where: Site, request_: Request, body: bytes, **options: Any) -> Answer:
    got = desk(where, **options).answer(request_, body)
    assert "failures" not in where.counts
    return got


BOTH = [(gpc, name) for gpc in ("ldu", "deny") for name in VISITORS]


@pytest.mark.parametrize(("gpc", "name"), BOTH)
def test_report_leaves_if_its_visitor_may_be_counted(gpc: str, name: str) -> None:
    visitor: Visitor = (VISITORS if gpc == "ldu" else DENYING)[name]
    where = asking(gpc)
    got = told(where, asked(OWN | dict(visitor.headers)), report(VIEW, SHOWN))
    assert got.status == 204
    assert where.sent == ([] if visitor.muted else [("PageView", A), ("ViewContent", B)])
    assert where.counts == ({visitor.muted: 2} if visitor.muted else {})
    assert all(("data_processing_options" in row) is visitor.ldu for row in where.rows)
    mine = ([] if visitor.muted else [AGAIN]) + (GONE if visitor.denies else [])
    assert cookies(got) == mine
    assert where.withdrawn == ([(PIXEL, FBP, NOW_S)] if visitor.denies else [])


def test_report_refused_before_consent_may_come_again_after_it() -> None:
    """The page's clock, or its other tab, was ahead of the cookie."""
    where = asking()
    one = desk(where)
    for visitor in ("pending", "granted", "granted"):
        one.answer(asked(OWN | dict(VISITORS[visitor].headers)), report(VIEW))
    assert where.sent == [("PageView", A)]
    assert where.counts == {"no consent": 1, "reported again": 1}


def test_limits_of_the_shop_are_on_what_is_reported() -> None:
    where = asking(policy=policy(signals=Signals(ldu=(1, 1003))))
    told(where, asked(OWN | dict(VISITORS["granted"].headers)), report(VIEW))
    [row] = where.rows
    names = ("", "_country", "_state")
    assert [row[f"data_processing_options{name}"] for name in names] == [["LDU"], 1, 1003]


def test_identity_of_the_session_is_on_what_is_reported() -> None:
    where = asking(policy=known())
    cookie = f"{VISITORS['granted'].headers['cookie']}; {kept({'em': [digest('a@b.example')]})}"
    told(where, by(cookie), report(VIEW))
    assert where.rows[0]["user_data"]["em"] == [digest("a@b.example")]


# --- withdrawal ----------------------------------------------------------------------------------

ALL = f"_fbp={FBP}; _fbc=fb.1.1.AbC; _pixelpair_0a=e; _pp_id=x"
ENDED_ALL = [
    *GONE,
    "_fbc=; Max-Age=0; Path=/; SameSite=Lax; Secure",
    f"_fbc=; Max-Age=0{META}",
    "_pixelpair_0a=; Max-Age=0; Path=/; SameSite=Lax; Secure",
    ENDED,
]


@pytest.mark.parametrize("sends", [True, False])
def test_withdrawal_in_the_page_ends_all_cookies_and_what_waits(sends: bool) -> None:
    where = asking(policy=known(), pixels=("111", "222"), sends=sends)
    got = told(where, by(f"{NO}; {ALL}"), REVOKED)
    assert (got.status, cookies(got)) == (204, ENDED_ALL)
    assert where.withdrawn == [(pixel, FBP, NOW_S) for pixel in ("111", "222") if sends]
    assert (where.accepted, where.counts) == ([], {})


@pytest.mark.parametrize("cookie", ["banner=no", ""])
def test_withdrawal_by_another_tool_ends_all_cookies_and_what_waits(cookie: str) -> None:
    """A tool may delete its cookie when its visitor takes the word back."""
    where = asking(policy=known(consent=BANNER))
    got = told(where, by(f"{ALL}; {cookie}"), REVOKED)
    assert (got.status, cookies(got)) == (204, ENDED_ALL)
    assert where.withdrawn == [(PIXEL, FBP, NOW_S)]


def test_withdrawal_that_the_cookie_does_not_bear_out_changes_nothing() -> None:
    """Else any page of the shop's domain could stop its visitors' events."""
    where = asking()
    got = told(where, asked(OWN | dict(VISITORS["granted"].headers)), REVOKED)
    assert (cookies(got), where.withdrawn) == ([AGAIN], [])


@pytest.mark.parametrize("fbp", ["", "bad", "fb.1.1"])
def test_withdrawal_without_a_browser_id_is_not_queued(fbp: str) -> None:
    where = asking()
    assert told(where, by(f"{NO}; _fbp={fbp}"), REVOKED).status == 204
    assert where.withdrawn == []


# --- the decision's own cookie -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "left"),
    [
        (0, None),  # this answer may come behind another word
        (86_400, None),
        (86_401, SIX_MONTHS - 86_401),
        (SIX_MONTHS - 1, 1),
        (SIX_MONTHS, None),
        (SIX_MONTHS + 9, None),
        (-60, None),  # a clock that is ahead would make it last longer
    ],
)
@pytest.mark.parametrize("granted", [0, 1])
def test_decision_is_prolonged_for_what_is_left_of_its_life(
    age: int, left: int | None, granted: int
) -> None:
    value = f"_pp_consent={granted}.{NOW_S - age}"
    got = told(asking(), by(value), report(VIEW))
    again = [cookie for cookie in cookies(got) if cookie.startswith("_pp_consent")]
    assert again == ([f"{value}; Max-Age={left}{META}"] if left else [])


@pytest.mark.parametrize("value", ["2.1760000000", "1.", "1.x", "1.1760000000x", "", "1.-5"])
def test_decision_that_is_none_is_not_prolonged(value: str) -> None:
    got = told(asking(), by(f"_pp_consent={value}"), report(VIEW))
    assert [cookie for cookie in cookies(got) if cookie.startswith("_pp_consent")] == []


def test_decision_of_another_tool_is_left_to_it() -> None:
    where = asking(policy=policy(consent=BANNER))
    got = told(where, by(f"_fbp={FBP}; banner=yes; _pp_consent=1.{NOW_S}"), report(VIEW))
    assert cookies(got) == [AGAIN]


# --- what is stored ------------------------------------------------------------------------------


def test_addresses_are_cleaned_and_the_click_is_read_before() -> None:
    where = asking()
    url = f"{URL}&email=jane%40shop.example&token=0&fbclid=IwAR1"
    referrer = "https://mail.example/?to=jane@shop.example"
    request_ = asked(OWN | dict(VISITORS["granted"].headers))
    got = told(where, request_, report(VIEW, url=url, referrer=referrer))
    [row] = where.rows
    assert row["event_source_url"] == f"{URL}&email=(removed)&token=(removed)&fbclid=IwAR1"
    assert row["referrer_url"] == "https://mail.example/?to=(removed)"
    fbc = f"fb.1.{NOW * 1000:.0f}.IwAR1"
    assert row["user_data"]["fbc"] == fbc
    assert f"_fbc={fbc}{AROUND}" in cookies(got)


def test_click_of_a_referrer_is_read_before_it_is_cleaned() -> None:
    where = asking()
    referrer = "https://l.facebook.com/jane@shop.example?fbclid=IwAR2"
    request_ = asked(OWN | dict(VISITORS["granted"].headers))
    told(where, request_, report(VIEW, referrer=referrer))
    [row] = where.rows
    assert row["referrer_url"] == "https://l.facebook.com/(removed)?fbclid=IwAR2"
    assert row["user_data"]["fbc"].endswith(".IwAR2")


def test_texts_that_a_page_makes_up_are_cleaned() -> None:
    where = asking()
    data = {
        "search_string": "jane@shop.example",
        "content_name": "+46 70 123 45 67",
        "num_items": 1,
    }
    body = report(made=[["Search", data, A]])
    told(where, asked(OWN | dict(VISITORS["granted"].headers)), body, page_events=["Search"])
    clean = {"search_string": "(removed)", "content_name": "(removed)", "num_items": 1}
    assert where.rows[0]["custom_data"] == clean


@pytest.mark.parametrize("path", ["/reset-password/abc", "/secret/x", "/shop/secret/x"])
def test_report_of_a_sensitive_page_is_counted_and_not_queued(path: str) -> None:
    where = asking(is_sensitive=sensitive(["**/reset-password", "/secret"]))
    request_ = asked(OWN | dict(VISITORS["granted"].headers), root="/shop")
    body = report(made=[["PageView", {}, A]], url=f"https://www.shop.example{path}")
    assert told(where, request_, body).status == 204
    assert (where.rows, where.counts) == ([], {"sensitive page": 1})


def test_several_pixels_get_what_is_reported_under_one_id() -> None:
    where = asking(pixels=("111", "222"))
    told(where, asked(OWN | dict(VISITORS["granted"].headers)), report(VIEW, SHOWN))
    assert [(t.pixel_id, t.event_name, t.event_id) for t in where.accepted] == [
        (pixel, name, made) for name, made in (("PageView", A), ("ViewContent", B))
        for pixel in ("111", "222")
    ]  # fmt: skip


# --- proxies -------------------------------------------------------------------------------------


def behind(trust: object, **changes: Any) -> Site:
    return asking(arrive=arrival_of(parse_trust(trust or "none"), Notes()), **changes)


@pytest.mark.parametrize(
    ("trust", "peer", "forwarded", "sent"),
    [
        (None, "203.0.113.7", "198.51.1.1", "203.0.113.7"),
        (None, "10.0.0.1", "198.51.1.1", None),
        (1, "10.0.0.1", "6.6.6.6, 198.51.1.1", "198.51.1.1"),
        (2, "10.0.0.1", "6.6.6.6, 198.51.1.1, 10.0.0.2", "198.51.1.1"),
        ("10.0.0.0/8", "10.0.0.1", "6.6.6.6, 198.51.1.1, 10.0.0.2", "198.51.1.1"),
        ("10.0.0.0/8", "203.0.113.7", "198.51.1.1", "203.0.113.7"),
        ("10.0.0.0/8", "10.0.0.1", "192.168.1.1", None),
        ("10.0.0.0/8", "10.0.0.1", "unknown", None),
        ("10.0.0.0/8", "", "198.51.1.1", "198.51.1.1"),
    ],
)
def test_visitor_is_whom_the_trusted_proxies_name(
    trust: object, peer: str, forwarded: str, sent: str | None
) -> None:
    where = behind(trust)
    headers = OWN | dict(VISITORS["granted"].headers) | {"x-forwarded-for": forwarded}
    told(where, asked(headers, client=peer), report(VIEW))
    assert where.rows[0]["user_data"].get("client_ip_address") == sent


@pytest.mark.parametrize(
    ("trust", "forwarded", "statuses"),
    [
        (None, ["198.51.1.1", "198.51.1.1", "198.51.1.2"], [204, 429, 204]),
        (None, ["6.6.6.1, 198.51.1.1", "6.6.6.2, 198.51.1.1"], [204, 429]),
        (1, ["198.51.1.1", "198.51.1.1", "198.51.1.2"], [204, 429, 204]),
        (1, ["6.6.6.1, 198.51.1.1", "6.6.6.2, 198.51.1.1"], [204, 429]),
        ("10.0.0.0/8", ["198.51.1.1, 10.0.0.9", "198.51.1.2, 10.0.0.9"], [204, 204]),
    ],
)
def test_reports_are_counted_per_visitor_behind_an_inner_proxy(
    trust: object, forwarded: list[str], statuses: list[int]
) -> None:
    one = desk(behind(trust), report_rate=1)
    headers = OWN | dict(VISITORS["granted"].headers)
    got = [
        one.answer(asked(headers | {"x-forwarded-for": who}, client="10.0.0.1"), report(VIEW))
        for who in forwarded
    ]
    assert [answer.status for answer in got] == statuses


@pytest.mark.parametrize(
    ("peer", "forwarded", "muted"),
    [
        ("10.0.0.1", "203.0.113.50", True),
        ("10.0.0.1", "203.0.113.51", False),
        ("10.0.0.1", "10.9.0.1", True),
        ("10.0.0.1", "10.8.0.1", False),
    ],
)
def test_own_people_are_known_behind_a_trusted_proxy(
    peer: str, forwarded: str, muted: bool
) -> None:
    """Those of the shop's own network too, whose addresses go to nobody."""
    staff = parse_staff(["203.0.113.50", "10.9.0.0/16"])
    where = behind("10.0.0.1", policy=policy(staff=staff))
    headers = OWN | dict(VISITORS["granted"].headers) | {"x-forwarded-for": forwarded}
    told(where, asked(headers, client=peer), report(VIEW))
    assert where.counts == ({"staff": 1} if muted else {})


def test_scheme_and_host_are_the_trusted_proxys() -> None:
    where = behind("1 host")
    more = {"x-forwarded-proto": "https", "x-forwarded-host": "www.shop.example"}
    headers = OWN | dict(VISITORS["granted"].headers) | more | {"x-forwarded-for": "198.51.1.1"}
    request_ = asked(headers, client="10.0.0.1", host="inner:8000", scheme="http")
    assert cookies(told(where, request_, report(VIEW))) == [AGAIN]


def test_keepsake_of_these_tests_is_the_shops() -> None:
    assert KEEPSAKE.opened(kept(hashed({"city": "paris"})).encode()) == hashed({"city": "paris"})
    assert VISITORS["granted"].headers["user-agent"] == AGENT


# --- whom the shop is asked about ----------------------------------------------------------------


def desk_of_callables(rate: int = 60) -> Desk:
    questions = (Question("staff", lambda visitor: False),)
    return desk(asking(policy=policy(questions=questions)), report_rate=rate)


def test_report_that_will_be_refused_asks_the_shop_nothing() -> None:
    headers = dict(VISITORS["granted"].headers)
    foreign = asked(headers | {"origin": "https://evil.example"})
    assert desk_of_callables().inquiry(foreign, "source") is None


def test_report_beyond_the_rate_asks_the_shop_nothing_and_is_refused() -> None:
    one, mine = desk_of_callables(rate=1), OWN | dict(VISITORS["granted"].headers)
    first = one.inquiry(asked(mine), "source")
    assert one.answer(asked(mine), report(VIEW), first).status == 204
    assert one.inquiry(asked(mine), "source") is None
    assert one.answer(asked(mine), report(VIEW)).status == 429


@pytest.mark.parametrize("word", ['"revoked":0', '"x":["revoked"]'])
def test_word_of_a_withdrawal_opens_no_way_around_the_rate(word: str) -> None:
    where = asking()
    one = desk(where, report_rate=1)
    mine = OWN | dict(VISITORS["granted"].headers)
    body = report(VIEW)[:-1] + f",{word}}}".encode()
    assert [one.answer(asked(mine), body).status for _ in range(3)] == [204, 429, 429]
    assert len(where.accepted) == 1
