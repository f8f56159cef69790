"""Running a piece of Python as a process of its own, for what a test process must not do itself:
fork, die, run out of disk."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

SOURCE = Path(__file__).parent.parent.parent / "src"

PREAMBLE = """
import logging, os, sys, threading, time
from pathlib import Path
from pixelpair.core.events import Twin, Withdrawal
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.delivery.worker import Worker
from pixelpair.graph.client import Graph, Reply
from pixelpair.graph.conversions import call
spool = Path(sys.argv[1])
def twin(number):
    body = b'{"event_id":"id-%s"}' % str(number).encode()
    return Twin("111", "ViewContent", f"id-{number}", int(time.time()), body)
def worker_to(url, journal, **options):
    graph = Graph(timeout=5)
    post = lambda twins: graph.send(
        call(twins, pixel_id="111", token="t", graph_url=url, version="v26.0"))
    outbox = lambda: SqliteOutbox(spool / "outbox.sqlite3")
    return Worker(spool, outbox, journal, post, on_close=graph.close, **options)
"""


def start(code: str, *args: object, before: str = "", **options: object) -> subprocess.Popen[str]:
    """A process that runs `before`, the preamble and `code`; its pipes are ours."""
    program = before + PREAMBLE + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def run(code: str, *args: object, before: str = "") -> tuple[str, str]:
    """What the process wrote to stdout and stderr. It must end well."""
    process = start(code, *args, before=before)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out, err
