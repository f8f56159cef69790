"""What Graph answers, or what stands between: any status, headers and bytes."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pixelpair.catalog.batches import Outcome, Receipt, read_outcome, read_receipt
from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt, Split, decide
from pixelpair.graph.access import Access
from pixelpair.graph.batch import Part, together
from pixelpair.graph.conversions import remarks
from pixelpair.graph.errors import GraphError
from pixelpair.graph.paging import rows
from pixelpair.graph.replies import MAX_REGAIN, Reply, read_document, read_reply

from .pieces import message

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = "EAAthetokenofthesetests"
ACCESS = Access("https://graph.facebook.com", "v26.0", TOKEN)


class Echo:
    """A Graph that answers everything with one reply."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def ask(self, _query: object) -> Reply:
        return self._reply

    act = ask


def graph(data: bytes) -> None:
    """STATUS, headers, an empty line, a body."""
    given = message(data)
    status = int(given.text) if re.fullmatch("[1-5][0-9]{2}", given.text) else 200
    headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in given.headers}
    told = [
        read_reply(status, headers, given.body),
        read_document(status, headers, given.body, TOKEN),
    ]
    for reply in told:
        _is_typed(reply)
    _followed(told[1])


def _is_typed(reply: Reply) -> None:
    assert reply.kind in ("accepted", "answered", "refused", "garbage")
    assert 0 <= reply.wait <= MAX_REGAIN
    assert reply.usage is None or math.isfinite(reply.usage)
    for size in (1, 1000):
        verdict = decide(reply, 0, 1_760_000_000.0, 0.5, size)
        assert isinstance(verdict, Dead | Delivered | Hold | RetryAt | Split)
    for line in (*remarks(reply, 7), str(GraphError(reply))):
        assert line.isprintable(), line
        assert TOKEN not in line


def _followed(reply: Reply) -> None:
    """What those make of it who asked."""
    echo: Any = Echo(reply)
    document: Mapping[str, Any] = reply.document or {}
    assert isinstance(read_receipt(document), Receipt)
    assert isinstance(read_outcome(document), Outcome)
    with suppress(GraphError):
        assert all(isinstance(row, dict) for row in rows(echo, ACCESS.query("1", "products")))
    with suppress(GraphError):
        parts = together(echo, ACCESS, [Part("GET", ("1",)), Part("POST", ("2",))])
        assert [type(part) for part in parts] == [Reply, Reply]
