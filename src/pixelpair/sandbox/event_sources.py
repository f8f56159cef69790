"""Which pixels and apps are linked to a catalog. Pure.

Whether a POST adds or replaces is not documented: here it adds, so that a client which reads,
posts the union and reads again is right either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .paging import page
from .refusals import bad_parameter
from .rules import is_pixel_id

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalog, Catalogs

KEY = "external_event_sources"
FIELDS = ("id", "name", "source_type")
MAX_SOURCES = 1000


def sources(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    tree = {"id": {}, **fields(ask, FIELDS, FIELDS)}
    found = list(catalog.sources)
    return page(found, len(found), ask, lambda one: select(source(one), tree), totals=True)


def source(pixel: str) -> dict[str, str]:
    """The sandbox receives from pixels; it knows no apps."""
    return {"id": pixel, "name": f"Pixel {pixel}", "source_type": "PIXEL"}


def link(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    wanted = params.ids(ask.given, KEY)
    wrong = [one for one in wanted if not is_pixel_id(one)]
    if wrong:
        raise bad_parameter(f"{wrong[0]} is the id of no pixel and no app")
    linked = catalog.sources | dict.fromkeys(wanted, "PIXEL")
    if len(linked) > MAX_SOURCES:
        raise bad_parameter(f"the sandbox keeps {MAX_SOURCES} event sources of a catalog")
    catalog.sources = linked
    return {"success": True}


def unlink(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    for one in params.ids(ask.given, KEY):
        if one not in catalog.sources:
            raise bad_parameter(f"{one} is not linked to this catalog")
        del catalog.sources[one]
    return {"success": True}
