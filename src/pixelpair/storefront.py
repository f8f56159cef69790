"""One shop of a process, made from its settings: what its requests meet, and where pages report."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import sha256
from time import gmtime
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from publicsuffixlist import PublicSuffixList

from pixelpair.asking import callable_of
from pixelpair.core.addresses import public_ip
from pixelpair.core.consent import Signals
from pixelpair.core.cookies import CookieDomains
from pixelpair.core.csp import INLINE
from pixelpair.core.desk import Desk
from pixelpair.core.exchange import Exchange
from pixelpair.core.heads import Heads
from pixelpair.core.identity import Keepsake
from pixelpair.core.limits import Rate
from pixelpair.core.machines import machine
from pixelpair.core.policy import Policy, Question
from pixelpair.core.privacy import Firewall
from pixelpair.core.product.ids import GROUP_IDS
from pixelpair.core.proxies import arrivals
from pixelpair.core.seals import Seal
from pixelpair.core.sensitive import hidden, sensitive
from pixelpair.core.shop import Shop
from pixelpair.core.shown import Naming
from pixelpair.core.snippet import Snippet
from pixelpair.core.user_data import customer_information

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.http import Request
    from pixelpair.core.notes import Notes
    from pixelpair.core.product import Facts
    from pixelpair.core.proxies import Trust
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
    domains = _domains(settings.cookie_domain, alone=not among)
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
    excluded = _pattern(settings.exclude).match
    hashed = _hasher(settings, notes, outlets.clock)
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
        sealing=_sealing(settings),
        doctors=doctors(settings),
        version=_version(settings, snippet),
        heads=Heads(settings.pixels),
        domains=domains,
        clock=outlets.clock,
        new_id=outlets.new_id,
        new_random=outlets.new_random,
        hashed=hashed,
        queue=outlets.queue,
        notes=notes,
        policy=_policy(settings, signals),
        wall=Firewall(settings.private_keys, is_sensitive),
        naming=Naming(
            _choice("CONTENT_ID", settings.content_id, notes),
            _choice("GROUP_ID", settings.group_id, notes),
        ),
        may_withdraw=Rate(_WITHDRAWALS).allows,
        is_sensitive=is_sensitive,
        arrive=arrival_of(settings.trusted_proxies, notes),
    )


def _sealing(settings: Settings) -> tuple[bytes, ...]:
    """The secrets of sealed orders. Shops that share a SECRET do not share their visitors."""
    pixel = settings.pixels[0].encode()
    return tuple(b"%b\0%b" % (secret, pixel) for secret in settings.signing_secrets)


def doctors(settings: Settings) -> tuple[bytes, ...]:
    """The secrets that admit the shop's own doctor; none where a stranger could know them."""
    return _sealing(settings) if settings.secret or settings.access_token else ()


def _choice(option: str, given: Any, notes: Notes) -> Any:
    """A choice of ids; the shop's own function, which may fail, as one that never does."""
    if given is None or given in GROUP_IDS:
        return given
    ask = callable_of(given)

    def chosen(facts: Facts) -> object:
        try:
            return _as_id(ask(facts))
        except Exception:
            notes.say("question", option, per=option, exc_info=True)
            return None

    return chosen


def _as_id(answer: object) -> str | int | UUID | None:
    """A product's id. Raises TypeError for what is none, such as an async function's coroutine."""
    if answer is None or (isinstance(answer, str | int | UUID) and not isinstance(answer, bool)):
        return answer
    raise TypeError(f"an id is a str, an int or None, not {type(answer).__name__}")


def _policy(settings: Settings, signals: Signals) -> Policy:
    asked = (
        ("staff", settings.staff.ask),
        ("consent", settings.consent.ask),
        ("identify", settings.identify),
        ("purchase_status", settings.purchase_status),
    )
    matches = settings.advanced_matching
    return Policy(
        consent=settings.consent,
        signals=signals,
        staff=settings.staff,
        keepsake=Keepsake(settings.signing_secrets, settings.pixels[0]) if matches else None,
        anonymous=settings.anonymous_id,
        questions=tuple(Question(kind, callable_of(it)) for kind, it in asked if it),  # type: ignore[arg-type]
    )


def arrival_of(trust: Trust | None, notes: Notes) -> Callable[[Request], None]:
    """Puts a request's visitor, scheme and host where the trusted proxies say they are."""
    read = arrivals(trust)

    def by_proxies(request: Request) -> None:
        said = read(request.index, request.client, request.scheme, request.host)
        request.client, request.scheme, request.host, request.peer = said

    def by_itself(request: Request) -> None:
        request.peer = peer = request.client
        request.client = found = public_ip(peer)
        if not found and b"x-forwarded-for" in request.index:
            request.peer = ""  # a proxy, and no visitor
            notes.say("no trust")

    return by_itself if trust is None else by_proxies


@lru_cache(1)
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # 35 ms of reading, when a shop is made and not in a request


def _domains(own: str, *, alone: bool) -> CookieDomains:
    if not (own or alone):
        return CookieDomains(lambda _host: None)

    def of_own(host: str) -> str | None:
        return own if f".{host}".endswith(f".{own}") else None

    return CookieDomains(of_own if own else _public_suffixes().privatesuffix)


def _hasher(
    settings: Settings, notes: Notes, clock: Callable[[], float]
) -> Callable[[Mapping[str, object]], dict[str, list[str]]]:
    def hashed(given: Mapping[str, object]) -> dict[str, list[str]]:
        country = settings.phone_country or None
        year = gmtime(clock()).tm_year
        found, dropped = customer_information(given, phone_country=country, year=year)
        for name in dropped:
            notes.say("no information", name, per=name)
        return found

    return hashed


def _version(settings: Settings, snippet: Snippet) -> bytes:
    """Eight digits that change with whatever a cacheable page holds of ours."""
    # Not the rules' own repr: their convertors have addresses, another in each process.
    rules = [
        (
            r.event_name,
            r.method,
            r.pattern and r.pattern.pattern,
            r.route_name,
            r.query,
            r.on,
            *sorted(r.renames.items()),
        )
        for r in settings.routes.rules
    ]
    said = (
        *(settings.path, rules, settings.currency, settings.event_id, settings.signing_secrets),
        *(settings.cookie_domain, settings.private_keys),
        *(_name_of(settings.content_id), _name_of(settings.group_id)),
    )
    code = snippet.served + snippet.loader(INLINE)
    return sha256(code + repr(said).encode()).hexdigest()[:8].encode()


def _name_of(choice: Any) -> str:
    """A choice as every process writes it: a function's own repr has its address."""
    return getattr(choice, "__qualname__", str(choice))


def _pattern(paths: tuple[str, ...]) -> re.Pattern[str]:
    """Each path and what lies below it; `*` stands for anything within a segment."""
    if not paths:
        return re.compile(r"(?!)")
    inner = ("[^/]*".join(map(re.escape, path.split("*"))) for path in paths)
    return re.compile(rf"(?:{'|'.join(inner)})(?:/|\Z)")
