"""Which of a page's products is the one it shows, which variant of it, and its facts.

Reads schema.org nodes, from JSON-LD or from microdata.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .facts import GUESSED, NOTHING, Draft, Facts
from .json_ld import types
from .offers import address_of, asks, chosen, put_money
from .pages import ELSEWHERE, HERE, UNSAID
from .texts import address, code, gtin, label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .json_ld import Found, Graph, Node
    from .pages import Page

MOST_LISTED = 10  # https://developers.facebook.com/docs/meta-pixel/reference: the top 5 to 10

# A fact, the words for it, and its check; the first word with a value that holds wins.
_FACTS: tuple[tuple[str, tuple[str, ...], Callable[[object], str]], ...] = (
    ("sku", ("sku",), code),
    ("product_id", ("productID", "productId"), code),
    ("mpn", ("mpn",), code),
    ("gtin", ("gtin", "gtin13", "gtin14", "gtin12", "gtin8", "isbn"), gtin),
    ("name", ("name",), label),
    ("brand", ("brand", "manufacturer"), label),
    ("category", ("category",), label),
    ("url", ("url",), address),
    ("group_id", ("inProductGroupWithID", "productGroupID"), code),
)
_OWN_IDS = ("sku", "product_id", "mpn", "gtin")


@dataclass(frozen=True, slots=True)
class Shown:
    """The product that a page shows: its nodes, and how sure it is that it is this one."""

    nodes: list[Node]  # the same product, told in several blocks
    variants: list[Node]
    sure: float


def read(graph: Graph, page: Page, source: str) -> Facts:
    """The facts of the page's own product."""
    draft = Draft(source)
    shown = _shown(graph, page, draft)
    if shown is None:
        return draft.done() if draft.dropped else NOTHING
    variant = chosen(shown.variants, page) if shown.variants else None
    if variant is not None:
        _put(draft, variant, graph, shown.sure, _FACTS)
        put_money(asks(variant, graph, draft), draft, shown.sure)
        _put_group(draft, shown.nodes, graph, shown.sure)
    elif shown.variants or _is_group(shown.nodes[0]):
        _put_unchosen(draft, shown, graph)
    else:
        _put_alone(draft, shown, graph, page)
    return draft.done()


# --- which product -------------------------------------------------------------------------------


def _shown(graph: Graph, page: Page, draft: Draft) -> Shown | None:
    ranked = _ranked(graph, page)
    if not ranked:
        return None
    (nearness, role, titled), best = ranked[0]
    marked = nearness > UNSAID or role or titled > 0
    others = [found for _, found in ranked[1:] if not _is_same(best.node, found.node)]
    if not marked and nearness == ELSEWHERE and others:
        draft.drop("name", "several products, and none is this page's")
        return None
    same = [f.node for _, f in ranked if f is best or _is_same(best.node, f.node)]
    group = _group(best.node, graph)
    variants = list(graph.each(best.node.get("hasVariant"))) or _kin(best.node, group, graph)
    if not variants and group is None:
        variants = _alike(same)
    nodes = [node for node in (group, best.node) if node is not None]
    if group is None or len(variants) < 2:
        nodes.reverse()
    nodes += [node for node in same[1:] if not any(node is other for other in variants)]
    return Shown(nodes, variants, 1.0 if marked or not others else GUESSED)


def _ranked(graph: Graph, page: Page) -> list[tuple[tuple[int, bool, int], Found]]:
    """The products that may be the page's own, the likeliest first, then as they stand."""
    ranked = []
    grouped = {
        id(variant)
        for found in graph.found
        if found.role in ("main", "page")
        for variant in graph.each(found.node.get("hasVariant"))
    }
    for found in graph.found:
        if found.role not in ("main", "page", "list") or id(found.node) in grouped:
            continue
        nearness = page.nearness(address_of(found.node))
        if found.role == "list" and nearness < HERE:
            continue
        main = found.role == "main" or str(found.node.get("@id")) in graph.mains
        ranked.append(((nearness, main, page.titled(found.node.get("name"))), found))
    return sorted(ranked, key=_weight, reverse=True)


def _weight(ranked: tuple[tuple[int, bool, int], Found]) -> tuple[int, bool, int, int]:
    (nearness, main, titled), _ = ranked
    return max(nearness, UNSAID), main, titled, nearness


def _is_same(one: Node, other: Node) -> bool:
    """Whether two nodes tell of one product, or of variants of one."""
    for key in ("@id", "sku", "productID"):
        if one.get(key) and one.get(key) == other.get(key):
            return True
    name, its = one.get("name"), other.get("name")
    return isinstance(name, str) and isinstance(its, str) and _plain(name) == _plain(its)


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _kin(node: Node, group: Node | None, graph: Graph) -> list[Node]:
    """The products that name the same group as this one, or this one as their group."""
    head = group if group is not None else node
    names = _texts(head.get("@id"), head.get("productGroupID"), node.get("inProductGroupWithID"))
    if not names:
        return []
    kin = [
        found.node
        for found in graph.found
        if found.role in ("main", "page") and not _is_group(found.node)
        if not names.isdisjoint(_groups_of(found.node, graph))
    ]
    return kin if len(kin) > 1 or _is_group(node) else []


def _groups_of(node: Node, graph: Graph) -> set[str]:
    group = _group(node, graph) or {}
    ids = (group.get("@id"), group.get("productGroupID"))
    return _texts(node.get("inProductGroupWithID"), *ids)


def _texts(*found: object) -> set[str]:
    return {str(value) for value in found if isinstance(value, str | int) and value}


def _alike(same: list[Node]) -> list[Node]:
    """Products of one name, each with an id of its own: variants that nobody grouped."""
    by_sku = {str(node["sku"]): node for node in reversed(same) if _has_text(node, "sku")}
    return list(reversed(by_sku.values())) if len(by_sku) > 1 else []


def _has_text(node: Node, key: str) -> bool:
    return isinstance(node.get(key), str | int) and bool(node[key])


def _is_group(node: Node) -> bool:
    return node.get("@type") != "Product" and "productgroup" in types(node)


def _group(node: Node, graph: Graph) -> Node | None:
    """The group that a product says it is a variant of."""
    group = next(graph.each(node.get("isVariantOf")), None)
    name = node.get("inProductGroupWithID")
    if group is None and isinstance(name, str | int):
        heads = (found.node for found in graph.found if _is_group(found.node))
        group = next((head for head in heads if head.get("productGroupID") == name), None)
    return group


# --- its facts -----------------------------------------------------------------------------------


def _put(
    draft: Draft,
    node: Node,
    graph: Graph,
    sure: float,
    table: Iterable[tuple[str, tuple[str, ...], Callable[[object], str]]],
) -> None:
    for name, words, check in table:
        for word in words:
            value = node.get(word)
            if value is not None and draft.put(name, graph.resolve(value), check, sure):
                break


_SHARED = tuple(row for row in _FACTS if row[0] in ("name", "brand", "category", "group_id"))


def _put_group(draft: Draft, nodes: list[Node], graph: Graph, sure: float) -> None:
    """What a variant inherits from its group; the group's own id, under whatever name."""
    for node in nodes:
        _put(draft, node, graph, sure, _SHARED)
    for node in nodes:
        if _is_group(node):
            for word in ("productID", "sku", "mpn"):
                draft.put("group_id", node.get(word), code, sure * GUESSED)


def _put_unchosen(draft: Draft, shown: Shown, graph: Graph) -> None:
    """Variants are offered: what they share, the group's id, and the lowest price."""
    draft.unchosen = True
    _put_group(draft, shown.nodes, graph, shown.sure)
    for node in shown.nodes:
        draft.put("url", node.get("url"), address, shown.sure)
    for variant in shown.variants[:1]:
        _put(draft, variant, graph, shown.sure, _SHARED)
        if "group_id" not in draft.facts:  # no group to name: one of its variants, as good as any
            _put(draft, variant, graph, shown.sure * GUESSED, _FACTS[:4])
    found = [ask for variant in shown.variants for ask in asks(variant, graph, draft)]
    own = [ask for node in shown.nodes[:1] for ask in asks(node, graph, draft)]
    put_money(found if any(ask.amount for ask in found) else own, draft, shown.sure)


def _put_alone(draft: Draft, shown: Shown, graph: Graph, page: Page) -> None:
    """One product, whose offers may stand for its variants."""
    node = shown.nodes[0]
    found = asks(node, graph, draft)
    for other in shown.nodes[1:]:
        if not any(ask.amount for ask in found):
            found = asks(other, graph, draft)
    offers = [ask.node for ask in found]
    one = chosen(offers, page) if offers else None
    several = len({offer.get("sku") for offer in offers if _has_text(offer, "sku")}) > 1
    if one is not None:
        _put(draft, one, graph, shown.sure, _FACTS[:4] if several else ())
        put_money([ask for ask in found if ask.node is one], draft, shown.sure)
    else:
        put_money(found, draft, shown.sure)
        if several:
            _put_offered_variants(draft, node, offers, shown.sure)
    for told in shown.nodes:
        _put(draft, told, graph, shown.sure, _SHARED if _is_group(told) else _FACTS)
    for offer in offers[:1]:
        if not any(name in draft.facts for name in _OWN_IDS):
            _put(draft, offer, graph, shown.sure * (GUESSED if several else 1), _FACTS[:4])


def _put_offered_variants(draft: Draft, node: Node, offers: list[Node], sure: float) -> None:
    """Offers with ids of their own are variants; then the product's own id is the group's."""
    draft.unchosen = True
    draft.put("group_id", node.get("inProductGroupWithID"), code, sure)
    own = {str(offer.get("sku")) for offer in offers}
    for word in ("productID", "sku"):
        if _has_text(node, word) and str(node[word]) not in own:
            draft.put("group_id", node[word], code, sure * GUESSED)


# --- lists ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listing:
    """The first products of a list, as it orders them."""

    items: tuple[Facts, ...]
    source: str


def read_lists(graph: Graph, page: Page, source: str) -> Listing | None:
    """The longest list of products that have ids; or all products, where no list is told."""
    told = [[node for item in items for node in graph.each(item)] for items in graph.lists[:20]]
    lists = [_read_list(nodes, graph, page, source) for nodes in told]
    alone = [found.node for found in graph.found if found.role == "page"]
    lists.append(_read_list(alone, graph, page, source) if len(alone) > 1 else ())
    longest = max(lists, key=len)
    return Listing(longest, source) if longest else None


def _read_list(nodes: list[Node], graph: Graph, page: Page, source: str) -> tuple[Facts, ...]:
    read = []
    for node in nodes[: 2 * MOST_LISTED]:
        draft = Draft(source)
        _put_alone(draft, Shown([node], [], 1.0), graph, page)
        facts = draft.done()
        if facts.has_id or facts.group_id:
            read.append(facts)
    return tuple(read[:MOST_LISTED])
