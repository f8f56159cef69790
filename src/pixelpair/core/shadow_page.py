"""Reads which calls of Meta's pixel a page makes by itself: inits, events and images, as far as
they are written out. Runs nothing, never raises, and stops where a page has too much of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from itertools import islice
from typing import Final
from urllib.parse import parse_qs

from pixelpair.core.product.charset import decoder
from pixelpair.core.product.literals import read_items
from pixelpair.core.shadow_calls import LONGEST_NAME, Call, call_of
from pixelpair.core.shadow_code import CALL, MARK, Braces, behind_slash, goes_on

MOST_BYTES: Final = 256 * 1024
# Each takes a microsecond at most: what a page may cost is 2 ms.
MOST_TOKENS: Final = 1200  # of the arguments of all calls
MOST_MARKS: Final = 1200  # brackets, strings and comments before the last call of a script
MOST_PLACES: Final = 100  # scripts, handlers and images
MOST_CALLS: Final = 60
MOST_CODE: Final = 64 * 1024  # of scripts that call the pixel, in all; 15 ns a character
LONGEST_CALL: Final = 8 * 1024
LONGEST_TAG: Final = 2000

_FBQ = b"fbq"
_IMAGE = b"facebook.com/tr"
# Calls in other words, which are not read.
_OTHERWISE = re.compile(r"fbq(?:\s*\.\s*(?:apply|call|push)\b|[\"']\s*\]\s*(?:\?\.\s*)?\()")
_TAG = re.compile(rb"<script\b[^>]{0,2000}+>")
_ADDRESS_END = re.compile(r"[\"'\s>]")
_TYPE = re.compile(rb"(?<![\w-])type\s*=\s*[\"']?\s*([^\"'\s>]*)")
# https://mimesniff.spec.whatwg.org/#javascript-mime-type; the last one runs in Partytown's worker.
_RUNS = frozenset(
    b" module text/javascript application/javascript text/ecmascript application/ecmascript"
    b" text/x-javascript application/x-javascript text/x-ecmascript application/x-ecmascript"
    b" text/jscript text/livescript text/partytown".split(b" ")
)
_WAITS = b"text/plain"  # consent tools run it later, if ever
# As HTML, Alpine, Vue and htmx have them, and links to javascript:.
_HANDLER = re.compile(
    r"\s(?:on[a-z]{3,30}|@[\w.:-]{1,40}|(?:x|v|hx)-on[\w.:-]{1,40}|href)\s*=\s*([\"'])",
    re.IGNORECASE,
)
# What loads scripts from elsewhere that may call the pixel.
_MANAGERS: Final = (
    (b"googletagmanager.com/gtm", "Google Tag Manager"),
    (b"tags.tiqcdn.com/", "Tealium"),
    (b"assets.adobedtm.com/", "Adobe's tags"),
    (b"cdn.segment.com/", "Segment"),
)


@dataclass(frozen=True, slots=True)
class Existing:
    """What a page does with the pixel by itself. Not `whole`: there may be more."""

    inits: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    images: tuple[str, ...] = ()  # the pixels of those in <noscript>
    whole: bool = True
    managers: tuple[str, ...] = ()  # tag managers, which may do more with it

    @property
    def any(self) -> bool:
        """Whether the page knows the pixel at all."""
        return bool(self.inits or self.calls or self.images)


def existing(page: bytes, charset: str | None = None) -> Existing:
    """What the first 256 KB of a page do with the pixel."""
    return _Reading(page[:MOST_BYTES], charset, whole=len(page) <= MOST_BYTES).done()


class _TooMuchError(Exception):
    """The page has more of it than is read."""


class _Reading:
    """One page, and what is left of its budget."""

    def __init__(self, page: bytes, charset: str | None, *, whole: bool) -> None:
        self._page, self._low = page, page.lower()
        self._text = decoder(charset)
        self._whole = whole
        self._tokens, self._marks, self._places = MOST_TOKENS, MOST_MARKS, MOST_PLACES
        self._code = MOST_CODE
        self._inits: list[str] = []
        self._calls: list[Call] = []
        self._images: list[str] = []
        self._from = 0  # what stands before has been read
        self._comment_end = -1  # of the last comment that was met

    def done(self) -> Existing:
        try:
            self._read_calls()
            self._read_images()
        except _TooMuchError:
            self._whole = False
        managers = tuple(name for address, name in _MANAGERS if address in self._low)
        found = tuple(self._inits), tuple(self._calls), tuple(self._images)
        return Existing(*found, self._whole, managers)

    # --- where they stand ------------------------------------------------------------------

    def _read_calls(self) -> None:
        self._from, self._comment_end = 0, -1
        while (pos := self._low.find(_FBQ, self._from)) >= 0:
            self._place()
            self._from = self._read_script(pos) or self._read_handler(pos) or pos + len(_FBQ)

    def _read_images(self) -> None:
        self._from, self._comment_end = 0, -1
        while (pos := self._low.find(_IMAGE, self._from)) >= 0:
            self._place()
            script = self._script_around(pos)
            if script is None:
                self._read_image(pos)
            self._from = pos + len(_IMAGE) if script is None else script[2]

    def _place(self) -> None:
        self._places -= 1
        if self._places < 0:
            raise _TooMuchError

    def _script_around(self, pos: int) -> tuple[int, int, int] | None:
        """Where the script around a place begins, where its text begins, and where it ends."""
        opening = self._low.rfind(b"<script", self._from, pos)
        tag = _TAG.match(self._low, opening, pos) if opening >= 0 else None
        if tag is None:
            return None
        close = self._low.find(b"</script", tag.end())
        close = len(self._low) if close < 0 else close
        return (opening, tag.end(), close) if close > pos else None

    def _is_comment(self, pos: int) -> bool:
        opening = self._low.rfind(b"<!--", self._from, pos)
        if opening >= self._comment_end and opening >= 0:
            end = self._low.find(b"-->", opening + 4)
            self._comment_end = len(self._low) if end < 0 else end
        return pos < self._comment_end

    def _read_script(self, pos: int) -> int:
        """Read the script around; where it ends, 0 where there is none."""
        found = self._script_around(pos)
        if found is None:
            return 0
        opening, start, end = found
        named = _TYPE.search(self._low, opening, start)
        kind = named[1] if named else b""
        if (kind in _RUNS or kind == _WAITS) and not self._is_comment(opening):
            room = min(end, start + 2 * MOST_CODE)
            self._whole &= room == end
            self._read_code(self._text(self._page[start:room]), sure=kind != _WAITS)
        return end

    def _read_handler(self, pos: int) -> int:
        """Read the `onclick` and the like around; where it ends, 0 where there is none."""
        start = self._low.rfind(b"<", max(self._from, pos - LONGEST_TAG), pos)
        if start < 0 or self._is_comment(start):
            return 0
        before = self._text(self._page[start:pos])
        opened = next(iter(reversed(list(_HANDLER.finditer(before)))), None)
        if opened is None or opened[1] in before[opened.end() :]:
            return 0
        end = self._low.find(opened[1].encode(), pos, pos + LONGEST_TAG)
        end = min(len(self._low), pos + LONGEST_TAG) if end < 0 else end
        code = before[opened.end() :] + self._text(self._page[pos:end])
        self._read_code(unescape(code), sure=False)
        return end

    def _read_image(self, pos: int) -> None:
        start = self._low.rfind(b"<", max(0, pos - LONGEST_TAG), pos)
        if not self._low.startswith(b"<img", start) or self._is_comment(start):
            return
        rest = self._text(self._page[pos : pos + LONGEST_TAG])
        address = unescape(_ADDRESS_END.split(rest, maxsplit=1)[0])
        try:
            given = parse_qs(address.partition("?")[2], max_num_fields=100)
        except ValueError:
            raise _TooMuchError from None
        pixel, name = (given.get(key, [""])[0][:LONGEST_NAME] for key in ("id", "ev"))
        near = self._low[max(0, start - LONGEST_TAG) : start]
        if near.rfind(b"<noscript") > near.rfind(b"</noscript"):
            self._images.append(pixel)
        elif name:
            data = {key[3:-1]: value[0] for key, value in given.items() if key.startswith("cd[")}
            self._keep(Call(name, data, bool(given.get("eid")), pixel=pixel))

    # --- what they say ---------------------------------------------------------------------

    def _read_code(self, code: str, *, sure: bool) -> None:
        """The calls in a script or a handler; `sure` where all of it runs."""
        calls = list(islice(CALL.finditer(code), MOST_CALLS))
        self._code -= calls[-1].end() if calls else 0
        if self._code < 0 or len(calls) == MOST_CALLS:
            raise _TooMuchError
        self._whole &= _OTHERWISE.search(code) is None
        braces = Braces(code)
        pos, last = 0, calls[-1].end() if calls else 0  # a bundle goes on behind it
        while pos < last and (found := MARK.search(code, pos, last)):
            start, pos = found.span()
            self._marks -= 1 + braces.bill()
            if self._marks < 0:
                raise _TooMuchError
            match code[start]:
                case "{":
                    braces.opened.append(start)
                case "}":
                    del braces.opened[-1:]
                case "/":
                    pos = behind_slash(code, start, pos)
                case "f":
                    if not goes_on(code[start - 1 : start]):
                        pos = self._read_call(code, pos, sure=sure and braces.run_at_once())
                case _:  # a text that may become a script
                    self._whole &= CALL.search(code, start, pos) is None

    def _read_call(self, code: str, start: int, *, sure: bool) -> int:
        source = code[start : start + LONGEST_CALL]
        try:
            values, end, self._tokens = read_items(source, 0, ")", self._tokens)
        except (ValueError, RecursionError):
            raise _TooMuchError from None
        source = source[:end]
        match values:
            case ["init", str(pixel) | int(pixel), *_]:
                self._start(str(pixel)[:LONGEST_NAME], sure=sure)
            case ["track" | "trackCustom", str(name), *rest]:
                self._keep(call_of(name, rest, source, sure=sure))
            case ["trackSingle" | "trackSingleCustom", str(pixel) | int(pixel), str(name), *rest]:
                self._keep(call_of(name, rest, source, sure=sure, pixel=str(pixel)))
            case [str(verb), *_] if not verb.startswith(("track", "init")):
                pass  # "consent", "set", "dataProcessingOptions"
            case _:
                self._whole = False
        return start + end

    def _start(self, pixel: str, *, sure: bool) -> None:
        """Of two branches that start a pixel only one runs."""
        if sure or pixel not in self._inits:
            self._inits.append(pixel)

    def _keep(self, call: Call) -> None:
        if len(self._calls) >= MOST_CALLS:
            raise _TooMuchError
        self._calls.append(call)
