"""One visitor's browser, as far as a shop sees it: cookies, the events of pages, reports."""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import time
from base64 import urlsafe_b64decode
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.conftest import PLAIN_CHROME

if TYPE_CHECKING:
    import random

BLOCK = re.compile(rb'id="pixelpair">(.*?)</script>')
PENDING = "_pixelpair_"
_LIVES = re.compile(r"Max-Age=([0-9]+)")
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def events(self) -> dict[str, str]:
        """Name and id of the browser halves of this answer: in its page, or in its cookies."""
        calls = [call for block in self.blocks for call in block.get("events", ())]
        cookies = [v for k, v in self.headers if k.lower() == "set-cookie"]
        values = [c.partition("=")[2].partition(";")[0] for c in cookies if c.startswith(PENDING)]
        calls += [json.loads(urlsafe_b64decode(v + "==="))["e"] for v in values if v]
        return {call[0]: call[2] for call in calls}

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return [json.loads(found) for found in BLOCK.findall(self.body)]


class Browser:
    """Asks one shop, each time in the same visitor's name."""

    def __init__(self, port: int, dice: random.Random) -> None:
        self.cookies: dict[str, str] = {}
        self._dice = dice
        self._port = port
        self.host = f"127.0.0.1:{port}"
        # Public addresses of many networks; nothing is ever sent there.
        address = ".".join(str(dice.randrange(1, 250)) for _ in range(3))
        self._headers = {
            "Host": self.host,
            "User-Agent": PLAIN_CHROME.replace("138.", f"{dice.randrange(120, 140)}."),
            "X-Forwarded-For": f"81.{address}",
            "Accept-Encoding": "identity",
        }
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Answer | None:
        """The whole answer; None where none came."""
        sent = self._told(body, {k.replace("_", "-"): v for k, v in headers.items()})
        try:
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
            got = Answer(answer.status, answer.getheaders(), answer.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None
        self._keep(got)
        return got

    def _told(self, body: bytes | None, headers: dict[str, str]) -> dict[str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = self._headers | headers | ({"Cookie": cookie} if cookie else {})
        return sent | ({"Content-Length": str(len(body))} if body is not None else {})

    def _keep(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                lives = _LIVES.search(rest)
                self.cookies[key] = rest.partition(";")[0]
                if lives and lives[1] == "0":
                    del self.cookies[key]

    def fire(self) -> None:
        """The page's script: it fires what waits in cookies, and deletes them."""
        self.cookies = {k: v for k, v in self.cookies.items() if not k.startswith(PENDING)}

    def report(self, **said: object) -> Answer | None:
        body = json.dumps({"referrer": "", **said}).encode()
        return self.post_report(body)

    def post_report(self, body: bytes) -> Answer | None:
        own = {"Origin": f"http://{self.host}", "Content_Type": "text/plain;charset=UTF-8"}
        return self.ask("POST", "/_pixelpair/events", body, **own)

    def close(self) -> None:
        self._connection.close()

    # --- on a bad line ----------------------------------------------------------------------

    def leave(self, path: str, seconds: float) -> None:
        """Ask for a page, and be gone in the middle of it."""
        with suppress(OSError), self._raw(path) as line:
            line.settimeout(_PATIENCE)
            line.recv(100)
            time.sleep(seconds)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def crawl(self, path: str, seconds: float) -> bytes | None:
        """Read a page in small bits, and so ask for it; what came, if all of it did."""
        got = b""
        try:
            with self._raw(path, pause=seconds / 4) as line:
                line.settimeout(_PATIENCE)
                while bit := line.recv(1024):
                    got += bit
                    time.sleep(seconds / 32)
        except OSError:
            return None
        return got if got.rstrip(b"\r\n0").endswith(b"</html>") else None

    def _raw(self, path: str, pause: float = 0.0) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self._port), _PATIENCE)
        told = self._told(None, {"Connection": "close"})
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        sent = f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()
        for part in (sent[:20], sent[20:60], sent[60:]):
            line.sendall(part)
            time.sleep(pause)
        return line
