"""`pixelpair catalog sync`: what the shop sells, into Meta's catalog; only what changed travels."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pixelpair.catalog.book import Book
from pixelpair.catalog.items import PRODUCT
from pixelpair.catalog.plan import CALLS_AN_HOUR, MOST_TOLD, Plan
from pixelpair.catalog.sources import rows_of
from pixelpair.catalog.sync import Sync
from pixelpair.commands.managing import access_of, add_pixel, an_id, shop_of, telling, told_of
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.words import LEFT, OK, USAGE, add, span
from pixelpair.delivery import locks
from pixelpair.errors import PixelPairError, SpoolError
from pixelpair.graph.access import Access
from pixelpair.graph.client import Graph
from pixelpair.sending import spool_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pixelpair.catalog.plan import Doing, Report
    from pixelpair.catalog.rows import Fault, Row
    from pixelpair.commands.words import Commands, Read
    from pixelpair.settings import Settings

# 28 MB take a slow line a while, and Meta too.
_TIMEOUT: Final = 120.0
_SHOWN: Final = 20
_STOPPED: Final = "stopped: run it again, and it goes on where it was"
_MODES: Final = {
    "full": "all of the source (daily): what is gone from it is deleted",
    "delta": "what the source has (hourly; the default): nothing is deleted",
    "volatile": "price, sale and stock of items that are there (every 15 minutes)",
}


def add_sync(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "sync",
        telling(_sync, _STOPPED),
        "bring a catalog to where the shop is; only what changed travels",
        "SOURCE is a CSV, TSV, XML or JSON-lines file, or the dotted path of a Django queryset,\n"
        "an iterable, or a function that gives one. Columns are named as Meta names them.\n"
        "A run that was killed, or stopped by a limit, goes on where it was: run it again.\n"
        "Exit code 0: the catalog is as the source; 1: rows, items or deletions are left;\n"
        "2: the settings, the token, its rights or the id of the catalog are wrong.",
        "pixelpair catalog sync products.csv --catalog 1234567890 --full\n"
        "pixelpair catalog sync shop.feeds.products --catalog 1234567890\n"
        "pixelpair catalog sync stock.tsv --catalog 1234567890 --volatile",
    )
    add_source(parser)
    parser.add_argument("--catalog", required=True, type=an_id, help="the catalog's id")
    modes = parser.add_mutually_exclusive_group()
    for mode, text in _MODES.items():
        modes.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode, help=text)
    parser.set_defaults(mode="delta")
    parser.add_argument(
        "--item-type", default=PRODUCT, metavar="TYPE", help="of the items; default: %(default)s"
    )
    parser.add_argument("--item-sub-type", default="", metavar="TYPE", help="as Meta names it")
    parser.add_argument(
        "--again", action="store_true", help="send also what has not changed since Meta took it"
    )
    parser.add_argument(
        "--max-delete",
        type=percent,
        default=10.0,
        metavar="PERCENT",
        help="with --full: delete nothing where more is gone; default: %(default)g",
    )
    parser.add_argument(
        "--calls-per-hour",
        type=int,
        default=CALLS_AN_HOUR,
        metavar="N",
        help="Meta's budget for this catalog; default: %(default)s, more for shops with visitors",
    )
    add_pixel(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what would travel, send nothing"
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="a file, or a dotted path of Python")


def percent(text: str) -> float:
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 100")
    return number


def importable() -> None:
    """The shop's modules are where the command runs, as with `python -m`."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def _sync(arguments: argparse.Namespace, read_settings: Read) -> int:
    settings = read_settings()
    access = _access(settings, arguments.pixel, dry=arguments.dry_run)
    plan = Plan(
        arguments.catalog,
        arguments.mode,
        arguments.item_type,
        arguments.item_sub_type,
        again=arguments.again,
        dry=arguments.dry_run,
        max_delete=arguments.max_delete,
        calls_an_hour=max(1, arguments.calls_per_hour),
    )
    importable()
    spool = spool_of(settings)
    with _alone(spool, plan.catalog) as alone:
        if not alone:
            problem = f"another sync of the catalog {plan.catalog} runs: run this one after it"
            print(problem, file=sys.stderr)
            told_of(PixelPairError(problem), as_json=arguments.json)
            return LEFT
        return _run(plan, access, spool, arguments)


def _run(plan: Plan, access: Access, spool: Path, arguments: argparse.Namespace) -> int:
    book_file = spool / f"catalog-{plan.catalog}.sqlite3"
    with _book(book_file) as book, _told(arguments.json) as tell, _graph() as graph:
        sync = Sync(plan, access, graph, book, clock=time.time, rest=time.sleep, tell=tell)
        report = _report(sync, rows_of(arguments.source))
        left = _write_left(spool / f"catalog-{plan.catalog}.left.jsonl", book)
    document = _document(plan, report, left)
    answer(document, _shown(plan, report, left), as_json=arguments.json)
    if report.misused:
        return USAGE
    return OK if report.complete else LEFT


def _report(sync: Sync, rows: Iterable[Row | Fault]) -> Report:
    """Of a run that somebody stops too: the book is as whole as after a kill."""
    try:
        return sync.run(rows)
    except KeyboardInterrupt:
        sync.report.stopped = _STOPPED
        return sync.report


def _graph() -> Graph:
    return Graph(timeout=_TIMEOUT)


def _access(settings: Settings, pixel_id: str | None, *, dry: bool) -> Access:
    """By whose word; a dry run needs nobody's."""
    if dry and pixel_id is None:
        return Access(settings.graph_url, settings.graph_version, "", settings.app_secret)
    return access_of(shop_of(settings, pixel_id), pixel_id)


@contextmanager
def _alone(spool: Path, catalog: str) -> Iterator[bool]:
    """Whether no other run works on the catalog: two at once would send everything twice."""
    spool.mkdir(mode=locks.PRIVATE_FOLDER, parents=True, exist_ok=True)
    with closing(locks.Lock(spool / f"catalog-{catalog}.lock")) as lock:
        yield lock.acquire()


@contextmanager
def _book(file: Path) -> Iterator[Book]:
    try:
        with Book(file) as book:
            yield book
    except sqlite3.Error as error:
        damaged = type(error) is sqlite3.DatabaseError
        step = ": it is damaged; move it away, and all items travel once more" if damaged else ""
        raise SpoolError(f"{file}: {error}{step}") from error


def _write_left(file: Path, book: Book) -> Path | None:
    """What Meta does not have as the source has it, for people; the book itself resumes."""
    temporary = file.with_suffix(".new")
    written = 0
    temporary.unlink(missing_ok=True)
    # Nobody else may read it: Meta's words may name what the shop does not show yet.
    private = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, locks.PRIVATE_FILE)
    with os.fdopen(private, "wb") as out:
        for item_id, what, why in book.remaining():
            out.write(orjson.dumps({"id": item_id, "what": what, "why": why}) + b"\n")
            written += 1
    if not written:
        temporary.unlink()
        file.unlink(missing_ok=True)
        return None
    temporary.replace(file)
    return file


# --- what is shown -------------------------------------------------------------------------------


@contextmanager
def _told(as_json: bool) -> Iterator[Callable[[Report, Doing, float], None]]:
    """A line that moves, on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield lambda _report, _doing, _seconds: None
        return
    columns = BarColumn(20), TextColumn("{task.description}"), TimeElapsedColumn()
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(*columns, console=console, transient=True))
        task = progress.add_task("reading", total=None)

        def tell(report: Report, doing: Doing, seconds: float) -> None:
            done, total = share(report)
            text = line(report, doing, seconds)
            progress.update(task, description=text, completed=done, total=total)

        yield tell


def line(report: Report, doing: Doing, seconds: float) -> str:
    """Where a run is."""
    wait = f" {span(seconds)}" if seconds >= 1 else ""
    figures = f"{count(report.rows)} rows, {count(report.sent)} sent, {count(report.saved)} saved"
    return f"{doing}{wait}: {figures}, {report.calls} calls"


def share(report: Report) -> tuple[int, int | None]:
    """How many rows are done, and of how many as far as is known: as many as the catalog had."""
    done = report.unchanged + report.saved + report.failures + report.faulty
    return done, max(report.rows, report.held) if report.held else None


_FIGURES: Final = (
    *(("rows", "rows"), ("unchanged", "unchanged"), ("sent", "sent"), ("saved", "saved")),
    *(("deleted", "deleted"), ("faulty", "rows with faults"), ("failures", "refused by Meta")),
    *(("unsent", "not sent"), ("resumed", "of an earlier run"), ("calls", "calls")),
)


def _document(plan: Plan, report: Report, left: Path | None) -> dict[str, Any]:
    return {
        "catalog": plan.catalog,
        "mode": plan.mode,
        "dry_run": plan.dry,
        "complete": report.complete,
        **{name: getattr(report, name) for name, _ in _FIGURES},
        "waited": round(report.waited, 3),
        "held": report.held,
        "gone": report.gone,
        "kept": report.kept or None,
        "broken": report.broken or None,
        "stopped": report.stopped or None,
        "faults": faults_document(report.told),
        "failed": report.failed,
        "meta_says": report.remarked,
        "left": str(left) if left else None,
    }


def faults_document(faults: list[Fault]) -> list[dict[str, Any]]:
    keys = ("line", "id", "field", "problem", "fatal")
    return [{key: getattr(fault, key) for key in keys} for fault in faults]


def _shown(plan: Plan, report: Report, left: Path | None) -> list[Grid | str]:
    figures = [
        (words, count(number))
        for name, words in _FIGURES
        if (number := getattr(report, name)) or name in ("rows", "sent", "calls")
    ]
    said = [report.stopped, report.broken, report.kept]
    said += [f"what is left, and why: {left}"] if left else []
    said += ["nothing was sent: this was a rehearsal"] if plan.dry else []
    failed = [f"{item_id}: {why}" for item_id, why in report.failed.items()]
    return [
        Grid(figures, right=frozenset({1})),
        told(list(map(str, report.told)), report.noted),
        told(failed, report.failures),
        "\n".join(filter(None, said)),
    ]


def told(lines: list[str], number: int) -> str:
    """The first of many lines, and how many there are beyond them."""
    shown = lines[:_SHOWN]
    more = number - len(shown)
    tail = [f"and {count(more)} more (--json tells {count(MOST_TOLD)})"] if more > 0 else []
    return "\n".join([*shown, *tail]) if shown else ""
