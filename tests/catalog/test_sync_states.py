"""Any order of runs, changes of the source, kills and faults: what a run says of itself is true,
and with the faults gone the catalog ends as the source has it, at the cost of no further call.
"""

from __future__ import annotations

import copy
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pixelpair.catalog.book import Book
from pixelpair.catalog.plan import Plan
from pixelpair.catalog.rows import Row, SourceError
from pixelpair.catalog.sync import Sync
from pixelpair.graph.access import Access
from pixelpair.graph.client import Graph

from .conftest import TOKEN, Clock, product, rows
from .shelf import CATALOG, Shelf, refusal, throttled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pixelpair.catalog.plan import Mode, Report

# With small batches few items are many calls; an id that differs in its case is another one.
BATCH = 3
IDS = ["a", "A", "b", "c", "d", "e f", "e  f", "g"]
PRICES = ["1.00 EUR", "2.00 EUR", "3.00 EUR"]
QUICK = ("price", "sale_price", "availability")
DAY = 86_400.0


class Killed(BaseException):
    """As SIGKILL: nothing is tidied up."""


def killed(_body: Any) -> Any:
    raise Killed


class Faulty(Shelf):
    """A shelf on which each call may go wrong, before it arrives or after."""

    def arrives(self, answer: Any) -> Any:
        """Meta has the batch, works on it at once, and nobody hears of its handle."""

        def post(body: Any) -> Any:
            for request in body["requests"]:
                self._apply(request, body["allow_upsert"])
            return killed(body) if answer is None else answer

        return post

    def unknown(self, body: Any) -> Any:
        """Meta has the batch, and forgets its handle."""
        self.arrives(refusal(1))(body)
        return 200, {}, {"handles": ["forgotten"]}

    def half(self, body: Any) -> Any:
        """Refuses the first, and takes nothing in."""
        first = body["requests"][0]["data"]["id"]
        row = {"retailer_id": first, "errors": [{"message": "no"}]}
        return 200, {}, {"handles": [], "validation_status": [row]}

    def fault(self, name: str) -> Any:
        faults = {
            "none": None,
            "killed before": killed,
            "killed after": self.arrives(None),
            "answer lost": self.arrives((502, {}, {})),
            "answer lost for good": self.arrives((502, {}, {})),
            "throttled": throttled(7),
            "throttled for long": throttled(600),
            "too large": refusal(1),
            "down": refusal(2, 503),
            "token": refusal(190),
            "half": self.half,
            "nothing": (200, {}, {}),
            "forgotten": self.unknown,
            "says wait": lambda body: (
                *self._bare_post(body)[:1],
                {"Retry-After": "500"},
                self._last,
            ),
        }
        return faults[name]

    def _bare_post(self, body: Any) -> tuple[int, dict[str, str], Any]:
        self.posts -= 1
        with patch.object(self, "next", []):
            found = self._post(body)
        self._last = found[2]
        return found


FAULTS = [
    *("none", "none", "killed before", "killed after", "answer lost", "answer lost for good"),
    *("throttled", "throttled for long", "too large", "down", "token", "half", "nothing"),
    *("forgotten", "says wait"),
]


def times(fault: str) -> int:
    """As often as a call is tried."""
    return 6 if fault in ("answer lost for good", "down") else 1


class Dying(Book):
    """A book whose process dies before its change of this number, or right behind it."""

    fuse: int = -1

    @contextmanager
    def _changing(self) -> Iterator[Any]:
        self.fuse -= 1
        if self.fuse == 0:
            raise Killed
        with super()._changing() as db:
            yield db
        if self.fuse == 1:
            self.fuse = -1
            raise Killed


class Syncs(RuleBasedStateMachine):
    """`source` is the model: what the catalog has to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.source: dict[str, dict[str, Any]] = {}
        self.clock = Clock()
        self.latest = self.clock.now  # where a pause that Meta asked for may begin
        self.meta = Faulty()
        self.graph = Graph(transport=self.meta.transport())
        self.small = patch("pixelpair.catalog.batches.MAX_ITEMS", BATCH)
        self.small.start()

    @initialize(ids=st.sets(st.sampled_from(IDS), min_size=1))
    def stock(self, ids: set[str]) -> None:
        for item_id in sorted(ids):
            self.source[item_id] = product(IDS.index(item_id), id=item_id)

    # --- the shop ----------------------------------------------------------------------------

    @rule(item_id=st.sampled_from(IDS), price=st.sampled_from(PRICES), sale=st.booleans())
    def price(self, item_id: str, price: str, *, sale: bool) -> None:
        item = self.source.setdefault(item_id, product(IDS.index(item_id), id=item_id))
        item["price"] = price
        item.pop("sale_price", None)
        if sale:
            item["sale_price"] = "0.50 EUR"

    @rule(item_id=st.sampled_from(IDS), title=st.sampled_from(["Mug", "Cup", "Bad"]))
    def title(self, item_id: str, title: str) -> None:
        self.source.setdefault(item_id, product(IDS.index(item_id), id=item_id))["title"] = title

    @rule(item_id=st.sampled_from(IDS))
    def sell_no_more(self, item_id: str) -> None:
        self.source.pop(item_id, None)

    # --- time and Meta -----------------------------------------------------------------------

    @rule(seconds=st.sampled_from([-DAY, -600.0, 600.0, 3600.0, DAY]))
    def time_jumps(self, seconds: float) -> None:
        self.latest = max(self.latest, self.clock.now)
        self.clock.now += seconds

    @rule(
        polls=st.sampled_from([0, 1, 100]),
        bad=st.booleans(),
        dear=st.booleans(),
        names_all=st.booleans(),
        stuck=st.sets(st.sampled_from(IDS), max_size=2),
    )
    def mood(self, polls: int, *, bad: bool, dear: bool, names_all: bool, stuck: set[str]) -> None:
        self.meta.polls, self.meta.names_all, self.meta.stuck = polls, names_all, stuck
        self.meta.bad_title = "Bad" if bad else ""
        self.meta.bad_price = PRICES[2] if dear else ""

    @rule(status=st.sampled_from(["error", "canceled"]), ahead=st.integers(1, 3))
    def batch_will_break(self, status: str, ahead: int) -> None:
        self.meta.statuses[f"h{self.meta.posts + ahead}"] = status

    # --- runs --------------------------------------------------------------------------------

    @rule(
        mode=st.sampled_from(["full", "delta", "volatile"]),
        faults=st.lists(st.sampled_from(FAULTS), max_size=3),
        fuse=st.sampled_from([-1, -1, 1, 2, 3, 4, 5, 6, 7]),
        part=st.sampled_from(["all", "all", "half", "breaks off", "prices"]),
    )
    def run_faulty(self, mode: Mode, faults: list[str], fuse: int, part: str) -> None:
        self.meta.next = [self.meta.fault(name) for name in faults for _ in range(times(name))]
        with suppress(Killed):
            self.judge(mode, part, self.run(mode, fuse, part))
        self.meta.next = []

    @rule(mode=st.sampled_from(["full", "delta", "volatile"]), fault=st.sampled_from(FAULTS))
    def price_there_and_back(self, mode: Mode, fault: str) -> None:
        """Where a batch is lost between, what was confirmed before it is true no more."""
        self.judge("delta", "all", self.run("delta"))
        before = copy.deepcopy(self.source)
        for item in self.source.values():
            item["price"] = "7.00 EUR"
        self.run_faulty(mode, [fault], -1, "all")
        self.source = before
        self.judge("delta", "all", self.run("delta"))

    def run(self, mode: Mode, fuse: int = -1, part: str = "all", **options: Any) -> Report:
        access = Access("https://graph.example", "v25.0", TOKEN)
        with Dying(Path(self.folder.name) / "book") as book:
            book.fuse = fuse
            plan = Plan(CATALOG, mode, max_delete=100, **options)
            sync = Sync(plan, access, self.graph, book, clock=self.clock, rest=self.clock.rest)
            report = sync.run(self.read(part))
            self.left = list(book.remaining())
            return report

    def read(self, part: str) -> Iterable[Row]:
        goods = copy.deepcopy(list(self.source.values()))
        if part == "prices":
            goods = [{"id": one["id"], "price": one["price"]} for one in goods]
        yield from rows(goods[: len(goods) // 2] if part in ("half", "breaks off") else goods)
        if part == "breaks off":
            raise SourceError("it breaks off")

    def judge(self, mode: Mode, part: str, report: Report) -> None:
        """A run that says it is complete has done all that its mode does."""
        if part == "prices" and mode != "volatile":
            assert not report.complete or not self.source
            return
        if not report.complete:
            said = report.stopped, report.broken, report.kept
            assert any(said) or report.failures or report.unsent or report.faulty
            return
        names = ("price",) if part == "prices" else QUICK
        wanted = {row.values["id"]: self.source[str(row.values["id"])] for row in self.read(part)}
        there = shown(self.meta.items)
        if mode == "full":
            assert there == wanted
            assert not self.left
        elif mode == "delta":
            assert {one: there.get(one) for one in wanted} == wanted
        else:
            for one, item in wanted.items():
                for name in names:
                    if name in item:
                        assert there[one].get(name) == item[name], (one, name)

    @rule()
    def calm(self) -> None:
        """Faults off: a day later, and another, all is as the source has it."""
        self.meta.next, self.meta.polls, self.meta.names_all = [], 0, True
        self.meta.bad_title = self.meta.bad_price = ""
        self.meta.stuck, self.meta.statuses = set(), {}
        for opened in self.meta._open.values():
            opened[0] = 0
        self.clock.now = max(self.clock.now, self.latest) + 2 * DAY
        reports = [self.run("full") for _ in range(3)]
        assert shown(self.meta.items) == self.source
        assert reports[-1].complete, reports[-1]
        assert (reports[-1].calls, self.left) == (0, [])

    def teardown(self) -> None:
        try:
            self.calm()
        finally:
            self.small.stop()
            self.graph.close()
            self.folder.cleanup()


def shown(items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """An empty sale is none."""
    return {
        item_id: {name: value for name, value in item.items() if value != ""}
        for item_id, item in items.items()
    }


TestSyncs = Syncs.TestCase
TestSyncs.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
