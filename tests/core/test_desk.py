from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.desk import Desk
from pixelpair.core.seals import Seal, page_text
from pixelpair.core.served import Answer
from tests.core.exchanges import AGENT, FBP, NEW_FBP, NOW, PIXEL, request, site

if TYPE_CHECKING:
    from pixelpair.core.http import Request
    from tests.core.exchanges import Site

SEAL = Seal([b"secret"], PIXEL)
SCRIPT = b"(function (w, d) {})(window, document);"
EVENTS, PIXEL_JS = "/_pixelpair/events", "/_pixelpair/pixel.js"
OWN = {"origin": "https://www.shop.example", "sec-fetch-site": "same-origin"}
FRONT = "https://front.shop.example"
URL = "https://www.shop.example/tea?utm_source=x"
A, B = "a" * 32, "b" * 32
NO_STORE = (b"cache-control", b"no-store")
VIEW: list[Any] = ["PageView", {}]
SHOWN: list[Any] = ["ViewContent", {"content_ids": ["SKU-1"]}]


def desk(where: Site, **options: Any) -> Desk:
    return Desk(where.shop, SEAL, SCRIPT, path="/_pixelpair", **options)


def asked(headers: dict[str, str] | None = None, method: str = "POST", **changes: Any) -> Request:
    return request(method, EVENTS, headers=OWN if headers is None else headers, **changes)


def report(*calls: list[Any], ids: list[str] | None = None, **fields: Any) -> bytes:
    body = {"url": URL, "referrer": "https://news.example/a"} | fields
    if calls:
        body |= {"signed": SEAL.seal(page_text("/tea", calls)), "ids": ids or [A, B][: len(calls)]}
    return json.dumps(body).encode()


def refusal(status: int, sentence: str, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(
        status,
        [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(sentence)),
            NO_STORE,
            *headers,
        ],
        sentence.encode(),
    )


def cookies(answer: Answer) -> list[str]:
    return [value.decode() for name, value in answer.headers if name == b"set-cookie"]


AROUND = "; Max-Age=7776000; Domain=shop.example; Path=/; SameSite=Lax; Secure"


# --- what is ours --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "room"),
    [
        ("POST", EVENTS, 8193),
        ("OPTIONS", EVENTS, 0),
        ("GET", EVENTS, 0),
        ("GET", PIXEL_JS, 0),
        ("HEAD", PIXEL_JS, 0),
        ("POST", PIXEL_JS, 0),
        ("GET", "/_pixelpair", None),
        ("GET", "/_pixelpair/", None),
        ("POST", "/_pixelpair/events/", None),
        ("GET", "/_pixelpair/other", None),
        ("POST", "/events", None),
        ("GET", "/", None),
    ],
)
def test_reads_as_much_as_a_report_may_have_and_one_byte(
    method: str, path: str, room: int | None
) -> None:
    one = desk(site())
    assert one.room(request(method, path)) == room
    assert (path in one.paths) is (room is not None)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_of_the_reports_are_refused(method: str) -> None:
    where = site()
    got = desk(where).answer(asked(method=method), b"")
    allow = (b"allow", b"POST, OPTIONS")
    assert got == refusal(405, "This address does not know the method.", allow)
    assert where.counts == {"report refused: method": 1}


def test_answer_to_head_has_no_body() -> None:
    got = desk(site()).answer(asked(method="HEAD"), b"")
    assert (got.status, got.body) == (405, b"")


def test_script_is_served() -> None:
    one = desk(site())
    got = one.answer(request("GET", PIXEL_JS, query=f"v={one.version}"), b"")
    assert (got.status, got.body) == (200, SCRIPT)
    assert got.headers[0] == (b"cache-control", b"public, max-age=31536000, immutable")


def test_other_methods_of_the_script_are_refused() -> None:
    got = desk(site()).answer(request("POST", PIXEL_JS), b"")
    assert (got.status, got.headers[-1]) == (405, (b"allow", b"GET, HEAD"))


# --- a report ------------------------------------------------------------------------------------


def test_report_is_queued_as_the_page_would_have_been() -> None:
    where = site()
    got = desk(where).answer(asked(), report(VIEW, SHOWN))
    assert got == Answer(204, [NO_STORE, (b"set-cookie", f"_fbp={FBP}{AROUND}".encode())])
    facts = {
        "event_time": int(NOW),
        "action_source": "website",
        "event_source_url": URL,
        "referrer_url": "https://news.example/a",
        "user_data": {
            "client_ip_address": "203.0.113.7",
            "client_user_agent": AGENT,
            "fbp": FBP,
        },
    }
    assert where.rows == [
        {"event_name": "PageView", "event_id": A, **facts},
        {"event_name": "ViewContent", "event_id": B, **facts, "custom_data": SHOWN[1]},
    ]
    assert where.counts == {}


def test_cookies_that_the_page_made_are_set_again_as_they_are() -> None:
    fbc = "fb.1.1759999999999.IwAR0"
    headers = OWN | {"cookie": f"_fbp={FBP}; _fbc={fbc}"}
    got = desk(site()).answer(asked(headers), report(VIEW))
    assert cookies(got) == [f"_fbp={FBP}{AROUND}", f"_fbc={fbc}{AROUND}"]


@pytest.mark.parametrize("cookie", ["", "_fbp=1; _fbc=2", '_fbp="a"; _fbc=fb.1.x.y'])
def test_missing_cookies_are_made_and_travel_with_the_twin(cookie: str) -> None:
    where = site()
    body = report(VIEW, url=f"{URL}&fbclid=IwAR1")
    got = desk(where).answer(asked(OWN | {"cookie": cookie}), body)
    fbc = f"fb.1.{int(NOW * 1000)}.IwAR1"
    assert cookies(got) == [f"_fbp={NEW_FBP}{AROUND}", f"_fbc={fbc}{AROUND}"]
    user = where.rows[0]["user_data"]
    assert (user["fbp"], user["fbc"]) == (NEW_FBP, fbc)


def test_new_click_replaces_the_old_one() -> None:
    headers = OWN | {"cookie": f"_fbp={FBP}; _fbc=fb.1.1.old"}
    got = desk(site()).answer(asked(headers), report(VIEW, url=f"{URL}&fbclid=new"))
    assert cookies(got)[1] == f"_fbc=fb.1.{int(NOW * 1000)}.new{AROUND}"


def test_cookies_are_secure_where_the_page_is_even_if_the_app_does_not_know_it() -> None:
    got = desk(site()).answer(asked(scheme="http"), report(VIEW))
    assert cookies(got) == [f"_fbp={FBP}{AROUND}"]
    plain = report(made=[["PageView", {}, B]], url="http://www.shop.example/")
    assert "Secure" not in cookies(desk(site()).answer(asked(), plain))[0]


def test_host_is_the_pages_where_the_proxy_told_another() -> None:
    where = site()
    got = desk(where).answer(asked(host="127.0.0.1:8000"), report(VIEW))
    assert cookies(got) == [f"_fbp={FBP}{AROUND}"]
    assert where.rows[0]["event_source_url"] == URL


def test_address_of_another_page_is_replaced_by_the_signed_one() -> None:
    where = site()
    desk(where).answer(asked(), report(VIEW, url="https://www.shop.example/cart?a=b"))
    assert where.rows[0]["event_source_url"] == "https://www.shop.example/tea"


@pytest.mark.parametrize(
    "referrer", ["javascript:alert(1)", "https://ä.example/", "https://a.example/" + "a" * 2100, 7]
)
def test_referrer_that_is_no_web_address_is_left_out(referrer: object) -> None:
    where = site()
    desk(where).answer(asked(), report(VIEW, referrer=referrer))
    assert "referrer_url" not in where.rows[0]


def test_long_query_is_cut() -> None:
    where = site()
    desk(where).answer(asked(), report(VIEW, url=f"{URL}&x={'y' * 3000}"))
    assert where.rows[0]["event_source_url"] == "https://www.shop.example/tea"


@pytest.mark.parametrize("choice", ["browser", "off"])
def test_page_view_that_needs_no_twin_is_not_queued(choice: str) -> None:
    where = site(page_view=choice)
    assert desk(where).answer(asked(), report(VIEW, SHOWN)).status == 204
    assert where.sent == [("ViewContent", B)]


def test_shop_without_a_token_queues_nothing() -> None:
    where = site(sends=False)
    assert desk(where).answer(asked(), report(VIEW)).status == 204
    assert where.rows == []


def test_purchase_with_a_fault_is_kept_for_the_dead_letters() -> None:
    where = site()
    desk(where).answer(asked(), report(["Purchase", {"order_id": "7"}, B], ids=[B]))
    assert [(twin.event_name, twin.fault is None) for twin in where.accepted] == [
        ("Purchase", False)
    ]


# --- once ----------------------------------------------------------------------------------------


def test_id_already_seen_adds_nothing() -> None:
    where = site()
    one = desk(where)
    first, again = (one.answer(asked(), report(VIEW, SHOWN)) for _ in range(2))
    assert first == again
    assert where.sent == [("PageView", A), ("ViewContent", B)]
    assert where.counts == {"reported again": 2}


def test_new_event_of_a_repeated_report_is_queued() -> None:
    where = site()
    one = desk(where)
    one.answer(asked(), report(VIEW))
    one.answer(asked(), report(VIEW, SHOWN))
    assert where.sent == [("PageView", A), ("ViewContent", B)]


def test_event_twice_in_one_report_is_queued_once() -> None:
    where = site()
    desk(where).answer(asked(), report(made=[["PageView", {}, A]] * 2))
    assert where.sent == [("PageView", A)]


def test_events_that_could_not_be_queued_may_come_again() -> None:
    accepted: list[bytes] = []
    full = iter([OSError("disk full")])

    def queue(record: bytes) -> None:
        for error in full:
            raise error
        accepted.append(record)

    where = site(queue=queue)
    one = desk(where)
    answers = [one.answer(asked(), report(VIEW)).status for _ in range(2)]
    assert (answers, len(accepted), where.counts) == ([204, 204], 1, {"failures": 1})


# --- refusals ------------------------------------------------------------------------------------

BAD: list[tuple[Request, bytes, Answer, str]] = [
    (
        asked({"origin": "https://evil.example"}),
        report(VIEW),
        refusal(403, "Pages of this origin may not report here."),
        "origin",
    ),
    (asked(), b"{", refusal(400, "This is no report."), "shape"),
    (asked(), b" " * 8193, refusal(413, "A report has at most 8192 bytes."), "size"),
    (
        asked(),
        report(signed="a.b", ids=[]),
        refusal(400, "The signature is not this shop's."),
        "signature",
    ),
    (
        asked(),
        report(VIEW, ids=["x"]),
        refusal(400, "An event's id is missing or has another shape."),
        "id",
    ),
    (
        asked(),
        report(made=[["Purchase", {"value": 1}, A]]),
        refusal(400, "A page may not report an event of this name."),
        "name",
    ),
    (
        asked(),
        report(VIEW, url="https://evil.example/"),
        refusal(400, "The address is not one of the reporting page's host."),
        "url",
    ),
]


@pytest.mark.parametrize(("request_", "body", "answer", "reason"), BAD, ids=[b[3] for b in BAD])
def test_refusal_is_counted_and_queues_nothing(
    request_: Request, body: bytes, answer: Answer, reason: str
) -> None:
    where = site()
    assert desk(where).answer(request_, body) == answer
    assert (where.rows, where.counts) == ([], {f"report refused: {reason}": 1})


def test_too_many_reports_of_one_address_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    one = desk(where, report_rate=2)
    answers = [one.answer(asked(), report(made=[["PageView", {}, f"{n:032x}"]])) for n in range(4)]
    assert [answer.status for answer in answers] == [204, 204, 429, 429]
    sentence = "Too many reports; try again in a minute."
    assert answers[-1] == refusal(429, sentence, (b"retry-after", b"60"))
    assert one.answer(asked(client="203.0.113.8"), report(VIEW)).status == 204
    assert [level for _, level, _ in caplog.record_tuples] == [logging.WARNING]
    assert "203.0.113" not in caplog.text


@pytest.mark.parametrize(
    ("client", "forwarded", "counted_apart"),
    [
        ("127.0.0.1", ("198.51.100.1", "198.51.100.2"), True),
        ("", ("9.9.9.9, 198.51.100.1", "9.9.9.9, 198.51.100.2"), True),
        ("10.0.0.1", ("1.1.1.1, 198.51.100.1", "2.2.2.2, 198.51.100.1"), False),
        ("203.0.113.7", ("198.51.100.1", "198.51.100.2"), False),
        ("127.0.0.1", ("", ""), False),
    ],
)
def test_visitors_behind_a_proxy_are_counted_apart(
    client: str, forwarded: tuple[str, str], counted_apart: bool
) -> None:
    one = desk(site(), report_rate=1)
    statuses = [
        one.answer(asked(OWN | {"x-forwarded-for": who}, client=client), report(VIEW)).status
        for who in forwarded
    ]
    assert statuses == [204, 204 if counted_apart else 429]


def test_what_is_wrong_with_an_event_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    one = desk(site(), page_events=["AddToWishlist"])
    for number in range(3):
        made = [["AddToWishlist", {"value": "much", f"made_up_{number}": []}, f"{number:032x}"]]
        one.answer(asked(), report(made=made, twice=1))
    assert caplog.messages == [
        "AddToWishlist: value is no number; it was dropped",
        (
            f"another script of the pages starts pixel {PIXEL} too: remove it there, or its events "
            "count beside those of pixelpair"
        ),
    ]


# --- front ends on other hosts -------------------------------------------------------------------

CORS = [
    (b"access-control-allow-origin", FRONT.encode()),
    (b"access-control-allow-credentials", b"true"),
    (b"vary", b"Origin"),
]
FOREIGN = {"origin": FRONT, "sec-fetch-site": "same-site"}


def test_front_end_reports_across_hosts() -> None:
    where = site()
    one = desk(where, origins=[FRONT], page_events=["AddToWishlist"])
    body = report(made=[["AddToWishlist", {"value": 5}, A]], url=f"{FRONT}/tea")
    got = one.answer(asked(FOREIGN, host="api.shop.example"), body)
    cookie = (b"set-cookie", f"_fbp={FBP}{AROUND}".encode())
    assert got == Answer(204, [NO_STORE, *CORS, cookie])
    (row,) = where.rows
    assert (row["event_source_url"], row["event_name"]) == (f"{FRONT}/tea", "AddToWishlist")


def test_front_end_may_read_why_it_is_refused() -> None:
    one = desk(site(), origins=[FRONT], report_rate=1)
    malformed, too_many = (one.answer(asked(FOREIGN), b"{") for _ in range(2))
    assert malformed == refusal(400, "This is no report.", *CORS)
    assert too_many.status == 429
    assert too_many.headers[-3:] == CORS


def test_preflight_of_a_front_end_is_answered() -> None:
    got = desk(site(), origins=[FRONT]).answer(asked(FOREIGN, "OPTIONS"), b"")
    assert (got.status, got.body) == (204, b"")
    assert got.headers == [
        (b"allow", b"POST, OPTIONS"),
        *CORS,
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"content-type"),
        (b"access-control-max-age", b"7200"),
    ]


def test_preflight_of_a_stranger_is_refused() -> None:
    where = site()
    got = desk(where).answer(asked(FOREIGN, "OPTIONS"), b"")
    assert got == refusal(403, "Pages of this origin may not report here.")
    assert where.counts == {"report refused: origin": 1}


def test_options_without_an_origin_tell_the_methods() -> None:
    got = desk(site()).answer(asked({}, "OPTIONS"), b"")
    assert got == Answer(204, [NO_STORE, (b"allow", b"POST, OPTIONS")])


# --- whatever comes ------------------------------------------------------------------------------


def test_failure_is_answered_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> float:
        raise RuntimeError

    where = site(clock=fail)
    one = desk(where)
    assert [one.answer(asked(), report(VIEW)) for _ in range(2)] == [Answer(204, [NO_STORE])] * 2
    assert (where.counts, len(caplog.records)) == ({"failures": 2}, 1)


TEXT = st.text(st.characters(max_codepoint=255), max_size=60)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["origin", "sec-fetch-site", "cookie", "user-agent", "x-forwarded-for", "if-none-match"]
    ),
    TEXT | st.sampled_from(["https://www.shop.example", "same-origin", "_fbp=fb.1.1.1", "null"]),
)
REPORTS = st.builds(
    report,
    st.sampled_from([VIEW, SHOWN]),
    url=st.just(URL) | TEXT.map(URL.__add__) | TEXT,
    referrer=TEXT,
    twice=TEXT,
)


@given(
    st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "BREW"]),
    st.sampled_from([EVENTS, PIXEL_JS]),
    HEADERS,
    st.binary() | REPORTS,
    TEXT,
    st.just("www.shop.example") | TEXT,
)
def test_whatever_comes_is_answered_and_nothing_fails(
    method: str, path: str, headers: dict[str, str], body: bytes, client: str, host: str
) -> None:
    where = site()
    asked_any = request(method, path, headers=headers, client=client, host=host)
    got = desk(where).answer(asked_any, body)
    assert got.status in {200, 204, 304, 400, 403, 405, 429}
    assert "failures" not in where.counts
    assert all(b"\n" not in value and b"\r" not in value for _, value in got.headers)
    assert got.status == 204 or not where.rows
