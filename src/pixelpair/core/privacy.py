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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

REMOVED = "(removed)"  # parentheses need no escape in a path or a query (RFC 3986, 3.3 and 3.4)
_REMEMBERED = 1024
_MOST = 4096  # of a text; addresses are shorter (http.MAX_URL)
_ROUNDS = 3  # %2540 is an @ that went through two redirects

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

# logo@2x.png is a picture for sharp displays.
_EMAIL = re.compile(
    r"(?<![\w.!#$%&'*+=^`{|}~-])[\w.!#$%&'*+=^`{|}~-]+@(?![0-9]x\.)[\w-]+(?:\.[\w-]+)*\.[^\W\d_][\w-]+"
)
# With a + (E.164), or written as only telephone numbers are: 070-123 45 67, (08) 123 456 78,
# 555-234-5678. Bare digits stay: EAN and UPC-A numbers, ISBNs, orders and times look the same.
_E164 = r"(?<![\w+])\+[1-9](?:[ ().\-/]{0,2}[0-9]){7,14}(?![0-9])"
_WRITTEN = (
    r"(?<![\w.,+-])(?:"
    r"\(0?[0-9]{2,4}\)[ ./-]{0,2}[0-9](?:[ ./-]?[0-9]){5,9}"
    r"|(?![0-9]{2}[/-][0-9]{2}[/-][0-9]{4})0[0-9]{1,4}[ /-]{1,3}[0-9](?:[ -]?[0-9]){6,9}"
    r"|00[1-9][0-9]{0,2}[ ./-][0-9](?:[ ./-]?[0-9]){6,11}"
    r"|[2-9][0-9]{2}([ .-])[2-9][0-9]{2}\1[0-9]{4}"
    r")(?![\w-])"
)
# 15 to 19 digits that only a card begins with (ISO/IEC 7812; Amex, Diners, JCB, Visa, Mastercard,
# Maestro, Discover, UnionPay) and whose last is a card's. EANs, ISBNs and GTINs have 14 at most,
# times in microseconds begin with 1.
_CARD = re.compile(
    r"(?<![\w.,+-])(?=(?:[0-9][ -]?){14,18}[0-9](?![\w-]|[.,][0-9]))(?:"
    r"3[47](?:[ -]?[0-9]){13}|(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|3[0568][0-9]{2}|6[0-9]{3})"
    r"(?:[ -]?[0-9]){12}|(?:4[0-9]|5[06-8]|6[0-9])(?:[ -]?[0-9]){14,17})(?![\w-])",
    re.ASCII,
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # twice a digit, the sum of its digits
_PHONE_IN_PATH = re.compile(_E164, re.ASCII)
_PHONE = re.compile(f"{_E164}|{_WRITTEN}", re.ASCII)

# 128 bits are 32 hex digits or 22 of base64; ids are shorter (Nano ID 21) or in one case
# (ObjectId 24, cuid 25, ULID 26).
_LONG, _LONG_MIXED = 32, 22
# Three parts with dots: JWT, itsdangerous. Else one long run of letters and digits.
_SIGNED = r"(?<![\w.-])(?:eyJ[\w-]{8,}|[\w-]{8,})\.[\w-]{4,}\.[\w-]{22,}(?![\w.-])"
_RUN = rf"(?<![A-Za-z0-9_])[A-Za-z0-9_=-]{{{_LONG_MIXED},}}"
_TOKEN = re.compile(f"{_SIGNED}|{_RUN}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?<![0-9a-zA-Z])(?:[0-9a-f]{32,}|[0-9A-F]{32,})(?![0-9a-zA-Z])")
# Changes of kind, to a character: chance makes 0.6 in base62, where OrganicTea100gPackOf2Bags is
# half words; and 0.4 in base36, where words-with-25-numbers has 0.2, wordswith100numbers 0.15.
_CHANGE = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[a-z0-9])|[0-9](?=[A-Za-z])")
_WORD = re.compile(r"[a-z]{3,}")

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
        text = _decoded(found[0])
        return REMOVED if _personal(text, _PHONE_IN_PATH) or self._tells(text) else found[0]

    def _parameter(self, part: str) -> str:
        key, equals, value = part.partition("=")
        kind = self._kind(key)
        if kind == "personal":
            return f"{REMOVED}{equals}{REMOVED if value else ''}"
        if not value or (kind != "telling" and not self._may_not_stay(value, kind)):
            return part
        return f"{key}={REMOVED}"

    def _may_not_stay(self, value: str, kind: Kind) -> bool:
        text = _decoded(value)
        if "/" in text and self._leads_to_one(text):
            return True
        if kind == "marketing":
            return "@" in text and _EMAIL.search(text) is not None
        if _personal(text, _PHONE) or self._tells(text):
            return True
        spaced = _decoded(value.replace("+", " ")) if "+" in value else text
        if kind != "thing" and _has_card(spaced):
            return True
        return spaced is not text and _personal(spaced, _PHONE)

    def _tells(self, text: str) -> bool:
        return "=" in text and any(self._kind(key) == "telling" for key in _INNER.findall(text))

    def _kind_of(self, key: str) -> Kind:
        """What a query key says of its value; a key may be personal itself (?jane@example.com)."""
        key = _decoded(key)
        words = [word.lower() for word in _PIECES_OF_KEY.findall(key[:200])]
        whole, joined = "_".join(words), "".join(words)
        if key.lower() in self._keys or joined in _KEYS or key.lower() in _KEYS:
            return "telling"
        if not _WORDS.isdisjoint(words) or joined.endswith(_ENDINGS) or _PAIRS.search(whole):
            return "telling"
        if _MARKETING.fullmatch(key):
            return "marketing"
        if _personal(key, _PHONE):
            return "personal"
        return "" if _THINGS.isdisjoint(words) else "thing"


def _changed(values: list[object], clean: Callable[[object], object]) -> list[object]:
    """A list with its values cleaned; itself where all of them are."""
    found = [clean(value) for value in values]
    return values if all(map(is_, found, values)) else found


def clean_text(text: str, *, cards: bool = True) -> str:
    """A text without e-mail addresses, telephone and card numbers, and tokens."""
    text = text[:_MOST]
    if "@" in text or "%" in text:
        text = _EMAIL.sub(REMOVED, text)
        if "%" in text and _personal(_decoded(text), _PHONE):
            return REMOVED
    text = _CARD.sub(_without_card, text) if cards else text
    text = _PHONE.sub(REMOVED, text)
    return _TOKEN.sub(_without_token, text)


def _personal(text: str, phone: re.Pattern[str]) -> bool:
    if "@" in text and _EMAIL.search(text):
        return True
    return phone.search(text) is not None or any(map(_is_token, _TOKEN.finditer(text)))


def _has_card(text: str) -> bool:
    return any(map(_is_card, _CARD.finditer(text)))


def _is_card(found: re.Match[str]) -> bool:
    """Whether the last digit is the one that ISO/IEC 7812 (Luhn) makes of the others."""
    digits = [int(char) for char in reversed(found[0]) if char.isdigit()]
    return (sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])) % 10 == 0


def _without_card(found: re.Match[str]) -> str:
    return REMOVED if _is_card(found) else found[0]


def _decoded(text: str) -> str:
    for _ in range(_ROUNDS):
        before, text = text, unquote(text) if "%" in text else text
        if text == before:
            break
    return text


def _without_token(found: re.Match[str]) -> str:
    return REMOVED if _is_token(found) else found[0]


def _is_token(found: re.Match[str]) -> bool:
    """Whether a run of letters and digits is too random for a name and too long for an id."""
    text = found[0]
    if _HEX.search(text):
        return True
    bare = _UUID.sub("", text)
    mixed = any(map(str.isupper, bare)) and any(map(str.islower, bare))
    if len(bare) < (_LONG_MIXED if mixed else _LONG):
        return False
    changes = len(_CHANGE.findall(bare)) / len(bare)
    if mixed:
        return changes >= 0.3 and len("".join(_WORD.findall(bare))) < len(bare) / 2
    return changes >= (0.2 if bare.isalnum() else 0.28)
