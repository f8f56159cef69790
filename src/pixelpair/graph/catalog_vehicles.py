"""The parameters of a vehicle, all of them, and adding vehicles to a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pixelpair.graph.batch import Part, together
from pixelpair.graph.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph, Reply


def _one_of(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_ADDRESS: Final = (
    *map(Parameter, ("city", "city_id", "country", "postal_code", "region", "street_address")),
    Parameter("latitude", "number"),
    Parameter("longitude", "number"),
    Parameter("neighborhoods", "list"),
)
_BODIES: Final = _one_of(
    "CONVERTIBLE COUPE CROSSOVER ESTATE GRANDTOURER HATCHBACK MINIBUS MINIVAN MPV PICKUP ROADSTER"
    " SALOON SEDAN SMALL_CAR SPORTSCAR SUPERCAR SUPERMINI SUV TRUCK VAN WAGON OTHER NONE"
)
# Which are required is read off a page whose layout is flattened: Graph has the last word.
VEHICLE: Final = (
    Parameter("address", "object", "where it stands", True, inner=_ADDRESS),
    Parameter(
        "applinks",
        "object",
        inner=tuple(
            Parameter(name, "object")
            for name in ("web", "android", "ios", "ipad", "iphone", "windows_phone")
        ),
    ),
    Parameter("availability", one_of=_one_of("AVAILABLE NOT_AVAILABLE PENDING")),
    Parameter("body_style", required=True, one_of=_BODIES),
    Parameter("condition", one_of=_one_of("EXCELLENT VERY_GOOD GOOD FAIR POOR OTHER NONE")),
    Parameter("currency", about="ISO 4217", required=True),
    *map(Parameter, ("date_first_on_lot", "dealer_id", "dealer_name", "dealer_phone")),
    Parameter("description", required=True),
    Parameter("drivetrain", one_of=_one_of("TWO_WD FOUR_WD AWD FWD RWD OTHER NONE")),
    Parameter("exterior_color", required=True),
    Parameter("fb_page_id"),
    Parameter(
        "fuel_type",
        one_of=_one_of("DIESEL ELECTRIC GASOLINE FLEX HYBRID OTHER PETROL PLUGIN_HYBRID NONE"),
    ),
    Parameter(
        "images",
        "list",
        "each {image_url, tags}",
        True,
        inner=(Parameter("image_url", required=True), Parameter("tags", "list")),
    ),
    Parameter("interior_color"),
    Parameter("make", required=True),
    Parameter(
        "mileage",
        "object",
        "{unit, value}",
        True,
        inner=(Parameter("unit", one_of=_one_of("KILOMETERS MILES")), Parameter("value", "whole")),
    ),
    Parameter("model", required=True),
    Parameter("price", "whole", required=True),
    Parameter("state_of_vehicle", required=True, one_of=_one_of("NEW USED CPO")),
    Parameter("title", required=True),
    Parameter("transmission", one_of=_one_of("AUTOMATIC MANUAL OTHER NONE")),
    Parameter("trim"),
    Parameter("url", required=True),
    Parameter("vehicle_id", required=True),
    Parameter(
        "vehicle_type",
        one_of=_one_of("BOAT CAR_TRUCK COMMERCIAL MOTORCYCLE OTHER POWERSPORT RV_CAMPER TRAILER"),
    ),
    Parameter("vin", required=True),
    Parameter("year", "whole", required=True),
)


def add_vehicles(
    graph: Graph, access: Access, catalog_id: str, vehicles: Iterable[Mapping[str, Any]]
) -> Iterator[Reply]:
    """Meta's reply to each, in order; fifty travel in a call."""
    parts = (Part("POST", (catalog_id, "vehicles"), vehicle) for vehicle in vehicles)
    return together(graph, access, parts)
