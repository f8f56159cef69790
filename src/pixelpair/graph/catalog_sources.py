"""Which pixels and apps a catalog is linked to: what is there is read before it is changed, and
again behind it, as no document says whether a POST adds or replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pixelpair.graph.catalog import edge
from pixelpair.graph.errors import acted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph

EDGE: Final = "external_event_sources"


@dataclass(frozen=True, slots=True)
class Source:
    """A pixel or an app, as the catalog's edge has it."""

    id: str
    name: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What was linked before, what was posted (nothing, if it was so already), and what is linked
    now; `after` is None where nothing was done."""

    before: tuple[Source, ...]
    sent: tuple[str, ...]
    after: tuple[Source, ...] | None

    @property
    def added(self) -> tuple[str, ...]:
        return _but(self.after or (), self.before)

    @property
    def removed(self) -> tuple[str, ...]:
        return _but(self.before, self.after) if self.after is not None else ()


def sources(graph: Graph, access: Access, catalog_id: str) -> tuple[Source, ...]:
    """The pixels and apps whose events the catalog gets."""
    return tuple(
        Source(str(row.get("id", "")), str(row.get("name", "")), str(row.get("source_type", "")))
        for row in edge(graph, access, catalog_id, EDGE)
    )


def link(
    graph: Graph, access: Access, catalog_id: str, ids: Sequence[str], *, dry_run: bool = False
) -> Change:
    """Link these too: the union of what is there and these is posted."""
    before = sources(graph, access, catalog_id)
    there = [source.id for source in before]
    union = tuple(dict.fromkeys((*there, *ids)))
    if len(union) == len(set(there)):
        return Change(before, (), None)
    if dry_run:
        return Change(before, union, None)
    acted(graph, access.action("POST", catalog_id, EDGE, body={EDGE: list(union)}))
    return Change(before, union, sources(graph, access, catalog_id))


def unlink(
    graph: Graph, access: Access, catalog_id: str, ids: Sequence[str], *, dry_run: bool = False
) -> Change:
    """Unlink those of these that are linked."""
    before = sources(graph, access, catalog_id)
    theirs = tuple(source.id for source in before if source.id in ids)
    if not theirs or dry_run:
        return Change(before, theirs, None)
    acted(graph, access.action("DELETE", catalog_id, EDGE, body={EDGE: list(theirs)}))
    return Change(before, theirs, sources(graph, access, catalog_id))


def _but(some: Sequence[Source], others: Sequence[Source]) -> tuple[str, ...]:
    known = {source.id for source in others}
    return tuple(source.id for source in some if source.id not in known)
