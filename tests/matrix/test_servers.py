"""Every server of the table with every check, each a test of its own."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from .raw import FramingError
from .server_answers import BARE
from .server_cells import CHECKS, Check
from .server_exceptions import BY_CELL
from .servers import SERVERS, Server
from .sites import DOOR, Site, site_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.conftest import Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.drill]

CELLS = [
    pytest.param(server, check, id=f"{server.name}-{check.name}")
    for server in SERVERS
    for check in CHECKS
    if check.door in ("", server.door)
]


class Bench:
    """The server whose turn it is: started for its first cell, gone before the next one's."""

    def __init__(self, sandbox: Sandbox, chromium: Browser) -> None:
        self._start = partial(site_of, sandbox=sandbox, chromium=chromium)
        self._stack, self._server = ExitStack(), SERVERS[0]
        self._site: Site | None = None

    def site(self, server: Server) -> Site:
        if self._site is None or self._server is not server:
            self.close()
            self._server, self._site = server, self._stack.enter_context(self._start(server))
        return self._site

    def close(self) -> None:
        self._site = None
        self._stack.close()


@pytest.fixture(scope="module")
def bench(sandbox: Sandbox, chromium: Browser) -> Iterator[Bench]:
    made = Bench(sandbox, chromium)
    yield made
    made.close()


@pytest.mark.parametrize(("server", "check"), CELLS)
def test_cell(bench: Bench, server: Server, check: Check) -> None:
    site, known = bench.site(server), BY_CELL.get((server.name, check.name))
    if known is None:
        check.run(site, DOOR)
        return
    for root in [DOOR, BARE] if known.bare else [DOOR]:
        # Does it not fail? Take it out of the exceptions.
        with pytest.raises((AssertionError, FramingError, OSError), match=known.says):
            check.run(site, root)
