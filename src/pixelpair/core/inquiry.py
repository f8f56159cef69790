"""What only the shop knows of a request's visitor: its user object, and its callables' answers.

A door asks it before the answer is decided on. What fails is nothing known, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from pixelpair.core.http import header_value, printable
from pixelpair.core.identity import user_information
from pixelpair.core.person import Person
from pixelpair.core.policy import Learned, Question, as_information, as_state
from pixelpair.core.user_data import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from pixelpair.core.http import Headers, Request
    from pixelpair.core.identity import Hashes
    from pixelpair.core.policy import Kind
    from pixelpair.core.routes import Match
    from pixelpair.core.shop import Said, Shop


def order_of(matched: Iterable[Match], said: Said | None) -> str | None:
    """The order whose Purchase an answer has, "" where it names none; None without a Purchase."""
    told = () if said is None else said.tracked
    if said is not None and said.discards("Purchase"):
        return None
    events = (*((t.event_name, t.data) for t in told), *((m.event_name, m.data) for m in matched))
    orders = [data.get("order_id") for name, data in events if name == "Purchase"]
    return next((str(order) for order in orders if order), "") if orders else None


def _of_order(ask: Callable[..., object], order: str, source: object) -> object:
    return ask(source, order)


def inquiry_of(
    shop: Shop,
    request: Request,
    source: object,
    said: Said | None,
    matched: Collection[Match],
    headers: Headers,
) -> Inquiry | None:
    """What to ask about an answer with these rules and headers; None where nothing can leave."""
    has_event = bool(matched or (said is not None and said.tracked))
    kind = header_value(headers, b"content-type") or b""
    if not has_event and said is None and not kind.lower().startswith(b"text/html"):
        return None
    order = order_of(matched, said)
    return Inquiry(shop, request, source, said, has_event=has_event, order=order)


class Inquiry:
    """One request whose answer is a page or has events, or a page's report. `source` is the
    framework's request.

    `has_event` says that more may leave than a PageView: worth asking the shop who this is.
    `order` is the number of the order whose Purchase may leave; None where there is none.
    """

    __slots__ = ("_has_event", "_order", "_request", "_said", "_shop", "learned", "source")

    def __init__(
        self,
        shop: Shop,
        request: Request,
        source: object,
        said: Said | None = None,
        *,
        has_event: bool = False,
        order: str | None = None,
    ) -> None:
        self._shop = shop
        self._said = said
        self._request = request
        self._has_event = has_event
        self._order = order
        self.source = source
        self.learned = Learned()

    @property
    def wants_user(self) -> bool:
        """Whether the framework may be made to load its user: for an event, where it counts."""
        policy = self._shop.policy
        if self._shop.rehearses:  # to load it can make an answer vary by its cookie
            return False
        return self._has_event and (policy.matches or policy.staff.users) and not self._muted

    @property
    def questions(self) -> Iterator[Question]:
        """What to ask, one after the other: who it is only for an event, and only of those of whom
        anything may leave by then; whether it is paid only for a Purchase.
        """
        order = self._order
        for question in self._shop.policy.questions:
            kind, ask = question
            if kind == "identify":
                if self._has_event and not self._muted:
                    yield question
            elif kind != "purchase_status":
                yield question
            elif order is not None and self._muted in ("", "no consent"):  # who may agree, later
                yield Question(kind, partial(_of_order, ask, order))

    @property
    def _muted(self) -> str:
        return Person(self._shop, self._request, self._said, self.learned).muted

    def learn(self, user: Callable[[], object]) -> None:
        """The user object that this request has loaded, or may load; None for nobody."""
        policy, learned = self._shop.policy, self.learned
        try:
            found = user()
            if policy.staff.users and getattr(found, "is_staff", False) is True:
                learned.staff = True
            if policy.matches:
                learned.user = self._shop.hashed(user_information(found))
        except Exception:  # the shop's own object may raise anything from anywhere
            self.unloaded()

    def unloaded(self) -> None:
        """Its user cannot be had; called where the exception is being handled."""
        self._shop.notes.say("question", "ADVANCED_MATCHING", exc_info=True)

    def told(self, kind: Kind, answer: object) -> None:
        """What the shop said to a question."""
        learned = self.learned
        try:
            if kind == "consent":
                learned.consent, learned.answered = as_state(answer), True
            elif kind == "staff":
                learned.staff |= answer is True
            elif kind == "purchase_status":
                learned.unpaid = answer is False
                learned.order = as_information(answer) if isinstance(answer, Mapping) else {}
            else:
                learned.told = self._hashed(as_information(answer))
        except Exception:
            self.untold(kind)

    def untold(self, kind: Kind) -> None:
        """The question raised; called where the exception is being handled."""
        if kind == "consent":  # who cannot be asked has not agreed
            self.learned.consent = "pending"
        self._shop.notes.say("question", kind.upper(), per=kind, exc_info=True)

    def _hashed(self, given: Mapping[str, object]) -> Hashes:
        """A name that is none of Meta's drops its field, not the others."""
        for name in given.keys() - FIELDS.keys():
            self._shop.notes.say("no information", printable(str(name))[:50], per=name)
        return self._shop.hashed({name: value for name, value in given.items() if name in FIELDS})
