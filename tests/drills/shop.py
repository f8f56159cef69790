"""The shop of the drills: `/?name=N&first=F&count=C` is a visit in which the
events N-F to N-(F+C-1) happen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from wsgiref.util import setup_testing_defaults

import pixelpair
from pixelpair.wsgi import PixelPairMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ANSWER = b'{"ok": true}'
# What calls itself by no browser's name is a machine, and is not counted.
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/138.0.0.0 Safari/537.36"
HEAD = [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))]


def act(query: str) -> None:
    """What happens in a visit."""
    asked = {key: values[0] for key, values in parse_qs(query).items()}
    first = int(asked.get("first", 0))
    for number in range(first, first + int(asked.get("count", 0))):
        pixelpair.track(
            "ViewContent",
            event_id=f"{asked['name']}-{number}",
            content_ids=["TEA-SENCHA-100"],
            value=12.5,
            currency="SEK",
        )


def _wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    act(environ["QUERY_STRING"])
    start_response("200 OK", HEAD)
    return [ANSWER]


application = PixelPairMiddleware(_wsgi)


def visit_here(name: str, first: int, count: int) -> list[str]:
    """A visit without a server, in this very process; the ids that were accepted with it."""
    environ: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.7", "HTTP_USER_AGENT": CHROME}
    setup_testing_defaults(environ)
    environ["QUERY_STRING"] = f"name={name}&first={first}&count={count}"
    answer: Any = application(environ, lambda *_: None)
    whole = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    assert whole == ANSWER
    return [f"{name}-{number}" for number in range(first, first + count)]


# Something happens before the server forks: the sender's thread runs already then.
if early := int(os.environ.get("DRILL_EARLY", "0")):
    visit_here("early", 0, early)
