"""What Meta's Graph says: an accepted batch, or an error in its real shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# Titles of 2804003 and 2804009 are recorded ones; the other texts are ours. Meta localises them
# all to the token owner's language, so a client may only read the numbers.
TITLES = {
    2804001: "Invalid Click ID",
    2804003: "Event Timestamp Too Old",
    2804004: "Event Timestamp In The Future",
    2804008: "Invalid Contents",
    2804009: "Missing Value for Purchase Event",
    2804010: "Missing Currency for Purchase Event",
    2804011: "Invalid Currency for Purchase Event",
    2804016: "Invalid Custom Data",
    2804019: "Missing Event Parameter",
    2804023: "Invalid Contents Item",
    2804036: "Invalid Lead ID",
    2804043: "Invalid App Data",
    2804050: "Insufficient Customer Information",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule: where it is, in words, and Meta's subcode where one is recorded."""

    path: tuple[str, ...]
    detail: str
    subcode: int | None = None

    def under(self, *parents: str) -> Fault:
        return Fault((*parents, *self.path), self.detail, self.subcode)


@dataclass(frozen=True, slots=True)
class Rejection:
    """An answer of the Graph API that processed nothing."""

    status: int
    error: Json

    def body(self, trace: str) -> Json:
        return {"error": {**self.error, "fbtrace_id": trace}}


def invalid(fault: Fault) -> Rejection:
    """HTTP 400, code 100: the shape every 2804xxx answer was recorded in."""
    error: Json = {
        "message": "Invalid parameter",
        "type": "OAuthException",
        "code": 100,
        "error_subcode": fault.subcode,
        "is_transient": False,
        "error_user_title": TITLES.get(fault.subcode or 0, "Invalid Parameter"),
        "error_user_msg": fault.detail,
        "error_data": {"blame_field_specs": [list(fault.path)]},
    }
    if fault.subcode is None:
        del error["error_subcode"]
    return Rejection(400, error)


def bad_token() -> Rejection:
    """As recorded: HTTP 401 and no `is_transient` at all."""
    message = "Invalid OAuth access token - Cannot parse access token"
    return Rejection(401, {"message": message, "type": "OAuthException", "code": 190})


def bad_proof() -> Rejection:
    """Code 104 is documented; the words are ours."""
    message = "Incorrect signature: appsecret_proof is missing or was made with another secret"
    return Rejection(400, {"message": message, "type": "OAuthException", "code": 104})


def no_such_object(node: str, method: str) -> Rejection:
    message = (
        f"Unsupported {method.lower()} request. Object with ID '{node}' does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation"
    )
    error = {"message": message, "type": "GraphMethodException", "code": 100, "error_subcode": 33}
    return Rejection(400, error)


def bad_fields(problem: str) -> Rejection:
    error = {"message": f"(#100) {problem}", "type": "OAuthException", "code": 100}
    return Rejection(400, error)


def unknown_path(path: str) -> Rejection:
    message = f"Unknown path components: {path}"
    return Rejection(400, {"message": message, "type": "OAuthException", "code": 2500})


def received(count: int, trace: str) -> Json:
    return {"events_received": count, "messages": [], "fbtrace_id": trace}
