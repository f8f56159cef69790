"""docs/testing.md: its files are tests, and they pass."""

from __future__ import annotations

from ..docs_pages import BLOCKS, section, table
from .conftest import INI
from .test_frameworks import DJANGO, DJANGO_INI, FASTAPI

PAGE = "docs/testing.md"


def documented(file: str) -> str:
    """What the reader is told to save as this file."""
    (found,) = [block.text for block in BLOCKS if (block.page, block.file) == (PAGE, file)]
    return found


def test_flask_tests_pass(shop_tests):
    names = ("shop", "test_shop", "test_rules", "conftest")
    ran = shop_tests(ini=INI, **{name: documented(f"{name}.py") for name in names})
    assert ran.outcomes == {"passed": 4}, ran.text


def test_asgi_tests_pass(shop_tests):
    ran = shop_tests(ini=INI, api=FASTAPI, test_api=documented("test_api.py"))
    assert ran.outcomes == {"passed": 2}, ran.text


def test_django_tests_pass(shop_tests):
    ran = shop_tests(ini=DJANGO_INI, shop=DJANGO, test_views=documented("test_views.py"))
    assert ran.outcomes == {"passed": 3}, ran.text


def test_all_files_are_run():
    files = {block.file for block in BLOCKS if block.page == PAGE and block.language == "python"}
    assert files == {
        "shop.py",
        "test_shop.py",
        "test_api.py",
        "test_views.py",
        "test_browser.py",  # by test_sandbox.py
        "test_rules.py",
        "conftest.py",
    }


def test_words_are_those_that_there_are():
    from pixelpair.testing import Events, Pair, plugin

    words = [cell for row in table(section(PAGE, "## Events")) for cell in row[0].split(", ")]
    classes = {"events": Events, "pair": Pair}
    for word in words:
        owner, _, name = word.strip("`").partition(".")
        assert hasattr(classes[owner], name.partition("(")[0]), word
    fixtures = [row[0].strip("`") for row in table(section(PAGE, "## Fixtures"))]
    assert all(hasattr(plugin, name) for name in fixtures)
    assert len(fixtures) == 4
