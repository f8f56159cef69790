"""The Event: one occurrence in the shop, told to Meta twice, under one name and one id.

Knows Meta's standard events, and renders both halves; knows no HTML.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE_VIEW = "PageView"  # the base code's event; a standard event for track, though not in the table
STANDARD_EVENTS = (
    "AddPaymentInfo",
    "AddToCart",
    "AddToWishlist",
    "CompleteRegistration",
    "Contact",
    "CustomizeProduct",
    "Donate",
    "FindLocation",
    "InitiateCheckout",
    "Lead",
    "Purchase",
    "Schedule",
    "Search",
    "StartTrial",
    "SubmitApplication",
    "Subscribe",
    "ViewContent",
)
# https://developers.facebook.com/documentation/meta-pixel/reference ("Standard events")
_KNOWN = frozenset(STANDARD_EVENTS) | {PAGE_VIEW}

_EVENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,49}")  # custom names: at most 50 characters
_EVENT_ID = re.compile(r"[!-~]{1,64}")  # Meta names no limit; 64 ASCII characters suit every key


def is_standard(event_name: str) -> bool:
    """Whether the pixel knows the event by name (`track`, not `trackCustom`)."""
    return event_name in _KNOWN


def clean_event_name(name: object) -> str | None:
    """An event name that both channels accept, or None."""
    return name if isinstance(name, str) and _EVENT_NAME.fullmatch(name) else None


def clean_event_id(event_id: object) -> str | None:
    """A given event id as text, or None where it cannot be one."""
    text = str(event_id) if isinstance(event_id, str | int) else ""
    return text if _EVENT_ID.fullmatch(text) else None


def purchase_id(key: bytes, pixel_id: str, order_id: str) -> str:
    """The event id of an order: the same on every host, process, day and device.

    HMAC-SHA-256 keyed with the oldest secret over pixel id + order id, 32 hex digits.
    """
    return hmac.new(key, f"{pixel_id}{order_id}".encode(), hashlib.sha256).hexdigest()[:32]


# --- the event and its two halves ----------------------------------------------------------


# NamedTuples where the values of this library are frozen dataclasses otherwise: making one takes
# 0.4 µs instead of 1.3, three times a page.


# Country and state of Meta's Limited Data Use.
Ldu = tuple[int, int]


class Visitor(NamedTuple):
    """Facts of the request, stamped at the act: both the sender's match data and its URL."""

    url: str
    referrer: str
    client_ip: str
    user_agent: str
    fbp: str | None
    fbc: str | None
    hashed: Mapping[str, list[str]]  # customer information, already SHA-256
    asked: bool = False  # the visitor was asked, and agreed
    ldu: Ldu | None = None

    def __repr__(self) -> str:  # what prints locals must not print people
        return "Visitor(…)"


class Event(NamedTuple):
    """One occurrence. `time` is in Unix seconds; `lasting` marks a derived or given id."""

    name: str
    id: str
    time: int
    data: Mapping[str, object]
    lasting: bool = False

    @property
    def fault(self) -> str | None:
        """Why the event may leave on neither channel, in the shop's words; None if it may."""
        if self.name != "Purchase":
            return None
        missing = [key for key in ("value", "currency") if key not in self.data]
        if not missing:
            return None
        return f"Purchase without {' and '.join(missing)}"

    def call(self) -> list[object]:
        """The browser half: name, custom data, eventID, and 1 for a custom event."""
        call: list[object] = [self.name, self.data, self.id]
        return call if is_standard(self.name) else [*call, 1]

    def call_without_id(self) -> list[object]:
        """The browser half of a page that makes its ids itself."""
        name, data, _, *custom = self.call()
        return [name, data, "", *custom] if custom else [name, data]

    def row(self, visitor: Visitor) -> dict[str, object]:
        """The server half as the Conversions API wants it; what is unknown is left out."""
        url, referrer, client_ip, user_agent, fbp, fbc, hashed, _, ldu = visitor
        user_data: dict[str, object] = {}
        if client_ip:
            user_data["client_ip_address"] = client_ip
        if user_agent:
            user_data["client_user_agent"] = user_agent
        if fbp:
            user_data["fbp"] = fbp
        if fbc:
            user_data["fbc"] = fbc
        if hashed:
            user_data |= hashed
        row: dict[str, object] = {
            "event_name": self.name,
            "event_time": self.time,
            "event_id": self.id,
            "action_source": "website",
            "event_source_url": url,
        }
        if referrer:
            row["referrer_url"] = referrer
        row["user_data"] = user_data
        if self.data:
            row["custom_data"] = self.data
        if ldu is not None:
            row["data_processing_options"] = ["LDU"]
            row["data_processing_options_country"], row["data_processing_options_state"] = ldu
        return row

    def twin(self, pixel_id: str, visitor: Visitor, met: int = 0) -> Twin:
        """The server half, serialised here so that the sender only touches bytes.

        `met`: when the visitor's facts were stamped, where that was before the event.
        """
        body = orjson.dumps(self.row(visitor))
        fault = self.fault if self.name == "Purchase" else None
        consent = "granted" if visitor.asked else ""
        told = self.lasting, fault, consent, met
        return Twin(pixel_id, self.name, self.id, self.time, body, *told)


class Twin(NamedTuple):
    """An event's server half as the journal and the outbox carry it: ready to be posted.

    `event_time` is in Unix seconds. `lasting` marks an id that was derived or given, which a
    second device or a webhook can repeat: it is remembered for days after delivery. `fault`
    says why the event must not be sent; such a twin goes straight to the dead letters. `consent`
    is "granted" where the visitor was asked and agreed, "" where nobody is asked. `met` is when
    the visitor was met, if that was before the event (0: at it): a withdrawal since ends it.
    """

    pixel_id: str
    event_name: str
    event_id: str
    event_time: int
    body: bytes
    lasting: bool = False
    fault: str | None = None
    consent: str = ""
    met: int = 0

    def __repr__(self) -> str:
        return f"Twin({self.pixel_id} {self.event_name} {self.event_id} at {self.event_time})"

    def pack(self) -> bytes:
        """One journal record: a line of metadata, then the body as it will be posted."""
        meta = (
            self.pixel_id,
            self.event_name,
            self.event_id,
            self.event_time,
            self.lasting,
            self.fault,
            self.consent,
        )
        return orjson.dumps((*meta, self.met) if self.met else meta) + b"\n" + self.body

    @classmethod
    def unpack(cls, record: bytes) -> Twin:
        """The twin in a journal record. Raises ValueError on anything else."""
        found = unpacked(record)
        if not isinstance(found, Twin):
            raise ValueError("no twin")
        return found


class Withdrawal(NamedTuple):
    """A visitor's word that nothing of theirs may leave any more, at `time` (Unix seconds).

    What waits of them was made by then, and bears their `_fbp`.
    """

    pixel_id: str
    fbp: str
    time: int

    def __repr__(self) -> str:
        return f"Withdrawal({self.pixel_id} at {self.time})"

    def pack(self) -> bytes:
        """One journal record: it travels among the events, behind those that it ends."""
        return orjson.dumps(tuple(self)) + b"\n"


_TWIN: list[type] = [str, str, str, int, bool]


def unpacked(record: bytes) -> Twin | Withdrawal:
    """What a journal record holds. Raises ValueError where it is neither."""
    meta, _, body = record.partition(b"\n")
    said = orjson.loads(meta)
    # Nearly all are as `pack` writes them today; the patterns below take three times as long.
    kinds = [type(part) for part in said] if isinstance(said, list) else []
    if kinds[:5] == _TWIN and kinds[6:] == [str]:
        pixel_id, name, event_id, time, lasting, fault, consent = said
        return Twin(pixel_id, name, event_id, time, body, lasting, fault, consent)
    match said:
        case [str(pixel_id), str(name), str(event_id), int(time), bool(lasting), fault, *more]:
            consent, met = str(more[0]) if more else "", int(more[1]) if more[1:] else 0
            return Twin(pixel_id, name, event_id, time, body, lasting, fault, consent, met)
        case [str(pixel_id), str(fbp), int(time)]:
            return Withdrawal(pixel_id, fbp, time)
    raise ValueError("no twin")
