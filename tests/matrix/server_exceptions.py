"""Cells of the server matrix that are not as we would like them: who is to blame, and where it is
written. Each must fail as it is described here; one that does not is to be taken out."""

from __future__ import annotations

from dataclasses import dataclass

WAITRESS = "https://github.com/Pylons/waitress/blob/HEAD/src/waitress/task.py"
HYPERCORN = "https://github.com/pgjones/hypercorn/blob/HEAD/src/hypercorn/app_wrappers.py"
GRANIAN = "https://github.com/emmett-framework/granian/blob/HEAD/granian/wsgi.py"


@dataclass(frozen=True, slots=True)
class Exception_:  # noqa: N801
    """`says` is found in the failure. `bare`: the shop without the door fails in the same way."""

    server: str
    check: str
    says: str
    why: str
    link: str
    bare: bool = True


ENDS_CHUNKS = (
    "waitress ends the chunks of an answer to HEAD that says no length, though it began none, and"
    " closes the connection"
)
EMPTY = "hypercorn answers 500 where a WSGI app gives an empty list"
EXCEPTIONS: tuple[Exception_, ...] = (
    Exception_("waitress", "HEAD, 204, 304", "5 bytes after the answer", ENDS_CHUNKS, WAITRESS),
    Exception_("waitress", "one connection", "5 bytes after the answer", ENDS_CHUNKS, WAITRESS),
    Exception_(
        "hypercorn, WSGI",
        "HEAD, 204, 304",
        "\\('length', b''\\) == \\('none', b''",
        EMPTY,
        HYPERCORN,
    ),
    Exception_("hypercorn, WSGI", "empty", "500, b''", EMPTY, HYPERCORN),
    Exception_(
        "hypercorn, WSGI",
        "write()",
        "assert b'' == ",
        "hypercorn drops what a WSGI app writes with `write()`",
        HYPERCORN,
    ),
    Exception_(
        "granian, WSGI",
        "write()",
        "assert b'' == |bytes early",
        "granian's `start_response` gives no `write()`",
        GRANIAN,
    ),
    Exception_(
        "gunicorn, gevent",
        "silent",
        "gevent has replaced",
        "one line in the log says that the sender shares the requests' thread, and how to give it"
        " a process of its own",
        "delivery.md#the-way",
        bare=False,
    ),
    Exception_(
        "Werkzeug, processes",
        "pairs",
        "browser_only",
        "each request is a process that ends with it: nobody sends, until `pixelpair drain` or"
        " `pixelpair worker`",
        "delivery.md#the-way",
        bare=False,
    ),
)
BY_CELL = {(one.server, one.check): one for one in EXCEPTIONS}
