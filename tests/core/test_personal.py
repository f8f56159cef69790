"""What is personal in a text goes, and nothing else; a clean text stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.personal import REMOVED, clean_text

# As the tools make them: pyjwt, itsdangerous, secrets.token_urlsafe(16) and (32), token_hex(16).
JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0"
    ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)
HEX = "9f86d081884c7d659a2feaa0c55ad015"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("card 4111 1111 1111 1111, 12/28", f"card {REMOVED}, 12/28"),
        ("378282246310005", REMOVED),
        ("Kettle 4111111111111112", None),
        ("green tea 100 g", None),
        ("4006381333931", None),
        ("Teapot 1.2 l (2026)", None),
        ("Sencha 01-02-2027", None),
        ("iPhone 15 Pro Max 256GB", None),
        ("C++ in 24 hours", None),
        ("100% cotton @ home", None),
        ("présentoir à thé", None),
        ("", None),
        ("jane@example.com", REMOVED),
        ("kettle for jane@example.com, red", f"kettle for {REMOVED}, red"),
        ("<jörg@münchen.de>", f"<{REMOVED}>"),
        ("jane%40example.com", REMOVED),
        ("call +46 (0)70-123 45 67 now", f"call {REMOVED} now"),
        ("call 070-123 45 67 now", f"call {REMOVED} now"),
        ("(08) 123 456 78", REMOVED),
        (f"my key {JWT}", f"my key {REMOVED}"),
        (f"my key {HEX}.", f"my key {REMOVED}."),
    ],
)
def test_texts(text: str, clean: str | None) -> None:
    assert clean_text(text) == (text if clean is None else clean)


SECRETS = st.sampled_from([10, 36, 62]).flatmap(
    lambda kinds: st.text(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[:kinds], min_size=22
    )
)


@given(SECRETS)
def test_clean_text_is_clean(text: str) -> None:
    for place in (f"a {text}, b", f"{text}.{text}.{text}"):
        assert clean_text(clean_text(place)) == clean_text(place)


@given(st.text() | st.text("ab@.+-0 %4=&?/"))
def test_any_text_is_cleaned_once(text: str) -> None:
    clean = clean_text(text)
    assert len(clean) <= max(len(text), 4096) + len(REMOVED)
    assert "@" in text or "%" in text or len(clean) <= len(text) + len(REMOVED)
