"""`pixelpair status`: where every event is, who sends, and what keeps a pixel's events back."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.spools import opened
from pixelpair.commands.words import LEFT, OK, add, seconds, span
from pixelpair.core.events import Twin
from pixelpair.delivery import locks, sums
from pixelpair.delivery.leader import LOCK_FILE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path

    from pixelpair.commands.spools import Opened
    from pixelpair.commands.words import Commands, Read
    from pixelpair.core.events import Withdrawal
    from pixelpair.delivery.numbers import Numbers
    from pixelpair.delivery.outbox import Stats, Tally, Trouble
    from pixelpair.settings import Settings

    Kind = tuple[str, str]

_HEADINGS = ("pixel", "event", "waiting", "delivered", "dead", "oldest")
_NUMBERS = frozenset({2, 3, 4, 5})


@dataclass(frozen=True, slots=True)
class Leader:
    """Who sends from this spool, as the lock and its signature say. `leads` None: unknown."""

    leads: bool | None
    pid: int | None = None
    host: str = ""
    program: str = ""
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """What the journals hold that is not in the outbox yet."""

    journals: int
    kinds: Counter[Kind]
    oldest: dict[Kind, int]


@dataclass(frozen=True, slots=True)
class Found:
    """All that `status` tells, as it was at one moment."""

    at: float
    spool: Path
    file: Path | None
    leader: Leader
    unread: Unread
    stats: Stats
    tallies: list[Tally]
    troubles: list[Trouble]
    set_aside: list[str]
    dropped: dict[str, int]
    filtered: dict[str, int]

    @property
    def oldest(self) -> int | None:
        times = [self.stats.oldest, *self.unread.oldest.values(), *(t.oldest for t in self.tallies)]
        return min((at for at in times if at is not None), default=None)

    @property
    def lag(self) -> float:
        """How long the oldest event waits, in seconds; 0 where none does."""
        return 0.0 if self.oldest is None else max(0.0, self.at - self.oldest)


def add_status(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "status",
        _status,
        "tell where every event is: waiting, delivered or dead, by pixel and name",
        "Reads PIXELPAIR_*, and only looks: nothing is made, locked or sent.\n"
        "Exit code 0: all is told; 1: an event waits longer than --max-lag; 2: the settings are "
        "wrong,\nor the spool cannot be read.",
        "pixelpair status\npixelpair status --json\npixelpair status --max-lag 15m > /dev/null",
    )
    parser.add_argument(
        "--max-lag",
        type=seconds,
        metavar="SPAN",
        help="exit with 1 if an event waits longer than this (90s, 15m, 2h, 1d)",
    )


def _status(arguments: argparse.Namespace, read: Read) -> int:
    settings = read()
    with opened(settings) as found:
        seen = _look(found, time.time())
    answer(_document(seen, settings), _shown(seen, settings), as_json=arguments.json)
    late = arguments.max_lag is not None and seen.lag > arguments.max_lag
    if late:
        print(f"the oldest event waits for {span(seen.lag)}", file=sys.stderr)
    return LEFT if late else OK


def _look(found: Opened, now: float) -> Found:
    leader = _leader(found.spool / LOCK_FILE)
    # Journals first: what is taken in meanwhile is seen twice rather than not at all.
    unread = _unread(len(list(found.spool.glob("*.pxj"))), found.intake.waiting())
    outbox = found.outbox
    file = found.file
    beside = file.parent.glob(f"{file.name}.corrupt-*") if file else ()
    aside = sorted(path.name for path in beside)
    shown = [name for name in aside if not name.endswith(("-wal", "-shm"))]
    stats, tallies, troubles = outbox.stats(), outbox.tallies(), outbox.troubles()
    counted = _of_labels(sums.host(found.spool), "dropped", "filtered")
    where = now, found.spool, found.file, leader
    return Found(*where, unread, stats, tallies, troubles, shown, *counted)


def _of_labels(numbers: Numbers, *names: str) -> list[dict[str, int]]:
    """Of each of these counters what was counted, by its labels, the most first."""
    counts = numbers.counts.most_common()
    return [{label: n for (key, label), n in counts if key == name} for name in names]


def _leader(lock: Path) -> Leader:
    leads, signature = locks.holder(lock)
    known: dict[str, Any] = {}
    if leads is not False:
        with suppress(ValueError):
            known = json.loads(signature)
    keys = ("pid", "host", "program", "since")
    return Leader(leads, **{key: known[key] for key in keys if key in known})


def _unread(journals: int, records: Iterable[Twin | Withdrawal]) -> Unread:
    kinds: Counter[Kind] = Counter()
    oldest: dict[Kind, int] = {}
    for twin in records:
        if isinstance(twin, Twin):
            kind = twin.pixel_id, twin.event_name
            kinds[kind] += 1
            oldest[kind] = min(twin.event_time, oldest.get(kind, twin.event_time))
    return Unread(journals, kinds, oldest)


def _document(seen: Found, settings: Settings) -> dict[str, object]:
    stats = seen.stats
    return {
        "at": seen.at,
        "spool": str(seen.spool),
        "outbox": str(seen.file or "redis"),
        "set_aside": seen.set_aside,
        "mode": settings.mode,
        "sender": settings.sender,
        "graph_url": settings.graph_url,
        "graph_version": settings.graph_version,
        "leader": asdict(seen.leader),
        "journals": seen.unread.journals,
        "unread": seen.unread.kinds.total(),
        "queued": stats.queued,
        "in_flight": stats.in_flight,
        "delivered": stats.delivered,
        "dead": stats.dead,
        "withdrawn": stats.withdrawn,
        "oldest": seen.oldest,
        "lag": seen.lag,
        "events": _events(seen),
        "troubles": [
            {"pixel": t.pixel_id, "reason": t.reason, "since": t.since, "held": t.held}
            for t in seen.troubles
        ],
        "dropped": seen.dropped,
        "filtered": seen.filtered,
    }


def _events(seen: Found) -> list[dict[str, Any]]:
    """Each pixel and name, with what the journals hold of it beside the outbox's figures."""
    tallies = {(t.pixel_id, t.event_name): t for t in seen.tallies}
    rows = []
    for kind in sorted(tallies.keys() | seen.unread.kinds.keys()):
        tally = tallies.get(kind)
        times = [seen.unread.oldest.get(kind), tally.oldest if tally else None]
        rows.append(
            {
                "pixel": kind[0],
                "event": kind[1],
                "unread": seen.unread.kinds[kind],
                "queued": tally.queued if tally else 0,
                "delivered": tally.delivered if tally else 0,
                "dead": tally.dead if tally else 0,
                "oldest": min((at for at in times if at is not None), default=None),
            }
        )
    return rows


def _shown(seen: Found, settings: Settings) -> list[Grid | str]:
    return [
        Grid(_facts(seen, settings)),
        Grid([_row(seen, event) for event in _events(seen)], _HEADINGS, _NUMBERS),
        "\n".join(_trouble(seen, trouble) for trouble in seen.troubles),
    ]


def _facts(seen: Found, settings: Settings) -> list[tuple[str, str]]:
    unread, stats = seen.unread, seen.stats
    waiting = [count(stats.queued + unread.kinds.total())]
    if unread.kinds:
        number = "journal" if unread.journals == 1 else "journals"
        waiting.append(f"{count(unread.kinds.total())} of them in {unread.journals} {number}")
    if stats.in_flight:
        waiting.append(f"{count(stats.in_flight)} on their way")
    if seen.oldest is not None:
        waiting.append(f"the oldest for {span(seen.lag)}")
    there = "" if seen.spool.exists() else " (not made yet)"
    facts = [
        ("spool", f"{seen.spool}{there}"),
        ("mode", settings.mode),
        ("Graph", f"{settings.graph_version} at {settings.graph_url}"),
        ("sender", _sender(seen)),
        ("waiting", ", ".join(waiting)),
        ("delivered", count(stats.delivered)),
        ("dead", count(stats.dead) + (", see `pixelpair dead list`" if stats.dead else "")),
        ("withdrawn", count(stats.withdrawn)),
    ]
    for name, counted in (("dropped", seen.dropped), ("filtered", seen.filtered)):
        if counted:
            reasons = ", ".join(f"{reason} {count(n)}" for reason, n in counted.items())
            facts.append((name, f"{count(sum(counted.values()))}: {reasons}"))
    if seen.set_aside:
        facts.append(("set aside", ", ".join(seen.set_aside)))
    return facts


def _sender(seen: Found) -> str:
    leader = seen.leader
    if leader.leads is None:
        return "unknown: there are no file locks here"
    if not leader.leads:
        return "none: no process sends at this moment"
    who = f"{leader.program or 'a process'}" + (f", pid {leader.pid}" if leader.pid else "")
    where = f" on {leader.host}" if leader.host else ""
    since = f", for {span(seen.at - leader.since)}" if leader.since else ""
    return f"{who}{where}{since}"


def _row(seen: Found, event: dict[str, Any]) -> tuple[str, ...]:
    oldest = span(seen.at - event["oldest"]) if event["oldest"] is not None else "-"
    figures = (event["queued"] + event["unread"], event["delivered"], event["dead"])
    return event["pixel"], event["event"], *map(count, figures), oldest


def _trouble(seen: Found, trouble: Trouble) -> str:
    kind = "is held" if trouble.held else "waits"
    return f"pixel {trouble.pixel_id} {kind} for {span(seen.at - trouble.since)}: {trouble.reason}"
