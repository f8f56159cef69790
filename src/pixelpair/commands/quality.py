"""`pixelpair quality`: what Meta makes of the events, beside what was delivered, and what to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.spools import opened
from pixelpair.commands.words import LEFT, OK, add
from pixelpair.delivery.retry import reason_of
from pixelpair.errors import PixelPairError
from pixelpair.graph.client import Graph
from pixelpair.graph.quality import GOOD_MATCH, EventQuality, query, read

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from pixelpair.commands.words import Commands, Read
    from pixelpair.settings import Settings

_HEADINGS = ("pixel", "event", "match of 10", "covered", "same event_id", "comes", "delivered here")
_NUMBERS = frozenset({2, 3, 4, 6})

# Meta's names of the identifiers that its documents show; what Meta does not list of these, no
# event has.
_EXPECTED: Final = ("email", "external_id", "ip_address", "user_agent")
# Only visitors who came by an ad have one: a low share is no fault.
_RARE: Final = frozenset({"fbc"})
_FIXES: Final[Mapping[str, str]] = {
    "email": "call pixelpair.identify(email=...) where customers sign in and in the checkout",
    "external_id": "call pixelpair.identify(external_id=...) with the customer's number, or let "
    "pixelpair read the signed-in user",
    "ip_address": "behind a proxy or CDN set PIXELPAIR_TRUSTED_PROXIES; `pixelpair doctor URL` "
    "shows which address arrives",
    "user_agent": "a proxy removes User-Agent, or events are sent by pixelpair.send without seal()",
    "phone": "call pixelpair.identify(phone=...) in the checkout",
    "fbp": "events leave before the visitor has a cookie: `pixelpair doctor URL` shows the cookies",
}
_OTHER_FIX: Final = "hand it to pixelpair.identify() where the shop knows it"
_UNCOVERED: Final = (
    "browser events come that no server event follows: look for a second pixel in the theme with "
    "`pixelpair doctor URL`, and for what waits with `pixelpair status`"
)
_NAMELESS: Final = "events without an event_id come from another integration: `pixelpair shadow`"
_LATE: Final = "events wait before they are sent: `pixelpair status` shows where"


@dataclass(frozen=True, slots=True)
class Pixel:
    """What Meta says of one pixel, or why it says nothing."""

    pixel_id: str
    events: tuple[EventQuality, ...] = ()
    problem: str = ""


def add_quality(commands: Commands) -> None:
    """Add the command."""
    add(
        commands,
        "quality",
        _quality,
        "tell how well Meta can match and deduplicate the events, and what would help most",
        "Asks Meta's Dataset Quality API with each pixel's access token; one that was made in\n"
        "Events Manager may read it.\n"
        "Exit code 0: every event reaches Meta's goals; 1: one does not, or Meta did not say;\n"
        "2: the settings are wrong, or the spool cannot be read.",
        "pixelpair quality\npixelpair quality --json",
    )


def _quality(arguments: argparse.Namespace, read_settings: Read) -> int:
    settings = read_settings()
    if not settings.pixels:
        raise PixelPairError("no PIXELPAIR_PIXEL_ID is set: there is nothing to ask Meta about")
    with Graph() as graph:
        pixels = [_asked(graph, settings, pixel_id) for pixel_id in settings.pixels]
    delivered = _delivered(settings)
    answer(_document(pixels, delivered), _shown(pixels, delivered), as_json=arguments.json)
    good = all(p.events and not any(map(advice, p.events)) for p in pixels)
    return OK if good else LEFT


def _asked(graph: Graph, settings: Settings, pixel_id: str) -> Pixel:
    token = settings.token_of(pixel_id)
    if not token:
        return Pixel(pixel_id, problem="has no access token: set PIXELPAIR_ACCESS_TOKEN")
    where = {"graph_url": settings.graph_url, "version": settings.graph_version}
    reply = graph.ask(query(pixel_id, token=token, **where))
    if reply.document is None:
        return Pixel(pixel_id, problem=reason_of(reply))
    return Pixel(pixel_id, read(reply.document))


def _delivered(settings: Settings) -> Counter[tuple[str, str]]:
    with opened(settings) as found:
        tallies = found.outbox.tallies()
    return Counter({(t.pixel_id, t.event_name): t.delivered for t in tallies})


def advice(event: EventQuality) -> list[str]:
    """What would help this event, the most first; nothing where it reaches Meta's goals."""
    said = []
    if event.coverage is not None and event.coverage < event.goal:
        said.append(_UNCOVERED)
    named = event.dedup_keys.get("event_id")
    if named and min(_known(named.browser), _known(named.server)) < event.goal:
        said.append(_NAMELESS)
    if event.score is not None and event.score < GOOD_MATCH:
        key, share = weakest(event)
        said.append(f"{key} comes with {share:.0f} % of the events: {_FIXES.get(key, _OTHER_FIX)}")
    if event.freshness not in ("", "real_time"):
        said.append(_LATE)
    return said + [d.solution for d in event.diagnostics if d.solution]


def weakest(event: EventQuality) -> tuple[str, float]:
    """The identifier that the fewest events have, and with how many percent it comes."""
    shares = dict.fromkeys(_EXPECTED, 0.0) | {
        key: share for key, share in event.matched_by.items() if share is not None
    }
    candidates = {key: share for key, share in shares.items() if key not in _RARE}
    return min(candidates.items(), key=lambda item: item[1])


def _known(share: float | None) -> float:
    return 100.0 if share is None else share


# --- what is shown -------------------------------------------------------------------------------


def _document(pixels: list[Pixel], delivered: Counter[tuple[str, str]]) -> dict[str, object]:
    return {
        "pixels": [
            {
                "pixel": pixel.pixel_id,
                "problem": pixel.problem or None,
                "events": [
                    {
                        **asdict(event),
                        "delivered_here": delivered[pixel.pixel_id, event.name],
                        "advice": advice(event),
                    }
                    for event in pixel.events
                ],
            }
            for pixel in pixels
        ]
    }


def _shown(pixels: list[Pixel], delivered: Counter[tuple[str, str]]) -> list[Grid | str]:
    rows = [
        _row(pixel.pixel_id, event, delivered[pixel.pixel_id, event.name])
        for pixel in pixels
        for event in pixel.events
    ]
    return [Grid(rows, _HEADINGS, _NUMBERS), *map(_said_of, pixels)]


def _row(pixel_id: str, event: EventQuality, delivered: int) -> tuple[str, ...]:
    named = event.dedup_keys.get("event_id")
    covered = f"{_percent(event.coverage)} of {event.goal:.0f} %"
    figures = ("-" if event.score is None else f"{event.score:.1f}", covered)
    both = _percent(named.both if named else None)
    return pixel_id, event.name, *figures, both, event.freshness or "-", count(delivered)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0f} %"


def _said_of(pixel: Pixel) -> str:
    if pixel.problem:
        return f"pixel {pixel.pixel_id}: {pixel.problem}"
    if not pixel.events:
        return f"pixel {pixel.pixel_id}: Meta has no figures of its events"
    lines = [f"{event.name}: {line}" for event in pixel.events for line in advice(event)]
    return "\n".join(lines)
