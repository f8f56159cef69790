"""A page's report of what it showed: read as what anybody may have sent.

What the seal covers is the shop's word; the rest is bounded, cleaned, and never a Purchase.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

import orjson

from pixelpair.core.custom_data import CUSTOM_DATA
from pixelpair.core.events import PAGE_VIEW, Event, clean_event_id, clean_event_name
from pixelpair.core.making import data_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelpair.core.seals import Seal

MOST_BYTES = 8192
MOST_EVENTS = 50
_MADE_ID = re.compile(r"[0-9a-f]{32}")
_WEB_ADDRESS = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?(/[^?]*)?(\?.*)?")
_OWN_PORT = {"https": ":443", "http": ":80"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a report is refused: for the browser, and in one word for the counter."""

    status: int
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a page showed, and where it stood. `dropped` says what could not be taken."""

    scheme: str
    host: str
    path: str = field(repr=False)  # quoted, as the browser has it
    query: str = field(repr=False)
    referrer: str = field(repr=False)
    events: tuple[Event, ...]
    dropped: tuple[tuple[str, str], ...] = ()  # name of the event and a sentence
    twice: bool = False  # another script of the page had this pixel already
    revoked: bool = False  # its visitor has taken the consent back


@dataclass(frozen=True, slots=True)
class Reader:
    """What a shop accepts of its pages."""

    seal: Seal
    made: frozenset[str]  # names that a page may make, beside PageView
    currency: str | None = None  # for a value without one

    def read(self, body: bytes, host: str, time: int) -> Report | Refusal:
        """The report in `body` of a page at `host`, its events at `time` (Unix seconds)."""
        if len(body) > MOST_BYTES:
            return TOO_LARGE
        try:
            given = orjson.loads(body)
            if not isinstance(given, dict) or not given.keys() & {"signed", "made", "revoked"}:
                return SHAPE
            return self._report(given, host, time)
        except orjson.JSONDecodeError:
            return SHAPE
        except _Refused as refused:
            return refused.why

    def _report(self, given: dict[str, object], host: str, time: int) -> Report:
        scheme, path, query = _address(given.get("url"), host)
        signed_path, calls = self._opened(given.get("signed"))
        made = given.get("made", [])
        if not isinstance(made, list):
            raise _Refused(SHAPE)
        if len(calls) + len(made) > MOST_EVENTS:
            raise _Refused(TOO_MANY_EVENTS)
        dropped: list[tuple[str, str]] = []
        events = _signed_events(calls, given.get("ids", []), time, dropped)
        events += [self._made(call, time, dropped) for call in made]
        if not unquote_to_bytes(path).endswith(unquote_to_bytes(signed_path)):
            path, query = signed_path, ""
        referrer = given.get("referrer")
        return Report(
            scheme,
            host,
            path,
            query,
            referrer if isinstance(referrer, str) else "",
            tuple(events),
            tuple(dropped),
            given.get("twice") == 1,
            given.get("revoked") == 1,
        )

    def _opened(self, sealed: object) -> tuple[str, list[object]]:
        if sealed is None:
            return "", []
        text = self.seal.opened(sealed) if isinstance(sealed, str) else None
        if text is None:
            raise _Refused(SIGNATURE)
        match orjson.loads(text):
            case [str(path), list(calls)]:
                return path, calls
        raise _Refused(SHAPE)

    def _made(self, call: object, time: int, dropped: list[tuple[str, str]]) -> Event:
        match call:
            case [str(name), dict(given), str(event_id)]:
                pass
            case [str(name), dict(given), str(event_id), 1]:
                pass
            case _:
                raise _Refused(SHAPE)
        if name != PAGE_VIEW and (name not in self.made or name == "Purchase"):
            raise _Refused(NAME)
        if not _MADE_ID.fullmatch(event_id):
            raise _Refused(ID)
        return Event(name, event_id, time, self._data(name, given, dropped))

    def _data(
        self, name: str, given: Mapping[str, object], dropped: list[tuple[str, str]]
    ) -> dict[str, object]:
        data, faults = data_of(name, given, self.currency)
        # Names that a stranger makes up belong in no log.
        dropped += [(name, fault) for fault in faults if fault.partition(" ")[0] in CUSTOM_DATA]
        return data


def _address(url: object, host: str) -> tuple[str, str, str]:
    """Scheme, path and query of the page's address, which must be at `host`."""
    found = _WEB_ADDRESS.fullmatch(url.partition("#")[0]) if isinstance(url, str) else None
    if found is None or not found[0].isascii() or not found[0].isprintable():
        raise _Refused(URL)
    scheme, name, port, path, query = found.groups("")
    if name + ("" if port == _OWN_PORT[scheme] else port) != host:
        raise _Refused(URL)
    return scheme, path or "/", query[1:]


def _signed_events(
    calls: list[object], ids: object, time: int, dropped: list[tuple[str, str]]
) -> list[Event]:
    if not isinstance(ids, list) or len(ids) != len(calls):
        raise _Refused(ID)
    events = []
    for call, event_id in zip(calls, ids, strict=True):
        name, data, own = _signed_call(call)
        if event_id != own if own else not _is_made(event_id):
            raise _Refused(ID)
        if name == "Purchase" and not own:  # any reload would count again
            dropped.append((name, "has no order_id, in a page that caches may keep"))
        else:
            events.append(Event(name, event_id, time, data, lasting=bool(own)))
    return events


def _signed_call(call: object) -> tuple[str, dict[str, object], str]:
    match call:
        case [str(name), dict(data)] if clean_event_name(name):
            return name, data, ""
        case [str(name), dict(data), str(own)] | [str(name), dict(data), str(own), 1] if (
            clean_event_name(name) and (not own or clean_event_id(own))
        ):
            return name, data, own
    raise _Refused(SHAPE)


def _is_made(event_id: object) -> bool:
    return isinstance(event_id, str) and _MADE_ID.fullmatch(event_id) is not None


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, why: Refusal) -> None:
        super().__init__(why.reason)
        self.why = why


TOO_LARGE: Final = Refusal(413, "size", f"A report has at most {MOST_BYTES} bytes.")
TOO_MANY_EVENTS: Final = Refusal(400, "events", f"A report has at most {MOST_EVENTS} events.")
SHAPE: Final = Refusal(400, "shape", "This is no report.")
SIGNATURE: Final = Refusal(400, "signature", "The signature is not this shop's.")
ID: Final = Refusal(400, "id", "An event's id is missing or has another shape.")
NAME: Final = Refusal(400, "name", "A page may not report an event of this name.")
URL: Final = Refusal(400, "url", "The address is not one of the reporting page's host.")
