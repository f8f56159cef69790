"""Drives the example shops: each lives in a process of its own, behind its framework's client."""

import multiprocessing
import os
import re
import subprocess
import sys
import warnings
from dataclasses import dataclass
from html.parser import HTMLParser
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLASK = ROOT / "examples" / "flask_app"
DJANGO = ROOT / "examples" / "django_app"
SPAWN = multiprocessing.get_context("spawn")

BUYER = {
    "email": "Anna@Example.com",
    "first_name": "Anna",
    "last_name": "Åkesson",
    "phone": "070-123 45 67",
    "date_of_birth": "1990-12-31",
    "address": "Storgatan 1",
    "zip": "411 03",
    "city": "Göteborg",
    "country": "SE",
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def goods(self) -> list[str]:
        return list(dict.fromkeys(re.findall(r'href="/products/([\w-]+)"', self.text)))

    @property
    def problems(self) -> list[str]:
        return re.findall(r'<p class="error" id="(\w+)_error">', self.text)

    @property
    def messages(self) -> list[str]:
        found = re.search(r'<ul class="messages".*?</ul>', self.text, re.DOTALL)
        return re.findall(r"<li[^>]*>(.*?)</li>", found[0]) if found else []

    def element(self, name: str) -> str:
        return re.search(rf'id="{name}"[^>]*>([^<]*)<', self.text)[1]

    def typed(self, name: str) -> str | None:
        tag = re.search(rf'<input[^>]* name="{name}"[^>]*>', self.text)[0]
        found = re.search(r'value="([^"]*)"', tag)
        return found and found[1]


class Shop:
    """One visitor of a shop that lives at the other end of a pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def _ask(self, *request: object) -> Answer:
        self._pipe.send(request)
        return Answer(*self._pipe.recv())

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, {})

    def post(self, path: str, **fields: str) -> Answer:
        return self._ask("POST", path, fields)

    def forget(self) -> None:
        self._ask("FORGET", "", {})

    def add(self, sku: str, quantity: str = "1") -> Answer:
        self.get(f"/products/{sku}")
        return self.post("/cart/add", content_id=sku, quantity=quantity)

    def sign_up(self, **changes: str) -> Answer:
        self.get("/register")
        return self.post("/register", **{**BUYER, "password": "twelve words", **changes})


def enter(folder: Path, database: str) -> None:
    warnings.simplefilter("error")
    for name in [name for name in os.environ if name.startswith("PIXELPAIR_")]:
        del os.environ[name]
    os.environ["SHOP_DB"] = database
    sys.path.insert(0, str(folder))


def flask_shop(pipe: Connection, database: str) -> None:
    enter(FLASK, database)
    from app import create_app

    app = create_app()
    app.testing = True
    client = app.test_client()
    while request := pipe.recv():
        method, path, fields = request
        if method == "FORGET":
            client = app.test_client()
            pipe.send((200, {}, ""))
            continue
        with client.open(path, method=method, data=fields or None) as answer:
            pipe.send((answer.status_code, dict(answer.headers), answer.text))


def django_shop(pipe: Connection, database: str, client_name: str = "Client") -> None:
    enter(DJANGO, database)
    os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
    import django
    from asgiref.sync import async_to_sync, iscoroutinefunction
    from django import test
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    make = getattr(test, client_name)
    client = make(enforce_csrf_checks=True)
    while request := pipe.recv():
        method, path, fields = request
        if method == "FORGET":
            client = make(enforce_csrf_checks=True)
            pipe.send((200, {}, ""))
            continue
        if token := client.cookies.get("csrftoken"):
            fields["csrfmiddlewaretoken"] = token.value
        send = client.get if method == "GET" else client.post
        send = async_to_sync(send) if iscoroutinefunction(send) else send
        answer = send(path) if method == "GET" else send(path, fields)
        pipe.send((answer.status_code, dict(answer.headers), answer.content.decode()))


def django_asgi_shop(pipe: Connection, database: str) -> None:
    django_shop(pipe, database, "AsyncClient")


SHOPS = {"flask": flask_shop, "django": django_shop, "django-asgi": django_asgi_shop}


class Shops(dict[str, Shop]):
    """Opens each shop when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.open: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []

    def __missing__(self, name: str) -> Shop:
        ours, theirs = SPAWN.Pipe()
        database = str(self.folder / f"{name}.sqlite3")
        process = SPAWN.Process(target=SHOPS[name], args=(theirs, database), daemon=True)
        process.start()
        theirs.close()
        self.open.append((process, ours))
        self[name] = Shop(ours)
        return self[name]

    def close(self) -> None:
        for process, pipe in self.open:
            pipe.send(None)
            process.join(10)
            process.close()
            pipe.close()


class Outline(HTMLParser):
    """Tags, what matters of their attributes, and text: not spaces, not the CSRF fields."""

    LEFT_OUT = ("maxlength", "minlength")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[object] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        kept = {name: value for name, value in attrs if name not in self.LEFT_OUT}
        if kept.get("name") != "csrfmiddlewaretoken":
            self.parts.append((tag, kept))

    def handle_endtag(self, tag):
        self.parts.append(tag)

    def handle_data(self, data):
        if words := data.split():
            self.parts.append(" ".join(words))


def flask_key(database: str) -> str:
    enter(FLASK, database)
    from app import create_app

    return create_app().secret_key


def django_key(database: str) -> str:
    enter(DJANGO, database)
    from shop import settings

    return settings.SECRET_KEY


def run(*arguments: str, cwd: Path, database: Path) -> str:
    """What Python prints for these arguments, with warnings as errors."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PIXELPAIR_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd,
        env=environ | {"SHOP_DB": str(database)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
