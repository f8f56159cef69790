"""The doctor names every fault that is planted in a shop, and finds none in a healthy one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.cli import main
from pixelpair.commands import doctor_http

from .caches import CACHING, OWN_TERMS, PASS_HOST, nginx
from .ill_shops import ILL, Ill, flask_shop, installed_again, serving, settings_of
from .shops import shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Sandbox

HEALTHY = Ill(("ok", "middleware", ""))
# No test event code, a Graph on loopback, no worker: what the doctor says of this machine here.
AT_HOME = {"settings", "token", "worker", "spool", "version", "delivery", "disk", "spool rights"}


@pytest.fixture(autouse=True)
def _hastily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_http, "PAUSE", 0.0)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def examined(
    ill: Ill, spool: Path, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, dict[str, Any]]:
    """What the doctor answers of a shop with this fault."""
    settings = settings_of(spool, **ill.shop)
    if "again" in ill.outside:
        ill = replace(ill, outside=(installed_again(lambda: settings),))
    own = settings_of(spool, **{**ill.shop, "mode": "live", **ill.doctor})
    with serving(flask_shop(ill, settings)) as url:
        capsys.readouterr()
        code = main(["doctor", url, *ill.words, *words, "--json"], settings=lambda: own)
        return code, json.loads(capsys.readouterr().out)


def abroad(document: dict[str, Any]) -> list[dict[str, str]]:
    """The lines about the running shop."""
    return [line for line in document["lines"] if line["check"] not in AT_HOME]


def test_healthy_shop_has_no_fault(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, document = examined(HEALTHY, spool, capsys)
    assert [line for line in abroad(document) if line["status"] != "ok"] == []
    kinds = ["home", "product", "search", "add to cart", "cart", "checkout"]
    assert [page["kind"] for page in document["pages"]] == kinds
    pairs = [line["where"] for line in document["lines"] if line["check"] == "pair"]
    assert [where.rpartition(" ")[0] for where in pairs] == kinds


def test_nothing_of_the_doctors_visit_leaves(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, document = examined(HEALTHY, spool, capsys, "--place-order")
    assert [page["kind"] for page in document["pages"]][-2:] == ["place order", "order"]
    assert [e[0] for e in document["pages"][-1]["report"]["events"]] == ["PageView", "Purchase"]
    assert not spool.exists()


@pytest.mark.parametrize("name", ILL)
def test_names_the_fault(name: str, spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ill = ILL[name]
    _, document = examined(ill, spool, capsys)
    status, check, words = ill.finds
    found = [(line["status"], line["check"], line["cause"]) for line in abroad(document)]
    assert [f for f in found if f[:2] == (status, check) and words in f[2]], found
    assert all(line["fix"] for line in document["lines"] if line["status"] != "ok")


# --- real servers ---------------------------------------------------------------------------------


def environ(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> dict[str, str]:
    """The doctor and the shop have the same settings."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["flask on gunicorn", "django on uvicorn"])
def test_example_shops_have_no_fault(
    kind: str,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = environ(monkeypatch, sandbox.environ(tmp_path / "spool"))
    with shop(kind, given, tmp_path) as url:
        code = main(["doctor", url, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (code, [line for line in document["lines"] if line["status"] == "fail"]) == (0, [])
    kinds = ["home", "product", "search", "add to cart", "cart", "checkout"]
    assert [page["kind"] for page in document["pages"]] == kinds
    assert sandbox.events() == []


@pytest.mark.e2e
def test_names_an_nginx_that_keeps_what_it_must_not(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = environ(monkeypatch, sandbox.environ(tmp_path / "spool"))
    heedless = "proxy_ignore_headers Cache-Control Set-Cookie Expires Vary;"
    key = "proxy_cache_key $uri$http_user_agent;"
    front = (CACHING, OWN_TERMS, heedless, key, PASS_HOST)
    with shop("flask on gunicorn", given, tmp_path) as url:
        port = int(url.rpartition(":")[2])
        with nginx(port, tmp_path, *front) as cache:
            assert main(["doctor", cache.url, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    causes = [line["cause"] for line in document["lines"] if line["check"] == "cache"]
    assert any("two visitors were shown one event id" in cause for cause in causes)
