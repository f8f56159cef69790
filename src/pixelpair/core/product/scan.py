"""Collects, from a page's bytes as they pass, what tells of its product; and reads it.

Searches bytes and parses only what it finds. Works in blocks of 256 KB, so that nothing depends on
where the chunks were cut, and goes beyond the first only while the product is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from ..charsets import has_wide_bom, reads_as_ascii
from . import data_layer, microdata, open_graph, products
from .charset import decoder
from .facts import JSON_LD, MICRODATA, NOTHING, Dropped, Facts, merge
from .json_ld import MOST_REPAIRED, Graph, parse
from .literals import MOST_TOKENS
from .pages import Page
from .search import Finds, json_ld_scripts, microdata_digest, microdata_start, view_scripts

if TYPE_CHECKING:
    from .data_layer import Push
    from .products import Listing

BLOCK = 256 * 1024
MOST_BLOCKS = 4  # a third of real product pages has its JSON-LD behind the first block
MOST_KEPT = 256 * 1024  # of scripts, in all
WINDOW = 128 * 1024  # of microdata, from where it begins


class Scan:
    """Bytes in; then facts. Feed it the page, or its beginning, and finish it.

    `done` says that it wants no more. Afterwards `facts` and `listing` have what was found; where
    `needs_microdata`, `read_microdata` may find more, at the price of a parser.
    """

    __slots__ = (
        "_blocks",
        "_carry",
        "_decode",
        "_dropped",
        "_finds",
        "_graph",
        "_held",
        "_is_new",
        "_kept",
        "_metas",
        "_page",
        "_pushes",
        "_repaired",
        "_size",
        "_tokens",
        "_told",
        "_window",
        "done",
        "facts",
    )

    def __init__(self, url: str, charset: str | None = None) -> None:
        self._page = Page(url)
        self._decode = decoder(charset) if charset else None
        self._held: list[bytes] = []  # the current block, so far
        self._size = 0
        self._blocks = 0
        self._carry = b""  # the end of the block before
        self._finds = Finds()
        self._graph = Graph()
        self._metas: Facts = NOTHING
        self._pushes: list[Push] = []
        self._tokens = MOST_TOKENS
        self._kept = 0
        self._repaired = 0
        self._window: bytearray | None = None
        self._dropped: list[Dropped] = []
        self._told: list[Facts] = []
        self._is_new = True
        self.facts: Facts = NOTHING
        self.done = False
        if charset and not reads_as_ascii(b";charset=%b" % charset.encode("ascii", "replace")):
            self._refuse()

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the page."""
        pos = 0
        while pos < len(chunk) and not self.done:
            if not pos and not self._size and not self._blocks and len(chunk) >= BLOCK:
                self._take(chunk, 0, BLOCK, last=False)  # the whole page in one: nothing is copied
                pos = BLOCK
                continue
            part = chunk[pos : pos + BLOCK - self._size]
            self._held.append(part)
            self._size += len(part)
            pos += len(part)
            if self._size == BLOCK:
                self._take_held(last=False)

    def finish(self) -> None:
        """The page has ended, or nobody waits for the rest."""
        if not self.done:
            self._take_held(last=True)
        self._held.clear()

    @property
    def needs_microdata(self) -> bool:
        """Whether an event lacks something that the page's microdata may have."""
        return self._window is not None and not self.facts.complete

    def said_in_microdata(self) -> bytes:
        """What its properties say, as a digest: for who remembers what was read."""
        return microdata_digest(bytes(self._window or b""))

    def read_microdata(self) -> Facts:
        """The facts with those of the microdata. Costs what parsing 128 KB costs."""
        if self._window is not None:
            self._told.insert(2, self._microdata(bytes(self._window)))
            self._window = None
            self.facts = merge(self._told)
        return self.facts

    def _refuse(self) -> None:
        self.done = True
        self.facts = Facts(dropped=(Dropped("page", "HTML", "has an encoding that hides markup"),))

    # --- a block ---------------------------------------------------------------------------------

    def _take_held(self, *, last: bool) -> None:
        data = b"".join((self._carry, *self._held))
        self._held.clear()
        self._size = 0
        self._take(data, len(self._carry), len(data), last=last)

    def _take(self, data: bytes, fresh: int, end: int, *, last: bool) -> None:
        """Look through one block, that begins at `fresh`, behind the end of the one before."""
        if self._blocks == 0 and not self._begin(data, end):
            return
        last |= self._blocks == MOST_BLOCKS - 1
        if self._window is not None:
            self._window += data[fresh : min(end, fresh + WINDOW - len(self._window))]
        keep = self._look(data, end, last=last)
        self._blocks += 1
        self.done = last or keep >= end
        if not self.done:
            self._carry = data[keep:end]
            self._finds.moved(keep)

    def _begin(self, data: bytes, end: int) -> bool:
        """The head; False where the page is in an encoding that hides its markup."""
        if has_wide_bom(data[:4]):
            self._refuse()
            return False
        if self._decode is None:
            self._decode = decoder(open_graph.declared_charset(data))
        metas, canonical = open_graph.read_head(data, end, self._decode)
        self._metas = open_graph.read(metas)
        said = dict(metas)
        others = (canonical, said.get("og:url"))
        titles = (" ".join(said.get("og:title", "").split()).casefold(),)
        self._page = Page(self._page.url, tuple(filter(None, others)), tuple(filter(None, titles)))
        return True

    def _look(self, data: bytes, end: int, *, last: bool) -> int:
        """Search for the sources in their order; from where the next block must see this one.

        That is its end where nothing more is needed.
        """
        for script in json_ld_scripts(self._finds, data, end, last=last):
            self._read_json(script)
            self._is_new = True
        if self._conclude().complete:
            return end
        if self._blocks == 0:
            self._read_pushes(data, end)
            if self._conclude().complete:
                return end
        if self._window is None and (start := microdata_start(self._finds, data, end)) is not None:
            self._window = bytearray(data[start : min(end, start + WINDOW)])
        return self._finds.kept(end)

    def _read_pushes(self, data: bytes, end: int) -> None:
        for script in view_scripts(self._finds, data, end):
            found, self._tokens = data_layer.pushes(self._text(script), self._tokens)
            self._pushes += found
            self._is_new |= bool(found)

    def _read_json(self, script: bytes) -> None:
        self._kept += len(script)
        if self._kept > MOST_KEPT:
            self._dropped.append(Dropped("script", JSON_LD, "is too large, with those before it"))
            return
        try:
            self._graph.add(orjson.loads(script))
            return
        except ValueError:
            pass
        text, room = self._text(script), MOST_REPAIRED - self._repaired
        self._repaired += len(text)
        try:
            self._graph.add(parse(text, room))
        except ValueError as error:
            self._dropped.append(Dropped("script", JSON_LD, str(error)))

    def _text(self, data: bytes) -> str:
        return (self._decode or decoder(None))(data)

    def _microdata(self, data: bytes) -> Facts:
        try:
            graph = microdata.read_items(self._text(data).encode())
        except ValueError as error:
            return Facts(dropped=(Dropped("page", MICRODATA, str(error)),))
        return products.read(graph, self._page, MICRODATA)

    # --- what was found --------------------------------------------------------------------------

    def _conclude(self) -> Facts:
        """The facts so far; the last time that it is asked, those of the page."""
        if self._is_new:
            self._is_new = False
            page, ends = self._page, self._graph.titles
            self._page = Page(page.url, page.others, (*page.titles, *ends))
            ends.clear()
            self._told = [
                products.read(self._graph, self._page, JSON_LD),
                self._metas,
                data_layer.read(self._pushes),
                Facts(dropped=tuple(self._dropped)) if self._dropped else NOTHING,
            ]
            self.facts = merge(self._told)
        return self.facts

    @property
    def listing(self) -> Listing | None:
        """The list of products that the page shows."""
        told = products.read_lists(self._graph, self._page, JSON_LD)
        return told or data_layer.read_list(self._pushes)


def read_product(html: bytes, charset: str | None = None, url: str = "") -> Facts:
    """The facts of the product that a page shows, read from the whole page or its beginning."""
    scan = Scan(url, charset)
    scan.feed(html)
    scan.finish()
    return scan.read_microdata() if scan.needs_microdata else scan.facts


def read_listing(html: bytes, charset: str | None = None, url: str = "") -> Listing | None:
    """The first products of the list that a page shows."""
    scan = Scan(url, charset)
    scan.feed(html)
    scan.finish()
    return scan.listing
