"""How a shop treats its visitors: whom it asks, whom it counts, and whom it lets Meta know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pixelpair.core.consent import ConsentRule, Signals
from pixelpair.core.staff import Staff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.consent import State
    from pixelpair.core.identity import Hashes, Keepsake

Kind = Literal["consent", "staff", "identify", "purchase_status"]


class Question(NamedTuple):
    """What the shop itself must be asked: a callable that takes the framework's request, and for
    a purchase's status also the order's number.
    """

    kind: Kind
    ask: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The visitor's side of a shop's settings. Without a keepsake nobody is identified to Meta."""

    consent: ConsentRule = field(default_factory=ConsentRule)
    signals: Signals = field(default_factory=Signals)
    staff: Staff = field(default_factory=Staff)
    keepsake: Keepsake | None = None
    anonymous: bool = False
    questions: tuple[Question, ...] = ()

    @property
    def matches(self) -> bool:
        """Whether customer information leaves."""
        return self.keepsake is not None

    @property
    def curious(self) -> bool:
        """Whether an answer's visitor is asked about, beyond what the request says."""
        return self.matches or self.staff.users or bool(self.questions)

    @property
    def plain(self) -> bool:
        """Whether all visitors are treated alike, but for machines and for who sends a signal."""
        asks = self.consent.cookie or self.signals.ldu or self.signals.dnt
        asks = asks or any(kind != "purchase_status" for kind, _ in self.questions)
        return not (asks or self.staff or self.staff.users or self.matches)


@dataclass(slots=True)
class Learned:
    """What a door learned of a request's visitor from the shop: its callables, its user object."""

    consent: State | None = None
    answered: bool = False  # the consent callable said so
    staff: bool = False
    unpaid: bool = False  # the order that this answer completes
    order: Mapping[str, object] = field(default_factory=dict)  # more of its Purchase
    told: Hashes = field(default_factory=dict)
    user: Hashes = field(default_factory=dict)


def as_state(answer: object) -> State:
    """What a consent callable says."""
    if answer is None:
        return "pending"
    return "granted" if answer is True else "denied"


def as_information(answer: object) -> Mapping[str, object]:
    """What an identify callable says. Raises TypeError where that is no mapping."""
    if answer is None:
        return {}
    return {name: value for name, value in dict(answer).items() if value is not None}  # type: ignore[call-overload]
