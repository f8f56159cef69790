"""The settings of many shops in one process."""

from __future__ import annotations

import json
import pickle

import pytest

from pixelpair.errors import Problem, SettingsError
from pixelpair.settings import Settings
from tests.setting_cases import (
    DIGITS,
    TOKENS,
    problems,
)


def test_token_as_a_shops_host_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(shops='{"EAABtok.example": {"gpc": "x", "sender": "none"}}')
    assert {p.key for p in caught.value.problems} == {
        "(hidden): PIXELPAIR_SENDER",
        "(hidden): PIXELPAIR_GPC",
    }


TWO = {
    "PIXELPAIR_CURRENCY": "SEK",
    "PIXELPAIR_SHOPS": json.dumps(
        {
            "a.example": {"pixel_id": "111", "access_token": "EAAone", "currency": "EUR"},
            "*.B.example": {"PIXELPAIR_PIXEL_ID": "222", "PIXELPAIR_ACCESS_TOKEN": "EAAtwo"},
        }
    ),
}


def test_each_shop_has_its_own_over_what_all_have() -> None:
    found = Settings.from_env(TWO, {"secret": "of all"})
    assert found.shops == {
        "a.example": Settings(
            pixel_id="111", access_token="EAAone", currency="EUR", secret="of all"
        ),
        "*.b.example": Settings(
            pixel_id="222", access_token="EAAtwo", currency="SEK", secret="of all"
        ),
    }
    assert (found.active, found.pixels, found.spool_folder.name) == (True, (), "shops")


def test_tokens_of_shops_are_not_shown() -> None:
    found = Settings.from_env(TWO)
    assert [word for word in ("EAAone", "EAAtwo", "111") if word in repr(found)] == []
    assert "EAA" not in repr(found.shops)


@pytest.mark.parametrize(
    "value",
    [
        '{"a.example": {"access_token": "EAAone"',
        '{"a.example": "EAAone"}',
        '["EAAone"]',
        "EAAone",
        {"a.example": ["EAAone"]},
        [Settings(pixel_id="1", access_token="EAAone")],
    ],
)
def test_malformed_shops_are_a_mistake_that_shows_no_token(value: object) -> None:
    (problem,) = problems(shops=value)
    assert (problem.key, problem.value) == ("PIXELPAIR_SHOPS", "(hidden)")
    assert problem.expected == (
        "JSON of host patterns and options, or the dotted path of an object with for_host and"
        " for_pixel"
    )


def test_mistakes_of_shops_name_the_shop_and_no_token() -> None:
    shops = {
        "a.example": {"pixel_id": "EAABone99", "access_token": 'EAA"one99"', "sender": "none"},
        "b.example": {"pixel_di": "1", "path": "/x", "shops": {}, "gpc": "EAABtwo99"},
    }
    with pytest.raises(SettingsError) as caught:
        Settings(shops=json.dumps(shops))
    one = "one for all shops of the process"
    assert caught.value.problems == (
        Problem("a.example: PIXELPAIR_SENDER", "(set)", one),
        Problem("a.example: PIXELPAIR_PIXEL_ID", "'(hidden)'", DIGITS),
        Problem("a.example: PIXELPAIR_ACCESS_TOKEN", "(hidden)", TOKENS),
        Problem("b.example: PIXELPAIR_PATH", "(set)", one),
        Problem("b.example: PIXELPAIR_SHOPS", "(set)", one),
        Problem("b.example: PIXELPAIR_PIXEL_DI", "(set)", "did you mean PIXELPAIR_PIXEL_ID?"),
        Problem("b.example: PIXELPAIR_GPC", "'(hidden)'", "ldu, deny or ignore"),
    )
    assert "EAA" not in str(caught.value) + repr(caught.value)


def test_mistake_of_all_is_said_once() -> None:
    shops = {"a.example": {"pixel_id": "1"}, "b.example": {"pixel_id": "2"}}
    assert problems(shops=shops, currency="euro") == (
        Problem("PIXELPAIR_CURRENCY", "'euro'", "an ISO 4217 code like SEK"),
    )


def test_frameworks_own_secret_serves_each_shop_without_one() -> None:
    shops = {"a.example": {"pixel_id": "1"}, "b.example": {"pixel_id": "2", "secret": "own"}}
    found = Settings(shops=shops).with_default_secret("frameworks").shops
    assert {host: shop.secret for host, shop in found.items()} == {
        "a.example": ("frameworks",),
        "b.example": ("own",),
    }


def test_settings_of_shops_can_be_sent_to_a_process() -> None:
    found = Settings.from_env(TWO, {"routes": "none"})
    assert pickle.loads(pickle.dumps(found)) == found
