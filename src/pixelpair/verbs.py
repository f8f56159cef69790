"""What a view can say: track, identify, consent, discard, seal. They find the request being served.

Elsewhere: send, for what happens later, and flush, for where a process may end after each answer.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from importlib import import_module
from itertools import islice
from sys import _getframe
from typing import TYPE_CHECKING

from pixelpair.core.events import clean_event_name
from pixelpair.core.exchange import CURRENT
from pixelpair.core.orders import Later
from pixelpair.core.shop import Tracked
from pixelpair.errors import OutsideRequest
from pixelpair.readers import TRUE_WORDS
from pixelpair.start import NOTES
from pixelpair.tracker import LIVING, NO_SHOP, Tracker

if TYPE_CHECKING:
    from datetime import datetime
    from types import EllipsisType

_MAX_ITEMS = 500  # of a list, as custom data are cut


def track(event_name: str, *, event_id: str | None = None, **data: object) -> None:
    """Report an event of this request, or say more of the one that its route makes.

    `data` are Meta's custom-data names (value, currency, content_ids, contents, ...); any other
    keyword travels as a custom property. A bad value drops its field, with a log line. Outside
    any request it is logged once; with STRICT it raises OutsideRequest.
    Source of the names: Meta, Conversions API, "Custom data parameters".
    """
    exchange = CURRENT.get()
    if exchange is None:
        _outside("track")
    else:
        name = clean_event_name(event_name)
        if name is None:
            _say_bad_name()
        else:
            exchange.track(Tracked(name, _as_now(data), event_id))


def identify(
    nobody: EllipsisType | None = ...,
    /,
    *,
    email: object = None,
    phone: object = None,
    first_name: object = None,
    last_name: object = None,
    date_of_birth: object = None,
    gender: object = None,
    city: object = None,
    state: object = None,
    zip: object = None,  # noqa: A002 - Meta's word
    country: object = None,
    external_id: object = None,
) -> None:
    """Add customer information to this request's events; each a value or a list of values.

    Hashed at once (SHA-256, by Meta's normalisation) and sent only with ADVANCED_MATCHING=1. What
    was said is kept as hashes for the browser session; `identify(None)` ends that, as a logout
    does.
    """
    given = {key: value for key, value in locals().items() if value is not None}
    if given.pop("nobody", ...) is not ...:
        raise TypeError("identify() takes None, or keywords")
    exchange = CURRENT.get()
    if exchange is None:
        _outside("identify")
    else:
        exchange.identify(None if nobody is None else given)


def consent(granted: bool) -> None:
    """The visitor of this request has agreed (True), or withdraws or refuses (False).

    Kept for six months in a first-party cookie. With `PIXELPAIR_CONSENT=required` it opens both
    channels, or closes them: then the visitor's cookies and unsent events are deleted.
    """
    exchange = CURRENT.get()
    if exchange is None:
        _outside("consent")
    else:
        exchange.consent(bool(granted))


def discard(*event_names: str) -> None:
    """The act failed: these events of this request (without a name, all) do not leave."""
    exchange = CURRENT.get()
    if exchange is None:
        _outside("discard")
    else:
        names = tuple(name for name in event_names if isinstance(name, str))
        if len(names) < len(event_names):
            _say_bad_name()
        if names or not event_names:  # without a name it would discard all
            exchange.discard(names)


def seal() -> str:
    """This visitor as a short text, to be kept with an order that is paid later; see `send`.

    At most 500 printable ASCII characters, which fit a payment provider's metadata; good for 90
    days. "" where nothing of the visitor may leave: an order is stored all the same, and `send`
    knows. Signed, not encrypted: IP, user agent and address of the page can be read in it.
    """
    exchange = CURRENT.get()
    if exchange is None:
        _outside("seal")
        return ""
    return exchange.seal()


def send(
    event_name: str,
    *,
    sealed: str | None,
    event_id: str | None = None,
    occurred_at: datetime | float | None = None,
    pixel_id: str | None = None,
    **data: object,
) -> bool:
    """Report an event of a sealed visitor, from anywhere: a webhook, a task, a command.

    Only the server half leaves: with the facts of the checkout, and the time of now or of
    `occurred_at` (at most 7 days ago). A Purchase names its `order_id`, so that its thank-you page,
    this call and a repeated webhook are one event; others may be given an `event_id`. `pixel_id`
    says whose it is in a process of many shops. Gives whether it was accepted; else the log says
    why. Never raises.
    """
    try:
        later = Later(event_name, sealed, _as_now(data), event_id, occurred_at, pixel_id)
        own = _senders(pixel_id)
        if pixel_id is None and len({tracker.settings.pixels for tracker in own}) > 1:
            NOTES.once("which shop", logging.ERROR, "send(): %s; nothing was sent", NO_SHOP)
            return False
        return own[0].send(later)
    except Exception:  # a payment outranks any event
        NOTES.say("failed", exc_info=True)
        return False


def _senders(pixel_id: str | None) -> list[Tracker]:
    """The trackers of this process whose event it is, those that live on first."""
    trackers = list(LIVING)
    living = [tracker for tracker in trackers if tracker.sends]
    living = living or [t for t in trackers if t.settings.mode == "shadow"] or [_home()]
    own = [tracker for tracker in living if tracker.has(pixel_id)] or living
    return [tracker for tracker in own if not tracker.closed] or own


def flush(timeout: float = 2.0) -> int:
    """Send what waits in this process's spool within `timeout` seconds; how many are left.

    For serverless: nothing can be sent while the process is frozen. What is left waits in the
    spool. Never raises, and never takes longer; in an async view run it in a thread.
    """
    end = time.monotonic() + timeout
    shops = [tracker for tracker in list(LIVING) if not tracker.closed and tracker.sends]
    left = {shop.spool: shop.flush(max(0.0, end - time.monotonic())) for shop in shops}
    return sum(left.values())


def _as_now(data: dict[str, object]) -> dict[str, object]:
    """The data as they are at the act: many a shop empties the cart before it answers."""
    return {key: _copied(value) for key, value in data.items()}


def _copied(value: object) -> object:
    if isinstance(value, list | tuple | set | frozenset):
        return [_line(item) for item in islice(value, _MAX_ITEMS)]
    return _line(value)


def _line(item: object) -> object:
    # Not dict(item): a MultiDict, which is a dict, would give lists.
    return {key: item[key] for key in item} if isinstance(item, dict) else item


def _outside(verb: str) -> None:
    caller = _getframe(2)
    place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    text = f"pixelpair.{verb}() outside any request ({place})"
    if _strict():
        raise OutsideRequest(text)
    NOTES.once((verb, place), logging.WARNING, "%s: nothing was reported", text)


def _strict() -> bool:
    """STRICT of this process's trackers; of the environment where no middleware was made."""
    trackers = list(LIVING)
    if trackers:
        return any(tracker.settings.strict for tracker in trackers)
    return os.environ.get("PIXELPAIR_STRICT", "").strip().lower() in TRUE_WORDS


def _say_bad_name() -> None:
    caller = _getframe(2)
    place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    NOTES.once(
        ("name", place),
        logging.WARNING,
        "%s: an event's name is 1 to 50 letters, digits, spaces, _ or -; it was dropped",
        place,
    )


_homes: list[Tracker] = []  # keeps it alive: nobody else holds it


def _home() -> Tracker:
    """The tracker of a process that serves no page: by the environment, or a Django project's."""
    if _homes and not _homes[0].closed:
        return _homes[0]
    tracker = None
    if "django.conf" in sys.modules:
        with suppress(Exception):  # Django may be there without a project
            tracker = import_module("pixelpair.django.middleware").project_tracker()
    _homes[:] = [tracker or Tracker.for_door(None)]
    return _homes[0]
