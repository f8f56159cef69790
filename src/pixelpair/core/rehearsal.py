"""A rehearsal: a visit of the shop's own doctor, decided like any customer's, of which nothing
leaves. Knows the ticket that admits it and the report that it gets; decides nothing on a page.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

import orjson
from itsdangerous import BadSignature

from pixelpair.core import answers
from pixelpair.core.addresses import parsed, public_ip
from pixelpair.core.events import Twin, unpacked
from pixelpair.core.http import (
    came_through_varnish,
    header_value,
    is_targeted,
    printable,
    tells_caches,
)
from pixelpair.core.notes import Notes
from pixelpair.core.routes import READS
from pixelpair.core.seals import signer, unsigned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pixelpair.core.http import Headers, Request
    from pixelpair.core.shop import Shop
    from pixelpair.core.visit import Visit

DOCTOR: Final = b"pixelpair-doctor"
REPORT: Final = b"pixelpair-report"
LIFETIME: Final = 300  # seconds that a ticket is good for
# The clocks of two machines; a ticket of a later future is nobody's.
AHEAD: Final = 60
# An address of documentation's (RFC 5737), which nobody has: the doctor claims it as a visitor
# would who lies, and the report says who believed it.
FORGED: Final = "198.51.100.199"
# nginx refuses an answer with 4 KB of headers, and the shop's cookies need room too.
ROOM: Final = 3000
# The bytes of a page that are held until all is known of it; a longer one's report tells less.
MOST_HELD: Final = 2_000_000
_SALT: Final = "pixelpair.doctor"
_MOST_TICKET: Final = 500
_MOST_CHAIN: Final = 12
# What a report can do without, the least important first.
_SPARED: Final = ("dropped", "facts", "notes", "cache", "sealed", "events")


# --- the ticket ----------------------------------------------------------------------------------


def ticket(secrets: Iterable[bytes], host: str, now: float) -> str:
    """What the doctor sends as Pixelpair-Doctor to this host."""
    return signer(secrets, _SALT).sign(f"{name_of(host)} {int(now)}").decode()


def admits(secrets: tuple[bytes, ...], value: bytes, host: str, now: float) -> bool:
    """Whether this was made with one of the secrets, for this host, and not long ago."""
    if not secrets or len(value) > _MOST_TICKET or not value.isascii():
        return False
    try:
        name, _, made = unsigned(signer(secrets, _SALT), value).decode().partition(" ")
    except BadSignature:
        return False
    fresh = made.isdigit() and -AHEAD <= now - int(made) <= LIFETIME
    return fresh and name == name_of(host)


def name_of(host: str) -> str:
    """A host without its port: proxies that hand on the one forget the other."""
    end = host.find("]") + 1 if host.startswith("[") else host.find(":")
    return (host if end <= 0 else host[:end]).lower().rstrip(".")


# --- the rehearsal -------------------------------------------------------------------------------


class _Kept(Notes):
    """Keeps what would be said and counted: none of it is of a customer. A failure of ours is said
    to all the same: its traceback stands nowhere else."""

    __slots__ = ("_own", "kept")

    def __init__(self, own: Notes) -> None:
        super().__init__()
        self._own = own
        self.kept: list[list[str]] = []

    def say(self, what: str, *args: object, per: object = None, exc_info: bool = False) -> None:
        if what == "failed":
            self._own.say(what, *args, per=per, exc_info=exc_info)
        about = printable(str(args[0]))[:80] if args and what != "failed" else ""
        if [what, about] not in self.kept:
            self.kept.append([what, about])


@dataclass(slots=True)
class Rehearsal:
    """One visit of the doctor's: the shop as it meets it, and what would have left."""

    shop: Shop
    chain: list[str]  # whose address each hop has, the visitor's first
    place: int  # of the visitor among them; -1: none of them
    notes: _Kept
    handed: list[Twin] = field(default_factory=list)
    sealed: list[str] = field(default_factory=list)
    reason: str = ""  # why the answer was left alone
    done: bool = False  # the report is written

    def told(
        self, headers: Headers, given: Headers, visit: Visit | None, mode: str, inserted: int
    ) -> Headers:
        """The answer's headers with the report, for nobody to keep; `given` are the app's."""
        if visit is None or self.done:
            return headers
        self.done = True
        report = self._report(given, visit, mode)
        return [*_unkept(headers), (REPORT, _fitting(report | {"inserted": inserted}))]

    def _report(self, given: Headers, visit: Visit, mode: str) -> dict[str, object]:
        request, person = visit.request, visit.person
        shared = self._is_shared(given, request)
        consent = person.consent
        facts = None if visit.shown is None else visit.shown.facts
        return {
            "v": 1,
            "mode": mode,
            "why": self._why(given, visit, shared=shared, mode=mode),
            "shared": shared,
            "muted": person.muted,
            "consent": consent.state,
            "ldu": consent.ldu is not None,
            "asked": bool(self.shop.policy.consent.cookie),
            "sends": self.shop.sends,
            "host": request.host[:200],
            "scheme": request.scheme,
            "root": request.root[:100],
            "visitor": _whose(request.client),
            "chain": self.chain,
            "place": self.place,
            "coding": _text(header_value(given, b"content-encoding")),
            "cache": {n.decode("latin-1"): _text(v) for n, v in given if tells_caches([n])},
            "sized": header_value(given, b"content-length") is not None,
            "events": self._events(),
            "sealed": self._sealed(),
            "facts": {} if facts is None else {n: f.source for n, f in facts.known.items()},
            "dropped": [] if facts is None else [list(one) for one in facts.dropped[:10]],
            "notes": self.notes.kept[:20],
        }

    def _is_shared(self, given: Headers, request: Request) -> bool:
        if self.shop.event_id == "browser" and request.method in READS:
            return True
        return answers.is_shared(given, request, self.shop.clock())

    def _why(self, given: Headers, visit: Visit, *, shared: bool, mode: str) -> str:
        request = visit.request
        tries = (
            (self.reason, self.reason),
            (visit.person.muted, visit.person.muted),
            (answers.is_fetched(request), "fetched by a script"),
            (answers.is_ahead(request), "fetched ahead"),
            (shared and self.shop.event_id != "auto", f"PIXELPAIR_EVENT_ID={self.shop.event_id}"),
            (shared, _sharing(given, request)),
            (mode == "alone", "left alone"),
        )
        return next((why for holds, why in tries if holds), "private")

    def _events(self) -> list[list[object]]:
        """Name, id, the keys of its data, and its fault: once, though each pixel gets it."""
        found: dict[tuple[str, str], list[object]] = {}
        for twin in self.handed:
            data = orjson.loads(twin.body).get("custom_data", {})
            told: list[object] = [twin.event_name, twin.event_id, list(data)]
            found[twin.event_name, twin.event_id] = [*told, twin.fault or ""]
        return list(found.values())

    def _sealed(self) -> list[list[object]]:
        """Name, given id and the keys of the data of each event whose id the page makes."""
        calls = [call for text in self.sealed[:1] for call in orjson.loads(text)[1]]
        return [[name, rest[0] if rest else "", list(data)] for name, data, *rest in calls]


def rehearsal(shop: Shop, request: Request, peer: str) -> Rehearsal:
    """The same shop, of which nothing leaves; `peer` is who holds the socket."""
    notes = _Kept(shop.notes)
    chain, place = _chain(request, peer)
    made = Rehearsal(shop, chain, place, notes)
    made.shop = replace(
        shop,
        queue=lambda record: _keep(made.handed, record),
        seal=lambda text: _noted(made.sealed, text, shop.seal),
        notes=notes,
        may_withdraw=lambda _address, _now: False,
    )
    object.__setattr__(made.shop, "plain", False)  # the usual way makes no report
    return made


def _keep(handed: list[Twin], record: bytes) -> None:
    found = unpacked(record)
    if isinstance(found, Twin):
        handed.append(found)


def _noted(sealed: list[str], text: str, seal: Callable[[str], str]) -> str:
    sealed.append(text)
    return seal(text)


def _chain(request: Request, peer: str) -> tuple[list[str], int]:
    """Whose each hop is, the farthest first, and which of them is the visitor."""
    said = request.index.get(b"x-forwarded-for", b"").decode("latin-1")
    hops = [hop.strip() for hop in said.split(",") if hop.strip()] + [peer]
    visitor = parsed(request.client or request.peer)
    places = [n for n, hop in enumerate(hops) if visitor is not None and parsed(hop) == visitor]
    return [_whose(public_ip(h) or h) for h in hops[-_MOST_CHAIN:]], min(places, default=-1)


def _whose(address: str) -> Literal["public", "private", "forged", "none"]:
    if parsed(address) == parsed(FORGED):
        return "forged"
    if public_ip(address):
        return "public"
    return "private" if parsed(address) is not None else "none"


def _sharing(given: Headers, request: Request) -> str:
    """What says that others may be shown these bytes."""
    if came_through_varnish(request):
        return "asked through Varnish"
    said = [(n, v) for n, v in given if tells_caches([n])]
    name, value = next((pair for pair in said if pair[0] not in _TAGS), (said or [(b"", b"")])[0])
    return f"{name.decode('latin-1')}: {_text(value)}" if name else "shared"


_TAGS: Final = frozenset({b"etag", b"last-modified"})


def _text(value: bytes | None) -> str:
    return printable((value or b"").decode("latin-1"))[:100]


# Bare: `private="x"` is of one header, and lets caches keep the answer.
_RESTRAINED: Final = re.compile(rb"(?:^|[,\s])(?:private|no-store)\s*(?:$|,)")


def _unkept(headers: Headers) -> Headers:
    """Headers that no cache may store: the report is the doctor's alone."""
    control = (header_value(headers, b"cache-control") or b"").lower()
    targeted = any(is_targeted(name) or name == b"x-accel-expires" for name, _ in headers)
    if _RESTRAINED.search(control) and not targeted:
        return headers
    kept = [pair for pair in headers if pair[0] in _TAGS or not tells_caches(pair[:1])]
    return [*kept, (b"cache-control", b"private, no-store")]


def _fitting(report: Mapping[str, object]) -> bytes:
    """The report as one ASCII line; of one that is too long the least important goes."""
    told = dict(report)
    for key in (None, *_SPARED):
        if key is not None:
            told[key], told["cut"] = {} if isinstance(told[key], dict) else [], True
        text = json.dumps(told, separators=(",", ":"))
        if len(text) <= ROOM:
            break
    return text.encode()


# --- the page ------------------------------------------------------------------------------------


class Held:
    """A plain page that is held to its end, as a coded one is for a moment: then all is known."""

    __slots__ = ("_change", "_out", "_size", "state")

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        self.state: Literal["held", "alone", "changed"] = "held"
        self._change = change
        self._out: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send now: none, but of a page without end."""
        self._out.append(self._change(chunk))
        self._size += len(self._out[-1])
        if self.state == "held" and self._size <= MOST_HELD:
            return b""
        self.state = "changed"
        return self._sent()

    def finish(self, last: bytes) -> bytes:
        """The last bytes."""
        self._out.append(last)
        return self._sent()

    def release(self, kept: bytes) -> bytes:
        """The bytes to send now; nothing is changed any more."""
        self._change, self.state = bytes, "alone"
        self._out.append(kept)
        return self._sent()

    def _sent(self) -> bytes:
        out, self._out = self._out, []
        return b"".join(out)
