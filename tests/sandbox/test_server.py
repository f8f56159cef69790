from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from pixelpair.errors import SandboxError
from pixelpair.sandbox.server import running, serve

SERVE = "from pixelpair.sandbox.server import serve; serve(port=0)"


def test_prints_its_address_and_ends_quietly():
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        title, address = process.stdout.readline().strip().split(": ")
        answer = httpx.get(f"{address}/api/events")
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert (title, answer.json(), rest, errors) == ("pixelpair sandbox", {"events": []}, "", "")


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError) as caught:
            serve(port=port)
    reason = os.strerror(errno.EADDRINUSE)
    assert str(caught.value) == f"the sandbox cannot listen on 127.0.0.1:{port}: {reason}"


def test_an_unknown_host_is_named():
    with pytest.raises(SandboxError, match="cannot listen on not a host:0"):
        serve(host="not a host", port=0)


def test_a_missing_uvicorn_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SandboxError, match=r"pip install 'pixelpair\[sandbox\]'"):
        serve(port=0)


def test_runs_in_a_thread_and_frees_its_port():
    with running() as address:
        assert httpx.get(f"{address}/api/events").json() == {"events": []}
        port = int(address.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_listens_on_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    with running(host="::1") as address:
        assert address.startswith("http://[::1]:")
        assert httpx.get(f"{address}/api/events").status_code == 200
