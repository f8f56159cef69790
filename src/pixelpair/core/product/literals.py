"""Reads JavaScript literals: what a page hands to its data layer, without running any of it.

A value that is no literal becomes UNREADABLE, and its property is left out.
"""

from __future__ import annotations

import json
import re
from typing import Any

MOST_TOKENS = 3_000  # 1 µs each
MOST_DEPTH = 20


class _Unreadable:
    """A value that only running the script would tell."""


UNREADABLE = _Unreadable()

# Everything unclosed runs to the end, so that no text is looked at twice.
_TOKEN = re.compile(
    r"""
      (?P<gap>    \s++ | //[^\n]*+ | /\*(?s:.*?)(?:\*/|\Z) )
    | (?P<string> "[^"\\\n]*+(?:\\(?s:.)[^"\\\n]*+)*(?:"|\\?\Z)
                | '[^'\\\n]*+(?:\\(?s:.)[^'\\\n]*+)*(?:'|\\?\Z) )
    | (?P<template> `[^`\\]*+(?:\\(?s:.)[^`\\]*+)*(?:`|\\?\Z) )
    | (?P<number> -?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?(?![\w$]) )
    | (?P<word>   [A-Za-z_$\u0080-\uffff][\w$]*+ )
    | (?P<mark>   \.\.\. | [{}\[\]():,] )
    | (?P<other>  . )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL
)
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}
_CASTS = {"Number", "parseFloat", "parseInt", "String"}
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_ENDS = ("}", "]", ")", "")
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: UNREADABLE)


def read_items(text: str, start: int, closing: str, tokens: int) -> tuple[list[Any], int, int]:
    """What stands from behind a bracket up to the one that closes it.

    Returns the values, where they end and how many tokens are left. Raises ValueError where they
    take more than that.
    """
    reader = _Reader(text, start, tokens)
    values = reader.items(closing, 0)
    return values, reader.start, reader.left


class _Reader:
    """A place in a text, and the token that stands there."""

    __slots__ = ("_here", "_kind", "_pos", "_text", "left", "start")

    def __init__(self, text: str, start: int, tokens: int) -> None:
        self._text, self._pos, self.left = text, start, tokens
        self._next()

    def items(self, closing: str, depth: int) -> list[Any]:
        """Values up to a bracket; holes are skipped."""
        found: list[Any] = []
        while not self._at(*_ENDS):
            if self._at(","):
                self._next()
                continue
            found.append(self._value(depth, closing))
        self._close(closing)
        return found

    def _next(self) -> None:
        while True:
            self.left -= 1
            if self.left < 0:
                raise ValueError("is too long")
            self.start = self._pos
            match = _TOKEN.match(self._text, self._pos)
            if match is None:
                self._kind, self._here = "end", ""
                return
            self._pos = match.end()
            if match.lastgroup != "gap":
                self._kind, self._here = match.lastgroup or "", match.group()
                return

    def _close(self, closing: str) -> None:
        """Behind the bracket; one of another kind is left to those around."""
        if self._at(closing):
            self._next()

    def _at(self, *marks: str) -> bool:
        return self._kind in ("mark", "end") and self._here in marks

    def _value(self, depth: int, closing: str) -> Any:
        if depth > MOST_DEPTH:
            raise ValueError("is nested too deep")
        value = self._literal(depth)
        if self._at(",", closing, ""):
            return value
        self._skip(closing)
        return UNREADABLE

    def _literal(self, depth: int) -> Any:
        """One literal; or UNREADABLE, from where `_skip` goes on."""
        kind, token = self._kind, self._here
        if kind == "mark" and token in ("{", "["):
            return self._bracketed(token, depth)
        if kind in ("mark", "other"):
            return UNREADABLE
        self._next()
        if kind == "string":
            return _unescaped(token)
        if kind == "template":
            return UNREADABLE if "${" in token else _unescaped(token)
        if kind == "number":
            return _number(token)
        if token in _CASTS and self._at("("):
            self._next()
            given = self.items(")", depth + 1)
            return given[0] if given and isinstance(given[0], str | int | float) else UNREADABLE
        return _WORDS.get(token, UNREADABLE)

    def _bracketed(self, opening: str, depth: int) -> Any:
        try:  # most are plain JSON, and C reads it; not tried at every depth of what is not
            if depth > 1:
                raise ValueError
            value, self._pos = _DECODER.raw_decode(self._text, self.start)
        except (ValueError, RecursionError):
            self._next()
            return self._object(depth) if opening == "{" else self.items("]", depth + 1)
        self._next()
        return value

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._at(*_ENDS):
            if self._at(","):
                self._next()
                continue
            kind, token = self._kind, self._here
            self._next()
            if kind not in ("word", "string", "number") or not self._at(":"):
                if kind == "mark" and token in _CLOSING:  # a computed key
                    self._skip(_CLOSING[token])
                    self._next()
                self._skip("}")
                continue
            self._next()
            value = self._value(depth + 1, "}")
            if value is not UNREADABLE:
                found[_unescaped(token) if kind == "string" else token] = value
        self._close("}")
        return found

    def _skip(self, closing: str) -> None:
        """Over an expression, to the comma or the bracket behind it."""
        open_: list[str] = []
        while self._kind != "end":
            if self._kind == "mark":
                if not open_ and self._here in (",", closing):
                    return
                if self._here in _CLOSING:
                    open_.append(_CLOSING[self._here])
                elif open_ and self._here == open_[-1]:
                    open_.pop()
                elif not open_ and self._at(*_ENDS):
                    return
            self._next()


def _unescaped(token: str) -> str:
    inside = token[1:-1]
    if "\\" not in inside:
        return inside
    text = _ESCAPE.sub(_escaped, inside)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _escaped(match: re.Match[str]) -> str:
    byte, unit, point, char = match.groups()
    if char is not None:
        return _ESCAPES.get(char, char)
    number = int(byte or unit or point, 16)
    return chr(number) if number < 0x110000 else ""


def _number(token: str) -> int | float:
    if token.lstrip("-").isdecimal():
        return int(token[:40])
    return float(token)
