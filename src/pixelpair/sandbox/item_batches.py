"""The batches of one catalog over time: taken, waiting, at work, done. Pure: the clock comes in.

They run one after the other, in the order they came. Their items change when a batch is done; who
looks at the catalog first, after that, does the work.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import items_batch, params
from .asks import fields, select
from .item_flags import PRIORITIES
from .item_rules import MAX_ID, lacking
from .items import Items, encoded, merged
from .refusals import bad_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .asks import Ask
    from .faults import End
    from .items_batch import Batch, Line

# How long Meta takes is not documented. So long here: tests that wait are slow tests.
WAIT, START, PER_ITEM = 0.015, 0.03, 0.00002
MAX_KNOWN = 500
# The longest item that is documented, with its 50 pictures, is shorter than half of it.
MAX_ITEM = 128 * 1024
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
                told = {"line": line.line, "id": line.id[:MAX_ID], "message": text}
                self.samples[kind].append(told)

    def told(self, *, fatal: bool) -> dict[str, Any]:
        """Samples and totals. HIGH is documented to mean the `fatal` ones, without warnings."""
        counts = {f"{kind}_total_count": count for kind, count in self.counts.items()}
        none = {"warnings": [], "warnings_total_count": 0}
        return {**self.samples, **counts, **(none if fatal else {})}


class Jobs:
    """The queue of one catalog. `ids` are Meta's, for new items; `room` says whether there is any
    for so many more items, which are so many bytes longer."""

    def __init__(self, items: Items, ids: Iterator[int], room: Callable[[int, int], bool]) -> None:
        self._items = items
        self._ids = ids
        self._room = room
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
        priority = params.chosen("error_priority", ask.given.get("error_priority", ""), PRIORITIES)
        load = params.flag(ask.given, "load_ids_of_invalid_requests", False)
        row = {
            "handle": job.handle,
            "status": job.status(ask.now),
            **job.told(fatal=priority == "HIGH"),
            "ids_of_invalid_requests": job.invalid if load else [],
        }
        return {"data": [select(row, fields(ask, FIELDS, FIELDS))]}

    def _run(self, job: Job, batch: Batch) -> None:
        """A canceled batch does nothing, one that ends in an error the first half of its work."""
        shares = {"finished": len(batch.lines), "error": len(batch.lines) // 2, "canceled": 0}
        for line in batch.lines[: shares[job.end]]:
            problems = line.errors or self._apply(line, batch)
            if problems:
                job.invalid.append(line.id[:MAX_ID])
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
        text = encoded(data)
        if len(text) > MAX_ITEM:
            return [f"the item is larger than {MAX_ITEM // 1024} KB"]
        grown = len(text) - (len(known.data) if known else 0)
        if not self._room(0 if known else 1, grown):
            return ["the sandbox is full"]
        self._items.put(line.id, known.number if known else next(self._ids), data, text)
        return []
