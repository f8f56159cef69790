"""The sandbox over HTTP: a fake Graph, a fake pixel host, and the page that shows the pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from . import pixel_host
from .api import Api
from .book import CAPACITY, Book
from .box import Sandbox
from .catalog_api import CatalogApi
from .graph import Graph
from .management import METHODS, Management
from .strangers import Doorkeeper
from .web import ANY_ORIGIN, FRESH

if TYPE_CHECKING:
    from starlette.requests import Request

FOLDER = Path(__file__).with_name("page")
SAFE = {**FRESH, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
PAGE_HEADERS = {
    **SAFE,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
}
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def create_app(capacity: int = CAPACITY, app_secret: str = "") -> Starlette:
    """A sandbox with a memory of its own, the newest `capacity` events long.

    With the secret of an app it refuses calls whose appsecret_proof does not fit.
    """
    box = Sandbox(Book(capacity), app_secret=app_secret)
    graph = Graph(box)
    app = Starlette(
        exception_handlers={ClientDisconnect: _gone},
        middleware=[Middleware(Doorkeeper)],
        routes=[
            *_page(),
            *_pixel(box),
            *_api(Api(box)),
            *_catalog_api(CatalogApi(box)),
            *_graph(graph),
            *_management(Management(box, graph)),
        ],
    )
    app.state.box = box
    app.router.redirect_slashes = False
    return app


def _page() -> list[Route]:
    parts = [path for path in sorted(FOLDER.iterdir()) if path.suffix in (".css", ".js")]
    return [
        Route("/", _file(FOLDER / "index.html", PAGE_HEADERS)),
        *[Route(f"/page/{path.name}", _file(path, SAFE)) for path in parts],
        Route("/favicon.ico", _nothing),
    ]


def _pixel(box: Sandbox) -> list[Route]:
    tr = pixel_host.tr(box)
    return [
        Route("/en_US/fbevents.js", _file(Path(__file__).with_name("fbevents.js"), ANY_ORIGIN)),
        Route("/signals/config/{pixel_id}", pixel_host.config),
        Route("/tr", tr, methods=["GET", "POST"]),
        Route("/tr/", tr, methods=["GET", "POST"]),
    ]


def _api(api: Api) -> list[Route]:
    return [
        Route("/api/events", api.events, methods=["GET", "DELETE"]),
        Route("/api/events/{number:int}", api.event),
        Route("/api/overview", api.overview),
        Route("/api/rejections", api.rejections),
        Route("/api/stream", api.stream),
        Route("/api/faults", api.faults, methods=["GET", "POST", "DELETE"]),
        Route("/api/faults/{number:int}", api.fault, methods=["DELETE"]),
    ]


def _graph(graph: Graph) -> list[Route]:
    return [
        Route("/{version}/dataset_quality", graph.dataset_quality),
        Route("/{version}/{pixel_id}/events", graph.events, methods=["POST"]),
    ]


def _catalog_api(api: CatalogApi) -> list[Route]:
    return [
        Route("/api/catalogs", api.catalogs, methods=["GET", "DELETE"]),
        Route("/api/catalogs/{catalog}/matches", api.matches),
        Route("/api/catalogs/{catalog}/items", api.items),
        Route("/api/catalogs/{catalog}/reviews", api.review, methods=["POST"]),
    ]


def _management(management: Management) -> list[Route]:
    """Last of all: what comes before has names of its own."""
    return [
        Route("/", management.call, methods=["POST"]),
        Route("/v{version}", management.call, methods=METHODS),
        Route("/v{version}/{rest:path}", management.call, methods=METHODS),
    ]


def _file(path: Path, headers: dict[str, str]) -> Any:
    content, media_type = path.read_bytes(), MEDIA_TYPES[path.suffix]

    async def serve_file(_request: Request) -> Response:
        return Response(content, 200, headers, media_type)

    return serve_file


async def _gone(_request: Request, _error: Exception) -> Response:
    """A sender that was killed amid its call: nobody reads this answer."""
    return Response(status_code=400)


async def _nothing(_request: Request) -> Response:
    return Response(status_code=204)
