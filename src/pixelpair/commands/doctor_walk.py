"""The way through a shop: which link leads to a product, which form adds it to the cart.

By the shop's own route rules, and where they say nothing by the words that shops use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from pixelpair.commands.doctor_http import BROTLI, Answer
from pixelpair.core.rehearsal import FORGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborNode

    from pixelpair.commands.doctor_http import Visitor
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
_NO_PAGE: Final = re.compile(r"(?i)\.(?:css|js|png|jpe?g|gif|svg|webp|pdf|zip|xml|json|ico)\Z")
_LEAVES: Final = re.compile(r"(?i)log-?out|sign-?out|delete|remove|unsubscribe")
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


class Form(NamedTuple):
    """A form as a browser would send it."""

    method: str
    action: str
    fields: dict[str, str]
    texts: tuple[str, ...]  # the fields that a person types into
    kinds: frozenset[str]


class Walk:
    """One visit of a shop, place by place. `missed` are the places that were not found."""

    def __init__(self, visitor: Visitor, shop: Shop) -> None:
        self.visitor = visitor
        self.shop = shop
        self.stops: list[Stop] = []
        self.missed: list[str] = []
        self.forged: Answer | None = None
        self.coded: Answer | None = None

    def home(self) -> Stop:
        """The address that was given, with the two probes that are made of it."""
        ask, url = self.visitor.ask, self.visitor.start
        stop = self._stop("home", ask(url), url)
        lies = {"X-Forwarded-For": FORGED}
        self.forged = _last(ask(url, headers=lies))
        self.coded = _last(ask(url, headers={"Accept-Encoding": BROTLI}))
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
        lists = [link for link in links(home, self.visitor) if self._may_be_asked(link)]
        for url in lists[:MOST_TRIED] if found is None else ():
            between = _last(self.visitor.ask(url, referrer=home.url))
            found = self._linked("product", [between], quiet=True) if between else None
            if found:
                break
        if found is None:
            self.missed.append("product")
        return found

    def _search(self, home: Answer, product: Stop | None) -> None:
        forms = [form for form in forms_of(home, self.visitor) if form.method == "GET"]
        for form in forms:
            name = next((n for n in form.texts if self._searches(form, n)), None)
            if name is not None:
                query = urlencode(form.fields | {name: _word(product or self.stops[0])})
                url = f"{form.action.partition('?')[0]}?{query}"
                self._stop("search", self.visitor.ask(url, referrer=home.url), url)
                return
        self.missed.append("search")

    def _searches(self, form: Form, name: str) -> bool:
        path, query = unquote(urlsplit(form.action).path), urlencode({name: "tea"})
        events = self._events("GET", path, query)
        return "Search" in events or "search" in form.kinds or name.lower() in _SEARCHES

    def _cart(self, product: Stop) -> Stop | None:
        forms = [f for f in forms_of(product.first, self.visitor) if f.method == "POST"]
        ruled = [f for f in forms if "AddToCart" in self._events("POST", _path(f.action))]
        form = next(iter(ruled or [f for f in forms if _ADDS.search(_path(f.action))]), None)
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
        ruled = [f for f in forms if "Purchase" in self._events("POST", _path(f.action))]
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
        ruled = [u for u in found if event and event in self._events("GET", _path(u), _query(u))]
        return (ruled or [u for u in found if looks.search(_path(u).lower())])[:1]

    def _stop(self, kind: str, answers: list[Answer], url: str) -> Stop:
        """Remember a place; `url` is asked for once more, by somebody new ("": not)."""
        if not answers:
            return Stop(kind, Answer("GET", url, 0))
        again = None
        if url and answers[-1].is_page:
            buys = _buys(answers[-1])  # an order's page is its own customer's
            again = _last(self.visitor.ask(answers[-1].url, fresh=not buys))
        stop = Stop(kind, answers[-1], again)
        self.stops.append(stop)
        return stop

    def _events(self, method: str, path: str, query: str = "") -> list[str]:
        return [m.event_name for m in self.shop.routes.match(method, path, query, None)]

    def _may_be_asked(self, url: str) -> bool:
        path = _path(url)
        known = any(stop.first.url == url for stop in self.stops)
        left_alone = self.shop.excludes(path) or _NO_PAGE.search(path) or _LEAVES.search(url)
        return not known and not left_alone


def _last(answers: list[Answer]) -> Answer | None:
    return answers[-1] if answers else None


def _buys(answer: Answer) -> bool:
    report = answer.report or {}
    calls = [*report.get("events", ()), *report.get("sealed", ())]
    return any(call[0] == "Purchase" for call in calls)


# --- links and forms -----------------------------------------------------------------------------


def links(answer: Answer, visitor: Visitor) -> list[str]:
    """The addresses of the shop that a page links to, each once."""
    found = []
    for node in LexborHTMLParser(answer.body).css("a[href]"):
        url = _joined(answer.url, node.attributes.get("href") or "")
        if url and visitor.is_ours(url) and url != answer.url:
            found.append(url)
    return list(dict.fromkeys(found))


def forms_of(answer: Answer, visitor: Visitor) -> Iterator[Form]:
    """The forms of a page that are sent to the shop."""
    for node in LexborHTMLParser(answer.body).css("form"):
        action = _joined(answer.url, node.attributes.get("action") or answer.url)
        if action and visitor.is_ours(action):
            yield _form(node, action)


def _joined(base: str, href: str) -> str:
    try:
        return urljoin(base, href.strip()).partition("#")[0]
    except ValueError:
        return ""


def _form(node: LexborNode, action: str) -> Form:
    method = (node.attributes.get("method") or "get").upper()
    fields: dict[str, str] = {}
    texts, kinds = [], set()
    for control in node.css("input[name], select[name], textarea[name]"):
        name, kind = control.attributes.get("name") or "", _kind(control)
        kinds.add(kind)
        value = _value(control, kind)
        if value is not None and name not in fields:
            fields[name] = value
            texts += [name] if kind not in ("hidden", "select", "checkbox", "radio") else []
    for button in node.css("button[name], input[type=submit][name]")[:1]:
        fields.setdefault(button.attributes["name"] or "", button.attributes.get("value") or "")
    return Form(method, action, fields, tuple(texts), frozenset(kinds))


def _kind(control: LexborNode) -> str:
    if control.tag != "input":
        return str(control.tag)
    return (control.attributes.get("type") or "text").lower()


def _value(control: LexborNode, kind: str) -> str | None:
    """What a browser sends for it; None where that is nothing."""
    given = control.attributes
    if kind in ("submit", "button", "image", "reset", "file"):
        return None
    if kind == "select":
        options = control.css("option[selected]") or control.css("option")
        chosen = options[0].attributes.get("value") if options else None
        return chosen if chosen is not None else options[0].text() if options else None
    if kind == "textarea":
        return control.text()
    if kind == "checkbox":
        ticked = "checked" in given or "required" in given
        return given.get("value") or "on" if ticked else None
    return given.get("value") or ""


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
