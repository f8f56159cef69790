from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.cookies import set_cookie
from pixelpair.core.csp import INLINE, Permission
from pixelpair.core.events import Event
from pixelpair.core.snippet import (
    PENDING_LIMIT,
    PENDING_SECONDS,
    Snippet,
    pending_cookie,
    safe_json,
)
from tests.core.exchanges import IMAGE, PIXEL, SCRIPT, SNIPPET, blocks, pending

LINE_ENDS = "\u2028\u2029"
HOSTILE = {
    "script_end": "</script><script>alert(1)</script>",
    "comment": "<!-- <script>",
    "upper_case": "</SCRIPT\t>",
    "line_ends": f"a{LINE_ENDS}b\r\n\x00",
    "quotes": "\"'`\\ & &amp; ${x}",
    "attribute": '"><img src=x onerror=alert(1)>',
    "noscript_end": "</noscript><b>",
    "scripts_of_the_world": "Grönt te 緑茶 🍵 \x85 \xa0",
    "parameters": "a&eid=x#b?c=d%20+ ;",
}


def event(**data: object) -> Event:
    return Event("ViewContent", "e" * 32, 1_760_000_000, data)


# --- the data block ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_json_can_stand_in_any_script(text: str) -> None:
    out = safe_json({text: [text]})
    assert json.loads(out) == {text: [text]}
    assert out.isascii()
    assert not re.search(rb"[<>&]", out)


@given(st.recursive(st.text() | st.integers(-(2**53), 2**53) | st.none(), st.lists))
def test_any_json_can_stand_in_any_script(value: object) -> None:
    out = safe_json(value)
    assert json.loads(out) == value
    assert out.isascii()
    assert not re.search(rb"[<>&\x00-\x1f]", out)


LIMITS = {"gpc": 1, "ldu": [0, 0]}  # of a visitor whose browser sends the signal
BLOCK = {"pixel": PIXEL, "src": SCRIPT, "hide": "(?!)", "to": "/_pixelpair/events"}


def test_page_gets_a_data_block_with_ids() -> None:
    bare, full = SNIPPET.events(()), SNIPPET.events([event(value=1)], match={"em": "0" * 64})
    assert blocks(bare) == [BLOCK | {"events": []}]
    call = ["ViewContent", {"value": 1}, "e" * 32]
    assert blocks(full) == [BLOCK | {"match": {"em": "0" * 64}, "events": [call]}]


def test_page_for_all_visitors_gets_a_sealed_text() -> None:
    terms = ("=fb.1.", "; Max-Age=7776000; Path=/")
    expected = BLOCK | LIMITS | {"cookie": list(terms), "signed": '["/",[]].abc'}
    assert blocks(SNIPPET.signed('["/",[]].abc', terms)) == [expected]


def test_page_whose_policy_blocks_meta_does_not_name_its_script() -> None:
    silent = SNIPPET.without_pixel(SNIPPET.events([event(content_name='"src":"x",')]))
    [block] = blocks(silent)
    call = ["ViewContent", {"content_name": '"src":"x",'}, "e" * 32]
    assert block == {"pixel": PIXEL, "hide": "(?!)", "to": "/_pixelpair/events", "events": [call]}


def test_page_below_a_mount_reports_below_it() -> None:
    below = SNIPPET.below("/bütik")
    assert blocks(below.events(())) == [
        BLOCK | {"to": "/b%C3%BCtik/_pixelpair/events", "events": []}
    ]
    assert below.file_path == "/b%C3%BCtik/_pixelpair/pixel.js"
    assert (below.below(""), SNIPPET.below("")) == (below.below(""), SNIPPET)


def test_block_says_what_differs_from_the_defaults() -> None:
    told = Snippet([PIXEL], SCRIPT, IMAGE, page_view="off", auto_config=True, names=["Lead"])
    more = {"view": "off", "auto": 1, "names": ["Lead"]}
    assert blocks(told.events(())) == [BLOCK | more | {"events": []}]


LOADERS = {
    "inline": (Permission("inline"), rb"<script>.+</script>"),
    "nonce": (Permission("inline", b"a+/1=="), rb'<script nonce="a\+/1==">.+</script>'),
    "external": (
        Permission("external"),
        rb'<script src="/_pixelpair/pixel\.js\?v=[0-9a-f]{12}" async></script>',
    ),
    "external_with_nonce": (
        Permission("external", b"abc"),
        rb'<script src="/_pixelpair/pixel\.js\?v=[0-9a-f]{12}" async nonce="abc"></script>',
    ),
    "never": (Permission("never"), rb""),
}


@pytest.mark.parametrize("case", LOADERS)
def test_script_stands_as_the_policies_permit(case: str) -> None:
    how, expected = LOADERS[case]
    assert re.fullmatch(expected, SNIPPET.loader(how))


def test_file_is_the_whole_script_with_its_configuration() -> None:
    _, _, config = SNIPPET.served.rpartition(b"})(window, document, ")
    assert json.loads(config.removesuffix(b");\n")) == {
        "pixel": PIXEL,
        "src": SCRIPT,
        "hide": "(?!)",
        "to": "events",
        **LIMITS,
    }
    assert b"trustedTypes" in SNIPPET.served
    assert not re.search(rb"</|<!--|// |by URL", SNIPPET.served)


def test_policies_are_told_the_inline_scripts_hash() -> None:
    inline = SNIPPET.loader(INLINE).removeprefix(b"<script>").removesuffix(b"</script>")
    assert SNIPPET.hashes == {b64encode(sha256(inline).digest()).decode()}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_breaks_out_of_the_data_block(text: str) -> None:
    told = SNIPPET.events([event(content_name=text)], match={"em": text}, cookies=("=", text))
    scripts = Scripts()
    scripts.feed((told + SNIPPET.loader(INLINE)).decode("ascii"))
    assert [tag for tag, _ in scripts.found] == ["script", "script"]
    block = json.loads(scripts.found[0][1])
    assert (block["match"], block["cookie"]) == ({"em": text}, ["=", text])
    assert block["events"][0][1] == {"content_name": text}


class Scripts(HTMLParser):
    """An independent reader: each element and the text in it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append((tag, ""))

    def handle_data(self, data: str) -> None:
        tag, text = self.found[-1]
        self.found[-1] = (tag, text + data)


def test_static_script_can_stand_in_a_page() -> None:
    script = SNIPPET.loader(INLINE).removeprefix(b"<script>").removesuffix(b"</script>")
    assert script.isascii()
    assert not re.search(rb"</|<!--|//|\n|PIXELPAIR", script)
    assert PIXEL.encode() not in script


# --- the images ----------------------------------------------------------------------------------


class Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for key, value in attrs if key == "src"]


def images(*events: Event) -> Images:
    parser = Images()
    parser.feed(SNIPPET.images(events).decode("ascii"))
    return parser


def test_no_event_no_image() -> None:
    assert SNIPPET.images(()) == b""


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_image_says_what_the_event_says(text: str) -> None:
    seen = images(event(content_name=text, content_ids=["a", text], value=1.5))
    assert seen.tags == ["noscript", "img"]
    address, _, query = seen.sources[0].partition("?")
    assert address == IMAGE
    assert parse_qs(query, keep_blank_values=True, strict_parsing=True) == {
        "id": [PIXEL],
        "ev": ["ViewContent"],
        "noscript": ["1"],
        "eid": ["e" * 32],
        "cd[content_name]": [text],
        "cd[content_ids]": [json.dumps(["a", text], ensure_ascii=False, separators=(",", ":"))],
        "cd[value]": ["1.5"],
    }


def test_each_event_has_its_image() -> None:
    hostile = Event("My own", "a&b\"'<c>", 1, {})
    seen = images(event(), hostile)
    assert seen.tags == ["noscript", "img", "img"]
    assert [parse_qs(urlsplit(s).query)["eid"] for s in seen.sources] == [["e" * 32], [hostile.id]]
    assert parse_qs(urlsplit(seen.sources[1]).query)["ev"] == ["My own"]


def test_long_cart_travels_by_the_server_alone() -> None:
    (source,) = images(event(content_ids=["x" * 20] * 200)).sources
    assert parse_qs(urlsplit(source).query) == {
        "id": [PIXEL],
        "ev": ["ViewContent"],
        "noscript": ["1"],
        "eid": ["e" * 32],
    }


def test_addresses_are_escaped() -> None:
    shown = Snippet(["7"], "https://a.example/?x=</script>", "https://a.example/'\"<&").images(
        [event()]
    )
    assert b"<&" not in shown
    assert shown.count(b'"') % 2 == 0
    assert b"https://a.example/&#x27;&quot;&lt;&amp;?id=7&amp;ev=ViewContent" in shown


# --- the cookie to the next page -----------------------------------------------------------------

MS = 1_760_000_000_500


def cookie(name: str = "Lead", event_id: str = "0123456789abcdef" * 2, **data: object) -> bytes:
    """The Set-Cookie value as a secure shop sends it."""
    made = pending_cookie(Event(name, event_id, 1, data), MS)
    return set_cookie(*made, max_age=PENDING_SECONDS, domain=None, secure=True)


def test_cookie_carries_the_call_and_its_time() -> None:
    made = cookie(value=1, currency="SEK", colour="grön")
    assert made.startswith(b"_pixelpair_01234567=")
    data = {"value": 1, "currency": "SEK", "colour": "grön"}
    assert pending(made) == {"t": MS, "e": ["Lead", data, "0123456789abcdef" * 2]}
    assert pending(cookie("My own"))["e"] == ["My own", {}, "0123456789abcdef" * 2, 1]


def test_given_ids_that_begin_alike_have_cookies_of_their_own() -> None:
    names = {cookie(event_id=f"order-100{n}").partition(b"=")[0] for n in range(10)}
    assert len(names) == 10
    assert all(re.fullmatch(rb"_pixelpair_[0-9a-f]{8}", name) for name in names)


IDS = ["SKU-1", "SKU-2"]
# What is given, what rides along.
SLIM = {
    "short": (
        {"value": 1, "currency": "SEK", "content_name": "Tea"},
        {"value": 1, "currency": "SEK", "content_name": "Tea"},
    ),
    "long_name": (
        {"content_name": "x" * 500, "content_ids": IDS, "content_type": "product", "value": 1},
        {"content_ids": IDS, "content_type": "product", "value": 1},
    ),
    "long_cart": (
        {"content_ids": ["x" * 20] * 50, "value": 1, "currency": "SEK", "order_id": "7"},
        {"value": 1, "currency": "SEK"},
    ),
    "nothing_short": ({"content_ids": ["x" * 500]}, {}),
}


@pytest.mark.parametrize("case", SLIM)
def test_cookie_leaves_to_the_server_what_is_too_long(case: str) -> None:
    """Seen: a Purchase of many goods rode without its value and currency."""
    given_data, kept = SLIM[case]
    made = cookie("Purchase", **given_data)
    assert pending(made)["e"][1] == kept
    assert len(made) <= PENDING_LIMIT


@given(
    st.text("abcXYZ 09_-", min_size=1, max_size=50),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64),
    st.fixed_dictionaries(
        {},
        optional={
            "value": st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**53),
            "currency": st.just("SEK"),
            "content_ids": st.lists(st.text(max_size=60), max_size=30),
            "content_type": st.just("product_group"),
            "content_name": st.text(max_size=500),
        },
    ),
)
def test_any_event_fits_its_cookie(name: str, event_id: str, data: dict[str, object]) -> None:
    made = cookie(name, event_id, **data)
    assert len(made) <= PENDING_LIMIT
    held = pending(made)["e"]
    assert (held[0], held[2]) == (name, event_id)
    assert held[1].items() <= data.items()
    assert all(held[1].get(key) == data[key] for key in ("value", "currency") if key in data)
