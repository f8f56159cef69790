"""What a run of the sync is to do, and what it has done so far: values, nothing acts here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from pixelpair.catalog.items import PRODUCT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.catalog.rows import Fault

    Tell = Callable[["Report", "Doing", float], None]

Mode = Literal["delta", "full", "volatile"]
Doing = Literal["reading", "sending", "waiting for Meta", "paused"]

# 200 + 200 log2(unique users) an hour and catalog: what a shop without visitors has.
# https://developers.facebook.com/docs/graph-api/overview/rate-limiting
CALLS_AN_HOUR: Final = 200
# Of the same kind of fault so many are told in full.
MOST_TOLD: Final = 1000


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
