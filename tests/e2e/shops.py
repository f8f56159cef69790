"""The example shops as servers, and the walk of one customer through either of them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.conftest import ROOT, free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Page

FLASK = ROOT / "examples" / "flask_app"
DJANGO = ROOT / "examples" / "django_app"

GUNICORN = [
    sys.executable,
    "-m",
    "gunicorn",
    "--log-level",
    "warning",
    "--bind",
    "127.0.0.1:{port}",
]
UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--port", "{port}"]
COMMANDS = {
    "flask on gunicorn": (FLASK, [*GUNICORN, "--workers", "2", "app:create_app()"]),
    "django on gunicorn": (DJANGO, [*GUNICORN, "--threads", "4", "shop.wsgi"]),
    "django on uvicorn": (DJANGO, [*UVICORN, "--log-level", "warning", "shop.asgi:application"]),
}


@contextmanager
def shop(kind: str, environ: Mapping[str, str], folder: Path) -> Iterator[str]:
    """A running example shop; gives its address."""
    with shop_process(kind, environ, folder) as (url, _):
        yield url


@contextmanager
def shop_process(
    kind: str, environ: Mapping[str, str], folder: Path
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    cwd, command = COMMANDS[kind]
    port = free_port()
    environ = {**environ, "SHOP_DB": str(folder / "shop.sqlite3"), "SHOP_SECRET": "s" * 50}
    if cwd == DJANGO:
        migrate(environ)
    filled = [word.format(port=port) for word in command]
    with server(filled, port, environ, cwd) as process:
        yield f"http://127.0.0.1:{port}", process


def migrate(environ: Mapping[str, str]) -> None:
    import os

    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        command, cwd=DJANGO, env={**os.environ, **environ, "PYTHONPATH": path}, check=True
    )


def walk(page: Page, url: str) -> str:
    """One customer's visit: search, product, cart, checkout, order, sign-up; gives the order id."""

    def settle() -> None:
        page.wait_for_load_state("networkidle")

    page.goto(url)
    settle()
    page.fill("input[name=q]", "sencha")
    page.press("input[name=q]", "Enter")
    page.wait_for_url("**/search**")
    settle()
    page.click('a[href^="/products/TEA-SENCHA-100"] >> nth=0')
    page.wait_for_url("**/products/**")
    settle()
    page.fill("input[name=quantity]", "2")
    page.click('form[action^="/cart/add"] button')
    page.wait_for_url("**/cart**")
    settle()
    page.goto(f"{url}/checkout")
    settle()
    _fill(page, CUSTOMER | {"address": "Teagatan 1", "zip": "411 03", "city": "Göteborg"})
    page.select_option("[name=country]", "SE")
    page.click("text=Place order")
    page.wait_for_url("**/orders/**")
    settle()
    order_id = page.url.rstrip("/").split("/")[-2]
    page.goto(f"{url}/register")
    settle()
    _fill(page, CUSTOMER | {"password": "a long pass phrase 1"})
    page.click("text=Create account")
    page.wait_for_url(lambda address: "/register" not in address)
    settle()
    return order_id


CUSTOMER = {
    "email": "maja@example.com",
    "first_name": "Maja",
    "last_name": "Öberg",
    "phone": "+46 70 123 45 67",
}


def _fill(page: Page, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        page.fill(f"main [name={name}]", value)
