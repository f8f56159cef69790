"""`pixelpair catalog`: the catalog that the events' content ids have to match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.commands.catalog.health import add_checks, add_diagnostics, add_stats
from pixelpair.commands.catalog.nodes import add_create, add_list, add_show, add_update
from pixelpair.commands.catalog.parts import add_sets, add_users, add_vehicles
from pixelpair.commands.catalog.removal import add_delete
from pixelpair.commands.catalog.sources import add_link, add_sources, add_unlink
from pixelpair.commands.catalog_feed import add_feed
from pixelpair.commands.catalog_match import add_match
from pixelpair.commands.catalog_sync import add_sync
from pixelpair.commands.words import group

if TYPE_CHECKING:
    from pixelpair.commands.words import Commands

_FAMILIES = (
    *(add_list, add_show, add_create, add_update, add_delete, add_sets, add_users),
    *(add_sources, add_link, add_unlink, add_vehicles, add_diagnostics, add_stats, add_checks),
    *(add_sync, add_feed, add_match),
)


def add_catalog(commands: Commands) -> None:
    """Add the commands."""
    inner = group(commands, "catalog", "read and change Meta's product catalogs")
    for add_family in _FAMILIES:
        add_family(inner)
