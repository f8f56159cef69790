"""The rehearsals that the page offers and the API knows by name: what Meta would do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """A fault with a name, and what a shop should see while it lasts."""

    group: str
    title: str
    what: str
    expect: str
    fault: dict[str, Any]


_KEPT = "The shop notices nothing. Events wait and arrive afterwards, with their own ids and times."
_HELD = "Events wait up to seven days while the log and pixelpair status name the cause."
_LETTER = "The batch is refused: its events become dead letters with this reason, to be replayed."
# The shape is recorded, the figures are made up.
_APP_USAGE = '{"call_count": 100, "total_time": 31, "total_cputime": 27}'
_CATALOG_USAGE = (
    '{"1": [{"type": "catalog_batch", "call_count": 100, "estimated_time_to_regain_access": 3}]}'
)
_BUSINESS_USAGE = '{"1": [{"call_count": 100, "estimated_time_to_regain_access": 1}]}'

PRESETS: dict[str, Preset] = {
    "slow": Preset(
        "Outage", "Slow answers", "Each call is answered 3 seconds late.", _KEPT, {"hang": 3}
    ),
    "silent": Preset(
        "Outage", "No answer", "Each call hangs for 60 seconds.", _KEPT, {"hang": 60, "status": 503}
    ),
    "outage": Preset(
        "Outage",
        "Meta is down",
        "HTTP 503, code 2: the service is temporarily unavailable.",
        _KEPT,
        {"status": 503, "error": {"code": 2, "message": "Service temporarily unavailable"}},
    ),
    "bad-gateway": Preset(
        "Outage",
        "Bad gateway",
        "HTTP 502 with an HTML page instead of JSON.",
        _KEPT,
        {"status": 502, "body": "<html><title>502 Bad Gateway</title></html>"},
    ),
    "lie": Preset(
        "Outage",
        "Taken, then denied",
        "Meta takes the batch, and answers with HTTP 500 all the same.",
        "The batch comes again with the same ids: repeats are counted, no event is counted twice.",
        {"accept": True, "status": 500, "error": {"code": 1, "message": "An unknown error"}},
    ),
    "app-limit": Preset(
        "Throttling",
        "Rate limit of the app",
        "Code 4, with X-App-Usage at 100 percent.",
        _KEPT,
        {
            "status": 400,
            "error": {"code": 4, "is_transient": True, "message": "Application limit reached"},
            "headers": {"X-App-Usage": _APP_USAGE},
        },
    ),
    "account-limit": Preset(
        "Throttling",
        "Rate limit of the account",
        "Code 80004; X-Business-Use-Case-Usage says to come back in a minute.",
        _KEPT,
        {
            "status": 400,
            "error": {"code": 80004, "is_transient": True, "message": "Too many calls"},
            "headers": {"X-Business-Use-Case-Usage": _BUSINESS_USAGE},
        },
    ),
    "catalog-limit": Preset(
        "Catalog",
        "Rate limit of a catalog",
        "items_batch answers code 80014; X-Business-Use-Case-Usage says to come back in 3 minutes.",
        "A sync stops, keeps what is unsent, and says when to go on.",
        {
            "edge": "items_batch",
            "error": {"code": 80014, "message": "Too many calls to this catalog"},
            "headers": {"X-Business-Use-Case-Usage": _CATALOG_USAGE},
        },
    ),
    "catalog-budget": Preset(
        "Catalog",
        "A small budget of calls",
        "Each catalog takes 3 items_batch calls, then answers code 80014; its "
        "X-Business-Use-Case-Usage grows with every call.",
        "A sync goes as far as the budget, then waits, or stops and says when to go on.",
        {"edge": "items_batch", "budget": 3},
    ),
    "catalog-admin": Preset(
        "Catalog",
        "Not an admin",
        "Objects answer code 3970: only an admin of the catalog may do this.",
        "The command names the right that is missing. Nothing was changed.",
        {"edge": "node", "error": {"code": 3970, "message": "Not an admin of this catalog"}},
    ),
    "not-eligible": Preset(
        "Catalog",
        "An account that may not tag",
        "Objects answer that the Instagram account is not eligible for product tags.",
        "pixelpair tags eligible says so, names what it needs, and ends with 1.",
        {"edge": "node", "body": '{"id": "1", "shopping_product_tag_eligibility": false}'},
    ),
    "empty-answer": Preset(
        "Catalog",
        "An empty answer",
        "Objects answer with {} and HTTP 200.",
        "A command says that Meta's answer is not as documented, or tells of nothing.",
        {"edge": "node", "body": "{}"},
    ),
    "batch-error": Preset(
        "Catalog",
        "Half a batch",
        "Batches of items end with the status error, half of their items done.",
        "A sync reports them, and sends these items again.",
        {"edge": "items_batch", "ends": "error"},
    ),
    "batch-lost": Preset(
        "Catalog",
        "Taken, then denied",
        "items_batch takes the items, and answers with HTTP 500 all the same.",
        "A sync sends them again; the catalog ends equal to the source.",
        {
            "edge": "items_batch",
            "accept": True,
            "status": 500,
            "error": {"code": 1, "message": "An unknown error"},
        },
    ),
    "dead-token": Preset(
        "Refusal",
        "Dead token",
        "HTTP 401, code 190: the access token has expired or was withdrawn.",
        _HELD,
        {
            "status": 401,
            "error": {"code": 190, "message": "Invalid OAuth access token"},
        },
    ),
    "no-permission": Preset(
        "Refusal",
        "Permission withdrawn",
        "HTTP 403, code 200: the token may no longer write to this pixel.",
        _HELD,
        {"status": 403, "error": {"code": 200, "message": "Permissions error"}},
    ),
    "wrong-pixel": Preset(
        "Refusal",
        "Wrong pixel",
        "Code 100, subcode 33: no such pixel, or not this token's.",
        _HELD,
        {
            "error": {
                "code": 100,
                "subcode": 33,
                "type": "GraphMethodException",
                "message": "Unsupported post request. The object does not exist",
            }
        },
    ),
    "old-version": Preset(
        "Refusal",
        "Retired version",
        "Code 2635: this version of the Graph API is no longer served.",
        _HELD,
        {"error": {"code": 2635, "message": "This version is deprecated"}},
    ),
    "too-old": Preset(
        "Refusal",
        "Event too old",
        "Code 100, subcode 2804003: an event is more than 7 days old.",
        _LETTER,
        {
            "error": {
                "code": 100,
                "subcode": 2804003,
                "message": "Invalid parameter",
                "error_user_title": "Event Timestamp Too Old",
            }
        },
    ),
}
