"""What an answer is, and which way it goes: judged from the facts alone, and obeyed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pixelpair.core import answers
from pixelpair.core.http import header_value, location_path

if TYPE_CHECKING:
    from pixelpair.core.http import Request
    from pixelpair.core.page import Mode
    from pixelpair.core.response import Response
    from pixelpair.core.routes import Answer
    from pixelpair.core.shop import Shop

# "leave": as it came. "head": the same, of a page. "report": with its events. "tracked": with those
# of its view alone, a rule's act has not run. "page": as a page, unless its bytes say otherwise.
Way = Literal["leave", "head", "report", "tracked", "page"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which way an answer goes, and what the way must know of it."""

    way: Way
    reason: str = ""  # why it is left; none where its address is excluded
    answer: Answer = "page"  # what it is to rules


EXCLUDED: Final = Verdict("leave")
LEFT_ALONE: Final = Verdict("leave", "left alone")
NO_HEAD: Final = Verdict("leave", "no head")
WIDE: Final = Verdict("leave", "charset")
_FAILED: Final = Verdict("leave", "failed acts")
_TO_LOGIN: Final = Verdict("leave", "login redirects")
_AHEAD: Final = Verdict("leave", "fetched ahead")
_NO_DOCUMENT: Final = Verdict("leave", "no document")
_HEAD_OF_PAGE: Final = Verdict("head", "failed acts")
_REDIRECT: Final = Verdict("report", answer="redirect")
_OTHER: Final = Verdict("report", answer="other")
_TRACKED: Final = Verdict("tracked")
_PAGE: Final = Verdict("page")

# The browser asks again elsewhere, the same way or not: a rule's act has not run yet. Seen with the
# trailing slash that Flask and Starlette add: one act, two events.
_MOVED: Final = frozenset({301, 307, 308})


def judged(response: Response) -> Verdict:
    """What status and headers say: the first that fits."""
    status, request = response.status, response.request
    if is_excluded(response.shop, request):
        return EXCLUDED
    if response.method == "HEAD":
        return _HEAD_OF_PAGE if response.html and status == 200 else _FAILED
    if not 200 <= status < 400 or status == 304:
        return _FAILED
    if status >= 300:
        return _redirect(response)
    if not response.html or status in answers.NO_BODY:
        return no_page(response)
    if not answers.is_for_page(request) and not response.is_shared:
        return _NO_DOCUMENT
    unreadable = answers.unreadable(status, response.held)
    return Verdict("leave", unreadable) if unreadable else _PAGE


def is_excluded(shop: Shop, request: Request) -> bool:
    """Whether this address is none of ours, by the shop's word or by its framework's."""
    return request.excluded or bool(shop.excludes(request.path))


def no_page(response: Response) -> Verdict:
    """JSON and the like, and HTML whose first bytes show that it is a part of a page."""
    return _AHEAD if _is_ahead(response) else _OTHER


def page_alone(response: Response) -> Verdict:
    """A page that stays as it came.

    A script's POST that got a whole page: its rules do not fire, its view's events do.
    """
    is_act = not response.is_read and answers.is_fetched(response.request)
    return _TRACKED if is_act else LEFT_ALONE


def mode_of(response: Response, *, shared: bool) -> Mode:
    """What a page carries: the rule of the modes (architecture, "How an event id is chosen")."""
    shop, request, muted = response.shop, response.request, response.visit.person.muted
    if muted == "staff" and not shared and not shop.rehearses:
        return "alone"
    if answers.is_fetched(request):
        by_read: Mode = "browser" if shared else "fetched"
        return by_read if response.is_read else "alone"
    as_page = answers.is_for_page(request) and not answers.is_ahead(request)
    if not as_page or muted or (shared and shop.event_id != "server"):
        return "browser"
    return "server"


def _redirect(response: Response) -> Verdict:
    if response.status in _MOVED and not response.is_read:
        return _TRACKED
    if _is_to_login(response):
        return _TO_LOGIN
    return _AHEAD if _is_ahead(response) else _REDIRECT


def _is_to_login(response: Response) -> bool:
    request = response.request
    location = header_value(response.held, b"location") or b""
    path = location_path(location, request).removeprefix(request.root)
    return (path.rstrip("/") or "/") in response.shop.login_paths


def _is_ahead(response: Response) -> bool:
    return response.is_read and answers.is_ahead(response.request)
