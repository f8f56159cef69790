"""The frameworks that the matrix runs: where docs/frameworks.md has them, and what they lack."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs_pages import ROOT, Block, blocks_of, section

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = "docs/frameworks.md"
SHOPS = "tests.matrix.framework_shops"
BIND = {  # how each server is told its port
    "cheroot": "--bind=127.0.0.1:{port}",
    "granian": "--port={port}",
    "gunicorn": "--bind=127.0.0.1:{port}",
    "hypercorn": "--bind=127.0.0.1:{port}",
    "uvicorn": "--port={port}",
    "waitress-serve": "--listen=127.0.0.1:{port}",
}
NONE = "there is none"
NO_TAGS = "a page's tag is not compared"


@dataclass(frozen=True, slots=True)
class Framework:
    """A row of the table. `lacks` says of a check why the framework has nothing to check."""

    name: str
    heading: str  # of the section whose blocks are run
    shop: str  # the module that adds to them
    package: str
    line: int = 0  # of the section's commands
    version: str = ""  # "" is the one that is installed
    lacks: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> list[Block]:
        return [block for block in self._blocks() if block.file]

    @property
    def told(self) -> str:
        """The command as the page has it."""
        (console,) = [block for block in self._blocks() if block.language == "console"]
        return console.text.splitlines()[self.line].removeprefix("$ ")

    @property
    def server(self) -> str:
        return self.told.split()[0]

    @property
    def command(self) -> list[str]:
        """The page's command on a port of ours, with the app that has more views."""
        server, *words = self.told.split()
        own = [f"{SHOPS}.{self.shop}:app" if word == "shop:app" else word for word in words]
        return [str(Path(sys.executable).parent / server), BIND[server], *own]

    def _blocks(self) -> list[Block]:
        text = section(PAGE, self.heading).partition("\n### ")[0]
        return blocks_of(PAGE, text)


def _django(version: str, line: int) -> Framework:
    name = f"Django {version or 'newest'} ({('WSGI', 'ASGI')[line]})"
    return Framework(name, "## Django", "django", "django", line, version)


# The lowest that pyproject.toml allows, the one with long support, the newest of this Python.
DJANGO = [_django(version, line) for version in ("4.2", "5.2", "") for line in (0, 1)]
NO_HEAD = {"HEAD": "answered with 405 unless a view is made for it"}
SYNC = {"async view": NONE, "other stream": NONE}
FRAMEWORKS = (
    *DJANGO,
    Framework("Flask", "## Flask", "flask", "flask", lacks={"other stream": "a stream is sync"}),
    Framework("Starlette", "## Starlette", "starlette", "starlette", lacks={"page's 304": NO_TAGS}),
    Framework(
        "FastAPI", "## FastAPI", "fastapi", "fastapi", lacks={**NO_HEAD, "page's 304": NO_TAGS}
    ),
    Framework("Quart", "## Quart", "quart", "quart"),
    Framework(
        "Litestar",
        "## Litestar",
        "litestar",
        "litestar",
        lacks={**NO_HEAD, "page's 304": NO_TAGS, "file's 304": "a file's tag is not compared"},
    ),
    Framework(
        "Falcon (WSGI)",
        "## Falcon",
        "falcon",
        "falcon",
        lacks={**NO_HEAD, **SYNC, "page's 304": NO_TAGS},
    ),
    Framework(
        "Falcon (ASGI)",
        "### Falcon, ASGI",
        "falcon_asgi",
        "falcon",
        lacks={**NO_HEAD, "page's 304": NO_TAGS, "other stream": "a stream is async"},
    ),
    Framework("Pyramid", "## Pyramid", "pyramid", "pyramid", lacks=SYNC),
    Framework("Bottle", "## Bottle", "bottle", "bottle", lacks={**SYNC, "page's 304": NO_TAGS}),
)


@dataclass(frozen=True, slots=True)
class Known:
    """A cell that is not as we would like it. It must fail, with `says` in the failure."""

    framework: str
    check: str
    says: str
    why: str
    link: str


KNOWN: tuple[Known, ...] = ()


def folder_of(version: str) -> Path | None:
    """Where a version lies that is not the installed one."""
    return ROOT / ".cache" / f"django-{version}" if version else None
