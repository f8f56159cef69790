"""Which pixels and apps a catalog is linked to: what is there is read before it is changed, and
again behind it, as no document says whether a POST adds or replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pixelpair.graph.catalog import strange, whole
from pixelpair.graph.catalog_words import EDGES
from pixelpair.graph.errors import GraphError, acted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    """What was linked before; `due`: what is to be added or taken away (nothing, if it was so
    already); what was sent for it, and what is linked now. `after` is None where nothing was done,
    and where it could not be read, for the reason in `unread`."""

    before: tuple[Source, ...]
    due: tuple[str, ...]
    sent: tuple[str, ...]
    after: tuple[Source, ...] | None
    unread: str = ""

    @property
    def added(self) -> tuple[str, ...]:
        return _but(self.after or (), self.before)

    @property
    def removed(self) -> tuple[str, ...]:
        return _but(self.before, self.after) if self.after is not None else ()


def sources(graph: Graph, access: Access, catalog_id: str) -> tuple[Source, ...]:
    """The pixels and apps whose events the catalog gets."""
    query = access.query(catalog_id, EDGE, fields=",".join(EDGES[EDGE].fields))
    return tuple(map(_source, whole(graph, query)))


def _source(row: Mapping[str, Any]) -> Source:
    """One without an id would be lost by a POST that replaces."""
    if not row.get("id"):
        raise strange("a linked source without an id")
    return Source(*(str(row.get(name) or "") for name in ("id", "name", "source_type")))


def link(
    graph: Graph, access: Access, catalog_id: str, ids: Sequence[str], *, dry_run: bool = False
) -> Change:
    """Link these too: the union of what is there and these is posted."""
    before = sources(graph, access, catalog_id)
    there = tuple(source.id for source in before)
    due = tuple(one for one in dict.fromkeys(ids) if one not in there)
    sent = (*there, *due) if due else ()
    if not due or dry_run:
        return Change(before, due, sent, None)
    acted(graph, access.action("POST", catalog_id, EDGE, body={EDGE: list(sent)}))
    return _read_again(graph, access, catalog_id, Change(before, due, sent, None))


def unlink(
    graph: Graph, access: Access, catalog_id: str, ids: Sequence[str], *, dry_run: bool = False
) -> Change:
    """Unlink those of these that are linked."""
    before = sources(graph, access, catalog_id)
    due = tuple(source.id for source in before if source.id in ids)
    if not due or dry_run:
        return Change(before, due, due, None)
    acted(graph, access.action("DELETE", catalog_id, EDGE, body={EDGE: list(due)}))
    return _read_again(graph, access, catalog_id, Change(before, due, due, None))


def _read_again(graph: Graph, access: Access, catalog_id: str, change: Change) -> Change:
    """It is done: that it cannot be looked at is no reason to say that it is not."""
    after, unread = None, ""
    try:
        after = sources(graph, access, catalog_id)
    except GraphError as error:
        unread = str(error)
    return Change(change.before, change.due, change.sent, after, unread)


def _but(some: Sequence[Source], others: Sequence[Source]) -> tuple[str, ...]:
    known = {source.id for source in others}
    return tuple(source.id for source in some if source.id not in known)
