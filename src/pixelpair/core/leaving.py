"""The headers of an answer whose body stays as it came: its own, or, where events go with it, those
and the cookies that take the browser halves along. Obeys a verdict, makes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.core import answers
from pixelpair.core.http import header_value, may_be_shown_again, printable
from pixelpair.core.validators import outbound_page

if TYPE_CHECKING:
    from pixelpair.core.events import Event
    from pixelpair.core.http import Headers
    from pixelpair.core.response import Response
    from pixelpair.core.shop import SetCookie
    from pixelpair.core.verdict import Verdict

# The header that tells why a page cannot be read.
_TOLD_BY = {"encoded": b"content-encoding", "charset": b"content-type"}


def obeyed(verdict: Verdict, response: Response, *, was_held: bool = False) -> Headers:
    """The headers to send; `was_held` says that the answer was taken for a page at first."""
    if verdict.way == "report":
        return _reported(response, response.visit.events(verdict.answer))
    if verdict.way == "tracked":
        return _reported(response, response.visit.tracked_events())
    left = _left(response, verdict.reason, was_held=was_held)
    return _head_of_page(response) if verdict.way == "head" else left


def _left(response: Response, reason: str, *, was_held: bool) -> Headers:
    """Untouched, but for what the visitor decided; `reason` counts the view's lost events."""
    said = response.said
    if response.rehearsal is not None:
        response.rehearsal.reason = reason or "excluded"
    if reason in _TOLD_BY:
        _say_unreadable(response, reason)
    if reason and said is not None:
        response.shop.notes.count(reason, len(said.tracked))
    if said is None or (was_held and response.is_shared):
        return response.given
    word = response.visit.word()
    return _with_cookies(response, word) if word else response.given


def _say_unreadable(response: Response, reason: str) -> None:
    value = header_value(response.held, _TOLD_BY[reason]) or b""
    response.shop.notes.count(f"{reason} pages")
    response.shop.notes.say(reason, printable(value.decode("latin-1"))[:100])


def _head_of_page(response: Response) -> Headers:
    """A cache would drop the page that it keeps if its HEAD had another tag or length."""
    if answers.unreadable(response.status, response.held) or not response.is_shared:
        return response.given
    return answers.grown(outbound_page(response.held, response.shop.version), None)


def _reported(response: Response, events: list[Event]) -> Headers:
    """The server halves go now, the browser halves ride."""
    visit, said = response.visit, response.said
    pending = visit.pending(visit.accept(events)) if events else []
    if said is not None and said.sealed is not None:
        visit.facts()  # its _fbp stands in an order
    cookies = [*visit.word(), *visit.cookies, *pending]
    return _with_cookies(response, cookies) if cookies else response.given


def _with_cookies(response: Response, cookies: list[SetCookie]) -> Headers:
    if not response.is_read:
        return [*response.held, *cookies]
    if may_be_shown_again(response.held, response.request, response.now):
        response.shop.notes.say("cacheable act", response.request.route_label)
        return response.given
    return [*answers.private(response.held), *cookies]
