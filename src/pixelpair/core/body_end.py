"""Finds, in a stream of bytes, where an HTML document's body ends.

Knows the grammar of HTML and nothing of what is inserted there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .body_tokens import (
    BEFORE,
    BODY,
    FOREIGN,
    LONGEST_NAME,
    NOSCRIPT,
    SELECT,
    TEMPLATE,
    TEXT_ALONE,
    UNFINISHED,
)
from .html import BOM, ESCAPE, splice
from .html_tokens import (
    AFTER_OPENING,
    CLOSE,
    EMPTY,
    MARKUP,
    OPENING,
    PROLOG,
    REST_OF_TAG,
    STATES,
    TAG_NAME,
    Place,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 200
"""Of templates in templates, and of elements in a drawing; a deeper document is left alone."""

_LEAVES_NOSCRIPT = STATES["noscript"]
_NESTED = {"template": TEMPLATE, "select": SELECT, "foreign": FOREIGN, "noscript": NOSCRIPT}


class BodyEnd:
    """Bytes in, bytes out, with one insertion where the document's body ends.

    That is before its `</body>` or `</html>`, or at its end. `at_body_end` is asked for it, at most
    once; `inserted` says whether it was. Where a `</body>` may be something else to some parser,
    and in a fragment, nothing is inserted. When `at_body_end` raises, `release` still has every
    byte that `feed` did not return: call it, and feed nothing twice.
    """

    __slots__ = (
        "_at_body_end",
        "_began",
        "_cut",
        "_escaped",
        "_open",
        "_opening",
        "_places",
        "_sent",
        "_state",
        "_tail",
        "_then",
        "done",
        "inserted",
        "kind",
    )

    def __init__(self, at_body_end: Callable[[], bytes]) -> None:
        self._at_body_end = at_body_end
        self.kind: Literal["undecided", "page", "fragment"] = "undecided"
        self.done = False
        self.inserted = False
        self._places: list[Place] = [PROLOG]  # the last is where we are
        self._open: list[bytes] = []  # the elements of the drawing or formula we are in
        self._state = MARKUP
        self._then = MARKUP  # a state, or a place to enter, behind the tag that is open
        self._opening = b""  # that tag's name, in a drawing or formula
        self._began = False
        self._escaped = False  # an ESC was seen
        self._tail = b""  # bytes to look at again with the next chunk
        self._sent = 0  # how many of them were returned already
        self._cut: tuple[int, bytes] | None = None  # the insertion into the current chunk

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send now."""
        if self.done or not chunk:
            return chunk
        data = self._tail + chunk if self._tail else chunk
        self._tail = data
        if not self._began and len(data) < len(BOM) and BOM.startswith(data):
            return self._advance(data, chunk, 0)
        pos = len(BOM) if not self._began and data.startswith(BOM) else 0
        self._began = True
        return self._advance(data, chunk, self._scan(data, pos, len(data)))

    def finish(self) -> bytes:
        """What was held back; for a document that ends in its body, the insertion too."""
        data = self._tail
        if not (self.done or data) and self._state == MARKUP and self._places == [BODY]:
            self._end_body(data, 0)
        self.done = True
        return self._advance(data, b"", len(data))

    def release(self) -> bytes:
        """Everything not returned yet, as it came; nothing is inserted any more."""
        self.done, self._cut = True, None
        return self._advance(self._tail, b"", len(self._tail))

    def _scan(self, data: bytes, pos: int, end: int) -> int:
        """Look through `data`; says from where it must be looked at again."""
        while not self.done:
            if self._places[-1] is not NOSCRIPT:
                pos = self._walk(data, pos, end)
                if self._places[-1] is not NOSCRIPT:
                    break
            # Raw text to one parser and markup to another: both must come to the same end tag.
            mark = _LEAVES_NOSCRIPT.mark.search(data, pos, end)
            limit = mark.start() if mark else max(pos, end - _LEAVES_NOSCRIPT.reach)
            pos = self._walk(data, pos, limit)
            if mark is None:
                break
            self.done |= pos != limit or self._state != MARKUP
            self._places.pop()
            self._state, self._then, pos = TAG_NAME, MARKUP, mark.end()
        return pos

    def _walk(self, data: bytes, pos: int, end: int) -> int:
        """Take tokens until the bytes end or a `<noscript>` begins."""
        place = self._places[-1]
        while not self.done and (place is NOSCRIPT or self._places[-1] is not NOSCRIPT):
            if self._state == MARKUP:
                if skipped := self._places[-1].skip.match(data, pos, end):
                    pos = skipped.end()
                if pos >= end or UNFINISHED.fullmatch(data, pos, end):
                    return pos
                pos = self._token(data, pos, end)
                continue
            state = STATES[self._state]
            mark = state.mark.search(data, pos, end)
            if mark is None:
                return max(pos, end - state.reach)
            pos = mark.end()
            self._state = state.turns.get(mark.group().lower(), state.otherwise)
            if self._state in (CLOSE, EMPTY):
                self._close_tag(empty=self._state == EMPTY)
        return pos

    def _token(self, data: bytes, pos: int, end: int) -> int:
        opening = OPENING.match(data, pos, end)
        place = self._places[-1]
        if opening is None:
            return self._text(data, pos)
        if opening.lastgroup == "tag":
            return self._tag(data, pos, opening.end(), end)
        if place is PROLOG and opening.lastgroup == "doctype":
            self._begin_page()
        if place is FOREIGN and data.startswith(b"<![CDATA[", pos):
            self._state = "cdata"
            return pos + len(b"<![CDATA[")
        self._state = AFTER_OPENING[opening.lastgroup or ""]
        return opening.end()

    def _text(self, data: bytes, pos: int) -> int:
        # "&#32;" is whitespace, and Chromium drops NUL: neither need begin the body.
        if self._places[-1] is BEFORE and data[pos] in b"&\0":
            self._state = "text"
            return pos
        self._turn(self._places[-1].text, data, pos)
        return pos + 1

    def _tag(self, data: bytes, pos: int, name_end: int, end: int) -> int:
        name, place = data[pos + 1 : name_end].lower(), self._places[-1]
        verdict = place.names.get(name) or (place.end if name.startswith(b"/") else place.start)
        if place is FOREIGN and verdict == "pass":
            verdict = self._in_foreign(name)
        self._turn(verdict, data, pos)
        if self.done:
            return pos
        self._then = verdict if verdict in STATES or verdict in _NESTED else MARKUP
        self._opening = name if verdict == "foreign" else b""
        rest = REST_OF_TAG.match(data, name_end, end)
        if rest is None:
            self._state = TAG_NAME
            return name_end
        self._close_tag(empty=rest[1].endswith(b"/"))
        return rest.end()

    def _in_foreign(self, name: bytes) -> str:
        """An end tag closes what it names and all within, or else perhaps our parents."""
        if name.startswith(b"/"):
            if name[1:] not in self._open:
                return "doubt"
            while self._open.pop() != name[1:]:
                pass
            return "pass" if self._open else "leave"
        unsure = len(name) > LONGEST_NAME or self._open[-1] in TEXT_ALONE
        return "doubt" if unsure else "foreign"

    def _close_tag(self, *, empty: bool) -> None:
        then, self._then = self._then, MARKUP
        self._state = MARKUP
        if then == "foreign":
            if not empty:
                self._open_foreign()
        elif then in _NESTED:
            self._places.append(_NESTED[then])
            self.done |= len(self._places) > MAX_DEPTH
        elif then != MARKUP:
            self._state = then

    def _open_foreign(self) -> None:
        if not self._open:
            self._places.append(FOREIGN)
        self._open.append(self._opening)
        self.done |= len(self._open) > MAX_DEPTH

    def _turn(self, verdict: str, data: bytes, pos: int) -> None:
        match verdict:
            case "page":
                self._begin_page()
            case "fragment":
                self.kind = "fragment"
                self.done = True
            case "doubt":
                self.done = True
            case "body":
                self._places[0] = BODY
            case "select" if self._places == [BEFORE]:
                self._places[0] = BODY
            case "leave":
                self._places.pop()
            case "body_ends":
                self._leave_body(data, pos)

    def _begin_page(self) -> None:
        self.kind = "page"
        self._places[0] = BEFORE

    def _leave_body(self, data: bytes, pos: int) -> None:
        """At a `</body>`: in a template it means nothing; a `<select>` may have one in it."""
        if TEMPLATE not in self._places:
            self._end_body(data, pos)

    def _end_body(self, data: bytes, pos: int) -> None:
        doubtful = self._escaped or data.find(ESCAPE, 0, pos) >= 0
        insertion = b"" if doubtful else self._at_body_end()
        self.inserted = bool(insertion)
        self._cut = (pos, insertion)
        self.done = True

    def _advance(self, data: bytes, chunk: bytes, kept: int) -> bytes:
        """Let go of `data` up to `kept`, and of what may be sent although it is looked at again."""
        if self.done:
            kept = len(data)
        elif not self._escaped:
            self._escaped = data.find(ESCAPE, 0, kept) >= 0
        start = self._sent
        stop = max(start, kept) if self._state == MARKUP else len(data)
        self._tail, self._sent = data[kept:], stop - kept
        cut, self._cut = self._cut, None
        if cut is None and start == len(data) - len(chunk) and stop == len(data):
            return chunk
        return splice(data, start, stop, [cut] if cut else [])
