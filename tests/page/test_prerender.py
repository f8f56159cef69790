"""Prerendered pages, in a browser without a tool attached, which would switch that off."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.consent import parse_consent
from tests.conftest import until
from tests.page.conftest import QUIET
from tests.page.shop import FULL, INLINE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Sandbox
    from tests.page.shop import Shop

pytestmark = pytest.mark.e2e

RULES = {"prerender": [{"urls": ["/shown", "/unseen"], "eagerness": "immediate"}]}
START = f'<title>start</title><script type="speculationrules">{json.dumps(RULES)}</script>'
START += """<script>
addEventListener("load", () => setTimeout(() => location.href = "/shown", 2000));
</script>"""
TELL = "<script>fetch(document.prerendering ? '/before' : '/after');"
TELL += "pixelpair.track('Lead'); pixelpair.grant();</script>"


@pytest.mark.parametrize(("code", "setting"), [(INLINE, "granted"), (FULL, "required")])
def test_a_prerendered_page_waits_until_it_is_shown(
    shop: Shop, sandbox: Sandbox, chromium_path: str, tmp_path: Path, code: str, setting: str
) -> None:
    """Also a consent tool there that remembers the visitor's choice."""
    shop.pages["/start"] = START
    consent = parse_consent(setting).in_page() or None
    for path in ("/shown", "/unseen"):
        block = shop.signed(path, [["PageView", {}]], names=["Lead"], consent=consent)
        shop.serve(path, block, body=TELL, code=code)
    command = [chromium_path, "--headless=new", *QUIET, f"--user-data-dir={tmp_path}"]
    process = subprocess.Popen([*command, "--disable-gpu", shop.url + "/start"])
    try:
        assert until(lambda: shop.asked.count("/before") == 2)
        early = list(shop.reports)
        assert until(lambda: len(shop.reports) == 2)
        assert until(lambda: len(sandbox.events()) == 2)
    finally:
        process.terminate()
        process.wait()
    assert early == []
    assert {report["url"] for report in shop.reports} == {shop.url + "/shown"}
    assert {event["name"] for event in sandbox.events()} == {"PageView", "Lead"}
    assert shop.asked.count("/shown") == 1
