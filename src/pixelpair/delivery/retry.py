"""What an answer of Graph's means for the events that were sent: decided from a table, obeyed
elsewhere. Pure: the time and the dice come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from pixelpair.graph.client import Reply

BASE: Final = 1.0
# An outage costs its own time and at most this: with 10 minutes, a minute's outage was seen to keep
# events for 150 s more.
CAP: Final = 120.0
# Full jitter may say "at once"; a Graph that is down is not asked at once.
LEAST: Final = 0.1
# "Wait and retry" is Meta's advice for a block by policy (368), and it lasts hours.
SLOW_BASE: Final = 60.0
SLOW_CAP: Final = 600.0
# How long a refused token or permission is left alone before one call tries again.
HOLD: Final = 60.0
# 8 tries with full jitter take two minutes on average: longer than a deploy at Meta's end.
TRIES: Final = 8
# Meta refuses a whole batch for one event older than 7 days; an hour before is early enough.
MAX_AGE: Final = 7 * 86400 - 3600


@dataclass(frozen=True, slots=True)
class Delivered:
    """Meta has them."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again then. `counted` tries are bounded: nobody knows what the answer meant."""

    when: float
    reason: str
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """One of them is bad: send each half alone."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """Meta will never take it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep every event of this pixel until then: a person has to act, and the reason says how."""

    when: float
    reason: str


Decision = Delivered | RetryAt | Split | Dead | Hold
Kind = Literal["payload", "transient", "slow", "unknown", "hold", "mend"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a code is met, and what it means in our words."""

    kind: Kind
    words: str


_TOKEN = "Meta refuses the access token: set PIXELPAIR_ACCESS_TOKEN to one that is valid"  # noqa: S105
_RIGHTS = (
    "the access token may not send events to this pixel: check PIXELPAIR_PIXEL_ID, and assign the"
    " token's system user to the pixel in Events Manager"
)
_VERSION = "Meta no longer serves this Graph version: set PIXELPAIR_GRAPH_VERSION to a newer one"
_PROOF = "Meta asks for an app secret proof that fits: use an access token made in Events Manager"
_LIMIT = "Meta's rate limit"

# Meta's error reference, and rejections recorded in the field. Statuses do not decide: 21009
# comes with 400 and means "later". (code, subcode) first, then the code alone.
EXACT: Final[dict[tuple[int, int], Rule]] = {
    (100, 33): Rule("hold", _RIGHTS),
    (100, 2804001): Rule("payload", "malformed click id (fbc)"),
    (100, 2804003): Rule("payload", "event time older than 7 days"),
    (100, 2804004): Rule("payload", "event time in the future"),
    (100, 2804008): Rule("payload", "contents is no list of objects"),
    (100, 2804009): Rule("payload", "Purchase without value"),
    (100, 2804010): Rule("payload", "Purchase without currency"),
    (100, 2804011): Rule("payload", "currency not accepted for a Purchase"),
    (100, 2804016): Rule("payload", "custom data not accepted"),
    (100, 2804019): Rule("payload", "a required parameter is missing"),
    (100, 2804036): Rule("payload", "lead id not accepted"),
    (100, 2804050): Rule("payload", "not enough customer information"),
    (190, 452): Rule("mend", _TOKEN),
}
CODES: Final[dict[int, Rule]] = {
    1: Rule("transient", "unknown error at Meta"),
    2: Rule("transient", "service at Meta is down"),
    3: Rule("hold", _RIGHTS),
    4: Rule("transient", _LIMIT),
    10: Rule("hold", _RIGHTS),
    17: Rule("transient", _LIMIT),
    32: Rule("transient", _LIMIT),
    100: Rule("payload", "invalid parameter"),
    102: Rule("hold", _TOKEN),
    104: Rule("hold", _PROOF),
    105: Rule("payload", "too many parameters"),
    190: Rule("hold", _TOKEN),
    341: Rule("transient", _LIMIT),
    368: Rule("slow", "temporarily blocked by Meta's policies"),
    613: Rule("transient", _LIMIT),
    2635: Rule("hold", _VERSION),
    5000: Rule("transient", "internal error at Meta"),
    21009: Rule("transient", "the data set is not ready yet"),
}
RANGES: Final[tuple[tuple[range, Rule], ...]] = (
    (range(200, 300), Rule("hold", _RIGHTS)),
    (range(80000, 80015), Rule("transient", _LIMIT)),
)
UNKNOWN: Final = Rule("unknown", "unknown answer")
_REDIRECTED = Rule("hold", "the Graph address redirects: check PIXELPAIR_GRAPH_URL")
_UNANSWERED = Rule("transient", "Graph cannot be reached")
_GARBLED = Rule("transient", "something else than Graph answers")
_NOTHING_TAKEN = Rule("unknown", "Meta answered 200 and took no event")


def decide(
    reply: Reply, attempts: int, now: float, random: float, size: int, failures: int = 0
) -> Decision:
    """What becomes of `size` events that got this reply.

    `attempts` are their counted tries before this one; `failures` is how often in a row their
    pixel has failed, which lengthens the wait; `random` is in [0, 1).
    """
    if reply.kind == "accepted" and (reply.received or size == 0):
        return Delivered()
    rule = rule_for(reply)
    reason = _reason(reply, rule)
    if rule.kind == "hold" or (rule.kind == "mend" and attempts + 1 >= TRIES):
        return Hold(now + max(HOLD, reply.wait), reason)
    if rule.kind == "payload" or (rule.kind == "unknown" and attempts + 1 >= TRIES):
        return Split(reason) if size > 1 else Dead(reason)
    counted = rule.kind in ("unknown", "mend")
    pace = (SLOW_BASE, SLOW_CAP) if rule.kind == "slow" else (BASE, CAP)
    delay = max(LEAST, backoff(max(attempts, failures), random, *pace), reply.wait)
    return RetryAt(now + delay, reason, counted)


def rule_for(reply: Reply) -> Rule:
    """The table's row for a reply that is no success."""
    if reply.kind == "accepted":
        return _NOTHING_TAKEN
    if reply.kind == "silence":
        return _UNANSWERED
    if reply.kind == "garbage":
        return _REDIRECTED if reply.status in range(300, 400) else _GARBLED
    rule = _listed(reply.code, reply.subcode)
    if rule.kind in ("payload", "unknown") and (reply.transient or _passing(reply.status)):
        return Rule("transient", rule.words)
    return rule


def kind_of(reply: Reply) -> str:
    """One word for why events wait, for those who count: a kind of rule, or of no answer."""
    return reply.kind if reply.kind in ("silence", "garbage") else rule_for(reply).kind


def _listed(code: int | None, subcode: int | None) -> Rule:
    if code is None:
        return UNKNOWN
    if subcode is not None and (code, subcode) in EXACT:
        return EXACT[code, subcode]
    ranged = (rule for codes, rule in RANGES if code in codes)
    return CODES.get(code) or next(ranged, UNKNOWN)


def _passing(status: int | None) -> bool:
    """Whether the HTTP status alone says that another time may be better."""
    return status is not None and (status >= 500 or status in (408, 429))


def backoff(failures: int, random: float, base: float = BASE, cap: float = CAP) -> float:
    """Exponential with full jitter, so that hosts which failed together return apart.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return min(cap, base * 2.0 ** min(failures, 16)) * random


def too_old(event_time: float, now: float) -> Dead | None:
    """The verdict on an event that would sink its batch, or None."""
    return Dead("older than 7 days") if now - event_time >= MAX_AGE else None


def reason_of(reply: Reply) -> str:
    """Why a reply is no success, in a line that bears no data of anybody."""
    return _reason(reply, rule_for(reply))


def _reason(reply: Reply, rule: Rule) -> str:
    """Numbers and our words, and Meta's headline; never its message, which may quote data."""
    if reply.kind == "refused" and reply.detail:
        return reply.detail  # refused by us, before Graph was asked
    if reply.kind in ("silence", "garbage"):
        return f"{rule.words} ({reply.detail})"
    if reply.code is None:
        return rule.words
    number = f"{reply.code}/{reply.subcode}" if reply.subcode is not None else str(reply.code)
    return f"{number}: {rule.words}" + (f" ({reply.title})" if reply.title else "")
