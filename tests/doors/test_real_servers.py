"""The site on real servers: every answer is whole, and every server half reaches the sandbox."""

from __future__ import annotations

import sys
from collections import Counter
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.conftest import Sandbox, free_port, running_sandbox, server, until

from .drive import Answer, ids, names
from .site import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUNICORN = [
    sys.executable,
    "-m",
    "gunicorn",
    "--log-level=warning",
    "tests.doors.small_site:wsgi_app",
]
UVICORN = [
    sys.executable,
    "-m",
    "uvicorn",
    "--log-level=warning",
    "tests.doors.small_site:asgi_app",
]

# The command, and whether the server keeps connections.
SERVERS = {
    "uvicorn": ([*UVICORN, "--port={port}"], True),
    "gunicorn, two processes": ([*GUNICORN, "--workers=2", "--bind=127.0.0.1:{port}"], False),
    "gunicorn, threads": ([*GUNICORN, "--threads=4", "--bind=127.0.0.1:{port}"], True),
}
WALK = [case for case in CASES.values() if not case.ask.root]


@pytest.fixture(scope="module")
def graph() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


def ask(connection: HTTPConnection, case: Case) -> Answer:
    what = case.ask
    target = quote(what.path) + (f"?{what.query}" if what.query else "")
    headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", **dict(what.headers)}
    connection.request(what.method, target, headers=headers)
    response = connection.getresponse()
    return Answer.of(response.status, response.getheaders(), response.read())


@pytest.mark.parametrize(("command", "keeps"), SERVERS.values(), ids=SERVERS.keys())
def test_every_answer_is_whole_and_every_pair_complete(
    graph: Sandbox, tmp_path: Path, command: list[str], keeps: bool
):
    """One connection for all: an answer too long or too short would spoil the next."""
    graph.clear()
    port = free_port()
    filled = [word.format(port=port) for word in command]
    with server(filled, port, graph.environ(tmp_path / "spool")):
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        sockets, answers = [], []
        for case in WALK:
            connection.connect() if connection.sock is None else None
            sockets.append(connection.sock)
            answers.append(ask(connection, case))
        connection.close()
        due = sum(len(names(answer.shown)) for answer in answers)
        until(lambda: len(graph.events()) >= due)
    assert len(set(sockets)) == (1 if keeps else len(WALK))
    assert [a.status for a in answers] == [case.reply.status for case in WALK]
    alone = [
        (a.body, case.reply.whole) for a, case in zip(answers, WALK, strict=True) if case.alone
    ]
    assert [given for given, _ in alone] == [whole for _, whole in alone]
    shown = [event for answer in answers for event in answer.shown]
    assert Counter(names(shown)) == Counter(
        name for case in WALK for name in (case.twins if case.shown is None else case.shown).split()
    )
    arrived = [(event["name"], event["event_id"], event["status"]) for event in graph.events()]
    expected = zip(names(shown), ids(shown), strict=True)
    assert sorted(arrived) == sorted((*pair, "server_only") for pair in expected)
