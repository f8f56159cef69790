"""What Meta accepts, but a shop should know about its event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import ldu
from .fields import BROWSER_ID, is_currency, is_ip, part

if TYPE_CHECKING:
    from .fields import Event

# Documented for the pixel's custom names; no server rejection of longer ones is recorded.
MAX_NAME = 50


def remarks(event: Event) -> list[str]:
    """Remarks on one accepted event."""
    user, custom = part(event, "user_data"), part(event, "custom_data")
    currency = custom.get("currency")
    found = (
        (event.get("event_id") in (None, ""), "no event_id: it can never be matched"),
        (
            event.get("action_source") == "website" and not user.get("client_user_agent"),
            "no client_user_agent: documented as required of website events, seen accepted without",
        ),
        (
            bool(user.get("client_ip_address")) and not is_ip(user["client_ip_address"]),
            "client_ip_address is no IP address",
        ),
        (
            bool(user.get("fbp")) and not BROWSER_ID.fullmatch(str(user["fbp"])),
            "fbp does not read fb.<index>.<milliseconds>.<digits>",
        ),
        (len(event["event_name"]) > MAX_NAME, f"event_name is longer than {MAX_NAME} characters"),
        (
            currency not in (None, "") and not is_currency(currency),
            "currency is no ISO 4217 code",
        ),
        (
            custom.get("value") not in (None, "") and currency in (None, ""),
            "value without currency",
        ),
    )
    return [*(text for applies, text in found if applies), *ldu.of_event(event).remarks()]
