"""What is checked of each framework's shop: by its answers on one kept-alive connection, beside
those of the same shop without pixelpair, and by what reached the sandbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.doors.drive import Answer, names

from .framework_walk import HEADS, VISIT, Seen
from .raw import FramingError, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

# What we put into a page: blocks of data, the script behind the first, images of the body.
OURS = re.compile(
    rb'<script type="application/json" id="pixelpair">[^<]*</script>'
    rb'(<script(?: nonce="[^"]+")?>.*?</script>)?'
    rb"|<noscript>(?:<img [^>]*>)+</noscript>",
    re.DOTALL,
)
TOKEN = re.compile(rb'(name="csrfmiddlewaretoken" value=)"\w+"')
# Each answer's own: the time, and the random token of Django's CSRF cookie.
OWN = ("date", "expires", "set-cookie")


def whole(seen: Seen, name: str) -> Answer:
    """An answer that is one, and whose connection is kept if the shop alone keeps it."""
    answer, reply, bare = seen[name], seen.replies[name], seen.bare[name]
    assert isinstance(bare, Reply)
    assert isinstance(reply, Reply)
    assert (reply.framing, reply.keeps) == (bare.framing, bare.keeps)
    return answer


def page(seen: Seen, name: str, *events: str) -> None:
    """The shop's page with the pixel in it, once, and these events."""
    answer, bare = whole(seen, name), seen.bare[name]
    assert isinstance(bare, Reply)
    assert (answer.status, scripts(answer.body)) == (200, 1)
    assert TOKEN.sub(b"", OURS.sub(b"", answer.body)) == TOKEN.sub(b"", bare.body)
    assert names(answer.shown) == ["PageView", *events]
    assert answer.headers["cache-control"] == "private"


def scripts(body: bytes) -> int:
    return sum(1 for script in OURS.findall(body) if script)


def untouched(seen: Seen, *named: str) -> None:
    """To the byte what the shop answers without us, in the same frame."""
    assert [same(seen.replies[name]) for name in named] == [same(seen.bare[name]) for name in named]


def same(reply: Reply | FramingError) -> object:
    if isinstance(reply, FramingError):
        return reply.what
    headers = sorted(pair for pair in reply.headers if pair[0] not in OWN)
    return reply.status, headers, reply.body, reply.framing, reply.keeps


def status(seen: Seen, name: str) -> int:
    return seen[name].status


# --- the checks -------------------------------------------------------------------------------


def view(seen: Seen) -> None:
    page(seen, "product", "ViewContent")
    page(seen, "cart")


def sync_view(seen: Seen) -> None:
    page(seen, "sync", "Lead")


def async_view(seen: Seen) -> None:
    page(seen, "async", "Contact")


def stream(seen: Seen) -> None:
    """`track()` between two pieces is found in what follows the page's head."""
    page(seen, "stream", "Schedule")


def both_streams(seen: Seen) -> None:
    page(seen, "stream-sync", "Schedule")


def plain(seen: Seen) -> None:
    untouched(seen, "json", "moved")
    assert (status(seen, "json"), status(seen, "moved")) == (200, 302)


def head(seen: Seen) -> None:
    untouched(seen, *(f"{name}, HEAD" for name in HEADS))
    assert status(seen, "product, HEAD") == 200


def file(seen: Seen) -> None:
    untouched(seen, "style", "style, HEAD")
    assert status(seen, "style") == 200


def file_again(seen: Seen) -> None:
    untouched(seen, "style, again")
    assert status(seen, "style, again") == 304


def page_again(seen: Seen) -> None:
    """A page with an `ETag`: its 304 carries the tag that our page has."""
    first, again = whole(seen, "tagged"), whole(seen, "tagged, again")
    assert [call[0] for call in first.sealed] == ["PageView"]
    assert OURS.sub(b"", first.body) == seen.bare["tagged"].body
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"] != seen.bare["tagged"].header("etag")


def post(seen: Seen) -> None:
    answer, bare = whole(seen, "add"), seen.bare["add"]
    assert (answer.status, answer.body) == (bare.status, bare.body)
    assert answer.headers["location"] == bare.header("location")
    assert names(answer.shown) == ["AddToCart"]


def errors(seen: Seen) -> None:
    untouched(seen, "missing", "broken")
    assert (status(seen, "missing"), status(seen, "broken")) == (404, 500)


def arrived(seen: Seen) -> None:
    """What the answers show, and nothing else, is what the sandbox got from the server."""
    shown = sorted((event[0], event[2], "server_only") for event in seen.shown)
    assert sorted(seen.arrived) == shown
    assert len({event_id for _, event_id, _ in shown}) == len(shown) >= 8
    assert "outside any request" not in seen.log


def pair(seen: Seen) -> None:
    """A customer in Chromium sees a product and puts it into the cart."""
    assert seen.visit == VISIT


@dataclass(frozen=True, slots=True)
class Check:
    """A column. Where a framework lacks what is checked, `lacking` shows that it does."""

    name: str
    run: Callable[[Seen], None]
    lacking: Callable[[Seen], bool] = lambda seen: False


CHECKS = (
    Check("page", view),
    Check("sync view", sync_view),
    Check("async view", async_view, lambda seen: status(seen, "async") == 404),
    Check("stream", stream),
    Check("other stream", both_streams, lambda seen: status(seen, "stream-sync") == 404),
    Check("JSON, redirect", plain),
    Check("HEAD", head, lambda seen: status(seen, "product, HEAD") == 405),
    Check("file", file),
    Check("file's 304", file_again, lambda seen: seen.bare["style, again"].status == 200),
    Check("page's 304", page_again, lambda seen: status(seen, "tagged") == 404),
    Check("POST", post),
    Check("404, 500", errors),
    Check("server halves", arrived),
    Check("pairs in Chromium", pair),
)
