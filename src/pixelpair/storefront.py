"""One shop of a process, made from its settings: what its requests meet, and where pages report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from pixelpair.core.consent import Signals
from pixelpair.core.desk import Desk
from pixelpair.core.exchange import Exchange
from pixelpair.core.heads import Heads
from pixelpair.core.limits import Rate
from pixelpair.core.machines import machine
from pixelpair.core.privacy import Firewall
from pixelpair.core.seals import Seal
from pixelpair.core.sensitive import hidden, sensitive
from pixelpair.core.shop import Shop
from pixelpair.core.shown import Naming
from pixelpair.core.snippet import Snippet
from pixelpair.fittings import (
    arrival_of,
    choice,
    doctors,
    domains_of,
    excluding,
    hasher,
    policy_of,
    sealing,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.cookies import CookieDomains
    from pixelpair.core.notes import Notes
    from pixelpair.core.shadow import Sight
    from pixelpair.settings import Settings


_WITHDRAWALS = 20  # a minute and address


class Outlets(NamedTuple):
    """A shop's only ways to the world outside."""

    clock: Callable[[], float]
    new_id: Callable[[], str]
    new_random: Callable[[], int]
    queue: Callable[[bytes], None]
    tell: Callable[[Sight], None] = lambda _sight: None  # what was seen in shadow mode


@dataclass(frozen=True, slots=True)
class Storefront:
    """A shop, what begins an exchange with it, and the desk of its pages (in shadow mode none)."""

    settings: Settings
    shop: Shop
    begin: Callable[..., Exchange]
    desk: Desk | None


def storefront(
    settings: Settings, outlets: Outlets, notes: Notes, *, among: bool = False
) -> Storefront:
    """The shop that these settings describe; `among` others, who may share its domain.

    Then its cookies stay with its host, unless COOKIE_DOMAIN says how far they go.
    """
    seal = Seal(settings.signing_secrets, settings.pixels[0])
    domains = domains_of(settings.cookie_domain, alone=not among)
    shop = _shop(settings, outlets, notes, seal, domains)
    if settings.mode == "shadow":
        from pixelpair.core.shadow import Shadow

        shop = rehearsing(shop)
        shadow = partial(Shadow, outlets.tell, shop)
        # It has what doors ask of an Exchange, and nothing else in common with one.
        return Storefront(settings, shop, cast("Callable[..., Exchange]", shadow), None)
    desk = Desk(
        shop,
        seal,
        shop.snippet.served,
        path=settings.path,
        origins=settings.origins,
        page_events=settings.page_events,
        report_rate=settings.report_rate,
    )
    return Storefront(settings, shop, partial(Exchange, shop), desk)


def rehearsing(shop: Shop) -> Shop:
    """The same shop, of which nothing leaves and which need not know who anybody is."""
    policy = shop.policy
    return replace(
        shop,
        rehearses=True,
        sends=False,
        queue=lambda _record: None,
        heads=Heads(()),  # pages that have the pixel are what it is for
        may_withdraw=lambda _address, _now: False,
        policy=replace(
            policy,
            keepsake=None,
            anonymous=False,
            questions=tuple(q for q in policy.questions if q.kind != "identify"),
        ),
    )


def _shop(
    settings: Settings, outlets: Outlets, notes: Notes, seal: Seal, domains: CookieDomains
) -> Shop:
    signals = Signals(settings.gpc, settings.dnt, settings.ldu)
    snippet = Snippet(
        settings.pixels,
        settings.pixel_script_url,
        settings.pixel_image_url,
        path=settings.path,
        page_view=settings.page_view,
        auto_config=settings.auto_config,
        names=settings.page_events,
        hidden=partial(hidden, settings.sensitive, settings.exclude),
        rule=settings.consent,
        signals=signals,
    )
    is_sensitive = sensitive(settings.sensitive)
    excluded = excluding(settings.exclude).match
    hashed = hasher(settings, notes, outlets.clock)
    machine(b"")  # reads its list (17 ms) now, not then
    if settings.advanced_matching:
        hashed({"phone": "+46701234567"})  # loads phonenumbers (27 ms) now, not then
    return Shop(
        pixels=settings.pixels,
        sends=bool(settings.access_token),
        page_view=settings.page_view,
        event_id=settings.event_id,
        currency=settings.currency or None,
        login_paths=frozenset(settings.login_paths),
        excludes=lambda path: excluded(path) or is_sensitive(path),
        routes=settings.routes,
        id_key=settings.key,
        snippet=snippet,
        seal=seal.seal,
        sealing=sealing(settings),
        doctors=doctors(settings),
        version=version_of(settings, snippet),
        heads=Heads(settings.pixels),
        domains=domains,
        clock=outlets.clock,
        new_id=outlets.new_id,
        new_random=outlets.new_random,
        hashed=hashed,
        queue=outlets.queue,
        notes=notes,
        policy=policy_of(settings, signals),
        wall=Firewall(settings.private_keys, is_sensitive),
        naming=Naming(
            choice("CONTENT_ID", settings.content_id, notes),
            choice("GROUP_ID", settings.group_id, notes),
        ),
        may_withdraw=Rate(_WITHDRAWALS).allows,
        is_sensitive=is_sensitive,
        arrive=arrival_of(settings.trusted_proxies, notes),
    )
