"""Several calls in one: Graph's batch of at most fifty, each answered for itself.

Not `items_batch`, which is an edge of catalogs. Each call counts for the limits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlencode

import orjson

from pixelpair.graph.client import Reply, as_text
from pixelpair.graph.errors import acted
from pixelpair.graph.replies import read_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph

# https://developers.facebook.com/docs/graph-api/batch-requests
MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a batch. The body of a GET or a DELETE stands in its address."""

    method: Literal["GET", "POST", "DELETE"]
    path: tuple[str, ...]
    body: Mapping[str, object] = field(default_factory=dict, repr=False)


def together(graph: Graph, access: Access, parts: Iterable[Part]) -> Iterator[Reply]:
    """The replies to these calls, in order. Raises GraphError where a whole batch is refused.

    A part that Graph left unanswered, because its time was up, is silence.
    """
    left = iter(parts)
    while some := list(islice(left, MOST)):
        batch = [_row(access, part) for part in some]
        body = {"batch": as_text(batch), "include_headers": False}
        answers = acted(graph, access.action("POST", body=body)).get("data")
        told = answers if isinstance(answers, list) else []
        for place in range(len(some)):
            yield _reply(told[place] if place < len(told) else None, access.token)


def _row(access: Access, part: Part) -> dict[str, str]:
    form = urlencode({k: as_text(v) for k, v in part.body.items() if v is not None})
    address = access.url(*part.path).removeprefix(access.url() + "/")
    if part.method == "POST":
        return {"method": "POST", "relative_url": address, "body": form}
    return {"method": part.method, "relative_url": f"{address}?{form}" if form else address}


def _reply(answer: Any, token: str) -> Reply:
    """One answer of a batch: `{code, body}`, whose body is JSON in a text."""
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), int):
        return Reply("silence", detail="no answer in the batch")
    body = answer.get("body")
    content = body.encode() if isinstance(body, str) else orjson.dumps(body)
    return read_document(answer["code"], {}, content, token)
