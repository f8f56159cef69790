"""Which requests come from other sites' pages: a browser carries them here, to its own machine."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from .web import json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

# Pages of any site load the pixel and send its image: that is what they are for.
PIXEL_HOST = ("/tr", "/en_US/", "/signals/")
# Nobody can register a name under these, so none can be made to lead here (DNS rebinding).
PRIVATE = (".localhost", ".test", ".local", ".internal", ".home.arpa")
READING = ("GET", "HEAD")


class Doorkeeper:
    """Wraps the sandbox: no other site's page may change or read anything in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = "" if scope["type"] != "http" else _problem(scope)
        app = json_answer({"problem": problem}, status=403) if problem else self._app
        await app(scope, receive, send)


def _problem(scope: Scope) -> str:
    headers = Headers(scope=scope)
    if scope["path"].startswith(PIXEL_HOST):
        return ""
    if not is_own_name(headers.get("host", "")):
        return "asked by a name that anybody can own: use 127.0.0.1 or localhost"
    if scope["method"] not in READING and is_foreign(headers):
        return "asked by a page of another site"
    return ""


def is_own_name(host: str) -> bool:
    """An IP address, a name without dots, or one under a private domain."""
    name = host.partition(":")[0].rstrip(".").lower()
    return "." not in name or name.endswith(PRIVATE) or _is_ip(name)


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Browsers say where a request comes from; over plain HTTP beyond loopback by Origin alone."""
    if site := headers.get("sec-fetch-site"):
        return site not in ("none", "same-origin")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
