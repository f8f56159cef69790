"""Pictures of the sandbox, taken of the running demo: `python examples/screenshots.py`.

Needs playwright and a chromium. Each picture stays below 150 KB.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"
SHOP, SANDBOX = 8010, 8770
MAX_BYTES = 150_000
# Who says HeadlessChrome is no customer.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Safari"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", f"--user-agent={AGENT}"]
CUSTOMER = {
    "email": "vera@shop.example",
    "phone": "070-123 45 67",
    "first_name": "Vera",
    "last_name": "Lind",
    "address": "Teagatan 1",
    "zip": "411 03",
    "city": "Göteborg",
}
DESKTOP, PHONE = (1180, 800), (390, 780)


def main() -> int:
    ports = ["--shop-port", str(SHOP), "--sandbox-port", str(SANDBOX)]
    command = [sys.executable, str(HERE / "demo.py"), "flask", *ports]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        _started(demo)
        with sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            _shop(browser.new_page())
            sizes = [_picture(browser, *shot) for shot in SHOTS]
            browser.close()
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait()
    return int(max(sizes) > MAX_BYTES)


def _started(demo: subprocess.Popen[str]) -> None:
    for line in demo.stdout or ():
        if "#catalog" in line:  # the last thing that it makes
            return
    raise SystemExit("the demo did not start")


def _shop(page: Page) -> None:
    """A customer's walk: three teas looked at, the first put into the cart and ordered."""
    shop = f"http://127.0.0.1:{SHOP}"
    page.goto(shop)
    links = page.locator("a[href*='/products/']").evaluate_all("all => all.map(a => a.href)")
    for link in list(dict.fromkeys(links))[2::-1]:
        page.goto(link)
    _press(page, "Add to cart")
    page.goto(f"{shop}/checkout")
    for name, text in CUSTOMER.items():
        field = page.locator(f"main input[name={name}]")
        if field.count():
            field.fill(text)
    _press(page, "Place order")
    page.wait_for_timeout(2500)  # the server halves follow within a second


def _press(page: Page, text: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=text).first.click()


def _full(page: Page) -> None:
    page.locator("#overview .score").first.wait_for()


def _opened(page: Page) -> None:
    page.locator("#event-list button", has_text="AddToCart").first.click()
    page.locator("#halves tbody tr").first.wait_for()


def _rehearsing(page: Page) -> None:
    page.goto(f"http://127.0.0.1:{SANDBOX}/#rehearse")
    page.locator(".preset", has_text="Meta is down").get_by_role("button").click()
    page.locator("#banner").wait_for()


def _matched(page: Page) -> None:
    page.goto(f"http://127.0.0.1:{SANDBOX}/#catalog")
    page.locator("table .chip, table span", has_text="unmatched").first.wait_for()


SHOTS = (
    ("sandbox-light", "light", DESKTOP, _full),
    ("sandbox-dark", "dark", DESKTOP, _full),
    ("sandbox-event", "light", DESKTOP, _opened),
    ("sandbox-catalog", "light", DESKTOP, _matched),
    ("sandbox-phone", "dark", PHONE, _full),
    ("sandbox-rehearse", "light", DESKTOP, _rehearsing),
)


def _picture(browser: Browser, name: str, scheme: str, size: tuple[int, int], act: object) -> int:
    view = {"width": size[0], "height": size[1]}
    page = browser.new_page(viewport=view, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(f"http://127.0.0.1:{SANDBOX}")
    _full(page)
    act(page)  # type: ignore[operator]
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture = IMAGES / f"{name}.png"
    page.screenshot(path=picture)
    page.close()
    print(f"{picture.stat().st_size:>7} {picture.name}")
    return picture.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
