from __future__ import annotations

import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import Signer

from pixelpair.core.cookies import valid_fbc, valid_fbp
from pixelpair.core.events import Visitor
from pixelpair.core.sealed import NINETY_DAYS, ROOM, Checkout, Problem, opened, seal
from pixelpair.core.seals import signer

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_790_000_000
SECRETS = [b"new", b"old"]
KEYS = ("em", "ph", "external_id", "fn", "ln", "zp", "ct", "db", "country", "st", "ge")
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/146.0.0.0 Safari/537.36"
)
IN_FACEBOOK = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/468.0.0.36.103;FBBV/605043321;FBDV/iPhone12,1;"
    "FBMD/iPhone;FBSN/iOS;FBSV/17.5.1;FBSS/2;FBID/phone;FBLC/sv_SE;FBOP/80]"
)
CLICK = "IwY2xjawFzQmVleHRuA2FlbQIxMAABHd0x7Yq3vN_kWmT5-GzLr8aPc4jEoXu9hSbVtKfQ2gDwMnI6y1OZRlUe7A"


def hashed(*keys: str) -> dict[str, list[str]]:
    return {key: [sha256(key.encode()).hexdigest()] for key in keys}


def visitor(**more: object) -> Visitor:
    facts: dict[str, object] = {
        "url": "https://www.tea.example/kassa/betalning?step=3",
        "referrer": "",
        "client_ip": "2001:db8:85a3:8d3:1319:8a2e:370:7348",
        "user_agent": CHROME,
        "fbp": "fb.1.1749651650057.639940942831715561",
        "fbc": f"fb.1.1749651650057.{CLICK}",
        "hashed": hashed("em", "ph", "external_id"),
        "asked": True,
        "ldu": (1, 1000),
    }
    return Visitor(**facts | more)  # type: ignore[arg-type]


def again(who: Visitor, secrets: Sequence[bytes] = SECRETS) -> Visitor:
    """The visitor after a journey through an order's row."""
    found = opened(seal(who, secrets, NOW), secrets, NOW)
    assert isinstance(found, Checkout)
    return found.visitor


# --- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [
        visitor(),
        visitor(asked=False, ldu=None, fbc=None),
        visitor(client_ip="203.0.113.9", ldu=(0, 0)),
        visitor(user_agent=IN_FACEBOOK, ldu=None, hashed=hashed("em", "ph")),
        visitor(fbp="fb.1.1749651650057.1116446470.AQIDAQMC", hashed={}),
        visitor(fbc="fb.1.1749651650057.abc.Ag", user_agent="Räksmörgås/1.0 日本"),
        Visitor("", "", "", "", None, None, {}),
    ],
)
def test_whole_visitor_comes_back(who: Visitor) -> None:
    found = opened(seal(who, SECRETS, NOW + 0.9), SECRETS, NOW + 5)
    assert found == Checkout(who, NOW)


letters = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=40)
numbers = st.integers(0, 10**13).map(str)
fbps = st.builds("fb.{}.{}.{}".format, st.integers(0, 9), numbers, numbers)
fbcs = st.builds("fb.{}.{}.{}".format, st.integers(0, 9), numbers, letters)


def visitors(
    urls: st.SearchStrategy[str], agents: st.SearchStrategy[str], most_hashes: int
) -> st.SearchStrategy[Visitor]:
    some_keys = st.lists(st.sampled_from(KEYS), unique=True, max_size=most_hashes)
    return st.builds(
        Visitor,
        url=urls,
        referrer=st.just(""),
        client_ip=st.just("") | st.ip_addresses().map(str),
        user_agent=agents,
        fbp=st.none() | fbps.filter(valid_fbp),
        fbc=st.none() | fbcs.filter(valid_fbc),
        hashed=some_keys.map(lambda keys: hashed(*keys)),
        asked=st.booleans(),
        ldu=st.none() | st.tuples(st.integers(0, 1), st.integers(0, 1013)),
    )


@given(
    visitors(
        st.just("") | letters.map("https://shop.example.com/{}".format),
        st.sampled_from(["", CHROME, IN_FACEBOOK]) | st.text(max_size=20),
        2,
    )
)
def test_any_visitor_of_usual_size_comes_back(who: Visitor) -> None:
    assert again(who) == who


def test_first_hash_of_each_field_and_no_referrer_comes_back() -> None:
    two = {"em": [*hashed("em")["em"], *hashed("ph")["ph"]], "ph": []}
    who = visitor(hashed=two, referrer="https://www.tea.example/cart")
    assert again(who) == visitor(hashed=hashed("em"))


def test_what_no_seal_can_hold_is_left_out() -> None:
    who = visitor(client_ip="unix:", fbp="fb.1.2.ü", hashed={"em": ["short"], "f5first": ["x"]})
    assert again(who) == visitor(client_ip="", fbp=None, hashed={})


# --- 500 characters ------------------------------------------------------------------------------


@given(
    visitors(
        st.text(max_size=400).map("https://shop.example.com/{}".format) | st.text(max_size=400),
        st.text(max_size=400),
        11,
    )
)
def test_seal_is_short_printable_and_url_safe(who: Visitor) -> None:
    text = seal(who, SECRETS, NOW)
    assert len(text) <= ROOM
    assert set(text) <= set(string.ascii_letters + string.digits + "-_.")
    kept = again(who)
    assert (kept.client_ip, kept.fbp, kept.asked) == (who.client_ip, who.fbp, who.asked)
    assert kept.ldu == who.ldu


def test_fits_whatever_the_browser_sent() -> None:
    who = visitor(
        url=f"https://{'a.' * 120}example/{'b' * 5000}?{'c' * 5000}",
        user_agent=noise(2000),
        fbp=f"fb.999.{'9' * 20}.{'8' * 40}.AQIDAQMC",
        fbc=f"fb.999.{'9' * 20}.{noise(500)}.AQIDAQMC",
        hashed=hashed(*KEYS),
    )
    kept = again(who)
    url = f"https://{'a.' * 120}example/"
    assert kept == who._replace(url=url, user_agent="", fbc=None, hashed=hashed("em"))


def noise(length: int) -> str:
    """Letters that nothing makes shorter, the same each time."""
    return "".join(Random(1).choices(string.ascii_letters + string.digits, k=length))


def given_up(who: Visitor) -> list[str]:
    """What does not come back, by name."""
    kept = again(who)
    lost = [key for key in who.hashed if key not in kept.hashed]
    lost += [name for name in ("user_agent", "fbc") if getattr(kept, name) in ("", None)]
    ends = {"pay?step=3": [], "pay": ["query"], "": ["query", "path"]}
    return lost + (ends[kept.url.rpartition("/")[2]] if kept.url else ["query", "path", "url"])


def test_what_is_worth_least_gives_way_first() -> None:
    """A host's name that grows leaves ever less room for the rest."""
    keys = [*KEYS[:7], "ge"]
    who = visitor(client_ip="", fbp=None, fbc="fb.1.1749651650057.abc", hashed=hashed(*keys))
    steps: list[set[str]] = [set()]
    for length in range(0, 400, 2):
        lost = set(given_up(who._replace(url=f"https://{noise(length)}/pay?step=3")))
        if lost != steps[-1]:
            steps.append(lost)
    order = [*(later - before for before, later in pairwise(steps))]
    assert order == [
        *({"query"}, {"ge"}, {"ct"}, {"zp"}, {"path"}, {"ln"}, {"fn"}),
        *({"external_id"}, {"ph"}, {"user_agent"}, {"fbc"}, {"em"}, {"url"}),
    ]  # fmt: skip


# --- who opens it --------------------------------------------------------------------------------


def problem(text: object, secrets: Sequence[bytes] = SECRETS, now: float = NOW) -> str:
    found = opened(text, secrets, now)
    assert isinstance(found, Problem)
    return found.reason


SEALED = seal(visitor(), SECRETS, NOW)


@settings(max_examples=300)
@given(st.integers(0, len(SEALED) - 1), st.characters(max_codepoint=127))
def test_any_change_of_one_byte_is_refused(place: int, letter: str) -> None:
    changed = SEALED[:place] + letter + SEALED[place + 1 :]
    if changed != SEALED:
        assert problem(changed) in ("forged", "malformed")


def test_no_other_spelling_of_the_signature_is_taken() -> None:
    """The last of 43 letters has two bits that no byte takes: itsdangerous ignores them."""
    last = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    same = [SEALED[:-1] + last[last.index(SEALED[-1]) ^ bit] for bit in (1, 2, 3)]
    assert all(signer(SECRETS, "pixelpair.checkout").validate(text) for text in same)
    assert [problem(text) for text in same] == ["forged"] * 3


@given(st.integers(0, len(SEALED) - 1))
def test_a_part_of_it_is_refused(end: int) -> None:
    assert problem(SEALED[:end]) in ("forged", "malformed")
    assert problem(SEALED[end + 1 :]) in ("forged", "malformed")


@given(st.text() | st.binary() | st.integers() | st.none() | st.text().map("{}.a".format))
def test_anything_else_is_refused(text: object) -> None:
    assert problem(text) in ("forged", "malformed")


@given(st.binary(max_size=300))
def test_what_we_signed_ourselves_is_opened_or_refused(packed: bytes) -> None:
    """A later version's payload must not raise."""
    text = urlsafe_b64encode(packed).rstrip(b"=")
    opened(signer(SECRETS, "pixelpair.checkout").sign(text).decode(), SECRETS, NOW)


@given(st.binary(max_size=100))
def test_damage_before_the_signing_is_opened_or_refused(damage: bytes) -> None:
    packed = urlsafe_b64decode(SEALED.partition(".")[0] + "==")[:8] + damage
    text = urlsafe_b64encode(packed).rstrip(b"=")
    opened(signer(SECRETS, "pixelpair.checkout").sign(text).decode(), SECRETS, NOW)


def test_later_version_is_not_read_as_this_one() -> None:
    sign = signer(SECRETS, "pixelpair.checkout").sign
    packed = urlsafe_b64decode(SEALED.partition(".")[0] + "==")
    assert packed[0] == 1
    later = sign(urlsafe_b64encode(b"\2" + packed[1:]).rstrip(b"=")).decode()
    assert opened(later, SECRETS, NOW) == Problem("malformed", "it was sealed by a later version")


@pytest.mark.parametrize(
    ("sealed_with", "opened_with", "opens"),
    [
        ([b"new"], [b"new"], True),
        ([b"old"], [b"new", b"old"], True),
        ([b"new", b"old"], [b"new"], True),
        ([b"new", b"old"], [b"old"], False),
        ([b"old"], [b"new"], False),
    ],
)
def test_first_secret_signs_and_all_verify(
    sealed_with: list[bytes], opened_with: list[bytes], opens: bool
) -> None:
    found = opened(seal(visitor(), sealed_with, NOW), opened_with, NOW)
    assert isinstance(found, Checkout) is opens
    assert opens or found == Problem(
        "forged", "it was changed, or sealed with another SECRET or PIXEL_ID"
    )


def test_signature_of_another_use_of_the_secret_is_refused() -> None:
    text = SEALED.rpartition(".")[0]
    assert problem(Signer(b"new").sign(text).decode()) == "forged"


def test_expires_after_ninety_days() -> None:
    assert isinstance(opened(SEALED, SECRETS, NOW + NINETY_DAYS), Checkout)
    late = opened(SEALED, SECRETS, NOW + NINETY_DAYS + 1)
    assert late == Problem("expired", "it is more than 90 days old")


def test_clock_of_another_host_may_be_behind() -> None:
    assert isinstance(opened(SEALED, SECRETS, NOW - 30), Checkout)


# --- what is readable ----------------------------------------------------------------------------


def test_prints_nobody() -> None:
    found = opened(SEALED, SECRETS, NOW)
    assert repr(found) == f"Checkout(visitor=Visitor(…), time={NOW})"
