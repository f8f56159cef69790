"""A small shop on a real port: pages with data blocks, answers with pending cookies, reports."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

PIXEL = "1234567890"
CORE = files("pixelpair.core")
INLINE = CORE.joinpath("pixel.min.js").read_text("ascii").strip()
FULL = CORE.joinpath("pixel.full.min.js").read_text("ascii").strip()
WHOLE = CORE.joinpath("pixel.js").read_text("ascii").strip()
COOKIE = ["=fb.0.", "; Path=/; Max-Age=7776000; SameSite=Lax; Domain=localhost"]


def hold(number: int, event_id: str, name: str = "AddToCart", ms: int = 0) -> tuple[str, str]:
    """A cookie that carries an event to the next page."""
    value = json.dumps({"t": ms or number, "e": [name, {"value": number}, event_id]})
    return f"_pixelpair_{event_id[:8]}", urlsafe_b64encode(value.encode()).decode().rstrip("=")


class Shop:
    """Serves what `pages` says, keeps the reports, and writes pages as pixelpair does."""

    def __init__(self, script_url: str) -> None:
        self.url = ""
        self.src = script_url
        self.pages: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.reports: list[dict] = []
        self.asked: list[str] = []
        self.served: dict = {}
        self._numbers = count(1)

    def clear(self) -> None:
        self.pages, self.headers, self.reports, self.asked, self.served = {}, {}, [], [], {}

    def app(self, scripts: Path) -> Starlette:
        routes = [
            Mount("/npm", StaticFiles(directory=scripts, check_dir=False)),
            Route("/_pixelpair/events", self._report, methods=["POST"]),
            Route("/_pixelpair/pixel.js", self._script),
            Route("/add", self._add, methods=["GET", "POST"]),
            Route("/{path:path}", self._page),
        ]
        return Starlette(routes=routes)

    def at(self, host: str) -> str:
        """The shop's address under another name."""
        return f"http://{host}:{urlsplit(self.url).port}"

    # --- what pixelpair writes

    def config(self, **more: object) -> dict:
        return {"pixel": PIXEL, "src": self.src, "to": "/_pixelpair/events", **more}

    def block(self, **more: object) -> str:
        text = json.dumps(self.config(**more)).replace("<", "\\u003c")
        return f'<script type="application/json" id="pixelpair">{text}</script>'

    def signed(self, path: str, calls: list, seal: str = "seal", **more: object) -> str:
        text = json.dumps([path, calls], separators=(",", ":"), ensure_ascii=False)
        return self.block(cookie=COOKIE, signed=f"{text}.{seal}-{path[1:]}", **more)

    def serve(
        self, path: str, block: str, *, head: str = "", body: str = "", code: str = INLINE
    ) -> None:
        """A page with its loader; with no block, one without."""
        loader = f"<script>{code}</script>" if block else ""
        self.pages[path] = (
            f"<!doctype html><html><head><meta charset=utf-8>{head}{block}{loader}"
            f"<title>{path}</title></head><body><h1>{path}</h1>{body}</body></html>"
        )

    def serve_fetched(self, path: str, block: str, *, head: str = "", body: str = "") -> None:
        """A page as a script gets it: the block at the end of the body, no loader."""
        self.pages[path] = (
            f"<!doctype html><html><head><meta charset=utf-8>{head}<title>{path}</title></head>"
            f"<body><h1>{path}</h1>{body}{block}</body></html>"
        )

    # --- answers

    async def _page(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(path)
        fetched = request.headers.get("sec-fetch-dest", "document") == "empty"
        fetched = fetched or "turbo" in request.headers.get("accept", "")
        html = (fetched and self.pages.get(f"fetched {path}")) or self.pages.get(path)
        if html is None:
            return PlainTextResponse("no such page", 404)
        return HTMLResponse(html, headers=self.headers)

    async def _report(self, request: Request) -> Response:
        report = json.loads(await request.body())
        report["how"] = request.headers.get("content-type")
        report["cookie"] = request.headers.get("cookie", "")
        self.reports.append(report)
        origin = request.headers.get("origin", "")
        allow = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
        return Response(status_code=204, headers=allow)

    async def _script(self, _request: Request) -> Response:
        given = f"window, document, {json.dumps(self.served)});" if self.served else None
        code = WHOLE.replace("window, document);", given) if given else WHOLE
        return Response(code, media_type="text/javascript")

    async def _add(self, request: Request) -> Response:
        number = next(self._numbers)
        event_id = request.query_params.get("id") or f"{number:08x}"
        answer: Response = JSONResponse({"number": number})
        if "HX-Request" in request.headers:
            answer = HTMLResponse(f"<p class=done>{number}</p>")
        if "turbo-stream" in request.headers.get("accept", ""):
            answer = HTMLResponse(
                f'<turbo-stream action="append" target="list"><template><p class=done>{number}'
                "</p></template></turbo-stream>",
                media_type="text/vnd.turbo-stream.html",
            )
        answer.set_cookie(*hold(number, event_id), max_age=600, samesite="lax")
        return answer
