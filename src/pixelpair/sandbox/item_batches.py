"""The batches of one catalog over time: taken, waiting, at work, done. Pure: the clock comes in.

They run one after the other, in the order they came. Their items change when a batch is done; who
looks at the catalog first, after that, does the work.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from . import items_batch, params
from .asks import fields, select
from .item_rules import lacking
from .items import Items, merged
from .refusals import bad_parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from .asks import Ask
    from .items_batch import Batch, Line

End = Literal["finished", "error", "canceled"]
# How long Meta takes is not documented. So long here: tests that wait are slow tests.
WAIT, START, PER_ITEM = 0.015, 0.03, 0.00002
MAX_KNOWN = 500
# Meta's lists are samples; how long they are is not documented.
SAMPLE = 10
FIELDS = (
    "handle",
    "status",
    "errors",
    "errors_total_count",
    "warnings",
    "warnings_total_count",
    "ids_of_invalid_requests",
)


@dataclass(slots=True)
class Job:
    """A batch that was taken, and how it fared."""

    handle: str
    taken: float
    starts: float
    ends: float
    end: End
    invalid: list[str] = field(default_factory=list)
    samples: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"errors": [], "warnings": []}
    )
    counts: dict[str, int] = field(default_factory=lambda: {"errors": 0, "warnings": 0})

    def status(self, now: float) -> str:
        if now < self.taken + WAIT:
            return "scheduled"
        if now < self.starts:
            return "dispatched"
        return "started" if now < self.ends else self.end

    def note(self, kind: str, line: Line, texts: list[str]) -> None:
        for text in texts:
            self.counts[kind] += 1
            if len(self.samples[kind]) < SAMPLE:
                self.samples[kind].append({"line": line.line, "id": line.id, "message": text})


class Jobs:
    """The queue of one catalog. `number` gives a new item Meta's id, or None: there is no room."""

    def __init__(self, items: Items, number: Callable[[], int | None]) -> None:
        self._items = items
        self._number = number
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[tuple[Job, Batch]] = deque()
        self._free = 0.0
        self.calls = 0

    def take(self, batch: Batch, handle: str, now: float, end: End = "finished") -> dict[str, Any]:
        """Graph's reply to the call. A batch that is wrong in every line is never run."""
        self.calls += 1
        if not items_batch.refused(batch):
            starts = max(now + START, self._free)
            ends = self._free = starts + PER_ITEM * len(batch.lines)
            job = self._jobs[handle] = Job(handle, now, starts, ends, end)
            self._waiting.append((job, batch))
            while len(self._jobs) > MAX_KNOWN:
                del self._jobs[next(iter(self._jobs))]
        return items_batch.reply(batch, handle)

    def settle(self, now: float) -> bool:
        """Do the batches that are due. Says whether there were any."""
        worked = False
        while self._waiting and self._waiting[0][0].ends <= now:
            self._run(*self._waiting.popleft())
            worked = True
        return worked

    @property
    def open(self) -> int:
        return len(self._waiting)

    def status(self, ask: Ask) -> dict[str, Any]:
        """`check_batch_request_status`: always one row."""
        job = self._jobs.get(params.text(ask.given, "handle"))
        if job is None:
            raise bad_parameter("no such handle in this catalog")
        load = params.flag(ask.given, "load_ids_of_invalid_requests", False)
        row = {
            "handle": job.handle,
            "status": job.status(ask.now),
            **job.samples,
            "errors_total_count": job.counts["errors"],
            "warnings_total_count": job.counts["warnings"],
            "ids_of_invalid_requests": job.invalid if load else [],
        }
        return {"data": [select(row, fields(ask, FIELDS, FIELDS))]}

    def _run(self, job: Job, batch: Batch) -> None:
        """A canceled batch does nothing, one that ends in an error the first half of its work."""
        shares = {"finished": len(batch.lines), "error": len(batch.lines) // 2, "canceled": 0}
        for line in batch.lines[: shares[job.end]]:
            problems = line.errors or self._apply(line, batch)
            if problems:
                job.invalid.append(line.id)
            job.note("errors", line, problems)
            job.note("warnings", line, line.warnings)

    def _apply(self, line: Line, batch: Batch) -> list[str]:
        """What keeps the line from being done; it depends on what the catalog holds by now."""
        known = self._items.get(line.id)
        if line.method == "DELETE":
            return [] if self._items.remove(line.id) else ["there is no such item"]
        if known is None and line.method == "UPDATE" and not batch.allow_upsert:
            return ["there is no such item, and allow_upsert is false"]
        data = merged(known.read() if known else {}, line.data)
        if batch.item_type == items_batch.PRODUCT and (absent := lacking(data)):
            return absent
        number = known.number if known else self._number()
        if number is None:
            return ["the sandbox is full"]
        self._items.put(line.id, number, data)
        return []
