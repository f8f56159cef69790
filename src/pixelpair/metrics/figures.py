"""Every figure that is shown: under which name, counted by whom, and what it means.

Names are Prometheus' (https://prometheus.io/docs/practices/naming/), without `_total`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Figure:
    """`key` is the name under which `Meters` counts it; `label` tells its kinds apart."""

    name: str
    help: str
    key: str = ""
    label: str = ""
    unit: str = "{event}"
    known: tuple[str, ...] = ()  # kinds that are shown as 0 before they come: an alert sees the 1st


# Reasons of `Notes.counts` that are no loss: nothing of these visitors or acts shall leave.
MEANT: Final = frozenset(
    {"failed acts", "fetched ahead", "login redirects", "no consent", "sensitive page", "staff"}
)
_LOST: Final = ("failed", "faults", "memory_full", "spool_full", "too_large", "too_late")
_MACHINES: Final = "machine: "
_REFUSED: Final = "report refused: "
_PAGES: Final = " pages"
_ELSEWHERE: Final = {
    "failures": ("failures", ""),
    "reported again": ("duplicate", ""),
    "server half alone": ("alone", ""),
}

COUNTERS: Final = (
    Figure(
        "pixelpair_events_accepted",
        "Server halves that came from the journals into the outbox.",
        "accepted",
    ),
    Figure(
        "pixelpair_events_duplicate",
        "Events that came once more and were not counted again.",
        "duplicate",
    ),
    Figure("pixelpair_events_delivered", "Events that Meta has.", "delivered", "event"),
    Figure(
        "pixelpair_events_retried",
        "Events that were tried and wait for another try, each time.",
        "retried",
        "kind",
    ),
    Figure("pixelpair_events_dead", "Events that became dead letters.", "dead", "reason"),
    Figure(
        "pixelpair_events_dropped",
        "Events that are lost: no room, too late, or a mistake of the shop.",
        "dropped",
        "reason",
        known=_LOST,
    ),
    Figure(
        "pixelpair_events_filtered",
        "Events that shall not leave: machines, staff, no consent, failed acts.",
        "filtered",
        "reason",
    ),
    Figure(
        "pixelpair_events_server_only",
        "Events whose server half left alone: the page could carry no script.",
        "alone",
    ),
    Figure(
        "pixelpair_reports_refused",
        "Reports of pages that were not read.",
        "refused",
        "reason",
        unit="{report}",
    ),
    Figure(
        "pixelpair_pages_untouched",
        "Pages that got no pixel because they could not be read.",
        "untouched",
        "reason",
        unit="{page}",
    ),
    Figure(
        "pixelpair_failures",
        "Failures of pixelpair that let a response through untouched.",
        "failures",
        unit="{failure}",
    ),
)
SPREADS: Final = (
    Figure("pixelpair_batch_size_events", "Events of one call to Graph.", "batch_size"),
    Figure(
        "pixelpair_graph_request_duration_seconds",
        "How long Graph took to answer.",
        "graph_seconds",
        unit="s",
    ),
    Figure(
        "pixelpair_delivery_lag_seconds",
        "How old the oldest event of a batch was when Meta had it.",
        "lag_seconds",
        unit="s",
    ),
)
GAUGES: Final = (
    Figure("pixelpair_events_queued", "Events in the outbox."),
    Figure("pixelpair_events_in_flight", "Events on their way, where the outbox knows."),
    Figure("pixelpair_dead_letters", "Dead letters that are kept."),
    Figure(
        "pixelpair_oldest_event_age_seconds",
        "How long the oldest event waits, in a journal or in the outbox; 0: none does.",
        unit="s",
    ),
    Figure("pixelpair_pixel_events_queued", "Events in the outbox of one pixel.", label="pixel"),
    Figure("pixelpair_pixel_dead_letters", "Dead letters of one pixel.", label="pixel"),
    Figure(
        "pixelpair_breaker_open",
        "1: this pixel's events wait for Meta; see `pixelpair status`.",
        label="pixel",
        unit="1",
    ),
    Figure(
        "pixelpair_breaker_held",
        "1: this pixel's events wait until a person acts; see `pixelpair status`.",
        label="pixel",
        unit="1",
    ),
    Figure(
        "pixelpair_journal_unread_bytes",
        "Bytes in the journals that are not in the outbox yet.",
        unit="By",
    ),
    Figure("pixelpair_sender_running", "1: a process of this host sends.", unit="1"),
    Figure("pixelpair_outbox_readable", "1: the outbox could be read just now.", unit="1"),
    Figure(
        "pixelpair_clock_skew_seconds",
        "How far this clock is ahead of Meta's; below 0: behind.",
        "clock_skew",
        unit="s",
    ),
)
INFO: Final = Figure(
    "pixelpair_build_info", "1, with the versions of pixelpair and of Graph.", unit="1"
)


def of_notes(counts: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """What `Notes` counted, by the figures it belongs to."""
    found: dict[tuple[str, str], int] = {}
    for reason, number in list(counts.items()):
        key = _of_note(reason)
        found[key] = found.get(key, 0) + number
    return found


def _of_note(reason: str) -> tuple[str, str]:
    if reason in _ELSEWHERE:
        return _ELSEWHERE[reason]
    if reason.startswith(_REFUSED):
        return "refused", reason.removeprefix(_REFUSED)
    if reason.endswith(_PAGES):
        return "untouched", reason.removesuffix(_PAGES)
    meant = reason.startswith(_MACHINES) or reason in MEANT
    return "filtered" if meant else "dropped", reason.replace(": ", ":").replace(" ", "_")
