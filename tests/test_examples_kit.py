"""The example shops' own tests, written with the test kit as any shop's are."""

import pytest

from .example_shops import DJANGO, FLASK
from .testing.conftest import run_tests


@pytest.mark.parametrize(("shop", "tests"), [(FLASK, 7), (DJANGO, 4)], ids=["flask", "django"])
def test_shop_passes_its_own_tests(shop, tests, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "shop.sqlite3"))
    ran = run_tests(shop, "-p", "no:asyncio", "-p", "no:playwright", "-W", "error")
    assert ran.outcomes == {"passed": tests}, ran.text
