"""Graph's edges of a catalog, called within their limits: the budget of an hour, the pauses that
Meta asks for, and tries where trouble passes.

Knows calls and waits; what a batch carries, and what becomes of it, is told elsewhere.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Final

from pixelpair.catalog.batches import (
    STATUS_FIELDS,
    Outcome,
    call_body,
    read_outcome,
    read_receipt,
)
from pixelpair.catalog.items import PRODUCT
from pixelpair.graph.batch import Part, together
from pixelpair.graph.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pixelpair.catalog.batches import Receipt
    from pixelpair.catalog.book import Book
    from pixelpair.catalog.changes import Change
    from pixelpair.catalog.plan import Doing, Plan, Report, Tell
    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph, Reply

# The pauses before the looks at a handle, in seconds, for half an hour; the next run asks on.
_POLLS: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, *(60.0,) * 29)
# Meta names no such time; a batch that never ended would hold up all that come after it.
_OVERDUE: Final = 86_400.0
# A throttled call that Meta names no time for.
_PAUSE: Final = 300.0
# The longest that a run waits at a time; a longer pause is left to the next run.
_PATIENCE: Final = 2 * 3600.0
_TRIES: Final = 6
# What passes, where something else than patience may be asked for too.
_PASSING: Final = frozenset({"passing", "unanswered"})


class Stop(Exception):  # noqa: N818 - no error: the rest is left to the next run
    """No further call is made."""


class Talk:
    """One run's calls. `clock` and `rest` are time; `tell` hears of each step, and of the seconds
    that it waits."""

    def __init__(
        self,
        plan: Plan,
        access: Access,
        graph: Graph,
        book: Book,
        report: Report,
        *,
        clock: Callable[[], float],
        rest: Callable[[float], None],
        tell: Tell,
    ) -> None:
        self.plan, self.report = plan, report
        self._access, self._graph, self._book = access, graph, book
        self.clock, self._rest, self._tell = clock, rest, tell

    def post(self, batch: Sequence[Change]) -> Receipt:
        """Hand a batch to items_batch. Raises GraphError where it is refused, or Stop."""
        plan = self.plan
        body = call_body(batch, plan.item_type, plan.item_sub_type, upsert=not plan.volatile)
        action = self._access.action("POST", plan.catalog, "items_batch", body=body)

        def post() -> Reply:
            self._wait_for_budget(plan.calls_an_hour)
            self._book.call(self.clock())
            self.report.calls += 1
            self.tell("sending")
            return self._graph.act(action)

        return read_receipt(self._document(post))

    def outcome(self, handle: str, begun: float) -> Outcome:
        """Poll the handle of a batch that was begun then to its end. Raises GraphError, or Stop
        where Meta takes too long."""
        query = self._access.query(
            self.plan.catalog,
            "check_batch_request_status",
            handle=handle,
            load_ids_of_invalid_requests="true",
            fields=STATUS_FIELDS,
        )
        for poll in _POLLS:
            self._pause("waiting for Meta", poll)
            self._wait_for_budget(sys.maxsize)  # a look costs none of it, and a block counts
            try:
                outcome = read_outcome(self._document(lambda: self._graph.ask(query)))
            except GraphError as error:
                if error.trouble.kind not in ("parameter", "missing", "invalid"):
                    raise
                lost = f"Meta does not know the batch {handle} any more: {error}"
                return Outcome("broken", {}, lost)
            if outcome.state != "waits":
                return outcome
        if abs(self.clock() - begun) > _OVERDUE:
            return Outcome("broken", {}, f"Meta did not end the batch {handle} in a day")
        raise Stop(f"Meta still works on the batch {handle}: the next run asks on")

    def absent(self, ids: Sequence[str]) -> set[str]:
        """Those of these that the catalog has not, as far as Meta tells: of other kinds of items
        its products tell nothing."""
        if self.plan.item_type != PRODUCT:
            return set()
        self._wait_for_budget(sys.maxsize)
        parts = (
            Part(
                "GET",
                (self.plan.catalog, "products"),
                {"filter": {"retailer_id": {"eq": item_id}}, "fields": "retailer_id"},
            )
            for item_id in ids
        )
        found: set[str] = set()
        try:
            for item_id, reply in zip(ids, together(self._graph, self._access, parts), strict=True):
                if reply.document is not None and reply.document.get("data") == []:
                    found.add(item_id)
        except GraphError as error:
            if error.trouble.kind == "throttled":
                self._book.block(self.clock() + (error.reply.wait or _PAUSE))
        return found

    def tell(self, doing: Doing, seconds: float = 0.0) -> None:
        self._tell(self.report, doing, seconds)

    def _document(self, call: Callable[[], Reply]) -> Mapping[str, Any]:
        """What Graph answers in the end. Raises GraphError, or Stop."""
        failures, throttled = 0, 0.0
        while True:
            reply = call()
            if reply.document is not None:
                if reply.wait:
                    self._book.block(self.clock() + reply.wait)
                return reply.document
            error = GraphError(reply)
            kind = error.trouble.kind
            if kind == "throttled":
                throttled += reply.wait or _PAUSE
                self._throttled(reply.wait or _PAUSE, throttled, error)
            elif kind not in _PASSING and not (kind == "too large" and reply.transient):
                raise error
            elif failures < _TRIES - 1:
                self._pause("paused", max(reply.wait, 2.0**failures))
                failures += 1
            elif kind in _PASSING:
                raise Stop(str(error))
            else:
                raise error

    def _throttled(self, seconds: float, in_all: float, error: GraphError) -> None:
        """Calls made now would make the block longer, those of other runs too."""
        self._book.block(self.clock() + seconds)
        if in_all > _PATIENCE:
            raise Stop(str(error))
        self._pause("paused", seconds)

    def _wait_for_budget(self, budget: int) -> None:
        now = self.clock()
        seconds = self._book.free_at(now, budget) - now
        if seconds > _PATIENCE:
            minutes = math.ceil(seconds / 60)
            raise Stop(f"Meta lets no call through for {minutes} minutes more: run it again then")
        self._pause("paused", seconds)

    def _pause(self, doing: Doing, seconds: float) -> None:
        if seconds > 0:
            self.tell(doing, seconds)
            self._rest(seconds)
            self.report.waited += seconds
