"""`pixelpair catalog list`, `show`, `create`, `update`: the catalog itself, and its edges."""

from __future__ import annotations

import sys
from textwrap import fill
from typing import TYPE_CHECKING, Any

from pixelpair.commands.managing import (
    a_pair,
    add_managing,
    add_parameters,
    an_id,
    cell,
    legible,
    line,
    parameters_of,
    talking,
)
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.words import OK
from pixelpair.errors import PixelPairError
from pixelpair.graph import catalog as catalogs
from pixelpair.graph.catalog_words import (
    CREATE,
    EDGES,
    MORE_FIELDS,
    SEGMENT_USE_CASES,
    UPDATE,
    VERTICALS,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pixelpair.commands.words import Commands, Read
    from pixelpair.graph.catalog_words import Edge


def add_list(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "list",
        _list,
        "list a business's catalogs",
        "",
        "pixelpair catalog list 1234567\npixelpair catalog list 1234567 --shared",
    )
    parser.add_argument("business", type=an_id, help="the id in Business settings > Business info")
    parser.add_argument("--shared", action="store_true", help="those that others share with it")


def _list(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        found = list(catalogs.catalogs(graph, access, arguments.business, shared=arguments.shared))
    names = ("id", "name", "vertical", "product_count", "feed_count")
    rows = [tuple(cell(row.get(name)) for name in names) for row in found]
    grid = Grid(rows, ("id", "name", "vertical", "products", "feeds"), frozenset({3, 4}))
    answer({"catalogs": found}, [grid] if rows else ["no catalog"], as_json=arguments.json)
    return OK


_NAMES = fill(f"Edges: {', '.join(EDGES)}.", 90)
_TAKEN = fill(
    "--with gives "
    + "; ".join(
        f"{name}: {', '.join((*(f'{need} (needed)' for need in edge.needs), *edge.takes))}"
        for name, edge in EDGES.items()
        if edge.needs or edge.takes
    ),
    90,
)


def add_show(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "show",
        _show,
        "show a catalog's fields, or one of its edges",
        f"{_NAMES}\n{_TAKEN}",
        "pixelpair catalog show 9876543\n"
        "pixelpair catalog show 9876543 --edge products\n"
        "pixelpair catalog show 9876543 --edge assigned_users --with business=1234567",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    parser.add_argument("--edge", choices=EDGES, metavar="NAME", help="this edge, all of its pages")
    parser.add_argument(
        "--with",
        dest="given",
        type=a_pair,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a parameter of the edge, such as business, handle or filter",
    )
    parser.add_argument(
        "--segment-use-case",
        choices=SEGMENT_USE_CASES,
        action="append",
        default=[],
        metavar="CASE",
        help=f"of segments: {', '.join(SEGMENT_USE_CASES)}",
    )
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME",
        help=f"a field more, such as {', '.join(MORE_FIELDS)}",
    )


def _show(arguments: argparse.Namespace, read: Read) -> int:
    if arguments.edge:
        return _show_edge(arguments, read, EDGES[arguments.edge])
    if arguments.given:
        raise PixelPairError("--with belongs to --edge")
    with talking(read(), arguments.pixel) as (graph, access):
        found = catalogs.catalog(
            graph,
            access,
            arguments.catalog,
            more_fields=arguments.field,
            segment_use_cases=arguments.segment_use_case,
        )
    grid = Grid([(name, cell(value)) for name, value in found.items()])
    answer(dict(found), [grid], as_json=arguments.json)
    return OK


def _show_edge(arguments: argparse.Namespace, read: Read, edge: Edge) -> int:
    given = dict(arguments.given)
    missing = [name for name in edge.needs if name not in given]
    unknown = [name for name in given if name not in (*edge.needs, *edge.takes)]
    if missing or unknown or arguments.segment_use_case:
        wrong = [f"it needs --with {name}=VALUE" for name in missing]
        wrong += [f"it takes no {name}" for name in unknown]
        wrong += ["--segment-use-case is for the catalog itself"] * bool(arguments.segment_use_case)
        raise PixelPairError(f"{arguments.edge}: {'; '.join(wrong)}")
    if arguments.field:
        given["fields"] = ",".join((*edge.fields, *arguments.field))
    with talking(read(), arguments.pixel) as (graph, access):
        found = list(catalogs.edge(graph, access, arguments.catalog, arguments.edge, given))
    shown: list[Grid | str] = [*_grids(found), f"{count(len(found))} of type {edge.node}"]
    answer({"edge": arguments.edge, "data": found}, shown, as_json=arguments.json)
    return OK


def _grids(found: Sequence[Mapping[str, Any]]) -> list[Grid]:
    """A column for each field that any row has."""
    names = list(dict.fromkeys(name for row in found for name in row))
    return legible(Grid([tuple(cell(row.get(name)) for name in names) for row in found], names))


def add_create(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "create",
        _create,
        "make a catalog",
        "The token needs catalog_management, and its user must be an admin of the business, with\n"
        "the catalog terms accepted: somebody makes the first catalog in Commerce Manager.",
        "pixelpair catalog create 1234567 --name 'Tea shop'\n"
        "pixelpair catalog create 1234567 --name Hotels --vertical hotels",
    )
    parser.add_argument("business", type=an_id, help="the business that will own it")
    add_parameters(parser, CREATE)


def _create(arguments: argparse.Namespace, read: Read) -> int:
    values = parameters_of(arguments, CREATE)
    if values.get("vertical", VERTICALS[0]) not in VERTICALS:
        print(f"no document knows the vertical {line(values['vertical'])}: tried", file=sys.stderr)
    with talking(read(), arguments.pixel) as (graph, access):
        made = catalogs.create(graph, access, arguments.business, values)
    answer({"id": made}, [f"made catalog {made}"], as_json=arguments.json)
    return OK


def add_update(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "update",
        _update,
        "change a catalog's settings",
        "",
        "pixelpair catalog update 9876543 --name 'Tea shop'\n"
        "pixelpair catalog update 9876543 --default-image-url https://shop.example/none.png",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    add_parameters(parser, UPDATE)


def _update(arguments: argparse.Namespace, read: Read) -> int:
    values = parameters_of(arguments, UPDATE)
    if not values:
        raise PixelPairError("nothing to change was given")
    with talking(read(), arguments.pixel) as (graph, access):
        catalogs.update(graph, access, arguments.catalog, values)
    changed = sorted(values)
    answer({"changed": changed}, [f"changed {', '.join(changed)}"], as_json=arguments.json)
    return OK
