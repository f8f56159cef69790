"""What docs/frameworks.md says of a framework beside the app that the matrix runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from litestar import Litestar
from litestar.middleware import DefineMiddleware
from quart import Quart

import pixelpair
from pixelpair.asgi import PixelPairMiddleware
from tests.conftest import PLAIN_CHROME
from tests.doors.drive import Ask, Ledger, ask_asgi, names
from tests.doors.site import report

from .framework_shops import words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "spool")
    yield made
    made.tracker.close()


def test_quarts_own_client_meets_pixelpair(ledger: Ledger) -> None:
    app = Quart(__name__)
    app.add_url_rule("/", "tea", lambda: words.PAGE)
    app.asgi_app = PixelPairMiddleware(app.asgi_app, tracker=ledger.tracker)  # type: ignore[method-assign]

    async def asked() -> bytes:
        answer: Any = await app.test_client().get("/", headers={"user-agent": PLAIN_CHROME})
        return bytes(await answer.get_data(as_text=False))

    assert b'id="pixelpair"' in asyncio.run(asked())
    assert names(ledger.twins()) == ["PageView"]


def test_litestars_list_is_behind_its_routing(ledger: Ledger) -> None:
    """There the addresses of ours are 404; around the app they are answered."""
    ours = DefineMiddleware(PixelPairMiddleware, tracker=ledger.tracker)
    listed = Litestar([], middleware=[ours])
    around = PixelPairMiddleware(Litestar([]), tracker=ledger.tracker)
    asked = report("a" * 32)
    assert [ask_asgi(app, asked).status for app in (listed, around)] == [404, 204]


def test_fastapis_dependencies_are_heard(ledger: Ledger) -> None:
    def lead() -> None:
        pixelpair.track("Lead")

    async def contact() -> None:
        pixelpair.track("Contact")

    app = FastAPI(dependencies=[Depends(lead), Depends(contact)])
    app.add_middleware(PixelPairMiddleware, tracker=ledger.tracker)
    app.get("/", response_class=HTMLResponse)(lambda: words.PAGE)
    assert names(ask_asgi(app, Ask()).shown) == ["PageView", "Lead", "Contact"]
