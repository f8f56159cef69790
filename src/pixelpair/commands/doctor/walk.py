"""The way through a shop: which link leads to a product, which form adds it to the cart.

By the shop's own route rules, and where they say nothing by the words that shops use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from pixelpair.commands.doctor.forms import Form, forms_of, is_act, links
from pixelpair.commands.doctor.http import BROTLI, Answer
from pixelpair.core.rehearsal import FORGED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelpair.commands.doctor.http import Visitor
    from pixelpair.core.shop import Shop

# Which event a kind of page makes, and how addresses of such pages look in most shops.
KINDS: Final = {
    "product": ("ViewContent", re.compile(r"/(?:products?|produkte?r?|items?|p|shop|store)/[^/]")),
    "cart": ("", re.compile(r"/(?:cart|basket|bag|varukorg|kundvagn|warenkorb|panier)/?\Z")),
    "checkout": ("InitiateCheckout", re.compile(r"/(?:checkout|kassa|kasse)\b")),
}
_ADDS: Final = re.compile(r"cart|basket|\bbag\b|varukorg|kundvagn|warenkorb|panier")
_ORDERS: Final = re.compile(r"order|checkout|place|kassa|kasse|buy|pay")
_SEARCHES: Final = frozenset({"q", "query", "search", "s", "term", "text", "keywords"})
# Where most shops have their lists of products; tried before other links.
_LISTS: Final = re.compile(
    r"(?i)/(?:categor|collection|catalog|katalog|kategori|shop|store|product|produkt|butik|boutique"
    r"|sortiment|all\b|c/)"
)
_PRIVATE: Final = re.compile(
    r"(?i)/(?:accounts?|konto|login|log-in|signin|sign-in|register|users?)\b"
)
_NO_PAGE: Final = re.compile(r"(?i)\.(?:css|js|png|jpe?g|gif|svg|webp|pdf|zip|xml|json|ico)\Z")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
MOST_TRIED: Final = 2  # lists of products on the way to one

# What a test order says of its customer; example.com is nobody's (RFC 2606).
_CUSTOMER: Final = (
    (re.compile(r"(?i)mail"), "doctor@example.com"),
    (re.compile(r"(?i)phone|tel|mobile"), "+46701234567"),
    (re.compile(r"(?i)zip|postal|postcode"), "411 03"),
    (re.compile(r"(?i)first"), "Test"),
    (re.compile(r"(?i)last|sur"), "Order"),
    (re.compile(r"(?i)city|town"), "Gothenburg"),
    (re.compile(r"(?i)country"), "SE"),
    (re.compile(r"(?i)street|address"), "Test Street 1"),
    (re.compile(r"(?i)name"), "Test Order"),
)


@dataclass(frozen=True, slots=True)
class Stop:
    """One place of the walk: its answer, and that of somebody who asks for it again."""

    kind: str
    first: Answer
    again: Answer | None = None

    @property
    def where(self) -> str:
        return f"{self.kind} {self.first.path}"


class Walk:
    """One visit of a shop, place by place. `missed` are the places that were not found."""

    def __init__(self, visitor: Visitor, shop: Shop, *, known: bool) -> None:
        self.visitor = visitor
        self.shop = shop
        self.known = known  # the shop knows its doctor
        self.stops: list[Stop] = []
        self.missed: list[str] = []
        self.forged: Answer | None = None
        self.coded: Answer | None = None
        self.root = ""  # where the app is mounted

    def home(self) -> Stop:
        """The address that was given, with the two probes that are made of it."""
        ask, url = self.visitor.ask, self.visitor.start
        stop = self._stop("home", ask(url), url)
        lies = {"X-Forwarded-For": FORGED}
        self.forged = _last(ask(url, headers=lies, past_caches=True))
        self.coded = _last(ask(url, headers={"Accept-Encoding": BROTLI}, past_caches=True))
        return stop

    def on(self, *, places: bool) -> None:
        """From home on: product, search, cart and checkout, as far as they are found."""
        home = self.stops[0]
        product = self._product(home.first)
        self._search(home.first, product)
        cart = self._cart(product) if product else None
        sources = [stop.first for stop in (cart, product, home) if stop]
        checkout = self._linked("checkout", sources)
        if checkout and places:
            self._order(checkout)

    def page(self, path: str) -> None:
        """A page that somebody named."""
        url = urljoin(self.visitor.origin, path)
        if self.visitor.is_ours(url):
            self._stop("page", self.visitor.ask(url), url)

    # --- places --------------------------------------------------------------------------------

    def _product(self, home: Answer) -> Stop | None:
        found = self._linked("product", [home], quiet=True)
        for url in self._lists(home)[:MOST_TRIED] if found is None else ():
            between = _last(self.visitor.ask(url, referrer=home.url))
            found = self._linked("product", [between], quiet=True) if between else None
            if found:
                break
        if found is None:
            self.missed.append("product")
        return found

    def _lists(self, home: Answer) -> list[str]:
        """Links that may lead to products, the likeliest first; none with a query."""
        asked = filter(self._may_be_asked, links(home, self.visitor))
        found = [u for u in asked if not _query(u) and not _PRIVATE.search(_path(u))]
        return sorted(found, key=lambda url: not _LISTS.search(self._below(url)))

    def _search(self, home: Answer, product: Stop | None) -> None:
        found = forms_of(home, self.visitor)
        for form in (f for f in found if f.method == "GET" and not is_act(f.action)):
            name = next((n for n in form.texts if self._searches(form, n)), None)
            if name is not None:
                query = urlencode(form.fields | {name: _word(product or self.stops[0])})
                url = f"{form.action.partition('?')[0]}?{query}"
                self._stop("search", self.visitor.ask(url, referrer=home.url), url)
                return
        self.missed.append("search")

    def _searches(self, form: Form, name: str) -> bool:
        events = self._events("GET", self._below(form.action), urlencode({name: "tea"}))
        return "Search" in events or "search" in form.kinds or name.lower() in _SEARCHES

    def _cart(self, product: Stop) -> Stop | None:
        forms = [
            f for f in forms_of(product.first, self.visitor) if f.method == "POST" and f.may_add
        ]
        ruled = [f for f in forms if "AddToCart" in self._events("POST", self._below(f.action))]
        likely = (f for f in forms if _ADDS.search(_path(f.action).lower()))
        form = next(iter(ruled or likely), None)
        if form is None:
            self.missed.append("add to cart")
            return self._linked("cart", [product.first], again=False)
        answers = self.visitor.ask(form.action, data=form.fields, referrer=product.first.url)
        if not answers:
            return None
        self.stops.append(Stop("add to cart", answers[0]))
        if len(answers) > 1 and answers[-1].is_page:
            stop = Stop("cart", answers[-1])
            self.stops.append(stop)
            return stop
        return self._linked("cart", [product.first], again=False)

    def _order(self, checkout: Stop) -> None:
        """A real order of the shop's: only where somebody asked for it."""
        forms = [f for f in forms_of(checkout.first, self.visitor) if f.method == "POST"]
        ruled = [f for f in forms if "Purchase" in self._events("POST", self._below(f.action))]
        form = next(iter(ruled or [f for f in forms if _ORDERS.search(_path(f.action))]), None)
        if form is None:
            self.missed.append("order")
            return
        filled = {n: v if n not in form.texts or v else _typed(n) for n, v in form.fields.items()}
        answers = self.visitor.ask(form.action, data=filled, referrer=checkout.first.url)
        self.stops += [Stop("place order", answer) for answer in answers[:1]]
        if len(answers) > 1 and answers[-1].is_page:
            again = _last(self.visitor.ask(answers[-1].url))
            self.stops.append(Stop("order", answers[-1], again))

    def _linked(
        self, kind: str, sources: Iterable[Answer], *, quiet: bool = False, again: bool = True
    ) -> Stop | None:
        for source in sources:
            for url in self._fitting(kind, source):
                found = self.visitor.ask(url, referrer=source.url)
                if found and found[-1].is_page:
                    return self._stop(kind, found, url if again else "")
        if not quiet:
            self.missed.append(kind)
        return None

    def _fitting(self, kind: str, source: Answer) -> list[str]:
        """The links of a page that lead to such a place, the surest first."""
        event, looks = KINDS[kind]
        found = [link for link in links(source, self.visitor) if self._may_be_asked(link)]
        ruled = [u for u in found if event in self._events("GET", self._below(u), _query(u))]
        return (ruled or [u for u in found if looks.search(_path(u).lower())])[:1]

    def _stop(self, kind: str, answers: list[Answer], url: str) -> Stop:
        """Remember a place; `url` is asked for once more, by somebody new ("": not)."""
        if not answers:
            return Stop(kind, Answer("GET", url, 0))
        first, again = answers[-1], None
        if url and first.is_page:
            buys = _buys(first)  # an order's page is its own customer's
            again = _last(self.visitor.ask(first.url, fresh=not buys))
        if first.is_page and first.report is None and self.known:
            # A cache answered. What the shop itself says, beside what the cache keeps.
            own = _last(self.visitor.ask(first.url, past_caches=True))
            first, again = (own, first) if own is not None and own.report else (first, again)
        self.root = self.root or (first.report or {}).get("root", "")
        stop = Stop(kind, first, again)
        self.stops.append(stop)
        return stop

    def _events(self, method: str, path: str, query: str = "") -> list[str]:
        return [m.event_name for m in self.shop.routes.match(method, path, query, None)]

    def _may_be_asked(self, url: str) -> bool:
        path = self._below(url)
        known = any(stop.first.url == url for stop in self.stops)
        return not (known or is_act(url) or self.shop.excludes(path) or _NO_PAGE.search(path))

    def _below(self, url: str) -> str:
        """The path as the app knows it, which may be mounted somewhere: rules are written so."""
        return _path(url).removeprefix(self.root) or "/"


def _last(answers: list[Answer]) -> Answer | None:
    return answers[-1] if answers else None


def _buys(answer: Answer) -> bool:
    report = answer.report or {}
    calls = [*report.get("events", ()), *report.get("sealed", ())]
    return any(call[0] == "Purchase" for call in calls)


def _typed(name: str) -> str:
    return next((value for looks, value in _CUSTOMER if looks.search(name)), "Test")


def _word(stop: Stop) -> str:
    """A word that the shop has something of."""
    title = LexborHTMLParser(stop.first.body).css_first("h1") or LexborHTMLParser(
        stop.first.body
    ).css_first("title")
    found = _WORD.search(title.text()) if title else None
    return found[0] if found else "a"


def _path(url: str) -> str:
    return unquote(urlsplit(url).path) or "/"


def _query(url: str) -> str:
    return urlsplit(url).query
