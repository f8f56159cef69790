"""The servers of the matrix: what users type to start each, how it is told to stop, how it ends."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .mod_wsgi import daemon_config, embedded_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TERM, INT = signal.SIGTERM, signal.SIGINT
SHOPS = "tests.matrix.server_shops"
APPS = {"wsgi": f"{SHOPS}:wsgi_app", "asgi": f"{SHOPS}:asgi_app"}
HOST, BIND = "127.0.0.1", "127.0.0.1:{port}"
PYTHON = (sys.executable, "-m")
# Commands that are no module's name: pyuwsgi's is no program for `python -m` besides.
PYUWSGI = (sys.executable, "-c", "import pyuwsgi; pyuwsgi.run()")
WAITRESS_SERVE = (*PYTHON, "waitress")
RUN_SIMPLE = f"""
import sys
from werkzeug.serving import run_simple
from {SHOPS} import wsgi_app
run_simple("{HOST}", int(sys.argv[1]), wsgi_app, **{{sys.argv[2]: int(sys.argv[3])}})
"""
WERKZEUG = (sys.executable, "-c", RUN_SIMPLE)


@dataclass(frozen=True, slots=True)
class Server:
    """One way to run a shop: `line` is what the page shows and, with `at`, what is run.

    `begins` stands for the first word of `line`, or for all of it where that is no command. `stop`
    is what a supervisor sends, or whoever runs it at a desk; `code` is how the server ends then.
    """

    name: str
    door: str
    line: str
    packages: tuple[str, ...]
    at: tuple[str, ...] = ("--bind", BIND)
    begins: tuple[str, ...] = PYTHON
    workers: int = 1
    stop: signal.Signals = TERM
    code: int = 0
    program: str = ""  # the first word of what is run, if it is none of Python's packages
    prepare: Callable[[Path, str], None] | None = None

    @property
    def command(self) -> list[str]:
        words = [word.replace("shop:app", APPS[self.door]) for word in self.line.split()]
        if self.begins is PYTHON:
            return [*self.begins, words[0], *self.at, *words[1:]]
        if self.begins in (PYUWSGI, WAITRESS_SERVE):
            return [*self.begins, *self.at, *words[1:]]
        return [*self.begins, *self.at]


UVICORN = ("--host", HOST, "--port", "{port}")
WAITRESS = ("--listen", BIND)
# It closes each connection, and without that header it would not say so.
UWSGI = ("--http-socket", BIND, "--pythonpath", ".", "--add-header", "Connection: close")
APACHE = ("apache2", "-D", "FOREGROUND", "-f", "{folder}/apache.conf")

SERVERS = (
    Server(
        "uvicorn, h11",
        "asgi",
        "uvicorn --http=h11 --loop=asyncio shop:app",
        ("uvicorn", "h11"),
        UVICORN,
        code=-TERM,
    ),
    Server(
        "uvicorn, httptools",
        "asgi",
        "uvicorn --http=httptools --loop=asyncio shop:app",
        ("uvicorn", "httptools"),
        UVICORN,
        code=-TERM,
    ),
    Server(
        "uvicorn, uvloop",
        "asgi",
        "uvicorn --http=httptools --loop=uvloop shop:app",
        ("uvicorn", "httptools", "uvloop"),
        UVICORN,
        code=-TERM,
    ),
    Server(
        "uvicorn, workers", "asgi", "uvicorn --workers=2 shop:app", ("uvicorn",), UVICORN, workers=2
    ),
    Server("hypercorn", "asgi", "hypercorn shop:app", ("hypercorn",)),
    Server("hypercorn, WSGI", "wsgi", "hypercorn wsgi:shop:app", ("hypercorn",)),
    Server("daphne", "asgi", "daphne shop:app", ("daphne",), ("-b", HOST, "-p", "{port}")),
    Server("granian", "asgi", "granian --interface=asgi shop:app", ("granian",), UVICORN),
    Server("granian, WSGI", "wsgi", "granian --interface=wsgi shop:app", ("granian",), UVICORN),
    Server("gunicorn", "wsgi", "gunicorn --workers=2 shop:app", ("gunicorn",), workers=2),
    Server(
        "gunicorn, preloaded",
        "wsgi",
        "gunicorn --preload --workers=2 shop:app",
        ("gunicorn",),
        workers=2,
    ),
    Server(
        "gunicorn, threads",
        "wsgi",
        "gunicorn --worker-class=gthread --threads=4 shop:app",
        ("gunicorn",),
    ),
    Server(
        "gunicorn, gevent",
        "wsgi",
        "gunicorn --worker-class=gevent shop:app",
        ("gunicorn", "gevent"),
    ),
    Server(
        "gunicorn, uvicorn",
        "asgi",
        "gunicorn --worker-class=uvicorn_worker.UvicornWorker shop:app",
        ("gunicorn", "uvicorn-worker", "uvicorn"),
    ),
    Server(
        "gunicorn, its ASGI",
        "asgi",
        "gunicorn --worker-class=asgi --workers=2 shop:app",
        ("gunicorn",),
        workers=2,
    ),
    Server(
        "waitress",
        "wsgi",
        "waitress-serve shop:app",
        ("waitress",),
        WAITRESS,
        WAITRESS_SERVE,
        code=-TERM,
    ),
    Server(
        "uWSGI",
        "wsgi",
        "uwsgi --master --need-app --die-on-term --module shop:app",
        ("pyuwsgi",),
        UWSGI,
        PYUWSGI,
    ),
    Server(
        "uWSGI, threads",
        "wsgi",
        "uwsgi --master --need-app --die-on-term --enable-threads --threads=4 --module shop:app",
        ("pyuwsgi",),
        UWSGI,
        PYUWSGI,
    ),
    Server(
        "uWSGI, processes",
        "wsgi",
        "uwsgi --master --need-app --die-on-term --enable-threads --processes=2 --module shop:app",
        ("pyuwsgi",),
        UWSGI,
        PYUWSGI,
        workers=2,
    ),
    Server("cheroot", "wsgi", "cheroot shop:app", ("cheroot",), code=-TERM),
    Server(
        "mod_wsgi, daemon",
        "wsgi",
        "apache2 with WSGIDaemonProcess … processes=2 threads=4",
        (),
        (),
        APACHE,
        workers=2,
        program="apache2",
        prepare=daemon_config,
    ),
    Server(
        "mod_wsgi, embedded",
        "wsgi",
        "apache2 with WSGIScriptAlias alone",
        (),
        (),
        APACHE,
        workers=2,
        program="apache2",
        prepare=embedded_config,
    ),
    Server(
        "Werkzeug, threads",
        "wsgi",
        "run_simple(…, app, threaded=True)",
        ("werkzeug",),
        ("{port}", "threaded", "1"),
        WERKZEUG,
        stop=INT,
    ),
    Server(
        "Werkzeug, processes",
        "wsgi",
        "run_simple(…, app, processes=2)",
        ("werkzeug",),
        ("{port}", "processes", "2"),
        WERKZEUG,
        stop=INT,
        workers=2,
    ),
)
BY_NAME = {server.name: server for server in SERVERS}
