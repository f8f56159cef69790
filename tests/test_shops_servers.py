"""Many shops on real servers: a dead token of one starves no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import Sandbox, free_port, running_sandbox, server, until
from tests.core.exchanges import blocks
from tests.shop_cases import ONE, TOKENS, TWO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("own_process")

# The sandbox knows no accounts, and refuses what is spelled as no token is: this one is dead.
DEAD, ALIVE = "EAAtokenOfOne!", TOKENS[TWO]
SERVERS = {
    "uvicorn": ["uvicorn", "--log-level=warning", "tests.doors.small_site:asgi_app", "--port={}"],
    "gunicorn": [
        *("gunicorn", "--log-level=warning", "--workers=2", "--bind=127.0.0.1:{}"),
        "tests.doors.small_site:wsgi_app",
    ],
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        yield running


def visited(port: int, host: str) -> list[tuple[str, str]]:
    """The ids that a page of this host shows, by the pixel that is to fire them."""
    headers = {"Host": host, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
    page = httpx.get(f"http://127.0.0.1:{port}/products/SKU-1", headers=headers, timeout=30)
    return [(block["pixel"], e[2]) for block in blocks(page.content) for e in block["events"]]


def refusals(sandbox: Sandbox) -> set[tuple[str, int]]:
    found = httpx.get(f"{sandbox.url}/api/rejections").json()["rejections"]
    return {(one["pixel_id"], one["status"]) for one in found}


def arrived(sandbox: Sandbox) -> list[tuple[str, str]]:
    return sorted((event["pixel_id"], event["event_id"]) for event in sandbox.events())


@pytest.mark.parametrize("kind", SERVERS)
def test_dead_token_of_one_shop_starves_no_other(
    kind: str, sandbox: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its events wait in the spool, and leave with the next token."""
    sandbox.clear()
    port, spool = free_port(), tmp_path / "spool"
    environ = {**sandbox.environ(spool), "PIXELPAIR_PIXEL_ID": "", "PIXELPAIR_ACCESS_TOKEN": ""}

    def many(token: str) -> dict[str, str]:
        one, two = [{"pixel_id": p, "access_token": t} for p, t in ((ONE, token), (TWO, ALIVE))]
        return {**environ, "PIXELPAIR_SHOPS": json.dumps({"a.example": one, "*.b.example": two})}

    with server([sys.executable, "-m", *(w.format(port) for w in SERVERS[kind])], port, many(DEAD)):
        shown = [visited(port, host) for host in ("a.example", f"x.b.example:{port}", "c.example")]
        until(lambda: len(sandbox.events()) >= 2 and refusals(sandbox))
    assert [[pixel for pixel, _ in found] for found in shown] == [[ONE, ONE], [TWO, TWO], []]
    assert arrived(sandbox) == sorted(shown[1])
    assert refusals(sandbox) == {(ONE, 401)}
    assert [f for f in spool.rglob("*") if f.is_file() and b"EAAtoken" in f.read_bytes()] == []
    command = [sys.executable, "-m", "pixelpair", "drain"]
    ran = subprocess.run(
        command,
        env={**os.environ, **many("EAArotated")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (0, "delivered 2, dead 0, left 0\n")
    assert arrived(sandbox) == sorted(shown[0] + shown[1])
    assert "EAA" not in ran.stdout + ran.stderr + str(capfd.readouterr())
