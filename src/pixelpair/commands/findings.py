"""What pixelpair makes of a page under a shop's settings: its events, where each field is from,
what was not believed, and what is missing.

The events are made as a shop's own answer makes them; who the visitor is does not matter here.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import orjson

from pixelpair.core.custom_data import CUSTOM_DATA
from pixelpair.core.http import Request
from pixelpair.core.notes import Notes
from pixelpair.core.product import CONTENT_IDS, Scan, content_id
from pixelpair.core.routes import RouteTable
from pixelpair.core.shop import Said, Tracked
from pixelpair.core.shown import shown_by
from pixelpair.core.visit import Visit
from pixelpair.errors import PixelPairError
from pixelpair.shops import directory
from pixelpair.storefront import Outlets, storefront

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pixelpair.commands.pages import Page
    from pixelpair.core.product import Fact, Facts
    from pixelpair.core.routes import Match, Rule
    from pixelpair.core.shop import Shop
    from pixelpair.core.shown import Shown
    from pixelpair.settings import Settings

NAMES: Final = ("ViewContent", "Search")  # of the events that say what a page shows
NEEDED: Final = {"ViewContent": ("content_ids", "value", "currency"), "Search": ("content_ids",)}
# From which fact a field is; an id has a choice of its own.
_FACT_OF: Final = {
    "content_name": "name",
    "content_category": "category",
    "value": "price",
    "currency": "currency",
}
_OF_THE_ID: Final = ("content_ids", "contents", "content_type")
_PLACES: Final = {key: place for place, key in enumerate(CUSTOM_DATA)}
_CONVERTORS: Final = {"string": "", "integer": ":int"}


@dataclass(frozen=True, slots=True)
class Field:
    """One value, where it is from, and how sure it is; None where no page says it."""

    name: str
    value: object
    source: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """One event that the page can make. `rule`: the route rule that makes it; "": a view must."""

    name: str
    rule: str
    fields: tuple[Field, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """All there is to say of a page."""

    address: str  # as an event would tell it
    left_alone: str  # why it gets no pixel; "": it gets one
    events: tuple[Told, ...]
    facts: Facts
    known: tuple[Field, ...]  # what was read and no event says
    dropped: tuple[tuple[str, str, str], ...]  # field, source, reason
    choice: str  # of PIXELPAIR_CONTENT_ID: a name, a function's path, or ""
    ids: Mapping[str, str]  # that the page has, by name
    id_missing: bool  # the page has not what was chosen

    @property
    def complete(self) -> bool:
        """Whether an ad needs nothing more."""
        return not (self.left_alone or self.id_missing or self.events[0].missing)


class _Heard(Notes):
    """Keeps what would be said, for the table."""

    __slots__ = ("heard",)

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str, str]] = []

    def say(self, what: str, *args: object, per: object = None, exc_info: bool = False) -> None:
        if what == "dropped":
            field, _, reason = str(args[1]).partition(" ")
            self._keep(field, str(args[0]), reason)
        elif what == "question":
            self._keep(f"PIXELPAIR_{args[0]}", "settings", "its function failed")

    def _keep(self, *heard: str) -> None:
        if heard not in self.heard:
            self.heard.append(heard)  # type: ignore[arg-type]


def findings(page: Page, settings: Settings, now: float) -> Findings:
    """What this shop makes of this page."""
    request = _request(page.address)
    notes = _Heard()
    shop = _shop(settings, request.host, notes, now)
    left_alone = _left_alone(shop, request.path) if page.address else ""
    if left_alone or not page.address:
        shop = replace(shop, routes=RouteTable(()))
    scan = Scan(page.address, page.charset)
    scan.feed(page.body)
    scan.finish()
    shown = shown_by(scan, shop.naming.book, page.address, now)
    rules = dict(_rules(shop.routes, request))
    events = tuple(_told(shop, request, shown, rules, name) for name in _named(rules, shown))
    used = {field.source for event in events for field in event.fields}
    choice = shop.naming.content
    facts = shown.facts
    ids = {name: str(facts.known[name].value) for name in CONTENT_IDS if name in facts.known}
    lacks = content_id(facts, choice, _route_id(rules.get("ViewContent"))) is None
    is_view = events[0].name == "ViewContent" and not facts.unchosen
    return Findings(
        shop.wall.url(page.address),
        left_alone,
        events,
        facts,
        tuple(_unsent(facts, used, shop.wall.text)),
        (*facts.dropped, *notes.heard),
        choice if isinstance(choice, str) else _path_of(settings.content_id),
        ids,
        bool(choice) and is_view and lacks,
    )


def _request(address: str) -> Request:
    parts = urlsplit(address)
    path = parts.path or "/"
    host = parts.netloc.rpartition("@")[2]
    raw = path.encode("utf-8", "surrogatepass")
    return Request("GET", parts.scheme, host, "", unquote(path), raw, parts.query, {}, "")


def _shop(settings: Settings, host: str, notes: Notes, now: float) -> Shop:
    own = settings
    if settings.shops:
        try:
            found = directory(settings.shops).for_host(host.lower())
        except Exception as error:  # the shop's own object
            raise PixelPairError(f"PIXELPAIR_SHOPS failed: {type(error).__name__}") from error
        own = found.within(settings) if found else settings
    if not own.pixel_id:  # the command works without any setting
        own = copy(own)
        object.__setattr__(own, "pixel_id", "0")
    outlets = Outlets(lambda: now, lambda: "", lambda: 0, lambda _packed: None)
    return storefront(own, outlets, notes).shop


def _left_alone(shop: Shop, path: str) -> str:
    if shop.is_sensitive(path):
        return "PIXELPAIR_SENSITIVE"
    return "PIXELPAIR_EXCLUDE" if shop.excludes(path) else ""


# --- rules ---------------------------------------------------------------------------------------


def _rules(routes: RouteTable, request: Request) -> Iterator[tuple[str, tuple[str, Match]]]:
    """By event, the rule that a page at this address fires, and what it fills."""
    seen: set[str] = set()
    for rule in routes.rules:
        found = RouteTable((rule,)).match("GET", request.path, request.query, None)
        if found and "page" in found[0].fires_on and rule.event_name not in seen:
            seen.add(rule.event_name)
            yield rule.event_name, (written(rule), found[0])


def written(rule: Rule) -> str:
    """A rule by path as its shop wrote it, or might have."""
    path = rule.pattern.pattern[1:-1] if rule.pattern else ""
    path = path.replace("\\", "")
    for name, convertor in rule.convertors.items():
        kind = type(convertor).__name__.removesuffix("Convertor").lower()
        inner = f"(?P<{name}>{convertor.regex})".replace("\\", "")
        path = path.replace(inner, f"{{{name}{_CONVERTORS.get(kind, f':{kind}')}}}")
    query = "&".join(f"{k}={{{v}}}" if capture else f"{k}={v}" for k, v, capture in rule.query)
    words = [rule.event_name, path + (f"?{query}" if query else "")]
    words += [f"{source}={target}" for source, target in rule.renames.items()]
    return " ".join(words)


def _route_id(found: tuple[str, Match] | None) -> str | None:
    ids = found[1].data.get("content_ids") if found else None
    return str(ids[0]) if isinstance(ids, list) and ids else None


# --- events --------------------------------------------------------------------------------------


def _named(rules: Mapping[str, object], shown: Shown) -> list[str]:
    """The events to tell of; the first is what the page is for."""
    has = {"ViewContent": bool(shown.facts.known), "Search": bool(shown.listing)}
    named = [name for name in NAMES if name in rules or has[name]] or [NAMES[0]]
    return sorted(named, key=lambda name: name not in rules)


def _told(
    shop: Shop,
    request: Request,
    shown: Shown,
    rules: Mapping[str, tuple[str, Match]],
    name: str,
) -> Told:
    visit = Visit(shop, request, Said(tracked=[Tracked(name, {})]), shop.clock())
    visit.shown = shown
    data = next(event.data for event in visit.events("page") if event.name == name)
    rule, match = rules.get(name, ("", None))
    of_id = _id_source(shop, shown, data, match) if name == "ViewContent" else _listed(shown)
    fields = []
    for key in sorted(data, key=lambda key: _PLACES.get(key, len(_PLACES))):
        source = of_id if key in _OF_THE_ID else _source(shown.facts, key, match)
        fields.append(Field(key, data[key], *source))
    return Told(name, rule, tuple(fields), tuple(key for key in NEEDED[name] if key not in data))


def _source(facts: Facts, key: str, match: Match | None) -> tuple[str, float | None]:
    fact = facts.known.get(_FACT_OF.get(key, ""))
    if fact is not None:
        return fact.source, fact.confidence
    if key == "currency" and not (match and key in match.data):
        return "PIXELPAIR_CURRENCY", None
    return "the address", None


def _id_source(
    shop: Shop, shown: Shown, data: Mapping[str, object], match: Match | None
) -> tuple[str, float | None]:
    ids = data.get("content_ids")
    named = str(ids[0]) if isinstance(ids, list) and ids else ""
    is_group = data.get("content_type") == "product_group"
    choice = shop.naming.group if is_group else shop.naming.content
    if callable(choice):
        return f"PIXELPAIR_{'GROUP' if is_group else 'CONTENT'}_ID", None
    names = ("group_id",) if is_group else CONTENT_IDS
    for name in (choice,) if choice else names:
        fact: Fact[object] | None = shown.facts.known.get(name)
        if fact is not None and fact.value == named:
            return f"{fact.source}: {name}", fact.confidence
    return "the address", None


def _listed(shown: Shown) -> tuple[str, float | None]:
    if shown.listing is None:
        return "the address", None
    sure = [
        fact.confidence
        for facts in shown.listing.items
        if (fact := next((facts.known[n] for n in CONTENT_IDS if n in facts.known), None))
    ]
    return shown.listing.source, min(sure, default=None)


def _unsent(facts: Facts, used: set[str], clean: Callable[[str], str]) -> Iterator[Field]:
    for name, fact in facts.known.items():
        if name not in _FACT_OF.values() and f"{fact.source}: {name}" not in used:
            yield Field(name, clean(str(fact.value)), fact.source, fact.confidence)


def _path_of(given: object) -> str:
    if given is None or isinstance(given, str):
        return given or ""
    path = getattr(given, "path", None)
    return str(path or getattr(given, "__qualname__", "a function"))


def text_of(value: object) -> str:
    """A value as it is shown."""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
