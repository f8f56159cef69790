"""Chromium is asked for every policy of the table: does our script run, which ways, and Meta's?"""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.core.csp_cases import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

# Runs before the page's own scripts, and under no policy.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", function (event) {
  violations.push(event.effectiveDirective);
});
var asked = new URLSearchParams(location.search);
window.wanted = asked.get("meta");
if (asked.get("trusting")) {
  trustedTypes.createPolicy("default", { createScriptURL: function (url) { return url; } });
}
"""
LOADER = """
window.ran = 1;
if (window.wanted) {
  try {
    var script = document.createElement("script");
    script.src = wanted;
    document.head.appendChild(script);
  } catch (refused) {}
}
"""
FILES = {
    "/_pixelpair/pixel.js": LOADER.encode(),
    "/en_US/fbevents.js": b"window.meta = 1;",
}


class _Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pages: dict[str, tuple[list[tuple[str, str]], bytes]]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        headers, body = self.pages.get(path, ([("Content-Type", "text/javascript")], b""))
        body = body or FILES.get(path, b"")
        self.send_response(200 if body else 404)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Front:
    """Serves one page at a time and tells what became of its scripts."""

    def __init__(self, tab: object, port: int, pages: dict) -> None:
        self.here, self.meta = f"127.0.0.1:{port}", f"cdn.localhost:{port}"
        self._pages, self._tab = pages, tab
        tab.add_init_script(WATCH)

    def look(self, case: Case, way: str, nonce: str, asked: str = "") -> tuple[bool, bool, int]:
        """Whether our script and Meta's ran, and how many violations were reported."""
        attribute = f' nonce="{nonce}"' if nonce else ""
        script = {
            "inline": f"<script{attribute}>{LOADER}</script>",
            "external": f'<script src="/_pixelpair/pixel.js?v=1" async{attribute}></script>',
        }[way]
        block = '<script type="application/json" id="pixelpair">{}</script>'
        head = self.fill(case.head) + block + script
        html = f"<!doctype html><html><head><title>x</title>{head}</head><body>x</body></html>"
        headers = [("Content-Type", "text/html"), ("Cache-Control", "no-store")]
        headers += [("Content-Security-Policy", self.fill(p)) for p in case.enforced]
        headers += [("Content-Security-Policy-Report-Only", self.fill(p)) for p in case.reported]
        self._pages["/page"] = (headers, html.encode("latin-1"))
        self._tab.goto(f"http://{self.here}/page?{asked}", wait_until="load")
        return tuple(self._tab.evaluate("[!!window.ran, !!window.meta, violations.length]"))

    def look_for_meta(self, case: Case, trusting: str = "") -> tuple[bool, bool, int]:
        """The same as the verdict says, with a loader that asks for Meta's script."""
        asked = f"meta=http://{self.meta}/en_US/fbevents.js&trusting={trusting}"
        return self.look(case, case.verdict.way, case.verdict.nonce.decode(), asked)

    def fill(self, text: str) -> str:
        return text.replace("{here}", self.here).replace("{meta}", self.meta)


@pytest.fixture(scope="module")
def front(browser: object) -> Iterator[Front]:
    pages: dict = {}
    handler = type("Handler", (_Front,), {"pages": pages})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        served.daemon_threads = True
        thread = Thread(target=served.serve_forever)
        thread.start()
        tab = browser.new_page()
        yield Front(tab, served.server_port, pages)
        tab.close()
        served.shutdown()
        thread.join()


def _nonces(case: Case) -> list[str]:
    text = " ".join([*case.enforced, case.head, *case.reported])
    return re.findall(r"(?i)(?:'|&#39;)nonce-([\w+/=-]+)(?:'|&apos;)", text)


# Only our file has the trusted types policy that the address of Meta's script needs.
TRUSTING = [name for name, case in CASES.items() if case.verdict.pixel == "trusted"]
REPORTED_ANYWAY = ("watched_in_vain", "watched_by_another_nonce")


@pytest.mark.parametrize("name", CASES)
def test_verdict_is_chromiums(front: Front, name: str) -> None:
    """Of all that runs in Chromium, what makes the fewest reports; "never" if nothing runs."""
    case = CASES[name]
    seen = {
        (way, nonce.encode()): front.look(case, way, nonce)
        for way in (("external", "inline") if name in TRUSTING else ("inline", "external"))
        for nonce in dict.fromkeys(["", *_nonces(case)])
    }
    running = {tried: reports for tried, (ran, _, reports) in seen.items() if ran}
    best = min(running, key=lambda tried: running[tried], default=("never", b""))
    assert (case.verdict.way, case.verdict.nonce) == best
    assert running.get(best, 0) == (name in REPORTED_ANYWAY)


RUNNING = [name for name, case in CASES.items() if case.verdict.way != "never"]


@pytest.mark.parametrize("name", RUNNING)
def test_meta_loads_where_the_verdict_says_so(front: Front, name: str) -> None:
    case = CASES[name]
    ran, meta, _ = front.look_for_meta(case)
    assert (ran, meta) == (True, case.verdict.pixel == "loads")


@pytest.mark.parametrize("name", TRUSTING)
def test_meta_loads_under_trusted_types_with_a_default_policy(front: Front, name: str) -> None:
    assert front.look_for_meta(CASES[name], "yes") == (True, True, 0)
