"""`pixelpair catalog link`, `unlink`, `sources`: read, change, read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.cli import main

from ..conftest import PIXEL

if TYPE_CHECKING:
    import pytest

    from tests.graph.meta import Meta

    from ..conftest import Ask
    from .conftest import Shop

OTHER = "999888777"
EDGE = "/v26.0/7/external_event_sources"


def linked(shop: Shop) -> list[str]:
    return [row["id"] for row in shop.get(f"{shop.catalog}/external_event_sources")["data"]]


def test_links_the_shops_own_pixel(shop: Shop, ask: Ask) -> None:
    code, told = ask("catalog", "link", shop.catalog)
    assert (code, told["before"], told["sent"], told["added"]) == (0, [], [PIXEL], [PIXEL])
    assert linked(shop) == [PIXEL]
    _, listed = ask("catalog", "sources", shop.catalog)
    assert [source["id"] for source in listed["sources"]] == [PIXEL]
    assert told["after"] == listed["sources"]


def test_a_second_pixel_leaves_the_first(shop: Shop, ask: Ask) -> None:
    ask("catalog", "link", shop.catalog)
    _, told = ask("catalog", "link", shop.catalog, OTHER)
    assert (told["sent"], told["added"], told["removed"]) == ([PIXEL, OTHER], [OTHER], [])
    assert sorted(linked(shop)) == sorted([PIXEL, OTHER])


def test_what_is_linked_is_not_sent_again(shop: Shop, ask: Ask) -> None:
    ask("catalog", "link", shop.catalog)
    code, told = ask("catalog", "link", shop.catalog)
    assert (code, told["sent"], told["after"]) == (0, [], None)


def test_a_dry_run_shows_what_it_would_add_to_what_is_there(shop: Shop, ask: Ask) -> None:
    ask("catalog", "link", shop.catalog)
    _, told = ask("catalog", "link", shop.catalog, OTHER, PIXEL, OTHER, "--dry-run")
    assert (told["dry_run"], told["due"], told["sent"]) == (True, [OTHER], [PIXEL, OTHER])
    assert (told["after"], linked(shop)) == (None, [PIXEL])


def test_a_dry_run_changes_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "link", shop.catalog, "--dry-run"]) == 0
    assert f"would add {PIXEL}, and send {PIXEL}; linked now:" in capsys.readouterr().out
    assert linked(shop) == []


def test_unlinks_what_is_named_and_shows_it_gone(shop: Shop, ask: Ask) -> None:
    ask("catalog", "link", shop.catalog, PIXEL, OTHER)
    _, dry = ask("catalog", "unlink", shop.catalog, OTHER, "--dry-run")
    assert (dry["dry_run"], dry["due"]) == (True, [OTHER])
    assert (dry["sent"], dry["after"], sorted(linked(shop))) == (
        [OTHER],
        None,
        sorted([PIXEL, OTHER]),
    )
    code, told = ask("catalog", "unlink", shop.catalog, OTHER)
    assert (code, told["removed"], linked(shop)) == (0, [OTHER], [PIXEL])
    assert ask("catalog", "unlink", shop.catalog, OTHER)[1]["sent"] == []


def test_a_post_that_replaces_shows_as_the_difference(meta: Meta, ask: Ask) -> None:
    """No document says whether POST adds or replaces: what was lost has to be seen."""
    meta.say(f"GET {EDGE}", {"data": [{"id": "5"}]}, {"data": [{"id": PIXEL}]})
    meta.say(f"POST {EDGE}", {"success": True})
    code, told = ask("catalog", "link", "7")
    assert (code, told["added"], told["removed"]) == (0, [PIXEL], ["5"])
    assert meta.calls("POST") == [(EDGE, {"external_event_sources": ["5", PIXEL]})]


def test_a_link_that_does_not_show_is_told(meta: Meta, capsys: pytest.CaptureFixture[str]) -> None:
    meta.say(f"GET {EDGE}", {"data": []})
    meta.say(f"POST {EDGE}", {"success": True})
    assert main(["catalog", "link", "7"]) == 1
    assert "Meta took it, but shows it otherwise" in capsys.readouterr().err


def test_an_unlink_travels_as_one_list_in_the_query(meta: Meta, ask: Ask) -> None:
    meta.say(f"GET {EDGE}", {"data": [{"id": "5"}]}, {"data": []})
    meta.say(f"DELETE {EDGE}", {"success": True})
    assert ask("catalog", "unlink", "7", "5")[0] == 0
    assert meta.calls("DELETE") == [(EDGE, {"external_event_sources": '["5"]'})]


def test_an_unlink_that_does_not_show_is_told(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of Meta's pages one shows this DELETE, and another says that there is none."""
    meta.say(f"GET {EDGE}", {"data": [{"id": "5"}]})
    meta.say(f"DELETE {EDGE}", {"success": True})
    assert main(["catalog", "unlink", "7", "5"]) == 1
    assert "Meta took it, but shows it otherwise" in capsys.readouterr().err


def test_an_unlink_that_meta_refuses_is_told_in_its_words(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say(f"GET {EDGE}", {"data": [{"id": "5"}]})
    meta.refuse(f"DELETE {EDGE}", 100)
    assert main(["catalog", "unlink", "7", "5"]) == 2
    assert "(Meta: (#100) no)" in capsys.readouterr().err


def test_no_pixel_at_all_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PIXELPAIR_PIXEL_ID")
    assert main(["catalog", "link", "7"]) == 2
    assert "no PIXELPAIR_PIXEL_ID is set" in capsys.readouterr().err
