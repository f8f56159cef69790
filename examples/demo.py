"""Run an example shop and the sandbox in the foreground until Ctrl-C: `make demo`."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import catalog

HERE = Path(__file__).parent
HINTS = {
    "flask": "look at a tea, put it in the cart, order it; an invoice is paid later",
    "django": "sign up, look at a tea, put it in the cart, order it; an invoice is paid later",
}
HEEDED = ("PIXELPAIR_CONSENT", "PIXELPAIR_GPC")  # to try out; all else the demo sets itself
PATIENCE = 60  # seconds until a server must answer, on the slowest laptop


def main() -> int:
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell ignores SIGINT for background jobs
        signal.signal(number, signal.default_int_handler)
    shop, sandbox = arguments.shop_port, arguments.sandbox_port
    taken = [port for port in (shop, sandbox) if _answers(port)]
    if taken:
        print(f"Port {taken[0]} is in use: stop what runs there, or name another with")
        print("  make demo SHOP_PORT=8010 SANDBOX_PORT=8770")
        return 1
    with tempfile.TemporaryDirectory(prefix="pixelpair-demo-") as folder:
        environ = _environ(Path(folder), sandbox)
        for command in _preparations(arguments.shop):
            subprocess.run(command, env=environ, cwd=HERE, check=True)
        servers = [_start(_sandbox(sandbox), environ), _start(_shop(arguments.shop, shop), environ)]
        try:
            return _watch(servers, shop, sandbox, HINTS[arguments.shop], environ)
        except KeyboardInterrupt:
            print("\nstopped")
            return 0
        finally:
            for server in reversed(servers):
                server.terminate()
            for server in reversed(servers):
                server.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", choices=("flask", "django"))
    parser.add_argument("--shop-port", type=int, default=8000)
    parser.add_argument("--sandbox-port", type=int, default=8765)
    return parser.parse_args()


def _environ(folder: Path, sandbox: int) -> dict[str, str]:
    """All that a shop sets, here pointed at the sandbox instead of Meta."""
    address = f"http://127.0.0.1:{sandbox}"
    ours = {k for k in os.environ if k.startswith("PIXELPAIR_") and k not in HEEDED}
    own = {k: v for k, v in os.environ.items() if k not in ours}
    return own | {
        "PIXELPAIR_PIXEL_ID": "1234567890",
        "PIXELPAIR_ACCESS_TOKEN": "sandbox-token",
        "PIXELPAIR_GRAPH_URL": address,
        "PIXELPAIR_PIXEL_SCRIPT_URL": f"{address}/en_US/fbevents.js",
        "PIXELPAIR_PIXEL_IMAGE_URL": f"{address}/tr",
        "PIXELPAIR_SPOOL": str(folder / "spool"),
        "SHOP_DB": str(folder / "shop.sqlite3"),
        "SHOP_SECRET": secrets.token_hex(32),
    }


def _preparations(shop: str) -> list[list[str]]:
    manage = [sys.executable, "django_app/manage.py"]
    return [[*manage, "migrate", "--verbosity", "0"]] if shop == "django" else []


def _sandbox(port: int) -> list[str]:
    return [sys.executable, "-m", "pixelpair", "sandbox", "--port", str(port)]


def _shop(shop: str, port: int) -> list[str]:
    if shop == "flask":
        flask = [sys.executable, "-m", "flask", "--app", "flask_app/app"]
        return [*flask, "run", "--port", str(port)]
    uvicorn = [sys.executable, "-m", "uvicorn", "--app-dir", "django_app", "--no-access-log"]
    return [*uvicorn, "--log-level", "warning", "--port", str(port), "shop.asgi:application"]


def _start(command: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=environ, cwd=HERE, stdout=subprocess.DEVNULL)


def _watch(
    servers: list[subprocess.Popen[bytes]],
    shop: int,
    sandbox: int,
    hint: str,
    environ: dict[str, str],
) -> int:
    end = time.monotonic() + PATIENCE
    while not (_answers(shop) and _answers(sandbox)):
        if time.monotonic() > end or any(server.poll() is not None for server in servers):
            print("a server did not start; its words are above")
            return 1
        time.sleep(0.1)
    print()
    print(f"  shop      http://127.0.0.1:{shop}      {hint}")
    print(f"  sandbox   http://127.0.0.1:{sandbox}      watch each event arrive twice, as one pair")
    print()
    print("  Ctrl-C stops both.", flush=True)
    if catalog.fill(environ):
        print(
            f"  catalog   http://127.0.0.1:{sandbox}/#catalog      has all goods but one,", end=" "
        )
        print("and shows which of those that you look at are matched", flush=True)
    while all(server.poll() is None for server in servers):
        time.sleep(0.5)
    print("a server stopped; its words are above")
    return 1


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main())
