"""The doctor's own visits: decided like a customer's, reported to it alone, and nothing leaves."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.consent import parse_consent
from pixelpair.core.exchange import Exchange
from pixelpair.core.policy import Policy
from pixelpair.core.proxies import parse_trust
from pixelpair.core.rehearsal import FORGED, LIFETIME, ROOM, Held, admits, name_of, ticket
from pixelpair.core.shop import Tracked
from pixelpair.fittings import arrival_of

from .exchanges import (
    HTML,
    JSON,
    NOW,
    PAGE,
    Answered,
    answer,
    ids,
    request,
    routes,
    site,
    tracks,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelpair.core.http import Headers, Request

    from .exchanges import Site, View

SECRETS = (b"the shop's own secret",)
HOST = "www.shop.example"
PRODUCT = b"""<!doctype html><html><head><title>Tea</title>%b</head><body></body></html>""" % (
    b'<script type="application/ld+json">{"@context":"https://schema.org","@type":"Product",'
    b'"name":"Tea","sku":"T-1","offers":{"@type":"Offer","price":"12.50"}}</script>'
)


def shop(**changes: Any) -> Site:
    return site(doctors=SECRETS, **changes)


def rehearse(
    where: Site,
    asked: Request | None = None,
    *,
    told: str | None = None,
    status: int = 200,
    headers: Headers = HTML,
    chunks: Iterable[bytes] = (PAGE,),
    view: View | None = None,
) -> Answered:
    """As `answer`, with the doctor's header, by a door that asks `admit` first."""
    asked = asked or request()
    told = ticket(SECRETS, HOST, NOW) if told is None else told
    exchange = Exchange(where.shop, asked.method, lambda _source: asked, "the framework's request")
    given = [*asked.index.items(), (b"pixelpair-doctor", told.encode())]
    assert exchange.admit(given) is None
    if view:
        view(exchange)
    sent = exchange.respond(status, headers)
    held, out = sent is None, []
    for chunk in chunks:
        piece = exchange.feed(chunk)
        assert not held or exchange.headers is not None or not piece
        out.append(piece)
        sent = exchange.headers if sent is None else sent  # a door sends them now
    out.append(exchange.finish())
    sent = exchange.headers if sent is None else sent
    assert sent is not None
    return Answered(sent, b"".join(out), sent is headers)


def report(of: Answered) -> dict[str, Any]:
    (text,) = of.values(b"pixelpair-report")
    return json.loads(text)


# --- what a page's rehearsal says ----------------------------------------------------------------


def test_tells_what_a_usual_page_would_have_handed_on() -> None:
    where = shop()
    answered = rehearse(where)
    assert report(answered) == {
        "v": 1,
        "mode": "server",
        "why": "private",
        "shared": False,
        "muted": "",
        "consent": "granted",
        "ldu": False,
        "asked": False,
        "sends": True,
        "host": HOST,
        "scheme": "https",
        "root": "",
        "visitor": "public",
        "chain": ["public"],
        "place": 0,
        "coding": "",
        "cache": {},
        "sized": False,
        "events": [["PageView", *ids(1), [], ""]],
        "sealed": [],
        "facts": {},
        "dropped": [],
        "notes": [],
        "inserted": len(answered.body) - len(PAGE),
    }
    assert (where.accepted, where.withdrawn, where.counts) == ([], [], {})


def test_page_is_the_customers_own_to_the_byte() -> None:
    for page in (PAGE, PRODUCT):
        asked = request(path="/products/T-1")
        customer, doctor = (
            answer(shop(), asked, chunks=[page]),
            rehearse(shop(), asked, chunks=[page]),
        )
        assert doctor.body == customer.body
        assert doctor.headers[:-1] == customer.headers


@pytest.mark.parametrize("size", [1, 7, 60])
def test_page_in_pieces_is_held_and_told_whole(size: int) -> None:
    pieces = [PRODUCT[at : at + size] for at in range(0, len(PRODUCT), size)]
    asked = request(path="/products/T-1")
    customer, doctor = answer(shop(), asked, chunks=pieces), rehearse(shop(), asked, chunks=pieces)
    assert doctor.body == customer.body
    told = report(doctor)
    assert [event[:2] for event in told["events"]] == [list(pair) for pair in doctor.shown]
    assert told["facts"] == {"sku": "JSON-LD", "name": "JSON-LD", "price": "JSON-LD"}
    # A price without a currency is worth nothing.
    assert told["events"][1][2] == ["content_ids", "content_type", "contents", "content_name"]


def test_page_for_all_is_told_and_not_kept() -> None:
    where = shop()
    given = [*HTML, (b"cache-control", b"public, max-age=60"), (b"etag", b'"1"')]
    answered = rehearse(where, headers=given)
    told = report(answered)
    assert (told["mode"], told["why"]) == ("browser", "cache-control: public, max-age=60")
    assert (told["events"], told["sealed"]) == ([], [["PageView", "", []]])
    assert answered.values(b"cache-control") == [b"private, no-store"]
    assert answered.body == answer(where, headers=given).body


def test_tells_of_an_act_that_is_no_page() -> None:
    where = shop(routes=routes("AddToCart POST /cart/add"))
    asked = request("POST", "/cart/add")
    given = [(b"location", b"/cart")]
    answered = rehearse(where, asked, status=303, headers=given, chunks=[])
    assert report(answered)["events"] == [["AddToCart", *ids(1), [], ""]]
    assert (where.accepted, answered.shown) == ([], [("AddToCart", *ids(1))])


def test_tells_the_fault_of_an_event() -> None:
    told = report(rehearse(shop(), view=tracks("Purchase", order_id="7")))
    (fault,) = [event[3] for event in told["events"] if event[0] == "Purchase"]
    assert fault
    assert [note[0] for note in told["notes"]] == ["fault"]


@pytest.mark.parametrize(
    ("headers", "page", "why", "note"),
    [
        ([*HTML, (b"content-encoding", b"br, gzip")], b"\x1b...", "encoded", "encoded"),
        (HTML, PAGE.replace(b"<title>", b"<script>fbq('init','1234567890')</script><title>"),
         "left alone", "second pixel"),
        (HTML, b"\xff\xfe<\0h\0t\0m\0l\0>\0", "charset", "charset"),
    ],
)  # fmt: skip
def test_tells_why_a_page_is_left_alone(headers: Headers, page: bytes, why: str, note: str) -> None:
    answered = rehearse(shop(), headers=headers, chunks=[page])
    told = report(answered)
    assert (told["why"], [n[0] for n in told["notes"]]) == (why, [note])
    assert answered.body == page


def test_tells_of_a_page_that_is_excluded() -> None:
    told = report(rehearse(shop(), request(path="/admin/x")))
    assert (told["mode"], told["why"]) == ("none", "excluded")


def test_tells_of_a_machine_and_of_who_was_not_asked() -> None:
    machine = request(headers={"user-agent": "curl/8"})
    assert report(rehearse(shop(), machine))["muted"].startswith("machine: ")
    asks = Policy(consent=parse_consent("required"))
    told = report(rehearse(shop(policy=asks)))
    assert (told["muted"], told["consent"], told["asked"]) == ("no consent", "pending", True)


def test_coded_page_is_told_of() -> None:
    packed = zlib.compress(PAGE, wbits=31)
    given = [*HTML, (b"content-encoding", b"gzip")]
    answered = rehearse(shop(), headers=given, chunks=[packed])
    told = report(answered)
    assert (told["coding"], told["mode"]) == ("gzip", "server")
    assert told["events"] == [["PageView", *ids(1), [], ""]]
    assert zlib.decompress(answered.body, wbits=31) == rehearse(shop()).body


def test_sealed_order_names_no_doctor() -> None:
    exchange = Exchange(shop().shop, "GET", lambda _source: request(), None)
    exchange.admit([(b"pixelpair-doctor", ticket(SECRETS, HOST, NOW).encode())])
    assert exchange.seal() == ""


def test_report_leaves_room_for_the_shops_own_headers() -> None:
    def view(exchange: Exchange) -> None:
        for number in range(60):
            exchange.track(Tracked(f"Event{number}", {"content_name": "x"}, f"id-{number}" * 6))

    (text,) = rehearse(shop(), view=view).values(b"pixelpair-report")
    assert len(text) <= ROOM
    assert json.loads(text)["cut"] is True
    assert json.loads(text)["mode"] == "server"


# --- who the visitor is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trust", "forwarded", "peer", "visitor", "chain", "place"),
    [
        (None, "", "203.0.113.7", "public", ["public"], 0),
        (None, "203.0.113.7", "10.0.0.1", "none", ["public", "private"], -1),
        (1, "203.0.113.7", "10.0.0.1", "public", ["public", "private"], 0),
        (2, "203.0.113.7", "10.0.0.1", "none", ["public", "private"], -1),
        (1, "203.0.113.7, 10.0.0.2", "10.0.0.1", "none", ["public", "private", "private"], 1),
        (2, f"{FORGED}, 203.0.113.7", "10.0.0.1", "forged", ["forged", "public", "private"], 0),
        (1, f"{FORGED}, 203.0.113.7", "10.0.0.1", "public", ["forged", "public", "private"], 1),
    ],
)  # fmt: skip
def test_tells_whose_the_address_is_and_never_the_address(
    trust: int | None, forwarded: str, peer: str, visitor: str, chain: list[str], place: int
) -> None:
    where = shop()
    arrive = arrival_of(None if trust is None else parse_trust(trust), where.shop.notes)
    where = replace(where, shop=replace(where.shop, arrive=arrive))
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    asked = request(headers=headers)
    made = lambda _source: replace(asked, client=peer)  # noqa: E731
    exchange = Exchange(where.shop, "GET", made, None)
    exchange.admit([(b"pixelpair-doctor", ticket(SECRETS, HOST, NOW).encode())])
    assert exchange.respond(200, HTML) is None
    exchange.feed(PAGE)
    exchange.finish()
    told = report(Answered(exchange.headers or [], b"", untouched=False))
    assert (told["visitor"], told["chain"], told["place"]) == (visitor, chain, place)
    assert "203.0.113" not in json.dumps(told)


# --- who is admitted -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        "",
        "www.shop.example 1760000000",
        ticket((b"another secret",), HOST, NOW),
        ticket(SECRETS, "other.example", NOW),
        ticket(SECRETS, HOST, NOW - LIFETIME - 2),
        ticket(SECRETS, HOST, NOW + 120),
        ticket(SECRETS, HOST, NOW)[:-1] + "!",
        "x" * 1000,
        "é.é",
    ],
)
def test_stranger_is_an_ordinary_visitor(told: str) -> None:
    where = shop()
    answered = rehearse(where, told=told)
    assert answered == answer(shop())
    assert where.sent == [("PageView", *ids(1))]


def test_shop_without_a_secret_admits_nobody() -> None:
    where = site()
    rehearse(where)
    assert where.sent == [("PageView", *ids(1))]


def test_older_secret_admits_too() -> None:
    old = ticket((b"old",), HOST, NOW)
    assert admits((b"new", b"old"), old.encode(), HOST, NOW)
    assert not admits((b"new",), old.encode(), HOST, NOW)


def test_host_is_compared_without_its_port() -> None:
    made = ticket(SECRETS, "WWW.shop.example:8443", NOW).encode()
    assert admits(SECRETS, made, "www.shop.example", NOW)
    assert [name_of(h) for h in ("[::1]:80", "a.example.", "A:1")] == ["[::1]", "a.example", "a"]


@given(st.binary(max_size=600), st.text(max_size=30))
def test_no_header_breaks_the_shop(value: bytes, host: str) -> None:
    assert admits(SECRETS, value, host, NOW) is False


def test_several_tickets_admit_nobody() -> None:
    """Each costs a signature: a head of 64 KB has room for thousands."""
    where = shop()
    exchange = Exchange(where.shop, "GET", lambda _source: request(), None)
    exchange.admit([(b"pixelpair-doctor", ticket(SECRETS, HOST, NOW).encode())] * 2)
    assert exchange.respond(200, HTML) is None
    exchange.feed(PAGE)
    exchange.finish()
    assert where.sent == [("PageView", *ids(1))]


# --- pages without end ---------------------------------------------------------------------------


def test_page_without_end_is_let_go() -> None:
    held = Held(lambda chunk: chunk)
    block = b"x" * 100_000
    out = b"".join(held.feed(block) for _ in range(30))
    assert 2_000_000 < len(out) <= 3_000_000
    assert (held.state, out + held.finish(b"!")) == ("changed", block * 30 + b"!")


def test_endless_page_in_crumbs_is_held_in_linear_time() -> None:
    """Each chunk once added up all before it: 2 MB of them took minutes of a worker."""
    held = Held(lambda chunk: chunk)
    out = b"".join(held.feed(b"x" * 20) for _ in range(120_000))
    assert len(out) > 2_000_000


@pytest.mark.parametrize(
    "said", [b'public, private="x"', b"max-age=60", b'max-age=9, private="a, b"']
)
def test_no_cache_may_keep_a_report(said: bytes) -> None:
    answered = rehearse(shop(), headers=[*HTML, (b"cache-control", said)])
    assert answered.values(b"cache-control") == [b"private, no-store"]


def test_failure_of_ours_is_in_the_shops_log_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was kept for a report that a failed answer may not get."""
    where = shop()
    logged: list[str] = []
    monkeypatch.setattr(
        type(where.shop.notes), "say", lambda _notes, what, *_given, **_more: logged.append(what)
    )

    monkeypatch.setattr("pixelpair.core.rehearsal._fitting", lambda _report: 1 / 0)
    assert rehearse(where).body != PAGE
    assert logged == ["failed"]


def test_answer_without_interest_gets_no_report() -> None:
    assert rehearse(shop(), headers=JSON, chunks=[b"{}"]).headers == JSON


def test_report_that_fails_costs_the_shop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("pixelpair.core.rehearsal._fitting", fails)
    assert rehearse(shop()) == answer(shop())
