"""Which products the received events name, and whether a catalog has them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .fields import is_id, listed, part
from .vocabulary import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .book import Entry, Half
    from .catalogs import Catalog, Catalogs

Match = Literal["matched", "elsewhere", "unmatched"]
DAY = 86_400
SPAN = 28 * DAY
# Those that event_stats counts.
EVENTS = words(
    "ViewContent AddToCart Purchase InitiateCheckout Search Lead AddToWishlist Subscribe"
)
DEVICES = (
    ("ipad", "mobile_ipad"),
    ("ipod", "mobile_ipod"),
    ("iphone", "mobile_iphone"),
    ("windows phone", "mobile_windows_phone"),
    ("android mobile", "mobile_android_phone"),
    ("android", "mobile_android_tablet"),
    ("tablet", "mobile_tablet"),
    ("mobile", "mobile_phone"),
    ("windows nt", "desktop"),
    ("macintosh", "desktop"),
    ("linux", "desktop"),
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event, whether it came once or in two halves, and the products that it names."""

    name: str
    pixel: str
    at: float
    ids: tuple[str, ...]
    content_type: str
    device: str


def sightings(world: Catalogs, catalog: Catalog, now: float) -> Iterator[Sighting]:
    """The events of the last 28 days that map to this catalog."""
    for entry in world.entries():
        if entry.pixel_id in catalog.sources and entry.name in EVENTS:
            half = _telling(entry)
            custom = part(half, "custom_data")
            at = moment(half)
            own = str(custom.get("product_catalog_id") or catalog.id) == catalog.id
            if own and now - SPAN <= at:
                kind = str(custom.get("content_type") or "")
                ids = tuple(content_ids(custom))
                yield Sighting(entry.name, entry.pixel_id, at, ids, kind, device(_agent(half)))


def content_ids(custom: Any) -> Iterator[str]:
    """`content_ids`, or else the ids of `contents`."""
    named = listed(custom.get("content_ids"))
    things = (one for one in listed(custom.get("contents")) if isinstance(one, dict))
    found = named or [thing.get("id") for thing in things]
    return (str(one) for one in found if is_id(one))


def match(world: Catalogs, catalog: Catalog, one: str, kind: str) -> Match:
    """An id that only another catalog has is counted there, and not as unmatched too: whether
    Meta counts it twice is not documented."""
    if has(catalog, one, kind):
        return "matched"
    others = (other for other in world if other is not catalog)
    return "elsewhere" if any(has(other, one, kind) for other in others) else "unmatched"


def has(catalog: Catalog, one: str, kind: str) -> bool:
    """As an item, as a group, or, where the event does not say which, as either."""
    item = kind != "product_group" and catalog.items.get(one) is not None
    return item or (kind != "product" and catalog.items.has_group(one))


def device(agent: str) -> str:
    said = agent.lower()
    told = f"android mobile {said}" if "android" in said and "mobile" in said else said
    return next((name for word, name in DEVICES if word in told), "unknown")


def moment(half: Half) -> float:
    """When it happened; a browser's half says only when it came."""
    return float(half.get("event_time") or half["received"])


def _telling(entry: Entry) -> Half:
    """The half that names products; where both do, the server's."""
    halves = [entry.halves[key] for key in ("server", "browser") if key in entry.halves]
    return next((half for half in halves if any(content_ids(part(half, "custom_data")))), halves[0])


def _agent(half: Half) -> str:
    return str(half.get("user_agent") or part(half, "user_data").get("client_user_agent") or "")
