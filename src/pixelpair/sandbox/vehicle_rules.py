"""The parameters of `POST /{catalog}/vehicles`, as the origin document tables them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import params
from .fields import is_currency, is_url
from .refusals import bad_parameter
from .vocabulary import words

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalog, Catalogs

ENUMS = {
    "availability": "AVAILABLE NOT_AVAILABLE PENDING",
    "body_style": "CONVERTIBLE COUPE CROSSOVER ESTATE GRANDTOURER HATCHBACK MINIBUS MINIVAN MPV "
    "PICKUP ROADSTER SALOON SEDAN SMALL_CAR SPORTSCAR SUPERCAR SUPERMINI SUV TRUCK VAN WAGON "
    "OTHER NONE",
    "condition": "EXCELLENT VERY_GOOD GOOD FAIR POOR OTHER NONE",
    "drivetrain": "TWO_WD FOUR_WD AWD FWD RWD OTHER NONE",
    "fuel_type": "DIESEL ELECTRIC GASOLINE FLEX HYBRID OTHER PETROL PLUGIN_HYBRID NONE",
    "state_of_vehicle": "NEW USED CPO",
    "transmission": "AUTOMATIC MANUAL OTHER NONE",
    "vehicle_type": "BOAT CAR_TRUCK COMMERCIAL MOTORCYCLE OTHER POWERSPORT RV_CAMPER TRAILER",
}
TEXTS = words(
    "currency date_first_on_lot dealer_id dealer_name dealer_phone description exterior_color "
    "fb_page_id interior_color make model title trim url vehicle_id vin"
)
NUMBERS = ("price", "year")
OBJECTS = ("address", "applinks", "mileage")
REQUIRED = words(
    "address body_style currency description exterior_color images make mileage model price "
    "state_of_vehicle title url vehicle_id vin year"
)
FIELDS = (*TEXTS, *ENUMS, *NUMBERS, *OBJECTS, "images")
# With those that Meta's SDK reads beside the documented ones; they are never set here.
KNOWN = (
    *FIELDS,
    *words(
        "availability_circle_radius availability_circle_radius_unit custom_label_0 custom_label_1 "
        "custom_label_2 custom_label_3 custom_label_4 custom_number_0 custom_number_1 "
        "custom_number_2 custom_number_3 custom_number_4 dealer_communication_channel dealer_email "
        "dealer_privacy_policy_url features image_fetch_status legal_disclosure_impressum_url "
        "previous_currency previous_price product_priority_0 product_priority_1 product_priority_2 "
        "product_priority_3 product_priority_4 sale_currency sale_price sanitized_images tags "
        "unit_price vehicle_registration_plate vehicle_specifications"
    ),
)
UNITS = ("KILOMETERS", "MILES")


def create(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    """Keeps the vehicle as one node; RefusedError names the first wrong parameter."""
    given = ask.given
    for key in REQUIRED:
        if given.get(key) in (None, ""):
            params.text(given, key)
    data: dict[str, Any] = {key: params.text(given, key) for key in TEXTS if key in given}
    for key, known in ENUMS.items():
        if key in given:
            data[key] = params.chosen(key, given[key], words(known))
    for key in NUMBERS:
        data[key] = params.whole(given, key, -1, 0, 2**62)
    data |= {key: params.thing(given, key) for key in OBJECTS if key in given}
    data["images"] = params.items(given, "images")
    _check(data)
    return {"id": world.add("vehicle", catalog.id, data).id}


def _check(data: dict[str, Any]) -> None:
    if not is_currency(data["currency"]):
        raise bad_parameter("currency must be an ISO 4217 code")
    params.chosen("mileage.unit", data["mileage"].get("unit", "MILES"), UNITS)
    params.whole(data["mileage"], "value", 0, 0, 2**62)
    addresses = [data["url"], *map(_image, data["images"])]
    if not data["images"] or not all(map(is_url, addresses)):
        raise bad_parameter("url and the image_url of each of the images must be addresses")


def _image(image: object) -> str:
    return str(image.get("image_url", "")) if isinstance(image, dict) else ""
