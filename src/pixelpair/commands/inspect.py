"""`pixelpair inspect`: what would be sent for a page, where it is from, and what is missing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from pixelpair.commands import snippets
from pixelpair.commands.findings import findings, text_of
from pixelpair.commands.pages import MOST, page_at
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.words import LEFT, OK, add
from pixelpair.core.product import CONTENT_IDS

if TYPE_CHECKING:
    import argparse

    from pixelpair.commands.findings import Field, Findings, Told
    from pixelpair.commands.pages import Page
    from pixelpair.commands.words import Commands, Read

_HEADINGS: Final = ("field", "value", "source", "confidence")
_HOW: Final = {
    "content_ids": "an id in the JSON-LD below, the same as in your catalog's feed",
    "value": "offers.price in the JSON-LD below",
    "currency": "offers.priceCurrency in the JSON-LD below, or PIXELPAIR_CURRENCY",
}
_PASTE: Final = "Into the page's template; what stands in {{ }} is to be filled in:"
_NO_RULE: Final = 'no rule of PIXELPAIR_ROUTES: a view must call track("{}")'


def add_inspect(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "inspect",
        _inspect,
        "show what would be sent for a page, and what is missing",
        "Reads the page once, as it is without scripts; nothing is sent, and no setting is "
        "needed.\nExit code 0: it has what an ad needs; 1: something is missing; 2: it cannot be "
        "read, or wrong\nsettings or arguments.",
        "pixelpair inspect https://shop.example/products/wool-blanket\n"
        "pixelpair inspect page.html --url https://shop.example/products/wool-blanket\n"
        "pixelpair inspect - --json < page.html",
    )
    parser.add_argument("page", metavar="URL|FILE", help="- is the standard input")
    parser.add_argument(
        "--url",
        default="",
        metavar="URL",
        help="the address that a FILE is of: rules, and which of its products is meant, need it",
    )


def _inspect(arguments: argparse.Namespace, read: Read) -> int:
    settings = read()
    page = page_at(arguments.page, arguments.url)
    found = findings(page, settings, time.time())
    snippet = _snippet(found)
    answer(_document(page, found, snippet), _shown(page, found, snippet), as_json=arguments.json)
    return OK if found.complete else LEFT


def _snippet(found: Findings) -> str:
    """What to paste, where that would help."""
    if found.complete or not (found.id_missing or found.events[0].missing):
        return ""
    if found.events[0].name == "Search":
        return snippets.listing()
    return snippets.product(found.facts, found.choice, found.address)


def _missing(found: Findings) -> list[tuple[str, str]]:
    """What an ad needs and has not, and how to add it."""
    missing = []
    if found.left_alone:
        missing.append(("pixel", f"{found.left_alone} has this path: the page is left alone"))
    if found.id_missing:
        has = ", ".join(found.ids) or "none"
        why = f"PIXELPAIR_CONTENT_ID says {found.choice}, and the page has: {has}"
        missing.append(("content_ids", why))
    for name in found.events[0].missing:
        if name == "value" and found.facts.price is not None:
            missing.append((name, "the price is known: it is sent with its currency"))
        elif name != "content_ids" or not found.id_missing:
            missing.append((name, _HOW[name]))
    return missing


def _why(found: Findings) -> str:
    """Which content id is chosen, and why."""
    ids = next((f for f in found.events[0].fields if f.name == "content_ids"), None)
    if ids is None or not isinstance(ids.value, list):
        return "none"
    told = ids.value[0] if len(ids.value) == 1 else f"{len(ids.value)} of a list"
    if found.facts.unchosen and _value(found.events[0], "content_type") == "product_group":
        return f"{told} of the group: variants are offered, and none is chosen"
    if found.id_missing:
        return f"{told} from {ids.source}: the page has no {found.choice}"
    if found.choice:
        return f"{told} by PIXELPAIR_CONTENT_ID: {found.choice}"
    return f"{told} from {ids.source}, the first there is of {', '.join(CONTENT_IDS)}"


def _value(event: Told, name: str) -> object:
    return next((field.value for field in event.fields if field.name == name), None)


# --- as a document -------------------------------------------------------------------------------


def _document(page: Page, found: Findings, snippet: str) -> dict[str, Any]:
    return {
        "address": found.address,
        "redirected_from": page.asked,
        "bytes": len(page.body),
        "cut": page.cut,
        "complete": found.complete,
        "events": [
            {
                "event": event.name,
                "rule": event.rule,
                "missing": list(event.missing),
                "fields": [_plain(field) for field in event.fields],
            }
            for event in found.events
        ],
        "content_id": {"choice": found.choice, "found": dict(found.ids), "why": _why(found)},
        "known": [_plain(field) for field in found.known],
        "dropped": [
            dict(zip(("field", "source", "reason"), told, strict=True)) for told in found.dropped
        ],
        "missing": [{"field": name, "how": how} for name, how in _missing(found)],
        "snippet": snippet,
    }


def _plain(field: Field) -> dict[str, Any]:
    value = field.value if isinstance(field.value, list | int | float) else str(field.value)
    return {
        "field": field.name,
        "value": value,
        "source": field.source,
        "confidence": field.confidence,
    }


# --- on a screen ---------------------------------------------------------------------------------


def _shown(page: Page, found: Findings, snippet: str) -> list[Grid | str]:
    shown: list[Grid | str] = [Grid(_facts(page, found))]
    for event in found.events:
        shown += [f"{event.name}: {event.rule or _NO_RULE.format(event.name)}", _grid(event.fields)]
    for heading, grid in (
        ("read, and not sent", _grid(found.known)),
        ("not believed", Grid(found.dropped, ("field", "source", "reason"))),
        ("missing", Grid(_missing(found), ("field", "how to add it"))),
    ):
        shown += [heading, grid] if grid.rows else []
    return [*shown, f"{_PASTE}\n\n{snippet}"] if snippet else shown


def _facts(page: Page, found: Findings) -> list[tuple[str, str]]:
    facts = [("address", found.address or "not known: give it with --url")]
    if page.asked:
        facts.append(("asked", page.asked))
    more = f", and no more than {MOST // 1_000_000} MB" if page.cut else ""
    facts.append(("read", f"{count(len(page.body))} bytes{more}"))
    facts.append(("content id", _why(found)))
    return facts


def _grid(fields: tuple[Field, ...]) -> Grid:
    rows = [
        (f.name, text_of(f.value), f.source, "-" if f.confidence is None else f"{f.confidence:.2f}")
        for f in fields
    ]
    return Grid(rows, _HEADINGS, frozenset({3}))
