from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.routes import RuleError
from pixelpair.core.sensitive import DEFAULT, parse_sensitive, sensitive

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
