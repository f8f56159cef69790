"""The part of HTML's grammar that decides where a document's body ends: what hides a `</body>`.

Tables only; `body_end` walks them. Right for the parser that runs scripts and for DOMParser, which
does not, and for `<select>` as it was and as it became (Chromium 135).
"""

from __future__ import annotations

import re

from .html_tokens import (
    ATTRIBUTES,
    COMMENT_TOKEN,
    HEAD,
    PAIRS,
    RAW_IN_BODY,
    RAW_IN_HEAD,
    SPACE,
    Place,
    element,
)

RAW = {name.encode(): name for name in (*RAW_IN_HEAD, *RAW_IN_BODY, "script")}
RAW[b"noscript"] = "noscript"  # decided by what stands in it
_FOREIGN_ROOTS = {b"svg": "foreign", b"math": "foreign"}
_DOUBTS = dict.fromkeys((b"frameset", b"plaintext"), "doubt")

_DECLARATIONS = [
    mark[:n] for mark in (b"---", b"doctype", b"[CDATA[") for n in range(len(mark) + 1)
]
UNFINISHED = re.compile(
    rb"(?i)</?(?:[a-z][^\t\n\f\r />]{0,31})?|<!(?:%b)" % b"|".join(map(re.escape, _DECLARATIONS))
)
"""What must be held back at the end of a chunk: the next bytes decide what it is."""
LONGEST_NAME = 32


def _names(*names: bytes) -> bytes:
    """These tag names, in any case: a set of both letters is tried faster than a folded one."""
    return b"|".join(
        b"".join(b"[%c%c]" % (c - 32, c) if chr(c).isalpha() else bytes((c,)) for c in name)
        for name in names
    )


_ODD = _names(*RAW, *b"template svg math select plaintext frameset".split())
_ODD_ENDS = _names(b"body", b"html")
_ODD_IN_TEMPLATE = _names(b"/template", b"col", b"colgroup")
_NAME = rb"[A-Za-z] [^\t\n\f\r\ />]*+"


def _tags(odd: bytes) -> bytes:
    names = rb"(?! (?: %b | / (?:%b) ) [\t\n\f\r\ />] ) /?+ %b" % (odd, _ODD_ENDS, _NAME)
    return names + ATTRIBUTES


# Without limit, one call keeps a place to go back to for each token of the page.
def _run(*tokens: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?x) (?: [^<]++ | < (?: %b ) ){0,200}" % b"|".join(tokens))


# Nearly every end tag and most start tags of a page, known by their first letter: 50 KB take 0.6 ms
# with these two and 1.1 ms without.
_END_TAGS = rb"/ [AC-GI-Zac-gi-z] [^\t\n\f\r\ />]*+ >"
_START_TAGS = rb"[A-EGHJ-LOQRU-WYZa-eghj-loqru-wyz] [^\t\n\f\r\ />]*+ " + ATTRIBUTES
_IN_BODY = _run(
    _END_TAGS,
    _START_TAGS,
    _tags(_ODD),
    COMMENT_TOKEN,
    element(_names(b"script"), also_not=b"!--|"),
    element(_names(b"style")),
)
_IN_TEMPLATE = _run(_tags(b"|".join((_ODD, _ODD_IN_TEMPLATE))), COMMENT_TOKEN)
_SHAPES = _names(*b"path use circle rect line polyline polygon ellipse stop image".split())
_IN_FOREIGN = _run(rb"(?: %b ) %b %b / >" % (_SHAPES, PAIRS, SPACE))
_TEXT = re.compile(rb"[^<]*+")

# The head and what follows it, until it is certain that a script would stand in the body, and
# that no `<frameset>` can take the body's place.
BEFORE = Place(
    HEAD.skip,
    {
        **RAW,
        **_FOREIGN_ROOTS,
        **_DOUBTS,
        **dict.fromkeys((b"/body", b"/html"), "doubt"),
        b"template": "template",
        b"select": "select",
        **dict.fromkeys((b"body", b"/br", b"br", b"img", b"hr", b"table", b"button"), "body"),
    },
    start="pass",
    end="pass",
    text="body",
)
BODY = Place(
    _IN_BODY,
    {
        **RAW,
        **_FOREIGN_ROOTS,
        **_DOUBTS,
        **dict.fromkeys((b"/body", b"/html"), "body_ends"),
        b"template": "template",
        b"select": "select",
    },
    start="pass",
    end="pass",
    text="pass",
)
# Where a template begins with a column, `<title>` is no raw text.
TEMPLATE = Place(
    _IN_TEMPLATE,
    {
        **RAW,
        **_FOREIGN_ROOTS,
        **_DOUBTS,
        **dict.fromkeys((b"col", b"colgroup"), "doubt"),
        b"template": "template",
        b"/template": "leave",
        b"select": "select",
    },
    start="pass",
    end="pass",
    text="pass",
)
SELECT = Place(
    _TEXT,
    {
        **dict.fromkeys((*RAW, *_FOREIGN_ROOTS, *_DOUBTS, b"/template"), "doubt"),
        **dict.fromkeys((b"/body", b"/html"), "body_ends"),
        b"script": "script",
        b"template": "template",
        b"/select": "leave",
    },
    start="pass",
    end="pass",
    text="pass",
)
NOSCRIPT = Place(
    _TEXT,
    {
        **RAW,
        **dict.fromkeys((*_FOREIGN_ROOTS, *_DOUBTS, b"noscript"), "doubt"),
        **dict.fromkeys((b"template", b"select", b"table", b"col", b"colgroup"), "doubt"),
    },
    start="pass",
    end="pass",
    text="pass",
)
# HTML that ends SVG and MathML, and what in them is HTML again.
_BREAKOUTS = (
    "b big blockquote body br center code dd div dl dt em embed font h1 h2 h3 h4 h5 h6 head hr i "
    "img li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul "
    "var foreignobject annotation-xml"
)
FOREIGN = Place(
    _IN_FOREIGN,
    dict.fromkeys((name.encode() for name in _BREAKOUTS.split()), "doubt"),
    start="pass",
    end="pass",
    text="pass",
)
TEXT_ALONE = frozenset((b"title", b"desc", b"mi", b"mn", b"mo", b"ms", b"mtext"))
"""In these, SVG and MathML have text; an element in one would be HTML."""
