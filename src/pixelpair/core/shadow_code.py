"""A script's text as far as it must be known to find calls in it: texts, comments, regular
expressions, and which braces hold what runs when the page is shown. Runs nothing.
"""

from __future__ import annotations

import re
from typing import Final

MOST_DEPTH: Final = 10
CALL = re.compile(r"fbq\s*(?:\?\.\s*)?\(")
# Each begins with a character of its own: so the search skips what is none of them.
MARK = re.compile(
    r"""
      "[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"? | '[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?
    | `[^`\\]*+(?:\\.[^`\\]*+)*+`? | /(?:/[^\n]*+|\*)? | \{ | \} | fbq\s*(?:\?\.\s*)?\(
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEXP = re.compile(r"/(?:[^/\\\n\[]++|\\.|\[(?:[^\]\\\n]++|\\.)*+\])++/")
_LONGEST_REGEXP = 200
# What a slash stands behind that begins a regular expression, and divides nothing.
_ENDS_NOTHING = re.compile(r"(?:[=(,:;!&|?{}\[+\n]|\breturn|\A)[ \t]*+\Z")
# What stands before the brace of what runs when the page is shown.
_AT_ONCE = re.compile(
    r"(?:(?:(?:\$|jQuery|ready)\s*+\(|[\"'](?:DOMContentLoaded|load|turbo:load)[\"']\s*+,"
    r"|\bonload\s*+=|(?:\A|[;{}\n)])\s*+[!(+]\s*+\(?)\s*+(?:async\s++)?"
    r"(?:function\s*+\w*+\s*+\([^()]{0,60}\)|(?:\([^()]{0,60}\)|\w++)\s*+=>)"
    r"|\btry|\bif\s*+\(\s*+(?:typeof\s++)?(?:window\.)?fbq\b[^(){}]{0,40}\))\s*+\Z"
)
_BEFORE = 120
_COST_OF_BRACE = 5  # in marks


class Braces:
    """Those that are open, and whether what they hold runs when the page is shown."""

    __slots__ = ("_code", "_known", "_owed", "opened")

    def __init__(self, code: str) -> None:
        self.opened: list[int] = []
        self._code = code
        self._known: dict[int, bool] = {}
        self._owed = 0

    def bill(self) -> int:
        """What was looked at since the last one, in marks."""
        owed, self._owed = self._owed, 0
        return owed

    def run_at_once(self) -> bool:
        return len(self.opened) <= MOST_DEPTH and all(map(self._runs, self.opened))

    def _runs(self, brace: int) -> bool:
        if brace not in self._known:
            self._owed += _COST_OF_BRACE
            near = self._code[max(0, brace - _BEFORE) : brace]
            self._known[brace] = _AT_ONCE.search(near) is not None
        return self._known[brace]


def goes_on(before: str) -> bool:
    """Whether a name goes on behind this character: `_fbq` is another one."""
    return before == "$" or before == "_" or before.isalnum()


def behind_slash(code: str, start: int, end: int) -> int:
    """Where a comment, a regular expression or the slash of a division ends."""
    if end - start > 1:
        return end if code[start + 1] == "/" else (code.find("*/", end) + 1 or len(code)) + 1
    near = code[max(0, start - 20) : start]
    if _ENDS_NOTHING.search(near) is None:
        return end
    found = _REGEXP.match(code, start, start + _LONGEST_REGEXP)
    return end if found is None else found.end()
