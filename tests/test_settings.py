"""The settings as a whole: where they come from, and what follows from them."""

from __future__ import annotations

import hmac
import pickle
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.errors import Problem, SettingsError
from pixelpair.settings import Settings
from tests.setting_cases import (
    DEFAULTS,
    TOKEN,
    TOKENS,
    WHERE,
    problems,
    values,
    whose,
)

if TYPE_CHECKING:
    from pathlib import Path

# --- what is not said ----------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [{}, dict.fromkeys(DEFAULTS, ""), dict.fromkeys(DEFAULTS)])
def test_what_is_not_said_has_its_default(blank: dict[str, object]) -> None:
    assert values(Settings(**blank)) == DEFAULTS
    assert values(Settings.from_env({f"PIXELPAIR_{k.upper()}": "" for k in blank})) == DEFAULTS


@pytest.mark.parametrize(("outbox", "share"), [("", 150), ("/o", 150), ("redis://h", 300)])
def test_an_outbox_in_a_file_shares_the_limit_with_the_journals(outbox: str, share: int) -> None:
    assert Settings(spool_limit="300MB", outbox=outbox).journal_limit == share * 10**6


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["PIXEL_ID=1", ["a"], 7])
def test_options_that_are_no_dict_are_a_mistake(options: Any) -> None:
    with pytest.raises(SettingsError):
        Settings.from_env({}, options)


def test_option_whose_name_is_no_text_is_a_mistake() -> None:
    with pytest.raises(SettingsError):
        Settings.from_env({}, {7: "a"})  # type: ignore[dict-item]


@given(
    st.dictionaries(
        st.sampled_from([*DEFAULTS, "other"]).map(lambda name: f"PIXELPAIR_{name.upper()}"),
        st.text(max_size=20) | st.sampled_from(["https://[", "~a/b", "/a", "1", "\udcff", "http:"]),
    )
)
def test_any_environment_makes_settings_or_a_settings_error(environ: dict[str, str]) -> None:
    with suppress(SettingsError):
        assert Settings.from_env(environ).key


# --- where settings come from --------------------------------------------------------------------


def test_given_options_go_before_the_environment() -> None:
    found = Settings.from_env(
        {"PIXELPAIR_PIXEL_ID": "1", "PIXELPAIR_CURRENCY": "SEK", "OTHER": "x"}, {"pixel_id": "2"}
    )
    assert values(found) == DEFAULTS | {"pixel_id": "2", "currency": "SEK"}


def test_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", "77")
    assert Settings.from_env().pixel_id == "77"


@pytest.mark.parametrize(
    ("options", "active"),
    [({}, False), ({"pixel_id": "1"}, True), ({"pixel_id": "1", "mode": "off"}, False)],
)
def test_active_with_a_pixel_unless_switched_off(options: dict[str, str], active: bool) -> None:
    assert Settings(**options).active is active


def test_settings_do_not_change() -> None:
    settings = Settings(pixel_id="1")
    with pytest.raises(AttributeError):
        settings.pixel_id = "2"  # type: ignore[misc]
    assert settings == Settings(pixel_id="1") != Settings(pixel_id="2")


# --- the token's file ----------------------------------------------------------------------------


def test_token_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    settings = Settings(access_token_file=file)
    assert (settings.access_token, settings.access_token_file) == (TOKEN, file)
    assert Settings(access_token_file=file, access_token="other").access_token == "other"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"", "it holds no token"),
        (b"two\nlines", "it holds no token"),
        (b"\xff\xfe", "it holds no token"),
    ],
)
def test_bad_token_file_is_a_mistake(content: bytes | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    expected = f"a readable file that holds the token ({why})"
    assert problems(access_token_file=str(file)) == (
        Problem("PIXELPAIR_ACCESS_TOKEN_FILE", repr(str(file)), expected),
    )


# --- several pixels ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("", {"111": "", "222": "", "999": ""}),
        ("one", {"111": "one", "222": "one", "999": ""}),
        ("one  two", {"111": "one", "222": "two", "999": ""}),
    ],
)
def test_pixels_have_one_token_or_one_each(
    tokens: str, expected: dict[str, str], tmp_path: Path
) -> None:
    settings = Settings(pixel_id="111 222", access_token=tokens)
    assert settings.pixels == ("111", "222")
    assert {pixel: settings.token_of(pixel) for pixel in expected} == expected
    if tokens:
        (tmp_path / "tokens").write_text(tokens)
        other = Settings(pixel_id="111 222", access_token_file=tmp_path / "tokens")
        assert {pixel: other.token_of(pixel) for pixel in expected} == expected


@pytest.mark.parametrize("pixels", ["", "111", "111 222"])
def test_other_number_of_tokens_than_pixels_is_a_mistake(pixels: str) -> None:
    found = problems(pixel_id=pixels, access_token=f"{TOKEN} {TOKEN} {TOKEN}")
    assert found == (Problem("PIXELPAIR_ACCESS_TOKEN", "(hidden)", TOKENS),)


def test_spool_is_the_first_pixels() -> None:
    assert Settings(pixel_id="111 222").spool_folder == Settings(pixel_id="111").spool_folder


# --- what needs customer information -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("identify", WHERE, WHERE),
        ("identify", f" {WHERE}\n", WHERE),
        ("identify", whose, whose),
        ("anonymous_id", "1", True),
    ],
)
def test_options_of_customer_information(name: str, value: object, read: object) -> None:
    found = Settings(advanced_matching="1", **{name: value})
    assert values(found) == DEFAULTS | {"advanced_matching": True, name: read}
    assert problems(**{name: value}) == (
        Problem(
            f"PIXELPAIR_{name.upper()}",
            "(set)",
            "to be set with PIXELPAIR_ADVANCED_MATCHING=1 only",
        ),
    )


@pytest.mark.parametrize("value", ["visitors", "shop visitors.who", "shop..who", ".who", 7])
def test_path_of_a_callable_has_dots(value: object) -> None:
    (problem,) = problems(identify=value, advanced_matching=True)
    assert problem.expected == "a callable, or its dotted path like shop.visitors.who"


# --- keys ----------------------------------------------------------------------------------------


def test_oldest_secret_keys_purchase_ids_through_a_rotation() -> None:
    before = Settings(secret="old")
    assert before.key == b"old"
    assert before.signing_secrets == (b"old",)
    assert Settings(secret="new old").signing_secrets == (b"new", b"old")
    assert Settings(secret="new old").key == Settings(secret="newest new old").key == before.key
    assert Settings(secret="newest new old").secret == ("newest", "new", "old")


def test_without_a_secret_the_key_holds_until_the_token_changes() -> None:
    one = Settings(pixel_id="1", access_token=TOKEN)
    assert one.key == Settings(pixel_id="2", access_token=TOKEN).key
    assert one.key != Settings(pixel_id="1", access_token="other").key
    assert TOKEN.encode() not in one.key
    assert one.key == hmac.new(TOKEN.encode(), b"pixelpair.secret", sha256).digest()
    assert one.signing_secrets == (one.key,)


@pytest.mark.parametrize(
    ("options", "secret", "read"),
    [
        ({}, "frameworks", ("frameworks",)),
        ({}, b"fr\xe5me", ("fråme",)),
        ({}, "with space", ("with space",)),
        ({}, "", ()),
        ({}, None, ()),
        ({}, 7, ()),
        ({"secret": "own"}, "frameworks", ("own",)),
    ],
)
def test_frameworks_own_secret_serves_where_none_is_set(
    options: dict[str, str], secret: object, read: tuple[str, ...]
) -> None:
    settings = Settings(pixel_id="7", **options)
    other = settings.with_default_secret(secret)
    assert values(other) == values(settings) | {"secret": read}
    assert settings.secret == (("own",) if options else ())


def test_settings_can_be_sent_to_a_process() -> None:
    settings = Settings(pixel_id="7", routes="Lead name:a")
    assert pickle.loads(pickle.dumps(settings)) == settings
