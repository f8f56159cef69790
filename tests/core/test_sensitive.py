from __future__ import annotations

import json
import re
import shutil
import subprocess
import zlib
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixelpair.core.routes import RuleError
from pixelpair.core.sensitive import DEFAULT, hidden, parse_sensitive, sensitive
from pixelpair.settings import Settings
from tests.conftest import missing_tool

SIGNED = "WyIxMjM0Il0.aPzK5A.pXw9hZ2mJkQ3vN8rT5sLbYc1dFg"  # as itsdangerous makes them


@pytest.mark.parametrize(
    "path",
    [
        # django.contrib.auth.urls below accounts/
        *("/accounts/password_reset/", "/accounts/password_reset/done/"),
        "/accounts/reset/MQ/set-password/",
        "/accounts/reset/MQ/c3jtxk-9f86d081884c7d659a2feaa0c55ad015/",
        # allauth.account.urls
        *("/accounts/password/reset/", "/accounts/password/reset/key/1-c3jtxk-9f86/"),
        *("/accounts/confirm-email/", "/accounts/confirm-email/MQ:1tZ:x/"),
        "/accounts/login/code/confirm/",
        # Flask-Security
        *(f"/reset/{SIGNED}", f"/confirm/{SIGNED}", f"/login/{SIGNED}", f"/change-email/{SIGNED}"),
        "/us-verify-link",
        # FastAPI-Users, and front ends for it
        *("/auth/forgot-password", "/auth/reset-password", "/auth/verify", "/reset-password"),
        # others
        *("/invitations/accept-invite/k3y", "/magic_link/550e8400-e29b-41d4-a716-446655440000/"),
        *("/sesame/login/", "/en/Magic-Link/abc", "/invite/abc", "/teams/invitations/7/accept"),
    ],
)  # fmt: skip
def test_address_that_is_a_secret(path: str) -> None:
    assert sensitive(DEFAULT)(path)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "", "/products/1", "/login", "/login/", "/register", "/checkout/confirm"),
        "/confirm/1001",
        *("/orders/7/confirmation", "/order/confirm/1001", "/reset", "/categories/reset/blue"),
        *("/invitations/wedding-cards", "/invitation-cards", "/magic/the-gathering", "/verify-age"),
        *("/products/password_reset_mug", "/products/sesame", "/sesame", "/invite"),
        "/accounts/email/",
        *("/reset/1.5", "/accounts/login/", "/products/magic-link-bracelet"),
    ],
)  # fmt: skip
def test_address_of_a_shop(path: str) -> None:
    assert not sensitive(DEFAULT)(path)


def test_own_paths_join_the_default_ones() -> None:
    assert parse_sensitive("") == DEFAULT
    assert parse_sensitive("/health, **/doctor/*/notes/") == (
        *DEFAULT,
        "/health",
        "**/doctor/*/notes",
    )
    assert parse_sensitive(["/health", "/health"]) == (*DEFAULT, "/health")
    assert parse_sensitive("none") == ()
    assert parse_sensitive("None /health") == ("/health",)


@pytest.mark.parametrize(
    "value", ["health", "/", "**/", "/*", "/a/**/b", "***/a", "https://x/", 7, None, [1]]
)
def test_says_what_would_be_right(value: object) -> None:
    with pytest.raises(RuleError, match=re.escape("paths that start with /")):
        parse_sensitive(value)


def test_rooted_path_is_the_shops_first() -> None:
    asks = sensitive(("/health", "**/doctor/*/notes"))
    assert [asks(p) for p in ("/health", "/health/x", "/healthy", "/a/health")] == [
        True,
        True,
        False,
        False,
    ]
    assert [asks(p) for p in ("/a/doctor/7/notes", "/doctor/notes", "/doctor/a/b/notes")] == [
        True,
        False,
        False,
    ]
    assert not sensitive(())("/health")


@given(st.text("/.-*ab", max_size=5000) | st.text())
def test_any_path_is_answered_twice_the_same(path: str) -> None:
    asks = sensitive(DEFAULT)
    assert asks(path) == asks(path)


# --- for scripts in pages ------------------------------------------------------------------------

EXCLUDE = Settings().exclude


def excluded(paths: tuple[str, ...], path: str) -> bool:
    """As the server has it: each path and what lies below it."""
    inner = "|".join("[^/]*".join(map(re.escape, p.lower().split("*"))) for p in paths)
    return bool(paths) and re.match(rf"(?:{inner})(?:/|\Z)", path) is not None


def finds(source: str, path: str, query: str = "") -> bool:
    return re.search(source, f"https://shop.example{quote(path)}{query}".lower()) is not None


SEGMENTS = st.sampled_from(
    [
        *("reset", "password", "invite", "a", "b", "ab", "a-b", "a_b", "x.y.z", "é", "Ü"),
        *("*", "a*", "*-*"),
    ]
)
ANCHORED = st.lists(SEGMENTS, min_size=1, max_size=3).map(lambda s: "/" + "/".join(s))
ANYWHERE = ANCHORED.map(lambda path: "**" + path).filter(lambda path: path.strip("*/"))
PATHS = st.lists(
    SEGMENTS.map(lambda s: s.replace("*", "ab")) | st.text("ab-._é", max_size=4), max_size=5
).map(lambda s: "/" + "/".join(s))


@given(st.lists(ANCHORED | ANYWHERE, max_size=12), st.lists(ANCHORED, max_size=6), PATHS)
@example(list(DEFAULT), list(EXCLUDE), "/admin/login/")
@example(["/a", "/a/b", "/ab"], [], "/a/b")
@example([], ["/"], "/a")
def test_what_is_hidden_is_what_is_sensitive_or_excluded(
    own: list[str], out: list[str], path: str
) -> None:
    source = hidden(own, out)
    expected = sensitive(own)(path) or excluded(tuple(out), path.lower())
    assert finds(source, path) is finds(source, path, "?next=/a/reset/invite") is expected
    rooted = hidden(own, out, "/shop/")
    anywhere = sensitive([p for p in own if p.startswith("**")])
    assert finds(rooted, f"/shop{path}") is (expected or anywhere(f"/shop{path}"))
    assert finds(rooted, f"/other{path}") is anywhere(f"/other{path}")


@given(PATHS)
def test_defaults_are_hidden(path: str) -> None:
    expected = sensitive(DEFAULT)(path) or excluded(EXCLUDE, path)
    assert finds(hidden(DEFAULT, EXCLUDE), path) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://shop.example/accounts/reset/MQ/abc-123/", True),
        ("https://shop.example/invite/abc?a=1", True),
        ("http://localhost:8000/shop/admin", True),
        ("http://localhost:8000/shop/admin?a=/b", True),
        ("http://localhost:8000/shop/administration", False),
        ("http://localhost:8000/admin", False),  # another application's
        ("https://shop.example/invite", False),
        ("https://invite/abc", False),
        ("https://shop.example/shop?a=/shop/admin/invite/x", False),
        ("https://shop.example?a=/invite/x", False),
        ("https://shop.example/shop/gift/a(b)c%3fd/x", True),
        ("https://shop.example/shop/gr%C3%9C%C3%9Fe", True),
        ("https://shop.example/shop/gr%C3%BC%C3%9Fe", True),
        ("https://shop.example/shop/two%20words%3C", True),
        ("about:blank", False),
        ("", False),
    ],
)
def test_address_in_python_and_in_javascript(address: str, expected: bool) -> None:
    own = (*DEFAULT, "/gift/a(b)c?d", "/Grüße", "/two words<", "/[^$|+\\]")
    source = hidden(own, EXCLUDE, "/shop")
    assert (re.search(source, address.lower()) is not None) is expected
    node = shutil.which("node")
    if node is None:
        missing_tool("node")
    said = json.dumps([source, address])
    code = "[s,a]=JSON.parse(process.argv[1]);console.log(RegExp(s).test(a.toLowerCase()))"
    done = subprocess.run([node, "-e", code, said], capture_output=True, text=True, check=True)
    assert done.stdout == f"{expected}\n".lower()


def test_nothing_hidden_is_found_nowhere() -> None:
    assert hidden((), ()) == "(?!)"
    assert re.search(hidden((), ()), "https://shop.example/invite/x") is None


def test_hidden_is_short_and_fit_for_a_page() -> None:
    source = hidden(DEFAULT, EXCLUDE)
    assert len(source) <= 432
    assert len(zlib.compress(source.encode())) <= 245
    assert source == hidden(DEFAULT[::-1], EXCLUDE[::-1])
    assert not set(source) & set("\\\"'<>&")  # stands in JSON and in scripts as it is
    below = [*DEFAULT, "**/invite/x/*", "**/reset-password/done", "/admin/users"]
    assert hidden(below, EXCLUDE) == source
