"""Why an event is a pair, or why its one half stayed alone, in words for its page. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .compare import LDU, differing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .book import Entry

# By the half that came.
NO_ID = {
    "browser": "The browser half has no eventID: no server half can ever match it.",
    "server": "The server half has no event_id: no browser half can ever match it.",
}
NOT_YET = {
    "browser": (
        "No server half yet: no event with this name and event_id has come through the "
        "Conversions API."
    ),
    "server": (
        "No browser half yet: no pixel has sent this name with this eventID (script blocked, "
        "no consent, or a page that never fired it)."
    ),
}
LDU_DIFFERS = (
    "A fault of the shop: the halves disagree about Limited Data Use; "
    "pixel and server must be told the same."
)


def why(entry: Entry, entries: Iterable[Entry]) -> str:
    """One or more sentences. `entries` is where a near miss is looked for."""
    if entry.status == "paired":
        return _matched(entry)
    side = "browser" if "browser" in entry.halves else "server"
    if not entry.event_id:
        return NO_ID[side]
    other = next((each for each in entries if _nearly(entry, each)), None)
    return _missed(entry, other) if other else NOT_YET[side]


def faults(entry: Entry) -> list[str]:
    """What the shop must mend although the halves found each other."""
    found = differing(entry.halves.get("browser"), entry.halves.get("server"))
    return [LDU_DIFFERS] if LDU in found else []


def remarks(entry: Entry) -> list[str]:
    return [
        f"{side.capitalize()} half: {note}."
        for side in ("browser", "server")
        for note in entry.halves.get(side, {}).get("notes", ())
    ]


def _matched(entry: Entry) -> str:
    halves = entry.halves
    again = [
        f" The {side} half came {halves[side]['repeats'] + 1} times; Meta counts it once."
        for side in ("browser", "server")
        if halves[side]["repeats"]
    ]
    labels = [_spoken(label) for label in differing(halves["browser"], halves["server"])]
    but = f" The halves differ in: {', '.join(labels)}." if labels else ""
    return f"Matched: same pixel, name and event_id.{''.join(again)}{but}"


def _spoken(label: str) -> str:
    return label if label == LDU else label.lower()


def _nearly(entry: Entry, other: Entry) -> bool:
    """The other half of it, but for its name, its pixel or its time."""
    alone = other.status not in ("paired", entry.status)
    return alone and other.event_id == entry.event_id


def _missed(entry: Entry, other: Entry) -> str:
    side = "server" if "server" in other.halves else "browser"
    if other.name != entry.name:
        return (
            f"Not matched: the {side} sent this event_id as “{other.name}”; the names must agree."
        )
    if other.pixel_id != entry.pixel_id:
        return f"Not matched: the {side} sent it to pixel {other.pixel_id}."
    return f"Not matched: the {side} half came more than 48 hours apart."
