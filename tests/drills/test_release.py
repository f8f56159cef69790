"""What is released: the archives hold what they should, and work where there is no repository."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from tests.conftest import BROWSER, PATIENCE, Sandbox, missing_tool, until
from tests.docs_pages import ROOT
from tests.e2e.test_starts import Reader, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.drill

FOLDERS = ("src", "tests", "docs", "examples", "bench")
PAPERS = {
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md"),
    *("mkdocs.yml", "pyproject.toml"),
}
ADDED = {".gitignore", "PKG-INFO"}  # by the build itself
PAGE_SCRIPTS = {f"pixelpair/core/{name}.js" for name in ("pixel", "pixel.min", "pixel.full.min")}
# What a shop of the README has beside its three lines: a page.
PRODUCT = """
@app.get("/products/<sku>")
def product(sku):
    return f"<!doctype html><html><head><title>{sku}</title></head><body>{sku}</body></html>"
"""


class Release(NamedTuple):
    sdist: Path
    wheel: Path  # made from the sdist
    direct: Path  # made from the working tree


def _built(folder: Path, *options: str) -> list[Path]:
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder), *options, str(ROOT)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("dist")
    asked = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "hatchling"]
    reached = subprocess.run(asked, cwd=folder, capture_output=True, text=True)
    if reached.returncode:
        missing_tool("a package index")
    wheel, sdist = sorted(_built(folder / "both"), key=lambda path: path.suffix, reverse=True)
    (direct,) = _built(folder / "direct", "--wheel")
    return Release(sdist, wheel, direct)


def _wheel_files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _sdist_files(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def _own_files(folder: Path) -> Iterator[str]:
    """The files of a folder of ours, without what running it has left there."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder.parent)
        made = ".sqlite3" in name.name or any(
            p.startswith((".", "__pycache__")) for p in name.parts
        )
        if path.is_file() and not made:
            yield str(name)


def test_the_wheel_is_the_package_and_nothing_else(release: Release) -> None:
    packed = _wheel_files(release.wheel).keys()
    package = {name for name in packed if ".dist-info/" not in name}
    assert package == {name.removeprefix("src/") for name in _own_files(ROOT / "src")}
    page = {f"pixelpair/{path}" for path in ("py.typed", "sandbox/fbevents.js")} | PAGE_SCRIPTS
    assert page <= package
    assert {Path(n).suffix for n in package if "/sandbox/page/" in n} == {".css", ".html", ".js"}
    told = {name.partition(".dist-info/")[2] for name in packed - package}
    assert told == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def test_the_wheel_is_the_same_from_the_sdist(release: Release) -> None:
    assert release.wheel.name == release.direct.name
    assert _wheel_files(release.wheel) == _wheel_files(release.direct)


def test_the_sdist_holds_what_building_and_testing_need(release: Release) -> None:
    own = {name for folder in FOLDERS for name in _own_files(ROOT / folder)}
    assert _sdist_files(release.sdist) == own | PAPERS | ADDED


class Stranger(Reader):
    """Has the wheel, in an environment of its own, and nothing of the repository."""

    def install(self, wheel: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", self.folder / "venv"], check=True)
        (told,) = [ln for b in self.blocks for ln in self.text(b).splitlines() if "pip inst" in ln]
        words = shlex.split(told.removeprefix("$ ").replace("pixelpair", str(wheel), 1))
        pip = [self.folder / "venv/bin/python", "-m", *words, "flask", "--quiet"]
        subprocess.run(pip, cwd=self.folder, check=True)

    def shell(self, commands: list[str]) -> list[str]:
        path = os.pathsep.join([str(self.folder / "venv/bin"), "/usr/bin", "/bin"])
        home = [f"PATH={path}", f"HOME={self.folder}", "PYTHONWARNINGS=error"]
        return ["env", "-i", *home, "bash", "-ec", "\n".join(commands)]


@pytest.fixture(scope="module")
def stranger(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    reader = Stranger("README.md", tmp_path_factory.mktemp("stranger"))
    reader.install(release.wheel)
    return reader


def test_a_stranger_gets_to_the_first_pair_with_the_wheel(stranger: Stranger) -> None:
    _, quickstart = [block for block in stranger.blocks if block.language == "console"]
    flask = next(block for block in stranger.blocks if "pixelpair.flask" in block.text)
    (stranger.folder / "shop.py").write_text(stranger.text(flask) + PRODUCT)
    sandbox_port, shop_port = stranger.ports["8765"], stranger.ports["8000"]
    *settings, sandbox = stranger.commands(quickstart)
    with ExitStack() as stack:
        start = [*settings, f"{sandbox} --port {sandbox_port}"]
        stack.enter_context(terminal(stranger, start, sandbox_port))
        start = [*settings, f"flask --app shop run --port {shop_port}"]
        stack.enter_context(terminal(stranger, start, shop_port))
        page = httpx.get(f"http://127.0.0.1:{shop_port}/products/TEA-1", headers=BROWSER)
        seen = Sandbox(int(sandbox_port))
        stack.callback(seen.close)
        assert until(lambda: len(seen.events()) == 2, PATIENCE)
        events = seen.events()
    assert sorted(event["name"] for event in events) == ["PageView", "ViewContent"]
    assert all(event["server"]["event_id"] in page.text for event in events)


def test_nothing_of_the_repository_is_used(stranger: Stranger) -> None:
    ask = "import pixelpair, pixelpair.wsgi, pixelpair.testing as t; print(pixelpair.__file__)"
    words = stranger.shell([f"python -c {shlex.quote(ask)}"])
    found = subprocess.run(words, cwd=stranger.folder, check=True, capture_output=True, text=True)
    assert Path(found.stdout.strip()).is_relative_to(stranger.folder / "venv")
