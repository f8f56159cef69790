"""Servers that have no threads, or share one between all requests: real ones, where they are."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery.intake import Intake
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.surroundings import Surroundings, surroundings

from .scripts import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Build
    from .sink import Sink

# What a server does to its process before it loads the shop, and the module that it needs.
WHOLE = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}
HALF = {
    "gevent": "from gevent import monkey; monkey.patch_all(socket=False)",
    "eventlet": "import eventlet; eventlet.monkey_patch(thread=True)",
}
NOT_AT_ALL = {
    "gevent": "import gevent.monkey",
    "eventlet": "import eventlet.patcher",
}
QUIET = "import warnings; warnings.simplefilter('ignore')\n"  # eventlet says that it is old
EVENTS = """
logging.basicConfig(format="%(message).60s")
journal = Journal(spool)
worker = worker_to(sys.argv[2], journal, poll=0.02)
for n in range(3):
    journal.append(twin(n).pack())
    worker.notify()
end = time.monotonic() + float(sys.argv[3])
while worker.done.delivered < 3 and time.monotonic() < end: time.sleep(0.01)
worker.close(5)
"""


def patched(hub: str, patches: dict[str, str]) -> str:
    if find_spec(hub) is None:
        pytest.skip(f"{hub} is missing")
    return QUIET + patches[hub] + "\n"


@pytest.mark.parametrize("hub", WHOLE)
def test_the_sender_of_a_patched_process_sends_and_says_what_it_costs(
    hub: str, spool: Path, sink: Sink
) -> None:
    _, err = run(EVENTS, spool, sink.url, 20, before=patched(hub, WHOLE))
    assert len(sink.ids) == 3
    said = f"{hub} has replaced this process's threads: the sender shares one with"
    assert [line for line in err.splitlines() if hub in line] == [said[:60]]


@pytest.mark.parametrize("hub", HALF)
def test_a_half_patched_process_only_writes_and_says_so_once(
    hub: str, spool: Path, sink: Sink
) -> None:
    _, err = run(EVENTS, spool, sink.url, 0.3, before=patched(hub, HALF))
    assert (sink.calls, Intake(spool, MemoryOutbox()).unread()) == ([], 3)
    said = f"{hub} has replaced this process's threads, but not its sockets: a call"
    assert err.splitlines() == [said[:60]]


@pytest.mark.parametrize("hub", NOT_AT_ALL)
def test_a_process_that_is_not_patched_has_nothing_to_say(
    hub: str, spool: Path, sink: Sink
) -> None:
    _, err = run(EVENTS, spool, sink.url, 20, before=patched(hub, NOT_AT_ALL))
    assert (len(sink.ids), err) == (3, "")


@pytest.fixture
def uwsgi(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Its module, which only its own processes have; 2.0.26 was the last to have no threads."""

    def enter(**told: object) -> None:
        module = ModuleType("uwsgi")
        vars(module).update(told)
        monkeypatch.setitem(sys.modules, "uwsgi", module)
        monkeypatch.setattr("pixelpair.delivery.worker._said", set())

    return enter


@pytest.mark.parametrize("told", [{"has_threads": 1}, {"has_threads": 1, "opt": {}}, {}])
def test_uwsgi_with_threads_is_like_any_server(
    uwsgi: Callable[..., None], told: dict[str, object]
) -> None:
    uwsgi(**told)
    assert surroundings() == Surroundings()


def test_uwsgi_without_threads_only_writes_and_says_so_once(
    uwsgi: Callable[..., None], build: Build, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uwsgi(has_threads=0)
    worker, journal = build(poll=0.01)
    for _ in range(3):
        journal.append(b"x")
        worker.notify()
    assert (worker._thread, worker.leads) == (None, False)
    said = (
        "uWSGI runs no threads in this process: its events are written to the spool, and nothing"
        " sends them from here; set PIXELPAIR_SENDER=none here and run `pixelpair worker` beside"
        " the server as a process of its own, or set enable-threads = true"
    )
    assert caplog.messages == [said]
    assert Intake(spool, MemoryOutbox()).unread() == 3


def test_nothing_is_loaded_to_find_out() -> None:
    code = """
    before = set(sys.modules)
    import pixelpair.delivery.surroundings as found
    print(found.surroundings(), set(sys.modules) - before)
    """
    assert run(code, "")[0] == "Surroundings(can_send=True, remark='') set()\n"


def test_uwsgis_master_only_writes_and_a_process_that_serves_sends(
    uwsgi: Callable[..., None], build: Build
) -> None:
    """Seen: children that were forked while the sender's thread ran in the master never came up."""
    uwsgi(has_threads=1, worker_id=lambda: 0, mule_id=lambda: 0)
    worker, _ = build(poll=0.01)
    worker.notify()
    assert worker._thread is None
    uwsgi(has_threads=1, worker_id=lambda: 1, mule_id=lambda: 0)
    worker.notify()
    assert worker._thread is not None
