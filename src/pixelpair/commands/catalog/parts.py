"""`pixelpair catalog sets`, `users` and `vehicles`: what belongs to a catalog."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Any

import orjson

from pixelpair.commands.managing import (
    add_managing,
    add_parameters,
    an_id,
    cell,
    line,
    parameters_of,
    talking,
)
from pixelpair.commands.orders import opened_file
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.words import LEFT, OK, group
from pixelpair.errors import PixelPairError
from pixelpair.graph import catalog as catalogs
from pixelpair.graph.batch import MOST
from pixelpair.graph.catalog_vehicles import VEHICLE
from pixelpair.graph.catalog_vehicles import add_vehicles as added
from pixelpair.graph.catalog_words import PRODUCT_SET, TASKS
from pixelpair.graph.errors import GraphError, trouble_of
from pixelpair.graph.parameters import problems

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pixelpair.commands.words import Commands, Read
    from pixelpair.graph.client import Reply

    Numbered = list[tuple[int, Any]]


def add_sets(commands: Commands) -> None:
    inner = group(commands, "sets", "list and make product sets, which shops show as collections")
    parser = add_managing(
        inner,
        "list",
        _sets,
        "list a catalog's product sets",
        "",
        "pixelpair catalog sets list 9876543",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    parser = add_managing(
        inner,
        "create",
        _create_set,
        "make a product set",
        "",
        "pixelpair catalog sets create 9876543 --name Green "
        """--filter '{"product_type": {"i_contains": "green"}}'""",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    add_parameters(parser, PRODUCT_SET)


def _sets(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        found = list(catalogs.edge(graph, access, arguments.catalog, "product_sets"))
    names = ("id", "name", "retailer_id", "product_count", "filter")
    rows = [tuple(cell(row.get(name)) for name in names) for row in found]
    shown = [Grid(rows, names, frozenset({3}))] if rows else ["no product set"]
    answer({"sets": found}, shown, as_json=arguments.json)
    return OK


def _create_set(arguments: argparse.Namespace, read: Read) -> int:
    values = parameters_of(arguments, PRODUCT_SET)
    with talking(read(), arguments.pixel) as (graph, access):
        made = catalogs.create_set(graph, access, arguments.catalog, values)
    answer({"id": made}, [f"made product set {made}"], as_json=arguments.json)
    return OK


def add_users(commands: Commands) -> None:
    inner = group(commands, "users", "let people and system users work on a catalog, or not")
    parser = add_managing(
        inner,
        "add",
        _add_user,
        "let a user work on a catalog",
        "",
        "pixelpair catalog users add 9876543 112233 --task MANAGE --task ADVERTISE",
    )
    _add_user_arguments(parser)
    parser.add_argument(
        "--task",
        choices=TASKS,
        action="append",
        required=True,
        metavar="TASK",
        help=f"may be given several times: {', '.join(TASKS)}",
    )
    parser = add_managing(
        inner,
        "remove",
        _remove_user,
        "take a user's rights on a catalog away",
        "",
        "pixelpair catalog users remove 9876543 112233",
    )
    _add_user_arguments(parser)


def _add_user_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    parser.add_argument("user", type=an_id, help="the id of a user of the business, or system user")


def _add_user(arguments: argparse.Namespace, read: Read) -> int:
    tasks = list(dict.fromkeys(arguments.task))
    with talking(read(), arguments.pixel) as (graph, access):
        catalogs.add_user(graph, access, arguments.catalog, arguments.user, tasks)
    told = {"user": arguments.user, "tasks": tasks}
    answer(told, [f"{arguments.user} may {', '.join(tasks)}"], as_json=arguments.json)
    return OK


def _remove_user(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        catalogs.remove_user(graph, access, arguments.catalog, arguments.user)
    told = {"user": arguments.user, "tasks": []}
    answer(told, [f"{arguments.user} has no rights on it any more"], as_json=arguments.json)
    return OK


# --- vehicles ------------------------------------------------------------------------------------


def add_vehicles(commands: Commands) -> None:
    inner = group(commands, "vehicles", "add vehicles to a catalog of them")
    required = ", ".join(one.name for one in VEHICLE if one.required)
    others = ", ".join(one.name for one in VEHICLE if not one.required)
    parser = add_managing(
        inner,
        "add",
        _add_vehicles,
        "add vehicles from a file of JSON: one object a line",
        f"Each line needs {required};\nit may have {others}.\n"
        "Lines that do not fit are told with their field, and the others go.",
        "pixelpair catalog vehicles add 9876543 cars.jsonl\n"
        "pixelpair catalog vehicles add 9876543 - --dry-run < cars.jsonl",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    parser.add_argument("file", help="JSON lines; - is the standard input")
    parser.add_argument("--dry-run", action="store_true", help="read and judge, add nothing")


def _add_vehicles(arguments: argparse.Namespace, read: Read) -> int:
    good, wrong = _read_vehicles(arguments.file)
    ids: list[dict[str, object]] = []
    if good and not arguments.dry_run:
        with talking(read(), arguments.pixel) as (graph, access):
            vehicles = [one for _, one in good]
            replies, why = _replies(added(graph, access, arguments.catalog, vehicles))
        wrong += [(number, why) for number, _ in good[len(replies) :]]
        for (number, vehicle), reply in zip(good, replies, strict=False):
            try:
                ids.append({"line": number, "vehicle_id": vehicle["vehicle_id"], "id": _id(reply)})
            except GraphError as error:
                wrong.append((number, str(error)))
    wrong.sort()
    for number, why in wrong:
        print(f"line {number}: {line(why)}", file=sys.stderr)
    told = {
        "added": ids,
        "fitting": len(good),
        "wrong": [{"line": number, "why": why} for number, why in wrong],
    }
    sentence = f"{count(len(good))} fit" if arguments.dry_run else f"added {count(len(ids))}"
    answer(told, [f"{sentence}, {count(len(wrong))} wrong"], as_json=arguments.json)
    return LEFT if wrong else OK


def _replies(coming: Iterator[Reply]) -> tuple[list[Reply], str]:
    """What Meta answered, and why it was not asked for the rest: what was added is told all the
    same. While it throttles, each further call makes the block longer."""
    replies: list[Reply] = []
    try:
        for reply in coming:
            replies.append(reply)
            if len(replies) % MOST == 0 and any(map(_throttled, replies[-MOST:])):
                return replies, "not sent, as Meta throttles"
    except GraphError as error:
        if not replies:
            raise
        return replies, f"not told to be added: {error}"
    except KeyboardInterrupt:
        return replies, "stopped before it was told to be added"
    return replies, ""


def _throttled(reply: Reply) -> bool:
    return reply.document is None and trouble_of(reply).kind == "throttled"


def _id(reply: Reply) -> str:
    if reply.document is None:
        raise GraphError(reply)
    return catalogs.made(reply.document)


def _read_vehicles(place: str) -> tuple[Numbered, list[tuple[int, str]]]:
    """The lines that fit, and what is wrong with the others."""
    good: Numbered = []
    wrong: list[tuple[int, str]] = []
    with opened_file(place) as file:
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:  # what orjson reads, it writes
                vehicle = orjson.loads(text.removeprefix(BOM_UTF8))
            except ValueError:
                wrong.append((number, "it is no JSON object"))
                continue
            why = "; ".join(problems(VEHICLE, vehicle))
            if why:
                wrong.append((number, why))
            else:
                good.append((number, vehicle))
    if not good and not wrong:
        raise PixelPairError(f"{place} holds no vehicle")
    return good, wrong
