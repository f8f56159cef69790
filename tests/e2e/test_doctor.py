"""The doctor names every fault that is planted in a shop, and finds none in a healthy one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pixelpair.cli import main
from pixelpair.commands.doctor import http as doctor_http
from tests.conftest import BROWSER

from .caches import CACHING, OWN_TERMS, PASS_HOST, cached_shop, nginx, varnish
from .ill_shops import (
    ILL,
    NONE,
    PAGE,
    SOUND,
    TRAPS,
    Ill,
    flask_shop,
    installed_again,
    serving,
    settings_of,
)
from .shops import shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Sandbox

HEALTHY = Ill(NONE)
# Its traps come first.
TRAPPED = PAGE.replace("<h1>", f"{TRAPS}<h1>")
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


@pytest.mark.parametrize("name", SOUND)
def test_finds_no_fault_where_is_none(
    name: str, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, document = examined(SOUND[name], spool, capsys)
    assert [line for line in abroad(document) if line["status"] != "ok"] == []


def test_touches_nothing_that_changes_the_shop(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def noting(app: Any) -> Any:
        def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
            asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            return app(environ, start_response)

        return wrapped

    trapped = replace(HEALTHY, page=TRAPPED, outside=(noting,))
    _, document = examined(trapped, spool, capsys)
    assert set(asked) == {
        "GET /",
        "GET /products/TEA",
        "GET /search",
        "POST /cart/add",
        "GET /cart",
        "GET /checkout",
    }
    assert len(asked) <= 20
    assert [line for line in abroad(document) if line["status"] == "fail"] == []


def test_shop_below_a_prefix_is_walked_by_its_rules(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rules know paths below the mount, and links do not: no rule fitted any link."""
    settings = settings_of(spool, routes="ViewContent /products/{content_id}")
    made = flask_shop(replace(HEALTHY, page=PAGE.replace('="/', '="/tea/')), settings)

    def mounted(environ: dict[str, Any], start_response: Any) -> Any:
        below = environ["PATH_INFO"].removeprefix("/tea")
        return made(environ | {"SCRIPT_NAME": "/tea", "PATH_INFO": below}, start_response)

    with serving(mounted) as url:
        page = url + "/tea/"
        main(["doctor", page, "--json"], settings=lambda: settings)
    document = json.loads(capsys.readouterr().out)
    (found,) = [line for line in document["lines"] if line["check"] == "routes"][:1]
    assert (found["status"], found["cause"]) == ("ok", "events of their own: ViewContent")


def test_nothing_of_the_doctors_visit_leaves(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, document = examined(HEALTHY, spool, capsys, "--place-order")
    assert [page["kind"] for page in document["pages"]][-2:] == ["place order", "order"]
    assert [e[0] for e in document["pages"][-1]["report"]["events"]] == ["PageView", "Purchase"]
    assert not spool.exists()


@pytest.mark.parametrize("name", ILL)
def test_names_the_fault(
    name: str,
    spool: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ill = ILL[name]
    if "/silent" in ill.words:
        monkeypatch.setattr(doctor_http, "READ", 1.0)
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


@pytest.mark.e2e
def test_shop_behind_varnish_is_seen_past_its_cache(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A kept page bears no report: the walk ended there, and nothing of the shop was known."""
    own = {"PIXELPAIR_ROUTES": "ViewContent /products/{id}", "PIXELPAIR_TRUSTED_PROXIES": "1"}
    given = sandbox.environ(tmp_path / "spool") | own
    environ(monkeypatch, given)
    with cached_shop("starlette on uvicorn", given) as port, varnish(port, tmp_path) as front:
        page = f"{front}/products/public"
        for _ in range(2):
            httpx.get(page, headers=BROWSER | {"Cookie": "_fbp=fb.0.1700000000000.1"})
        main(["doctor", page, "--page", "/products/silent", "--json"])
    document = json.loads(capsys.readouterr().out)
    causes = [(line["check"], line["cause"]) for line in document["lines"]]
    assert ("middleware", "pixelpair answers its doctor") in causes
    assert [line for line in document["lines"] if line["status"] == "fail"] == []
    assert any("Age: " in c or "browser ids" in c for check, c in causes if check == "cache")
