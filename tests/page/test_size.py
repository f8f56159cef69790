"""What the script weighs, and that the inline loader is made from the source."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from tests.page import minify

if TYPE_CHECKING:
    from pathlib import Path


def test_the_inline_loader_weighs_at_most_1_6_kilobytes() -> None:
    assert len(gzip.compress(minify.INLINE.read_bytes().strip(), 9)) <= 1638


def test_the_inline_loader_is_the_source_made_small(npm: Path) -> None:
    assert minify.INLINE.read_text("ascii") == minify.minified(npm / ".bin" / "terser")


def test_the_inline_loader_cannot_end_its_own_element() -> None:
    assert "</" not in minify.INLINE.read_text("ascii")
    assert "<!--" not in minify.INLINE.read_text("ascii")
