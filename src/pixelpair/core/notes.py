"""What is worth telling a developer: mistakes logged once, faults again and again, all counted."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG = logging.getLogger("pixelpair")
_LONGEST = 40
_MOST_KEYS = 1000  # a bound, not a choice: keys hold names of events and fields, never values

SAYINGS: Final[Mapping[str, tuple[int, str]]] = {
    "failed": (logging.ERROR, "pixelpair failed and let the response through"),
    "consent too late": (
        logging.ERROR,
        "consent() came after the answer was on its way: it could not be kept",
    ),
    "too late": (
        logging.WARNING,
        "track(%r) came after the answer was on its way: it left on neither channel",
    ),
    "no order id": (
        logging.ERROR,
        (
            "a Purchase of a page that caches or scripts may keep (%s) has no order_id: it left on"
            " neither channel; track('Purchase', order_id=...) names it"
        ),
    ),
    "policy": (
        logging.WARNING,
        (
            "the content security policy of a page (%s) permits no script of ours: its events leave"
            " by the server only; a nonce, or 'self' in script-src, permits it"
        ),
    ),
    "policy blocks pixel": (
        logging.WARNING,
        (
            "the content security policy of a page (%s) blocks the pixel's script: its events leave"
            " by the server only; script-src must name the host of PIXELPAIR_PIXEL_SCRIPT_URL"
        ),
    ),
    "cacheable act": (
        logging.WARNING,
        (
            "an answer that caches may keep (%s) got no cookie of ours, which would reach other "
            "visitors: an event of it left by the server only, and what consent() or identify() "
            "said is not kept"
        ),
    ),
    "second pixel": (
        logging.WARNING,
        "a page carries a snippet of pixel %s already and was left alone: remove that one",
    ),
    "encoded": (
        logging.WARNING,
        (
            "pages arrive compressed (%s), which nothing that is loaded here undoes, and are left "
            "alone: put pixelpair inside the compressing middleware, nearer to the app"
        ),
    ),
    "charset": (
        logging.WARNING,
        "pages in UTF-16, UTF-32 or UTF-7 are left alone (%s): send them in UTF-8",
    ),
    "fault": (
        logging.ERROR,
        (
            "%s: the view of %s must call track(%r, value=..., currency=...); "
            "it left on neither channel%s"
        ),
    ),
    "dropped": (logging.WARNING, "%s: %s; it was dropped"),
    "origin": (
        logging.WARNING,
        (
            "reports from pages at %s are refused, the app is asked as %s: if both are this shop, "
            "let the proxy hand on the Host header, or set PIXELPAIR_ORIGINS=%s"
        ),
    ),
    "report rate": (
        logging.WARNING,
        (
            "an address sent more reports in a minute than PIXELPAIR_REPORT_RATE allows: if it is "
            "a proxy's, let the server trust its X-Forwarded-For"
        ),
    ),
    "consent elsewhere": (
        logging.WARNING,
        (
            "consent() was called, and PIXELPAIR_CONSENT does not ask it: set it to required, or "
            "leave the decision to the tool that it names"
        ),
    ),
    "directory": (
        logging.ERROR,
        "PIXELPAIR_SHOPS: the shop's object failed; what it said last is used",
    ),
    "question": (
        logging.ERROR,
        "PIXELPAIR_%s: the callable of the shop failed; it counts as if it knew nothing",
    ),
    "no information": (logging.WARNING, "identify(): %s cannot be read; it was dropped"),
    "no trust": (
        logging.WARNING,
        (
            "requests come through a proxy of the shop's own network, which is nobody's address: "
            "no visitor's address is sent until PIXELPAIR_TRUSTED_PROXIES says whom to believe"
        ),
    ),
    "twice": (
        logging.WARNING,
        (
            "another script of the pages starts pixel %s too: remove it there, or its events "
            "count beside those of pixelpair"
        ),
    ),
}
# Not a mistake that one reads of once, but what goes on until somebody ends it: said each time,
# and the logger's own filter (`pixelpair.logs`) holds back what comes too often.
AGAIN: Final = frozenset({"directory", "failed", "fault", "no order id", "question", "report rate"})


class Notes:
    """Counts by reason, and log lines that are said once per key and process.

    A record has `pixelpair_what`, a name that stays for what is said, and `pixelpair_shop` where
    a process has many shops.
    """

    __slots__ = ("_of", "_said", "counts")

    def __init__(self, of: str = "") -> None:
        self.counts: Counter[str] = Counter()
        self._of = f"{of}: " if of else ""  # whose they are, where a process has many shops
        self._said: set[object] = set()

    def count(self, reason: str, number: int = 1) -> None:
        """Count what did not leave, or left otherwise than hoped."""
        if number:
            self.counts[reason] += number

    def say(self, what: str, *args: object, per: object = None, exc_info: bool = False) -> None:
        """One of the sayings; once (or once `per` thing it is said of), unless it is `AGAIN`."""
        level, text = SAYINGS[what]
        error = _wordless(*sys.exc_info()) if exc_info else None
        if what in AGAIN:
            # Of our own failures another kind is another line.
            kind = error[0].__name__ if error and what == "failed" else ""
            self._log((what, per, kind), level, text, args, error)
        else:
            self.once((what, per), level, text, *args, exc_info=error)

    def failed(self) -> None:
        """A failure of ours; called where the exception is being handled."""
        self.count("failures")
        self.say("failed", exc_info=True)

    def too_late(self, event_name: str) -> None:
        """An event that came when the answer was on its way."""
        self.count("too late")
        self.say("too late", event_name, per=event_name)

    def once(
        self, key: object, level: int, text: str, *args: object, exc_info: object = None
    ) -> None:
        """Log a line the first time its key is met."""
        if key in self._said or len(self._said) >= _MOST_KEYS:
            return
        self._said.add(key)
        self._log(key, level, text, args, exc_info)

    def _log(
        self, key: object, level: int, text: str, args: tuple[object, ...], exc_info: Any
    ) -> None:
        what = str(key[0] if isinstance(key, tuple) else key).partition("\n")[0][:_LONGEST]
        extra = {"pixelpair_what": what, "pixelpair_key": (self._of, key)}
        if self._of:
            extra["pixelpair_shop"] = self._of.removesuffix(": ")
        _LOG.log(level, self._of + text, *args, exc_info=exc_info, extra=extra)


def _wordless(kind: Any, _error: object, where: object) -> tuple[Any, BaseException, Any]:
    """A failure without its message: one of a request may quote what the visitor said."""
    bare = type(kind.__name__, (Exception,), {"__module__": kind.__module__})
    return bare, bare(), where
