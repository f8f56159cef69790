"""What a shop can do about an error of Meta's: by code and subcode, in one sentence each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = (
    "Make a new access token in Events Manager (or of the system user) and set "  # noqa: S105
    "PIXELPAIR_ACCESS_TOKEN; the events wait for it."
)
PIXEL = (
    "Look at PIXELPAIR_PIXEL_ID: the pixel does not exist, or the token's system user is not "
    "assigned to it."
)
PERMISSION = "Give the token's system user the right to manage this pixel."
LATER = "Nothing: this passes. The events wait and are sent again with the same ids and times."
THROTTLED = "Nothing at once: the sender waits as long as the answer's usage headers say."
# The pair first, then the code alone.
BY_PAIR: dict[tuple[int, int], str] = {
    (100, 33): PIXEL,
    (100, 2804001): "Send fbc as it stands in the cookie: fb.1.<milliseconds>.<fbclid>, unchanged.",
    (100, 2804003): "Send events sooner: Meta takes none that happened more than 7 days ago.",
    (100, 2804004): "Set the server's clock: the event lies in the future.",
    (100, 2804008): "Make contents a list of objects, each with id and quantity.",
    (100, 2804009): "Give the Purchase its value, in the view or on the page it is read from.",
    (100, 2804010): "Give the Purchase its currency, such as SEK or EUR.",
    (100, 2804011): "Use a three-letter ISO 4217 code that Meta knows.",
    (100, 2804016): "Look at the blamed field of custom_data: its type is wrong.",
    (100, 2804019): "Add the blamed parameter: Meta needs it on every event of this kind.",
    (100, 2804023): "Give each item of contents an id.",
    (100, 2804036): "Send lead_id as a string of digits: long ones lose digits as numbers.",
    (100, 2804043): "Send app_data.extinfo with its 16 slots, the OS version fifth.",
    (100, 2804050): "Add customer information: IP address and user agent, or em, ph, external_id.",
}
BY_CODE: dict[int, str] = {
    1: LATER,
    2: LATER,
    4: THROTTLED,
    10: PERMISSION,
    17: THROTTLED,
    100: "Look at the blamed field: it is missing, misspelt or of the wrong type.",
    102: TOKEN,
    104: "Look at the app secret: the proof of the token does not fit it.",
    190: TOKEN,
    200: PERMISSION,
    613: THROTTLED,
    2500: "Look at the address: version, pixel id and /events, such as /v26.0/1234567890/events.",
    2635: "Update: this version of the Graph API is no longer served.",
    80004: THROTTLED,
}
UNKNOWN = "Look the code up in Meta's error reference; one bad event refuses its whole batch."


def advice(error: Mapping[str, Any]) -> str:
    """What to do about this error object."""
    code, subcode = error.get("code", 0), error.get("error_subcode", 0)
    return BY_PAIR.get((code, subcode)) or BY_CODE.get(code, UNKNOWN)
