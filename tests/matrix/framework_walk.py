"""One framework's shop on its server: every answer of a walk on a kept-alive connection, what
reached the sandbox of it, and what a visit in Chromium left there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version as installed
from typing import TYPE_CHECKING

from tests.conftest import ROOT, Sandbox, until
from tests.doors.drive import Answer
from tests.e2e.visits import Told, pairs, told, watched

from .framework_shops import words
from .frameworks import SHOPS, Framework, folder_of
from .raw import FramingError, Reply, Wire
from .running import Running, running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from playwright.sync_api import Browser

HOST = "127.0.0.1"  # absolute addresses say it: without a port they are the same on every one
VISIT = pairs("PageView", "ViewContent", "AddToCart", "PageView")
TOKEN = re.compile(r'name="(csrfmiddlewaretoken)" value="(\w+)"')
# The name of each answer, and the path that is asked.
GETS = {
    "product": "/products/TEA-1",
    "json": "/json",
    "moved": "/moved",
    "style": "/static/site.css",
    "sync": "/sync",
    "async": "/async",
    "stream": "/stream",
    "stream-sync": "/stream-sync",
    "tagged": "/tagged",
}
HEADS = ("product", "json", "moved", "style")


@dataclass(frozen=True, slots=True)
class Seen:
    """All that one shop answered and sent. A reply that was none is its FramingError."""

    replies: Mapping[str, Reply | FramingError]
    bare: Mapping[str, Reply | FramingError]  # of the same shop with pixelpair off
    arrived: list[tuple[str, str, str]]  # of the walk: name, event_id, status
    visit: Told
    log: str

    def __getitem__(self, name: str) -> Answer:
        reply = self.replies[name]
        if isinstance(reply, FramingError):
            raise reply
        return Answer.of(reply.status, reply.headers, reply.body)

    @property
    def shown(self) -> list[list]:
        """The browser halves of all answers."""
        return [event for name in self.whole for event in self[name].shown]

    @property
    def whole(self) -> list[str]:
        return [name for name, r in self.replies.items() if isinstance(r, Reply)]


def see(
    framework: Framework, sandbox: Sandbox, browser: Browser, folder: Path, stack: ExitStack
) -> Seen:
    environ = prepared(framework, sandbox, folder)
    off = environ | {"PIXELPAIR_MODE": "off"}
    start = partial(running, framework.command, folder=folder, cwd=folder)
    with start(environ=off) as shop, Wire(shop.port) as wire:
        bare = walked(wire)
    sandbox.clear()
    shop = stack.enter_context(start(environ=environ))
    with Wire(shop.port) as wire:
        replies = walked(wire)
    due = len(Seen(replies, bare, [], [], "").shown)
    until(lambda: len(sandbox.events()) >= due)
    arrived = [(event["name"], event["event_id"], event["status"]) for event in sandbox.events()]
    sandbox.clear()
    visit = visited(shop, sandbox, browser)
    shop.stop()
    return Seen(replies, bare, arrived, visit, shop.text)


def prepared(framework: Framework, sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """The page's own files in a folder, and what is said to the server that runs them there."""
    path = [str(folder)]
    if needs(framework.version):
        path.insert(0, str(folder_of(framework.version)))
    environ = {
        **sandbox.environ(folder / "spool"),
        "PYTHONPATH": os.pathsep.join(path),
        "DJANGO_SETTINGS_MODULE": f"{SHOPS}.django_settings",
    }
    if framework.shop == "django":
        begin_project(environ["PYTHONPATH"], framework.version, folder)
    for block in framework.files:
        target = folder / block.file
        target.parent.mkdir(exist_ok=True)
        with target.open("a") as file:  # Django's are additions
            file.write(block.text)
    (folder / "static").mkdir()
    (folder / "static" / "site.css").write_bytes(words.STYLE)
    return environ


def needs(version: str) -> bool:
    """Whether this version is not the installed one."""
    return bool(version) and not f"{installed('django')}.".startswith(f"{version}.")


def begin_project(path: str, version: str, folder: Path) -> None:
    if needs(version):
        fetch(version)
    subprocess.run(
        [sys.executable, "-m", "django", "startproject", "shop", str(folder)],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        check=True,
    )


def fetch(version: str) -> None:
    """Another Django than the installed one, fetched once."""
    folder = folder_of(version)
    assert folder is not None
    if (folder / "django").is_dir():
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(folder), f"django=={version}.*"], check=True)


def walked(wire: Wire) -> dict[str, Reply | FramingError]:
    replies: dict[str, Reply | FramingError] = {}

    def ask(name: str, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> None:
        asked = {
            "Host": HOST,
            "Sec-Fetch-Dest": "style" if name.startswith("style") else "document",
        }
        asked |= {key.replace("_", "-"): value for key, value in headers.items()}
        try:
            replies[name] = wire.ask(path, method, asked, body)
        except FramingError as error:
            replies[name] = error

    for name, path in GETS.items():
        ask(name, path)
        if name in HEADS:
            ask(f"{name}, HEAD", path, "HEAD")
        if name in ("style", "tagged"):
            ask(f"{name}, again", path, **conditions(replies[name]))
    cookies, body = form(replies["product"])
    kind = "application/x-www-form-urlencoded"
    ask("add", "/cart/add/TEA-1", "POST", body, Cookie=cookies, Content_Type=kind)
    ask("missing", "/nothing/here")
    ask("cart", "/cart")
    ask("broken", "/broken")  # the last: Starlette's makes uvicorn close
    return replies


def conditions(reply: Reply | FramingError) -> dict[str, str]:
    """What a browser asks with that has the answer already."""
    if isinstance(reply, FramingError):
        return {}
    named = {"If_None_Match": "etag", "If_Modified_Since": "last-modified"}
    given = ((name, reply.header(header)) for name, header in named.items())
    return {name: value for name, value in given if value}


def form(reply: Reply | FramingError) -> tuple[str, bytes]:
    """The cookies that came with the page, and what its form posts."""
    if isinstance(reply, FramingError):
        return "", b""
    cookies = "; ".join(line.partition(";")[0] for line in reply.all("set-cookie"))
    token = TOKEN.search(reply.body.decode())
    return cookies, f"{token[1]}={token[2]}".encode() if token else b"amount=1"


def visited(shop: Running, sandbox: Sandbox, browser: Browser) -> Told:
    with watched(browser) as context:
        page = context.new_page()
        page.goto(f"{shop.url}/products/TEA-1")
        page.click("button")
        page.wait_for_selector("text=Your cart")
        until(lambda: told(sandbox.events()) == VISIT)
        return told(sandbox.events())
