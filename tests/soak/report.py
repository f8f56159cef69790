"""What a soak has come to: a table to look at, JSON to keep, and the section of the docs.

`python -m tests.soak.report` writes docs/reliability.md from the last run.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from tests.conftest import ROOT
from tests.drills.report import PAGE

from .watcher import MB

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from .run import Outcome
    from .watcher import Verdict

FOLDER = ROOT / ".cache" / "soak"
BEGIN, END = "<!-- soak: begin -->\n", "<!-- soak: end -->\n"
SENTENCES = """\
{requests:,} requests in {minutes:.1f} minutes, {unanswered:,} of them without a whole answer
{due:,} server events due, {lost:,} lost
{again:,} taken again with the same id, {again_confirmed:,} of them after a whole answer
Graph misbehaved {faults} times, for {ill:.1f} minutes in all, and was called {all_calls:,} times
answers while Graph was well: {quiet_p50} ms (p50), {quiet_p99} ms (p99)
answers while it was not: {misbehaving_p50} ms (p50), {misbehaving_p99} ms (p99)
"""
WHATS = ("memory", "descriptors", "threads", "files")


def broken(outcome: Outcome) -> list[str]:
    """Why this run is not as it must be, each in a sentence."""
    wrong = [
        f"{len(names):,} events {what}, as {', '.join(names[:3])}"
        for what, names in outcome.reckoning.wrong.items()
    ]
    wrong += [f"{number:,} times {what}" for what, number in outcome.book.odd.items()]
    wrong += [
        f"{v.role} {v.pid}: {v.what} grew by {shown(v.what, v.trend.growth)}, and may by"
        f" {shown(v.what, v.bound)}"
        for v in outcome.watcher.verdicts(outcome.terms.bounds)
        if not v.flat
    ]
    ended = outcome.drains.items()
    wrong += [f"{name}: drain: {said.strip()[-200:]}" for name, (code, said) in ended if code]
    wrong += [f"{file} is left in the spool" for file in outcome.left]
    wrong += [f"{role} ended by itself" for role in outcome.gone]
    failures = outcome.log.count("Traceback (most recent call last)")
    return wrong + [f"{failures} tracebacks in the log"] * bool(failures)


def percentile(times: list[float], share: float) -> float | None:
    """In milliseconds; None of nothing."""
    return round(times[int(share * (len(times) - 1))] * 1000, 1) if times else None


def document(outcome: Outcome) -> dict[str, Any]:
    """All of it as JSON."""
    told, book = outcome.reckoning, outcome.book
    verdicts = outcome.watcher.verdicts(outcome.terms.bounds)
    begun = [phase for phase in outcome.phases if phase.start < outcome.seconds]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seconds": round(outcome.seconds),
        "seed": outcome.terms.seed,
        "requests": book.requests,
        "unanswered": book.unanswered,
        "due": told.due,
        "lost": len(told.lost),
        "wrong": {what: len(names) for what, names in told.wrong.items()},
        "again": told.again,
        "again_confirmed": len(told.needless),
        "calls": outcome.calls,
        "phases": [[p.kind, round(p.start, 1), round(p.seconds, 1)] for p in begun],
        "latency_ms": {
            what: {"p50": percentile(times, 0.5), "p99": percentile(times, 0.99)}
            for what, times in outcome.latencies().items()
        },
        "drains": {name: said.strip() for name, (_, said) in outcome.drains.items()},
        "processes": [row(v) for v in verdicts],
        "lives": [
            {"role": life.role, "pid": life.pid, "seconds": round(life.seconds)}
            for life in outcome.watcher.lives.values()
        ],
        "broken": broken(outcome),
    }


def row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the document keeps it."""
    line = verdict.trend
    figures = {"base": line.base, "growth": line.growth, "most": line.most, "bound": verdict.bound}
    about = {"role": verdict.role, "pid": verdict.pid, "what": verdict.what, "flat": verdict.flat}
    return about | {name: round(value, 2) for name, value in figures.items()}


def shown(what: str, value: float) -> str:
    """A figure as one reads it."""
    return f"{value / MB:.1f} MB" if what == "memory" else f"{value:.1f}"


def signed(figure: str) -> str:
    """The same with its sign: a plus for nothing too."""
    number = figure.partition(" ")[0]
    return f"−{figure[1:]}" if float(number) < 0 else f"+{figure.removeprefix('-')}"


def of_roles(told: dict[str, Any]) -> list[list[str]]:
    """A row for each role: how many lives were judged, and of each thing the worst growth."""
    rows = []
    for role in dict.fromkeys(v["role"] for v in told["processes"] if v["what"] == "memory"):
        found = [v for v in told["processes"] if v["role"] == role]
        lives = sum(v["what"] == "memory" for v in found)
        cells = [role, str(lives)]
        for what in WHATS[:3]:
            worst = max((v for v in found if v["what"] == what), key=lambda v: v["growth"])
            grown = shown(what, worst["growth"])
            cells.append(f"{shown(what, worst['base'])} {signed(grown)}")
        rows.append(cells)
    return rows


def keep(outcome: Outcome, folder: Path = FOLDER) -> dict[str, Any]:
    """The document, written where the next `report` finds it; samples beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    told = document(outcome)
    (folder / "report.json").write_text(json.dumps(told, indent=1))
    samples = {
        f"{life.role} {life.pid}": [
            [round(s.at - outcome.begun, 1), s.memory, s.descriptors, s.threads]
            for s in life.samples
        ]
        for life in outcome.watcher.lives.values()
    }
    (folder / "samples.json").write_text(json.dumps(samples))
    (folder / "log").write_text(outcome.log)
    return told


def show(told: dict[str, Any], console: Console) -> None:
    """What a person looks at."""
    table = Table("process", "lives", "memory", "descriptors", "threads", box=box.SIMPLE)
    for cells in of_roles(told):
        table.add_row(*cells)
    console.print(table if table.rows else "no process lived long enough to be judged")
    for line in sentences(told):
        console.print(line, highlight=False)
    for line in told["broken"]:
        console.print(f"BROKEN {line}", style="red", highlight=False)


def sentences(told: dict[str, Any]) -> list[str]:
    """The figures beside the table."""
    times, faults = told["latency_ms"], [p for p in told["phases"] if p[0] != "quiet"]
    ill = sum(p[2] for p in faults) / 60
    figures = {"minutes": told["seconds"] / 60, "faults": len(faults), "ill": ill}
    figures |= {"all_calls": sum(told["calls"].values()), **told}
    figures |= {f"{what}_{p}": value for what in times for p, value in times[what].items()}
    return SENTENCES.format_map(figures).splitlines()


def section(told: dict[str, Any]) -> str:
    """The part of docs/reliability.md between its marks."""
    head = "| Process | Lives | Memory | Descriptors | Threads |\n|---|--:|--:|--:|--:|\n"
    rows = "".join(f"| {' | '.join(cells)} |\n" for cells in of_roles(told))
    said = "".join(f"- {line}\n" for line in sentences(told))
    return f"Measured on {told['date']}:\n\n{said}\n{head}{rows}"


def main() -> int:
    told = json.loads((FOLDER / "report.json").read_text())
    if told["broken"]:
        print("the last run was broken: " + "; ".join(told["broken"]))
        return 1
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + section(told) + END + rest.partition(END)[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
