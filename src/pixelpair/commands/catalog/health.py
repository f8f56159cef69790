"""`pixelpair catalog diagnostics`, `stats` and `checks`: what Meta finds, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pixelpair.commands.managing import add_managing, an_id, cell, legible, line, talking
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.words import LEFT, OK
from pixelpair.errors import PixelPairError
from pixelpair.graph import catalog_health as health
from pixelpair.graph.catalog_sources import sources

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pixelpair.commands.words import Commands, Read
    from pixelpair.graph.catalog_health import Finding, Match

_FILTERS = (
    ("--type", "types", health.TYPES),
    ("--severity", "severities", health.SEVERITIES),
    ("--channel", "affected_channels", health.CHANNELS),
    ("--entity", "affected_entities", health.ENTITIES),
    ("--feature", "affected_features", health.FEATURES),
)
_NO_STEP = "Meta names no step: look at the catalog's issues in Commerce Manager"
_SAMPLES = 5
_UNLINKED = "the catalog is linked to no pixel and no app: `pixelpair catalog link CATALOG`"
_UNSEEN = (
    "no figures of 28 days: there were no events with content ids, or this token may not see the"
    " linked pixel"
)


def add_diagnostics(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "diagnostics",
        _diagnostics,
        "tell what Meta finds wrong with a catalog, and where to mend it",
        "Filters may be given several times. 1 is the exit code where something must be fixed.",
        "pixelpair catalog diagnostics 9876543\n"
        "pixelpair catalog diagnostics 9876543 --severity MUST_FIX --type EVENT_SOURCE_ISSUES",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    for option, name, values in _FILTERS:
        parser.add_argument(
            option,
            dest=name,
            choices=values,
            action="append",
            default=[],
            metavar="WORD",
            help=", ".join(values),
        )


def _diagnostics(arguments: argparse.Namespace, read: Read) -> int:
    chosen = {name: getattr(arguments, name) for _, name, _ in _FILTERS}
    with talking(read(), arguments.pixel) as (graph, access):
        found = list(health.diagnostics(graph, access, arguments.catalog, **chosen))
    told = [{**asdict(one), "blocks": one.blocks} for one in found]
    rows = [(one.severity or "-", one.type, count(one.items), one.title) for one in found]
    grid = Grid(rows, ("severity", "type", "items", "what"), frozenset({2}))
    shown: list[Grid | str] = [grid, *(step for one in found if (step := _step(one)))]
    answer({"diagnostics": told}, shown if found else ["nothing found"], as_json=arguments.json)
    return LEFT if any(one.blocks for one in found) else OK


def _step(one: Finding) -> str:
    """Meta's own words and link. Where it has none, something that must be fixed has a place."""
    words = dict.fromkeys(
        word.rstrip(". ") for word in (one.subtitle, one.action, *one.instructions) if word
    )
    text = ". ".join(words) + (f": {one.link}" if one.link else "")
    if not (one.action or one.instructions or one.link) and one.blocks:
        text = f"{text}. {_NO_STEP}".removeprefix(". ")
    samples = f" (such as {', '.join(one.samples[:_SAMPLES])})" if one.samples else ""
    whose = " of ".join(filter(None, (one.event, one.source)))
    title = f"{one.title} ({whose})" if whose else one.title
    return line(f"{title}: {text}{samples}") if text or samples else ""


def add_stats(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "stats",
        _stats,
        "tell how many content ids of 28 days' events matched the catalog, by event and source",
        "1 is the exit code where ids do not match, or there are no figures.",
        "pixelpair catalog stats 9876543\npixelpair catalog stats 9876543 --by-device",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    parser.add_argument("--by-device", action="store_true", help="a row for each kind of device")


def _stats(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        found = health.stats(graph, access, arguments.catalog, by_device=arguments.by_device)
        linked = found or sources(graph, access, arguments.catalog)
    problem = "" if found else _UNSEEN if linked else _UNLINKED
    told = [{**asdict(one), "share": one.share, "cause": health.cause(one)} for one in found]
    shown = _stats_shown(found, arguments.by_device) if found else [problem]
    answer({"problem": problem or None, "stats": told}, shown, as_json=arguments.json)
    return LEFT if problem or any(map(health.cause, found)) else OK


def _stats_shown(found: Sequence[Match], by_device: bool) -> list[Grid | str]:
    headings = ("event", "source", "matched", "unmatched", "elsewhere", "matched share")
    right = frozenset({2, 3, 4, 5})
    rows = [
        (
            f"{one.event} ({one.device})" if by_device else one.event,
            f"{one.source_type} {one.source_id}".strip(),
            *(count(number) for number in (one.matched, one.unmatched, one.elsewhere)),
            "-" if one.share is None else f"{one.share:.0%}",
        )
        for one in found
    ]
    causes = [f"{line(one.event)}: {why}" for one in found if (why := health.cause(one))]
    return [*legible(Grid(rows, headings, right)), *dict.fromkeys(causes)]


def add_checks(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "checks",
        _checks,
        "tell what Meta checks of a pixel's events for dynamic ads",
        "1 is the exit code where a check has failed.",
        "pixelpair catalog checks\npixelpair catalog checks 1234567890 --connection SERVER",
    )
    parser.add_argument(
        "checked",
        type=an_id,
        nargs="?",
        metavar="PIXEL",
        help="the pixel's id; that of --pixel, or the shop's first, where none is named",
    )
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="KEY",
        help=f"only this, such as {', '.join(health.CHECKS)}",
    )
    parser.add_argument(
        "--connection", choices=health.CONNECTIONS, help="only of events that came so"
    )


def _checks(arguments: argparse.Namespace, read: Read) -> int:
    settings = read()
    pixel_id = arguments.checked or arguments.pixel or next(iter(settings.pixels), "")
    if not pixel_id:
        raise PixelPairError("no pixel is named, and no PIXELPAIR_PIXEL_ID is set")
    with talking(settings, arguments.pixel or pixel_id) as (graph, access):
        found = health.checks(
            graph, access, pixel_id, names=arguments.check, connection=arguments.connection
        )
    rows = [
        (cell(one.get("result")), cell(one.get("key")), cell(one.get("title"))) for one in found
    ]
    steps = [
        line(
            f"{cell(one.get('title') or one.get('key'))}: "
            + " ".join(filter(None, (str(one.get(key) or "") for key in _SAID)))
        )
        for one in found
        if one.get("result") == "failed"
    ]
    shown: list[Grid | str] = [Grid(rows, ("result", "check", "what")), *steps]
    answer(
        {"pixel": pixel_id, "checks": found},
        shown if found else ["Meta has no checks of this pixel"],
        as_json=arguments.json,
    )
    return LEFT if steps else OK


_SAID = ("user_message", "description", "action_uri")
