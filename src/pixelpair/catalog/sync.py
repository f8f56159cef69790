"""A source into a catalog: what changed travels in batches, handles are polled to their end, and
what the book says is what Meta confirmed.

Knows the order of things; calls, files, and what Graph's answers mean are told elsewhere.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Final

from pixelpair.catalog.batches import MAX_ITEMS, MOST_OF_ONE, batches
from pixelpair.catalog.changes import Comparison, deletion
from pixelpair.catalog.items import read_items
from pixelpair.catalog.plan import MOST_TOLD, Report
from pixelpair.catalog.rows import Fault, SourceError
from pixelpair.catalog.talk import Stop, Talk
from pixelpair.graph.errors import OURS, GraphError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from pixelpair.catalog.batches import Outcome
    from pixelpair.catalog.book import Book
    from pixelpair.catalog.changes import Change
    from pixelpair.catalog.items import Item
    from pixelpair.catalog.plan import Plan, Tell
    from pixelpair.catalog.rows import Row
    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph

# Meta publishes no number of batches under way; with two, one is built while one is worked on.
UNDER_WAY: Final = 2
# Rows that are compared with the book at a time.
_CHUNK: Final = 1000
# What is too large even so, is not too large.
_SMALLEST: Final = 50
# A batch of which nothing was taken in goes again without what was refused, so often.
_ROUNDS: Final = 3
_ALIEN: Final = "Meta refuses ids that were not sent"
_NO_REASON: Final = "Meta took nothing in and says not why"


class Sync:
    """One run. `clock` and `rest` are time, `tell` hears after each step what is being done, and
    for how many seconds."""

    def __init__(
        self,
        plan: Plan,
        access: Access,
        graph: Graph,
        book: Book,
        *,
        clock: Callable[[], float],
        rest: Callable[[float], None],
        tell: Tell = lambda _report, _doing, _seconds: None,
    ) -> None:
        self.plan = plan
        self.report = Report()
        self._book = book
        self._talk = Talk(plan, access, graph, book, self.report, clock=clock, rest=rest, tell=tell)
        salt = f"{plan.item_type} {plan.item_sub_type}".encode()
        self._comparison = Comparison(salt, volatile=plan.volatile, again=plan.again)
        self._handed: set[str] = set()
        self._behind: list[tuple[str, int]] = []
        self._waiting: list[tuple[int, str]] = []
        self._owed: set[str] = set()  # by earlier runs, and not told of by this one yet
        self._whole = True
        self._most = MAX_ITEMS
        self._stubborn = False  # a small batch was too large, and none went through since

    def run(self, rows: Iterable[Row | Fault]) -> Report:
        """Bring the catalog to where the source is. Raises neither SourceError nor GraphError:
        the report tells."""
        report = self.report
        self._book.begin()
        report.held, _ = self._book.sizes()
        self._guarded(self._resume)
        for batch in batches(self._changes(rows)):
            self._hand_over(batch)
        if self.plan.mode == "full":
            for batch in batches(self._deletions()):
                self._hand_over(batch)
        self._guarded(self._settle_all)
        self._tell_owed()
        report.held, report.gone = self._book.sizes()
        return report

    def _tell_owed(self) -> None:
        """What an earlier run owed, and this one has not made good, because its mode or its source
        does not: it stays in the book, and is told."""
        report, plan = self.report, self.plan
        if plan.dry:
            return
        everything = plan.mode == "full" and self._whole and not (report.kept or report.stopped)
        self._book.tidy(volatile=plan.volatile, everything=everything)
        for item_id, what, why in self._book.undone(self._owed):
            if what == "failed":
                self._fail({item_id: why})
            else:
                report.unsent += 1

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it, unless the run has been stopped; a refusal stops it."""
        if self.report.stopped:
            return
        try:
            work()
        except GraphError as error:
            self.report.stopped = str(error)
            self.report.misused = error.trouble.kind in OURS
        except Stop as stop:
            self.report.stopped = str(stop)

    # --- what changes ------------------------------------------------------------------------

    def _changes(self, rows: Iterable[Row | Fault]) -> Iterator[Change]:
        found = iter(self._items(rows))
        while chunk := list(islice(found, _CHUNK)):
            once = self._once(chunk)
            self._see_behind()
            yield from self._compared(once)
            self._talk.tell("reading")
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
            elif len(change.body) > MOST_OF_ONE:
                problem = f"has {len(change.body):,} bytes: no call takes more than {MOST_OF_ONE:,}"
                self.report.note(Fault(item.line, "", problem, item.id))
                self.report.faulty += 1
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
                f"{gone} of {held} items are gone, more than {self.plan.max_delete:g} %: they stay;"
                f" where that is right, --max-delete {math.ceil(100 * gone / held)} lets them go"
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
        self._guarded(lambda: self._send_parts(batch))
        left = [change for change in batch if change.id not in self._handed]
        if left:
            self.report.unsent += len(left)
            self._owed.difference_update(change.id for change in left)
            self._book.leave(left, self.report.stopped)

    def _send_parts(self, batch: list[Change]) -> None:
        """Once a batch, or Meta's answer to it, was too large, none is as large again."""
        sent = 0
        while sent < len(batch):
            part = batch[sent : sent + self._most]
            sent += len(part)
            self._send(part)

    def _send(self, batch: list[Change], round_: int = 1) -> None:
        while len(self._waiting) >= UNDER_WAY:
            self._settle(*self._waiting.pop(0))
        number = self._book.plan(batch, self._talk.clock())
        try:
            receipt = self._talk.post(batch)
        except GraphError as error:
            self._refused(number, batch, error)
            return
        except Stop:
            self._book.drop(number, perhaps=True)
            raise
        self._stubborn, ids = False, [change.id for change in batch]
        if not receipt.refused.keys() <= set(ids):
            self._leave_behind(number, dict.fromkeys(ids, _ALIEN), perhaps=True)
            return
        if receipt.handle is None:
            self._nothing_taken(number, batch, receipt.refused, round_)
            return
        self._book.hold(number, receipt.handle, receipt.refused)
        self._fail(receipt.refused)
        self.report.sent += len(batch)
        self._handed.update(ids)
        self._waiting.append((number, receipt.handle))
        self._keep(self.report.remarked, receipt.remarks)

    def _nothing_taken(
        self, number: int, batch: list[Change], refused: Mapping[str, str], round_: int
    ) -> None:
        """What was refused stays behind, and the others are sent without it."""
        others = [change for change in batch if change.id not in refused]
        if len(others) == len(batch) or round_ == _ROUNDS:
            refused = dict.fromkeys([c.id for c in others], _NO_REASON) | dict(refused)
            others = []
        refused = {c.id: refused[c.id] for c in batch if c.id in refused}
        self._leave_behind(number, refused)
        if others:
            self._send(others, round_ + 1)

    def _leave_behind(
        self, number: int, refused: Mapping[str, str], *, perhaps: bool = False
    ) -> None:
        """A batch ends without these; `perhaps`: Meta may have taken them in all the same."""
        self._book.drop(number, refused, perhaps=perhaps)
        self._fail(refused)
        self._handed.update(refused)

    def _refused(self, number: int, batch: list[Change], error: GraphError) -> None:
        """What is too large goes in halves. The smallest stays behind, and the others go; two in a
        row, and it is not their size."""
        # An answer that could not be read may have been one to a batch that was taken in.
        perhaps, large = error.reply.kind != "refused", error.trouble.kind == "too large"
        if large and len(batch) <= _SMALLEST and not self._stubborn:
            self._stubborn, self._most = True, MAX_ITEMS
            why = dict.fromkeys([change.id for change in batch], str(error))
            self._leave_behind(number, why, perhaps=perhaps)
            return
        self._book.drop(number, perhaps=perhaps)
        if not large or len(batch) <= _SMALLEST:
            raise error
        self._most = -(-len(batch) // 2)
        self._send_parts(batch)

    def _resume(self) -> None:
        """See to what an earlier run left: a batch with a handle is asked for, one without may or
        may not have arrived, and is told again."""
        if self.plan.dry:
            return
        for number, handle in self._book.on_the_way():
            if handle is None:
                self._owed.update(self._book.drop(number, perhaps=True))
            else:
                self.report.resumed += self._book.carried(number)
                self._settle(number, handle, again=True)

    def _settle_all(self) -> None:
        while self._waiting:
            self._settle(*self._waiting.pop(0))

    def _settle(self, number: int, handle: str, *, again: bool = False) -> None:
        """See a batch to its end. `again`: what has failed may be sent once more by this run."""
        outcome = self._talk.outcome(handle, self._book.begun(number))
        absent = self._absent(number, outcome)
        saved, deleted, lost = self._book.confirm(
            number, outcome.failed, outcome.all_failed, absent
        )
        if again:
            self._owed.update(lost)
        else:
            why = outcome.failed
            self._fail({item_id: why.get(item_id, outcome.all_failed) for item_id in lost})
        self.report.saved += saved
        self.report.deleted += deleted
        self._talk.tell("sending")

    def _absent(self, number: int, outcome: Outcome) -> Collection[str]:
        """Of the deletions that failed those that nothing is left to do for: a lost batch may have
        done them, and then Meta knows no such item. Its texts are localised, so it is asked."""
        if outcome.state != "finished" or not (outcome.failed or outcome.all_failed):
            return ()
        gone = self._book.deletions(number)
        failed = gone if outcome.all_failed else [one for one in gone if one in outcome.failed]
        return self._talk.absent(failed) if failed else ()

    def _fail(self, refused: Mapping[str, str]) -> None:
        self.report.failures += len(refused)
        self._owed.difference_update(refused)
        self._keep(self.report.failed, refused)

    @staticmethod
    def _keep(told: dict[str, str], more: Mapping[str, str]) -> None:
        told.update(islice(more.items(), max(0, MOST_TOLD - len(told))))
