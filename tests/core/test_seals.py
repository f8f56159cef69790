from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from pixelpair.core.seals import MOST_CALLS, TEXT_ROOM, Seal, page_text, signer

PIXEL = "1234567890"
SEAL = Seal([b"new", b"old"], PIXEL)
TEXT = page_text("/tea", [["PageView", {}]])


def calls_of(text: str) -> list[list[Any]]:
    return json.loads(text)[1]


# --- the seal ------------------------------------------------------------------------------------


def test_sealed_text_is_the_text_a_dot_and_a_signature_without_one() -> None:
    text, _, signature = SEAL.seal(TEXT).rpartition(".")
    assert (text, len(signature), "." in signature) == (TEXT, 43, False)


@given(st.text(st.characters(max_codepoint=127)))
def test_what_was_sealed_opens(text: str) -> None:
    assert SEAL.opened(SEAL.seal(text)) == text


def test_same_page_has_the_same_seal_in_every_process() -> None:
    assert Seal([b"new", b"old"], PIXEL).seal(TEXT) == SEAL.seal(TEXT) == SEAL.seal(TEXT)


@pytest.mark.parametrize(
    ("secrets", "pixel", "opens"),
    [
        ([b"new"], PIXEL, True),
        ([b"newest", b"new", b"old"], PIXEL, True),
        ([b"old"], PIXEL, False),
        ([b"new", b"old"], "1234567891", False),
    ],
)
def test_first_secret_signs_and_all_verify(secrets: list[bytes], pixel: str, opens: bool) -> None:
    assert (Seal(secrets, pixel).opened(SEAL.seal(TEXT)) == TEXT) is opens


def test_text_of_an_old_secret_opens_after_the_rotation() -> None:
    assert SEAL.opened(Seal([b"old"], PIXEL).seal(TEXT)) == TEXT


def test_signature_of_another_use_of_the_secret_is_refused() -> None:
    assert SEAL.opened(Signer(b"new").sign(TEXT).decode()) is None


@given(st.text() | st.text().map(lambda text: f"{TEXT}.{text}") | st.just(TEXT))
def test_nothing_else_opens(sealed: str) -> None:
    assert SEAL.opened(sealed) is None


@given(st.integers(0, len(TEXT) - 1), st.characters(max_codepoint=127))
def test_changed_text_does_not_open(place: int, other: str) -> None:
    changed = TEXT[:place] + other + TEXT[place + 1 :]
    sealed = changed + SEAL.seal(TEXT)[len(TEXT) :]
    assert SEAL.opened(sealed) == (TEXT if changed == TEXT else None)


def test_no_other_spelling_of_a_signature_is_taken() -> None:
    """Base64 ignores letters that are none of its own, and the last two bits of 43 letters."""
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    sealed = SEAL.seal(TEXT)
    same = [sealed[:-1] + letters[letters.index(sealed[-1]) ^ bit] for bit in (1, 2, 3)]
    same += [f"{sealed[:-2]}!!!!{sealed[-2:]}", f"{sealed}="]
    itsdangerous = signer([b"new", b"old"], f"pixelpair.page.{PIXEL}")
    assert all(itsdangerous.validate(text) for text in same[:4])
    assert [SEAL.opened(text) for text in same] == [None] * 5


# --- the text ------------------------------------------------------------------------------------


def test_text_is_compact_ascii_json_of_path_and_calls() -> None:
    calls = [["PageView", {}], ["ViewContent", {"content_name": "grönt te"}, "", 1]]
    text = page_text("/shop/te", calls)
    assert text == (
        '["/shop/te",[["PageView",{}],["ViewContent",{"content_name":"gr\\u00f6nt te"},"",1]]]'
    )


CONTENTS = [{"id": f"SKU-{n}", "title": "tea", "quantity": 2} for n in range(200)]
CART = {
    "content_ids": [f"SKU-{n}" for n in range(40)],
    "content_type": "product",
    "contents": CONTENTS,
    "value": 19.9,
    "currency": "SEK",
    "order_id": "A1",
    "num_items": 40,
    "colour": "green",
}


def test_long_cart_loses_its_lines() -> None:
    text = page_text("/", [["PageView", {}], ["Purchase", CART, "f" * 32]])
    kept = {key: CART[key] for key in CART if key not in ("contents", "colour")}
    assert calls_of(text) == [["PageView", {}], ["Purchase", kept, "f" * 32]]


def test_endless_cart_keeps_its_money() -> None:
    endless = CART | {"content_ids": ["x" * 400] * 30}
    money = {"value": 19.9, "currency": "SEK", "order_id": "A1"}
    assert calls_of(page_text("/", [["Purchase", endless, "f" * 32]])) == [
        ["Purchase", money, "f" * 32]
    ]


def test_of_too_many_calls_the_purchases_stay() -> None:
    calls = [*[["Lead", {"order_id": "€" * 90}]] * 60, ["Purchase", {"value": 1}, "f" * 32]]
    kept = calls_of(page_text("/", calls))
    assert kept[0] == calls[-1]
    assert 1 < len(kept) < MOST_CALLS


DATA = st.dictionaries(
    st.sampled_from([*CART, "a", "b"]),
    st.text(max_size=500) | st.integers(-(2**53), 2**53) | st.lists(st.text(max_size=60)),
)
CALLS = st.lists(
    st.tuples(st.sampled_from(["Lead", "Purchase"]), DATA, st.text("0f", max_size=64)), max_size=60
)


@given(st.text(st.characters(max_codepoint=127), max_size=3000), CALLS)
def test_report_has_room_for_any_text_and_its_ids(path: str, calls: Any) -> None:
    text = page_text(path, calls)
    ids = ["f" * 32] * len(calls_of(text))
    assert len(json.dumps(text)) + len(json.dumps(ids, separators=(",", ":"))) <= TEXT_ROOM + 4


def test_of_an_endless_path_the_last_segments_stay() -> None:
    path = "/a" * 2000 + "/end"
    kept = json.loads(page_text(path, []))[0]
    assert path.endswith(kept)
    assert (len(kept) > 900, kept[:3], kept[-4:]) == (True, "/a/", "/end")
    assert json.loads(page_text("/" + "a" * 2000, []))[0] == ""
