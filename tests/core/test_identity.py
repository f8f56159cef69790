from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, NoReturn
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from pixelpair.core.consent import OWN_COOKIE
from pixelpair.core.identity import (
    COOKIE,
    COOKIE_LIMIT,
    Keepsake,
    anonymous_id,
    identity_cookie,
    merged,
    same_person,
    user_information,
    with_remembered,
)
from pixelpair.core.user_data import FIELDS, customer_information

SECRET = b"a secret of these tests"
KEEPSAKE = Keepsake([SECRET], "1234567890")
KEYS = tuple(FIELDS.values())


def sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def carried(value: str) -> bytes:
    return f"a=b; {COOKIE}={value}; c=d".encode()


# --- a user object -------------------------------------------------------------------------------

ADA = {"email": "ada@shop.example", "first_name": "Ada", "last_name": "Lovelace", "id": 7}
KNOWN = {
    "email": "ada@shop.example",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "external_id": "7",
}


def user(**more: object) -> Any:
    return SimpleNamespace(**ADA | more)


@dataclass(slots=True)
class Slotted:
    email: str
    id: UUID


class Asking:
    """An ORM's object: what it lacks it fetches, and its properties fetch too."""

    def __init__(self) -> None:
        self.email = "ada@shop.example"

    def __getattr__(self, name: str) -> NoReturn:
        if name == "is_authenticated":
            raise AttributeError
        raise AssertionError(f"{name} was fetched")

    @property
    def last_name(self) -> NoReturn:
        raise AssertionError("last_name was fetched")

    class _Deferred:
        def __get__(self, instance: object, owner: object) -> object:
            if instance is not None:
                raise AssertionError("first_name was fetched")
            return self

    first_name = _Deferred()


class Renamed:
    """A user model whose e-mail address and key have other names."""

    EMAIL_FIELD = "mail"
    _meta = SimpleNamespace(pk=SimpleNamespace(attname="number"))

    def __init__(self) -> None:
        self.mail, self.number, self.id = "ada@shop.example", 9, 1


@pytest.mark.parametrize("said", [{}, {"is_authenticated": True}, {"is_authenticated": lambda: 1}])
def test_user_is_read_by_the_usual_names(said: dict[str, object]) -> None:
    assert user_information(user(**said)) == KNOWN


@pytest.mark.parametrize("said", [False, lambda: False, 0, None])
def test_stranger_is_nobody(said: object) -> None:
    assert user_information(user(is_authenticated=said)) == {}


def test_no_user_is_nobody() -> None:
    assert user_information(None) == {}


def test_blank_and_odd_values_are_left_out() -> None:
    odd = user(email=" ", first_name=None, last_name=["x"], id=True)
    assert user_information(odd) == {}


def test_text_is_stripped_and_keys_become_text() -> None:
    key = UUID("12345678123456781234567812345678")
    assert user_information(user(email=" a@b.example ", id=key)) == {
        **KNOWN,
        "email": "a@b.example",
        "external_id": str(key),
    }


def test_slots_are_read() -> None:
    found = user_information(Slotted("a@b.example", UUID(int=1)))
    assert found == {"email": "a@b.example", "external_id": str(UUID(int=1))}


def test_nothing_is_fetched() -> None:
    assert user_information(Asking()) == {"email": "ada@shop.example"}


def test_names_of_the_model_are_followed() -> None:
    assert user_information(Renamed()) == {"email": "ada@shop.example", "external_id": "9"}


class Failing:
    @property
    def is_authenticated(self) -> NoReturn:
        raise RuntimeError("the session is closed")


@pytest.mark.parametrize("strange", [Failing(), 7, "ada", object(), [], {"email": "a@b.example"}])
def test_strange_objects_are_nobody(strange: object) -> None:
    assert user_information(strange) == {}


def test_what_is_read_can_be_identified() -> None:
    hashed, dropped = customer_information(user_information(user()), phone_country=None, year=2026)
    assert dropped == ()
    assert hashed == {
        "em": [sha("ada@shop.example")],
        "fn": [sha("ada")],
        "ln": [sha("lovelace")],
        "external_id": [sha("7")],
    }


# --- several sources -----------------------------------------------------------------------------

ONE, TWO, THREE = sha("one"), sha("two"), sha("three")
BLANK = sha("")


def test_each_field_comes_from_the_most_trusted_source() -> None:
    view = {"em": [ONE]}
    called = {"em": [TWO], "ph": [TWO, THREE]}
    known_user = {"em": [THREE], "ph": [THREE], "fn": [THREE]}
    assert merged(view, called, known_user) == {"em": [ONE], "ph": [TWO, THREE], "fn": [THREE]}


def test_blank_of_a_trusted_source_hides_nothing() -> None:
    view = {"em": [BLANK], "ph": [], "fn": [sha("none"), TWO]}
    assert merged(view, {"em": [ONE], "ph": [ONE]}) == {"em": [ONE], "ph": [ONE], "fn": [TWO]}


def test_sources_stay_as_they_were() -> None:
    view, called = {"em": [ONE]}, {"ph": [TWO]}
    merged(view, called)["em"].append(THREE)
    assert (view, called) == ({"em": [ONE]}, {"ph": [TWO]})


@pytest.mark.parametrize(
    ("known", "remembered", "same"),
    [
        ({}, {"em": [ONE]}, True),
        ({"fn": [ONE]}, {"fn": [TWO]}, False),
        ({"fn": [ONE], "em": [ONE]}, {"fn": [TWO], "em": [ONE]}, True),
        ({"ct": [ONE]}, {"ct": [TWO]}, True),
        ({"em": [ONE]}, {"em": [TWO]}, False),
        ({"em": [ONE, TWO]}, {"em": [TWO]}, True),
        ({"em": [ONE], "external_id": [THREE]}, {"em": [TWO], "external_id": [THREE]}, True),
        ({"em": [ONE], "external_id": [TWO]}, {"em": [ONE], "external_id": [THREE]}, False),
        ({"ph": [ONE]}, {"ph": [TWO], "em": [ONE]}, False),
    ],
)
def test_another_person_is_told_by_the_best_field(
    known: dict[str, list[str]], remembered: dict[str, list[str]], same: bool
) -> None:
    assert same_person(known, remembered) is same
    assert same_person(remembered, known) is same


def test_remembered_fields_fill_the_gaps() -> None:
    remembered = {"em": [ONE], "fn": [TWO]}
    assert with_remembered({"em": [ONE, TWO]}, remembered) == {"em": [ONE, TWO], "fn": [TWO]}


def test_nothing_of_another_person_is_taken() -> None:
    assert with_remembered({"em": [TWO]}, {"em": [ONE], "fn": [ONE]}) == {"em": [TWO]}


# --- the cookie ----------------------------------------------------------------------------------

FULL = {key: [sha(key), sha("second")] for key in reversed(KEYS)}
BEST = ("em", "external_id", "ph", "fn", "ln", "zp", "db", "ct")


def test_cookie_brings_the_first_hash_of_each_field_back() -> None:
    value = KEEPSAKE.sealed({"em": [ONE, TWO], "fn": [THREE]})
    assert KEEPSAKE.opened(carried(value)) == {"em": [ONE], "fn": [THREE]}


def test_fullest_cookie_keeps_the_best_fields_and_the_limit() -> None:
    value = KEEPSAKE.sealed(FULL)
    assert KEEPSAKE.opened(carried(value)) == {key: [sha(key)] for key in BEST}
    assert len(f"{COOKIE}={value}") == 395 < COOKIE_LIMIT


@pytest.mark.parametrize(
    "none",
    [
        *({}, {"em": []}, {"em": [BLANK]}, {"ph": [sha(" ")]}, {"em": [sha("none")]}),
        *({"em": ["x"]}, {"em": [ONE.upper()]}, {"em": [ONE[:-1]]}, {"other": [ONE]}),
    ],
)
def test_nothing_worth_keeping_makes_no_cookie(none: dict[str, list[str]]) -> None:
    assert KEEPSAKE.sealed(none) == ""


def test_blank_leaves_its_room_to_the_next_field() -> None:
    value = KEEPSAKE.sealed(FULL | {"em": [BLANK]})
    assert tuple(KEEPSAKE.opened(carried(value))) == (*BEST[1:], "st")


def test_what_is_opened_may_be_changed() -> None:
    cookies = carried(KEEPSAKE.sealed({"em": [ONE]}))
    KEEPSAKE.opened(cookies)["em"].append(TWO)
    assert KEEPSAKE.opened(cookies) == {"em": [ONE]}


def test_rotated_secret_still_opens() -> None:
    value = KEEPSAKE.sealed({"em": [ONE]})
    assert Keepsake([b"new", SECRET], "1234567890").opened(carried(value)) == {"em": [ONE]}
    assert Keepsake([b"new"], "1234567890").opened(carried(value)) == {}


def test_newest_secret_seals() -> None:
    value = Keepsake([b"new", SECRET], "1234567890").sealed({"em": [ONE]})
    assert Keepsake([b"new"], "1234567890").opened(carried(value)) == {"em": [ONE]}


def test_another_pixel_opens_nothing() -> None:
    value = KEEPSAKE.sealed({"em": [ONE]})
    assert Keepsake([SECRET], "9999999999").opened(carried(value)) == {}


def signed(packed: bytes) -> str:
    """What someone with our secret, or another version of ours, would write."""
    salt = "pixelpair.identity.1234567890"
    signer = Signer(SECRET, salt=salt, key_derivation="hmac", digest_method=sha256)
    return signer.sign(base64.urlsafe_b64encode(packed).rstrip(b"=")).decode()


def test_example_is_signed_as_we_do() -> None:
    packed = b"\x00\x01" + bytes.fromhex(ONE)
    assert signed(packed) == KEEPSAKE.sealed({"em": [ONE]})


@pytest.mark.parametrize(
    "packed",
    [
        *(b"", b"\x00", b"\x00\x01", b"\x00\x01" + b"x" * 31, b"\x00\x01" + b"x" * 33),
        *(b"\x00\x03" + b"x" * 32, b"\x08\x00" + b"x" * 32, b"\x08\x01" + b"x" * 32),
    ],
)
def test_signed_nonsense_is_nobody(packed: bytes) -> None:
    assert KEEPSAKE.opened(carried(signed(packed))) == {}


def test_cookie_with_another_name_is_not_ours() -> None:
    value = KEEPSAKE.sealed({"em": [ONE]})
    assert KEEPSAKE.opened(f"x_pp_id={value}".encode()) == {}
    assert KEEPSAKE.opened(f"x=_pp_id={value}".encode()) == {}


def test_name_is_no_other_cookies() -> None:
    assert COOKIE != OWN_COOKIE
    assert not COOKIE.startswith("_pixelpair_")


@given(st.dictionaries(st.sampled_from(KEYS), st.lists(st.binary(min_size=32, max_size=32))))
def test_round_trip_keeps_what_was_sealed(given_hashes: dict[str, list[bytes]]) -> None:
    hashed = {key: [one.hex() for one in several] for key, several in given_hashes.items()}
    value = KEEPSAKE.sealed(hashed)
    assert len(f"{COOKIE}={value}") <= COOKIE_LIMIT
    opened = KEEPSAKE.opened(carried(value))
    full = {key: several[:1] for key, several in hashed.items() if several}
    assert opened.items() <= full.items()
    assert len(opened) == min(len(full), len(BEST))


@given(st.binary())
def test_any_cookie_header_is_read(cookies: bytes) -> None:
    assert KEEPSAKE.opened(cookies) == {}
    assert KEEPSAKE.opened(b"_pp_id=" + cookies) == {}


@given(st.data())
def test_changed_cookie_is_nobody(data: st.DataObject) -> None:
    value = KEEPSAKE.sealed({"em": [ONE], "ph": [TWO]})
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.sampled_from("ABCabc019-_.!").filter(lambda c: c != value[at]))
    # The signature's last character has 2 bits that say nothing.
    if at < len(value) - 1:
        assert KEEPSAKE.opened(carried(value[:at] + other + value[at + 1 :])) == {}
    assert KEEPSAKE.opened(carried(value[:at])) == {}


def test_cookie_is_kept_for_the_browser_session_and_no_script() -> None:
    assert identity_cookie("v", secure=True) == (
        b"_pp_id=v; Path=/; HttpOnly; SameSite=Lax; Secure"
    )
    assert identity_cookie("v", secure=False) == b"_pp_id=v; Path=/; HttpOnly; SameSite=Lax"


def test_nothing_to_keep_deletes_it() -> None:
    assert identity_cookie("", secure=True) == (
        b"_pp_id=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"
    )


# --- a visitor without a name --------------------------------------------------------------------

FBP = "fb.1.1749651650057.639940942831715561"
ANONYMOUS = anonymous_id(b"key", "1234567890", FBP)


def test_anonymous_visitor_has_a_lasting_id() -> None:
    assert anonymous_id(b"key", "1234567890", FBP) == ANONYMOUS
    assert customer_information({"external_id": ANONYMOUS}, phone_country=None, year=2026) == (
        {"external_id": [ANONYMOUS]},
        (),
    )


@pytest.mark.parametrize(
    "form",
    [FBP + ".AQIAAQMC", FBP + ".Ag", FBP.replace("fb.1", "fb.2"), FBP.replace("fb.1", "fb.0")],
)
def test_form_of_the_browser_id_does_not_matter(form: str) -> None:
    assert anonymous_id(b"key", "1234567890", form) == ANONYMOUS


def test_other_browser_shop_or_pixel_is_another() -> None:
    others = {
        anonymous_id(b"other", "1234567890", FBP),
        anonymous_id(b"key", "1234567891", FBP),
        anonymous_id(b"key", "1234567890", FBP + "1"),
        anonymous_id(b"key", "1234567890", FBP.replace("1749651650057", "1749651650058")),
    }
    assert len(others | {ANONYMOUS}) == 5


@given(st.text())
def test_what_is_no_browser_id_makes_none(fbp: str) -> None:
    assert anonymous_id(b"key", "1234567890", fbp) == ""
