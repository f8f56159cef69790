"""What a page says of the product it shows: read from its markup, with source and confidence."""

from .facts import Dropped, Fact, Facts
from .ids import CONTENT_IDS, GROUP_IDS, content_id, custom_data, group_id, listing_data
from .products import Listing
from .scan import Scan, read_listing, read_product

__all__ = [
    "CONTENT_IDS",
    "GROUP_IDS",
    "Dropped",
    "Fact",
    "Facts",
    "Listing",
    "Scan",
    "content_id",
    "custom_data",
    "group_id",
    "listing_data",
    "read_listing",
    "read_product",
]
