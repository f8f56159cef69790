"""The two halves of one event, line by line, and where they differ that should agree. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from .fields import NUMBER, listed, part

if TYPE_CHECKING:
    from .book import Half

Said = str | list[str]
Reader = Callable[["Half"], Said]

LDU = "LDU"
# Meta's API has no field for consent: a server half says no more than that it was sent.
_CONSENT = {"sent": "sent, which counts as agreed"}


@dataclass(frozen=True, slots=True)
class Line:
    """What each half says of one thing. Names stand in lists, everything else is text."""

    label: str
    browser: Said
    server: Said
    shared: bool

    @property
    def differs(self) -> bool:
        return self.shared and _differ(self.browser, self.server)

    def shown(self) -> dict[str, Any]:
        row = {"label": self.label, "browser": self.browser, "server": self.server}
        return {**row, "differs": self.differs}


def lines(browser: Half | None, server: Half | None) -> list[Line]:
    """The lines on which at least one half says something."""
    found = (
        Line(label, read(browser) if browser else "", read(server) if server else "", shared)
        for label, read, shared in FIELDS
    )
    return [line for line in found if line.browser or line.server]


def differing(browser: Half | None, server: Half | None) -> list[str]:
    """The labels of the lines that differ."""
    if browser is None or server is None:
        return []
    return [label for label, read in SHARED if _differ(read(browser), read(server))]


def _differ(one: Said, other: Said) -> bool:
    """A half that says nothing contradicts nobody."""
    return bool(one and other and one != other)


def said(value: object) -> str:
    """As people write it: no quotes, and 21.0 is the 21 that the other half says."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return orjson.dumps(value).decode()


def money(half: Half) -> str:
    """Amount and currency; "19.90" is 19.9, and a currency's case means nothing."""
    custom = part(half, "custom_data")
    value, currency = custom.get("value"), custom.get("currency")
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    unit = currency.upper() if isinstance(currency, str) else currency
    return " ".join(filter(None, (said(value), said(unit))))


def page(half: Half) -> str:
    """The address without its host."""
    url = said(half.get("url") or half.get("event_source_url"))
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if not parts.netloc:
        return url
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _contents(half: Half) -> str:
    return ", ".join(map(_item, listed(part(half, "custom_data").get("contents"))))


def _item(item: object) -> str:
    if not isinstance(item, dict):
        return said(item)
    count = f"{said(item['quantity'])} × " if "quantity" in item else ""
    price = f" at {said(item['item_price'])}" if "item_price" in item else ""
    return f"{count}{said(item.get('id'))}{price}"


def _customer(half: Half) -> list[str]:
    """The keys, never their values; fbp and fbc have lines of their own."""
    return [key for key in half.get("match_keys", ()) if key not in ("fbp", "fbc")]


def _consent(half: Half) -> str:
    told = said(half.get("consent"))
    return _CONSENT.get(told, told)


def _limited(half: Half) -> str:
    if not half.get("ldu"):
        return "off"
    country, state = ("none" if place is None else said(place) for place in half["ldu"])
    return f"on, country {country}, state {state}"


def _cookie(name: str) -> Reader:
    return lambda half: said(half.get(name) or part(half, "user_data").get(name))


def _custom(key: str) -> Reader:
    return lambda half: said(part(half, "custom_data").get(key))


def _content_ids(half: Half) -> str:
    return ", ".join(map(said, listed(part(half, "custom_data").get("content_ids"))))


# What it is, how it is read, and whether the halves should agree on it.
FIELDS: tuple[tuple[str, Reader, bool], ...] = (
    ("Data", lambda half: list(half.get("data_keys", ())), False),
    ("Customer", _customer, False),
    ("Consent", _consent, False),
    (LDU, _limited, True),
    ("Content ids", _content_ids, True),
    ("Contents", _contents, True),
    ("Value", money, True),
    ("Items", _custom("num_items"), True),
    ("Search", _custom("search_string"), True),
    ("Order", _custom("order_id"), True),
    ("Page", page, False),
    ("fbp", _cookie("fbp"), True),
    ("fbc", _cookie("fbc"), True),
    ("Test code", lambda half: said(half.get("test_event_code")), False),
)
SHARED = tuple((label, read) for label, read, shared in FIELDS if shared)
