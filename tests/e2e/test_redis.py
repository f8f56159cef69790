"""Two machines' web processes and one Redis between them: each event is sent once, by either."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import BROWSER, ROOT, running_sandbox, until
from tests.delivery.redis_server import DURABLE, RedisServer, fresh_url
from tests.e2e.visits import shops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    fresh_url()  # sees to it that there is a redis-server at all
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder, *DURABLE)
    yield server
    server.close()


def test_two_machines_send_through_one_redis(redis_server: RedisServer, tmp_path: Path) -> None:
    """Redis is killed between the pages; the journals hold what was shown meanwhile."""
    folders = iter(tmp_path / name for name in ("one", "two"))
    with (
        running_sandbox() as sandbox,
        shops(
            "tests.e2e.visitor_shops",
            sandbox,
            lambda _: next(folders),
            PIXELPAIR_OUTBOX=redis_server.url,
            PIXELPAIR_ROUTES="none",
        ) as opened,
    ):
        urls = [opened("flask"), opened("starlette")]
        shown = [httpx.get(f"{url}/products/tea", headers=BROWSER).status_code for url in urls]
        assert until(lambda: len(sandbox.events()) == 2)
        redis_server.kill()
        shown += [httpx.get(f"{url}/products/tea", headers=BROWSER).status_code for url in urls * 5]
        redis_server.start()
        assert until(lambda: len(sandbox.events()) == 12, 60)
        assert shown == [200] * 12
        assert {event["server"]["repeats"] for event in sandbox.events()} == {0}
        environ = sandbox.environ(tmp_path / "one") | {"PIXELPAIR_OUTBOX": redis_server.url}
        command = [sys.executable, "-m", "pixelpair", "status", "--json"]
        told = subprocess.run(
            command, env=os.environ | environ, cwd=ROOT, capture_output=True, check=True
        )
        assert json.loads(told.stdout)["delivered"] == 12
