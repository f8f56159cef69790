"""A healthy shop, and all that may be wrong with one: each fault is planted alone."""

from __future__ import annotations

import gzip
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import brotli
from flask import Flask, redirect, request, session

import pixelpair
from pixelpair.flask import PixelPair
from pixelpair.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Environ = dict[str, Any]
    App = Callable[[Environ, Callable[..., Any]], Any]
    Wrap = Callable[[App], App]

PIXEL = "1234567890"
SECRET = "a secret of these tests"
SCRIPT = "https://connect.facebook.net/en_US/fbevents.js"
ROUTES = """
ViewContent /products/{content_id}
Search /search?q={search_string}
AddToCart POST /cart/add form:sku=content_id
InitiateCheckout /checkout
"""
JSON_LD = (
    '<script type="application/ld+json">{"@context":"https://schema.org","@type":"Product",'
    '"name":"Tea","sku":"TEA","offers":{"@type":"Offer","price":"12.50","priceCurrency":"EUR"}}'
    "</script>"
)
LINKS = (
    '<a href="/products/TEA">Tea</a> <a href="/cart">Cart</a> <a href="/checkout">Checkout</a>'
    '<form action="/search"><input name="q" type="search"></form>'
)
ADD = (
    '<form method="post" action="/cart/add"><input type="hidden" name="csrf" value="{csrf}">'
    '<input type="hidden" name="sku" value="TEA"><input name="quantity" value="1">'
    "<button>Add</button></form>"
)
PAID: dict[str, object] = {"value": 12.5, "currency": "EUR"}
PAGE = (
    "<!doctype html><html><head><title>Tea shop</title>{head}</head>"
    "<body><h1>Tea</h1>{body}</body></html>"
)


@dataclass(frozen=True, slots=True)
class Ill:
    """A fault: what it changes of the shop and of the doctor's settings, and how it is found."""

    finds: tuple[str, str, str]  # status, check, words of the cause
    words: tuple[str, ...] = ()  # to the doctor
    shop: dict[str, object] = field(default_factory=dict)  # settings of the shop
    doctor: dict[str, object] = field(default_factory=dict)  # settings that only the doctor has
    head: str = ""
    ld: str = JSON_LD
    page: str = PAGE
    headers: dict[str, str] = field(default_factory=dict)
    inside: tuple[Wrap, ...] = ()
    outside: tuple[Wrap, ...] = ()
    installed: bool = True
    more: Callable[[Flask], object] = lambda _app: None  # more of the shop
    order: Callable[[], dict[str, object]] = lambda: PAID | {"order_id": "7"}


def flask_shop(ill: Ill, settings: Settings) -> App:
    """The shop, with this one fault."""
    app = Flask("shop")
    app.secret_key = "a key"

    def page(body: str, head: str = "") -> Any:
        made = app.make_response(ill.page.format(head=head + ill.head, body=body + LINKS))
        made.headers.update(ill.headers)
        return made

    @app.get("/")
    def home() -> Any:
        return page("<p>Welcome</p>")

    @app.get("/products/<sku>")
    def product(sku: str) -> Any:
        session["csrf"] = f"token-of-{sku}"
        return page(ADD.format(csrf=session["csrf"]), ill.ld)

    @app.get("/search")
    def search() -> Any:
        return page("<p>Found</p>")

    @app.post("/cart/add")
    def add() -> Any:
        if request.form["csrf"] != session.get("csrf"):
            return "no", 403
        return redirect("/cart", 303)

    @app.get("/cart")
    def cart() -> Any:
        return page("<p>One tea</p>")

    @app.get("/checkout")
    def checkout() -> Any:
        return page('<form method="post" action="/orders"><input name="email" required></form>')

    @app.post("/orders")
    def place() -> Any:
        return redirect("/orders/7", 303) if "@" in request.form["email"] else ("no", 422)

    @app.get("/orders/7")
    def order() -> Any:
        pixelpair.track("Purchase", **ill.order())
        return page("<p>Thank you</p>")

    ill.more(app)
    for wrap in ill.inside:
        app.wsgi_app = wrap(app.wsgi_app)
    if ill.installed:
        PixelPair(app, settings)
    for wrap in ill.outside:
        app.wsgi_app = wrap(app.wsgi_app)
    return app


def settings_of(spool: Path, **more: object) -> Settings:
    given: dict[str, object] = {
        "pixel_id": PIXEL,
        "access_token": "sandbox-token",
        "secret": SECRET,
        "graph_url": "http://127.0.0.1:9",
        "spool": spool,
        "sender": "none",
        "routes": ROUTES,
    }
    return Settings(**given | more)


# --- a server of this process ---------------------------------------------------------------------


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_words: object) -> None:
        pass


@contextmanager
def serving(app: App) -> Iterator[str]:
    """The address of a running app."""
    with make_server("127.0.0.1", 0, app, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# --- what stands around a shop --------------------------------------------------------------------


def answering(
    change: Callable[[list[tuple[str, str]], bytes], tuple[list[tuple[str, str]], bytes]],
) -> Wrap:
    """A middleware that changes headers and body."""

    def wrap(app: App) -> App:
        def wrapped(environ: Environ, start_response: Callable[..., Any]) -> Any:
            held: list[Any] = []
            body = app(environ, lambda status, headers, *_: held.extend((status, headers)))
            whole = b"".join(body)
            headers, whole = change(held[1], whole)
            start_response(held[0], headers)
            return [whole]

        return wrapped

    return wrap


def adding(*pairs: tuple[str, str]) -> Wrap:
    """Headers over those that are there."""
    names = {name.lower() for name, _ in pairs}
    return answering(lambda h, b: ([p for p in h if p[0].lower() not in names] + [*pairs], b))


def asking(**environ: str) -> Wrap:
    """What a proxy makes of a request."""

    def wrap(app: App) -> App:
        return lambda asked, start: app(asked | environ, start)

    return wrap


def forwarding(*hops: str) -> Wrap:
    """Proxies that each add the one before to X-Forwarded-For."""

    def wrap(app: App) -> App:
        def wrapped(environ: Environ, start_response: Callable[..., Any]) -> Any:
            said = environ.get("HTTP_X_FORWARDED_FOR")
            chain = ", ".join([*([said] if said else []), *hops[:-1]])
            return app(
                environ | {"HTTP_X_FORWARDED_FOR": chain, "REMOTE_ADDR": hops[-1]}, start_response
            )

        return wrapped

    return wrap


def stripping(name: str) -> Wrap:
    """A proxy that lets no such header through."""

    def wrap(app: App) -> App:
        def wrapped(environ: Environ, start_response: Callable[..., Any]) -> Any:
            return app({k: v for k, v in environ.items() if k != name}, start_response)

        return wrapped

    return wrap


def keeping(app: App) -> App:
    """A cache that heeds no header at all."""
    kept: dict[str, tuple[Any, ...]] = {}

    def wrapped(environ: Environ, start_response: Callable[..., Any]) -> Any:
        key = environ["PATH_INFO"] + environ["HTTP_USER_AGENT"]
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_X_FORWARDED_FOR" in environ:
            return app(environ, start_response)
        age = [("Age", "5")] if key in kept else []
        if key not in kept:
            held: list[Any] = []
            body = app(environ, lambda status, headers, *_: held.extend((status, headers)))
            whole = b"".join(body)
            kept[key] = (*held, whole)
        status, headers, whole = kept[key]
        start_response(status, headers + age)
        return [whole]

    return wrapped


def compressing(coding: str, packed: Callable[[bytes], bytes], said: str = "") -> Wrap:
    """A compressor of what asks for `coding`; `said` is what it calls that."""

    def wrap(app: App) -> App:
        def wrapped(environ: Environ, start_response: Callable[..., Any]) -> Any:
            if coding not in environ.get("HTTP_ACCEPT_ENCODING", ""):
                return app(environ, start_response)
            held: list[Any] = []
            body = app(environ, lambda status, headers, *_: held.extend((status, headers)))
            whole = packed(b"".join(body))
            headers = [p for p in held[1] if p[0].lower() != "content-length"]
            headers += [("Content-Encoding", said or coding), ("Content-Length", str(len(whole)))]
            start_response(held[0], headers)
            return [whole]

        return wrapped

    return wrap


def installed_again(settings: Callable[[], Settings]) -> Wrap:
    """A second pixelpair, which cannot see the first: as behind a bridge from ASGI to WSGI."""
    from pixelpair.wsgi import _KEY, PixelPairMiddleware

    def wrap(app: App) -> App:
        def unknowing(environ: Environ, start_response: Callable[..., Any]) -> Any:
            return app({k: v for k, v in environ.items() if k != _KEY}, start_response)

        return PixelPairMiddleware(unknowing, settings())

    return wrap


def longer(app: App) -> App:
    """Adds to pages, and says their old length."""
    return answering(lambda h, b: (h, b.replace(b"</body>", b"<p>" + b"x" * 500 + b"</p></body>")))(
        app
    )


def odd_pages(app: Flask) -> None:
    """What a walk may meet."""
    answers: dict[str, tuple[object, int, dict[str, str]]] = {
        "/broken": ("no", 500, {}),
        "/limited": ("no", 429, {}),
        "/refused": ("no", 403, {}),
        "/locked": ("no", 401, {}),
        "/loop": ("", 302, {"Location": "/loop"}),
        "/away": ("", 302, {"Location": "https://id.example/login?next=1"}),
        "/long": (PAGE.format(head="", body="<p>tea</p>" * 300_000), 200, {}),
        "/binary": (bytes(range(256)) * 40, 200, {"Content-Type": "text/html"}),
        "/latin": ("<!doctype html><html><title>x</title>Käse".encode("latin-1"), 200, {}),
        "/file": ("x", 200, {"Content-Type": "application/pdf"}),
    }
    for path, answer in answers.items():
        app.add_url_rule(path, path, lambda answer=answer: answer)

    @app.get("/silent")
    def silent() -> str:
        time.sleep(2.0)
        return "late"


_NUMBERS = count(1)
POLICY = "Content-Security-Policy"
META = "https://connect.facebook.net"
ILL = {
    "two proxies, one trusted": Ill(
        ("fail", "proxies", "one of 2 proxies is taken for the visitor"),
        shop={"trusted_proxies": "1"},
        outside=(forwarding("203.0.113.7", "10.0.0.2", "10.0.0.1"),),
    ),
    "one proxy, two trusted": Ill(
        ("fail", "proxies", "a visitor may claim any address"),
        shop={"trusted_proxies": "2"},
        outside=(forwarding("203.0.113.7", "10.0.0.1"),),
    ),
    "one proxy, none trusted": Ill(
        ("fail", "proxies", "no visitor's address is sent"),
        outside=(forwarding("203.0.113.7", "10.0.0.1"),),
    ),
    "brotli twice inside": Ill(
        ("fail", "stack", "arrive compressed (br, br)"),
        inside=(compressing("br", lambda b: brotli.compress(brotli.compress(b)), "br, br"),),
    ),
    "brotli inside": Ill(
        ("warn", "stack", "br-coded"), inside=(compressing("br", brotli.compress),)
    ),
    "gzip inside": Ill(
        ("warn", "stack", "gzip-coded"), inside=(compressing("gzip", gzip.compress),)
    ),
    "this pixel by hand in the head": Ill(
        ("fail", "pixel", "starts this pixel by hand"),
        head=f"<script>fbq('init', '{PIXEL}');</script>",
    ),
    "this pixel by hand in the body": Ill(
        ("fail", "theme", "by hand too"),
        page=PAGE.replace("</body>", f"<script>fbq('init','{PIXEL}')</script></body>"),
    ),
    "another pixel": Ill(
        ("warn", "theme", "another pixel: 99"), head='<script>fbq("init", "99");</script>'
    ),
    "a cache that heeds nothing": Ill(
        ("fail", "cache", "two visitors were shown one event id"), outside=(keeping,)
    ),
    "a policy without Meta's script": Ill(
        ("fail", "policy", "blocks the pixel's script at connect.facebook.net"),
        headers={POLICY: "script-src 'self' 'unsafe-inline'"},
    ),
    "a policy without Meta's images": Ill(
        ("fail", "policy", "blocks the pixel's images to www.facebook.com"),
        headers={POLICY: f"script-src 'unsafe-inline' {META}; img-src 'self'"},
    ),
    "a policy without inline or file": Ill(
        ("fail", "policy", "forbids inline scripts and our file"),
        headers={POLICY: f"script-src {META}"},
    ),
    "a policy that is set outside": Ill(
        ("fail", "policy", "set behind pixelpair"),
        outside=(adding((POLICY, f"script-src 'self' {META}")),),
    ),
    "no currency": Ill(
        ("warn", "facts", "ViewContent lacks value, currency"),
        ld=JSON_LD.replace(',"priceCurrency":"EUR"', ""),
    ),
    "broken JSON-LD": Ill(
        ("fail", "facts", "its JSON-LD is broken"), ld=JSON_LD.replace('"EUR"', "EUR")
    ),
    "no middleware": Ill(("fail", "middleware", "no trace of pixelpair"), installed=False),
    "switched off": Ill(("fail", "middleware", "no trace of pixelpair"), shop={"mode": "off"}),
    "another secret": Ill(
        ("fail", "middleware", "another secret"), doctor={"secret": "yet another one"}
    ),
    "another pixel id": Ill(
        ("fail", "middleware", f"carries pixel {PIXEL}"), doctor={"pixel_id": "42"}
    ),
    "the doctor's header is stripped": Ill(
        ("fail", "middleware", "does not know its doctor"),
        outside=(stripping("HTTP_PIXELPAIR_DOCTOR"),),
    ),
    "another host": Ill(
        ("fail", "host", "believes to be another host"),
        outside=(asking(HTTP_HOST="app.shop.example"),),
    ),
    "another host, named": Ill(
        ("fail", "host", "and the app for app.shop.example"),
        words=("--host", "app.shop.example"),
        outside=(asking(HTTP_HOST="app.shop.example"),),
    ),
    "another scheme": Ill(
        ("fail", "host", "the app takes it for https"),
        outside=(asking(**{"wsgi.url_scheme": "https"}),),
    ),
    "a cookie domain of another shop": Ill(
        ("fail", "cookie", "is no domain of 127.0.0.1"),
        shop={"cookie_domain": "shop.example"},
    ),
    "a cookie that the host may not set": Ill(
        ("fail", "cookie", "which browsers refuse"),
        outside=(adding(("Set-Cookie", "_fbp=fb.1.1.1; Domain=other.example; Path=/")),),
    ),
    "rules that match nothing": Ill(
        ("fail", "routes", "no page that was seen makes an event but PageView"),
        shop={"routes": "ViewContent /never/{content_id}"},
    ),
    "a cart that no rule knows": Ill(
        ("warn", "routes", "POST /cart/add makes no event"),
        shop={"routes": "ViewContent /products/{content_id}"},
    ),
    "a purchase without an order": Ill(
        ("fail", "purchase", "no order_id"), words=("--page", "/orders/7"), order=lambda: PAID
    ),
    "a purchase that is another each time": Ill(
        ("fail", "purchase", "another id when its page is seen again"),
        words=("--page", "/orders/7"),
        order=lambda: PAID | {"order_id": str(next(_NUMBERS))},
    ),
    "a purchase without money": Ill(
        ("fail", "purchase", "a Purchase is refused"),
        words=("--page", "/orders/7"),
        order=lambda: {"order_id": "7"},
    ),
    "installed twice": Ill(
        ("fail", "middleware", "two middlewares"),
        outside=("again",),  # type: ignore[arg-type]  # filled in by the test, with its settings
    ),
    "a length that is not the page's": Ill(
        ("fail", "headers", "Content-Length is not the page's"), outside=(longer,)
    ),
    "a page that was cut off": Ill(
        ("fail", "headers", "Content-Length is not the page's"),
        outside=(answering(lambda h, b: (h, b[:-20])),),
    ),
    "an ETag on a page with ids": Ill(
        ("fail", "headers", "a 304 would show an id again"), outside=(adding(("ETag", '"1"')),)
    ),
    "a Cache-Control that was rewritten": Ill(
        ("fail", "headers", "it was rewritten behind us"),
        outside=(adding(("Cache-Control", "public, max-age=60")),),
    ),
    "an ETag of a layer outside": Ill(
        ("warn", "headers", "the ETag is not the one"),
        headers={"Cache-Control": "public, max-age=60"},
        outside=(adding(("ETag", '"theirs"')),),
    ),
    "a consent cookie that nobody sets": Ill(
        ("fail", "consent", "sets marketing_ok"), shop={"consent": "cookie:marketing_ok=yes"}
    ),
    "staff": Ill(
        ("warn", "consent", "no customer here (staff)"), shop={"staff": "127.0.0.1"}
    ),
    "a page without a head": Ill(
        ("fail", "pixel", "has no <head>"), page="<h1>Tea</h1>{head}{body}"
    ),
    "an answer in another charset": Ill(
        ("fail", "pixel", "UTF-16"),
        headers={"Content-Type": "text/html; charset=utf-16"},
    ),
    "a page that is excluded": Ill(
        ("warn", "pixel", "PIXELPAIR_EXCLUDE"), shop={"exclude": "/search"}
    ),
    "a shop in shadow mode": Ill(
        ("warn", "middleware", "PIXELPAIR_MODE=shadow"),
        shop={"mode": "shadow"},
        doctor={"mode": "shadow"},
    ),
    "another secret, and none": Ill(
        ("fail", "middleware", "there is no secret"),
        shop={"secret": "", "access_token": ""},
        doctor={"secret": "", "access_token": ""},
    ),
    "a form that is refused": Ill(
        ("warn", "page", "answers 403"), outside=(asking(HTTP_COOKIE=""),)
    ),
    **{
        f"a page: {path}": Ill(finds, words=("--page", path), more=odd_pages)
        for path, finds in {
            "/broken": ("fail", "page", "answers 500"),
            "/limited": ("warn", "page", "answers 429"),
            "/refused": ("warn", "page", "answers 403"),
            "/locked": ("warn", "page", "answers 401"),
            "/loop": ("warn", "page", "answers 302 and leads on to /loop"),
            "/away": ("warn", "page", "answers 302 and leads on to https://id.example/login"),
            "/long": ("warn", "headers", "longer than 2 MB"),
            "/binary": ("fail", "pixel", "has no <head>"),
            "/file": ("warn", "page", "is application/pdf"),
            "/silent": ("fail", "page", "no answer in"),
        }.items()
    },
    "a page that fails": Ill(("warn", "page", "answers 404"), words=("--page", "/nowhere")),
}  # fmt: skip

NONE = ("ok", "middleware", "")
# What is no fault, and looked like one.
NONCE = "script-src 'nonce-r4nd0m' 'strict-dynamic'; img-src *; connect-src *"
SOUND = {
    "as it is": Ill(NONE),
    "a banner that asks": Ill(
        NONE,
        shop={"consent": "cookiebot"},
        head='<script src="https://consent.cookiebot.com/uc.js"></script>',
    ),
    "browser ids": Ill(NONE, shop={"event_id": "browser"}),
    "pages for all": Ill(NONE, headers={"Cache-Control": "public, max-age=60", "ETag": '"1"'}),
    "a cache that keeps what it may": Ill(
        NONE, headers={"Cache-Control": "public, max-age=60"}, outside=(keeping,)
    ),
    "a policy with a nonce": Ill(
        NONE, headers={POLICY: NONCE}, head='<script nonce="r4nd0m">1</script>'
    ),
    "gzip outside": Ill(NONE, outside=(compressing("gzip", gzip.compress),)),
    "limited data use": Ill(NONE, shop={"ldu": "0,0"}),
    "one proxy, trusted": Ill(
        NONE, shop={"trusted_proxies": "1"}, outside=(forwarding("203.0.113.7", "10.0.0.1"),)
    ),
    "no PageView from the server": Ill(NONE, shop={"page_view": "browser"}),
    "latin-1": Ill(NONE, words=("--page", "/latin"), more=odd_pages),
    "a lenient template": Ill(NONE, ld=JSON_LD.replace('"EUR"}', '"EUR",}')),
}
TRAPS = (
    '<a href="/logout">Bye</a> <a href="/cart/clear">Empty</a> <a href="/products/TEA/delete">x</a>'
    '<a href="/x" rel="nofollow">x</a> <a href="http://127.0.0.1:9/products/X">Other</a>'
    '<form method="post" action="/newsletter"><input name="email"></form>'
    '<form method="post" action="/cart/pay"><button name="pay">Pay</button></form>'
    '<form method="post" action="/contact"><textarea name="text"></textarea></form>'
    '<form action="/unsubscribe"><input name="q"></form>'
)
