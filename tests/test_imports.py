"""Importing starts nothing and loads no framework; what a door needs is there before a customer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pixelpair

SOURCE = Path(pixelpair.__file__).parents[1]

# Told on standard output: what one import statement leaves behind, or does beside importing.
WATCH = """
import atexit, json, logging, os, signal, sys, threading
import ctypes  # its libffi 3.5 keeps a file open, whoever imports it

done = []

def hear(event, given):
    writes = event == "open" and (given[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes or event.startswith(("socket.", "subprocess.", "os.fork", "os.mkdir", "os.remove")):
        done.append([event, str(given[0])])

def signals():
    return [signal.getsignal(s) for s in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}]

def log_handlers():
    own = [log for name, log in logging.root.manager.loggerDict.items() if "pixelpair" in name]
    return sum(len(getattr(log, "handlers", ())) for log in [logging.root, *own])

def at_exit(function, *given, **named):
    if "pixelpair" in function.__module__:
        done.append(["atexit", function.__qualname__])
    return registered(function, *given, **named)

registered, atexit.register = atexit.register, at_exit
sys.addaudithook(hear)
before = signals(), os.listdir("/proc/self/fd"), dict(os.environ), sys.excepthook
exec(sys.argv[1])
after = signals(), os.listdir("/proc/self/fd"), dict(os.environ), sys.excepthook
if before != after:
    done.append(["changed", str([b for b, a in zip(before, after) if b != a])])
print(json.dumps({
    "done": done, "threads": threading.active_count(), "log_handlers": log_handlers(),
    "modules": sorted(sys.modules), "files": os.listdir(),
}))
"""

FRAMEWORKS = {"django", "fastapi", "flask", "starlette", "uvicorn", "werkzeug"}
HEAVY = FRAMEWORKS | {
    *("asgiref", "asyncio", "click", "crawleruseragents", "email.utils", "httpx", "opentelemetry"),
    *("phonenumbers", "price_parser", "prometheus_client", "publicsuffixlist", "redis", "rich"),
    *("pixelpair.tracker", "python_multipart", "selectolax", "sqlite3", "ssl", "urllib.request"),
}
# What each loads of these; a Starlette app makes its middleware at its first message, perhaps a
# customer's, so that its door loads with its name what the others load when they are made.
LOADED: dict[str, set[str]] = {
    "import pixelpair": set(),
    "from pixelpair.wsgi import PixelPairMiddleware": set(),
    "from pixelpair.asgi import PixelPairMiddleware": {
        *("asgiref", "asyncio", "pixelpair.tracker", "publicsuffixlist", "python_multipart"),
        *("sqlite3", "ssl"),  # ssl is asyncio's
    },
    "import pixelpair.testing": set(),
}
WITH_FRAMEWORK = {
    "import flask; from pixelpair.flask import PixelPair": {"flask", "werkzeug"},
    "import pixelpair.django": {"django"},
    "import pytest; import pixelpair.testing.plugin": set(),
}


def run(program: str, *given: str, folder: Path) -> dict[str, Any]:
    """What a fresh interpreter tells in JSON, with warnings as errors and no bytecode written."""
    words = [sys.executable, "-B", "-W", "error", "-c", program, *given]
    ran = subprocess.run(
        words,
        cwd=folder,
        env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.mark.parametrize("statement", [*LOADED, *WITH_FRAMEWORK])
def test_importing_starts_nothing_and_no_framework_but_its_own(
    statement: str, tmp_path: Path
) -> None:
    told = run(WATCH, statement, folder=tmp_path)
    loaded = set(told.pop("modules"))
    if statement in LOADED:
        assert loaded & HEAVY == LOADED[statement]
    assert loaded & FRAMEWORKS == LOADED.get(statement, set()) & FRAMEWORKS | (
        WITH_FRAMEWORK.get(statement, set())
    )
    assert told == {"done": [], "threads": 1, "log_handlers": 0, "files": []}


def test_the_watch_sees_what_a_module_could_start(tmp_path: Path) -> None:
    guilty = """
import atexit, logging, signal, socket, subprocess, threading
def pixelpair_ends(): pass
pixelpair_ends.__module__ = "pixelpair.example"
atexit.register(pixelpair_ends)
logging.getLogger("pixelpair").addHandler(logging.NullHandler())
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
socket.socket().close()
subprocess.run(["true"])
open("left", "w").close()
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
    told = run(WATCH, guilty, folder=tmp_path)
    seen = {event for event, _ in told["done"]}
    assert {"atexit", "changed", "open", "socket.__new__", "subprocess.Popen"} <= seen
    assert (told["threads"], told["log_handlers"], told["files"]) == (2, 1, ["left"])


SERVE = """
import asyncio, io, json, os, sys, threading

page = b"<!doctype html><html><head><title>Tea</title></head><body><h1>Tea</h1></body></html>"
browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML) Chrome/140.0 Safari/537.36"
form = b'--x\\r\\nContent-Disposition: form-data; name="product"\\r\\n\\r\\nTEA\\r\\n--x--\\r\\n'
kind = "multipart/form-data; boundary=x"
html, back = [("Content-Type", "text/html; charset=utf-8")], [("Location", "/cart")]

def by_wsgi():
    from pixelpair.wsgi import PixelPairMiddleware

    def app(environ, start):
        bought = environ["REQUEST_METHOD"] == "POST"
        environ["wsgi.input"].read()
        start("303 See Other" if bought else "200 OK", back if bought else html)
        return [b"" if bought else page]

    door = PixelPairMiddleware(app)

    def ask(method, path, body):
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SCRIPT_NAME": "",
            "HTTP_HOST": "shop.example", "wsgi.url_scheme": "https", "REMOTE_ADDR": "203.0.113.7",
            "HTTP_USER_AGENT": browser, "HTTP_COOKIE": "_fbp=fb.1.1700000000000.1",
            "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": kind, "wsgi.input": io.BytesIO(body),
        }
        return b"".join(door(environ, lambda *told: None))

    return ask

def by_asgi():
    from pixelpair.asgi import PixelPairMiddleware

    async def app(scope, receive, send):
        bought = scope["method"] == "POST"
        while (await receive()).get("more_body"):
            pass
        pairs = [(n.lower().encode(), v.encode()) for n, v in (back if bought else html)]
        start = {"type": "http.response.start", "status": 303 if bought else 200}
        await send({**start, "headers": pairs})
        await send({"type": "http.response.body", "body": b"" if bought else page})

    door = PixelPairMiddleware(app)

    def ask(method, path, body):
        headers = [
            (b"host", b"shop.example"), (b"user-agent", browser.encode()),
            (b"cookie", b"_fbp=fb.1.1700000000000.1"), (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
        ]
        scope = {
            "type": "http", "method": method, "path": path, "query_string": b"",
            "scheme": "https", "headers": headers, "client": ("203.0.113.7", 1),
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            sent.append(message.get("body", b""))

        loop.run_until_complete(door(scope, receive, send))
        return b"".join(sent)

    return ask

loop = asyncio.new_event_loop() if sys.argv[1] == "by_asgi" else None
ask = globals()[sys.argv[1]]()
made, threads = set(sys.modules), threading.active_count()
bodies = [
    ask("GET", "/", b""), ask("GET", "/products/TEA", b""), ask("POST", "/cart/add", form),
    ask("GET", "/checkout", b""),
]
if loop:
    loop.close()
print(json.dumps({
    "threads": threads, "loaded": sorted(set(sys.modules) - made),
    "pairs": [b"PageView" in body for body in bodies],
    "spool": os.path.exists("spool"),
}))
"""


@pytest.fixture(scope="module", params=["by_wsgi", "by_asgi"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The first four requests of a shop whose events wait for another process."""
    settings = {
        "PIXELPAIR_PIXEL_ID": "1234567890",
        "PIXELPAIR_ACCESS_TOKEN": "sandbox-token",
        "PIXELPAIR_SECRET": "a secret of this test",
        "PIXELPAIR_SPOOL": "spool",
        "PIXELPAIR_SENDER": "none",
    }
    program = f"import os\nos.environ.update({settings!r})\n{SERVE}"
    return run(program, request.param, folder=tmp_path_factory.mktemp("shop"))


def test_a_door_that_is_made_has_started_no_thread(served: dict[str, Any]) -> None:
    assert served["threads"] == 1


def test_the_first_customer_waits_for_no_import(served: dict[str, Any]) -> None:
    assert served["loaded"] == []
    assert (served["pairs"], served["spool"]) == ([True, True, False, True], True)
