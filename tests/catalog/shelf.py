"""A catalog as Meta keeps one, in memory or behind a socket: items_batch and the status of handles,
with what goes wrong on order. It shares no code with what it judges.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CATALOG = "1234567890"
ANSWERS = dict[str, Any]


def refusal(code: int, status: int = 400, **more: object) -> tuple[int, dict[str, str], ANSWERS]:
    return status, {}, {"error": {"message": f"Meta's words {code}", "code": code, **more}}


def throttled(minutes: int, code: int = 80014) -> tuple[int, dict[str, str], ANSWERS]:
    usage = {"1": [{"type": "catalog_batch", "estimated_time_to_regain_access": minutes}]}
    status, _, document = refusal(code)
    return status, {"X-Business-Use-Case-Usage": json.dumps(usage)}, document


@dataclass
class Shelf:
    """The items it holds; each batch is applied when its handle is first asked for, or later.

    `next`: answers given instead, first come first served: a triple, or a function of the body.
    """

    items: dict[str, ANSWERS] = field(default_factory=dict)
    bodies: list[ANSWERS] = field(default_factory=list)
    posts: int = 0
    asked: int = 0
    looks: int = 0
    tokens: set[str] = field(default_factory=set)
    polls: int = 0  # so often a handle is answered with "started" first
    bad_price: str = ""  # refused at once
    bad_title: str = ""  # refused when the batch is worked on
    names_all: bool = True
    next: list[Any] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    keep_bodies: bool = True
    stuck: set[str] = field(default_factory=set)  # that no deletion takes away
    applied: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, list[Any]] = {}
        self._ended: dict[str, ANSWERS] = {}

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(url)
        edge = parts.path.rsplit("/", 1)[-1]
        with self._lock:
            if method == "POST" and edge == "items_batch":
                return self._post(json.loads(body))
            if method == "GET" and edge == "check_batch_request_status":
                return self._status(parse_qs(parts.query)["handle"][0])
            if method == "POST" and len(parts.path.split("/")) == 2:
                calls = json.loads(json.loads(body)["batch"])
                return 200, {}, [self._product(call) for call in calls]
        return refusal(100, 400)

    def _product(self, call: ANSWERS) -> ANSWERS:
        """One part of a Graph batch: a look for one item."""
        assert call["method"] == "GET"
        query = parse_qs(urlsplit(call["relative_url"]).query)
        self.looks += 1
        item_id = json.loads(query["filter"][0])["retailer_id"]["eq"]
        found = [{"retailer_id": item_id, "id": "7"}] if item_id in self.items else []
        return {"code": 200, "body": json.dumps({"data": found})}

    def _post(self, body: ANSWERS) -> tuple[int, dict[str, str], ANSWERS]:
        self.posts += 1
        if self.next:
            given = self.next.pop(0)
            found = given(body) if callable(given) else given
            if found is not None:
                return found
        if self.keep_bodies:
            self.bodies.append(body)
        refused = [r["data"] for r in body["requests"] if self._is_refused(r["data"])]
        verdicts = [
            {"retailer_id": data["id"], "errors": [{"message": "špatná cena"}]} for data in refused
        ]
        if len(refused) == len(body["requests"]):
            return 200, {}, {"validation_status": verdicts}
        names = {data["id"] for data in refused}
        handle = f"h{self.posts}"
        taken = [r for r in body["requests"] if r["data"]["id"] not in names]
        self._open[handle] = [self.polls, taken, body["allow_upsert"]]
        more = {"validation_status": verdicts} if verdicts else {}
        return 200, {}, {"handles": [handle], **more}

    def _is_refused(self, data: ANSWERS) -> bool:
        return bool(self.bad_price) and data.get("price") == self.bad_price

    def _status(self, handle: str) -> tuple[int, dict[str, str], ANSWERS]:
        self.asked += 1
        if handle in self._open:
            left, taken, upsert = self._open[handle]
            if left > 0:
                self._open[handle][0] -= 1
                return 200, {}, {"data": [{"handle": handle, "status": "started"}]}
            del self._open[handle]
            self._ended[handle] = self._work(handle, taken, upsert)
        if handle not in self._ended:
            return refusal(100)
        return 200, {}, {"data": [self._ended[handle]]}

    def _work(self, handle: str, taken: list[ANSWERS], upsert: bool) -> ANSWERS:
        status = self.statuses.get(handle, "Finished")
        if status != "Finished":
            return {"handle": handle, "status": status}
        bad = [r["data"]["id"] for r in taken if not self._apply(r, upsert)]
        sample = [{"line": 1, "id": bad[0], "message": "nope"}] if bad else []
        named = {"ids_of_invalid_requests": bad} if self.names_all else {}
        total = {"errors_total_count": len(bad), "errors": sample}
        return {"handle": handle, "status": status, **total, **named}

    def _apply(self, request: ANSWERS, upsert: bool) -> bool:
        data, item_id = request["data"], request["data"]["id"]
        self.applied[item_id] = self.applied.get(item_id, 0) + 1
        if request["method"] == "DELETE" and item_id in self.stuck:
            return False
        if request["method"] == "DELETE":
            return self.items.pop(item_id, None) is not None
        if self.bad_title and data.get("title") == self.bad_title:
            return False
        if item_id not in self.items and not upsert:
            return False
        self.items[item_id] = {**self.items.get(item_id, {}), **data}
        return True

    def transport(self) -> httpx.MockTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            status, headers, document = self.answer(
                request.method, str(request.url), request.read()
            )
            stream = httpx.ByteStream(json.dumps(document).encode())  # unread, as from a socket
            return httpx.Response(status, headers=headers, stream=stream)

        return httpx.MockTransport(handle)


@contextmanager
def served(shelf: Shelf, before: Callable[[str], None] = lambda _method: None) -> Iterator[str]:
    """The shelf behind a socket; `before` sees each request's method first."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            before(self.command)
            shelf.tokens.add(self.headers.get("Authorization", ""))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, document = shelf.answer(self.command, self.path, body)
            data = json.dumps(document).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
