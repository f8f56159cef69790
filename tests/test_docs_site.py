"""The documentation as a site: it builds strictly, whole, and asks no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from .docs_pages import ROOT, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOADED = {  # what makes a browser ask for something
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}
UNLOADED = {"canonical", "next", "prev", "alternate"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (built.returncode, built.stdout) == (0, ""), built.stderr
    return folder


def pages(site: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(site.rglob("*.html")):
        yield path, path.read_text()


class Asks(HTMLParser):
    """The addresses that a page loads by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        value = given.get(LOADED.get(tag, ""))
        if value and not (tag == "link" and given.get("rel") in UNLOADED):
            self.found.append(value)


def elsewhere(addresses: list[str]) -> list[str]:
    return [address for address in addresses if urlsplit(address).netloc]


def test_every_page_is_in_the_site(site: Path) -> None:
    made = {str(path.relative_to(site)) for path, _ in pages(site)}
    told = {page.removeprefix("docs/").removesuffix(".md") + ".html" for page in TEXTS}
    assert told - {"README.html"} <= made
    assert "CHANGELOG.html" in made


def test_no_page_asks_another_host(site: Path) -> None:
    found = {path.name: elsewhere(Asks(text).found) for path, text in pages(site)}
    assert {name: addresses for name, addresses in found.items() if addresses} == {}


def test_styles_ask_no_other_host(site: Path) -> None:
    for path in site.rglob("*.css"):
        addresses = re.findall(r"url\(\s*[\"']?(https?:)?//|@import", path.read_text())
        assert addresses == [], path.name


def test_a_page_that_asks_is_noticed() -> None:
    page = '<a href="https://a.example"></a><img src="x.svg"><script src="https://b.example/x.js">'
    assert elsewhere(Asks(page).found) == ["https://b.example/x.js"]


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (ROOT / "docs" / "images").glob("*.svg"))
)
def test_picture_says_in_words_what_it_shows(name: str) -> None:
    root = ET.parse(ROOT / "docs" / "images" / name).getroot()
    svg = "{http://www.w3.org/2000/svg}"
    words = {part: root.findtext(f"{svg}{part}", "") for part in ("title", "desc")}
    labels = root.get("aria-labelledby", "").split()
    assert all(words.values())
    assert [root.find(f"{svg}{part}").get("id") for part in words] == labels
    style = root.findtext(f"{svg}style", "")
    assert "prefers-color-scheme:dark" in style
    assert not root.findall(f".//{svg}image")
    assert not root.findall(f".//{svg}script")
