"""Real shared caches, each a process of its own in front of a shop: Debian's nginx and Varnish."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.conftest import free_port, missing_tool, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MODULE = "tests.e2e.cached_shops"
GUNICORN = [sys.executable, "-m", "gunicorn", "--log-level", "warning", "--bind"]
GUNICORN += ["127.0.0.1:{port}", "--threads", "2"]
UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
COMMANDS = {
    "flask on gunicorn": [*GUNICORN, "--workers", "2", f"{MODULE}:flask_shop()"],
    "django on gunicorn": [*GUNICORN, f"{MODULE}:django_shop()"],
    "starlette on uvicorn": [*UVICORN, "--port", "{port}", "--factory", f"{MODULE}:starlette_shop"],
}


@contextmanager
def cached_shop(kind: str, environ: Mapping[str, str], port: int = 0) -> Iterator[int]:
    """A running shop of `cached_shops.py`; gives its port."""
    port = port or free_port()
    with server([word.format(port=port) for word in COMMANDS[kind]], port, environ):
        yield port


def tool(name: str) -> str:
    """Debian keeps servers where a user's PATH does not look."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        missing_tool(name)
    return str(found)


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx; its log is what travelled between it and the browser."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stored(self) -> list[bytes]:
        """The files of its cache."""
        return [f.read_bytes() for f in (self.folder / "cache").rglob("*") if f.is_file()]

    def log(self, path: str) -> list[dict[str, str]]:
        """The requests for this path: `status`, `asked` (If-None-Match), `etag`, `cache`."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return [entry for entry in map(json.loads, lines) if entry["path"] == path]


NGINX = """\
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 64; }}
http {{
  {temporary}
  log_format wire escape=json '{{"path":"$request_uri","status":"$status",'
    '"asked":"$http_if_none_match","etag":"$sent_http_etag","cache":"$upstream_cache_status"}}';
  access_log {folder}/access.log wire;
  proxy_cache_path {folder}/cache keys_zone=pages:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      add_header X-Cache-Status $upstream_cache_status always;
      {directives}
    }}
  }}
}}
"""
CACHING = "proxy_cache pages; proxy_cache_revalidate on;"
OWN_TERMS = "proxy_cache_valid 200 60s;"
PASS_HOST = "proxy_set_header Host $http_host;"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def nginx(upstream: int, folder: Path, *directives: str) -> Iterator[Nginx]:
    """A running nginx in front of a shop, which caches if the directives say so."""
    binary, port = tool("nginx"), free_port()
    folder = folder / f"nginx-{port}"
    folder.mkdir()
    text = NGINX.format(
        user=pwd.getpwuid(os.getuid()).pw_name,
        folder=folder,
        temporary=" ".join(f"{name}_temp_path {folder}/{name};" for name in _TEMPORARY),
        port=port,
        upstream=upstream,
        directives=" ".join(directives),
    )
    config = folder / "nginx.conf"
    config.write_text(text)
    with server([binary, "-e", f"{folder}/error.log", "-c", str(config)], port, {}):
        yield Nginx(port, folder)


@contextmanager
def varnish(upstream: int, folder: Path) -> Iterator[str]:
    """A running Varnish as it is without any configuration; gives its address."""
    binary, port = tool("varnishd"), free_port()
    command = [binary, "-F", "-j", "none", "-n", str(folder / "varnish"), "-s", "malloc,8m"]
    command += ["-a", f"127.0.0.1:{port}", "-b", f"127.0.0.1:{upstream}"]
    with server(command, port, {}):
        yield f"http://127.0.0.1:{port}"
