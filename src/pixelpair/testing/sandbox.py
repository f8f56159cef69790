"""A sandbox that tests deliver to: what their shops send arrives there over HTTP, as at Meta."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from pixelpair.testing.events import Events, Row, Source
from pixelpair.testing.stand_in import PIXEL, SECRET, TOKEN, play_browser, rehearsing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pixelpair.tracker import Tracker

_PATIENCE = 10.0  # seconds: a browser's half comes once its page has loaded the pixel
_FLUSH = 2.0


class Sandbox:
    """A sandbox at `url`. Checks of its `events` wait for halves that are on their way."""

    def __init__(self, url: str, trackers: list[Tracker]) -> None:
        self.url = url.rstrip("/")
        self.events = Events(Source(self.rows, self._held, self._hints, _PATIENCE))
        self._trackers = trackers
        self._http = httpx.Client(base_url=self.url, timeout=10)

    @property
    def environ(self) -> dict[str, str]:
        """What a shop in a process of its own sets to deliver here."""
        options = {"pixel_id": PIXEL, "secret": SECRET, **options_for(self.url)}
        return {f"PIXELPAIR_{name.upper()}": value for name, value in options.items()}

    def rows(self) -> list[Row]:
        """The sandbox's own record; the server halves of this process are sent first."""
        for tracker in self._trackers:
            tracker.flush(_FLUSH)
        rows: list[Row] = self._json("GET", "/api/events")["events"]
        return rows

    def rejections(self) -> list[dict[str, Any]]:
        """The batches that it refused, as Meta would."""
        found: list[dict[str, Any]] = self._json("GET", "/api/rejections")["rejections"]
        return found

    def fault(self, **fault: object) -> None:
        """Order a fault for the next calls: see docs/sandbox.md."""
        self._json("POST", "/api/faults", json=fault)

    def clear(self) -> None:
        """Forget all that a test made: what arrived, the catalogs, the faults on order."""
        for made in ("events", "catalogs", "faults"):
            self._json("DELETE", f"/api/{made}")

    def close(self) -> None:
        """Let the connection go; the sandbox itself runs on."""
        self._http.close()

    def _json(self, method: str, path: str, **given: Any) -> Any:
        answer = self._http.request(method, path, **given)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _held(self) -> Mapping[str, int]:
        return {reason: n for t in self._trackers for reason, n in t.counts.items()}

    def _hints(self) -> list[str]:
        refused = [row["error"].get("message", "") for row in self.rejections()]
        return [f"the sandbox refused a batch: {message}" for message in refused]


def options_for(url: str) -> dict[str, str]:
    """What a shop says to use the sandbox at `url` instead of Meta."""
    return {
        "access_token": TOKEN,
        "graph_url": url,
        "pixel_image_url": f"{url}/tr",
        "pixel_script_url": f"{url}/en_US/fbevents.js",
    }


@contextmanager
def delivering(url: str, options: Mapping[str, object], spool: Path) -> Iterator[Sandbox]:
    """Let this process's shops deliver to the sandbox at `url`, which is emptied first."""
    url = url.rstrip("/")
    own = {"outbox": None, "sender": "thread", "spool": spool, "test_event_code": None}
    with rehearsing({**options_for(url), **own, **options}, play_browser) as trackers:
        sandbox = Sandbox(url, trackers)
        try:
            sandbox.clear()
            yield sandbox
        finally:
            sandbox.close()
