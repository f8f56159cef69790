"""`pixelpair tags list`, `add`, `move`, `remove`, `replace`: the tags of one medium."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from pixelpair.commands.managing import an_id, legible, line, talking, told_of
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.tags.words import LIMITS, a_place, add_limits, add_tagging, cap_of
from pixelpair.commands.words import LEFT, OK
from pixelpair.graph import product_tags as tags
from pixelpair.graph.product_places import judge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from pixelpair.commands.words import Commands, Read
    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph
    from pixelpair.graph.product_places import Kind, Place
    from pixelpair.graph.product_tags import Tag, Tagged

_NO_REELS = "Meta's page says that reels do not support this."
_NO_MEANING = "a status that no document knows"
_HEADINGS = ("product", "name", "price", "sale price", "place", "review", "merchant")


def add_list(commands: Commands) -> None:
    parser = add_tagging(
        commands,
        "list",
        _list,
        "list the products that are tagged on a medium",
        f"A tag shows only while its product is approved: the review says what is missing.\n"
        f"{_NO_REELS}",
        "pixelpair tags list 17895695668004550",
    )
    parser.add_argument("media", type=an_id, help="the medium's id")


def _list(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        found = tags.tags(graph, access, arguments.media)
    shown = [*_shown(found), *_rest(found)] if found else ["no product is tagged"]
    answer({"tags": [_told(tag) for tag in found]}, shown, as_json=arguments.json)
    return OK


def _told(tag: Tag) -> dict[str, object]:
    meaning = tags.REVIEWS.get(tag.review_status, _NO_MEANING)
    return {**asdict(tag), "review_means": meaning}


def _shown(found: Sequence[Tag]) -> list[Grid | str]:
    rows = [
        (
            *(tag.product_id, tag.name or "-", tag.price or tag.stripped_price or "-"),
            *(tag.sale_price or "-", _place(tag), tag.review_status or "none", tag.merchant_id),
        )
        for tag in found
    ]
    seen = dict.fromkeys(tag.review_status for tag in found)
    known = [
        f"{status or 'none'}: {tags.REVIEWS[status]}" for status in seen if status in tags.REVIEWS
    ]
    unknown = [f"{line(status)}: {_NO_MEANING}" for status in seen if status not in tags.REVIEWS]
    return [*legible(Grid(rows, _HEADINGS)), *known, *unknown]


def _rest(found: Sequence[Tag]) -> list[Grid | str]:
    """The fields that are too long for columns."""
    rows = [
        (tag.product_id, name, value)
        for tag in found
        for name, value in (
            ("page", tag.product_url),
            ("image", tag.image_url),
            ("sold", "in the app" if tag.is_checkout else "on the shop's page"),
        )
        if value
    ]
    return [Grid(rows)]


def _place(tag: Tag) -> str:
    return "-" if tag.x is None or tag.y is None else f"{tag.x:.3g},{tag.y:.3g}"


def add_add(commands: Commands) -> None:
    _add_places(
        commands,
        "add",
        _add,
        "tag products on a medium, beside those that are",
        f"A product that is tagged already moves to its new place.\n{LIMITS}",
        "pixelpair tags add 17895695668004550 3231775643511089@0.5,0.8\n"
        "pixelpair tags add 17895695668004550 3231775643511089 --kind reel",
    )


def add_move(commands: Commands) -> None:
    parser = add_tagging(
        commands,
        "move",
        _move,
        "move tags to other places on an image",
        "To Meta this is the same as adding them; what is not tagged yet is told, and not added.",
        "pixelpair tags move 17895695668004550 3231775643511089@0.2,0.3",
    )
    _add_products(parser, "PRODUCT@X,Y")


def add_replace(commands: Commands) -> None:
    _add_places(
        commands,
        "replace",
        _replace,
        "have these products tagged and no others",
        "Reads what is there, takes the surplus away, adds the rest. Where Meta does not take the\n"
        f"rest, it is told what is gone, and what puts it back. {_NO_REELS}\n{LIMITS}",
        "pixelpair tags replace 17895695668004550 3231775643511089@0.5,0.8",
        reels=False,
    )


def _add_places(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace, Read], int],
    summary: str,
    more: str,
    examples: str,
    *,
    reels: bool = True,
) -> None:
    parser = add_tagging(commands, name, run, summary, more, examples)
    _add_products(parser, "PRODUCT[@X,Y]")
    add_limits(parser) if reels else add_limits(parser, ("image", "video"))


def _add_products(parser: argparse.ArgumentParser, written: str) -> None:
    parser.add_argument("media", type=an_id, help="the medium's id")
    parser.add_argument(
        "products",
        type=a_place,
        nargs="+",
        metavar=written,
        help="Meta's id of the product, as `tags search` shows it, and its place from 0 to 1",
    )


def _move(arguments: argparse.Namespace, read: Read) -> int:
    judge(arguments.products, "image", len(arguments.products))  # before settings and network
    with talking(read(), arguments.pixel) as (graph, access):
        done = tags.move(graph, access, arguments.media, arguments.products)
    return _done(arguments, done)


def _add(arguments: argparse.Namespace, read: Read) -> int:
    return _change(arguments, read, tags.add)


def _replace(arguments: argparse.Namespace, read: Read) -> int:
    try:
        return _change(arguments, read, tags.replace)
    except tags.ReplaceError as error:
        return _half_done(arguments, error)


def _half_done(arguments: argparse.Namespace, error: tags.ReplaceError) -> int:
    """What is gone, and what puts it back."""
    places = [_written(tag) for tag in error.removed]
    back = f"pixelpair tags add {arguments.media} {' '.join(places)} --kind {arguments.kind}"
    back += f" --pixel {arguments.pixel}" * bool(arguments.pixel)
    print(f"{line(error)}. To put them back: {back}", file=sys.stderr)
    gone = [_told(tag) for tag in error.removed]
    told_of(error.cause, as_json=arguments.json, removed=gone, put_back=back)
    return LEFT


def _written(tag: Tag) -> str:
    """As the arguments want it: plain digits, as fine as Meta's own floats."""
    if tag.x is None or tag.y is None:
        return tag.product_id
    return f"{tag.product_id}@{tag.x:.6f},{tag.y:.6f}"


def _change(
    arguments: argparse.Namespace,
    read: Read,
    change: Callable[[Graph, Access, str, list[Place], Kind, int], Tagged],
) -> int:
    cap, places = cap_of(arguments), arguments.products
    judge(places, arguments.kind, cap)  # before settings and network
    with talking(read(), arguments.pixel) as (graph, access):
        done = change(graph, access, arguments.media, places, arguments.kind, cap)
    return _done(arguments, done)


def add_remove(commands: Commands) -> None:
    parser = add_tagging(
        commands,
        "remove",
        _remove,
        "take products off a medium",
        f"Reads the merchant ids first, which Meta wants too. {_NO_REELS}\n"
        "Meta's newer page no longer shows this call: it may be withdrawn one day.",
        "pixelpair tags remove 17895695668004550 3231775643511089",
    )
    parser.add_argument("media", type=an_id, help="the medium's id")
    parser.add_argument("products", type=an_id, nargs="+", metavar="PRODUCT", help="Meta's ids")


def _remove(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        done = tags.remove(graph, access, arguments.media, arguments.products)
    idle = [one for one in dict.fromkeys(arguments.products) if one not in done.removed]
    return _done(arguments, done, idle)


def _done(arguments: argparse.Namespace, done: Tagged, idle: Sequence[str] = ()) -> int:
    words = [f"sent {count(len(done.sent))}"] if done.sent else []
    words += [f"removed {count(len(done.removed))}"] if done.removed else []
    words += [f"not tagged: {', '.join(idle)}"] if idle else []
    words += [] if done.sent or done.removed else ["it is so already: nothing was sent"]
    after = done.after
    shown: list[Grid | str] = ["; ".join(words)]
    if done.unread:
        print(f"what is tagged now could not be read: {done.unread}", file=sys.stderr)
    else:
        shown += ["a reel's tags cannot be read"] if after is None else _shown(after)
    told = None if after is None else [_told(tag) for tag in after]
    answer(
        {"sent": list(done.sent), "removed": list(done.removed), "tags": told},
        shown,
        as_json=arguments.json,
    )
    return LEFT if done.unread else OK
