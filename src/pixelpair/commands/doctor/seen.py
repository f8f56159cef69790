"""A page as the doctor saw it, and what is in it of ours. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pixelpair.core.csp import INLINE

if TYPE_CHECKING:
    from pixelpair.commands.doctor.http import Answer
    from pixelpair.commands.doctor.walk import Stop
    from pixelpair.core.shop import Shop
    from pixelpair.settings import Settings

BLOCK: Final = re.compile(rb'<script type="application/json" id="pixelpair">([^<]*)</script>')


@dataclass(frozen=True, slots=True)
class Seen:
    """A stop of the walk, with the shop that it is judged by."""

    stop: Stop
    shop: Shop
    settings: Settings
    origin: str

    @property
    def where(self) -> str:
        return self.stop.where

    @property
    def answer(self) -> Answer:
        return self.stop.first

    @property
    def report(self) -> dict[str, Any]:
        return self.stop.first.report or {}


def calls_in(body: bytes) -> list[list[Any]]:
    """Name, data and id of each event of the data blocks of a page."""
    return [call for block in blocks_in(body) for call in block.get("events", ())]


def blocks_in(body: bytes) -> list[dict[str, Any]]:
    """The data blocks that pixelpair put into a page."""
    found = []
    for text in BLOCK.findall(body):
        try:
            block = json.loads(text)
        except ValueError:
            continue
        found += [block] if isinstance(block, dict) else []
    return found


def loaders(shop: Shop, body: bytes) -> int:
    inline = shop.snippet.loader(INLINE).removeprefix(b"<script>").removesuffix(b"</script>")
    return body.count(inline) + body.count(shop.snippet.file_path.encode() + b"?v=")
