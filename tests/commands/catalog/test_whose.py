"""By whose word `catalog` and `tags` ask: `--pixel` names a shop among many, or a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.cli import main
from pixelpair.settings import Settings

from .test_hostile import COMMANDS
from .test_over_http import ours
from .test_refusals import cars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.graph.meta import Meta

TEA = {"pixel_id": "111", "access_token": "EAABtea"}
CUPS = {"pixel_id": "222 333", "access_token": "EAABcups EAABsaucers"}
SHOPS = {"tea.example": TEA, "cups.example": CUPS}
ALL = (*COMMANDS, "catalog vehicles add 9 CARS")


def heard(meta: Meta, settings: Settings, *words: str) -> set[str]:
    """The tokens that Meta hears."""
    main(list(words), settings=lambda: settings)
    return {heard.headers["Authorization"].partition(" ")[2] for heard in meta.heard}


def test_every_command_is_tried() -> None:
    tried = {" ".join(words.split()[:3]) for words in ALL}
    own = {name for name in ours() if name not in ("catalog feed", "catalog match", "catalog sync")}
    assert {name for name in own if not any(t.startswith(name) for t in tried)} == set()


@pytest.mark.parametrize("words", ALL)
def test_the_token_is_the_named_pixels(meta: Meta, tmp_path: Path, words: str) -> None:
    typed = words.replace("CARS", cars(tmp_path, 1)).split()
    settings = Settings(**CUPS, graph_url=meta.url)
    assert heard(meta, settings, *typed) == {"EAABcups"}
    meta.heard.clear()
    assert heard(meta, settings, *typed, "--pixel", "333") == {"EAABsaucers"}
    meta.heard.clear()
    assert heard(meta, settings, *typed, "--pixel", "444") == set()


@pytest.mark.parametrize(
    ("pixel", "token"), [("111", "EAABtea"), ("222", "EAABcups"), ("333", "EAABsaucers")]
)
def test_each_shop_among_many_has_its_own_token(meta: Meta, pixel: str, token: str) -> None:
    settings = Settings(shops=SHOPS, graph_url=meta.url)
    assert heard(meta, settings, "catalog", "show", "9", "--pixel", pixel) == {token}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "PIXELPAIR_SHOPS has many: name the shop by its pixel, --pixel ID\n"),
        (("--pixel", "444"), "no shop of PIXELPAIR_SHOPS has the pixel 444\n"),
    ],
)
def test_a_shop_among_many_has_to_be_named(
    meta: Meta, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], problem: str
) -> None:
    settings = Settings(shops=SHOPS, graph_url=meta.url)
    assert main(["tags", "list", "9", *words], settings=lambda: settings) == 2
    assert (meta.heard, capsys.readouterr().err) == ([], problem)


def test_a_pixel_of_nobody_is_told(meta: Meta, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(**CUPS, graph_url=meta.url)
    assert main(["catalog", "show", "9", "--pixel", "444"], settings=lambda: settings) == 2
    assert capsys.readouterr().err == "444 is none of this shop's pixels: 222 333\n"


def test_a_token_in_the_place_of_a_pixel_is_not_repeated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["catalog", "show", "9", "--pixel", "EAABsecret"])
    assert "EAAB" not in capsys.readouterr().err


def test_the_shop_that_is_named_links_its_own_pixels(meta: Meta) -> None:
    path = "/v26.0/9/external_event_sources"
    meta.say(f"GET {path}", {"data": []})
    meta.say(f"POST {path}", {"success": True})
    settings = Settings(shops=SHOPS, graph_url=meta.url)
    main(["catalog", "link", "9", "--pixel", "333"], settings=lambda: settings)
    assert meta.calls("POST") == [(path, {"external_event_sources": ["222", "333"]})]


@pytest.mark.parametrize(
    ("words", "pixel", "token"),
    [
        ((), "222", "EAABcups"),
        (("333",), "333", "EAABsaucers"),
        (("--pixel", "333"), "333", "EAABsaucers"),
        (("555", "--pixel", "333"), "555", "EAABsaucers"),
        (("555",), "555", "EAABcups"),
    ],
)
def test_checks_are_of_the_pixel_and_by_its_token(
    meta: Meta, words: tuple[str, ...], pixel: str, token: str
) -> None:
    settings = Settings(**CUPS, graph_url=meta.url)
    assert heard(meta, settings, "catalog", "checks", *words) == {token}
    assert [one.path for one in meta.heard] == [f"/v26.0/{pixel}/da_checks"]
