"""What several test folders share: real servers in processes of their own, and a real browser."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import httpx
import pytest
from hypothesis import settings

from pixelpair import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Shared cores make deadlines flaky; what CI runs must not differ from run to run.
settings.register_profile("shared", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("shared")

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _lines_anew() -> None:
    """A test is not silent because another has said the same."""
    logs.watch()
    logs.SELDOM.forget()


@pytest.fixture
def own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No PIXELPAIR_* variable, nothing said yet, no tracker of another test."""
    for name in [name for name in os.environ if name.startswith("PIXELPAIR_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("pixelpair.start.NOTES._said", set())
    monkeypatch.setattr("pixelpair.tracker.LIVING", WeakSet())


PATIENCE = 30.0
PLAIN_CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/138.0.0.0 Safari/537.36"
)
# Chromium keeps a spare process warm, and gives each window two pages for what its address
# bar suggests: a visitor took 0.83 s, and takes 0.40. A later --disable-features replaces an
# earlier one, so that Playwright's own are here too.
IDLE = (
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
    "AimEnabled,AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,"
    "DestroyProfileOnBrowserClose,HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,LensOverlay,"
    "MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,PreconnectToSearch,"
    "ThirdPartyStoragePartitioning"
)
LEAN = ["--renderer-process-limit=1", f"--disable-features={IDLE}"]
BROWSER = {"User-Agent": PLAIN_CHROME}  # httpx says its own name, and is a machine then


def missing_tool(name: str) -> None:
    """Skip where a tool is missing; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{name} is missing")
    pytest.skip(f"{name} is missing")


def free_port() -> int:
    """One below those that the system gives away itself: it is still free in a minute."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> object:
    """What `condition` gives as soon as that is true; what it gave last when time is up."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


@contextmanager
def server(
    command: list[str], port: int, environ: Mapping[str, str], cwd: Path = ROOT, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that answers on `port`; terminated, then killed, at the end."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    full = {**os.environ, "PYTHONPATH": path, **environ}
    process = subprocess.Popen(command, env=full, cwd=cwd, **options)
    try:
        if not until(lambda: process.poll() is not None or _answers(port)) or process.poll():
            pytest.fail(f"{command} does not answer on {port}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Sandbox:
    """A running sandbox, asked over HTTP like by anyone."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx.Client(base_url=self.url, timeout=10)

    def environ(self, spool: Path) -> dict[str, str]:
        """What a shop sets to use this sandbox instead of Meta."""
        return {
            "PIXELPAIR_PIXEL_ID": "1234567890",
            "PIXELPAIR_ACCESS_TOKEN": "sandbox-token",
            "PIXELPAIR_SECRET": "a secret of these tests",
            "PIXELPAIR_GRAPH_URL": self.url,
            "PIXELPAIR_PIXEL_SCRIPT_URL": f"{self.url}/en_US/fbevents.js",
            "PIXELPAIR_PIXEL_IMAGE_URL": f"{self.url}/tr",
            "PIXELPAIR_SPOOL": str(spool),
        }

    def events(self) -> list[dict]:
        return self._http.get("/api/events").json()["events"]

    def clear(self) -> None:
        self._http.delete("/api/events").raise_for_status()

    def fault(self, **fault: object) -> None:
        self._http.post("/api/faults", json=fault).raise_for_status()

    def close(self) -> None:
        self._http.close()


@contextmanager
def running_sandbox() -> Iterator[Sandbox]:
    port = free_port()
    command = [sys.executable, "-m", "pixelpair", "sandbox", "--port", str(port)]
    with server(command, port, {}), ExitStack() as stack:
        sandbox = Sandbox(port)
        stack.callback(sandbox.close)
        yield sandbox


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Debian's browser; Playwright's own cannot be downloaded everywhere."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        missing_tool("chromium")
    return str(found)


@pytest.fixture(scope="module")  # its event loop must be gone when async tests run
def browser(chromium_path: str) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    quiet += ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"]
    quiet += LEAN
    quiet += [f"--user-agent={PLAIN_CHROME}"]  # who says HeadlessChrome is no customer
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=quiet)
        yield chromium
        chromium.close()
