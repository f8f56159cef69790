"""What a shop is fitted out with, from its settings: ids, secrets, a policy, domains, a version."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from time import gmtime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from publicsuffixlist import PublicSuffixList

from pixelpair.asking import callable_of
from pixelpair.core.addresses import public_ip
from pixelpair.core.cookies import CookieDomains
from pixelpair.core.csp import INLINE
from pixelpair.core.identity import Keepsake
from pixelpair.core.policy import Policy, Question
from pixelpair.core.product.ids import GROUP_IDS
from pixelpair.core.proxies import arrivals
from pixelpair.core.user_data import customer_information

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.consent import Signals
    from pixelpair.core.http import Request
    from pixelpair.core.notes import Notes
    from pixelpair.core.product import Facts
    from pixelpair.core.proxies import Trust
    from pixelpair.core.snippet import Snippet
    from pixelpair.settings import Settings


def sealing(settings: Settings) -> tuple[bytes, ...]:
    """The secrets of sealed orders. Shops that share a SECRET do not share their visitors."""
    pixel = settings.pixels[0].encode()
    return tuple(b"%b\0%b" % (secret, pixel) for secret in settings.signing_secrets)


def doctors(settings: Settings) -> tuple[bytes, ...]:
    """The secrets that admit the shop's own doctor; none where a stranger could know them."""
    return sealing(settings) if settings.secret or settings.access_token else ()


def choice(option: str, given: Any, notes: Notes) -> Any:
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


def policy_of(settings: Settings, signals: Signals) -> Policy:
    """Whose visits count, and what the shop is asked of its visitor."""
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


def domains_of(own: str, *, alone: bool) -> CookieDomains:
    """How far our cookies go: as the shop says, else as the public-suffix list allows."""
    if not (own or alone):
        return CookieDomains(lambda _host: None)

    def of_own(host: str) -> str | None:
        return own if f".{host}".endswith(f".{own}") else None

    return CookieDomains(of_own if own else _public_suffixes().privatesuffix)


def hasher(
    settings: Settings, notes: Notes, clock: Callable[[], float]
) -> Callable[[Mapping[str, object]], dict[str, list[str]]]:
    """What hashes customer information; a field that cannot be read is noted and dropped."""

    def hashed(given: Mapping[str, object]) -> dict[str, list[str]]:
        country = settings.phone_country or None
        year = gmtime(clock()).tm_year
        found, dropped = customer_information(given, phone_country=country, year=year)
        for name in dropped:
            notes.say("no information", name, per=name)
        return found

    return hashed


def version_of(settings: Settings, snippet: Snippet) -> bytes:
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


def excluding(paths: tuple[str, ...]) -> re.Pattern[str]:
    """Each path and what lies below it; `*` stands for anything within a segment."""
    if not paths:
        return re.compile(r"(?!)")
    inner = ("[^/]*".join(map(re.escape, path.split("*"))) for path in paths)
    return re.compile(rf"(?:{'|'.join(inner)})(?:/|\Z)")
