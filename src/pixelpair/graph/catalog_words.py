"""A catalog's vocabulary: fields, edges with theirs, and parameters, as Meta's documents list them.

https://developers.facebook.com/docs/marketing-api/reference/product-catalog
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pixelpair.graph.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Final = (
    *("id", "business{id,name}", "da_display_settings", "default_image_url", "fallback_image_url"),
    *("feed_count", "is_catalog_segment", "is_local_catalog", "name", "product_count", "vertical"),
)
# Only Meta's SDK knows them: asked for by name, as some need rights of their own.
MORE_FIELDS: Final = (
    *("ad_account_to_collaborative_ads_share_settings", "agency_collaborative_ads_share_settings"),
    *("catalog_store", "commerce_merchant_settings", "creator_user", "owner_business"),
    *("show_assign_permissions", "store_catalog_settings", "user_access_expire_time"),
)
SEGMENT_USE_CASES: Final = (
    *("AFFILIATE_SELLER_STOREFRONT", "AFFILIATE_TAGGED_ONLY_DEPRECATED", "COLLAB_ADS"),
    *("COLLAB_ADS_FOR_MARKETPLACE_PARTNER", "COLLAB_ADS_SEGMENT_WITHOUT_SEGMENT_SYNCING"),
    *("CREATORS_AS_SELLERS", "DIGITAL_CIRCULARS", "FB_LIVE_SHOPPING", "IG_SHOPPING"),
    *("IG_SHOPPING_SUGGESTED_PRODUCTS", "MARKETPLACE_SHOPS", "TEST"),
)
# The node's page, then what only the SDK lists. Others are let through: the two disagree.
VERTICALS: Final = (
    *("adoptable_pets", "commerce", "destinations", "flights", "generic", "home_listings"),
    *("hotels", "jobs", "local_service_businesses", "offer_items", "offline_commerce"),
    *("transactable_items", "vehicles"),
    *("apps_and_software", "articles_and_publications", "media_titles", "services"),
)
TASKS: Final = ("MANAGE", "ADVERTISE", "MANAGE_AR", "AA_ANALYZE")


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge that can be read: the type of its nodes, the fields that are asked for, and what it
    needs beside the catalog's id."""

    node: str
    fields: tuple[str, ...] = ("id", "name")
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


_HANDLED: Final = ("handle", "status", "errors", "errors_total_count")
_LISTED: Final = ("bulk_pagination", "filter")
EDGES: Final[Mapping[str, Edge]] = {
    "agencies": Edge("Business"),
    "assigned_users": Edge("AssignedUser", needs=("business",)),
    "automotive_models": Edge(
        "AutomotiveModel",
        ("id", "automotive_model_id", "title", "make", "model", "year", "price", "availability"),
        takes=_LISTED,
    ),
    "categories": Edge(
        "ProductCatalogCategory",
        ("criteria_value", "name", "description", "num_items", "destination_uri", "image_url"),
        ("categorization_criteria",),
        ("filter",),
    ),
    "check_batch_request_status": Edge(
        "CheckBatchRequestStatus",
        (*_HANDLED, "warnings", "warnings_total_count", "ids_of_invalid_requests"),
        ("handle",),
        ("error_priority", "load_ids_of_invalid_requests"),
    ),
    "collaborative_ads_share_settings": Edge(
        "CollaborativeAdsShareSettings",
        ("id", "agency_business", "product_catalog_proxy_id"),
    ),
    "data_sources": Edge(
        "ProductCatalogDataSource",
        ("id", "name", "app_id", "upload_type"),
        takes=("ingestion_source_type",),
    ),
    "destinations": Edge(
        "Destination", ("id", "destination_id", "name", "price", "url"), takes=_LISTED
    ),
    "diagnostics": Edge(
        "ProductCatalogDiagnosticGroup",
        (
            *("type", "severity", "title", "subtitle", "error_code", "number_of_affected_items"),
            *("number_of_affected_entities", "affected_channels", "affected_entity"),
            *("affected_features", "diagnostics"),
        ),
        takes=(
            "affected_channels",
            "affected_entities",
            "affected_features",
            "severities",
            "types",
        ),
    ),
    "event_stats": Edge(
        "ProductEventStat",
        (
            *("date_start", "date_stop", "event", "event_source", "total_matched_content_ids"),
            *("total_unmatched_content_ids", "total_content_ids_matched_other_catalogs"),
            *("unique_matched_content_ids", "unique_unmatched_content_ids"),
            "unique_content_ids_matched_other_catalogs",
        ),
        takes=("breakdowns",),
    ),
    "external_event_sources": Edge("ExternalEventSource", ("id", "name", "source_type")),
    "flights": Edge(
        "Flight",
        ("id", "flight_id", "origin_airport", "destination_airport", "price", "url"),
        takes=_LISTED,
    ),
    "home_listings": Edge(
        "HomeListing",
        ("id", "home_listing_id", "name", "availability", "price", "url"),
        takes=_LISTED,
    ),
    "hotels": Edge("Hotel", ("id", "hotel_id", "name", "brand", "url"), takes=_LISTED),
    "hotel_rooms_batch": Edge("ProductCatalogHotelRoomsBatch", _HANDLED, ("handle",)),
    "pricing_variables_batch": Edge("ProductCatalogPricingVariablesBatch", _HANDLED, ("handle",)),
    "product_groups": Edge("ProductGroup", ("id", "retailer_id")),
    "product_sets": Edge(
        "ProductSet",
        ("id", "name", "retailer_id", "product_count", "filter"),
        takes=("ancestor_id", "has_children", "parent_id", "retailer_id"),
    ),
    "product_sets_batch": Edge("ProductCatalogProductSetsBatch", _HANDLED, ("handle",)),
    "products": Edge(
        "ProductItem",
        (
            *("id", "retailer_id", "name", "availability", "price", "sale_price", "review_status"),
            *("retailer_product_group_id", "url", "errors"),
        ),
        takes=(*_LISTED, "error_priority", "error_type", "return_only_approved_products"),
    ),
    "vehicle_offers": Edge(
        "VehicleOffer",
        ("id", "vehicle_offer_id", "title", "offer_type", "start_date", "end_date"),
        takes=_LISTED,
    ),
    "vehicles": Edge(
        "Vehicle",
        ("id", "vehicle_id", "title", "make", "model", "year", "price", "availability"),
        takes=_LISTED,
    ),
}

_TRANSFORMATION: Final = (
    Parameter(
        "transformation_type",
        required=True,
        one_of=("background_cropping_and_padding", "background_padding", "none"),
    ),
)
_DISPLAY: Final = Parameter(
    "da_display_settings",
    "object",
    "how ads crop or pad images: {carousel_ad: {transformation_type}, single_ad: {the same}}",
    inner=(
        Parameter("carousel_ad", "object", required=True, inner=_TRANSFORMATION),
        Parameter("single_ad", "object", required=True, inner=_TRANSFORMATION),
    ),
)
_DESTINATION: Final = Parameter(
    "destination_catalog_settings",
    "object",
    "{generate_items_from_pages}: destinations made from pages",
    inner=(Parameter("generate_items_from_pages", "flag"),),
)
_FLIGHT: Final = Parameter(
    "flight_catalog_settings",
    "object",
    "{generate_items_from_events}: flights made from events",
    inner=(Parameter("generate_items_from_events", "flag"),),
)
_PARTNER: Final = Parameter(
    "partner_integration",
    "object",
    "{external_access_token, external_merchant_id}; - reads it from the standard input",
    inner=(Parameter("external_access_token"), Parameter("external_merchant_id")),
)
_STORE: Final = Parameter(
    "store_catalog_settings",
    "object",
    "{page_id}: the page whose locations check the store numbers of feeds",
    inner=(Parameter("page_id", required=True),),
)
_VERTICAL_OPTION: Final = Parameter(
    "additional_vertical_option",
    about="a kind of local catalog",
    one_of=("LOCAL_DA_CATALOG", "LOCAL_PRODUCTS"),
)
# Only Meta's SDK has catalog_segment_product_set_id, business_metadata, and the two of checkouts.
CREATE: Final = (
    Parameter("name", about="what people call it", required=True),
    Parameter(
        "vertical",
        about="what it lists, commerce where none is named",
        one_of=VERTICALS,
        open_ended=True,
    ),
    _VERTICAL_OPTION,
    Parameter("catalog_segment_filter", "object", "a rule: makes a segment of the parent"),
    Parameter("catalog_segment_product_set_id", about="a product set that a segment is made of"),
    Parameter("business_metadata", "object", "of the business"),
    _DISPLAY,
    _DESTINATION,
    _FLIGHT,
    Parameter("parent_catalog_id", about="the catalog that a segment is of"),
    _PARTNER,
    _STORE,
)
UPDATE: Final = (
    _VERTICAL_OPTION,
    Parameter("checkout_country", about="the country of the shop's checkout"),
    Parameter("checkout_url", about="the address of the shop's checkout"),
    _DISPLAY,
    Parameter("default_image_url", about="for items whose image is missing"),
    _DESTINATION,
    Parameter("fallback_image_url", about="for items that are made by themselves"),
    _FLIGHT,
    Parameter("name", about="what people call it"),
    _PARTNER,
    _STORE,
)
PRODUCT_SET: Final = (
    Parameter("name", about="what people call it", required=True),
    Parameter("filter", "object", 'which items, such as {"brand": {"eq": "Sencha"}}'),
    Parameter("retailer_id", about="the shop's own id of it"),
    Parameter("metadata", "object", "cover image, description and the like"),
    Parameter("ordering_info", "list", "places of items"),
    Parameter("publish_to_shops", "list", "shops that show it"),
)
