"""The part of HTML's grammar that decides where a document's head ends: states, marks, tag names.

Tables only; `html` walks them. After https://html.spec.whatwg.org/multipage/parsing.html, with
scripting on, so that a `<noscript>` in the head is raw text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Verdict = Literal["pass", "page", "fragment", "head_ends", "doubt", "deeper", "shallower", "body"]

MARKUP = "markup"  # between two tokens; every other state is a row of STATES
TAG_NAME = "tag name"
COMMENT = "comment"
BOGUS = "bogus comment"  # doctypes end at the first ">" too, quoted or not
CLOSE = "close"  # the ">" of a tag: its element decides what follows
EMPTY = "empty"  # that of "/>", which says something in SVG and MathML alone


@dataclass(frozen=True, slots=True)
class State:
    """Inside something: look for `mark`, then turn by its text; `reach` bytes may begin one."""

    mark: re.Pattern[bytes]
    otherwise: str
    turns: Mapping[bytes, str]
    reach: int = 0


def _state(mark: bytes, otherwise: str, turns: dict[bytes, str] | None = None) -> State:
    return State(re.compile(mark), otherwise, turns or {})


def _raw(name: str) -> State:
    mark = re.compile(rb"(?i:</%b)(?=[\t\n\f\r />])" % name.encode())
    return State(mark, TAG_NAME, {}, reach=len(name) + 2)


def _script(mark: bytes, turns: dict[bytes, str]) -> State:
    return State(
        re.compile(mark.replace(b"script", rb"script(?=[\t\n\f\r />])"), re.IGNORECASE),
        TAG_NAME,
        turns,
        reach=len("</script"),
    )


RAW_IN_HEAD = ("title", "style", "noscript", "noframes")
RAW_IN_BODY = ("textarea", "xmp", "iframe", "noembed")

_TURNS = {b">": CLOSE, b"/": "slash"}
_GAPS = dict.fromkeys((b"\t", b"\n", b"\f", b"\r", b" "), "gap")

STATES: Mapping[str, State] = {
    TAG_NAME: _state(rb"[\t\n\f\r />]", "gap", _TURNS),
    "gap": _state(rb"[^\t\n\f\r ]", "name", _TURNS),
    "slash": _state(rb"(?s:.)", "name", {b">": EMPTY, b"/": "slash", **_GAPS}),
    "name": _state(rb"[\t\n\f\r />=]", "after name", {**_TURNS, b"=": "equals"}),
    "after name": _state(rb"[^\t\n\f\r ]", "name", {**_TURNS, b"=": "equals"}),
    "equals": _state(rb"[^\t\n\f\r ]", "bare", {b">": CLOSE, b'"': "double", b"'": "single"}),
    "double": _state(rb'"', "gap"),
    "single": _state(rb"'", "gap"),
    "bare": _state(rb"[\t\n\f\r >]", "gap", {b">": CLOSE}),
    BOGUS: _state(rb">", MARKUP),
    COMMENT: State(re.compile(rb"--!?>"), MARKUP, {}, reach=3),
    "cdata": State(re.compile(rb"\]\]>"), MARKUP, {}, reach=2),
    "text": _state(rb"(?=<)", MARKUP),
    # "<!--" in a script hides nothing, but a "<script" after it makes the next "</script" its own;
    # the dashes of "<!-->" open and close.
    "script": _script(rb"<!(?=--)|</script", {b"<!": "escaped"}),
    "escaped": _script(rb"-->|</?script", {b"-->": "script", b"<script": "double escaped"}),
    "double escaped": _script(rb"-->|</script", {b"-->": "script", b"</script": "escaped"}),
    **{name: _raw(name) for name in (*RAW_IN_HEAD, *RAW_IN_BODY)},
}

# What may stand between two tokens, or begin one. Bytes that match none of these are text.
OPENING = re.compile(
    rb"""(?ix)
      (?P<tag>     </?[a-z][^\t\n\f\r\ />]*+ )
    | (?P<empty>   <!---?> | </> )
    | (?P<comment> <!-- )
    | (?P<doctype> <!doctype )
    | (?P<bogus>   <[!?] | </. )
    """,
    re.DOTALL,
)

AFTER_OPENING = {"comment": COMMENT, "doctype": BOGUS, "bogus": BOGUS, "empty": MARKUP}

# Attributes as people write them. Odd ones fail here and are walked state by state.
# Only single classes are possessive: before CPython 3.11.5 a possessive group keeps what its last,
# failed round took (https://github.com/python/cpython/issues/100061); Debian 12 has 3.11.2.
PAIRS = rb"""
    (?: [\t\n\f\r\ /]++ [^\t\n\f\r\ /><"'=]++
        (?: =" [^"]*+ " | (?!=) | = (?: '[^']*+' | [^\t\n\f\r\ >"'] [^\t\n\f\r\ >]*+ ) )
    )*
"""
SPACE = rb"[\t\n\f\r\ ]*+"
ATTRIBUTES = PAIRS + rb"[\t\n\f\r\ /]*+ >"
REST_OF_TAG = re.compile(rb"(?x)" + PAIRS + rb"( [\t\n\f\r\ /]*+ ) >")
"""From behind a tag's name to its end; the group ends with the "/" of "/>"."""


def element(name: bytes, also_not: bytes = b"") -> bytes:
    """A raw-text element from behind its "<", for a verbose pattern."""
    inside = rb"(?: [^<]++ | < (?! %b /%b ) )* </%b %b >" % (also_not, name, name, SPACE)
    return rb"%b %b %b" % (name, ATTRIBUTES, inside)


def _run(*tokens: bytes) -> re.Pattern[bytes]:
    """All such tokens in a row, behind their "<", with whitespace around them."""
    return re.compile(rb"(?ix) (?: %b < (?: %b ) )* %b" % (SPACE, b"|".join(tokens), SPACE))


COMMENT_TOKEN = rb"!-- (?!-?>) (?: [^-]++ | - (?!-!?>) )* --!?>"


# Left open, these begin again in what follows.
_FORMATTING = (
    *(b"a", b"b", b"big", b"code", b"em", b"font", b"i", b"nobr", b"s", b"small", b"strike"),
    *(b"strong", b"tt", b"u"),
)
_ODD_IN_NOSCRIPT = (
    *(name.encode() for name in (*RAW_IN_HEAD, *RAW_IN_BODY)),
    *(b"script", b"template", b"svg", b"math", b"select", b"table", b"frameset", b"plaintext"),
    *(b"/noscript", b"/body", b"/html"),
)


def _without_less(pattern: bytes) -> bytes:
    return pattern.replace(rb"[^", rb"[^<")


def _plain_noscript() -> bytes:
    """A `<noscript>` whose end both find that take its content for text and for markup.

    As markup it leaves nothing open that changes what comes after it.
    """
    attributes = _without_less(ATTRIBUTES)
    whole = [
        rb"%b %b [^<]*+ </%b %b >" % (name, attributes, name, SPACE)
        for name in (b"style", b"iframe", *_FORMATTING)
    ]
    odd = b"|".join((*_FORMATTING, *_ODD_IN_NOSCRIPT))
    tags = rb"(?! (?:%b) [\t\n\f\r\ />] ) /?+ [a-z] [^\t\n\f\r\ /><]*+ %b" % (odd, attributes)
    inside = b"|".join((*whole, tags, _without_less(COMMENT_TOKEN)))
    return rb"noscript %b (?: [^<]++ | < (?: %b ) )* </noscript" % (ATTRIBUTES, inside)


PLAIN_NOSCRIPT = re.compile(rb"(?ix) < %b (?=[\t\n\f\r\ />])" % _plain_noscript())

_TEXT = re.compile(rb"[^<]*+")
# One call takes 2 KB of this in 8 µs; state by state it is 50.
_HEAD_CONTENT = _run(
    rb"(?: meta | link | head | html | base ) %b" % ATTRIBUTES,
    COMMENT_TOKEN,
    element(b"script", also_not=b"!--|"),
    *(element(name) for name in (b"title", b"style")),
    rb"%b %b >" % (_plain_noscript(), SPACE),
)

_HEAD_END = rb"(?: </head %b > %b )?" % (SPACE, SPACE)
HEAD_TO_BODY = re.compile(rb"(?ix) %b <body %b" % (_HEAD_END, ATTRIBUTES))
"""How nearly every head ends; a shortcut."""

PLAIN_START = re.compile(rb"(?i)[\t\n\f\r ]*+<!doctype[^>]*+>")
"""How nearly every page begins; a shortcut."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a token means where it stands: by name, a state to go on with, or a verdict."""

    skip: re.Pattern[bytes]
    names: Mapping[bytes, str]
    start: Verdict
    end: Verdict
    text: Verdict


_RAW_HEAD = {name.encode(): name for name in (*RAW_IN_HEAD, "script")}
_RAW_BODY = {name.encode(): name for name in RAW_IN_BODY}

PROLOG = Place(
    _run(COMMENT_TOKEN),
    {b"html": "page", b"head": "page"},
    start="fragment",
    end="fragment",
    text="fragment",
)
HEAD = Place(
    _HEAD_CONTENT,
    {
        **dict.fromkeys((b"html", b"head", b"base", b"basefont", b"bgsound"), "pass"),
        **dict.fromkeys((b"link", b"meta"), "pass"),
        **dict.fromkeys((b"/head", b"/body", b"/html", b"/br"), "head_ends"),
        **dict.fromkeys((b"frameset", b"plaintext"), "doubt"),
        **_RAW_HEAD,
        b"template": "deeper",
    },
    start="head_ends",
    end="pass",
    text="head_ends",
)
# In these the names of raw-text elements can mean nothing, or something else.
_OTHER_GRAMMARS = (b"svg", b"math", b"select", b"col", b"colgroup", b"frameset", b"plaintext")
TEMPLATE = Place(
    _TEXT,
    {
        **dict.fromkeys(_OTHER_GRAMMARS, "doubt"),
        **_RAW_HEAD,
        **_RAW_BODY,
        b"template": "deeper",
        b"/template": "shallower",
    },
    start="pass",
    end="pass",
    text="pass",
)
BEFORE_BODY = Place(
    _run(COMMENT_TOKEN, rb"/head [\t\n\f\r\ ]*+ >"),
    {b"/head": "pass", b"body": "body"},
    start="doubt",
    end="doubt",
    text="doubt",
)

_KNOWN = {name for place in (PROLOG, HEAD, TEMPLATE, BEFORE_BODY) for name in place.names}
_MARKS = (b"\xef\xbb\xbf", b"<!---", b"<!doctype", b"</", *(b"<" + name for name in _KNOWN))
BEGINNINGS = frozenset(mark[:n] for mark in _MARKS for n in range(len(mark) + 1))
"""What must be held back at the end of a chunk: the next bytes decide what it is."""
LONGEST_BEGINNING = max(map(len, BEGINNINGS))
