"""A shop that runs beside its old pixel, in several processes: what it sends, and what it tells."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.conftest import BROWSER, ROOT, free_port, running_sandbox, server, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e
BOUGHT = "/orders/A-17/complete"


# The first request waits until the workers have loaded the app.
PATIENCE = 60


def serve(stack: ExitStack, environ: dict[str, str], workers: int) -> str:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--log-level", "error", "--workers", str(workers)]
    command += ["--bind", f"127.0.0.1:{port}", "tests.e2e.shadow_shop:app"]
    stack.enter_context(server(command, port, environ, ROOT))
    return f"http://127.0.0.1:{port}"


def told(environ: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "pixelpair", "shadow", "--json"]
    ran = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, check=False)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def answered(shop: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """All but the server's clock."""
    answer = httpx.get(shop + path, headers=BROWSER, timeout=PATIENCE)
    return answer.status_code, {**answer.headers, "date": ""}, answer.content


def test_a_hand_written_pixel_is_compared_and_nothing_else_happens(tmp_path: Path) -> None:
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox())
        environ = sandbox.environ(tmp_path / "spool") | {"PIXELPAIR_MODE": "shadow"}
        shadow = serve(stack, environ, 2)
        off = serve(stack, environ | {"PIXELPAIR_MODE": "off"}, 1)
        for path in ("/", BOUGHT, "/_pixelpair/pixel.js", "/_pixelpair/events"):
            assert answered(shadow, path) == answered(off, path)
        assert httpx.get(f"{shadow}/_pixelpair/pixel.js").status_code == 404
        for _ in range(9):
            answered(shadow, BOUGHT)
        assert until(lambda: told(environ)["pages"] == 11)
        found = told(environ)
        assert httpx.get(f"{sandbox.url}/api/events").json()["events"] == []
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["shadow.sqlite3"]
    path = "/orders/{order_id}/complete"
    examples = {"path": path, "page": "", "ours": ""}
    bought = next(event for event in found["events"] if event["event"] == "Purchase")
    assert {d["what"]: (d["count"], d["examples"][-1]) for d in bought.pop("differences")} == {
        "id missing": (10, examples),
        "other value": (10, {"path": path, "page": "119.00", "ours": "80.00"}),
        "twice": (10, examples),
    }
    assert bought == {
        "pixel": "1234567890",
        "page": f"GET {path}",
        "event": "Purchase",
        "would_send": 10,
        "not_sent": {},
        "page_sends": 20,
        "page_may_send": 0,
    }
    assert b"A-17" not in (tmp_path / "spool" / "shadow.sqlite3").read_bytes()
