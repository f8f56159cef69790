"""The ProductCatalog node: its fields, and what creates, updates, shares and deletes it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .catalogs import fitting
from .paging import page
from .refusals import bad_parameter, live_sets, missing
from .vocabulary import words

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalog, Catalogs

# Those of the origin document, and those that Meta's SDK has instead of `jobs`.
VERTICALS = words(
    "adoptable_pets commerce destinations flights generic home_listings hotels jobs "
    "local_service_businesses offer_items offline_commerce transactable_items vehicles "
    "apps_and_software articles_and_publications media_titles services"
)
OPTIONS = ("LOCAL_DA_CATALOG", "LOCAL_PRODUCTS")
TRANSFORMATIONS = ("background_cropping_and_padding", "background_padding", "none")
TASKS = ("MANAGE", "ADVERTISE", "MANAGE_AR", "AA_ANALYZE")
SEGMENT_USE_CASES = words(
    "AFFILIATE_SELLER_STOREFRONT AFFILIATE_TAGGED_ONLY_DEPRECATED COLLAB_ADS "
    "COLLAB_ADS_FOR_MARKETPLACE_PARTNER COLLAB_ADS_SEGMENT_WITHOUT_SEGMENT_SYNCING "
    "CREATORS_AS_SELLERS DIGITAL_CIRCULARS FB_LIVE_SHOPPING IG_SHOPPING "
    "IG_SHOPPING_SUGGESTED_PRODUCTS MARKETPLACE_SHOPS TEST"
)
FIELDS = (
    "id",
    "business",
    "da_display_settings",
    "default_image_url",
    "fallback_image_url",
    "feed_count",
    "is_catalog_segment",
    "is_local_catalog",
    "name",
    "product_count",
    "vertical",
    "ad_account_to_collaborative_ads_share_settings",
    "agency_collaborative_ads_share_settings",
    "catalog_store",
    "commerce_merchant_settings",
    "creator_user",
    "owner_business",
    "show_assign_permissions",
    "store_catalog_settings",
    "user_access_expire_time",
)
MAX_USERS = 1000
# A user has a name and a type at Meta only: the sandbox knows no people.
USER_FIELDS = ("id", "name", "business", "user_type", "tasks")
# What an object parameter holds; those after the bar it must hold.
OBJECTS = {
    "destination_catalog_settings": ("generate_items_from_pages", ()),
    "flight_catalog_settings": ("generate_items_from_events", ()),
    "partner_integration": ("external_access_token external_merchant_id", ()),
    "store_catalog_settings": ("page_id", ("page_id",)),
}
# What is only a parameter of creating: an update passes over it, as over each unknown one.
ONCE = ("vertical", "parent_catalog_id", "catalog_segment_filter", "catalog_segment_product_set_id")
TEXTS = ("name", "default_image_url", "parent_catalog_id", "catalog_segment_product_set_id")


def create(world: Catalogs, business: str, ask: Ask) -> dict[str, Any]:
    params.text(ask.given, "name")
    settings = {"vertical": "commerce", **_settings(ask)}
    fields(ask, FIELDS, ())  # a wrong one refuses before anything is made
    return _again(world, world.create(business, fitting(settings)), ask, "id")


def update(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    fields(ask, FIELDS, ())
    changes = {key: value for key, value in _settings(ask).items() if key not in ONCE}
    catalog.settings = fitting({**catalog.settings, **changes})
    return _again(world, catalog, ask, "success")


def delete(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    """Every product set counts as live here: which ones Meta calls so is not documented."""
    allowed = params.flag(ask.given, "allow_delete_catalog_with_live_product_set", False)
    if world.of("set", catalog.id) and not allowed:
        raise live_sets()
    world.delete(catalog)
    return {"success": True}


def read(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    params.names(ask.given, "segment_use_cases", SEGMENT_USE_CASES)
    return select(row(world, catalog), {"id": {}, **fields(ask, FIELDS, ("id", "name"))})


def owned(world: Catalogs, business: str, ask: Ask) -> dict[str, Any]:
    found = [catalog for catalog in world if catalog.business == business]
    tree = {"id": {}, **fields(ask, FIELDS, ("id", "name"))}
    return page(found, len(found), ask, lambda catalog: select(row(world, catalog), tree))


def row(world: Catalogs, catalog: Catalog) -> dict[str, Any]:
    told = {
        "id": catalog.id,
        "business": _business(catalog),
        "owner_business": _business(catalog),
        "feed_count": len(world.of("feed", catalog.id)),
        "is_catalog_segment": "catalog_segment_filter" in catalog.settings,
        "is_local_catalog": "additional_vertical_option" in catalog.settings,
        "product_count": len(catalog.items),
        "fallback_image_url": [],
    }
    settings = {key: value for key, value in catalog.settings.items() if key in FIELDS}
    if store := settings.get("store_catalog_settings"):  # written as an id, read as a page
        settings["store_catalog_settings"] = {"page": {"id": store["page_id"]}}
    return told | settings


def _business(catalog: Catalog) -> dict[str, str]:
    return {"id": catalog.business, "name": f"Business {catalog.business}"}


def users(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    params.text(ask.given, "business")
    own = {"business": _business(catalog)}
    found = [{"id": user, "tasks": tasks, **own} for user, tasks in catalog.users.items()]
    tree = {"id": {}, **fields(ask, USER_FIELDS, ("id", "tasks"))}
    return page(found, len(found), ask, lambda one: select(one, tree))


def assign(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    user = params.text(ask.given, "user")
    tasks = params.items(ask.given, "tasks")
    if not tasks:
        raise missing("tasks")
    has = list(dict.fromkeys(params.chosen("tasks", task, TASKS) for task in tasks))
    if user not in catalog.users and len(catalog.users) >= MAX_USERS:
        raise bad_parameter(f"the sandbox keeps {MAX_USERS} users of a catalog")
    catalog.users[user] = has
    return {"success": True}


def unassign(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    user = params.text(ask.given, "user")
    if user not in catalog.users:
        raise missing("user (of this catalog)")
    del catalog.users[user]
    return {"success": True}


def _again(world: Catalogs, catalog: Catalog, ask: Ask, key: str) -> dict[str, Any]:
    """Graph reads the node again after a write: `fields` come with the answer."""
    told: dict[str, Any] = {"id": catalog.id} if key == "id" else {"success": True}
    return {**told, **read(world, catalog, ask)} if ask.given.get("fields") else told


def _settings(ask: Ask) -> dict[str, Any]:
    given = ask.given
    found: dict[str, Any] = {}
    for key in TEXTS:
        if key in given:
            found[key] = params.text(given, key)
    for key, known in (("vertical", VERTICALS), ("additional_vertical_option", OPTIONS)):
        if key in given:
            found[key] = params.chosen(key, given[key], known)
    for key, (names, required) in OBJECTS.items():
        if key in given:
            found[key] = _object(ask, key, names.split(), required)
    if "da_display_settings" in given:
        found["da_display_settings"] = _display(ask)
    if "fallback_image_url" in given:
        found["fallback_image_url"] = _addresses(ask, "fallback_image_url")
    if "catalog_segment_filter" in given:
        found["catalog_segment_filter"] = params.thing(given, "catalog_segment_filter")
    return found


def _addresses(ask: Ask, key: str) -> list[str]:
    """One address or a list: the node's page reads a list, Meta's SDK writes a text."""
    given = ask.given[key]
    if isinstance(given, str) and not given.lstrip().startswith("["):
        return [params.text(ask.given, key)]
    return [params.text({key: one}, key) for one in params.items(ask.given, key)]


def _object(ask: Ask, key: str, known: list[str], required: tuple[str, ...]) -> dict[str, Any]:
    value = params.thing(ask.given, key)
    for name in value:
        params.chosen(key, name, known)
    for name in required:
        params.text(value, name)
    return value


def _display(ask: Ask) -> dict[str, Any]:
    value = params.thing(ask.given, "da_display_settings")
    for name in ("carousel_ad", "single_ad"):
        kind = params.text(params.thing(value, name), "transformation_type")
        params.chosen(f"{name}.transformation_type", kind, TRANSFORMATIONS)
    return value
