"""What Graph's refusals of queries and actions mean, and what to do next: a table of codes.

Keyed by numbers, never by texts, which Meta localises. Events are judged elsewhere: they wait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pixelpair.errors import PixelPairError
from pixelpair.graph.replies import TOO_LONG, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelpair.graph.client import Action, Graph, Query, Reply

Kind = Literal[
    "parameter",
    "missing",
    "token",
    "permission",
    "two-factor",
    "admin",
    "version",
    "blocked",
    "invalid",
    "throttled",
    "too large",
    "passing",
    "unanswered",
    "unknown",
]
# Whose move it is: the settings, the arguments or the rights have to change first.
OURS: Final[frozenset[Kind]] = frozenset(
    ("parameter", "missing", "token", "permission", "two-factor", "admin", "version", "invalid")
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of refusal: what it means, and the next step."""

    kind: Kind
    words: str
    step: str


_NEW_TOKEN = "make a new token and set PIXELPAIR_ACCESS_TOKEN"  # noqa: S105
_RIGHTS = (
    "give the token's user the rights that this needs (for catalogs the permission"
    " catalog_management, and the catalog assigned to it in Business settings)"
)
_WAIT = "stop until then: each further call makes the block longer"
# Most of Meta's limits count the calls of an hour.
# https://developers.facebook.com/docs/graph-api/overview/rate-limiting
_WAIT_LONG = (
    "stop for an hour, as Meta does not tell for how long: each further call makes the block longer"
)

# (code, subcode) first, then the code alone.
EXACT: Final[Mapping[tuple[int, int], Trouble]] = {
    (100, 33): Trouble(
        "missing",
        "there is no such object, or this token may not see it",
        f"check the id, and {_RIGHTS}",
    ),
    (190, 452): Trouble("token", "the token's session has ended", _NEW_TOKEN),
    (190, 458): Trouble("token", "the token's user has removed the app", _NEW_TOKEN),
    (190, 460): Trouble("token", "the password of the token's user has changed", _NEW_TOKEN),
    (190, 464): Trouble("token", "the token's user is not confirmed", "sign in to Meta once"),
    (190, 465): Trouble("token", "the token's session is not allowed", _NEW_TOKEN),
}
CODES: Final[Mapping[int, Trouble]] = {
    1: Trouble(
        "too large",
        "Meta could not do it; it says so too where too much was sent or asked for at once",
        "send or ask for less at once, then try again",
    ),
    2: Trouble("passing", "the service is down for a moment", "try again"),
    10: Trouble("permission", "the app or its user has no permission for this", _RIGHTS),
    33: Trouble(
        "missing",
        "there is no such object, or this token may not see it",
        f"check the id, and {_RIGHTS}",
    ),
    100: Trouble("parameter", "a parameter is not right", "change what Meta's message names"),
    102: Trouble("token", "the session has ended", _NEW_TOKEN),
    104: Trouble(
        "token", "Meta asks for an app secret proof that fits", "set PIXELPAIR_APP_SECRET"
    ),
    190: Trouble("token", "Meta refuses the access token", _NEW_TOKEN),
    200: Trouble("permission", "the token's user has no permission for this", _RIGHTS),
    270: Trouble(
        "permission",
        "the app has development access only",
        "ask for standard access to the Marketing API in the app's dashboard",
    ),
    368: Trouble(
        "blocked",
        "Meta holds this for abusive, or has blocked the account for a while",
        "look at Account Quality in Business settings before you try again",
    ),
    415: Trouble(
        "two-factor",
        "Meta wants two-factor authentication of this user",
        "turn on two-factor authentication in the security settings of the token's user",
    ),
    801: Trouble(
        "invalid",
        "the operation does not fit this object",
        "look at the object first: `pixelpair catalog show ID`",
    ),
    2635: Trouble(
        "version",
        "Meta no longer serves this Graph version",
        "leave PIXELPAIR_GRAPH_VERSION out, or set a newer one",
    ),
    3970: Trouble(
        "admin",
        "only an admin of the catalog may do this",
        "let somebody with full control of the catalog do it, or assign it to the token's user"
        " in Business settings",
    ),
}
_LIMITS: Final[Mapping[int, str]] = {
    4: "the app's",
    17: "the user's",
    32: "the page's",
    341: "the app's",
    613: "this call's",
    80000: "the insights",
    80001: "the page's",
    80002: "the Instagram",
    80003: "the custom audiences'",
    80004: "the ads management",
    80005: "the lead generation",
    80006: "the Messenger",
    80008: "the WhatsApp",
    80009: "the catalog management",
    80014: "the catalog batch",
}
# Of the fields that Meta blames so many are told, and so much of each.
_MAX_FIELDS: Final = 5
_MAX_FIELD: Final = 80
# https://www.rfc-editor.org/rfc/rfc9110#status.413
_TOO_HEAVY: Final = 413
_SILENT = Trouble(
    "unanswered",
    "Graph cannot be reached",
    "check PIXELPAIR_GRAPH_URL and the network; what was to change may have changed: look first",
)
_GARBLED = Trouble(
    "unanswered",
    "something else than Graph answers",
    "check PIXELPAIR_GRAPH_URL and what stands between; then try again",
)
_HEAVY = Trouble(
    "too large", "what was sent is too large for Graph, or for what stands between", "send less"
)
_LENGTHY = Trouble(
    "too large", "Graph's answer is longer than is read here", "ask for less at once"
)
_UNKNOWN = Trouble("unknown", "Meta refuses", "see what Meta's message says")


class GraphError(PixelPairError):
    """Graph did not do what it was asked. `trouble` has the kind and the next step; `reply` what
    came back; `minutes` how long to wait, where Meta says it."""

    def __init__(
        self,
        reply: Reply,
        steps: Mapping[int, str] | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        self.reply = reply
        self.trouble = trouble or trouble_of(reply)
        self.minutes = math.ceil(reply.wait / 60)
        self.step = (steps or {}).get(reply.code or 0, _step(self.trouble, self.minutes))
        super().__init__(_line(self))


def trouble_of(reply: Reply) -> Trouble:
    """The table's row for a reply that is no answer."""
    if reply.kind == "silence":
        return _SILENT
    if reply.kind == "garbage" and reply.status == _TOO_HEAVY:
        return _HEAVY
    if reply.kind == "garbage":
        return _LENGTHY if reply.detail == TOO_LONG else _GARBLED
    code, subcode = reply.code or 0, reply.subcode or 0
    known = EXACT.get((code, subcode)) or CODES.get(code)
    if code in _LIMITS:
        return Trouble("throttled", f"{_LIMITS[code]} limit of calls is reached", _WAIT)
    if known is None and 200 <= code < 300:
        return CODES[200]
    if known is None and (reply.transient or (reply.status or 0) >= 500):
        return CODES[2]
    return known or _UNKNOWN


def asked(graph: Graph, query: Query, steps: Mapping[int, str] | None = None) -> Mapping[str, Any]:
    """What Graph answers to a query. Raises GraphError where it does not."""
    return _document(graph.ask(query), steps)


def acted(
    graph: Graph, action: Action, steps: Mapping[int, str] | None = None
) -> Mapping[str, Any]:
    """What Graph answers to an action. Raises GraphError where it does not."""
    return _document(graph.act(action), steps)


def _document(reply: Reply, steps: Mapping[int, str] | None) -> Mapping[str, Any]:
    if reply.document is None:
        raise GraphError(reply, steps)
    return reply.document


def _step(trouble: Trouble, minutes: int) -> str:
    return _WAIT_LONG if trouble.kind == "throttled" and not minutes else trouble.step


def _line(error: GraphError) -> str:
    """The code, our words, Meta's own message and the fields that it blames, the wait, the next
    step."""
    reply = error.reply
    number = "" if reply.code is None else f"{reply.code}"
    number += f"/{reply.subcode}: " if reply.subcode and number else ": " if number else ""
    blamed = ", ".join(sentence(".".join(path), _MAX_FIELD) for path in reply.blamed[:_MAX_FIELDS])
    told = "; it blames ".join(filter(None, (reply.message, blamed)))
    said = f" (Meta: {told})" if told else ""
    detail = f" ({reply.detail})" if reply.detail else ""
    wait = f"; in {error.minutes} min Meta lets calls through again" if error.minutes else ""
    return f"{number}{error.trouble.words}{said}{detail}{wait}. Next: {error.step}"
