"""One request's visitor: whether anything of them may leave, who they are, and their own word.

The one gate of both channels: what it mutes has no server half, no cookie and no image.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pixelpair.core.consent import OWN_COOKIE, SIX_MONTHS, Consent, own_value
from pixelpair.core.cookies import meta_cookies, set_cookie, valid_fbp
from pixelpair.core.events import Withdrawal
from pixelpair.core.identity import (
    COOKIE,
    anonymous_id,
    identity_cookie,
    merged,
    same_person,
    with_remembered,
)
from pixelpair.core.machines import machine
from pixelpair.core.snippet import PENDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelpair.core.consent import State
    from pixelpair.core.http import Request
    from pixelpair.core.identity import Hashes, Keepsake
    from pixelpair.core.policy import Learned
    from pixelpair.core.shop import Said, SetCookie, Shop

# A withdrawal covers answers that were on their way by then: who agrees again has a new `_fbp`.
IN_FLIGHT = 600
_PENDING_NAME = len("_pixelpair_") + 8
# Of such cookies, 1.5 KB: nginx refuses an answer with 4 KB of headers. The next ends more.
_ENDED_AT_ONCE = 20


class Person:
    """The visitor of one request, as the shop's policy sees them."""

    __slots__ = (
        "_consent",
        "_cookies",
        "_learned",
        "_muted",
        "_request",
        "_shop",
        "said",
        "withdraws",
    )

    def __init__(
        self, shop: Shop, request: Request, said: Said | None, learned: Learned | None = None
    ) -> None:
        self._shop = shop
        self._request = request
        self._learned = learned
        self._consent: Consent | None = None
        self._muted: str | None = None
        self._cookies: list[SetCookie] | None = None
        self.said = said
        self.withdraws = False  # the page says so; a tool may have deleted its cookie

    # --- the gate --------------------------------------------------------------------------

    @property
    def consent(self) -> Consent:
        """The decision that both halves of each event carry."""
        if self._consent is None:
            policy, request = self._shop.policy, self._request
            state = self._word() or policy.consent.decide(request.cookies)
            self._consent = policy.signals.apply(state, request.index)
        return self._consent

    @property
    def muted(self) -> str:
        """Why nothing of this visitor may leave, as it is counted; "" where it may."""
        if self._muted is None:
            self._muted = self._reason()
        return self._muted

    @property
    def spoke(self) -> bool:
        """Whether a view said anything of them that a cookie should keep."""
        said = self.said
        return said is not None and (said.consent is not None or bool(said.hashed) or said.forgets)

    def decide_again(self) -> None:
        """The visitor said more, while the answer was on its way."""
        self._consent = self._muted = None

    def _reason(self) -> str:
        if self.is_staff:
            return "staff"
        reason = machine(self._request.index.get(b"user-agent", b""))
        if reason is not None:
            return f"machine: {reason}"
        return "" if self.consent.state == "granted" else "no consent"

    @property
    def is_staff(self) -> bool:
        """Whether this is one of the shop's own people."""
        staff, request = self._shop.policy.staff, self._request
        if self._learned is not None and self._learned.staff:
            return True
        if not staff:
            return False
        return staff.excludes(request.client or request.peer, request.cookies)

    def _word(self) -> State | None:
        """What was said in this very request."""
        if not self._shop.policy.consent.own:
            return None
        if self.said is not None and self.said.consent is not None:
            return "granted" if self.said.consent else "denied"
        return None if self._learned is None else self._learned.consent

    # --- who it is -------------------------------------------------------------------------

    def hashed(self, fbp: str | None) -> Hashes:
        """Customer information by the order of trust: view, callable, user object, the past."""
        policy, said = self._shop.policy, self.said
        if policy.keepsake is None:
            return {}
        known = merged(said.hashed if said else {})
        if said is None or not said.forgets:  # else a logout's user object is who was there
            for source in self._sources(policy.keepsake):
                known = with_remembered(known, source)
        if policy.anonymous and fbp and "external_id" not in known:
            known["external_id"] = [anonymous_id(self._shop.id_key, self._shop.pixel_id, fbp)]
        return known

    def _sources(self, keepsake: Keepsake) -> list[Hashes]:
        """All but the view's word, the most trusted first; who is somebody else adds nothing.

        A clerk may act for a customer, and a browser may be lent.
        """
        learned, before = self._learned, keepsake.opened(self._request.cookies)
        return [before] if learned is None else [learned.told, learned.user, before]

    # --- their own word --------------------------------------------------------------------

    def cookies(self, now: float) -> list[SetCookie]:
        """What keeps the visitor's word, and ends what it ends; a withdrawal is queued with it."""
        if self._cookies is None:
            self._cookies = [*self._kept_word(now), *self._kept_identity(), *self._ended(now)]
        return self._cookies

    def _kept_word(self, now: float) -> Iterator[SetCookie]:
        word, rule = self._word(), self._shop.policy.consent
        if word is None or rule.decide(self._request.cookies) == word:
            pass
        elif word != "pending":
            value = own_value(word == "granted", int(now))
            yield self.cookie(OWN_COOKIE, value, SIX_MONTHS, wide=True)
        elif self._learned is not None and self._learned.answered:  # it may fail, and know it later
            yield self.cookie(OWN_COOKIE, "", 0, wide=True)
        if self.said is not None and self.said.consent is not None and not rule.own:
            self._shop.notes.say("consent elsewhere")

    def _kept_identity(self) -> Iterator[SetCookie]:
        keepsake, said, learned = self._shop.policy.keepsake, self.said, self._learned
        if keepsake is None or (learned is None and not self.spoke):
            return  # nearly all
        if self.consent.state == "denied":
            return  # it ends with all others
        before, value = keepsake.opened(self._request.cookies), ""
        told = merged(said.hashed) if said else {}  # a blank is not somebody else
        forgets = said is not None and said.forgets
        for source in (told, learned.told, learned.user) if learned else (told,):
            forgets = forgets or not same_person(source, before)
        if not told and not forgets:
            return
        if told and not self.muted:
            value = keepsake.sealed(with_remembered(told, {} if forgets else before))
            if keepsake.opened(f"{COOKIE}={value}".encode()) == before:
                return
        if value or before:
            secure = self._request.scheme == "https"
            yield b"set-cookie", identity_cookie(value, secure=secure)

    def _ended(self, now: float) -> Iterator[SetCookie]:
        """Who refuses keeps none of our cookies, and what waits of them does not leave."""
        raw = self._request.cookies
        state = self.consent.state
        if b"_" not in raw or not (state == "denied" or (state == "pending" and self.withdraws)):
            return
        known = meta_cookies(raw)
        domain = self._shop.domains(self._request.host)[0]
        for name in known:  # another writer may have kept it to this host
            yield self.cookie(name, "", 0)
            if domain is not None:
                yield self.cookie(name, "", 0, wide=True)
        names = (found.partition(b"=")[0].decode() for found in PENDING.findall(raw))
        ours = dict.fromkeys(name for name in names if len(name) <= _PENDING_NAME)
        for name in islice(ours, _ENDED_AT_ONCE):
            yield self.cookie(name, "", 0)
        if f"{COOKIE}=".encode() in raw:
            yield b"set-cookie", identity_cookie("", secure=self._request.scheme == "https")
        fbp = known.get("_fbp", "")
        if self._shop.sends and valid_fbp(fbp):
            self._withdraw(fbp, now)

    def _withdraw(self, fbp: str, now: float) -> None:
        """Queued if it can be: a full disk must not keep the cookies alive."""
        shop, request = self._shop, self._request
        try:
            if not shop.may_withdraw(request.client or request.peer, now):
                shop.notes.count("too many withdrawals")
                return
            for pixel_id in shop.pixels:
                shop.queue(Withdrawal(pixel_id, fbp, int(now) + IN_FLIGHT).pack())
        except Exception:
            shop.notes.failed()

    def cookie(self, name: str, value: str, max_age: int, *, wide: bool = False) -> SetCookie:
        """A cookie of ours; a `wide` one is for all hosts of the shop's domain."""
        request = self._request
        domain = self._shop.domains(request.host)[0] if wide else None
        secure = request.scheme == "https"
        return b"set-cookie", set_cookie(name, value, max_age=max_age, domain=domain, secure=secure)
