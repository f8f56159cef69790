"""What the script weighs, and that the inline loaders are made from the source."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from tests.page import minify

if TYPE_CHECKING:
    from pathlib import Path

LOADERS = pytest.mark.parametrize("loader", minify.WITHOUT, ids=lambda path: path.name)
LIMITS = {minify.INLINE: 1638, minify.FULL: 2400}  # bytes gzipped


@LOADERS
def test_the_inline_loader_keeps_its_weight(loader: Path) -> None:
    assert len(gzip.compress(loader.read_bytes().strip(), 9, mtime=0)) <= LIMITS[loader]


@LOADERS
def test_the_inline_loader_is_the_source_made_small(npm: Path, loader: Path) -> None:
    assert loader.read_text("ascii") == minify.minified(loader, npm / ".bin" / "terser")


@LOADERS
def test_the_inline_loader_cannot_end_its_own_element(loader: Path) -> None:
    assert "</" not in loader.read_text("ascii")
    assert "<!--" not in loader.read_text("ascii")
