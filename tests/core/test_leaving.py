"""Answers whose body stays as it came: what is counted and said of them, and their cookies."""

from __future__ import annotations

import pytest

from tests.core.answer_cases import ADD, NO_VISITOR, OURS, RELOCATED, SHOWN_AGAIN, TAG, length
from tests.core.exchanges import (
    JSON,
    PAGE,
    TYPE,
    answer,
    every,
    ids,
    request,
    site,
    tracks,
)


def test_failed_acts_are_counted() -> None:
    where = site()
    assert answer(where, status=500, view=ADD).untouched
    assert (where.accepted, where.counts) == ([], {"failed acts": 1})


def test_compressed_page_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    for _ in range(3):
        answer(where, headers=[TYPE, (b"content-encoding", b"br, gzip")], view=ADD)
    assert [(r.levelno, "compressed" in r.message) for r in caplog.records] == [(30, True)]
    assert where.counts == {"encoded": 3, "encoded pages": 3}


def test_log_lines_cannot_be_forged_by_a_path(caplog: pytest.LogCaptureFixture) -> None:
    """Seen: the decoded path of /x%0aERROR... stood in the log as a line of its own."""
    asked = request("GET", "/x\nERROR \x1b[31mpwned")
    answer(site(), asked, headers=[*JSON, TAG], chunks=[b"{}"], view=ADD)
    assert [r.message.isprintable() for r in caplog.records] == [True]


def test_head_of_a_page_that_caches_keep_has_the_tag_of_its_get() -> None:
    """A cache takes the page that it keeps for outdated if HEAD tells another tag or length."""
    headers = [TYPE, length(PAGE), TAG]
    got = answer(site(), request("HEAD"), headers=headers, chunks=[])
    assert got.headers == [TYPE, (b"etag", OURS)]


# --- events of an answer that is no page ---------------------------------------------------------


def test_without_a_token_exactly_the_browser_halves_leave() -> None:
    where = site(sends=False)
    assert [n for n, _ in answer(where, view=ADD).shown] == ["PageView", "AddToCart"]
    moved = answer(where, request("POST", "/cart/add"), status=302, headers=RELOCATED, chunks=[])
    assert [n for n, _ in moved.shown] == ["AddToCart"]
    assert where.accepted == []


def test_act_keeps_the_answer_and_adds_one_cookie_per_event() -> None:
    where = site()
    asked = request("POST", "/cart/add")
    both = every(ADD, tracks("Lead"))
    headers = [(b"location", b"/cart"), (b"set-cookie", b"session=1")]
    got = answer(where, asked, status=302, headers=headers, chunks=[b"moved"], view=both)
    data = {"content_ids": ["SKU-1"], "value": 19.9, "currency": "SEK"}
    first, second = ids(2)
    assert got.pending == [["AddToCart", data, first], ["Lead", {}, second]]
    assert where.sent == got.shown
    assert got.headers[:2] == headers
    assert len(got.headers) == 4
    assert got.body == b"moved"


def test_answer_to_an_act_says_private_only_where_caches_may_keep_it() -> None:
    got = answer(site(), request("POST", "/cart/add"), headers=JSON, chunks=[b"{}"])
    assert got.values(b"cache-control") == []
    got = answer(site(), headers=JSON, chunks=[b"{}"], view=ADD)
    assert got.values(b"cache-control") == [b"private"]
    assert len(got.pending) == 1


@pytest.mark.parametrize("case", SHOWN_AGAIN)
def test_cacheable_answer_gets_no_cookie(case: str, caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    headers = [*JSON, *SHOWN_AGAIN[case]]
    got = answer(where, request(headers=NO_VISITOR), headers=headers, chunks=[b"{}"], view=ADD)
    assert got.untouched
    assert [name for name, _ in where.sent] == ["AddToCart"]
    assert "server only" in caplog.text


def test_two_events_of_one_given_id_have_cookies_of_their_own() -> None:
    """Seen in Chromium: the second replaced the first, which became a lone server half."""
    where = site()
    view = every(tracks("Lead", "order-1"), tracks("Contact", "order-1"))
    got = answer(where, request("POST", "/x"), headers=JSON, chunks=[b"{}"], view=view)
    cookies = {value.partition(b"=")[0] for value in got.values(b"set-cookie")}
    assert len(cookies) == len(got.pending) == len(where.sent) == 2


# --- a visitor's room ----------------------------------------------------------------------------


def test_visitor_with_many_pending_cookies_gets_no_more_of_them() -> None:
    """Seen: a shop whose carts are scripts alone got 431 for every request at 8 KB of cookies."""
    full = {"cookie": "; ".join(f"_pixelpair_{n:08x}={'x' * 380}" for n in range(10))}
    where = site()
    got = answer(
        where, request("POST", "/cart/add", headers=full), headers=JSON, chunks=[b"{}"], view=ADD
    )
    assert (len(where.sent), got.pending) == (1, [])
    assert where.counts == {"server half alone": 1}


LONG = tracks("Lead", content_ids=[f"SKU-{n}" for n in range(20)])


def test_events_of_one_answer_beyond_its_room_keep_name_and_id() -> None:
    where = site()
    view = every(*[LONG] * 12)
    got = answer(where, request("POST", "/x"), headers=JSON, chunks=[b"{}"], view=view)
    full = [call for call in got.pending if call[1]]
    bare = [call for call in got.pending if not call[1]]
    assert (len(full), len(bare), got.pending) == (4, 5, full + bare)
    assert 1700 < sum(map(len, got.values(b"set-cookie"))) <= 2500
    assert len(where.sent) == 12
    assert where.counts == {"server half alone": 3}


def test_events_beyond_a_visitors_room_keep_name_and_id_and_a_purchase_its_money() -> None:
    held = {"cookie": "; ".join(f"_pixelpair_{n:08x}={'x' * 380}" for n in range(7))}
    view = every(LONG, tracks("Purchase", value=9, currency="SEK", content_ids=["SKU"] * 20))
    got = answer(site(), request("POST", "/x", headers=held), headers=JSON, chunks=[], view=view)
    assert [call[1] for call in got.pending] == [{}, {"value": 9, "currency": "SEK"}]
