"""A source into a catalog: what changed travels in batches, handles are polled to their end, and
what the book says is what Meta confirmed.

Knows the order of things; files, prints and what Graph's answers mean are told elsewhere.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from pixelpair.catalog.batches import (
    STATUS_FIELDS,
    Outcome,
    batches,
    call_body,
    read_outcome,
    read_receipt,
)
from pixelpair.catalog.changes import Comparison, deletion
from pixelpair.catalog.items import PRODUCT, Item, read_items
from pixelpair.catalog.rows import Fault, SourceError
from pixelpair.graph.errors import OURS, GraphError, trouble_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pixelpair.catalog.book import Book
    from pixelpair.catalog.changes import Change
    from pixelpair.catalog.rows import Row
    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Action, Query, Reply

Mode = Literal["delta", "full", "volatile"]

# 200 + 200 log2(unique users) an hour and catalog: what a shop without visitors has.
# https://developers.facebook.com/docs/graph-api/overview/rate-limiting
CALLS_AN_HOUR: Final = 200
# Meta publishes no number of batches under way; with two, one is built while one is worked on.
UNDER_WAY: Final = 2
# Rows that are compared with the book at a time.
_CHUNK: Final = 1000
# The first looks at a handle, in seconds; then once a minute.
_POLLS: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_POLL: Final = 60.0
# Meta has so long for a batch; the next run asks on.
_DEADLINE: Final = 1800.0
# A throttled call that Meta names no time for.
_PAUSE: Final = 300.0
# The longest that a run waits at a time; a longer pause is left to the next run.
_PATIENCE: Final = 2 * 3600.0
_TRIES: Final = 6
# What is too large even so, is not too large.
_SMALLEST: Final = 50
# Of the same kind of fault so many are told in full.
MOST_TOLD: Final = 1000

Doing = Literal["reading", "sending", "waiting for Meta", "paused"]


class Talk(Protocol):
    """Graph, as far as it is needed here."""

    def act(self, action: Action, /) -> Reply: ...

    def ask(self, query: Query, /) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do. `again`: also what has not changed; `max_delete`: the share of the
    catalog, in percent, that may go at once; `dry`: only tell."""

    catalog: str
    mode: Mode = "delta"
    item_type: str = PRODUCT
    item_sub_type: str = ""
    again: bool = False
    dry: bool = False
    max_delete: float = 10.0
    calls_an_hour: int = CALLS_AN_HOUR

    @property
    def volatile(self) -> bool:
        return self.mode == "volatile"


@dataclass(slots=True)
class Report:
    """What a run has done so far. `told` are the first faults, `failed` the first failures.

    `remarked`: what Meta did not like in items that it took. `kept`: why gone items stay;
    `broken`: where the source broke off; `stopped`: why no further call was made, and `misused`
    that the token, the rights or the id are to blame.
    """

    rows: int = 0
    faulty: int = 0
    remarks: int = 0
    unchanged: int = 0
    sent: int = 0
    saved: int = 0
    deleted: int = 0
    failures: int = 0
    unsent: int = 0
    resumed: int = 0
    calls: int = 0
    waited: float = 0.0
    held: int = 0
    gone: int = 0
    kept: str = ""
    broken: str = ""
    stopped: str = ""
    misused: bool = False
    told: list[Fault] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    noted: int = 0
    remarked: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the catalog now is as the source has it."""
        troubles = self.stopped, self.broken, self.kept, self.faulty, self.failures, self.unsent
        return not any(troubles)

    def note(self, fault: Fault) -> None:
        self.noted += 1
        if len(self.told) < MOST_TOLD:
            self.told.append(fault)


class _Stop(Exception):  # noqa: N818 - no error: the rest is left to the next run
    """No further call is made."""


class Sync:
    """One run. `clock` and `rest` are time, `tell` hears after each step what is being done, and
    for how many seconds."""

    def __init__(
        self,
        plan: Plan,
        access: Access,
        graph: Talk,
        book: Book,
        *,
        clock: Callable[[], float],
        rest: Callable[[float], None],
        tell: Callable[[Report, Doing, float], None] = lambda _report, _doing, _seconds: None,
    ) -> None:
        self.plan = plan
        self.report = Report()
        self._access, self._graph, self._book = access, graph, book
        self._clock, self._rest, self._tell = clock, rest, tell
        salt = f"{plan.item_type} {plan.item_sub_type}".encode()
        self._comparison = Comparison(salt, volatile=plan.volatile, again=plan.again)
        self._handed: set[str] = set()
        self._behind: list[tuple[str, int]] = []
        self._waiting: list[tuple[int, str]] = []
        self._whole = True

    def run(self, rows: Iterable[Row | Fault]) -> Report:
        """Bring the catalog to where the source is. Raises neither SourceError nor GraphError:
        the report tells."""
        report = self.report
        self._book.begin(volatile=self.plan.volatile or self.plan.dry)
        self._guarded(self._resume)
        for batch in batches(self._changes(rows)):
            self._hand_over(batch)
        if self.plan.mode == "full":
            for batch in batches(self._deletions()):
                self._hand_over(batch)
        self._guarded(self._settle_all)
        report.held, report.gone = self._book.sizes()
        return report

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it, unless the run has been stopped; a refusal stops it."""
        if self.report.stopped:
            return
        try:
            work()
        except GraphError as error:
            self.report.stopped = str(error)
            self.report.misused = error.trouble.kind in OURS
        except _Stop as stop:
            self.report.stopped = str(stop)

    # --- what changes ------------------------------------------------------------------------

    def _changes(self, rows: Iterable[Row | Fault]) -> Iterator[Change]:
        found = iter(self._items(rows))
        while chunk := list(islice(found, _CHUNK)):
            once = self._once(chunk)
            self._see_behind()
            yield from self._compared(once)
            self._tell(self.report, "reading", 0.0)
        self._see_behind()

    def _see_behind(self) -> None:
        """Behind the good rows of their chunk, which go before faulty ones with the same id."""
        self._book.see(self._behind)
        self._behind.clear()

    def _items(self, rows: Iterable[Row | Fault]) -> Iterator[Item]:
        """Items that may travel. What is left of a source that breaks off is not known."""
        report, plan = self.report, self.plan
        try:
            for item, faults in read_items(rows, plan.item_type, volatile=plan.volatile):
                report.rows += 1
                for fault in faults:
                    report.note(fault)
                report.remarks += item is not None and bool(faults)
                if item is not None:
                    yield item
                else:
                    self._stay_behind(faults)
        except SourceError as error:
            self._whole = False
            report.broken = str(error)

    def _stay_behind(self, faults: list[Fault]) -> None:
        """A row that does not travel keeps its item in the catalog, if it says which."""
        self.report.faulty += 1
        item_id = next((fault.id for fault in faults if fault.id), "")
        self._whole = self._whole and bool(item_id)
        if item_id:
            self._behind.append((item_id, faults[0].line))

    def _once(self, chunk: list[Item]) -> list[Item]:
        """Of items with the same id the first."""
        first = self._book.see([(item.id, item.line) for item in chunk])
        good: list[Item] = []
        for item in chunk:
            if item.id not in first:
                first[item.id] = item.line
                good.append(item)
            else:
                self.report.faulty += 1
                problem = f"is in line {first[item.id]} already: that one counts"
                self.report.note(Fault(item.line, "id", problem, item.id))
        return good

    def _compared(self, items: list[Item]) -> Iterator[Change]:
        known = self._book.known([item.id for item in items])
        for item in items:
            change = self._comparison.change(item, known.get(item.id))
            if change is None:
                self.report.unchanged += 1
            else:
                yield change

    def _deletions(self) -> Iterator[Change]:
        """What the source has no more; nothing where it was not read whole, or too much is gone."""
        held, gone = self._book.sizes()
        if not gone or self.report.stopped:
            return
        if not self._whole:
            self.report.kept = f"{gone} items are gone, and stay: not every row's id could be read"
        elif gone > held * self.plan.max_delete / 100:
            self.report.kept = (
                f"{gone} of {held} items are gone, more than {self.plan.max_delete:g} %: they stay"
            )
        else:
            for item_id in self._book.gone():
                yield deletion(item_id, self.plan.item_type)

    # --- batches -----------------------------------------------------------------------------

    def _hand_over(self, batch: list[Change]) -> None:
        if self.plan.dry:
            self.report.sent += len(batch)
            self.report.calls += 1
            return
        self._handed.clear()
        self._guarded(lambda: self._send(batch))
        left = [change for change in batch if change.id not in self._handed]
        if left:
            self.report.unsent += len(left)
            self._book.leave(left, self.report.stopped)

    def _send(self, batch: list[Change]) -> None:
        while len(self._waiting) >= UNDER_WAY:
            self._settle(*self._waiting.pop(0))
        number = self._book.plan(batch, self._clock())
        try:
            document = self._post(batch)
        except GraphError as error:
            self._book.drop(number)
            if error.trouble.kind != "too large" or len(batch) <= _SMALLEST:
                raise
            half = len(batch) // 2
            self._send(batch[:half])
            self._send(batch[half:])
            return
        except _Stop:
            self._book.drop(number, perhaps=True)
            raise
        receipt = read_receipt(document)
        if receipt.handle is None:
            self._nothing_taken(number, batch, receipt.refused)
            return
        self._book.hold(number, receipt.handle, receipt.refused)
        self._fail(receipt.refused)
        self.report.sent += len(batch)
        self._handed.update(change.id for change in batch)
        self._waiting.append((number, receipt.handle))
        self._keep(self.report.remarked, receipt.remarks)

    def _nothing_taken(self, number: int, batch: list[Change], refused: Mapping[str, str]) -> None:
        """What was refused stays behind, and the others are sent without it."""
        others = [change for change in batch if change.id not in refused]
        if len(others) == len(batch):
            refused = dict.fromkeys([c.id for c in batch], "Meta took nothing in and says not why")
            others = []
        refused = {c.id: refused[c.id] for c in batch if c.id in refused}
        self._book.drop(number, refused)
        self._fail(refused)
        self._handed.update(refused)
        if others:
            self._send(others)

    def _resume(self) -> None:
        """See to what an earlier run left: a batch with a handle is asked for, one without may or
        may not have arrived, and is told again."""
        if self.plan.dry:
            return
        for number, handle in self._book.on_the_way():
            if handle is None:
                self._book.drop(number, perhaps=True)
            else:
                self.report.resumed += self._book.carried(number)
                self._settle(number, handle, again=True)

    def _settle_all(self) -> None:
        while self._waiting:
            self._settle(*self._waiting.pop(0))

    def _settle(self, number: int, handle: str, *, again: bool = False) -> None:
        """Poll a handle to its end. `again`: what has failed is sent once more by this run."""
        query = self._access.query(
            self.plan.catalog,
            "check_batch_request_status",
            handle=handle,
            load_ids_of_invalid_requests="true",
            fields=STATUS_FIELDS,
        )
        end = self._clock() + _DEADLINE
        for poll in self._polls(end):
            self._pause("waiting for Meta", poll)
            self._wait_for_budget(sys.maxsize)  # a look costs none of it, and a block counts
            try:
                outcome = read_outcome(self._document(lambda: self._graph.ask(query)))
            except GraphError as error:
                if error.trouble.kind not in ("parameter", "missing", "invalid"):
                    raise
                lost = f"Meta does not know the batch {handle} any more: {error}"
                outcome = Outcome("broken", {}, lost)
            if outcome.state != "waits":
                self._close(number, outcome, again=again)
                return
        raise _Stop(f"Meta still works on the batch {handle}: the next run asks on")

    def _polls(self, end: float) -> Iterator[float]:
        yield from _POLLS
        while self._clock() < end:
            yield _POLL

    def _close(self, number: int, outcome: Outcome, *, again: bool) -> None:
        saved, deleted, lost = self._book.confirm(number, outcome.failed, outcome.all_failed)
        if not again:
            why = outcome.failed
            self._fail({item_id: why.get(item_id, outcome.all_failed) for item_id in lost})
        self.report.saved += saved
        self.report.deleted += deleted
        self._tell(self.report, "sending", 0.0)

    def _fail(self, refused: Mapping[str, str]) -> None:
        self.report.failures += len(refused)
        self._keep(self.report.failed, refused)

    @staticmethod
    def _keep(told: dict[str, str], more: Mapping[str, str]) -> None:
        told.update(islice(more.items(), max(0, MOST_TOLD - len(told))))

    # --- calls -------------------------------------------------------------------------------

    def _post(self, batch: Sequence[Change]) -> Mapping[str, Any]:
        plan = self.plan
        body = call_body(batch, plan.item_type, plan.item_sub_type, upsert=not plan.volatile)
        action = self._access.action("POST", plan.catalog, "items_batch", body=body)

        def post() -> Reply:
            self._wait_for_budget(self.plan.calls_an_hour)
            self._book.call(self._clock())
            self.report.calls += 1
            self._tell(self.report, "sending", 0.0)
            return self._graph.act(action)

        return self._document(post)

    def _document(self, call: Callable[[], Reply]) -> Mapping[str, Any]:
        """What Graph answers in the end. Raises GraphError, or _Stop."""
        failures, throttled = 0, 0.0
        while True:
            reply = call()
            if reply.document is not None:
                if reply.wait:
                    self._book.block(self._clock() + reply.wait)
                return reply.document
            error = GraphError(reply)
            match trouble_of(reply).kind:
                case "throttled":
                    throttled += reply.wait or _PAUSE
                    self._throttled(reply.wait or _PAUSE, throttled, error)
                case "passing" | "unanswered" if failures < _TRIES - 1:
                    self._pause("paused", max(reply.wait, 2.0**failures))
                    failures += 1
                case "too large" if reply.transient and failures < _TRIES - 1:
                    self._pause("paused", max(reply.wait, 2.0**failures))
                    failures += 1
                case "passing" | "unanswered":
                    raise _Stop(str(error))
                case _:
                    raise error

    def _throttled(self, seconds: float, in_all: float, error: GraphError) -> None:
        """Calls made now would make the block longer, those of other runs too."""
        self._book.block(self._clock() + seconds)
        if in_all > _PATIENCE:
            raise _Stop(str(error))
        self._pause("paused", seconds)

    def _wait_for_budget(self, budget: int) -> None:
        now = self._clock()
        seconds = self._book.free_at(now, budget) - now
        if seconds > _PATIENCE:
            raise _Stop(f"Meta lets no call through for {seconds / 60:.0f} minutes more")
        self._pause("paused", seconds)

    def _pause(self, doing: Doing, seconds: float) -> None:
        if seconds > 0:
            self._tell(self.report, doing, seconds)
            self._rest(seconds)
            self.report.waited += seconds
