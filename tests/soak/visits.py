"""What visitors do, step by step; each enters in its book which events must come of it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from .book import Book
from .browser import Answer, Browser

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

FORM = {"Content_Type": "application/x-www-form-urlencoded"}
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.5.0",
    "facebookexternalhit/1.1",
)
GARBAGE = (
    b"",
    b"{",
    b"[" * 5000,
    b"\x00\xff" * 3000,
    b'{"signed":"x.y","ids":[],"url":"http://elsewhere.example/"}',
    b'{"made":[["PageView",{},"no id"]],"url":"http://%s/?v=%s"}',
    b'{"made":[["Purchase",{"value":1},"%032d"]],"url":"http://%s/"}',
    b'{"signed":' + b"9" * 9000,
)


class Visit:
    """One visitor, from the first page to the last. `asked`: the shop wants consent first."""

    def __init__(self, port: int, name: str, dice: random.Random, *, asked: bool = False) -> None:
        self.book = Book()
        self.asked = asked
        self._name = name
        self._dice = dice
        self._browser = Browser(port, dice)
        self._steps = 0

    def walk(self, steps: int) -> Iterator[None]:
        """So many steps; it stops between them."""
        try:
            if self.asked:
                self._choose("yes")
                yield
            weights = [weight for weight, _ in STEPS]
            for _, step in self._dice.choices(STEPS, weights, k=steps):
                step(self)
                yield
            if self.asked and self._dice.random() < 0.2:
                yield from self._withdraw()
        finally:
            self._browser.close()

    # --- asking ------------------------------------------------------------------------------

    def _label(self) -> str:
        self._steps += 1
        return f"{self._name}-{self._steps}"

    def _ask(
        self, expected: int, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Answer | None:
        begin = time.monotonic()
        answer = self._browser.ask(method, path, body, **headers)
        self._note(answer, expected, path)
        if answer is not None and not path.startswith("/stream"):  # that one takes its time
            self.book.answers.append((begin, time.monotonic() - begin))
        return answer

    def _note(self, answer: Answer | None, expected: int, path: str) -> None:
        self.book.requests += 1
        if answer is None:
            self.book.unanswered += 1
        elif answer.status != expected:
            self.book.odd[f"{answer.status} for {path.partition('?')[0].split('/')[1]}"] += 1

    def _act(
        self,
        names: tuple[str, ...],
        expected: int,
        method: str,
        path: str,
        body: bytes | None = None,
        **headers: str,
    ) -> Answer | None:
        """Ask for what makes these events; they are due once the whole answer is here."""
        label = self._label()
        answer = self._ask(expected, method, _with(path, label), body, **headers)
        self._enter(names, label, answer)
        return answer

    def _enter(self, names: tuple[str, ...], label: str, answer: Answer | None) -> None:
        if answer is None:
            self.book.perhaps |= {f"{name} {label}" for name in names}
            return
        found = answer.events
        if found.keys() != set(names):
            self.book.odd[f"{sorted(found)} where {sorted(names)} were due"] += 1
        self.book.due |= {f"{name} {label}": found.get(name, "") for name in names}

    def _page(self, path: str, *more: str) -> None:
        self._act(("PageView", *more), 200, "GET", path)
        self._browser.fire()

    def _nothing(self, expected: int, method: str, path: str, **headers: str) -> Answer | None:
        """Ask for what makes no event."""
        label = self._label()
        self.book.never |= {f"{name} {label}" for name in ("PageView", "ViewContent")}
        return self._ask(expected, method, _with(path, label), **headers)

    # --- what they do ------------------------------------------------------------------------

    def product(self) -> None:
        self._page(f"/products/TEA-{self._dice.randrange(500)}", "ViewContent")

    def search(self) -> None:
        self._page(f"/search?q=tea+{self._dice.randrange(500)}", "Search")

    def cart(self) -> None:
        form = {"sku": f"TEA-{self._dice.randrange(500)}", "qty": "2", "price": "19.90"}
        self._act(("AddToCart",), 303, "POST", "/cart/add", urlencode(form).encode(), **FORM)
        self._page("/cart")

    def cart_by_script(self) -> None:
        item = {"sku": f"TEA-{self._dice.randrange(500)}", "qty": 1, "price": 19.9}
        body = json.dumps({"item": item}).encode()
        self._act(("AddToCart",), 200, "POST", "/api/cart", body, Content_Type="application/json")

    def big_form(self) -> None:
        note = self._dice.randrange(50_000, 900_000) * b"x"
        form = (
            b'--b\r\nContent-Disposition: form-data; name="note"; filename="n"\r\n\r\n%b\r\n' % note
        )
        form += b'--b\r\nContent-Disposition: form-data; name="sku"\r\n\r\nTEA-1\r\n--b--\r\n'
        kind = {"Content_Type": "multipart/form-data; boundary=b"}
        self._act(("AddToCart",), 303, "POST", "/cart/add", form, **kind)

    def order(self) -> None:
        self._page("/checkout", "InitiateCheckout")
        number = f"{self._name}-o{self._steps}"
        form = urlencode({"order": number, "email": f"{number}@shop.example"}).encode()
        self._ask(303, "POST", "/orders", form, **FORM)
        for _ in range(self._dice.choice((1, 1, 1, 2))):  # some open it again
            self._thank_you(number)

    def _thank_you(self, number: str) -> None:
        label = self._label()
        answer = self._ask(200, "GET", _with(f"/orders/{number}/complete", label))
        self._browser.fire()
        self._enter(("PageView", "Purchase"), label, answer)
        book, bought = self.book, f"Purchase {label}"
        if answer is None:
            book.perhaps = (book.perhaps - {bought}) | {f"Purchase {number}"}
        else:
            book.due[f"Purchase {number}"] = book.due.pop(bought)

    def register(self) -> None:
        form = urlencode({"email": f"{self._name}@shop.example"}).encode()
        self._act(("CompleteRegistration",), 303, "POST", "/register", form, **FORM)
        self._page("/cart")

    def file(self) -> None:
        ranged = self._dice.random() < 0.2
        part = {"Range": "bytes=10-99"} if ranged else {}
        self._nothing(206 if ranged else 200, "GET", "/static/visits.py", **part)

    def stream(self) -> None:
        self._page("/stream")

    def stock(self) -> None:
        self._nothing(200, "GET", "/api/stock")

    def head(self) -> None:
        self._nothing(200, "HEAD", "/products/TEA-1")

    def missing(self) -> None:
        self._nothing(404, "GET", "/no-such-page")

    def bot(self) -> None:
        self._nothing(200, "GET", "/products/TEA-2", User_Agent=self._dice.choice(BOTS))

    def ahead(self) -> None:
        self._nothing(200, "GET", "/products/TEA-3", Sec_Purpose="prefetch")

    def kept(self) -> None:
        """A page that caches keep: the browser makes the ids and reports them, perhaps twice."""
        label = self._label()
        path = _with("/kept/TEA-4", label)
        answer = self._ask(200, "GET", path)
        blocks = answer.blocks if answer is not None else []
        if not blocks:
            return
        sealed = blocks[0]["signed"]
        calls = json.loads(sealed.rpartition(".")[0])[1]
        ids = [f"{self._dice.getrandbits(128):032x}" for _ in calls]
        names = {f"{call[0]} {label}": event_id for call, event_id in zip(calls, ids, strict=True)}
        said = {"url": f"http://{self._browser.host}{path}", "signed": sealed, "ids": ids}
        for _ in range(self._dice.choice((1, 1, 1, 2))):
            told = self._browser.report(**said)
            self._note(told, 204, "/report")
            if told is not None:
                self.book.due |= names
        self.book.perhaps |= names.keys()

    def garbage(self) -> None:
        body = self._dice.choice(GARBAGE)
        if b"%s" in body:
            label = self._label()
            self.book.never.add(f"PageView {label}")
            host = self._browser.host.encode()
            body = body % ((host, label.encode()) if b"PageView" in body else (7, host))
        answer = self._browser.post_report(body)
        self._note(answer, 413 if len(body) > 8192 else 400, "/garbage")

    def leave(self) -> None:
        label = self._label()
        self.book.perhaps |= {f"{name} {label}" for name in ("PageView", "ViewContent")}
        self.book.requests += 1
        path = self._dice.choice(("/stream", "/products/TEA-5"))
        self._browser.leave(_with(path, label), self._dice.uniform(0, 0.1))

    def crawl(self) -> None:
        label = self._label()
        got = self._browser.crawl(_with("/stream", label), self._dice.uniform(0.5, 2.0))
        self.book.requests += 1
        self.book.unanswered += got is None
        self._enter(("PageView",), label, Answer(200, [], got) if got else None)

    # --- consent -----------------------------------------------------------------------------

    def _choose(self, choice: str) -> None:
        self._ask(303, "POST", f"/consent/{choice}")

    def _withdraw(self) -> Iterator[None]:
        """In a form, or by the page's script; then look around, perhaps agree again."""
        self.book.withdraw()
        if self._dice.random() < 0.5:
            self._choose("no")
        else:
            here = f"http://{self._browser.host}/cart"
            self._browser.cookies["_pp_consent"] = f"0.{int(time.time())}"
            self._note(self._browser.report(url=here, revoked=1), 204, "/report")
            for name in ("_fbp", "_fbc"):
                self._browser.cookies.pop(name, None)
        yield
        self._nothing(200, "GET", "/products/TEA-6")
        yield
        if self._dice.random() < 0.5:
            self._choose("yes")
            yield
            self.product()


def _with(path: str, label: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}v={label}"


# How often of all steps, and what.
STEPS: list[tuple[float, Callable[[Visit], None]]] = [
    (20, Visit.product),
    (8, Visit.search),
    (6, Visit.cart),
    (6, Visit.cart_by_script),
    (5, Visit.order),
    (3, Visit.register),
    (8, Visit.file),
    (4, Visit.stream),
    (5, Visit.stock),
    (8, Visit.kept),
    (3, Visit.head),
    (3, Visit.missing),
    (4, Visit.bot),
    (2, Visit.ahead),
    (4, Visit.garbage),
    (2, Visit.big_form),
    (3, Visit.leave),
    (2, Visit.crawl),
]
