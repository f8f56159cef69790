"""The shop's answer to one request, as it came: facts to judge by. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelpair.core import answers
from pixelpair.core.routes import READS

if TYPE_CHECKING:
    from pixelpair.core.http import Headers, Request
    from pixelpair.core.rehearsal import Rehearsal
    from pixelpair.core.shop import Said, Shop
    from pixelpair.core.visit import Visit


@dataclass(frozen=True, slots=True, repr=False)  # its headers hold the app's own cookies
class Response:
    """Status and headers of an answer, and whose visit it answers."""

    shop: Shop
    visit: Visit
    method: str  # as the door met it: an app may write another into its environ
    status: int
    given: Headers  # as they came
    held: Headers  # the same by lower-case names
    html: bool
    now: float
    rehearsal: Rehearsal | None  # the shop's own doctor asks

    @property
    def request(self) -> Request:
        """What it answers."""
        return self.visit.request

    @property
    def said(self) -> Said | None:
        """What its view said so far."""
        return self.visit.person.said

    @property
    def is_read(self) -> bool:
        """Whether it answers what changes nothing."""
        return self.method in READS

    @property
    def is_shared(self) -> bool:
        """Whether others may be shown these bytes: then they do not depend on who asks first."""
        if self.shop.event_id == "browser" and self.method in READS:
            return True
        return answers.is_shared(self.held, self.visit.request, self.now)
