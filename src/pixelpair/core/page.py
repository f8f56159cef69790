"""An HTML answer on its way to the visitor: what is put into it, and the headers it gets.

May raise; the Exchange lets what a Page holds go then. Knows no doors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pixelpair.core import answers
from pixelpair.core.body_end import BodyEnd
from pixelpair.core.charsets import charset_of
from pixelpair.core.csp import Permission, Scripts, permitted
from pixelpair.core.html import HtmlStream
from pixelpair.core.http import header_value
from pixelpair.core.product import Scan
from pixelpair.core.seals import page_text
from pixelpair.core.shown import shown_by
from pixelpair.core.validators import outbound_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixelpair.core.events import Event
    from pixelpair.core.http import Headers
    from pixelpair.core.shop import Shop
    from pixelpair.core.visit import Visit

_TAIL = 64  # bytes behind the last tag of a whole page

# "server": events with their ids, which are this visitor's alone. "browser": sealed events, the
# same for all, whose ids the page makes. "fetched": those at the end of the body only, for the
# script of the page that fetched this one. "alone": left as it came.
Mode = Literal["server", "browser", "fetched", "alone"]


class Page:
    """Bytes in, bytes out: `feed` and `finish`, then `headers` once the first bytes are judged.

    `shared` says that the stored bytes may be shown to anyone. They have their events in the head
    and, since a cache hands the same bytes to scripts, which drop the head, in the body too: at its
    start, which costs nothing to find (the end of 50 KB takes 0.7 ms).
    """

    __slots__ = (
        "_chunk",
        "_end",
        "_held",
        "_scan",
        "_sealed",
        "_shared",
        "_shop",
        "_shown",
        "_snippet",
        "_stream",
        "inserted",
        "judged",
        "mode",
        "silent",
        "visit",
    )

    def __init__(
        self,
        shop: Shop,
        visit: Visit,
        held: Headers,
        mode: Mode,
        *,
        shared: bool,
    ) -> None:
        self._shop = shop
        self._snippet = shop.snippet.below(visit.request.root)
        self.visit = visit
        if shared:  # what the shop knows of this customer's order is for nobody else
            visit.order = {}
        self._held = held
        self._shared = shared
        self.mode: Mode = mode
        self.inserted = 0
        self.judged = False  # what it is is known
        self.silent = False  # its events left, and no script may run in it
        self._shown: Sequence[Event] = ()
        self._sealed = b""
        self._chunk = b""
        self._stream: HtmlStream | None = None
        self._scan: Scan | None = None  # what the page shows, while nobody knows it
        self._end = BodyEnd(self._at_body_end) if mode == "fetched" else None

    # --- bytes -----------------------------------------------------------------------------

    def first(self, chunk: bytes) -> bytes:
        """The first chunk, in which nearly every page has its head and the start of its body."""
        self._chunk = chunk
        if self.visit.is_about_product and self.mode != "alone":
            self._look(chunk)
        out = self._whole(chunk)
        self._chunk = b""
        if out is None:
            self._stream = HtmlStream(self._at_head_end, self._at_body_start)
            return self._passed(chunk)
        return out if self._end is None else self._end.feed(out)

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send for a chunk."""
        if self._scan is not None:
            self._scan.feed(chunk)
        return self._passed(chunk)

    def _passed(self, chunk: bytes) -> bytes:
        stream, end = self._stream, self._end
        out = chunk if stream is None else stream.feed(chunk)
        if stream is not None and stream.done and not self.judged:  # it has no head that we know
            self.judged, self.mode = True, "alone"
        return out if end is None else end.feed(out)

    def finish(self) -> bytes:
        """The last bytes."""
        stream, end = self._stream, self._end
        out = b"" if stream is None else stream.finish()
        out = out if end is None else end.feed(out) + end.finish()
        return out + self._awaited()

    def release(self) -> bytes:
        """All that was not returned yet, as it came."""
        out = b"" if self._end is None else self._end.release()
        out += b"" if self._stream is None else self._stream.release()
        chunk, self._chunk = self._chunk, b""
        self._stream = self._end = None  # they refer back to us: a cycle would keep the bytes
        return out + chunk

    @property
    def settled(self) -> bool:
        """Whether all insertions are made."""
        head_done = self._stream is None or self._stream.done
        return head_done and (self._end is None or self._end.done) and not self.visit.awaits

    @property
    def kind(self) -> Literal["undecided", "page", "fragment"]:
        """What the first bytes say."""
        return "page" if self._stream is None else self._stream.kind

    def _whole(self, chunk: bytes) -> bytes | None:
        found = self._shop.heads.find(chunk)
        if found is None:
            return None
        snippet = self._head_insertion(found.flaw, found.policies)
        images = self._at_body_start() if snippet else b""
        self.inserted += len(snippet)
        if not snippet:
            return chunk
        head_end, body_start, view = found.head_end, found.body_start, memoryview(chunk)
        pieces = (view[:head_end], snippet, view[head_end:body_start], images, view[body_start:])
        return b"".join(pieces)

    # --- what it shows ---------------------------------------------------------------------

    def _look(self, chunk: bytes) -> None:
        """Scan the first chunk; where that does not tell all, the rest as it passes."""
        scan = self._new_scan()
        scan.feed(chunk)
        whole = header_value(self._held, b"content-length") == b"%d" % len(chunk)
        whole = whole or chunk[-_TAIL:].rstrip().endswith(b"</html>")
        if whole or self.mode == "browser":  # the same bytes for all: now or never
            self._show(scan)
            return
        first = self._new_scan()  # the other goes on
        first.feed(chunk)
        first.finish()
        if first.facts.complete:
            self._show(first)
        else:
            self._scan, self.visit.awaits = scan, self.mode == "server"

    def _new_scan(self) -> Scan:
        charset = charset_of(header_value(self._held, b"content-type") or b"")
        return Scan(self.visit.request.url, charset)

    def _show(self, scan: Scan) -> None:
        """What the scan of all that counts has found."""
        self._scan = None
        scan.finish()
        url, shop = self.visit.request.url, self._shop
        self.visit.shown = shown_by(scan, shop.naming.book, url, shop.clock())

    def _awaited(self) -> bytes:
        """The events that the page's own product was awaited for, behind its last byte."""
        if self._scan is None:
            return b""
        self._show(self._scan)
        if not self.visit.awaits or self.mode != "server":
            return b""
        events = self.visit.accept(self.visit.awaited_events())
        if self.silent or not events:
            return b""
        block = self._snippet.events(events, cookies=self.visit.own_terms)
        self.inserted += len(block)
        return block

    # --- insertions ------------------------------------------------------------------------

    def _at_head_end(self, head: memoryview) -> bytes:
        snippet = self._head_insertion(*self._shop.heads.judge(bytes(head)))
        self.inserted += len(snippet)
        return snippet

    def _head_insertion(self, flaw: str | None, policies: tuple[bytes, ...]) -> bytes:
        """Block and script where the head ends; b"" where the page gets none there."""
        self.judged = True
        shop, visit = self._shop, self.visit
        if flaw is not None:
            self.mode = "alone"
            if flaw == "pixel":
                shop.notes.say("second pixel", shop.pixel_id)
        if self.mode in ("alone", "fetched"):
            self._count_muted()
            return b""
        how = self._permission(policies)
        if how.way == "never":
            return self._without_script()
        self._count_muted()
        block = self._signed_block() if self.mode == "browser" else self._events_block()
        if how.pixel == "blocked":
            shop.notes.say("policy blocks pixel", visit.request.route_label)
            block = self._snippet.without_pixel(block)
        return block + self._snippet.loader(how)

    def _count_muted(self) -> None:
        """Who sees this page and is no customer. Events that wait for consent only wait."""
        muted = self.visit.person.muted
        if muted and muted != "no consent":
            self._shop.notes.count(muted)

    def _events_block(self) -> bytes:
        visit = self.visit
        self._shown = visit.accept(visit.events("page"))
        facts = visit.facts()
        match = {key: hashes[0] for key, hashes in facts.hashed.items()}
        terms = visit.own_terms
        return self._snippet.events(self._shown, match=match, ldu=facts.ldu, cookies=terms)

    def _permission(self, policies: tuple[bytes, ...]) -> Permission:
        request, snippet = self.visit.request, self._snippet
        # Behind a proxy that ends TLS the app may not know that it is https, and its policy does.
        for scheme in dict.fromkeys((request.scheme, "https")):
            origin = f"{scheme}://{request.host}"
            scripts = Scripts(origin, snippet.file_path, snippet.script_url, snippet.hashes)
            how = permitted(self._held, policies, scripts, request.nonce)
            if how.way != "never":
                break
        return how

    def _without_script(self) -> bytes:
        """No script of ours may run: the server half goes alone, of a page that is shown now."""
        shop, visit = self._shop, self.visit
        shop.notes.say("policy", visit.request.route_label)
        asked = visit.request
        if self.mode == "server" or (answers.is_for_page(asked) and not answers.is_ahead(asked)):
            self.silent = self.mode == "server"
            shop.notes.count("server half alone", len(visit.accept(visit.events("page"))))
        if self.mode == "browser":
            self.mode = "alone"
        return b""

    def _at_body_start(self) -> bytes:
        if self.mode == "browser" and self._shared:
            return self._at_body_end()
        images = self._snippet.images(self._shown, self.visit.person.consent)
        self.inserted += len(images)
        return images

    def _at_body_end(self) -> bytes:
        if self.mode == "alone":
            return b""
        if self._scan is not None:
            self._show(self._scan)
        block = self._signed_block()
        self.inserted += len(block)
        return block

    def _signed_block(self) -> bytes:
        if not self._sealed:
            self._sealed = self._sealed_of(self.visit.events("page"))
        return self._sealed

    def _sealed_of(self, events: Sequence[Event]) -> bytes:
        visit, request = self.visit, self.visit.request
        sealed = self._shop.seal(page_text(request.url_path, visit.sealable(events)))
        return self._snippet.signed(sealed, visit.cookie_terms())

    def late(self) -> bytes:
        """A block for the end of the document: what a view says while the page is on its way."""
        events = self.visit.tracked_events()
        if self.mode == "server":
            accepted = self.visit.accept(events)
            return self._snippet.events(accepted, cookies=self.visit.own_terms)
        return self._sealed_of(events)

    # --- headers ---------------------------------------------------------------------------

    def headers(self, *, whole: bool) -> Headers:
        """The headers of a document; `whole` says that Content-Length can be known."""
        visit, mode = self.visit, self.mode
        by = self.inserted if whole else None
        if mode != "server":
            headers = answers.grown(outbound_page(self._held, self._shop.version), by)
            if not self._shared:
                return [*answers.private(headers), *visit.word()]
            if visit.person.spoke:
                self._shop.notes.say("cacheable act", visit.request.route_label)
            return headers
        visit.facts()
        headers, cookies = answers.grown(self._held, by), [*visit.word(), *visit.cookies]
        if self._shared:
            return [*answers.unshared(headers), *cookies]
        return [*answers.private(answers.untagged(headers)), *cookies]
