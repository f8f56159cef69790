"""What is said of mistakes, all at once, and what no mistake, repr or message shows."""

from __future__ import annotations

import itertools
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pixelpair.core import proxies
from pixelpair.core.staff import EXPECTED as STAFF
from pixelpair.errors import Problem, SettingsError
from pixelpair.settings import Settings
from tests.setting_cases import (
    DEFAULTS,
    DIGITS,
    SECRET,
    TOKEN,
    TOKENS,
    URL,
    problems,
)

if TYPE_CHECKING:
    from pathlib import Path


class Angry:
    """As a lazy value of the shop that cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = object.__repr__


def test_value_that_cannot_be_read_is_a_problem_too() -> None:
    assert [p.key for p in problems(pixel_id=Angry(), spool=Angry())] == [
        "PIXELPAIR_PIXEL_ID",
        "PIXELPAIR_SPOOL",
    ]


# --- mistakes together ---------------------------------------------------------------------------


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(
            {
                "PIXELPAIR_PIXEL_ID": "12x",
                "PIXELPAIR_CURENCY": "SEK",
                "PIXELPAIR_ROUTES": "Lead /a\nPurchase orders\nLead",
                "PIXELPAIR_SENDER": "process",
                "PATH": "/usr/bin",
            },
            {"strict": "ja"},
        )
    assert str(caught.value).splitlines() == [
        "pixelpair settings:",
        "  PIXELPAIR_CURENCY=(set): did you mean PIXELPAIR_CURRENCY?",
        f"  PIXELPAIR_PIXEL_ID='12x': {DIGITS}",
        (
            "  PIXELPAIR_ROUTES='Lead /a…': line 2: 'Purchase orders': 'orders' is no method: "
            "one of GET, POST, PUT, PATCH, DELETE or a /path; line 3: 'Lead': a path is missing: "
            "it starts with / (or name: for a route's name)"
        ),
        "  PIXELPAIR_STRICT='ja': 1 or 0",
        "  PIXELPAIR_SENDER='process': thread or none",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acces_token", "did you mean PIXELPAIR_ACCESS_TOKEN?"),
        ("enabled", "PIXELPAIR_MODE=live, shadow or off instead"),
        ("zebra", "no such setting"),
    ],
)
def test_unknown_name_is_reported_without_its_value(name: str, expected: str) -> None:
    assert problems(**{name: TOKEN}) == (Problem(f"PIXELPAIR_{name.upper()}", "(set)", expected),)


def test_name_in_capitals_is_explained() -> None:
    expected = "as a keyword it is written pixel_id"
    assert problems(PIXEL_ID="1") == (Problem("PIXEL_ID", "(set)", expected),)


def test_long_value_is_cut() -> None:
    (problem,) = problems(pixel_id="x" * 500)
    assert problem.value == repr("x" * 80 + "…")


# --- secrets -------------------------------------------------------------------------------------


def test_secrets_are_not_shown() -> None:
    settings = Settings(pixel_id="7", access_token=TOKEN, secret=SECRET)
    assert "'7'" in repr(settings)
    assert (TOKEN in repr(settings), SECRET in repr(settings)) == (False, False)


def test_bad_secrets_are_not_shown() -> None:
    bad: dict[str, object] = {"access_token": f"{TOKEN}\n{TOKEN}", "secret": f"{SECRET}\udcff"}
    with pytest.raises(SettingsError) as caught:
        Settings(**bad)
    assert caught.value.problems == (
        Problem("PIXELPAIR_ACCESS_TOKEN", "(hidden)", TOKENS),
        Problem("PIXELPAIR_SECRET", "(hidden)", "one or more words, the newest first"),
    )
    assert not any(word in repr(caught.value) for word in (TOKEN, SECRET))


@pytest.mark.parametrize("word", ["fifteen-letters", "a word with blanks", "ä" * 16, "x" * 201])
def test_metrics_token_that_can_be_guessed_or_sent_by_nobody_is_a_mistake(word: str) -> None:
    expected = "one word of 16 characters or more"
    assert problems(metrics_token=word) == (
        Problem("PIXELPAIR_METRICS_TOKEN", "(hidden)", expected),
    )


def test_metrics_token_is_not_shown() -> None:
    assert "sixteen" not in repr(Settings(metrics_token="sixteen-letters!"))


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@a.example",
        "http://:hunter2@localhost/x@y",
        "http://hunter2@evil.example",
    ],
)
def test_password_in_an_address_is_refused_and_not_shown(url: str) -> None:
    (problem,) = problems(graph_url=url)
    assert "hunter2" not in str(problem)
    assert problem.expected == URL


@pytest.mark.parametrize("name", ["pixel_id", "test_event_code", "currency", "graph_version"])
def test_token_in_another_variable_is_not_shown(name: str) -> None:
    assert [p.value for p in problems(**{name: "EAABsbCS1iHgBA."})] == ["'(hidden).'"]


def test_token_in_an_address_is_not_shown() -> None:
    (problem,) = problems(graph_url="https://a.example/?access_token=123|abc&x=1")
    assert problem.value == "'https://a.example/?access_token=(hidden)&x=1'"


TOKENS_OF_META = ["EAABQ", "eaabtok", "EAABsbCS1iHgBAKq7z", "EAAB-sb_CS1|xqz.yqz"]
AROUND = ["{}", "/{}", "x {}", "'{}'", "\n{}\ttok", "?x={}&y", "_{}", "x,{}@2026-1-1"]


@pytest.mark.parametrize("name", DEFAULTS)
def test_token_in_any_option_is_not_shown(name: str) -> None:
    """Seen: STAFF quoted a token in what would be right, TRUSTED_PROXIES one in lower case."""
    for token, around in itertools.product(TOKENS_OF_META, AROUND):
        text = around.format(token)
        parts = [part.lower() for part in re.split(r"\W", token)]
        for value in (text, [text, 7], {text: {name: text, text: text}}):
            with suppress(SettingsError):
                Settings(**{name: value})
                continue
            said = shown_of(name, value).lower()
            assert [part for part in parts if part in said] == []


def shown_of(name: str, value: object) -> str:
    found = problems(**{name: value})
    return str(SettingsError([*found])) + repr(found)


@pytest.mark.parametrize(
    ("given_options", "problem"),
    [
        ({"staff": "EAABtok"}, ("STAFF", "'(hidden)'", f"'(hidden)' is none of {STAFF}")),
        ({"partner_agent": "EAAB tok"}, ("PARTNER_AGENT", "'(hidden)'", "like name_1_0")),
        (
            {"trusted_proxies": "EAABtok"},
            ("TRUSTED_PROXIES", "'(hidden)'", f"'(hidden)' is no address; {proxies.EXPECTED}"),
        ),
        ({"EAABtok": "1"}, ("(hidden)", "(set)", "no such setting")),
        (
            {"access_token_file": "/none/EAABtok"},
            (
                "ACCESS_TOKEN_FILE",
                "'/none/(hidden)'",
                "a readable file that holds the token (No such file or directory)",
            ),
        ),
        ({"currency": "teak"}, ("CURRENCY", "'teak'", "an ISO 4217 code like SEK")),
    ],
)
def test_token_is_hidden_and_nothing_else(
    given_options: dict[str, object], problem: tuple[str, str, str]
) -> None:
    key, *rest = problem
    assert problems(**given_options) == (Problem(f"PIXELPAIR_{key}", *rest),)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_quotes_around_a_token_are_a_mistake(quote: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{quote}{TOKEN}{quote}")
    assert [p.key for p in problems(access_token=file.read_text())] == ["PIXELPAIR_ACCESS_TOKEN"]
    assert [p.key for p in problems(access_token_file=file)] == ["PIXELPAIR_ACCESS_TOKEN_FILE"]


def test_password_of_a_redis_is_printed_nowhere() -> None:
    assert "geheim9" not in repr(Settings(outbox="redis://me:geheim9@redis.example"))
