"""A shop for several gunicorn workers, which tells whose process answers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pixelpair.wsgi import PixelPairMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PAGE = b"<!doctype html><html><head><title>Tea</title></head><body>Tea</body></html>"


def site(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    headers = [("Content-Type", "text/html"), ("Cache-Control", "no-store")]
    start_response("200 OK", [*headers, ("X-Pid", str(os.getpid()))])
    return [PAGE]


app = PixelPairMiddleware(site)
