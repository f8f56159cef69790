"""A page's bytes on their way, plain or coded, and the moment at which its headers are known.

Never raises: where the page fails, all that it holds goes on as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.core.charsets import has_wide_bom
from pixelpair.core.codings import Recoded, coding_of
from pixelpair.core.http import header_value, without
from pixelpair.core.leaving import obeyed
from pixelpair.core.page import Page
from pixelpair.core.rehearsal import Held
from pixelpair.core.verdict import LEFT_ALONE, NO_HEAD, WIDE, mode_of, no_page, page_alone

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.http import Headers
    from pixelpair.core.response import Response
    from pixelpair.core.shop import Said, Shop
    from pixelpair.core.verdict import Verdict


class Passage:
    """One page: `feed` and `finish`; `headers` are there as soon as the bytes tell what it is.

    `passing` says that nothing more is changed.
    """

    __slots__ = ("_begun", "_coded", "_response", "headers", "page", "passing")

    def __init__(self, response: Response) -> None:
        self._response = response
        shared = response.is_shared
        mode = mode_of(response, shared=shared)
        self.page = Page(response.shop, response.visit, response.held, mode, shared=shared)
        self._coded = _coded(response, self._changed, self._changes)
        self._begun = False
        self.headers: Headers | None = None
        self.passing = False

    # --- what an exchange asks -------------------------------------------------------------

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send for a chunk."""
        return self._changed(chunk) if self._coded is None else self._recoded(self._coded, chunk)

    def finish(self) -> bytes:
        """The last bytes."""
        said, last = self._response.said, b"" if self.passing else self._finished()
        if said is not None and said.tracked and not self.passing:
            last += self._late(said)
        coded, self._coded, self.passing = self._coded, None, True
        try:
            return last if coded is None else coded.finish(last)
        except Exception:
            self._failed()
            return b"" if coded is None else self._let_go(coded, b"")

    def abandon(self) -> Headers:
        """The headers of a page whose body does not come as bytes."""
        return self._left(LEFT_ALONE)

    def release(self) -> bytes:
        """What is held of the body, as it came."""
        coded, held, self.passing = self._coded, self.page.release(), True
        return held if coded is None else self._let_go(coded, held)

    # --- bytes -----------------------------------------------------------------------------

    def _changed(self, chunk: bytes) -> bytes:
        """The plain bytes of a page for those that came."""
        page, coded = self.page, self._coded
        if self.passing:
            return chunk
        try:
            if self._begun:
                out = page.feed(chunk)
            elif has_wide_bom(chunk):
                self.headers = self._left(WIDE)
                return chunk
            else:
                self._begun = True
                out = page.first(chunk)
        except Exception:
            return self._released()
        if coded is None or (page.judged and not isinstance(coded, Held)):
            self._settle(ended=False)
        return out + page.release() if self.passing else out

    def _recoded(self, coded: Recoded | Held, chunk: bytes) -> bytes:
        try:
            out = coded.feed(chunk)
        except Exception:
            self._failed()
            out = self._let_go(coded, self.page.release())
        if coded.state == "changed":
            self._settle(ended=False)
        elif coded.state == "alone" and self.headers is None:  # it is not what it says it is
            self.headers = self._unread()
        return out

    def _let_go(self, coded: Recoded | Held, held: bytes) -> bytes:
        try:
            return coded.release(held)
        except Exception:  # what codes it is broken, and bytes of its making are out
            self._failed()
            return b""

    def _changes(self) -> bool | None:
        """Whether a coded page's bytes are changed; None where that is open."""
        if self._coded is not None and self._coded.state == "changed":  # or will be, from now on
            self._settle(ended=False)
        if self.passing:
            return self.page.inserted > 0
        return None if self.headers is None else True

    def _finished(self) -> bytes:
        out = b""
        try:
            out = self.page.first(b"") if not self._begun else b""
            out += self.page.finish()
        except Exception:
            out += self._released()
        self._settle(ended=True)
        return out

    def _late(self, said: Said) -> bytes:
        page = self.page if self.page.inserted else None
        try:
            return late(self._response.shop, said, self.headers, page)
        except Exception:
            self._failed()
            return b""

    # --- headers ---------------------------------------------------------------------------

    def _settle(self, *, ended: bool) -> None:
        """The headers, as soon as the first bytes tell what the answer is."""
        page, response = self.page, self._response
        if self.headers is not None:
            if page.kind == "fragment" and not self.passing:
                self._report_late_fragment()
            return
        try:
            self.headers = self._told(ended=ended)
        except Exception:
            self._failed()
            sized = without(response.held, b"content-length")
            self.headers = sized if page.inserted else response.given

    def _told(self, *, ended: bool) -> Headers:
        page, response = self.page, self._response
        if page.kind == "fragment" or (ended and page.kind == "undecided"):
            return self._left(no_page(response))
        if page.mode == "alone":
            return self._left(page_alone(response))
        if ended and not page.inserted and not page.silent:
            return self._left(NO_HEAD)
        plain = self._coded is None or isinstance(self._coded, Held)
        return page.headers(whole=plain and (ended or page.settled))

    def _left(self, verdict: Verdict) -> Headers:
        self.passing = True
        return obeyed(verdict, self._response, was_held=True)

    def _unread(self) -> Headers:
        try:
            return self._left(LEFT_ALONE)
        except Exception:
            self._failed()
            return self._response.given

    def _report_late_fragment(self) -> None:
        """A fragment that looked like nothing yet when its headers left: no cookie can follow."""
        self.passing = True
        visit, notes = self._response.visit, self._response.shop.notes
        try:
            notes.count("server half alone", len(visit.accept(visit.events("other"))))
        except Exception:
            self._failed()

    # --- failures --------------------------------------------------------------------------

    def _released(self) -> bytes:
        """The page failed: all it holds, as it came."""
        self._failed()
        if self.headers is None:  # nothing was sent yet
            self.headers, self.page.inserted = self._response.given, 0
        return self.page.release()

    def _failed(self) -> None:
        self.passing = True
        self._response.shop.notes.failed()


def late(shop: Shop, said: Said, headers: Headers | None, page: Page | None) -> bytes:
    """What a view said when the head was out, at the end of the document; without a page, or behind
    a length that is told, it is too late.
    """
    if page is not None and header_value(headers or [], b"content-length") is None:
        return page.late()
    for tracked in said.tracked:
        shop.notes.too_late(tracked.event_name)
    return b""


def _coded(
    response: Response, change: Callable[[bytes], bytes], changes: Callable[[], bool | None]
) -> Recoded | Held | None:
    """What stands between the bytes that come and the page's plain ones."""
    coding = coding_of(header_value(response.held, b"content-encoding"))
    if coding is not None and coding != "plain":
        return Recoded(coding, change, changes)
    return None if response.rehearsal is None else Held(change)
