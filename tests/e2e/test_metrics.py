"""Figures of a host with several processes: the same from each, and never less than before."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import BROWSER, ROOT, free_port, running_sandbox, server, until

pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families as parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

TOKEN = "a-word-of-sixteen"
WORKERS = 3
VIEW = "pixelpair_events_delivered_total"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--log-level", "error", "--workers", str(WORKERS)]
    command += ["--bind", f"127.0.0.1:{port}", "tests.e2e.metered_shop:app"]
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox())
        environ = sandbox.environ(tmp_path / "spool") | {"PIXELPAIR_METRICS_TOKEN": TOKEN}
        stack.enter_context(server(command, port, environ, ROOT))
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def browse(shop: str) -> Callable[[int], set[int]]:
    """Look at so many pages, each over a connection of its own; gives who answered."""

    def look(pages: int) -> set[int]:
        return {int(httpx.get(shop, headers=BROWSER).headers["x-pid"]) for _ in range(pages)}

    return look


@pytest.fixture
def scrape(shop: str) -> Callable[[], dict[str, float]]:
    """All counters and the gauges without labels, whichever process answers."""

    def read() -> dict[str, float]:
        answer = httpx.get(
            f"{shop}/_pixelpair/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, float] = {}
        for family in parsed(answer.text):
            for sample in family.samples:
                if sample.name.endswith(("_total", "_count")) or not sample.labels:
                    key = ",".join((sample.name, *sample.labels.values()))
                    found[key] = sample.value
        return found

    return read


def test_sums_are_the_hosts_and_outlive_a_kill(
    browse: Callable[[int], set[int]], scrape: Callable[[], dict[str, float]]
) -> None:
    pids, pages = set[int](), 0
    while len(pids) < WORKERS and pages < 400:
        pids |= browse(20)
        pages += 20
    assert len(pids) == WORKERS
    shown: list[float] = []

    def all_are_shown() -> bool:
        shown.append(scrape().get(f"{VIEW},PageView", 0.0))
        return shown[-1] == pages

    assert until(all_are_shown)
    for pid in sorted(pids):  # the sender is among them
        os.kill(pid, signal.SIGKILL)
        pages += len(list(browse_through(browse, 20)))
        assert until(all_are_shown)
    assert shown == sorted(shown)
    assert shown[-1] == pages
    last = scrape()
    assert last["pixelpair_sender_running"] == 1
    assert last["pixelpair_events_accepted_total"] == pages
    assert last["pixelpair_events_queued"] == last["pixelpair_journal_unread_bytes"] == 0


def browse_through(browse: Callable[[int], set[int]], pages: int) -> Iterator[int]:
    """Look at pages while a worker has just died: a connection that it had taken breaks."""
    for _ in range(pages):
        while True:
            try:
                yield browse(1).pop()
                break
            except httpx.TransportError:
                continue


def test_nobody_else_reads_them(shop: str) -> None:
    for headers in ({}, {"Authorization": "Bearer another-word-here"}):
        answer = httpx.get(f"{shop}/_pixelpair/metrics", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (
            401,
            'Bearer realm="pixelpair"',
        )
