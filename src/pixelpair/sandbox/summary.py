"""One event in a line of the list: what can be shown, sorted and searched without its halves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .compare import LDU, differing, money, page, said
from .fields import listed, part

if TYPE_CHECKING:
    from .book import Entry, Half

# Names and addresses come from strangers, and ten thousand lines go to one page.
MAX_TEXT = 200


def summary(entry: Entry) -> dict[str, Any]:
    """Numbers and short texts; all else is asked for by `n`."""
    browser, server = entry.halves.get("browser"), entry.halves.get("server")
    halves = [half for half in (browser, server) if half]
    differs = differing(browser, server)
    return {
        "n": entry.number,
        "name": short(entry.name),
        "event_id": short(entry.event_id),
        "pixel_id": short(entry.pixel_id),
        "status": entry.status,
        "received": max(half["received"] for half in halves),
        "delay": delay(server),
        "consent": browser.get("consent") if browser else None,
        "ldu": _ldu(differs, halves),
        "code": short(said(server.get("test_event_code"))) if server else "",
        "page": _first(page, halves),
        "amount": _first(money, halves),
        "found": _first(_ids, halves),
        "differs": differs,
        "repeats": max(half["repeats"] for half in halves),
        "notes": sum(len(half.get("notes", ())) for half in halves),
    }


def delay(server: Half | None) -> float | None:
    """Seconds from the act to its arrival here; a clock a little ahead is no negative delay."""
    happened = server.get("event_time") if server else None
    if server is None or not isinstance(happened, int):
        return None
    return round(max(0.0, float(server["received"]) - happened), 1)


def short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _ldu(differs: list[str], halves: list[Half]) -> str:
    if LDU in differs:
        return "differs"
    return "on" if any(half.get("ldu") for half in halves) else "off"


def _ids(half: Half) -> str:
    """What people search an event by beside its name, id and page."""
    custom = part(half, "custom_data")
    found = [custom.get("order_id"), *listed(custom.get("content_ids"))[:20]]
    return " ".join(filter(None, map(said, found)))


def _first(read: Any, halves: list[Half]) -> str:
    return short(next(filter(None, map(read, halves)), ""))
