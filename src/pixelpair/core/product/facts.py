"""The facts of a product, each with its source and how sure it is; and what was not believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

T = TypeVar("T")

JSON_LD = "JSON-LD"
OPEN_GRAPH = "Open Graph"
MICRODATA = "microdata"
DATA_LAYER = "data layer"

# Where sources contradict each other, the one before wins: search engines check the first against
# the visible page, and the last is what a shop tells its own statistics.
CONFIDENCE = {JSON_LD: 0.95, OPEN_GRAPH: 0.9, MICRODATA: 0.85, DATA_LAYER: 0.8}
FROM = 0.6  # times this, for the lowest of several prices
GUESSED = 0.6  # for what is likely but not said: one of several products, a title as a name


# NamedTuples, for as frozen dataclasses they take three times as long to make, six times a page.


class Fact(NamedTuple, Generic[T]):
    """One value, where it was read, and how sure it is (1 is certain)."""

    value: T
    source: str
    confidence: float


class Dropped(NamedTuple):
    """What a source said and was not believed. The reason bears no value."""

    field: str
    source: str
    reason: str


class Facts(NamedTuple):
    """What is known of one product. None is "not known": nothing is invented."""

    sku: Fact[str] | None = None
    product_id: Fact[str] | None = None
    mpn: Fact[str] | None = None
    gtin: Fact[str] | None = None
    group_id: Fact[str] | None = None
    name: Fact[str] | None = None
    brand: Fact[str] | None = None
    category: Fact[str] | None = None
    price: Fact[Decimal] | None = None
    currency: Fact[str] | None = None
    availability: Fact[str] | None = None
    url: Fact[str] | None = None
    unchosen: bool = False
    """Variants are offered and none is chosen: the price is the lowest, the ids are the group's."""
    dropped: tuple[Dropped, ...] = ()

    @property
    def known(self) -> dict[str, Fact[object]]:
        """The facts there are, by name."""
        found = ((name, getattr(self, name)) for name in FIELDS)
        return {name: cast("Fact[object]", fact) for name, fact in found if fact is not None}

    @property
    def has_id(self) -> bool:
        """Whether any of its own ids is known."""
        return any((self.sku, self.product_id, self.mpn, self.gtin))

    @property
    def complete(self) -> bool:
        """Whether an event needs nothing more: an id, a price and its currency."""
        found = self.has_id or (self.unchosen and self.group_id is not None)
        return found and self.price is not None and self.currency is not None


FIELDS = tuple(name for name in Facts._fields if name not in ("unchosen", "dropped"))


@dataclass(slots=True)
class Draft:
    """Facts being gathered from one source."""

    source: str
    facts: dict[str, Fact[object]] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    unchosen: bool = False

    def put(
        self, name: str, value: object, check: Callable[[object], object], sure: float = 1.0
    ) -> bool:
        """Keep what `check` makes of a value, unless there is one; a ValueError drops it."""
        if value is None or name in self.facts:
            return False
        try:
            found = check(value)
        except ValueError as error:
            self.drop(name, str(error))
            return False
        confidence = CONFIDENCE[self.source]
        if sure != 1:
            confidence = round(confidence * sure, 3)
        self.facts[name] = Fact(found, self.source, confidence)
        return True

    def drop(self, name: str, reason: str) -> None:
        """Note that something was said and is not believed."""
        if len(self.dropped) < MOST_DROPPED:
            self.dropped.append(Dropped(name, self.source, reason))

    def done(self) -> Facts:
        """The facts so far."""
        given = cast("dict[str, Fact[str]]", self.facts)
        return Facts(**given, unchosen=self.unchosen, dropped=tuple(self.dropped))  # type: ignore[arg-type]


MOST_DROPPED = 50
NOTHING = Facts()

# An amount and its code travel together; so do an id and the choice of a variant.
_PAIR = ("price", "currency")
# Open Graph has these for Meta's catalogs alone, so they name what the catalog names.
_CATALOG = ("sku", "group_id")


def merge(sources: Iterable[Facts]) -> Facts:
    """One product's facts from several sources, the better first."""
    given = [facts for facts in sources if facts is not NOTHING]
    if len(given) < 2:
        return given[0] if given else NOTHING
    dropped = [note for facts in given for note in facts.dropped]
    merged: dict[str, Fact[object]] = {}
    for name in FIELDS:
        found = [fact for facts in given if (fact := getattr(facts, name)) is not None]
        if not found or name in _PAIR:
            continue
        if len(found) > 1:
            if name in _CATALOG:
                found.sort(key=lambda fact: fact.source != OPEN_GRAPH)
            dropped += _contradictions(name, found)
        merged[name] = found[0]
    merged |= _money(given, dropped)
    catalog = merged.get("sku")
    told = catalog is not None and catalog.source == OPEN_GRAPH
    unchosen = any(facts.unchosen for facts in given) and not told
    given_facts = cast("dict[str, Fact[str]]", merged)
    kept = tuple(dict.fromkeys(dropped))[:MOST_DROPPED]
    return Facts(**given_facts, unchosen=unchosen, dropped=kept)  # type: ignore[arg-type]


def _money(given: list[Facts], dropped: list[Dropped]) -> dict[str, Fact[object]]:
    """The first price; its currency from its own source, or from one that names the same amount."""
    asked = [facts for facts in given if facts.price]
    price = asked[0].price if asked else None
    if price is None:
        code = next((facts.currency for facts in given if facts.currency), None)
        return {"currency": cast("Fact[object]", code)} if code else {}
    found = {"price": cast("Fact[object]", price)}
    dropped += _contradictions("price", [cast("Fact[object]", f.price) for f in asked])
    agreeing = [f for f in given if f.price is None or f.price.value == price.value]
    codes = [f.currency for f in agreeing if f.currency]
    own = asked[0].currency
    if own or len({code.value for code in codes}) == 1:
        found["currency"] = cast("Fact[object]", own or codes[0])
    return found


def _contradictions(name: str, found: list[Fact[object]]) -> list[Dropped]:
    if name in ("name", "category", "url"):  # said in many ways
        return []
    return [
        Dropped(name, fact.source, f"is another than in {found[0].source}")
        for fact in found[1:]
        if str(fact.value).casefold() != str(found[0].value).casefold()
    ]
