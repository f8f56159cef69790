"""`pixelpair tags`: the catalog's products on Instagram posts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.commands.tags.finding import add_eligible, add_search
from pixelpair.commands.tags.media import add_add, add_list, add_move, add_remove, add_replace
from pixelpair.commands.tags.posts import add_publish
from pixelpair.commands.words import group

if TYPE_CHECKING:
    from pixelpair.commands.words import Commands

_FAMILIES = (
    *(add_list, add_add, add_move, add_remove, add_replace, add_search, add_eligible),
    add_publish,
)


def add_tags(commands: Commands) -> None:
    """Add the commands."""
    inner = group(commands, "tags", "tag products on Instagram posts")
    for add_family in _FAMILIES:
        add_family(inner)
