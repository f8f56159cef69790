"""The privacy firewall: what must not be stored of an address or a text, and what stands for it.

E-mail addresses, telephone and card numbers, tokens and the values of telling query keys go; the
rest stays as it is to the byte. Click ids and utm_* stay: they name an advertisement, as the pixel
does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import is_
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from pixelpair.core.personal import (
    EMAIL,
    PHONE,
    PHONE_IN_PATH,
    REMOVED,
    clean_text,
    decoded,
    has_card,
    is_personal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_REMEMBERED = 1024

# Words of a query key, however it joins them (resetToken, reset_token, customer[e-mail]).
_WORDS = frozenset(
    """
    auth authorization bearer credential credentials csrf hmac jsessionid jwt nonce oauth oob otp
    passcode passphrase passwd password phpsessid pwd secret sesame sess sessid session sessionid
    sig signature token tokens uidb wpnonce xsrf
    birthdate birthday cardnumber creditcard cvc cvv dob efternamn email emails firstname fname
    forename fullname iban lastname lname mail msisdn nachname personnummer phonenumber pnr ssn
    surname vorname whatsapp
    """.split()  # noqa: SIM905 - seventy quotes would hide the words
)
_ENDINGS = ("token", "password", "secret", "email", "sessionid")
# Keys that are telling alone; in a longer name they are words like any other (product_code).
_KEYS = frozenset(
    """
    address apikey card code förnamn hash invite invitation key login pass passkey pin sid
    street user username
    """.split()  # noqa: SIM905
)
_PAIRS = re.compile(
    r"(?:access|api|auth|confirm|confirmation|customer|invite|invitation|login|magic|order|private"
    r"|recovery|reset|security|verification|verify)_(?:code|key|link)"
    r"|(?:first|last|full|given|family|middle|maiden)_name|birth_date|date_of_birth"
    r"|(?:billing|shipping|street|home|postal)_address"
    r"|(?:card|cc|pan)_(?:number|num|nr|no)"
    # shops of telephones filter by phone_model
    r"|(?:^|_)(?:cellphone|mobile|phones?|tel|telephone)(?:_(?:number|num|nr|no|home|work)|$)"
)
_PIECES_OF_KEY = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# Ids of a click or a campaign: long by nature, and no secret of the shop's.
_MARKETING = re.compile(
    r"utm_\w+|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|gad_\w+|srsltid|msclkid|ttclid|twclid|yclid"
    r"|li_fat_id|epik|sccid|rdt_cid|irclickid|mc_cid|hsa_\w+",
    re.IGNORECASE,
)

_PIECE = re.compile(r"[^/;]+")
_INNER = re.compile(r"(?:^|[?&;#])([\w.\[\]-]{1,64})=[^&;#\s]")  # an address within a value
# What the path of nearly every page has not got, and no finding can do without.
_SUSPECT = re.compile(r"[@%;+=/.:,!~$&'()*](?:(?<=[@%;+=])|[A-Za-z0-9_=-]{22})")
# Custom data that is compared with the catalogue or with the other half.
_CODES = frozenset({"content_type", "currency", "delivery_category", "order_id", "status"})
_LINE_TEXTS = ("title", "description")
# Names of a thing: one in ten of its numbers would pass for a card's.
_THINGS = frozenset(
    """
    article asin barcode ean gtin id ids imei isbn item items mpn order product products serial
    sku skus upc variant variants
    """.split()  # noqa: SIM905
)
_PARTS = re.compile(r"[?&=#;]")
_MOST_PARTS, _MOST_MOUNTS = 20, 4  # of addresses: parts of a value, segments before the shop's own

Kind = Literal["telling", "marketing", "personal", "thing", ""]  # of a query key


class Firewall:
    """Cleans what a shop's events say. `keys` are the shop's own telling query keys.

    A page that is `sensitive` by its path leaves nothing but its origin, as a referrer too.
    """

    __slots__ = ("_keys", "_kind", "_sensitive", "text", "url")

    def __init__(
        self, keys: Iterable[str] = (), sensitive: Callable[[str], bool] = lambda _path: False
    ) -> None:
        self._keys = frozenset(key.lower() for key in keys)
        self._sensitive = sensitive
        self._kind: Callable[[str], Kind] = lru_cache(_REMEMBERED)(self._kind_of)
        self.url: Callable[[str], str] = lru_cache(_REMEMBERED)(self._url)
        self.text: Callable[[str], str] = lru_cache(_REMEMBERED)(clean_text)

    def data(self, data: Mapping[str, object]) -> Mapping[str, object]:
        """Custom data with its texts cleaned, but for ids and codes; the same if all are clean."""
        changed = {
            key: clean
            for key, value in data.items()
            if type(value) in (str, list)
            and key not in _CODES
            and (clean := self._value(key, value)) is not value
        }
        return {**data, **changed} if changed else data

    def _value(self, key: str, value: object) -> object:
        """One of custom data; itself where it is clean."""
        is_thing = self._kind(key) == "thing"
        if isinstance(value, str):
            clean = clean_text(value, cards=False) if is_thing else self.text(value)
            return value if clean == value else clean
        if not isinstance(value, list) or key == "content_ids":
            return value
        if key == "contents":
            return _changed(value, self._line)
        return value if is_thing else _changed(value, self._item)

    def _line(self, line: object) -> object:
        if not isinstance(line, dict):
            return line
        said = {key: line[key] for key in _LINE_TEXTS if isinstance(line.get(key), str)}
        changed = {key: clean for key, text in said.items() if (clean := self.text(text)) != text}
        return {**line, **changed} if changed else line

    def _item(self, item: object) -> object:
        clean = self.text(item) if isinstance(item, str) else item
        return item if clean == item else clean

    def _url(self, url: str) -> str:
        """An absolute address without what is personal; key or segment keeps its place."""
        scheme, found, rest = url.partition("://")
        if not found:
            return ""
        place, mark, query = rest.partition("#")[0].partition("?")
        host, slash, path = place.partition("/")
        host = host.rpartition("@")[2]
        path = slash + path
        if self._is_sensitive(unquote(path)):
            return f"{scheme}://{host}/{REMOVED}"
        if _SUSPECT.search(path):
            path = _PIECE.sub(self._piece, path)
        if query:
            query = "&".join(map(self._parameter, query.split("&")))
        return f"{scheme}://{host}{path}{mark}{query}"

    def _is_sensitive(self, path: str) -> bool:
        """Whether a page is, wherever the shop is mounted: a referrer does not say."""
        for _ in range(1 + _MOST_MOUNTS):
            if self._sensitive(path):
                return True
            _, slash, path = path[1:].partition("/")
            if not slash:
                return False
            path = slash + path
        return False

    def _leads_to_one(self, text: str) -> bool:
        """Whether a value is, or holds as a value of its own, the address of a sensitive page."""
        for part in _PARTS.split(text, _MOST_PARTS):
            place = part.strip("+ \t\r\n")
            if place[:8].lower().startswith(("http://", "https://")):
                place = "/" + place.partition("://")[2].partition("/")[2]
            if place.startswith("/") and self._is_sensitive(place):
                return True
        return False

    def _piece(self, found: re.Match[str]) -> str:
        text = decoded(found[0])
        return REMOVED if is_personal(text, PHONE_IN_PATH) or self._tells(text) else found[0]

    def _parameter(self, part: str) -> str:
        key, equals, value = part.partition("=")
        kind = self._kind(key)
        if kind == "personal":
            return f"{REMOVED}{equals}{REMOVED if value else ''}"
        if not value or (kind != "telling" and not self._may_not_stay(value, kind)):
            return part
        return f"{key}={REMOVED}"

    def _may_not_stay(self, value: str, kind: Kind) -> bool:
        text = decoded(value)
        if "/" in text and self._leads_to_one(text):
            return True
        if kind == "marketing":
            return "@" in text and EMAIL.search(text) is not None
        if is_personal(text, PHONE) or self._tells(text):
            return True
        spaced = decoded(value.replace("+", " ")) if "+" in value else text
        if kind != "thing" and has_card(spaced):
            return True
        return spaced is not text and is_personal(spaced, PHONE)

    def _tells(self, text: str) -> bool:
        return "=" in text and any(self._kind(key) == "telling" for key in _INNER.findall(text))

    def _kind_of(self, key: str) -> Kind:
        """What a query key says of its value; a key may be personal itself (?jane@example.com)."""
        key = decoded(key)
        words = [word.lower() for word in _PIECES_OF_KEY.findall(key[:200])]
        whole, joined = "_".join(words), "".join(words)
        if key.lower() in self._keys or joined in _KEYS or key.lower() in _KEYS:
            return "telling"
        if not _WORDS.isdisjoint(words) or joined.endswith(_ENDINGS) or _PAIRS.search(whole):
            return "telling"
        if _MARKETING.fullmatch(key):
            return "marketing"
        if is_personal(key, PHONE):
            return "personal"
        return "" if _THINGS.isdisjoint(words) else "thing"


def _changed(values: list[object], clean: Callable[[object], object]) -> list[object]:
    """A list with its values cleaned; itself where all of them are."""
    found = [clean(value) for value in values]
    return values if all(map(is_, found, values)) else found
