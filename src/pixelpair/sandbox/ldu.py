"""Limited Data Use as each channel writes it, read into one form so that halves can be compared.

The pixel's beacons and images say `dpo`, `dpoco`, `dpost`; server events say
`data_processing_options`, `…_country`, `…_state`. An empty list of options and none are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .fields import part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .fields import Event

Place = int | str | None

OPTIONS = "data_processing_options"
COUNTRY = f"{OPTIONS}_country"
STATE = f"{OPTIONS}_state"
# 0: Meta finds out where the person is. 1: the United States.
COUNTRIES = (0, 1)
# California (1000) to Rhode Island (1013). One page of Meta's still lists 1000 alone, and the list
# grows with each state's law, so another number is worth a remark, not a rejection.
STATES = (0, *range(1000, 1014))
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class LimitedDataUse:
    """One half's state. `locatable`: Meta has the visitor's IP address to find the place by."""

    on: bool
    country: Place = None
    state: Place = None
    locatable: bool = True

    def shown(self) -> list[Place] | None:
        """[country, state] where it is on, None where it is off."""
        return [self.country, self.state] if self.on else None

    def remarks(self) -> list[str]:
        country, state = self.country, self.state
        placed = country is not None or state is not None
        found = (
            (country not in (None, *COUNTRIES), "LDU country is neither 0 nor 1"),
            (state not in (None, *STATES), "LDU state is none of Meta's (0, 1000 to 1013)"),
            (placed and not self.on, "LDU country or state without the option LDU: it is off"),
            (
                self.on and country is not None and state is None,
                "LDU country without a state: Meta then locates the event itself",
            ),
            (
                self.on and not self.locatable and state in (None, 0),
                "LDU without a state and without client_ip_address: Meta cannot locate the event",
            ),
        )
        return [text for applies, text in found if applies]


def of_event(event: Event) -> LimitedDataUse:
    """The server half's state; the rules have seen to the types."""
    return LimitedDataUse(
        event.get(OPTIONS) == ["LDU"],
        event.get(COUNTRY),
        event.get(STATE),
        bool(part(event, "user_data").get("client_ip_address")),
    )


def of_beacon(plain: Mapping[str, str]) -> LimitedDataUse:
    """The browser half's state. Its request always comes with an IP address."""
    return LimitedDataUse(
        plain.get("dpo") == "LDU", _place(plain.get("dpoco")), _place(plain.get("dpost"))
    )


def _place(text: str | None) -> Place:
    return int(text) if text and _NUMBER.fullmatch(text) else text or None
